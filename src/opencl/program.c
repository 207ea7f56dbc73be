/* program.c: programs: compiled on first use, their kernels kept. */
#include "opencl.h"
#include "../custom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Building ------------------------------------------------------------------------------- */

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

static clact_status build(clact_context *context, const struct clact_opencl_recipe *recipe, cl_program *out)
{
    struct clact_ocl *ocl = context->ocl;
    char *text;
    size_t length;
    if (!ocl->device.info.compiler) {
        clact_set_opencl_code(CL_COMPILER_NOT_AVAILABLE);
        return clact_fail(CLACT_E_COMPILER, "%s has no compiler", ocl->device.info.device);
    }
    TRY(clact_opencl_compose(&ocl->target, recipe, 1, true, &text, &length));
    /* The one option that changes results towards what C does; no other stands here. */
    const char *options = ocl->target.divides ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt" : "-cl-std=CL1.2";
    const char *source = text;
    cl_int code;
    cl_program program = ocl->api.clCreateProgramWithSource(ocl->context, 1, &source, &length, &code);
    free(text);
    TRY(clact_opencl_result(code, "clCreateProgramWithSource"));
    code = ocl->api.clBuildProgram(program, 1, &ocl->device.id, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        const struct clact_definition *own = clact_opencl_own(recipe);
        clact_status status = report_build(context, program, own ? own->name : recipe->file, code);
        ocl->api.clReleaseProgram(program);
        return status;
    }
    *out = program;
    return CLACT_OK;
}

/* ---- Programs of rows ----------------------------------------------------------------------- */

struct clact_opencl_program {
    struct clact_opencl_program *next;
    struct clact_opencl_recipe recipe;
    struct clact_definition *own; /* held; NULL where the program is of rows alone */
    cl_program program;
    struct clact_opencl_kernel *idle[CLACT_OPENCL_KERNELS]; /* by slot */
};

static clact_status find_program(clact_context *context, const struct clact_opencl_recipe *recipe,
                                 struct clact_opencl_program **out)
{
    struct clact_opencl_program **place = &context->ocl->programs[recipe->key.row % 64], *p;
    for (p = *place; p; p = p->next)
        if (memcmp(&p->recipe.key, &recipe->key, sizeof recipe->key) == 0 &&
            clact_definition_same(p->own, clact_opencl_own(recipe))) {
            *out = p;
            return CLACT_OK;
        }
    REQUIRE(recipe->key.type != CLACT_F64 || context->ocl->device.info.fp64, CLACT_E_UNSUPPORTED, "%s has no f64",
            context->ocl->device.info.device);
    p = calloc(1, sizeof *p);
    REQUIRE(p, CLACT_E_MEMORY, "out of memory");
    clact_status status = build(context, recipe, &p->program);
    if (status != CLACT_OK) {
        free(p);
        return status;
    }
    p->recipe = *recipe;
    p->own = clact_definition_hold(clact_opencl_own(recipe));
    p->next = *place;
    *out = *place = p;
    return CLACT_OK;
}

static clact_status take_locked(clact_context *context, const struct clact_opencl_recipe *recipe, int slot,
                                const char *part, struct clact_opencl_kernel **out)
{
    struct clact_opencl_program *program = NULL;
    TRY(find_program(context, recipe, &program));
    struct clact_opencl_kernel *k = program->idle[slot];
    if (k) {
        program->idle[slot] = k->next;
        *out = k;
        return CLACT_OK;
    }
    k = calloc(1, sizeof *k);
    REQUIRE(k, CLACT_E_MEMORY, "out of memory");
    cl_int code;
    char name[CLACT_OPENCL_NAME];
    clact_opencl_kernel_name(recipe, part, name);
    k->program = program;
    k->slot = slot;
    k->kernel = context->ocl->api.clCreateKernel(program->program, name, &code);
    if (code != CL_SUCCESS) {
        free(k);
        return clact_opencl_result(code, "clCreateKernel");
    }
    *out = k;
    return CLACT_OK;
}

clact_status clact_opencl_kernel_take(clact_context *context, const struct clact_opencl_recipe *recipe, int slot,
                                      const char *part, struct clact_opencl_kernel **out)
{
    pthread_mutex_lock(&context->ocl->lock);
    clact_status status = take_locked(context, recipe, slot, part, out);
    pthread_mutex_unlock(&context->ocl->lock);
    return status;
}

void clact_opencl_kernel_put(clact_context *context, struct clact_opencl_kernel *kernel)
{
    pthread_mutex_lock(&context->ocl->lock);
    kernel->next = kernel->program->idle[kernel->slot];
    kernel->program->idle[kernel->slot] = kernel;
    pthread_mutex_unlock(&context->ocl->lock);
}

static void release_program(struct clact_ocl *ocl, struct clact_opencl_program *p)
{
    for (int slot = 0; slot < CLACT_OPENCL_KERNELS; slot++)
        for (struct clact_opencl_kernel *k = p->idle[slot], *next; k; k = next) {
            next = k->next;
            ocl->api.clReleaseKernel(k->kernel);
            free(k);
        }
    ocl->api.clReleaseProgram(p->program);
    clact_definition_release(p->own);
    free(p);
}

void clact_opencl_programs_release(struct clact_ocl *ocl)
{
    for (int i = 0; i < 64; i++)
        for (struct clact_opencl_program *p = ocl->programs[i], *next; p; p = next) {
            next = p->next;
            release_program(ocl, p);
        }
}

/* ---- The probe ------------------------------------------------------------------------------ */

clact_status clact_opencl_build_probe(clact_context *context, cl_program *out)
{
    const struct clact_opencl_recipe probe = {.file = "probe.cl", .key = {.type = CLACT_F32}};
    return build(context, &probe, out);
}
