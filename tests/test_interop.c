/* test_interop.c: clact on OpenCL objects that the program owns: queues, memory, wait lists, events. */
#include "suites.h"

#include <clact/opencl.h>
#include <string.h>
#include <unistd.h>

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

static bool is_oclgrind(void)
{
    clact_caps caps;
    OK(clact_context_caps(own, &caps));
    return strstr(caps.platform, "Oclgrind") != NULL; /* it hangs on user events */
}

/* ---- Every kind of call --------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    bool backward, from_y, learns; /* learns: the result is the gradient of the slope, which takes two kernels */
    int64_t nx, ny;
} kinds[] = {
    {"sigmoid", false, false, false, 999, 999}, {"sigmoid", true, false, false, 999, 999},
    {"prelu", true, false, true, N - 3, N - 3}, {"softmax", false, false, false, 999, 999},
    {"softmax", true, true, false, 999, 999},   {"glu", false, false, false, 800, 400},
    {"glu", true, false, false, 800, 400},      {"maxout", false, false, false, 800, 400},
    {"maxout", true, false, false, 800, 400},   {"crelu", false, false, false, 400, 800},
    {"crelu", true, false, false, 400, 800},
};

struct operands {
    clact_operand x, dy, out;
};

static int64_t out_count(const struct kind *k)
{
    return k->learns ? 1 : k->backward ? k->nx : k->ny;
}

/* q: NULL on the CPU backend. */
static clact_status call(clact_context *c, const struct kind *k, const struct operands *o, const clact_enqueue *q)
{
    clact_activation *f = named(k->name);
    clact_parameter_gradient g = {.name = "slope", .value = &o->out};
    clact_forward_args forward = {.x = &o->x, .y = &o->out};
    clact_backward_args back = {.x = k->from_y ? NULL : &o->x, .y = k->from_y ? &o->x : NULL, .dy = &o->dy};
    clact_status status;
    if (k->learns)
        back.gradients = &g, back.gradient_count = 1;
    else
        back.dx = &o->out;
    if (q)
        status = k->backward ? clact_backward_enqueue(c, f, &back, q) : clact_forward_enqueue(c, f, &forward, q);
    else
        status = k->backward ? clact_backward(c, f, &back) : clact_forward(c, f, &forward);
    clact_activation_destroy(&f);
    return status;
}

/* x at 3, dy at 2 of mx, the result at 1 of my. Behind an event that has not come the call returns. */
static void enqueue_kind(const struct kind *k, cl_command_queue on, bool user_event)
{
    struct operands host = {clact_array(CLACT_F32, x + 3, k->nx), clact_array(CLACT_F32, x + 2, k->ny),
                            clact_array(CLACT_F32, expected, out_count(k))};
    clact_context *cpu = cpu_context(NULL, 1);
    OK(call(cpu, k, &host, NULL));
    clact_close(&cpu);
    cl_int code, state = CL_COMPLETE;
    cl_event go = user_event ? p_clCreateUserEvent(context, &code) : NULL, done = NULL;
    struct operands o = {mem_of(mx, 3, k->nx), mem_of(mx, 2, k->ny), mem_of(my, 1, out_count(k))};
    clact_enqueue q = {.queue = on, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &done};
    OK(call(own, k, &o, &q));
    ck_assert_ptr_nonnull(done);
    if (go) {
        p_clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        ck_assert_int_ne(state, CL_COMPLETE);
        p_clSetUserEventStatus(go, CL_COMPLETE);
    }
    size_t bytes = (size_t)out_count(k) * sizeof *y;
    ck_assert_int_eq(p_clEnqueueReadBuffer(on, my, CL_TRUE, sizeof *y, bytes, y, 1, &done, NULL), CL_SUCCESS);
    if (test_caps()->exact == CLACT_EXACT_ALL)
        ck_assert_msg(memcmp(y, expected, bytes) == 0, "%s%s", k->name, k->backward ? ", backward" : "");
    p_clReleaseEvent(done);
    if (go)
        p_clReleaseEvent(go);
}

/* For no elements, too, there is an event, which waits for what the call was to wait for. */
static void enqueue_nothing(const struct kind *k, cl_command_queue on, bool user_event)
{
    cl_int code, state = CL_COMPLETE;
    cl_event go = user_event ? p_clCreateUserEvent(context, &code) : NULL, done = NULL;
    struct operands o = {mem_of(mx, 0, 0), mem_of(mx, 0, 0), mem_of(my, 0, k->learns)};
    clact_enqueue q = {.queue = on, .num_waits = go != NULL, .waits = go ? &go : NULL, .event = &done};
    OK(call(own, k, &o, &q));
    ck_assert_ptr_nonnull(done);
    if (go) {
        p_clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        ck_assert_int_ne(state, CL_COMPLETE);
        p_clSetUserEventStatus(go, CL_COMPLETE);
    }
    ck_assert_int_eq(p_clWaitForEvents(1, &done), CL_SUCCESS);
    p_clReleaseEvent(done);
    if (go)
        p_clReleaseEvent(go);
    OK(call(own, k, &o, &(clact_enqueue){.queue = on}));
}

/* References to the program's objects. */
struct held {
    cl_uint context, queue, x, y;
};

static struct held held(void)
{
    struct held h = {0};
    p_clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof h.context, &h.context, NULL);
    p_clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof h.queue, &h.queue, NULL);
    p_clGetMemObjectInfo(mx, CL_MEM_REFERENCE_COUNT, sizeof h.x, &h.x, NULL);
    p_clGetMemObjectInfo(my, CL_MEM_REFERENCE_COUNT, sizeof h.y, &h.y, NULL);
    return h;
}

/* A driver's threads give up what they hold a little later. */
static void holds_no_more_than(struct held before)
{
    struct held h = held();
    for (int i = 0; i < 2000; i++) {
        if (h.context <= before.context && h.queue <= before.queue && h.x <= before.x && h.y <= before.y)
            break;
        usleep(1000);
        h = held();
    }
    ck_assert_uint_le(h.context, before.context);
    ck_assert_uint_le(h.queue, before.queue);
    ck_assert_uint_le(h.x, before.x);
    ck_assert_uint_le(h.y, before.y);
}

/* Nothing of the program's is held any longer than the context lives: a driver's kernels may hold their arguments. */
START_TEST(every_kind_is_enqueued)
{
    bool user_event = !is_oclgrind();
    cl_command_queue queues[] = {queue, unordered};
    struct held before = held();
    for (size_t q = 0; q < COUNT_OF(queues); q++)
        for (size_t k = 0; k < COUNT_OF(kinds) && queues[q]; k++) {
            enqueue_kind(&kinds[k], queues[q], user_event);
            enqueue_nothing(&kinds[k], queues[q], user_event);
        }
    clact_close(&own);
    OK(clact_open_opencl(&own, context, device, queue, NULL));
    holds_no_more_than(before);
}
END_TEST

/* Bytes of one type become bytes of another. */
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

START_TEST(handles_are_borrowed)
{
    struct held before = held();
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
    ck_assert_uint_gt(held().x, before.x);
    clact_buffer_destroy(&buffer);
    clact_close(&second);
    holds_no_more_than(before);
}
END_TEST

/* A part of memory, handed over as it is and imported: from element FROM of the whole on. */
START_TEST(sub_buffers_are_resolved)
{
    enum { FROM = 1024, COUNT = 100 };
    cl_int code;
    cl_buffer_region region = {FROM * sizeof(float), sizeof x - FROM * sizeof(float)};
    cl_mem part = p_clCreateSubBuffer(mx, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clact_activation *f = named("relu");
    clact_buffer *whole, *imported;
    OK(clact_buffer_import(&whole, own, mx));
    OK(clact_buffer_import(&imported, own, part));
    for (int k = 0; k < 4; k++) {
        clact_operand in = mem_of(mx, FROM, COUNT), out = mem_of(part, 1, COUNT);
        if (k & 1)
            in.mem = NULL, in.buffer = whole;
        if (k & 2)
            out.mem = NULL, out.buffer = imported;
        clact_enqueue q = {0};
        clact_forward_args args = {.x = &in, .y = &out};
        REFUSED(clact_forward_enqueue(own, f, &args, &q), CLACT_E_OVERLAP, "x overlaps the output");
        out.tensor.offset = 0;
        OK(clact_forward_enqueue(own, f, &args, &q)); /* the same view: in place */
        out.tensor.offset = COUNT;
        OK(clact_forward_enqueue(own, f, &args, &q));
        in.tensor.offset = 0; /* and as far apart in the whole */
        out.tensor.offset = 1;
        OK(clact_forward_enqueue(own, f, &args, &q));
    }
    OK(clact_finish(own));
    clact_buffer_destroy(&whole);
    clact_buffer_destroy(&imported);
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

/* One status and one sentence; no event, nothing held, nothing written. */
static void refused(const clact_forward_args *args, const clact_enqueue *given, clact_status status,
                    const char *sentence)
{
    clact_activation *f = named("relu");
    cl_event none = NULL;
    clact_enqueue q = *given;
    struct held before = held();
    q.event = &none;
    REFUSED(clact_forward_enqueue(own, f, args, &q), status, sentence);
    ck_assert_ptr_null(none);
    holds_no_more_than(before);
    ck_assert_int_eq(p_clEnqueueReadBuffer(queue, my, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL), CL_SUCCESS);
    for (int i = 0; i < N; i++)
        ck_assert(bits_of(y[i]) == 0);
    clact_activation_destroy(&f);
}

START_TEST(objects_of_another_context)
{
    cl_int code;
    cl_context other = p_clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    cl_command_queue other_queue = p_clCreateCommandQueue(other, device, 0, &code);
    cl_mem other_mem = p_clCreateBuffer(other, CL_MEM_READ_WRITE, sizeof x, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clact_context *c = NULL;
    clact_buffer *buffer = NULL;
    clact_operand in = mem_of(mx, 0, N), out = mem_of(my, 0, N), strange = mem_of(other_mem, 0, N);
    clact_operand none = mem_of(mx, 0, 0);
    clact_enqueue q = {.queue = queue}, elsewhere = {.queue = other_queue};
    REFUSED(clact_open_opencl(&c, other, device, queue, NULL), CLACT_E_ARGUMENT, "another context or device");
    ck_assert_ptr_null(c);
    REFUSED(clact_buffer_import(&buffer, own, other_mem), CLACT_E_ARGUMENT, "another cl_context");
    ck_assert_ptr_null(buffer);
    refused(&(clact_forward_args){.x = &in, .y = &out}, &elsewhere, CLACT_E_ARGUMENT, "belongs to another context");
    refused(&(clact_forward_args){.x = &none, .y = &none}, &elsewhere, CLACT_E_ARGUMENT, "belongs to another context");
    refused(&(clact_forward_args){.x = &strange, .y = &out}, &q, CLACT_E_ARGUMENT, "belongs to another cl_context");
    refused(&(clact_forward_args){.x = &in, .y = &strange}, &q, CLACT_E_ARGUMENT, "belongs to another cl_context");
    p_clReleaseMemObject(other_mem);
    p_clReleaseCommandQueue(other_queue);
    p_clReleaseContext(other);
}
END_TEST

START_TEST(memory_that_is_too_small)
{
    cl_int code;
    cl_buffer_region half = {0, sizeof x / 2};
    cl_mem part = p_clCreateSubBuffer(mx, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &half, &code);
    clact_operand in = mem_of(mx, 0, N), out = mem_of(my, 0, N), bad = mem_of(part, 0, N), behind = mem_of(mx, N, 1);
    clact_operand far = mem_of(mx, INT64_MAX, 1), many = mem_of(mx, 0, INT64_MAX / 2), before = mem_of(mx, -1, 1);
    clact_operand one = mem_of(my, 0, 1), steps = mem_of(mx, 0, 2), two = mem_of(my, 0, 2);
    clact_enqueue q = {.queue = queue};
    steps.tensor.strided = 1;
    steps.tensor.strides[0] = INT64_MAX / 2;
    refused(&(clact_forward_args){.x = &bad, .y = &out}, &q, CLACT_E_BOUNDS, "x reaches to element");
    refused(&(clact_forward_args){.x = &behind, .y = &one}, &q, CLACT_E_BOUNDS, "x reaches to element");
    refused(&(clact_forward_args){.x = &far, .y = &one}, &q, CLACT_E_BOUNDS, "x");
    refused(&(clact_forward_args){.x = &before, .y = &one}, &q, CLACT_E_BOUNDS, "offset of x is negative");
    refused(&(clact_forward_args){.x = &many, .y = &many}, &q, CLACT_E_BOUNDS, "number of elements of x overflows");
    refused(&(clact_forward_args){.x = &steps, .y = &two}, &q, CLACT_E_BOUNDS, "strides of x overflow");
    out.tensor.offset = 1;
    refused(&(clact_forward_args){.x = &in, .y = &out}, &q, CLACT_E_BOUNDS, "y reaches to element");
    p_clReleaseMemObject(part);
}
END_TEST

START_TEST(handles_that_are_null)
{
    clact_context *c = NULL;
    clact_buffer *buffer = NULL;
    clact_operand in = mem_of(mx, 0, 4), nowhere = mem_of(NULL, 0, 4);
    clact_enqueue q = {.queue = queue};
    REFUSED(clact_open_opencl(&c, NULL, device, queue, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_open_opencl(&c, context, NULL, queue, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_open_opencl(NULL, context, device, queue, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_buffer_import(&buffer, own, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_buffer_import(&buffer, NULL, mx), CLACT_E_ARGUMENT, "must not be NULL");
    refused(&(clact_forward_args){.x = &nowhere, .y = &in}, &q, CLACT_E_ARGUMENT, "x has no memory");
    refused(&(clact_forward_args){.x = &in, .y = &nowhere}, &q, CLACT_E_ARGUMENT, "y has no memory");
    refused(&(clact_forward_args){.x = NULL, .y = &in}, &q, CLACT_E_ARGUMENT, "x must not be NULL");
    ck_assert(!c && !buffer && !clact_opencl_context(NULL) && !clact_opencl_device(NULL) && !clact_opencl_queue(NULL) &&
              !clact_buffer_mem(NULL));
}
END_TEST

Suite *interop_suite(void)
{
    Suite *s = suite_create("interop");
    TCase *t = tcase_create("interop");
    tcase_set_timeout(t, 120);
    if (test_caps()->backend == CLACT_BACKEND_OPENCL && load()) {
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, every_kind_is_enqueued);
        tcase_add_test(t, tables_are_enqueued);
        tcase_add_test(t, handles_are_borrowed);
        tcase_add_test(t, sub_buffers_are_resolved);
        tcase_add_test(t, what_cannot_be_enqueued);
        tcase_add_test(t, objects_of_another_context);
        tcase_add_test(t, memory_that_is_too_small);
        tcase_add_test(t, handles_that_are_null);
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
