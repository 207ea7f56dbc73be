/* probe.c: measures what the device's arithmetic does, by comparing the columns of cl/probe.h with the CPU's. */
#include "opencl.h"

#define CLACT_REAL_BITS 32
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS (PROBE_COLUMNS * PROBE_ITEMS)

static const char *const column_names[PROBE_COLUMNS] = {
    "sums", "products", "fma", "division", "reading halves", "writing halves", "exp", "expm1", "the logistic function",
    "tanh", "comparisons with NaN", "subnormal sums", "subnormal products", "subnormal fma",
};

static clact_status run_kernel(struct clact_ocl *ocl, cl_program program, uint32_t *out)
{
    cl_int code;
    size_t global = PROBE_ITEMS;
    cl_mem mem = ocl->api.clCreateBuffer(ocl->context, CL_MEM_READ_WRITE, WORDS * sizeof *out, NULL, &code);
    TRY(clact_opencl_result(code, "clCreateBuffer"));
    cl_kernel kernel = ocl->api.clCreateKernel(program, "probe", &code);
    clact_status status = clact_opencl_result(code, "clCreateKernel");
    if (status == CLACT_OK)
        status = clact_opencl_result(ocl->api.clSetKernelArg(kernel, 0, sizeof mem, &mem), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_result(ocl->api.clEnqueueNDRangeKernel(ocl->queue, kernel, 1, NULL, &global, NULL, 0, NULL, NULL),
                                     "clEnqueueNDRangeKernel");
    if (status == CLACT_OK)
        status = clact_opencl_result(ocl->api.clEnqueueReadBuffer(ocl->queue, mem, CL_TRUE, 0, WORDS * sizeof *out, out,
                                                                  0, NULL, NULL), "clEnqueueReadBuffer");
    if (kernel)
        ocl->api.clReleaseKernel(kernel);
    ocl->api.clReleaseMemObject(mem);
    return status;
}

/* A device that contracts products into sums differs in that column and in nothing else: cl/ leaves
 * nothing to contract. */
static void judge(struct clact_ocl *ocl, const uint32_t *cpu, const uint32_t *device)
{
    bool same[PROBE_COLUMNS], normal = true, subnormal = true;
    const char *first = "";
    for (int c = PROBE_COLUMNS - 1; c >= 0; c--) {
        same[c] = true;
        for (size_t i = (size_t)c * PROBE_ITEMS; i < (size_t)(c + 1) * PROBE_ITEMS; i++)
            same[c] &= cpu[i] == device[i];
        if (same[c] || c == PROBE_PRODUCT)
            continue;
        first = column_names[c];
        *(c < PROBE_SUBNORMAL_SUM ? &normal : &subnormal) = false;
    }
    ocl->keeps_subnormals = subnormal;
    ocl->rounds_to_nearest = same[PROBE_ROUNDING];
    ocl->exact = !normal ? CLACT_EXACT_NONE : subnormal ? CLACT_EXACT_ALL : CLACT_EXACT_NORMAL;
    if (ocl->exact != CLACT_EXACT_ALL)
        snprintf(ocl->verdict, sizeof ocl->verdict, "; its %s differ from the CPU's", first);
}

static clact_status probe_locked(clact_context *context)
{
    struct clact_ocl *ocl = context->ocl;
    cl_program program;
    TRY(clact_opencl_build_probe(context, &program));
    uint32_t *words = malloc(2 * WORDS * sizeof *words);
    clact_status status = words ? run_kernel(ocl, program, words) : clact_fail(CLACT_E_MEMORY, "out of memory");
    if (status == CLACT_OK) {
        clact_cpu_probe(context, words + WORDS);
        judge(ocl, words + WORDS, words);
        ocl->probed = true;
    }
    free(words);
    ocl->api.clReleaseProgram(program);
    return status;
}

clact_status clact_opencl_probe(clact_context *context)
{
    struct clact_ocl *ocl = context->ocl;
    pthread_mutex_lock(&ocl->lock);
    clact_status status = ocl->probed ? CLACT_OK : probe_locked(context);
    pthread_mutex_unlock(&ocl->lock);
    return status;
}
