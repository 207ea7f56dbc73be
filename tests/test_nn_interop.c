/* test_nn_interop.c: products and layers on a queue of the program's own, with wait lists and events, and beside a
 * program that uses CLBlast itself. */
#include "suites.h"

#include <clact/nn.h>
#include <clact/opencl.h>

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef CLACT_TEST_OPENCL

#include "handles.h"

enum { BATCH = 6, INPUTS = 5, UNITS = 4 };
/* Places of the operands in one memory. */
enum { X = 3, W = 40, B = 70, DY = 80, Z = 110, Y = 140, DZ = 170, DX = 200, DW = 240, DB = 280, N = 300 };

static cl_context context;
static cl_device_id device;
static cl_command_queue queues[2]; /* in order, and out of order, where the device has it */
static clact_context *own;
static float start[N], expected[N];

static bool load(void)
{
    cl_platform_id platform;
    cl_uint n = 0;
    return load_handles() && p_clGetPlatformIDs(1, &platform, &n) == CL_SUCCESS && n &&
           p_clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, &n) == CL_SUCCESS && n;
}

static void setup(void)
{
    cl_int code;
    uint64_t seed = 3;
    context = p_clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    queues[0] = p_clCreateCommandQueue(context, device, 0, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    queues[1] = p_clCreateCommandQueue(context, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    for (size_t i = 0; i < N; i++)
        start[i] = (float)((int64_t)next_random(&seed) >> 54) * 0x1p-9f;
    OK(clact_open_opencl(&own, context, device, queues[0], NULL));
}

static void teardown(void)
{
    clact_close(&own);
    for (int q = 0; q < 2; q++)
        if (queues[q])
            p_clReleaseCommandQueue(queues[q]);
    p_clReleaseContext(context);
}

/* A matrix, or a row where rows is 0, at a place in mem, or in the host's memory. */
static clact_operand at(cl_mem mem, float *host, int64_t place, int64_t rows, int64_t columns)
{
    clact_operand o = {.tensor = {.type = CLACT_F32, .rank = rows ? 2 : 1, .dims = {rows ? rows : columns, columns}},
                       .mem = mem};
    if (mem)
        o.tensor.offset = place;
    else
        o.data = host + place;
    return o;
}

static cl_mem copy_of_start(void)
{
    cl_int code;
    cl_mem mem = p_clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof start, start, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    return mem;
}

/* Forward and backward of a layer in one memory. The events are chained by the caller: backward waits for forward. */
static void run_layer(clact_context *c, cl_mem mem, float *host, uint32_t mode, cl_command_queue on, cl_event go,
                      cl_event *done)
{
    clact_activation *a = named("sigmoid");
    clact_operand x = at(mem, host, X, BATCH, INPUTS), w = at(mem, host, W, INPUTS, UNITS),
                  b = at(mem, host, B, 0, UNITS);
    clact_operand z = at(mem, host, Z, BATCH, UNITS), y = at(mem, host, Y, BATCH, UNITS),
                  dy = at(mem, host, DY, BATCH, UNITS);
    clact_operand dz = at(mem, host, DZ, BATCH, UNITS), dx = at(mem, host, DX, BATCH, INPUTS),
                  dw = at(mem, host, DW, INPUTS, UNITS);
    clact_operand db = at(mem, host, DB, 0, UNITS);
    cl_event between = NULL;
    clact_enqueue first = {.queue = on, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &between};
    clact_enqueue second = {.queue = on, .num_waits = 1, .waits = &between, .event = done};
    OK(clact_nn_dense_forward(
        c, &(clact_nn_dense_args){.x = &x, .w = &w, .b = &b, .z = &z, .y = &y, .activation = a, .mode = mode},
        mem ? &first : NULL));
    ck_assert(!mem || between);
    OK(clact_nn_dense_backward(c,
                               &(clact_nn_dense_backward_args){.x = &x,
                                                               .w = &w,
                                                               .z = &z,
                                                               .dy = &dy,
                                                               .dz = &dz,
                                                               .dx = &dx,
                                                               .dw = &dw,
                                                               .db = &db,
                                                               .activation = a,
                                                               .mode = mode},
                               mem ? &second : NULL));
    if (between)
        p_clReleaseEvent(between);
    clact_activation_destroy(&a);
}

static void compare(const float *got, double tolerance, const char *what)
{
    for (size_t i = 0; i < N; i++)
        ck_assert_msg(tolerance == 0 ? bits_of(got[i]) == bits_of(expected[i])
                                     : fabs((double)got[i] - (double)expected[i]) <= tolerance,
                      "%s: [%zu] is %a, not %a", what, i, (double)got[i], (double)expected[i]);
}

static bool simulated(void)
{
    return strstr(test_caps()->platform, "Oclgrind") != NULL; /* it hangs on user events */
}

static void try_queue(cl_command_queue on, uint32_t mode, bool user_event)
{
    float got[N];
    cl_int code, state = CL_COMPLETE;
    cl_mem mem = copy_of_start();
    cl_event go = user_event ? p_clCreateUserEvent(context, &code) : NULL, done = NULL;
    run_layer(own, mem, NULL, mode, on, go, &done);
    ck_assert_ptr_nonnull(done);
    if (go) { /* nothing waited for it */
        p_clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        ck_assert_int_ne(state, CL_COMPLETE);
        p_clSetUserEventStatus(go, CL_COMPLETE);
        p_clReleaseEvent(go);
    }
    ck_assert_int_eq(p_clEnqueueReadBuffer(on, mem, CL_TRUE, 0, sizeof got, got, 1, &done, NULL), CL_SUCCESS);
    bool exact = mode == CLACT_NN_EXACT && test_caps()->exact == CLACT_EXACT_ALL;
    compare(got, exact ? 0 : 1e-5, user_event ? "behind an event" : "on a queue");
    p_clReleaseEvent(done);
    p_clReleaseMemObject(mem);
}

START_TEST(layers_on_queues)
{
    clact_context *cpu = cpu_context(NULL, 1);
    memcpy(expected, start, sizeof start);
    run_layer(cpu, NULL, expected, CLACT_NN_EXACT, NULL, NULL, NULL);
    clact_close(&cpu);
    clact_nn_products products;
    OK(clact_nn_products_of(own, &products));
    for (int q = 0; q < 2; q++) {
        if (!queues[q])
            continue;
        try_queue(queues[q], CLACT_NN_EXACT, !simulated());
        try_queue(queues[q], CLACT_NN_FAST, false);
        if (products.device == CLACT_NN_PRODUCT_CLBLAST && !simulated())
            try_queue(queues[q], CLACT_NN_FAST, true);
    }
}
END_TEST

/* For nothing to compute, too, there is an event. */
START_TEST(events_of_nothing)
{
    cl_mem mem = copy_of_start();
    static const int64_t sizes[][3] = {{0, 3, 2}, {2, 0, 3}, {2, 3, 0}};
    for (size_t k = 0; k < COUNT_OF(sizes); k++)
        for (uint32_t mode = CLACT_NN_EXACT; mode <= CLACT_NN_FAST; mode++) {
            clact_operand a = {.tensor = {.rank = 2, .dims = {sizes[k][0], sizes[k][2]}}, .mem = mem}, b = a, c = a;
            cl_event done = NULL;
            b.tensor.dims[0] = sizes[k][2], b.tensor.dims[1] = sizes[k][1];
            c.tensor.dims[1] = sizes[k][1];
            OK(clact_nn_matmul(own, &(clact_nn_matmul_args){.a = &a, .b = &b, .c = &c, .mode = mode},
                               &(clact_enqueue){.queue = queues[0], .event = &done}));
            ck_assert_ptr_nonnull(done);
            ck_assert_int_eq(p_clWaitForEvents(1, &done), CL_SUCCESS);
            p_clReleaseEvent(done);
        }
    p_clReleaseMemObject(mem);
}
END_TEST

START_TEST(what_cannot_be_enqueued)
{
    cl_int code;
    cl_mem mem = copy_of_start();
    cl_context other = p_clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    cl_command_queue other_queue = p_clCreateCommandQueue(other, device, 0, &code);
    clact_operand a = at(mem, NULL, 0, 3, 3), b = at(mem, NULL, 9, 3, 3), c = at(mem, NULL, 18, 3, 3),
                  far = at(mem, NULL, N - 8, 3, 3);
    clact_nn_matmul_args args = {.a = &a, .b = &b, .c = &c};
    for (args.mode = CLACT_NN_EXACT; args.mode <= CLACT_NN_FAST; args.mode++) {
        args.c = &c;
        REFUSED(clact_nn_matmul(own, &args, &(clact_enqueue){.queue = other_queue}), CLACT_E_ARGUMENT,
                "belongs to another context");
        REFUSED(clact_nn_matmul(own, &args, &(clact_enqueue){.num_waits = 1}), CLACT_E_ARGUMENT,
                "waits must be NULL exactly");
        REFUSED(clact_nn_matmul(own, &args, &(clact_enqueue){.reserved0 = 1}), CLACT_E_ARGUMENT,
                "reserved words of clact_enqueue");
        args.c = &far;
        REFUSED(clact_nn_matmul(own, &args, NULL), CLACT_E_BOUNDS, "c reaches to element");
        args.c = &b;
        REFUSED(clact_nn_matmul(own, &args, NULL), CLACT_E_OVERLAP, "c is b");
    }
    p_clReleaseCommandQueue(other_queue);
    p_clReleaseContext(other);
    p_clReleaseMemObject(mem);
}
END_TEST

/* Parts of one memory, which cannot all be mapped beside one another. */
START_TEST(sub_buffers)
{
    enum { PART = 1024 }; /* bytes: aligned for any device */
    float values[3 * PART / sizeof(float)], got[9];
    cl_int code;
    for (size_t i = 0; i < COUNT_OF(values); i++)
        values[i] = (float)(i % 5);
    cl_mem whole = p_clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof values, values, &code);
    clact_operand o[3];
    for (size_t i = 0; i < 3; i++) {
        cl_buffer_region region = {i * PART, PART};
        o[i] = at(p_clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code), NULL, 0,
                  3, 3);
        ck_assert_int_eq(code, CL_SUCCESS);
    }
    for (uint32_t mode = CLACT_NN_EXACT; mode <= CLACT_NN_FAST; mode++) {
        OK(clact_nn_matmul(own, &(clact_nn_matmul_args){.a = &o[0], .b = &o[1], .c = &o[2], .mode = mode}, NULL));
        ck_assert_int_eq(p_clEnqueueReadBuffer(queues[0], o[2].mem, CL_TRUE, 0, sizeof got, got, 0, NULL, NULL),
                         CL_SUCCESS);
        for (size_t i = 0; i < 9; i++) {
            float sum = 0;
            for (size_t t = 0; t < 3; t++)
                sum += values[i / 3 * 3 + t] * values[PART / sizeof(float) + t * 3 + i % 3];
            ck_assert_msg(got[i] == sum, "[%zu] is %g, not %g", i, (double)got[i], (double)sum);
        }
    }
    for (size_t i = 0; i < 3; i++)
        p_clReleaseMemObject(o[i].mem);
    p_clReleaseMemObject(whole);
}
END_TEST

/* The program's own CLBlast: its calls before, between and behind ours on one queue, and behind the cleared cache. */
START_TEST(beside_clblast)
{
    clact_nn_products products;
    OK(clact_nn_products_of(own, &products));
    if (products.device != CLACT_NN_PRODUCT_CLBLAST)
        return; /* what_is_taken says so */
    void *library = dlopen("libclblast.so.1", RTLD_NOW | RTLD_LOCAL);
    int (*gemm)(int, int, int, size_t, size_t, size_t, float, cl_mem, size_t, size_t, cl_mem, size_t, size_t, float,
                cl_mem, size_t, size_t, cl_command_queue *, cl_event *);
    ck_assert_ptr_nonnull(library);
    void *symbol = dlsym(library, "CLBlastSgemm");
    memcpy(&gemm, &symbol, sizeof symbol);
    cl_mem mem = copy_of_start();
    clact_operand a = at(mem, NULL, 0, 4, 4), b = at(mem, NULL, 16, 4, 4), c = at(mem, NULL, 32, 4, 4);
    clact_nn_matmul_args args = {.a = &a, .b = &b, .c = &c, .mode = CLACT_NN_FAST};
    float got[64];
    for (int turn = 0; turn < 2; turn++) {
        ck_assert_int_eq(gemm(101, 111, 111, 4, 4, 4, 1, mem, 0, 4, mem, 16, 4, 0, mem, 48, 4, &queues[0], NULL), 0);
        OK(clact_nn_matmul(own, &args, NULL));
        ck_assert_int_eq(gemm(101, 111, 111, 4, 4, 4, 1, mem, 0, 4, mem, 16, 4, 0, mem, 48, 4, &queues[0], NULL), 0);
        ck_assert_int_eq(p_clEnqueueReadBuffer(queues[0], mem, CL_TRUE, 0, sizeof got, got, 0, NULL, NULL), CL_SUCCESS);
        ck_assert_int_eq(memcmp(got + 32, got + 48, 16 * sizeof *got), 0);
        if (turn == 0)
            OK(clact_nn_clear_cache());
    }
    p_clReleaseMemObject(mem);
    OK(clact_nn_clear_cache()); /* else it keeps this context, when the program has released it */
}
END_TEST

#else

static bool load(void) { return false; }
static void setup(void) {}
static void teardown(void) {}

#endif

Suite *nn_interop_suite(void)
{
    Suite *s = suite_create("nn_interop");
    TCase *t = tcase_create("nn_interop");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    if (test_caps()->backend == CLACT_BACKEND_OPENCL && load()) {
#ifdef CLACT_TEST_OPENCL
        tcase_add_test(t, layers_on_queues);
        tcase_add_test(t, events_of_nothing);
        tcase_add_test(t, what_cannot_be_enqueued);
        tcase_add_test(t, sub_buffers);
        tcase_add_test(t, beside_clblast);
#endif
    }
    suite_add_tcase(s, t);
    return s;
}
