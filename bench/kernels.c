/* kernels.c: clact's kernels against kernels as they are usually written: one element a work-item, behind a check of the
 * bound, the language's own functions, and a kernel object made for each call.
 *
 *   bench_kernels [ELEMENTS]      16 Mi
 *
 * On $CLACT_DEVICE, by default the best OpenCL device, in buffers, beside clEnqueueCopyBuffer. Prints medians of rounds
 * that are taken in turn, and the largest difference of the results. */
#include "../src/cli/size.h"
#include "../src/cli/timing.h"
#include "raw.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 21, FUNCTIONS = 3, WAYS = 3, GROUP = 256 };

static const char *const names[FUNCTIONS] = {"relu", "sigmoid", "tanh"};

static const char text[] =
    "#define KERNEL(name, formula) \\\n"
    "kernel void name(ulong n, global const float *x, ulong x_first, global float *y, ulong y_first) \\\n"
    "{ \\\n"
    "    ulong i = get_global_id(0); \\\n"
    "    if (i >= n) \\\n"
    "        return; \\\n"
    "    float v = x[x_first + i]; \\\n"
    "    y[y_first + i] = formula; \\\n"
    "}\n"
    "KERNEL(relu, max(v, 0.0f))\n"
    "KERNEL(sigmoid, 1.0f / (1.0f + exp(-v)))\n"
    "KERNEL(tanh_, tanh(v))\n";
static const char *const kernels[FUNCTIONS] = {"relu", "sigmoid", "tanh_"};

typedef struct bench {
    raw device;
    cl_mem x, y;
    clact_activation *functions[FUNCTIONS];
    size_t n;
    int function;
} bench;

static void usual(bench *b)
{
    cl_int code;
    const cl_ulong n = b->n, first = 0;
    const size_t local = GROUP, global = (b->n + GROUP - 1) / GROUP * GROUP;
    cl_kernel kernel = clCreateKernel(b->device.program, kernels[b->function], &code);
    raw_code(code, "clCreateKernel");
    raw_code(clSetKernelArg(kernel, 0, sizeof n, &n) | clSetKernelArg(kernel, 1, sizeof b->x, &b->x) |
                 clSetKernelArg(kernel, 2, sizeof first, &first) | clSetKernelArg(kernel, 3, sizeof b->y, &b->y) |
                 clSetKernelArg(kernel, 4, sizeof first, &first),
             "clSetKernelArg");
    raw_code(clEnqueueNDRangeKernel(b->device.queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL),
             "clEnqueueNDRangeKernel");
    clReleaseKernel(kernel);
}

static void by_clact(bench *b)
{
    clact_operand x = clact_array(CLACT_F32, NULL, (int64_t)b->n), y = x;
    x.mem = b->x;
    y.mem = b->y;
    raw_require(clact_forward_enqueue(b->device.clact, b->functions[b->function],
                                      &(clact_forward_args){.x = &x, .y = &y},
                                      &(clact_enqueue){.queue = b->device.queue}) == CLACT_OK,
                "clact_forward_enqueue");
}

static void copy(bench *b)
{
    raw_code(clEnqueueCopyBuffer(b->device.queue, b->x, b->y, 0, 0, b->n * sizeof(float), 0, NULL, NULL),
             "clEnqueueCopyBuffer");
}

static void (*const ways[WAYS])(bench *b) = {by_clact, usual, copy};

static float *results(bench *b, void (*way)(bench *b))
{
    float *out = malloc(b->n * sizeof *out);
    raw_require(out != NULL, "malloc");
    way(b);
    raw_code(clEnqueueReadBuffer(b->device.queue, b->y, CL_TRUE, 0, b->n * sizeof *out, out, 0, NULL, NULL),
             "clEnqueueReadBuffer");
    return out;
}

static double largest_difference(bench *b)
{
    float *own = results(b, by_clact), *theirs = results(b, usual);
    double largest = 0;
    for (size_t i = 0; i < b->n; i++)
        if (own[i] != theirs[i])
            largest = fmax(largest, fabs((double)own[i] - theirs[i]) / fmax(fabs((double)own[i]), FLT_MIN));
    free(own);
    free(theirs);
    return largest;
}

static void measure(bench *b)
{
    static double seconds[WAYS][ROUNDS];
    timing t[WAYS];
    char size[SIZE_TEXT_SIZE];
    for (int round = -1; round < ROUNDS; round++) /* the first one warms up */
        for (int way = 0; way < WAYS; way++) {
            double start = now();
            ways[way](b);
            raw_code(clFinish(b->device.queue), "clFinish");
            if (round >= 0)
                seconds[way][round] = 1e9 * (now() - start) / (double)b->n;
        }
    for (int way = 0; way < WAYS; way++)
        t[way] = timing_of(seconds[way], ROUNDS);
    printf("%-8s %s: clact %.4f ns an element (spread %.0f %%), usual %.4f (%.0f %%), ratio %.2f, copy %.4f; largest "
           "difference %.1e\n",
           names[b->function], size_text(size, b->n), t[0].median, 100 * t[0].spread, t[1].median, 100 * t[1].spread,
           t[1].median / t[0].median, t[2].median, largest_difference(b));
}

static void set_up(bench *b)
{
    cl_int codes[2];
    float *x = malloc(b->n * sizeof *x);
    raw_require(x != NULL, "malloc");
    for (size_t i = 0; i < b->n; i++)
        x[i] = (float)(i % 1009) * 0x1p-7f - 4.0f;
    raw_open(&b->device, text);
    b->x = clCreateBuffer(b->device.context, CL_MEM_READ_WRITE, b->n * sizeof *x, NULL, &codes[0]);
    b->y = clCreateBuffer(b->device.context, CL_MEM_READ_WRITE, b->n * sizeof *x, NULL, &codes[1]);
    raw_code(codes[0] | codes[1], "clCreateBuffer");
    raw_code(clEnqueueWriteBuffer(b->device.queue, b->x, CL_TRUE, 0, b->n * sizeof *x, x, 0, NULL, NULL),
             "clEnqueueWriteBuffer");
    free(x);
    for (int i = 0; i < FUNCTIONS; i++)
        raw_require(clact_activation_named(&b->functions[i], names[i], NULL, 0) == CLACT_OK, "clact_activation_named");
}

int main(int argc, char **argv)
{
    bench b = {.n = (size_t)16 << 20};
    if (argc > 1 && parse_size_list(&b.n, 1, argv[1]) == 0) {
        fprintf(stderr, "bench_kernels: a number of elements such as 16Mi, not '%s'\n", argv[1]);
        return 1;
    }
    set_up(&b);
    for (b.function = 0; b.function < FUNCTIONS; b.function++)
        measure(&b);
    for (int i = 0; i < FUNCTIONS; i++)
        clact_activation_destroy(&b.functions[i]);
    clReleaseMemObject(b.x);
    clReleaseMemObject(b.y);
    raw_close(&b.device);
    return 0;
}
