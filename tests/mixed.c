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
    clact_type type;
} kinds[MIXED_KINDS] = {
    {"relu", false, false, false, 1, CLACT_F32},    {"gelu", false, false, false, 1, CLACT_F32},
    {"tanh", true, false, false, 1, CLACT_F32},     {"softmax", false, false, false, 1, CLACT_F32},
    {"softmax", true, true, false, 1, CLACT_F32},   {"swiglu", false, false, false, 2, CLACT_F32},
    {"swiglu", true, false, false, 2, CLACT_F32},   {"maxout", false, false, false, 2, CLACT_F32},
    {"prelu", true, false, true, 1, CLACT_F32},
};

struct worker {
    clact_context *context, *alone;
    uint64_t seed;
    int calls;
    bool any_row;
    uint32_t types; /* that the context has */
    void *x, *dy, *got, *want;
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

static struct operands on_host(const struct worker *w, const struct kind *k, size_t n, void *out)
{
    return (struct operands){clact_array(k->type, w->x, (int64_t)x_count(k, n)),
                             clact_array(k->type, w->dy, (int64_t)n),
                             clact_array(k->type, out, (int64_t)out_count(k, n))};
}

static size_t bytes_of(const clact_operand *o)
{
    return (size_t)o->tensor.dims[0] * clact_type_bytes((clact_type)o->tensor.type);
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

static const char *fill(clact_operand *o, enum place place, const void *from)
{
    size_t bytes = bytes_of(o);
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

static const char *fetch(clact_operand *o, enum place place, void *to)
{
    size_t bytes = bytes_of(o);
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
        DONE(clact_buffer_create(&all[i]->buffer, w->context, bytes_of(all[i])));
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
    return failure ? failure : memcmp(w->got, w->want, bytes_of(&host.out)) == 0 ? NULL : "the result differs";
}

/* ---- Threads -------------------------------------------------------------------------------- */

/* Any element-wise row, in any type that the device has, or one of the kinds. */
static struct kind any_kind(uint32_t types, uint64_t r)
{
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    uint64_t i = r % (count + COUNT_OF(kinds));
    if (i >= count)
        return kinds[i - count];
    struct kind k = {list[i].name, r >> 8 & 1, false, false, 1, (clact_type)(r >> 9 & 3)};
    if (!(types >> k.type & 1))
        k.type = CLACT_F32;
    return k;
}

static void fill_array(clact_type type, void *out, size_t n, uint64_t seed)
{
    if (type == CLACT_F32)
        fill_strata(out, n, seed);
    for (size_t at = 0, bytes = n * clact_type_bytes(type); type != CLACT_F32 && at < bytes; at += sizeof(uint64_t)) {
        uint64_t word = next_random(&seed);
        memcpy((char *)out + at, &word, sizeof word);
    }
}

static void *work(void *argument)
{
    struct worker *w = argument;
    for (int i = 0; !w->failure && i < w->calls; i++) {
        uint64_t r = next_random(&w->seed);
        size_t n = i % 64 == 63 ? LARGE : 1 + (size_t)(r >> 32) % SMALL;
        const struct kind k = w->any_row ? any_kind(w->types, r)
                                           : kinds[((size_t)i < COUNT_OF(kinds) ? (size_t)i : r) % COUNT_OF(kinds)];
        fill_array(k.type, w->x, x_count(&k, n), r);
        fill_array(k.type, w->dy, n, r + 1);
        w->failure = mixed_call(w, &k, (enum place)(r >> 16) % PLACES, n);
    }
    return NULL;
}

static void start(struct worker *w)
{
    OK(clact_open(&w->alone, &(clact_options){.device = "cpu", .threads = 1}));
    w->x = malloc(2 * LARGE * sizeof(double));
    w->dy = malloc(2 * LARGE * sizeof(double));
    w->got = malloc(2 * LARGE * sizeof(double));
    w->want = malloc(2 * LARGE * sizeof(double));
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

static void run_calls(clact_context *const *contexts, unsigned count, unsigned threads, const struct worker *like)
{
    pthread_t handles[MOST_THREADS];
    struct worker workers[MOST_THREADS] = {{0}};
#ifdef CLACT_TEST_OPENCL
    for (unsigned i = 0; i < count; i++)
        ck_assert(!clact_opencl_queue(contexts[i]) || load_handles());
#endif
    ck_assert_uint_le(threads, MOST_THREADS);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = *like;
        workers[i].context = contexts[i % count];
        workers[i].seed += i;
        clact_caps caps;
        OK(clact_context_caps(contexts[i % count], &caps));
        workers[i].types = caps.types;
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

void run_mixed_calls(clact_context *const *contexts, unsigned count, unsigned threads, int calls)
{
    run_calls(contexts, count, threads, &(struct worker){.seed = 100, .calls = calls});
}

void run_random_calls(clact_context *const *contexts, unsigned count, unsigned threads, int calls, uint64_t seed)
{
    run_calls(contexts, count, threads, &(struct worker){.seed = seed, .calls = calls, .any_row = true});
}
