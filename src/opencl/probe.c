/* probe.c: measures what the device's arithmetic does, by comparing the columns of cl/probe.h with the CPU's. */
#include "opencl.h"

#include "../fpenv.h"

#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (PROBE_COLUMNS * PROBE_ITEMS)

static const char *const column_names[PROBE_COLUMNS] = {
    "sums", "products", "fma", "division", "reading halves", "writing halves", "exp", "expm1", "the logistic function",
    "tanh", "comparisons with NaN", "signs of zero", "subnormal sums", "subnormal products", "subnormal fma",
};

static clact_status run_kernel(struct clact_ocl *ocl, cl_program program, uint32_t *out)
{
    cl_int code;
    cl_event done = NULL;
    size_t global = ocl->target.task ? 1 : PROBE_ITEMS;
    cl_mem mem = ocl->api.clCreateBuffer(ocl->context, CL_MEM_READ_WRITE, WORDS * sizeof *out, NULL, &code);
    TRY(clact_opencl_result(code, "clCreateBuffer"));
    cl_kernel kernel = ocl->api.clCreateKernel(program, "probe", &code);
    clact_status status = clact_opencl_result(code, "clCreateKernel");
    if (status == CLACT_OK)
        status = clact_opencl_result(ocl->api.clSetKernelArg(kernel, 0, sizeof mem, &mem), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_result(ocl->api.clEnqueueNDRangeKernel(ocl->queue, kernel, 1, NULL, &global, NULL, 0, NULL, &done),
                                     "clEnqueueNDRangeKernel");
    if (status == CLACT_OK)
        status = clact_opencl_result(ocl->api.clEnqueueReadBuffer(ocl->queue, mem, CL_TRUE, 0, WORDS * sizeof *out, out,
                                                                  0, NULL, NULL), "clEnqueueReadBuffer");
    if (status == CLACT_OK)
        status = clact_opencl_ended(ocl, done);
    if (done)
        ocl->api.clReleaseEvent(done);
    if (kernel)
        ocl->api.clReleaseKernel(kernel);
    ocl->api.clReleaseMemObject(mem);
    return status;
}

/* Adds a column's name to the reason why the device is not exact. */
static void blame(struct clact_ocl *ocl, int column)
{
    size_t length = strlen(ocl->verdict);
    snprintf(ocl->verdict + length, sizeof ocl->verdict - length, "%s%s", length ? ", " : "; not as on the CPU: ",
             column_names[column]);
}

/* A device that contracts products into sums differs in that column and in nothing else: cl/ leaves
 * nothing to contract. */
static void judge(struct clact_ocl *ocl, const uint32_t *cpu, const uint32_t *device)
{
    bool same[PROBE_COLUMNS], normal = true, all = true;
    ocl->verdict[0] = 0;
    for (int c = 0; c < PROBE_COLUMNS; c++) {
        same[c] = memcmp(cpu + (size_t)c * PROBE_ITEMS, device + (size_t)c * PROBE_ITEMS, PROBE_ITEMS * sizeof *cpu) == 0;
        if (same[c] || c == PROBE_PRODUCT)
            continue;
        blame(ocl, c);
        *(c < PROBE_ZEROS ? &normal : &all) = false;
    }
    ocl->keeps_subnormals = same[PROBE_SUBNORMAL_SUM] && same[PROBE_SUBNORMAL_PRODUCT] && same[PROBE_SUBNORMAL_FUSED];
    ocl->rounds_to_nearest = same[PROBE_ROUNDING];
    ocl->exact = !normal ? CLACT_EXACT_NONE : all ? CLACT_EXACT_ALL : CLACT_EXACT_NORMAL;
}

/* What the cache keeps of a probe. */
struct verdict {
    uint32_t exact, keeps_subnormals, rounds_to_nearest, reserved;
    char text[sizeof ((struct clact_ocl *)0)->verdict];
};

static bool recall(clact_context *context, const char *hash)
{
    struct clact_ocl *ocl = context->ocl;
    struct verdict v;
    size_t length;
    unsigned char *bytes = clact_opencl_cache_get(context, "verdict", hash, &length);
    bool good = bytes && length == sizeof v;
    if (good) {
        memcpy(&v, bytes, sizeof v);
        good = v.exact >= CLACT_EXACT_ALL && v.exact <= CLACT_EXACT_NONE && v.keeps_subnormals <= 1 &&
               v.rounds_to_nearest <= 1 && memchr(v.text, 0, sizeof v.text);
    }
    if (good) {
        ocl->exact = v.exact;
        ocl->keeps_subnormals = v.keeps_subnormals;
        ocl->rounds_to_nearest = v.rounds_to_nearest;
        memcpy(ocl->verdict, v.text, sizeof v.text);
    }
    free(bytes);
    return good;
}

static void keep(clact_context *context, const char *hash)
{
    const struct clact_ocl *ocl = context->ocl;
    struct verdict v = {ocl->exact, ocl->keeps_subnormals, ocl->rounds_to_nearest, 0, {0}};
    snprintf(v.text, sizeof v.text, "%s", ocl->verdict);
    clact_opencl_cache_put(context, "verdict", hash, &v, sizeof v);
}

static clact_status measure(clact_context *context)
{
    struct clact_ocl *ocl = context->ocl;
    cl_program program;
    TRY(clact_opencl_build(context, &clact_opencl_probe_recipe, 1, &program));
    uint32_t *words = malloc(2 * WORDS * sizeof *words);
    clact_status status = words ? run_kernel(ocl, program, words) : clact_fail(CLACT_E_MEMORY, "out of memory");
    if (status == CLACT_OK) {
        clact_cpu_probe(context, words + WORDS);
        judge(ocl, words + WORDS, words);
    }
    free(words);
    ocl->api.clReleaseProgram(program);
    return status;
}

/* Under a pack the device is measured by the pack's kernel. */
static clact_status probe_locked(clact_context *context)
{
    char hash[CLACT_HASH];
    TRY(clact_opencl_text_hash(context->ocl, &clact_opencl_probe_recipe, 1, hash));
    if (context->ocl->pack || !recall(context, hash)) {
        TRY(measure(context));
        if (!context->ocl->pack)
            keep(context, hash);
    }
    context->ocl->probed = true;
    return CLACT_OK;
}

clact_status clact_opencl_probe(clact_context *context)
{
    struct clact_ocl *ocl = context->ocl;
    clact_fpenv env = clact_fpenv_enter(); /* some drivers compute in the caller's thread */
    pthread_mutex_lock(&ocl->probing);
    clact_status status = ocl->probed ? CLACT_OK : probe_locked(context);
    pthread_mutex_unlock(&ocl->probing);
    clact_fpenv_leave(env);
    return status;
}
