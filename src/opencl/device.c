/* device.c: OpenCL's platforms and devices: found, described, chosen by kind, number or name. */
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void platform_text(const struct clact_opencl_api *api, cl_platform_id id, cl_platform_info what, char *out,
                          size_t size)
{
    char text[1024] = "";
    if (api->clGetPlatformInfo(id, what, sizeof text, text, NULL) != CL_SUCCESS)
        text[0] = 0;
    snprintf(out, size, "%s", text);
}

static void device_text(const struct clact_opencl_api *api, cl_device_id id, cl_device_info what, char *out, size_t size)
{
    char text[1024] = "";
    if (api->clGetDeviceInfo(id, what, sizeof text, text, NULL) != CL_SUCCESS)
        text[0] = 0;
    snprintf(out, size, "%s", text + strspn(text, " "));
}

/* Some platforms report every bit of the type: a CPU bit makes it a CPU. */
static uint32_t kind_of(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_CPU)
        return CLACT_DEVICE_CPU;
    return type & CL_DEVICE_TYPE_GPU ? CLACT_DEVICE_GPU : CLACT_DEVICE_ACCELERATOR;
}

clact_status clact_opencl_describe(const struct clact_opencl_api *api, struct clact_opencl_device *d)
{
    struct { struct clact_opencl_api api; } view = {*api}, *ocl = &view;
    cl_device_type type;
    cl_bool available, compiler, unified;
    size_t sizes[16] = {0}, bytes;
    cl_uint units;
    cl_ulong memory;
    cl_device_fp_config fp64 = 0;
    char version[128], driver[64];
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_PLATFORM, sizeof d->platform, &d->platform, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_TYPE, sizeof type, &type, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof d->single_config, &d->single_config, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof d->max_local, &d->max_local, NULL));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, &bytes));
    CL_TRY(clGetDeviceInfo(d->id, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, sizeof d->vector, &d->vector, NULL));
    d->max_local = bytes >= sizeof *sizes && sizes[0] < d->max_local ? sizes[0] : d->max_local;
    d->available = available;
    d->usable = available && compiler;
    if (api->clGetDeviceInfo(d->id, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof fp64, &fp64, NULL) != CL_SUCCESS)
        fp64 = 0; /* a device may not know the question */
    d->info.backend = CLACT_BACKEND_OPENCL;
    d->info.kind = kind_of(type);
    d->info.compute_units = units;
    d->info.compiler = compiler != CL_FALSE;
    d->info.unified_memory = unified != CL_FALSE;
    d->info.fp64 = fp64 != 0;
    d->info.memory_bytes = memory;
    device_text(api, d->id, CL_DEVICE_NAME, d->info.device, sizeof d->info.device);
    platform_text(api, d->platform, CL_PLATFORM_NAME, d->info.platform, sizeof d->info.platform);
    device_text(api, d->id, CL_DEVICE_VERSION, version, sizeof version);
    device_text(api, d->id, CL_DRIVER_VERSION, driver, sizeof driver);
    snprintf(d->info.driver, sizeof d->info.driver, "%.60s, driver %.40s", version, driver);
    return CLACT_OK;
}

/* A line of what a driver says, of which it may be one itself. */
static size_t identity_line(char *out, size_t size, const char *name, char *value)
{
    for (char *c = value; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    int n = snprintf(out, size, "%s %s\n", name, value);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void clact_opencl_identity(const struct clact_opencl_api *api, const struct clact_opencl_device *d,
                           char out[CLACT_OPENCL_IDENTITY])
{
    static const struct {
        const char *name;
        cl_platform_info platform; /* 0: asked of the device */
        cl_device_info device;
    } lines[] = {
        {"device", 0, CL_DEVICE_NAME},
        {"vendor", 0, CL_DEVICE_VENDOR},
        {"version", 0, CL_DEVICE_VERSION},
        {"driver", 0, CL_DRIVER_VERSION},
        {"platform", CL_PLATFORM_NAME, 0},
        {"platform-version", CL_PLATFORM_VERSION, 0},
    };
    char value[140];
    size_t length = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i].platform)
            platform_text(api, d->platform, lines[i].platform, value, sizeof value);
        else
            device_text(api, d->id, lines[i].device, value, sizeof value);
        length += identity_line(out + length, CLACT_OPENCL_IDENTITY - length, lines[i].name, value);
    }
}

/* Appends the devices of one platform. */
static clact_status append_platform(const struct clact_opencl_api *api, cl_platform_id platform, uint32_t index,
                                    struct clact_opencl_device **list, size_t *count)
{
    struct { struct clact_opencl_api api; } view = {*api}, *ocl = &view;
    cl_uint n = 0;
    cl_int code = api->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &n);
    if (code == CL_DEVICE_NOT_FOUND || (code == CL_SUCCESS && n == 0))
        return CLACT_OK;
    TRY(clact_opencl_result(code, "clGetDeviceIDs"));
    cl_device_id *ids = calloc(n, sizeof *ids);
    struct clact_opencl_device *longer = realloc(*list, (*count + n) * sizeof *longer);
    if (longer)
        *list = longer;
    clact_status status = CLACT_OK;
    if (!ids || !longer)
        status = clact_fail(CLACT_E_MEMORY, "out of memory");
    else
        status = clact_opencl_result(ocl->api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n, ids, NULL), "clGetDeviceIDs");
    for (cl_uint i = 0; status == CLACT_OK && i < n; i++) {
        struct clact_opencl_device *d = &(*list)[*count];
        memset(d, 0, sizeof *d);
        d->id = ids[i];
        status = clact_opencl_describe(api, d);
        d->info.platform_index = index;
        d->info.device_index = i;
        *count += status == CLACT_OK;
    }
    free(ids);
    return status;
}

clact_status clact_opencl_devices(const struct clact_opencl_api *api, struct clact_opencl_device **out, size_t *count,
                                  char *reason)
{
    cl_platform_id platforms[64];
    cl_uint n = 0;
    *out = NULL;
    *count = 0;
    cl_int code = api->clGetPlatformIDs(64, platforms, &n);
    if (code == -1001 || (code == CL_SUCCESS && n == 0)) {
        snprintf(reason, 256, "OpenCL has no platform: no driver (ICD) is installed");
        return CLACT_OK;
    }
    TRY(clact_opencl_result(code, "clGetPlatformIDs"));
    clact_status broken = CLACT_OK; /* a platform that fails does not hide the others */
    for (cl_uint i = 0; i < n && i < 64; i++) {
        clact_status status = append_platform(api, platforms[i], i, out, count);
        if (status != CLACT_OK)
            broken = status;
    }
    if (*count == 0 && broken != CLACT_OK) {
        free(*out);
        *out = NULL;
        return broken;
    }
    if (*count == 0)
        snprintf(reason, 256, "OpenCL has %u platform%s without a device", (unsigned)n, n == 1 ? "" : "s");
    return CLACT_OK;
}
