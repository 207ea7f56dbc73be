/* measure.c: measures an activation in one direction: its error, and its bits against another. */
#include "measure.h"
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

/* ---- Running -------------------------------------------------------------------------------- */

clact_status runner_open(runner *out, clact_context *context, bool buffers)
{
    clact_status status = CLACT_OK;
    runner r = {context, NULL, NULL, NULL};
    clact_buffer **all[] = {&r.x, &r.dy, &r.out};
    for (int i = 0; buffers && i < 3 && status == CLACT_OK; i++)
        status = clact_buffer_create(all[i], context, CHUNK * sizeof(float));
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

static clact_status run_buffers(runner *r, const clact_activation *activation, direction d,
                                size_t n)
{
    clact_operand x = clact_array(CLACT_F32, NULL, (int64_t)n), dy = x, out = x;
    x.buffer = r->x;
    dy.buffer = r->dy;
    out.buffer = r->out;
    clact_forward_args forward = {.x = &x, .y = &out};
    clact_backward_args backward = {.x = &x, .dy = &dy, .dx = &out};
    return d == FORWARD ? clact_forward(r->context, activation, &forward)
                        : clact_backward(r->context, activation, &backward);
}

clact_status runner_run(runner *r, const clact_activation *activation, direction d, size_t n,
                        const float *x, const float *dy, float *out)
{
    if (!r->x)
        return d == FORWARD ? clact_apply(r->context, activation, n, x, out)
                            : clact_apply_gradient(r->context, activation, n, x, dy, out);
    size_t bytes = n * sizeof(float);
    clact_status status = clact_buffer_write(r->x, 0, bytes, x);
    if (status == CLACT_OK && d == DERIVATIVE)
        status = clact_buffer_write(r->dy, 0, bytes, dy);
    if (status == CLACT_OK)
        status = run_buffers(r, activation, d, n);
    if (status == CLACT_OK)
        status = clact_buffer_read(r->out, 0, bytes, out);
    return status;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* Inputs first .. first + n - 1: what went in, what came out, a hash for each block. */
typedef struct chunk {
    const measurement *m;
    uint64_t first;
    size_t n;
    float *x, *dy, *got, *reference;
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

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* got's distance from exact, in units of exact or, where terms cancel, of the largest. */
static double error_of(float got, long double exact, double term, int cancels)
{
    double distance = ulp_distance(CLACT_F32, got, exact);
    return cancels ? distance * (double)ulp_of(CLACT_F32, exact) / ulp_of_f32(term) : distance;
}

/* From here on an error is looked at more closely: it is the largest, or almost at the bound. */
static double limit_of(double bound, const worst *w)
{
    return fmin(w->error, 0.98 * bound);
}

/* An error that may be the largest, or past the bound. Near the bound the oracle in long double
 * decides; where that is no better than double, its error is 2^-21 ulp, so twice that is granted.
 * */
static void judge(const measurement *m, float x, float got, double exact, double term,
                  measured *found)
{
    int cancels = oracle_cancels(exact, term);
    double bound = cancels ? CANCELLED_BOUND : m->bound;
    worst *w = cancels ? &found->cancelled : &found->worst;
    double error = error_of(got, exact, term, cancels);
    if (error > 0.98 * bound) {
        long double better_term, better = oracle_value(m->oracle, m->direction, x, &better_term);
        error = error_of(got, better, (double)better_term, cancels);
        exact = (double)better;
    }
    if (error > bound + 0x1p-20)
        found->beyond++;
    if (error > w->error)
        *w = (worst){error, x, got, exact};
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

static void find_errors(const measurement *m, size_t n, const float *x, const float *got,
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

static void find_differences(size_t n, const float *x, const float *got, const float *reference,
                             measured *found)
{
    if (memcmp(got, reference, n * sizeof(float)) == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        if (bits_of(got[i]) == bits_of(reference[i]))
            continue;
        if (found->differing++ == 0) {
            found->differing_x = x[i];
            found->differing_got = got[i];
            found->differing_reference = reference[i];
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
    const float *x = c->x + first, *got = c->got + first;
    uint64_t hash = hash_start;
    for (size_t i = 0; i < n; i++)
        hash = hash_step(hash, bits_of(got[i]));
    c->hashes[block] = hash;
    if (c->m->reference)
        find_differences(n, x, got, c->reference + first, found);
    if (c->m->oracle)
        find_errors(c->m, n, x, got, found);
}

static void fill_block(chunk *c, size_t block, measured *found)
{
    size_t n = block_size(c, block);
    uint64_t first = c->first + block * BLOCK;
    float *x = c->x + block * BLOCK;
    (void)found;
    if (c->m->strata)
        strata_fill_f32(c->m->strata, first, n, x);
    for (size_t i = 0; !c->m->strata && i < n; i++) {
        uint32_t bits = (uint32_t)(first + i);
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (size_t i = 0; c->m->no_subnormals && i < n; i++)
        if (fpclassify(x[i]) == FP_SUBNORMAL)
            x[i] = copysignf(0, x[i]);
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
        if (fpclassify(c->reference[i]) == FP_SUBNORMAL) {
            c->got[i] = c->reference[i];
            count++;
        }
    }
    return count;
}

static clact_status run_chunk(chunk *c, runner *r, float *out)
{
    return runner_run(r, c->m->activation, c->m->direction, c->n, c->x, c->dy, out);
}

static clact_status measure_chunk(chunk *c, measured *total)
{
    const measurement *m = c->m;
    for_blocks(c, fill_block, total);
    clact_status status = run_chunk(c, m->checked, c->got);
    if (status == CLACT_OK && m->reference)
        status = run_chunk(c, m->reference, c->reference);
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

clact_status measure(measured *out, const measurement *m)
{
    measured total = {.inputs = m->strata ? m->inputs : (uint64_t)1 << 32, .hash = hash_start};
    chunk *c = malloc(sizeof *c);
    float *memory = malloc(4 * CHUNK * sizeof(float));
    clact_status status = c && memory ? CLACT_OK : CLACT_E_MEMORY;
    double start = now();
    if (status == CLACT_OK) {
        *c = (chunk){.m = m, .x = memory, .dy = memory + CHUNK, .got = memory + 2 * CHUNK,
                     .reference = memory + 3 * CHUNK};
        for (size_t i = 0; i < CHUNK; i++)
            c->dy[i] = 1;
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
