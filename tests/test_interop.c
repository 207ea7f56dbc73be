/* test_interop.c: clact on OpenCL objects that the program owns: queues, memory, wait lists, events. */
#include "suites.h"

#include <clact/opencl.h>
#include <string.h>

#ifdef CLACT_TEST_OPENCL

#include "handles.h"

#define N 10000

static cl_context context;
static cl_device_id device;
static cl_command_queue queue, unordered;
static cl_mem mx, my;
static clact_context *own;
static float x[N], y[N], expected[N];

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
    context = p_clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    queue = p_clCreateCommandQueue(context, device, 0, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    unordered = p_clCreateCommandQueue(context, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    mx = p_clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof x, NULL, &code);
    my = p_clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof y, NULL, &code);
    fill_strata(x, N, 9);
    memset(y, 0, sizeof y);
    ck_assert_int_eq(p_clEnqueueWriteBuffer(queue, mx, CL_TRUE, 0, sizeof x, x, 0, NULL, NULL), CL_SUCCESS);
    ck_assert_int_eq(p_clEnqueueWriteBuffer(queue, my, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL), CL_SUCCESS);
    OK(clact_open_opencl(&own, context, device, queue, NULL));
}

static void teardown(void)
{
    clact_close(&own);
    p_clReleaseMemObject(mx);
    p_clReleaseMemObject(my);
    p_clReleaseCommandQueue(queue);
    if (unordered)
        p_clReleaseCommandQueue(unordered);
    p_clReleaseContext(context);
}

static clact_operand mem_of(cl_mem mem, int64_t offset, int64_t n)
{
    clact_operand o = clact_array(CLACT_F32, NULL, n);
    o.tensor.offset = offset;
    o.mem = mem;
    return o;
}

static cl_uint references(void)
{
    cl_uint n = 0;
    p_clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof n, &n, NULL);
    return n;
}

/* Forward in an event chain: a user event, the call, a read that waits for it. */
static void chain(cl_command_queue on, bool user_event)
{
    clact_activation *f = named("sigmoid");
    clact_context *cpu = cpu_context(NULL, 1);
    OK(clact_apply(cpu, f, N - 3, x + 3, expected));
    clact_close(&cpu);
    cl_int code;
    cl_event go = user_event ? p_clCreateUserEvent(context, &code) : NULL, done = NULL;
    clact_operand in = mem_of(mx, 3, N - 3), out = mem_of(my, 1, N - 3);
    clact_enqueue q = {.queue = on, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &done};
    OK(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &in, .y = &out}, &q));
    ck_assert_ptr_nonnull(done);
    if (go) {
        cl_int state;
        p_clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        ck_assert_int_ne(state, CL_COMPLETE);
        p_clSetUserEventStatus(go, CL_COMPLETE);
    }
    ck_assert_int_eq(p_clEnqueueReadBuffer(on, my, CL_TRUE, sizeof *y, (N - 3) * sizeof *y, y, 1, &done, NULL), CL_SUCCESS);
    ck_assert_mem_eq(y, expected, (N - 3) * sizeof *y);
    p_clReleaseEvent(done);
    if (go)
        p_clReleaseEvent(go);
    clact_activation_destroy(&f);
}

static bool is_oclgrind(void)
{
    clact_caps caps;
    OK(clact_context_caps(own, &caps));
    return strstr(caps.platform, "Oclgrind") != NULL; /* it hangs on user events */
}

START_TEST(events_on_an_ordered_queue) { chain(queue, !is_oclgrind()); } END_TEST

START_TEST(events_on_an_unordered_queue)
{
    if (unordered)
        chain(unordered, !is_oclgrind());
}
END_TEST

START_TEST(an_event_for_nothing)
{
    clact_activation *f = named("relu");
    clact_operand none = mem_of(mx, 0, 0);
    cl_event done = NULL;
    clact_enqueue q = {.queue = queue, .event = &done};
    OK(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &none, .y = &none}, &q));
    ck_assert_ptr_nonnull(done);
    ck_assert_int_eq(p_clWaitForEvents(1, &done), CL_SUCCESS);
    p_clReleaseEvent(done);
    OK(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &none, .y = &none}, &(clact_enqueue){0}));
    clact_activation_destroy(&f);
}
END_TEST

/* Gated units, crelu, maxout and rows: cl_mems, a wait list and an event, also for nothing. */
START_TEST(units_are_enqueued)
{
    static const struct { const char *name; int64_t nx, ny; } cases[] = {
        {"glu", N / 2, N / 4}, {"maxout", N / 2, N / 4}, {"crelu", N / 4, N / 2}, {"softmax", N - 1, N - 1},
    };
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        int64_t nx = cases[k].nx, ny = cases[k].ny;
        clact_activation *f = named(cases[k].name);
        clact_context *cpu = cpu_context(NULL, 1);
        clact_operand host = clact_array(CLACT_F32, x, nx), want = clact_array(CLACT_F32, expected, ny);
        OK(clact_forward(cpu, f, &(clact_forward_args){.x = &host, .y = &want}));
        clact_close(&cpu);
        cl_int code;
        cl_event go = is_oclgrind() ? NULL : p_clCreateUserEvent(context, &code), done = NULL;
        clact_operand in = mem_of(mx, 0, nx), out = mem_of(my, 1, ny);
        clact_enqueue q = {.queue = queue, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &done};
        OK(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &in, .y = &out}, &q));
        ck_assert_ptr_nonnull(done);
        if (go)
            p_clSetUserEventStatus(go, CL_COMPLETE);
        size_t bytes = (size_t)ny * sizeof *y;
        ck_assert_int_eq(p_clEnqueueReadBuffer(queue, my, CL_TRUE, sizeof *y, bytes, y, 1, &done, NULL), CL_SUCCESS);
        if (test_caps()->exact == CLACT_EXACT_ALL)
            ck_assert_mem_eq(y, expected, bytes);
        p_clReleaseEvent(done);
        if (go)
            p_clReleaseEvent(go);
        in.tensor.dims[0] = out.tensor.dims[0] = 0;
        done = NULL;
        q = (clact_enqueue){.queue = queue, .event = &done};
        clact_backward_args back = {.x = &in, .dy = &out, .dx = &in};
        if (strcmp(cases[k].name, "softmax") == 0)
            back.x = NULL, back.y = &out;
        OK(clact_backward_enqueue(own, f, &back, &q));
        ck_assert_ptr_nonnull(done);
        ck_assert_int_eq(p_clWaitForEvents(1, &done), CL_SUCCESS);
        p_clReleaseEvent(done);
        clact_activation_destroy(&f);
    }
}
END_TEST

/* The same for bytes of one type that become bytes of another. */
START_TEST(tables_are_enqueued)
{
    const clact_quantization quantization = {0.05, 0.01, 128, -100, CLACT_U8, CLACT_I8, {0}};
    const clact_activation_desc desc = {.name = "tanh", .quantization = &quantization};
    clact_activation *f;
    OK(clact_activation_create(&f, &desc));
    for (int64_t n = N; n >= 0; n -= N) {
        clact_context *cpu = cpu_context(NULL, 1);
        clact_operand host = clact_array(CLACT_U8, (char *)x + 5, n), want = clact_array(CLACT_I8, expected, n);
        OK(clact_forward(cpu, f, &(clact_forward_args){.x = &host, .y = &want}));
        clact_close(&cpu);
        cl_int code;
        cl_event go = is_oclgrind() ? NULL : p_clCreateUserEvent(context, &code), done = NULL;
        clact_operand in = mem_of(mx, 5, n), out = mem_of(my, 3, n);
        in.tensor.type = CLACT_U8, out.tensor.type = CLACT_I8;
        clact_enqueue q = {.queue = queue, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &done};
        OK(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &in, .y = &out}, &q));
        ck_assert_ptr_nonnull(done);
        if (go)
            p_clSetUserEventStatus(go, CL_COMPLETE);
        ck_assert_int_eq(p_clEnqueueReadBuffer(queue, my, CL_TRUE, 3, N, y, 1, &done, NULL), CL_SUCCESS);
        ck_assert_mem_eq(y, expected, (size_t)n);
        p_clReleaseEvent(done);
        if (go)
            p_clReleaseEvent(go);
        clact_enqueue nowhere = {.queue = queue};
        REFUSED(clact_backward_enqueue(own, f, &(clact_backward_args){.x = &in, .dy = &in, .dx = &out}, &nowhere),
                CLACT_E_UNSUPPORTED, "no backward");
    }
    clact_activation_destroy(&f);
}
END_TEST

/* A sum that takes two kernels, and memory between them, behind a wait list. */
START_TEST(gradients_are_enqueued)
{
    float want = 0;
    clact_activation *f = named("prelu");
    clact_context *cpu = cpu_context(NULL, 1);
    clact_operand host = clact_array(CLACT_F32, x, N), value = clact_array(CLACT_F32, &want, 1);
    clact_parameter_gradient g = {.name = "slope", .value = &value};
    clact_backward_args args = {.x = &host, .dy = &host, .gradients = &g, .gradient_count = 1};
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 200 - 100) * 0.01f;
    OK(clact_backward(cpu, f, &args));
    clact_close(&cpu);
    cl_int code;
    cl_event go = is_oclgrind() ? NULL : p_clCreateUserEvent(context, &code), done = NULL;
    ck_assert_int_eq(p_clEnqueueWriteBuffer(queue, mx, CL_TRUE, 0, sizeof x, x, 0, NULL, NULL), CL_SUCCESS);
    clact_operand in = mem_of(mx, 0, N), out = mem_of(my, 2, 1);
    g.value = &out;
    args.x = args.dy = &in;
    clact_enqueue q = {.queue = queue, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &done};
    OK(clact_backward_enqueue(own, f, &args, &q));
    ck_assert_ptr_nonnull(done);
    if (go)
        p_clSetUserEventStatus(go, CL_COMPLETE);
    ck_assert_int_eq(p_clEnqueueReadBuffer(queue, my, CL_TRUE, 2 * sizeof *y, sizeof *y, y, 1, &done, NULL), CL_SUCCESS);
    ck_assert(want != 0 && y[0] == want);
    p_clReleaseEvent(done);
    if (go)
        p_clReleaseEvent(go);
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(handles_are_borrowed)
{
    cl_uint before = references();
    clact_context *second;
    clact_buffer *buffer;
    OK(clact_open_opencl(&second, context, device, NULL, NULL));
    ck_assert_ptr_eq(clact_opencl_context(second), context);
    ck_assert_ptr_eq(clact_opencl_device(second), device);
    ck_assert_ptr_ne(clact_opencl_queue(second), queue);
    ck_assert_ptr_eq(clact_opencl_queue(own), queue);
    OK(clact_buffer_import(&buffer, second, mx));
    ck_assert_ptr_eq(clact_buffer_mem(buffer), mx);
    ck_assert_uint_eq(clact_buffer_bytes(buffer), sizeof x);
    clact_buffer_destroy(&buffer);
    clact_close(&second);
    ck_assert_uint_eq(references(), before);
}
END_TEST

START_TEST(sub_buffers_are_resolved)
{
    cl_int code;
    cl_buffer_region all = {0, sizeof x};
    cl_mem part = p_clCreateSubBuffer(mx, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &all, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clact_activation *f = named("relu");
    clact_operand in = mem_of(mx, 0, 100), out = mem_of(part, 1, 100);
    clact_enqueue q = {0};
    clact_forward_args args = {.x = &in, .y = &out};
    REFUSED(clact_forward_enqueue(own, f, &args, &q), CLACT_E_OVERLAP, "x overlaps the output");
    out.tensor.offset = 0;
    OK(clact_forward_enqueue(own, f, &args, &q)); /* the same view: in place */
    out.tensor.offset = 100;
    OK(clact_forward_enqueue(own, f, &args, &q));
    OK(clact_finish(own));
    p_clReleaseMemObject(part);
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(what_cannot_be_enqueued)
{
    float v[4] = {0};
    clact_activation *f = named("relu");
    clact_operand host = clact_array(CLACT_F32, v, 4), in = mem_of(mx, 0, 4), out = mem_of(my, N - 2, 4);
    clact_enqueue q = {0};
    REFUSED(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &host, .y = &host}, &q), CLACT_E_ARGUMENT, "must be a buffer or a cl_mem");
    REFUSED(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &in, .y = &out}, &q), CLACT_E_BOUNDS, "y reaches");
    out.tensor.offset = 0;
    REFUSED(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &in, .y = &out}, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    q.num_waits = 1;
    REFUSED(clact_forward_enqueue(own, f, &(clact_forward_args){.x = &in, .y = &out}, &q), CLACT_E_ARGUMENT, "num_waits");
    clact_context *cpu = cpu_context(NULL, 1);
    q.num_waits = 0;
    REFUSED(clact_forward_enqueue(cpu, f, &(clact_forward_args){.x = &in, .y = &out}, &q), CLACT_E_ARGUMENT, "no OpenCL device");
    REFUSED(clact_forward(cpu, f, &(clact_forward_args){.x = &in, .y = &out}), CLACT_E_ARGUMENT, "no OpenCL device");
    clact_close(&cpu);
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(a_queue_of_another_context)
{
    cl_int code;
    cl_context other = p_clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    clact_context *c = NULL;
    REFUSED(clact_open_opencl(&c, other, device, queue, NULL), CLACT_E_ARGUMENT, "another context or device");
    ck_assert_ptr_null(c);
    p_clReleaseContext(other);
}
END_TEST

Suite *interop_suite(void)
{
    Suite *s = suite_create("interop");
    TCase *t = tcase_create("interop");
    tcase_set_timeout(t, 120);
    if (test_caps()->backend == CLACT_BACKEND_OPENCL && load()) {
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, events_on_an_ordered_queue);
        tcase_add_test(t, events_on_an_unordered_queue);
        tcase_add_test(t, an_event_for_nothing);
        tcase_add_test(t, units_are_enqueued);
        tcase_add_test(t, tables_are_enqueued);
        tcase_add_test(t, gradients_are_enqueued);
        tcase_add_test(t, handles_are_borrowed);
        tcase_add_test(t, sub_buffers_are_resolved);
        tcase_add_test(t, what_cannot_be_enqueued);
        tcase_add_test(t, a_queue_of_another_context);
    }
    suite_add_tcase(s, t);
    return s;
}

#else

Suite *interop_suite(void)
{
    return suite_create("interop");
}

#endif
