/* stubs.c: what stands in for the OpenCL backend where the library is built without it. */
#include "../backend.h"

#include <stdio.h>
#include <string.h>

static const char why[] = "this clact was built without OpenCL";

clact_status clact_ocl_open(clact_context *context, const clact_options *options, const char *which)
{
    (void)options;
    REQUIRE(strcmp(which, "auto") == 0, CLACT_E_NO_DEVICE, "there is no device '%s': %s", which, why);
    snprintf(context->reason, sizeof context->reason, "no OpenCL device: %s", why);
    return CLACT_OK;
}

clact_status clact_ocl_open_handles(clact_context *context, struct _cl_context *handle,
                                    struct _cl_device_id *device, struct _cl_command_queue *queue,
                                    const clact_options *options)
{
    (void)context, (void)handle, (void)device, (void)queue, (void)options;
    return clact_fail(CLACT_E_UNSUPPORTED, "%s", why);
}

clact_status clact_ocl_list(clact_device_info *out, size_t capacity, size_t *count,
                            const clact_options *options, char *reason)
{
    (void)out, (void)capacity, (void)options;
    *count = 0;
    snprintf(reason, 256, "%s", why);
    return CLACT_OK;
}

clact_status clact_ocl_prepare(clact_context *context, const clact_kernels *kernels, size_t count)
{
    (void)context, (void)kernels, (void)count;
    return CLACT_OK;
}

void clact_ocl_save(clact_context *context)
{
    (void)context;
}

bool clact_ocl_computes_f64(const clact_context *context, const clact_activation *activation)
{
    (void)context, (void)activation;
    return false;
}

clact_status clact_pack_write(clact_context *const *contexts, size_t context_count, const clact_kernels *kernels, size_t count,
                              const char *path)
{
    (void)contexts, (void)context_count, (void)kernels, (void)count, (void)path;
    return clact_fail(CLACT_E_UNSUPPORTED, "%s", why);
}

clact_status clact_kernels_text(char *out, size_t capacity, size_t *length, const clact_kernels *kernels, size_t count,
                                const clact_kernels_options *options)
{
    (void)out, (void)capacity, (void)length, (void)kernels, (void)count, (void)options;
    return clact_fail(CLACT_E_UNSUPPORTED, "%s", why);
}

struct _cl_context *clact_opencl_context(const clact_context *context)
{
    (void)context;
    return NULL;
}

struct _cl_device_id *clact_opencl_device(const clact_context *context)
{
    (void)context;
    return NULL;
}

struct _cl_command_queue *clact_opencl_queue(const clact_context *context)
{
    (void)context;
    return NULL;
}

const struct clact_backend_functions clact_ocl_functions = {0};
