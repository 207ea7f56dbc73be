/* mixed.c: calls of every kind from several threads at once, compared with serial ones. */
#include "mixed.h"

#include "suites.h"

#include <clact/opencl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifdef CLACT_TEST_OPENCL
#include "handles.h"
#endif

#define SMALL 3000
#define LARGE 300000 /* enough to start the pool */
#define MOST_THREADS 16

/* An assertion may not leave a thread: what fails goes up to the first one. */
#define TRIED(call)         \
    do {                    \
        if (!(call))        \
            return #call;   \
    } while (0)
#define DONE(call) TRIED((call) == CLACT_OK)

static const struct kind {
    const char *name;
    bool backward, from_y, learns; /* learns: the result is the gradient of the slope */
    size_t x_of_y;                 /* elements of x for each of y */
} kinds[MIXED_KINDS] = {
    {"relu", false, false, false, 1},   {"gelu", false, false, false, 1},  {"tanh", true, false, false, 1},
    {"softmax", false, false, false, 1}, {"softmax", true, true, false, 1}, {"swiglu", false, false, false, 2},
    {"swiglu", true, false, false, 2},  {"maxout", false, false, false, 2}, {"prelu", true, false, true, 1},
};

struct worker {
    clact_context *context, *alone;
    uint64_t seed;
    int calls;
    float *x, *dy, *got, *want;
    const char *failure;
};

/* Where a call's operands lie. */
enum place { HOST, BUFFERS, MAPPED, ENQUEUED, PLACES };

struct operands {
    clact_operand x, dy, out;
};

/* ---- One call ------------------------------------------------------------------------------- */

static size_t x_count(const struct kind *k, size_t n) { return n * k->x_of_y; }
static size_t out_count(const struct kind *k, size_t n) { return k->learns ? 1 : k->backward ? x_count(k, n) : n; }

static clact_status call(clact_context *context, const struct kind *k, const clact_activation *f,
                         const struct operands *o, const clact_enqueue *q)
{
    clact_parameter_gradient g = {.name = "slope", .value = &o->out};
    clact_forward_args forward = {.x = &o->x, .y = &o->out};
    clact_backward_args back = {.x = k->from_y ? NULL : &o->x, .y = k->from_y ? &o->x : NULL, .dy = &o->dy};
    if (k->learns)
        back.gradients = &g, back.gradient_count = 1;
    else
        back.dx = &o->out;
    if (q)
        return k->backward ? clact_backward_enqueue(context, f, &back, q)
                           : clact_forward_enqueue(context, f, &forward, q);
    return k->backward ? clact_backward(context, f, &back) : clact_forward(context, f, &forward);
}

static struct operands on_host(const struct worker *w, const struct kind *k, size_t n, float *out)
{
    return (struct operands){clact_array(CLACT_F32, w->x, (int64_t)x_count(k, n)),
                             clact_array(CLACT_F32, w->dy, (int64_t)n),
                             clact_array(CLACT_F32, out, (int64_t)out_count(k, n))};
}

/* Waits for an event by OpenCL's own call, as its owner would. */
static const char *enqueue(clact_context *context, const struct kind *k, const clact_activation *f,
                           const struct operands *o)
{
#ifdef CLACT_TEST_OPENCL
    cl_event first = NULL, second = NULL;
    DONE(call(context, k, f, o, &(clact_enqueue){.event = &first}));
    clact_status status = call(context, k, f, o, &(clact_enqueue){.num_waits = 1, .waits = &first, .event = &second});
    p_clReleaseEvent(first);
    DONE(status);
    cl_int code = p_clWaitForEvents(1, &second);
    p_clReleaseEvent(second);
    TRIED(code == CL_SUCCESS);
    return NULL;
#else
    DONE(call(context, k, f, o, NULL));
    return NULL;
#endif
}

static const char *fill(clact_operand *o, enum place place, float *from)
{
    size_t bytes = (size_t)o->tensor.dims[0] * sizeof *from;
    void *mapped;
    if (place != MAPPED) {
        DONE(clact_buffer_write(o->buffer, 0, bytes, from));
        return NULL;
    }
    DONE(clact_buffer_map(&mapped, o->buffer, 0, bytes, CLACT_MAP_WRITE));
    memcpy(mapped, from, bytes);
    DONE(clact_buffer_unmap(o->buffer, mapped));
    return NULL;
}

static const char *fetch(clact_operand *o, enum place place, float *to)
{
    size_t bytes = (size_t)o->tensor.dims[0] * sizeof *to;
    void *mapped;
    if (place != MAPPED) {
        DONE(clact_buffer_read(o->buffer, 0, bytes, to));
        return NULL;
    }
    DONE(clact_buffer_map(&mapped, o->buffer, 0, bytes, CLACT_MAP_READ));
    memcpy(to, mapped, bytes);
    DONE(clact_buffer_unmap(o->buffer, mapped));
    return NULL;
}

static const char *in_buffers(struct worker *w, const struct kind *k, const clact_activation *f, enum place place,
                              struct operands *o)
{
    clact_operand *all[] = {&o->x, &o->dy, &o->out};
    for (int i = 0; i < 3; i++) {
        all[i]->data = NULL;
        DONE(clact_buffer_create(&all[i]->buffer, w->context, (size_t)all[i]->tensor.dims[0] * sizeof(float)));
    }
    const char *failure = fill(&o->x, place, w->x);
    failure = failure ? failure : fill(&o->dy, place, w->dy);
    if (!failure && place == ENQUEUED && clact_opencl_queue(w->context))
        failure = enqueue(w->context, k, f, o);
    else if (!failure && call(w->context, k, f, o, NULL) != CLACT_OK)
        failure = "call";
    return failure ? failure : fetch(&o->out, place, w->got);
}

static const char *mixed_call(struct worker *w, const struct kind *k, enum place place, size_t n)
{
    clact_activation *f = NULL;
    struct operands host = on_host(w, k, n, w->want), o = on_host(w, k, n, w->got);
    size_t bytes = out_count(k, n) * sizeof(float);
    DONE(clact_activation_named(&f, k->name, NULL, 0));
    const char *failure = call(w->alone, k, f, &host, NULL) == CLACT_OK ? NULL : "the serial call";
    if (!failure && place == HOST)
        failure = call(w->context, k, f, &o, NULL) == CLACT_OK ? NULL : "the call on host memory";
    else if (!failure)
        failure = in_buffers(w, k, f, place, &o);
    clact_buffer_destroy(&o.x.buffer);
    clact_buffer_destroy(&o.dy.buffer);
    clact_buffer_destroy(&o.out.buffer);
    clact_activation_destroy(&f);
    return failure ? failure : memcmp(w->got, w->want, bytes) == 0 ? NULL : "the result differs";
}

/* ---- Threads -------------------------------------------------------------------------------- */

static void *work(void *argument)
{
    struct worker *w = argument;
    for (int i = 0; !w->failure && i < w->calls; i++) {
        uint64_t r = next_random(&w->seed);
        size_t n = i % 64 == 63 ? LARGE : 1 + (size_t)(r >> 32) % SMALL;
        const struct kind *k = &kinds[((size_t)i < COUNT_OF(kinds) ? (size_t)i : r) % COUNT_OF(kinds)];
        fill_strata(w->x, x_count(k, n), r);
        fill_strata(w->dy, n, r + 1);
        w->failure = mixed_call(w, k, (enum place)(r >> 16) % PLACES, n);
    }
    return NULL;
}

static void start(struct worker *w)
{
    OK(clact_open(&w->alone, &(clact_options){.device = "cpu", .threads = 1}));
    w->x = malloc(2 * LARGE * sizeof(float));
    w->dy = malloc(LARGE * sizeof(float));
    w->got = malloc(2 * LARGE * sizeof(float));
    w->want = malloc(2 * LARGE * sizeof(float));
    ck_assert(w->x && w->dy && w->got && w->want);
}

static void end(struct worker *w)
{
    clact_close(&w->alone);
    free(w->x);
    free(w->dy);
    free(w->got);
    free(w->want);
}

void run_mixed_calls(clact_context *const *contexts, unsigned count, unsigned threads, int calls)
{
    pthread_t handles[MOST_THREADS];
    struct worker workers[MOST_THREADS] = {{0}};
#ifdef CLACT_TEST_OPENCL
    for (unsigned i = 0; i < count; i++)
        ck_assert(!clact_opencl_queue(contexts[i]) || load_handles());
#endif
    ck_assert_uint_le(threads, MOST_THREADS);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.context = contexts[i % count], .seed = 100 + i, .calls = calls};
        start(&workers[i]);
    }
    for (unsigned i = 0; i < threads; i++)
        ck_assert_int_eq(pthread_create(&handles[i], NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(handles[i], NULL);
    for (unsigned i = 0; i < threads; i++) {
        end(&workers[i]);
        ck_assert_msg(!workers[i].failure, "thread %u: %s", i, workers[i].failure);
    }
}
