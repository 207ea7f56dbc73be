/* overhead.c: what a call costs besides its work: of small arrays in host memory, and of a launch on an OpenCL device.
 *
 *   bench_overhead [--host]      --host: not the launches
 *
 * Prints medians of rounds that are taken in turn. The calls in host memory are of the CPU backend on one thread, beside
 * a loop that the compiler made of the plain formula of relu. The launches are beside a bare clEnqueueNDRangeKernel of
 * a kernel whose arguments are set already, on the same queue, which is held up meanwhile: what is measured is the host's
 * time alone. */
#include "../src/cli/timing.h"
#include "raw.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = 51, CALLS = 2000, LAUNCHES = 100, SMALL = 64, GROUP = 256, MOST = 4096 };

typedef struct bench {
    clact_context *cpu;
    clact_activation *relu, *sigmoid;
    float *x, *dy, *y;
    raw device;
    cl_mem in, out;
    cl_kernel kernel;
} bench;

static void require(clact_status status, const char *what)
{
    raw_require(status == CLACT_OK, what);
}

/* ---- Calls in host memory ------------------------------------------------------------------- */

__attribute__((noinline)) static void loop(bench *b)
{
    const float *x = b->x;
    float *y = b->y;
#pragma omp simd
    for (int i = 0; i < SMALL; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
    __asm__ volatile("" ::: "memory");
}

static void apply_relu(bench *b)
{
    require(clact_apply(b->cpu, b->relu, SMALL, b->x, b->y), "clact_apply");
}

static void apply_sigmoid(bench *b)
{
    require(clact_apply(b->cpu, b->sigmoid, SMALL, b->x, b->y), "clact_apply");
}

static void gradient_relu(bench *b)
{
    require(clact_apply_gradient(b->cpu, b->relu, SMALL, b->x, b->dy, b->y), "clact_apply_gradient");
}

static void forward_relu(bench *b)
{
    const clact_operand x = clact_array(CLACT_F32, b->x, SMALL), y = clact_array(CLACT_F32, b->y, SMALL);
    require(clact_forward(b->cpu, b->relu, &(clact_forward_args){.x = &x, .y = &y}), "clact_forward");
}

static void measure_calls(bench *b)
{
    static const struct {
        const char *name;
        void (*call)(bench *b);
    } ways[] = {{"a loop, relu", loop}, {"clact_apply, relu", apply_relu}, {"clact_apply, sigmoid", apply_sigmoid},
                {"clact_apply_gradient, relu", gradient_relu}, {"clact_forward, relu", forward_relu}};
    enum { WAYS = sizeof ways / sizeof *ways };
    static double seconds[WAYS][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) /* the first one warms up */
        for (int way = 0; way < WAYS; way++) {
            double start = now();
            for (int i = 0; i < CALLS; i++)
                ways[way].call(b);
            if (round >= 0)
                seconds[way][round] = (now() - start) / CALLS;
        }
    printf("%d elements in host memory, ns a call:\n", SMALL);
    for (int way = 0; way < WAYS; way++) {
        timing t = timing_of(seconds[way], ROUNDS);
        printf("  %-28s %8.1f  (spread %.0f %%)\n", ways[way].name, 1e9 * t.median, 100 * t.spread);
    }
}

/* ---- Launches ------------------------------------------------------------------------------- */

static const char text[] = "kernel void relu(global const float *x, global float *y)\n"
                           "{\n"
                           "    size_t i = get_global_id(0);\n"
                           "    y[i] = x[i] > 0.0f ? x[i] : 0.0f;\n"
                           "}\n";

static void launch_bare(bench *b)
{
    const size_t global = MOST, local = GROUP;
    raw_code(clEnqueueNDRangeKernel(b->device.queue, b->kernel, 1, NULL, &global, &local, 0, NULL, NULL),
             "clEnqueueNDRangeKernel");
}

static void launch_by_clact(bench *b)
{
    clact_operand x = clact_array(CLACT_F32, NULL, MOST), y = x;
    x.mem = b->in;
    y.mem = b->out;
    require(clact_forward_enqueue(b->device.clact, b->relu, &(clact_forward_args){.x = &x, .y = &y},
                                  &(clact_enqueue){.queue = b->device.queue}),
            "clact_forward_enqueue");
}

/* Seconds of the host for each launch, and of host and device until all are done. */
static void time_launches(bench *b, void (*launch)(bench *b), double *held, double *flowing)
{
    cl_int code;
    cl_event gate = clCreateUserEvent(b->device.context, &code);
    raw_code(code, "clCreateUserEvent");
    raw_code(clEnqueueBarrierWithWaitList(b->device.queue, 1, &gate, NULL), "clEnqueueBarrierWithWaitList");
    double start = now();
    for (int i = 0; i < LAUNCHES; i++)
        launch(b);
    *held = (now() - start) / LAUNCHES;
    raw_code(clSetUserEventStatus(gate, CL_COMPLETE), "clSetUserEventStatus");
    raw_code(clFinish(b->device.queue), "clFinish");
    clReleaseEvent(gate);
    start = now();
    for (int i = 0; i < LAUNCHES; i++)
        launch(b);
    raw_code(clFinish(b->device.queue), "clFinish");
    *flowing = (now() - start) / LAUNCHES;
}

static void set_up_device(bench *b)
{
    cl_int codes[3];
    raw_open(&b->device, text);
    b->in = clCreateBuffer(b->device.context, CL_MEM_READ_WRITE, MOST * sizeof(float), NULL, &codes[0]);
    b->out = clCreateBuffer(b->device.context, CL_MEM_READ_WRITE, MOST * sizeof(float), NULL, &codes[1]);
    b->kernel = clCreateKernel(b->device.program, "relu", &codes[2]);
    for (int i = 0; i < 3; i++)
        raw_code(codes[i], "an OpenCL object");
    raw_code(clSetKernelArg(b->kernel, 0, sizeof b->in, &b->in), "clSetKernelArg");
    raw_code(clSetKernelArg(b->kernel, 1, sizeof b->out, &b->out), "clSetKernelArg");
}

static void measure_launches(bench *b)
{
    static const char *const names[] = {"clEnqueueNDRangeKernel", "clact_forward_enqueue"};
    static void (*const ways[])(bench *b) = {launch_bare, launch_by_clact};
    static double held[2][ROUNDS], flowing[2][ROUNDS];
    double warming[2];
    for (int round = -1; round < ROUNDS; round++)
        for (int way = 0; way < 2; way++)
            time_launches(b, ways[way], round < 0 ? &warming[0] : &held[way][round],
                          round < 0 ? &warming[1] : &flowing[way][round]);
    printf("%d elements in buffers, us a launch: of the host alone; with the device's work, %d at once:\n", MOST,
           LAUNCHES);
    double medians[2];
    for (int way = 0; way < 2; way++) {
        timing host = timing_of(held[way], ROUNDS), all = timing_of(flowing[way], ROUNDS);
        medians[way] = host.median;
        printf("  %-28s %8.3f  (spread %.0f %%)  %8.3f  (spread %.0f %%)\n", names[way], 1e6 * host.median,
               100 * host.spread, 1e6 * all.median, 100 * all.spread);
    }
    printf("  above the bare launch        %8.3f\n", 1e6 * (medians[1] - medians[0]));
}

/* ---- Main ----------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static _Alignas(64) float x[SMALL], dy[SMALL], y[SMALL];
    bench b = {.x = x, .dy = dy, .y = y};
    for (int i = 0; i < SMALL; i++)
        x[i] = (float)(i % 17) - 8.0f, dy[i] = 1.0f;
    require(clact_open(&b.cpu, &(clact_options){.device = "cpu", .threads = 1}), "clact_open");
    require(clact_activation_named(&b.relu, "relu", NULL, 0), "clact_activation_named");
    require(clact_activation_named(&b.sigmoid, "sigmoid", NULL, 0), "clact_activation_named");
    measure_calls(&b);
    if (argc < 2 || strcmp(argv[1], "--host") != 0) {
        set_up_device(&b);
        measure_launches(&b);
        clReleaseKernel(b.kernel);
        clReleaseMemObject(b.in);
        clReleaseMemObject(b.out);
        raw_close(&b.device);
    }
    clact_activation_destroy(&b.relu);
    clact_activation_destroy(&b.sigmoid);
    clact_close(&b.cpu);
    return 0;
}
