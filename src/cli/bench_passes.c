/* bench_passes.c: passes over arrays, of an activation and of what only reads and writes, and their times. */
#include "bench.h"

#include "convert.h"
#include "streams.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_SECONDS 1e-3
#define THREADS_PAY ((size_t)1 << 20) /* bytes from which on starting threads for a copy is worth a try */

enum { ALIGNMENT = 64, CHOICE_ROUNDS = 3, LIBRARY = STREAM_KINDS, WAY_COUNT = 2 * STREAM_KINDS + 1 };

/* What only reads and writes: a loop of streams.c, or kind LIBRARY, the library's own fastest. */
typedef struct way {
    int kind;
    unsigned threads;
} way;

/* The fastest way, for arrays of one size. */
typedef struct choice {
    size_t bytes;
    bool two; /* arrays are read */
    way way;
} choice;

struct bench {
    clact_context *context;
    clact_caps caps;
    bool opencl, in_place;
    void *x, *dy, *out;             /* host memory; out NULL on an OpenCL device */
    clact_buffer *buffers[3];       /* of an OpenCL device: x, dy, out */
    clact_activation *copies[3];    /* identity, linear, relu: see copy_by_library */
    size_t room;                    /* elements */
    clact_type type;                /* of what x and dy hold */
    bool filled;
    choice choices[2 * BENCH_SIZES * CLACT_TYPE_COUNT];
    size_t choice_count;

    /* of one measurement: */
    const clact_activation *activation;
    bool gradient, reads_x;
    size_t count, bytes; /* elements, and bytes of an array */
    clact_operand x_operand, dy_operand, out_operand;
    way way;
};

typedef clact_status (*pass)(const bench *b);

/* ---- Passes --------------------------------------------------------------------------------- */

static clact_status forward(const bench *b, const clact_activation *activation)
{
    if (!b->opencl && b->type == CLACT_F32)
        return clact_apply(b->context, activation, b->count, b->x_operand.data, b->out_operand.data);
    return clact_forward(b->context, activation, &(clact_forward_args){.x = &b->x_operand, .y = &b->out_operand});
}

static clact_status backward(const bench *b, const clact_activation *activation, bool reads_x)
{
    if (!b->opencl && b->type == CLACT_F32)
        return clact_apply_gradient(b->context, activation, b->count, reads_x ? b->x_operand.data : NULL,
                                    b->dy_operand.data, b->out_operand.data);
    return clact_backward(b->context, activation,
                          &(clact_backward_args){.x = reads_x ? &b->x_operand : NULL, .dy = &b->dy_operand,
                                                 .dx = &b->out_operand});
}

static clact_status work_pass(const bench *b)
{
    return b->gradient ? backward(b, b->activation, b->reads_x) : forward(b, b->activation);
}

/* Of two arrays the gradient of relu, which chooses. Of one the identity; in place, where that has nothing to do,
 * linear with its defaults, which leaves numbers as they are. */
static clact_status copy_by_library(const bench *b)
{
    if (b->gradient && b->reads_x)
        return backward(b, b->copies[2], true);
    if (b->gradient)
        return backward(b, b->copies[1], false);
    return forward(b, b->copies[b->in_place]);
}

static clact_status copy_pass(const bench *b)
{
    if (b->way.kind == LIBRARY)
        return copy_by_library(b);
    const bool two = b->gradient && b->reads_x;
    stream_run((stream_kind)b->way.kind, b->way.threads, b->bytes, b->out_operand.data,
               two || !b->gradient ? b->x_operand.data : b->dy_operand.data, two ? b->dy_operand.data : NULL);
    return CLACT_OK;
}

/* ---- Times ---------------------------------------------------------------------------------- */

static double time_round(const bench *b, pass run, size_t repetitions)
{
    double start = now();
    for (size_t i = 0; i < repetitions; i++)
        require_ok(run(b));
    if (b->opencl)
        require_ok(clact_finish(b->context));
    return now() - start;
}

/* How often to repeat a pass for a round to last long enough; warms up on the way. */
static size_t count_repetitions(const bench *b, pass run)
{
    size_t repetitions = 1;
    time_round(b, run, 1);
    while (time_round(b, run, repetitions) < ROUND_SECONDS)
        repetitions *= 2;
    return repetitions;
}

/* The pool's threads are awake for a while after a call, and a copy would meet them. */
static void rest(const bench *b)
{
    if (!b->opencl && b->caps.threads > 1)
        wait_for_idle_threads();
}

static double least_seconds(const bench *b)
{
    size_t repetitions = count_repetitions(b, copy_pass);
    double least = 0;
    for (int i = 0; i < CHOICE_ROUNDS; i++) {
        double seconds = time_round(b, copy_pass, repetitions) / (double)repetitions;
        least = i == 0 || seconds < least ? seconds : least;
    }
    return least;
}

static size_t list_ways(const bench *b, way out[WAY_COUNT])
{
    size_t count = 0;
    out[count++] = (way){LIBRARY, 0};
    if (b->opencl)
        return count;
    const bool copies = !b->in_place && !(b->gradient && b->reads_x); /* as memcpy does */
    for (int kind = copies ? STREAM_MEMCPY : STREAM_VECTORS; kind < STREAM_KINDS; kind++) {
        out[count++] = (way){kind, 1};
        if (b->caps.threads > 1 && b->bytes >= THREADS_PAY)
            out[count++] = (way){kind, b->caps.threads};
    }
    return count;
}

static way choose_way(bench *b)
{
    const bool two = b->gradient && b->reads_x;
    for (size_t i = 0; i < b->choice_count; i++)
        if (b->choices[i].bytes == b->bytes && b->choices[i].two == two)
            return b->choices[i].way;
    way ways[WAY_COUNT], best = {0};
    double least = 0;
    size_t count = list_ways(b, ways);
    for (size_t i = 0; i < count && count > 1; i++) {
        rest(b);
        b->way = ways[i];
        double seconds = least_seconds(b);
        if (i == 0 || seconds < least) {
            least = seconds;
            best = ways[i];
        }
    }
    best = count > 1 ? best : ways[0];
    if (b->choice_count < sizeof b->choices / sizeof *b->choices)
        b->choices[b->choice_count++] = (choice){b->bytes, two, best};
    return best;
}

/* Rounds of the two take turns, so that both meet the same clock frequency and the same neighbours. */
static void measure(const bench *b, timing *work, timing *copy, size_t rounds)
{
    static double work_seconds[BENCH_ROUNDS], copy_seconds[BENCH_ROUNDS];
    size_t work_count = count_repetitions(b, work_pass), copy_count = count_repetitions(b, copy_pass);
    for (size_t i = 0; i < rounds; i++) {
        rest(b);
        time_round(b, copy_pass, 1); /* wakes threads up */
        copy_seconds[i] = time_round(b, copy_pass, copy_count) / (double)copy_count;
        time_round(b, work_pass, 1);
        work_seconds[i] = time_round(b, work_pass, work_count) / (double)work_count;
    }
    *work = timing_of(work_seconds, rounds);
    *copy = timing_of(copy_seconds, rounds);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static void *allocate_aligned(size_t bytes)
{
    void *memory = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (!memory)
        fail(CLI_FAILED, "out of memory");
    memset(memory, 0, bytes); /* each page is there before it is measured */
    return memory;
}

/* Uniform in [-4, 4]: both sides of every kink, nothing subnormal. */
static void fill(void *out, clact_type type, size_t count, uint32_t state)
{
    float block[1024];
    for (size_t done = 0, n; done < count; done += n) {
        n = count - done < 1024 ? count - done : 1024;
        for (size_t i = 0; i < n; i++) {
            state = state * 1664525u + 1013904223u;
            block[i] = (float)(state >> 8) * 0x1p-21f - 4.0f;
        }
        convert_elements((char *)out + done * clact_type_bytes(type), type, block, CLACT_F32, n);
    }
}

static void fill_inputs(bench *b, clact_type type)
{
    if (b->filled && b->type == type)
        return;
    const size_t bytes = b->room * clact_type_bytes(type);
    b->filled = true;
    b->type = type;
    b->choice_count = 0;
    fill(b->x, type, b->room, 1);
    fill(b->dy, type, b->room, 2);
    if (b->opencl) {
        require_ok(clact_buffer_write(b->buffers[0], 0, bytes, b->x));
        require_ok(clact_buffer_write(b->buffers[1], 0, bytes, b->dy));
    }
}

bench *bench_open(const bench_options *options, uint32_t threads)
{
    static const char *const copies[] = {"identity", "linear", "relu"};
    bench *b = allocate(1, sizeof *b);
    context_options wanted = options->context;
    wanted.threads = threads;
    b->context = open_context(&wanted);
    b->caps = context_caps(b->context);
    b->opencl = b->caps.backend == CLACT_BACKEND_OPENCL;
    b->in_place = options->in_place;
    size_t width = 0;
    for (size_t i = 0; i < options->size_count; i++)
        b->room = options->sizes[i] > b->room ? options->sizes[i] : b->room;
    for (size_t i = 0; i < options->type_count; i++)
        width = clact_type_bytes(options->types[i]) > width ? clact_type_bytes(options->types[i]) : width;
    b->x = allocate_aligned(b->room * width);
    b->dy = allocate_aligned(b->room * width);
    if (!b->opencl)
        b->out = allocate_aligned(b->room * width);
    for (int i = 0; i < 3; i++) {
        require_ok(clact_activation_named(&b->copies[i], copies[i], NULL, 0));
        if (b->opencl)
            require_ok(clact_buffer_create(&b->buffers[i], b->context, b->room * width));
    }
    return b;
}

void bench_close(bench *b)
{
    for (int i = 0; i < 3; i++) {
        clact_buffer_destroy(&b->buffers[i]);
        clact_activation_destroy(&b->copies[i]);
    }
    clact_close(&b->context);
    free(b->x);
    free(b->dy);
    free(b->out);
    free(b);
}

clact_caps bench_caps(const bench *b)
{
    return b->caps;
}

/* ---- One measurement ------------------------------------------------------------------------ */

static clact_operand operand(const bench *b, void *data, clact_buffer *buffer)
{
    clact_operand o = clact_array(b->type, b->opencl ? NULL : data, (int64_t)b->count);
    o.buffer = b->opencl ? buffer : NULL;
    return o;
}

/* In place the output's memory is also that of x, or where x is not read of dy. What is computed there is computed from
 * again, so numbers wander, as far as the function takes them; the time of no loop depends on them. */
static void share_memory(bench *b)
{
    const bool of_dy = b->gradient && !b->reads_x;
    if (b->opencl)
        require_ok(clact_buffer_write(b->buffers[2], 0, b->bytes, of_dy ? b->dy : b->x));
    else
        memcpy(b->out, of_dy ? b->dy : b->x, b->bytes);
    *(of_dy ? &b->dy_operand : &b->x_operand) = b->out_operand;
}

void bench_measure(bench *b, bench_result *r, size_t rounds)
{
    clact_activation *activation = NULL;
    require_ok(clact_activation_named(&activation, r->name, NULL, 0));
    fill_inputs(b, r->type);
    b->activation = activation;
    b->gradient = r->gradient;
    b->reads_x = clact_activation_info_of(activation)->needs != CLACT_BACKWARD_NOTHING;
    b->count = r->count;
    b->bytes = r->count * clact_type_bytes(r->type);
    b->x_operand = operand(b, b->x, b->buffers[0]);
    b->dy_operand = operand(b, b->dy, b->buffers[1]);
    b->out_operand = operand(b, b->out, b->buffers[2]);
    if (b->in_place)
        share_memory(b);
    b->way = choose_way(b);
    measure(b, &r->work, &r->copy, rounds);
    r->bytes = b->bytes * (b->gradient && b->reads_x ? 3 : 2);
    r->copy_by = b->way.kind == LIBRARY ? "library" : stream_names[b->way.kind];
    r->copy_threads = b->way.threads;
    clact_activation_destroy(&activation);
}
