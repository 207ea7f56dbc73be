/* build.c: programs made by a driver, from their text or from a binary, and binaries made of them. */
#include "opencl.h"
#include "../custom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one option that changes results towards what C does; no other stands here. */
static const char *options_of(const struct clact_ocl *ocl)
{
    return ocl->target.divides ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt" : "-cl-std=CL1.2";
}

/* ---- From the text -------------------------------------------------------------------------- */

/* The whole log, to be freed; NULL where there is none. */
static char *build_log(struct clact_ocl *ocl, cl_program program)
{
    size_t size = 0;
    if (ocl->api.clGetProgramBuildInfo(program, ocl->device.id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS)
        return NULL;
    char *log = calloc(size + 1, 1);
    if (log && ocl->api.clGetProgramBuildInfo(program, ocl->device.id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS)
        log[0] = 0;
    return log;
}

static clact_status report_build(clact_context *context, cl_program program, const char *what, cl_int code)
{
    struct clact_ocl *ocl = context->ocl;
    char *log = build_log(ocl, program);
    clact_log_message(context, CLACT_LOG_ERROR, "%s did not build on %s: %s (%d); the log follows", what,
                      ocl->device.info.device, clact_opencl_code_name(code), (int)code);
    if (context->log && log)
        context->log(context->log_data, CLACT_LOG_ERROR, log);
    char first[200];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(log ? log : "", "\n"), log ? log : "");
    free(log);
    clact_set_opencl_code(code);
    if (code == CL_COMPILER_NOT_AVAILABLE)
        return clact_fail(CLACT_E_COMPILER, "%s has no compiler: clBuildProgram: %s (%d)", ocl->device.info.device,
                          clact_opencl_code_name(code), (int)code);
    return clact_fail(CLACT_E_BUILD, "%s did not build on %s: clBuildProgram: %s (%d): %s", what, ocl->device.info.device,
                      clact_opencl_code_name(code), (int)code, first);
}

static clact_status from_text(clact_context *context, const char *text, size_t length, const char *what, cl_program *out)
{
    struct clact_ocl *ocl = context->ocl;
    cl_int code;
    cl_program program = ocl->api.clCreateProgramWithSource(ocl->context, 1, &text, &length, &code);
    TRY(clact_opencl_result(code, "clCreateProgramWithSource"));
    code = ocl->api.clBuildProgram(program, 1, &ocl->device.id, options_of(ocl), NULL, NULL);
    if (code != CL_SUCCESS) {
        clact_status status = report_build(context, program, what, code);
        ocl->api.clReleaseProgram(program);
        return status;
    }
    *out = program;
    return CLACT_OK;
}

/* ---- From a binary, and to one -------------------------------------------------------------- */

cl_int clact_opencl_kernels(struct clact_ocl *ocl, cl_program program, cl_kernel out[CLACT_OPENCL_MOST_KERNELS], cl_uint *count)
{
    cl_int code = ocl->api.clCreateKernelsInProgram(program, 0, NULL, count);
    if (code != CL_SUCCESS || *count == 0 || *count > CLACT_OPENCL_MOST_KERNELS)
        return code != CL_SUCCESS ? code : CL_INVALID_BINARY;
    return ocl->api.clCreateKernelsInProgram(program, *count, out, NULL);
}

/* Makes every kernel: a driver may find only then that a binary is of no use, and another (Mali's) has not compiled
 * what a binary is to hold before. */
static cl_int make_kernels(struct clact_ocl *ocl, cl_program program)
{
    cl_uint count;
    cl_kernel kernels[CLACT_OPENCL_MOST_KERNELS];
    cl_int code = clact_opencl_kernels(ocl, program, kernels, &count);
    for (cl_uint i = 0; code == CL_SUCCESS && i < count; i++)
        ocl->api.clReleaseKernel(kernels[i]);
    return code;
}

cl_program clact_opencl_from_binary(struct clact_ocl *ocl, const void *binary, size_t length, cl_int *code)
{
    const unsigned char *bytes = binary;
    cl_int verdict = CL_SUCCESS;
    cl_program program = ocl->api.clCreateProgramWithBinary(ocl->context, 1, &ocl->device.id, &length, &bytes, &verdict, code);
    if (*code == CL_SUCCESS)
        *code = verdict;
    if (*code == CL_SUCCESS)
        *code = ocl->api.clBuildProgram(program, 1, &ocl->device.id, options_of(ocl), NULL, NULL);
    if (*code == CL_SUCCESS)
        *code = make_kernels(ocl, program);
    if (*code == CL_SUCCESS)
        return program;
    if (program)
        ocl->api.clReleaseProgram(program);
    return NULL;
}

#define MOST_DEVICES 64

/* The place of our device among those of the program, which are those of the context; their number where it is not there. */
static clact_status place_of(struct clact_ocl *ocl, cl_program program, cl_uint *count, cl_uint *place)
{
    cl_device_id devices[MOST_DEVICES];
    *place = 0;
    CL_TRY(clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof *count, count, NULL));
    REQUIRE(*count <= MOST_DEVICES, CLACT_E_UNSUPPORTED, "a program of %u devices is more than clact reads", (unsigned)*count);
    CL_TRY(clGetProgramInfo(program, CL_PROGRAM_DEVICES, *count * sizeof *devices, devices, NULL));
    while (*place < *count && devices[*place] != ocl->device.id)
        ++*place;
    return CLACT_OK;
}

clact_status clact_opencl_binary(struct clact_ocl *ocl, cl_program program, unsigned char **out, size_t *length)
{
    unsigned char *binaries[MOST_DEVICES] = {NULL}; /* those of other devices are not asked for */
    size_t sizes[MOST_DEVICES] = {0};
    cl_uint count, place;
    TRY(clact_opencl_result(make_kernels(ocl, program), "clCreateKernelsInProgram"));
    TRY(place_of(ocl, program, &count, &place));
    CL_TRY(clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, count * sizeof *sizes, sizes, NULL));
    REQUIRE(place < count && sizes[place], CLACT_E_UNSUPPORTED, "%s gives no binary of a program", ocl->device.info.device);
    *length = sizes[place];
    *out = binaries[place] = malloc(*length);
    REQUIRE(*out, CLACT_E_MEMORY, "out of memory");
    clact_status status = clact_opencl_result(
        ocl->api.clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries, NULL), "clGetProgramInfo");
    if (status != CLACT_OK)
        free(*out);
    return status;
}

/* ---- Programs of recipes -------------------------------------------------------------------- */

const struct clact_opencl_recipe clact_opencl_probe_recipe = {.file = "probe.cl", .key = {.type = CLACT_F32}};

clact_status clact_opencl_text_hash(const struct clact_ocl *ocl, const struct clact_opencl_recipe *recipes, size_t count,
                                    char out[CLACT_HASH])
{
    char *text;
    size_t length;
    TRY(clact_opencl_compose(&ocl->target, recipes, count, true, &text, &length));
    clact_hash(text, length, out);
    free(text);
    return CLACT_OK;
}

static cl_program from_cache(clact_context *context, const char *hash)
{
    size_t length;
    cl_int code;
    unsigned char *binary = clact_opencl_cache_get(context, "program", hash, &length);
    if (!binary)
        return NULL;
    cl_program program = clact_opencl_from_binary(context->ocl, binary, length, &code);
    free(binary);
    if (!program) {
        clact_log_message(context, CLACT_LOG_WARNING, "the driver does not take a cached program, which is built anew: %s (%d)",
                          clact_opencl_code_name(code), (int)code);
        clact_opencl_cache_drop(context, "program", hash);
    }
    return program;
}

clact_status clact_opencl_build(clact_context *context, const struct clact_opencl_recipe *recipes, size_t count,
                                cl_program *out)
{
    struct clact_ocl *ocl = context->ocl;
    const struct clact_definition *own = clact_opencl_own(recipes);
    char *text, hash[CLACT_HASH];
    size_t length;
    if (ocl->pack)
        return clact_opencl_pack_program(context, recipes, out);
    if (!ocl->device.info.compiler) {
        clact_set_opencl_code(CL_COMPILER_NOT_AVAILABLE);
        return clact_fail(CLACT_E_COMPILER, "%s has no compiler", ocl->device.info.device);
    }
    TRY(clact_opencl_compose(&ocl->target, recipes, count, true, &text, &length));
    clact_hash(text, length, hash);
    clact_status status = CLACT_OK;
    bool probe = clact_opencl_is_probe(recipes);
    *out = probe ? NULL : from_cache(context, hash);
    if (!*out) {
        status = from_text(context, text, length, own ? own->name : recipes->file, out);
        if (status == CLACT_OK && !probe)
            clact_opencl_cache_note(ocl, *out, hash);
    }
    free(text);
    return status;
}
