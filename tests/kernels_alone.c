/* kernels_alone.c: a program that has OpenCL and not clact runs kernels as the comment of a printed text says.
 *
 *   kernels_alone FILE ndrange|task
 *
 * FILE is what `clact kernels relu softmax swiglu` prints, or the same with --task. Exits with 0 where the results are
 * those of the formulas in double, 1 where they are not, 77 without a device. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The test links no libOpenCL, so that it runs where there is none. */
#define ENTRIES(X)                                                                                  \
    X(clGetPlatformIDs) X(clGetDeviceIDs) X(clCreateContext) X(clCreateCommandQueue) X(clCreateBuffer) \
    X(clCreateProgramWithSource) X(clBuildProgram) X(clCreateKernel) X(clSetKernelArg)              \
    X(clEnqueueNDRangeKernel) X(clEnqueueReadBuffer) X(clReleaseKernel) X(clReleaseMemObject)       \
    X(clReleaseProgram) X(clReleaseCommandQueue) X(clReleaseContext)
#define X(name) static __typeof__(name) *p_##name;
ENTRIES(X)
#undef X

enum { LOCAL = 256, PER_ITEM = 4, ROWS = 3, LENGTH = 300, N = ROWS * LENGTH + 100, FIRST = 7 };

static cl_context context;
static cl_command_queue queue;
static cl_program program;
static bool task;
static float x[N], y[N];
static int wrong;

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    printf("%s failed\n", what);
    exit(1);
}

static bool open_device(void)
{
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
#define X(name) p_##name = (__typeof__(p_##name))dlsym(library, #name);
    ENTRIES(X)
#undef X
    cl_platform_id platform;
    cl_device_id device;
    cl_uint n = 0;
    cl_int code;
    if (p_clGetPlatformIDs(1, &platform, &n) != CL_SUCCESS || !n ||
        p_clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, &n) != CL_SUCCESS || !n)
        return false;
    context = p_clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    require(code == CL_SUCCESS, "clCreateContext");
    queue = p_clCreateCommandQueue(context, device, 0, &code);
    require(code == CL_SUCCESS, "clCreateCommandQueue");
    return true;
}

static void build(const char *path)
{
    FILE *f = fopen(path, "r");
    require(f, path);
    static char text[1 << 20];
    const char *source = text;
    size_t length = fread(text, 1, sizeof text, f);
    require(length < sizeof text, "reading the whole file");
    fclose(f);
    cl_int code;
    program = p_clCreateProgramWithSource(context, 1, &source, &length, &code);
    require(code == CL_SUCCESS, "clCreateProgramWithSource");
    require(p_clBuildProgram(program, 0, NULL, "-cl-std=CL1.2", NULL, NULL) == CL_SUCCESS, "clBuildProgram");
}

/* ---- Calls: the arguments one after the other, then the launch -------------------------------- */

static struct call {
    cl_kernel kernel;
    cl_uint index;
    cl_int code;
} call;

static void begin(const char *name)
{
    call = (struct call){0};
    call.kernel = p_clCreateKernel(program, name, &call.code);
    require(call.code == CL_SUCCESS, name);
}

static void argument(size_t size, const void *value)
{
    if (call.code == CL_SUCCESS)
        call.code = p_clSetKernelArg(call.kernel, call.index++, size, value);
}

/* Memory, the first element and, where there are any, eight strides. */
static void view(cl_mem mem, cl_long first, const cl_long *strides)
{
    argument(sizeof mem, &mem);
    argument(sizeof first, &first);
    if (strides)
        argument(8 * sizeof *strides, strides);
}

static void parameters(float p0, float p1, float p2)
{
    const float p[8] = {p0, p1, p2};
    argument(sizeof p, p);
}

/* groups: as the comment says for an NDRange. */
static void launch(size_t groups)
{
    size_t local = task ? 1 : LOCAL, global = task ? 1 : groups * LOCAL;
    require(call.code == CL_SUCCESS, "clSetKernelArg");
    require(p_clEnqueueNDRangeKernel(queue, call.kernel, 1, NULL, &global, &local, 0, NULL, NULL) == CL_SUCCESS,
            "clEnqueueNDRangeKernel");
    p_clReleaseKernel(call.kernel);
}

static cl_mem memory(const float *from)
{
    cl_int code;
    cl_mem mem = p_clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof x, (void *)(size_t)from, &code);
    require(code == CL_SUCCESS, "clCreateBuffer");
    return mem;
}

/* What the call has written; where it had no business nothing was. */
static void result(cl_mem mem)
{
    require(p_clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL) == CL_SUCCESS, "reading");
    p_clReleaseMemObject(mem);
}

static void expect(const char *what, int i, double value)
{
    if (fabs(y[i] - value) <= 4e-7 * fabs(value))
        return;
    printf("%s: element %d is %.9g, not %.9g\n", what, i, (double)y[i], value);
    wrong++;
}

/* ---- Three activations ----------------------------------------------------------------------- */

static void try_relu(void)
{
    const cl_ulong n = N - FIRST - 1;
    const cl_long at[4] = {(cl_long)n, FIRST, 1};
    cl_mem in = memory(x), out = memory(x);
    begin("relu_forward_f32");
    argument(sizeof in, &in);
    argument(sizeof out, &out);
    argument(sizeof at, at);
    parameters(0, NAN, 0); /* negative_slope, max_value, threshold */
    launch((n + LOCAL * PER_ITEM - 1) / (LOCAL * PER_ITEM));
    result(out);
    p_clReleaseMemObject(in);
    expect("relu", 0, x[0]);
    for (int i = 0; i < (int)n; i++)
        expect("relu", i + 1, x[i + FIRST] > 0 ? x[i + FIRST] : 0);
    for (int i = (int)n + 1; i < N; i++)
        expect("relu", i, x[i]);
}

static void try_swiglu(void)
{
    const cl_ulong n = N / 2;
    cl_mem in = memory(x), out = memory(x);
    begin("silu_gated_f32");
    view(in, (cl_long)n, NULL); /* u */
    view(in, 0, NULL);          /* v */
    view(out, 0, NULL);
    argument(sizeof n, &n);
    parameters(0, 0, 0);
    launch((n + LOCAL * PER_ITEM - 1) / (LOCAL * PER_ITEM));
    result(out);
    p_clReleaseMemObject(in);
    for (int i = 0; i < (int)n; i++)
        expect("swiglu", i, (double)x[i + (int)n] * x[i] / (1 + exp(-(double)x[i])));
}

/* Rows that lie across: element j of row r is j ROWS + r. */
static void try_softmax(void)
{
    const cl_ulong dims[8] = {1, 1, 1, 1, 1, 1, ROWS, LENGTH};
    const cl_long strides[8] = {0, 0, 0, 0, 0, 0, 1, ROWS};
    const float scale = 1;
    cl_mem in = memory(x), out = memory(x);
    begin("softmax_forward_f32");
    view(in, 0, strides);
    view(out, 0, strides);
    argument(sizeof dims, dims);
    argument(sizeof scale, &scale);
    launch(ROWS);
    result(out);
    p_clReleaseMemObject(in);
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int j = 0; j < LENGTH; j++)
            sum += exp(x[j * ROWS + r]);
        for (int j = 0; j < LENGTH; j++)
            expect("softmax", j * ROWS + r, exp(x[j * ROWS + r]) / sum);
    }
}

int main(int argc, char **argv)
{
    require(argc == 3, "usage: kernels_alone FILE ndrange|task");
    task = strcmp(argv[2], "task") == 0;
    if (!open_device()) {
        puts("skipped: there is no OpenCL device");
        return 77;
    }
    build(argv[1]);
    for (int i = 0; i < N; i++)
        x[i] = (float)((i * 2654435761u >> 8) % 20000) * 1e-3f - 10;
    try_relu();
    try_swiglu();
    try_softmax();
    p_clReleaseProgram(program);
    p_clReleaseCommandQueue(queue);
    p_clReleaseContext(context);
    printf("%s: %d wrong\n", argv[2], wrong);
    return wrong > 0;
}
