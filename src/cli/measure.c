/* measure.c: measures an activation in one direction: its error, and its bits against another. */
#include "measure.h"
#include "convert.h"
#include "ulp.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define MAX_WORKERS 64
#define LARGEST_ELEMENT sizeof(double)

/* ---- Running -------------------------------------------------------------------------------- */

clact_status runner_open(runner *out, clact_context *context, bool buffers)
{
    clact_status status = CLACT_OK;
    runner r = {context, NULL, NULL, NULL};
    clact_buffer **all[] = {&r.x, &r.dy, &r.out};
    for (int i = 0; buffers && i < 3 && status == CLACT_OK; i++)
        status = clact_buffer_create(all[i], context, CHUNK * LARGEST_ELEMENT);
    if (status == CLACT_OK)
        *out = r;
    else
        runner_close(&r);
    return status;
}

void runner_close(runner *r)
{
    clact_buffer_destroy(&r->x);
    clact_buffer_destroy(&r->dy);
    clact_buffer_destroy(&r->out);
}

clact_status runner_run(runner *r, const clact_activation *activation, direction d, clact_type type,
                        size_t n, const void *x, const void *dy, void *out)
{
    clact_operand from = clact_array(type, x, (int64_t)n), up = clact_array(type, dy, (int64_t)n);
    clact_operand to = clact_array(type, out, (int64_t)n);
    clact_forward_args forward = {.x = &from, .y = &to};
    clact_backward_args backward = {.x = &from, .dy = &up, .dx = &to};
    clact_status status = CLACT_OK;
    size_t bytes = n * clact_type_bytes(type);
    if (r->x) {
        from.data = up.data = to.data = NULL;
        from.buffer = r->x;
        up.buffer = r->dy;
        to.buffer = r->out;
        status = clact_buffer_write(r->x, 0, bytes, x);
    }
    if (status == CLACT_OK && r->x && d == DERIVATIVE)
        status = clact_buffer_write(r->dy, 0, bytes, dy);
    if (status == CLACT_OK)
        status = d == FORWARD ? clact_forward(r->context, activation, &forward)
                              : clact_backward(r->context, activation, &backward);
    if (status == CLACT_OK && r->x)
        status = clact_buffer_read(r->out, 0, bytes, out);
    return status;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* Inputs first .. first + n - 1: what went in, what came out, a hash for each block. */
typedef struct chunk {
    const measurement *m;
    uint64_t first;
    size_t n, size; /* elements, and the bytes of one */
    char *x, *dy, *got, *reference;
    uint64_t hashes[CHUNK / BLOCK];
} chunk;

/* A thread, its blocks of a chunk, and what it found there. */
typedef struct worker {
    chunk *c;
    void (*step)(chunk *c, size_t block, measured *found);
    size_t first_block, end_block;
    pthread_t thread;
    bool started;
    measured found;
} worker;

/* FNV-1a with a word for a byte and a better multiplier; the shift brings the upper bits down. */
static const uint64_t hash_start = 0xcbf29ce484222325;

static uint64_t hash_step(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 32;
}

/* Of element i: its representation, and its value. */
static uint64_t bits_at(const char *from, size_t size, size_t i)
{
    uint64_t bits = 0; /* little-endian: the low bytes */
    if (size == sizeof(float))
        memcpy(&bits, from + i * sizeof(float), sizeof(float));
    else
        memcpy(&bits, from + i * size, size);
    return bits;
}

static void set_bits(char *to, size_t size, size_t i, uint64_t bits)
{
    if (size == sizeof(float))
        memcpy(to + i * sizeof(float), &bits, sizeof(float));
    else
        memcpy(to + i * size, &bits, size);
}

static double value_at(const char *from, clact_type type, size_t i)
{
    double value;
    convert_elements(&value, CLACT_F64, from + i * clact_type_bytes(type), type, 1);
    return value;
}

/* A number that the type computed in has no normal form of: f16 is computed in f32. */
static bool is_subnormal(clact_type type, double x)
{
    double least = type == CLACT_F64 ? DBL_MIN : type == CLACT_F16 ? 0 : (double)FLT_MIN;
    return x != 0 && fabs(x) < least;
}

double error_of(clact_type type, double got, long double exact, long double term, int cancels)
{
    double distance = ulp_distance(type, got, exact);
    return cancels ? (double)(distance * ulp_of(type, exact) / ulp_of(type, term)) : distance;
}

/* From here on an error is looked at more closely: it is the largest, or almost at the bound. */
static double limit_of(double bound, const worst *w)
{
    return fmin(w->error, 0.98 * bound);
}

/* An error that may be the largest, or past the bound. A better oracle decides near the bound, and for
 * f64 always. Past the bound is what is so whatever the error of that oracle: of long double, where it is
 * no better than double, twice 2^-21 ulp of f32. */
static void judge(const measurement *m, double x, double got, long double exact, long double term, measured *found)
{
    bool f64 = m->type == CLACT_F64;
    int cancels = oracle_cancels_long(exact, term);
    double bound = cancels ? CANCELLED_BOUND : m->bound;
    double granted = f64 ? oracle_decide_error * 0x1p53 : 0x1p-20;
    worst *w = cancels ? &found->cancelled : &found->worst;
    double error = error_of(m->type, got, exact, term, cancels);
    if (f64 || error > 0.98 * bound) {
        exact = f64 ? oracle_decide(m->oracle, m->direction, x, &term)
                    : oracle_value(m->oracle, m->direction, x, &term);
        error = error_of(m->type, got, exact, term, cancels);
    }
    if (error > bound + granted)
        found->beyond++;
    if (error > w->error)
        *w = (worst){error, x, got, (double)exact};
}

/* Whether the error may be over the limit: not where both are NaN or the same infinity. No
 * branches, so that the loop over it is vectorised. */
static int is_suspect(double limit, double cancelled_limit, float got, double exact, double term)
{
    int cancels = oracle_cancels(exact, term);
    double most = (cancels ? cancelled_limit : limit) * ulp_of_f32(cancels ? term : exact);
    int near = fabs(got - exact) <= most;
    int same = (got == exact) | ((got != got) & (exact != exact));
    return !(near | same);
}

static void find_errors_f32(const measurement *m, size_t n, const float *x, const float *got,
                            measured *found)
{
    double exact[BLOCK], term[BLOCK];
    double limit = limit_of(m->bound, &found->worst);
    double cancelled_limit = limit_of(CANCELLED_BOUND, &found->cancelled);
    int suspects = 0;
    oracle_values(m->oracle, m->direction, n, x, exact, term);
    for (size_t i = 0; i < n; i++)
        suspects |= is_suspect(limit, cancelled_limit, got[i], exact[i], term[i]);
    for (size_t i = 0; suspects && i < n; i++) {
        limit = limit_of(m->bound, &found->worst);
        cancelled_limit = limit_of(CANCELLED_BOUND, &found->cancelled);
        if (is_suspect(limit, cancelled_limit, got[i], exact[i], term[i]))
            judge(m, x[i], got[i], exact[i], term[i], found);
    }
}

static void find_errors(const chunk *c, size_t first, size_t n, measured *found)
{
    const measurement *m = c->m;
    const char *xs = c->x + first * c->size, *gots = c->got + first * c->size;
    if (m->type == CLACT_F32) {
        find_errors_f32(m, n, (const float *)(const void *)xs, (const float *)(const void *)gots, found);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double x = value_at(xs, m->type, i), got = value_at(gots, m->type, i);
        long double term, exact = oracle_value(m->oracle, m->direction, x, &term);
        int cancels = oracle_cancels_long(exact, term);
        double limit = cancels ? limit_of(CANCELLED_BOUND, &found->cancelled) : limit_of(m->bound, &found->worst);
        if (error_of(m->type, got, exact, term, cancels) > limit)
            judge(m, x, got, exact, term, found);
    }
}

static void find_differences(const chunk *c, size_t first, size_t n, measured *found)
{
    const char *got = c->got + first * c->size, *reference = c->reference + first * c->size;
    if (memcmp(got, reference, n * c->size) == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        if (bits_at(got, c->size, i) == bits_at(reference, c->size, i))
            continue;
        if (found->differing++ == 0) {
            found->differing_x = value_at(c->x, c->m->type, first + i);
            found->differing_got = value_at(got, c->m->type, i);
            found->differing_reference = value_at(reference, c->m->type, i);
        }
    }
}

static size_t block_size(const chunk *c, size_t block)
{
    return c->n - block * BLOCK < BLOCK ? c->n - block * BLOCK : BLOCK;
}

static void compare_block(chunk *c, size_t block, measured *found)
{
    size_t first = block * BLOCK, n = block_size(c, block);
    uint64_t hash = hash_start;
    for (size_t i = 0; i < n; i++)
        hash = hash_step(hash, bits_at(c->got, c->size, first + i));
    c->hashes[block] = hash;
    if (c->m->reference)
        find_differences(c, first, n, found);
    if (c->m->oracle)
        find_errors(c, first, n, found);
}

static void fill_block(chunk *c, size_t block, measured *found)
{
    const measurement *m = c->m;
    size_t first = block * BLOCK, n = block_size(c, block);
    (void)found;
    for (size_t i = first; i < first + n; i++) {
        uint64_t bits = m->strata ? strata_bits(m->strata, c->first + i) : c->first + i;
        set_bits(c->x, c->size, i, bits);
        if (m->no_subnormals && is_subnormal(m->type, value_at(c->x, m->type, i)))
            set_bits(c->x, c->size, i, bits & (uint64_t)1 << (8 * c->size - 1)); /* the sign */
    }
}

/* ---- Sharing the work ----------------------------------------------------------------------- */

static void merge(measured *into, const measured *found)
{
    if (found->worst.error > into->worst.error)
        into->worst = found->worst;
    if (found->cancelled.error > into->cancelled.error)
        into->cancelled = found->cancelled;
    if (into->differing == 0) {
        into->differing_x = found->differing_x;
        into->differing_got = found->differing_got;
        into->differing_reference = found->differing_reference;
    }
    into->differing += found->differing;
    into->beyond += found->beyond;
}

static void *work(void *argument)
{
    worker *w = argument;
    for (size_t block = w->first_block; block < w->end_block; block++)
        w->step(w->c, block, &w->found);
    return NULL;
}

/* A step for every block of the chunk, shared by all processors: most of the time goes into the
 * oracle. */
static void for_blocks(chunk *c, void (*step)(chunk *, size_t, measured *), measured *total)
{
    worker workers[MAX_WORKERS];
    size_t blocks = (c->n + BLOCK - 1) / BLOCK;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = processors < 1 ? 1 : processors > MAX_WORKERS ? MAX_WORKERS : (size_t)processors;
    for (size_t i = 0; i < count; i++) {
        worker *w = &workers[i];
        *w = (worker){.c = c, .step = step};
        w->found.worst.error = total->worst.error;
        w->found.cancelled.error = total->cancelled.error;
        w->first_block = blocks * i / count;
        w->end_block = blocks * (i + 1) / count;
        w->started = i + 1 < count && pthread_create(&w->thread, NULL, work, w) == 0;
        if (!w->started)
            work(w);
    }
    for (size_t i = 0; i < count; i++) {
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
        merge(total, &workers[i].found);
    }
}

/* ---- Measuring ------------------------------------------------------------------------------ */

static uint64_t leave_out_subnormals(chunk *c)
{
    uint64_t count = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (is_subnormal(c->m->type, value_at(c->reference, c->m->type, i))) {
            set_bits(c->got, c->size, i, bits_at(c->reference, c->size, i));
            count++;
        }
    }
    return count;
}

/* The reference's results: of f16 and bf16 the f32 results at the same numbers, rounded. */
static clact_status run_reference(chunk *c)
{
    const measurement *m = c->m;
    if (m->type == CLACT_F32 || m->type == CLACT_F64)
        return runner_run(m->reference, m->activation, m->direction, m->type, c->n, c->x, c->dy, c->reference);
    float *single = malloc(3 * c->n * sizeof(float));
    if (!single)
        return CLACT_E_MEMORY;
    float *dy = single + c->n, *out = dy + c->n;
    convert_elements(single, CLACT_F32, c->x, m->type, c->n);
    convert_elements(dy, CLACT_F32, c->dy, m->type, c->n);
    clact_status status = runner_run(m->reference, m->activation, m->direction, CLACT_F32, c->n, single, dy, out);
    if (status == CLACT_OK)
        convert_elements(c->reference, m->type, out, CLACT_F32, c->n);
    free(single);
    return status;
}

static clact_status measure_chunk(chunk *c, measured *total)
{
    const measurement *m = c->m;
    for_blocks(c, fill_block, total);
    clact_status status =
        runner_run(m->checked, m->activation, m->direction, m->type, c->n, c->x, c->dy, c->got);
    if (status == CLACT_OK && m->reference)
        status = run_reference(c);
    if (status != CLACT_OK)
        return status;
    if (m->no_subnormals)
        total->left_out += leave_out_subnormals(c);
    for_blocks(c, compare_block, total);
    for (size_t i = 0; i * BLOCK < c->n; i++)
        total->hash = hash_step(total->hash, c->hashes[i]);
    return CLACT_OK;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t inputs_of(const measurement *m)
{
    return m->strata ? m->inputs : (uint64_t)1 << (8 * clact_type_bytes(m->type));
}

clact_status measure(measured *out, const measurement *m)
{
    measured total = {.inputs = inputs_of(m), .hash = hash_start};
    size_t size = clact_type_bytes(m->type), room = total.inputs < CHUNK ? (size_t)total.inputs : CHUNK;
    chunk *c = malloc(sizeof *c);
    char *memory = malloc(4 * room * size);
    clact_status status = c && memory ? CLACT_OK : CLACT_E_MEMORY;
    double start = now();
    if (status == CLACT_OK) {
        *c = (chunk){.m = m, .size = size, .x = memory, .dy = memory + room * size,
                     .got = memory + 2 * room * size, .reference = memory + 3 * room * size};
        for (size_t i = 0; i < room; i++)
            convert_elements(c->dy + i * size, m->type, &(double){1}, CLACT_F64, 1);
    }
    for (uint64_t done = 0; done < total.inputs && status == CLACT_OK; done += c->n) {
        c->first = done;
        c->n = total.inputs - done < CHUNK ? (size_t)(total.inputs - done) : CHUNK;
        if (m->progress)
            m->progress(m->progress_data, done, total.inputs);
        status = measure_chunk(c, &total);
    }
    total.seconds = now() - start;
    if (status == CLACT_OK)
        *out = total;
    free(memory);
    free(c);
    return status;
}
