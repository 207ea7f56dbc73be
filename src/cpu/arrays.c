/* arrays.c: operations over arrays on the CPU: inputs brought to consecutive reals, piece by piece, where they are not
 * so already, and loops over them; counts and sums of segments. */
#include "arrays_loops.h"
#include "sums.h"
#include "walk.h"
#include "../fpenv.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 512        /* elements computed at once; sums: LANES */
#define MOST_ROUNDS (1u << 30) /* of a 32-bit counter, before it is emptied */
#define KINDS (ARRAY_TALLIES - 1) /* that loops count */

/* Where a view's element with index j of its segment is. */
enum place {
    PLACE_NONE,     /* nowhere: 1, or the column */
    PLACE_DIRECT,   /* consecutive reals: used where they are */
    PLACE_CONSTANT, /* one for all */
    PLACE_ROWS      /* at a step along each row */
};

struct job {
    const struct clact_array_step *step;
    const struct clact_array_info *info;
    const struct clact_cpu_kernels *kernels;
    const struct clact_cpu_arrays_loops *loops;
    size_t size, real_size; /* bytes of a stored element, and of a real */
    uint64_t length;        /* elements of a segment */
    enum place in[ARRAY_INPUTS], out[ARRAY_OUTPUTS];
    char *in_base[ARRAY_INPUTS], *out_base[ARRAY_OUTPUTS];
    _Alignas(8) char parameters[ARRAY_PARAMETERS * sizeof(double)];
    uint64_t chunk, chunks; /* of a sum: terms of a chunk, chunks of a segment */
    char *parts;            /* the sums of chunks, where there are several: those of a segment together */
};

struct piece {
    _Alignas(64) char in[ARRAY_INPUTS][PIECE * sizeof(double)];
    _Alignas(64) char out[ARRAY_OUTPUTS][PIECE * sizeof(double)];
};

/* ---- Elements in and out -------------------------------------------------------------------- */

static enum place place_of(const struct job *j, const struct clact_view *v)
{
    const struct clact_array_step *s = j->step;
    const int64_t row = v->strides[ARRAY_ROW], element = v->strides[ARRAY_ELEMENT];
    const bool one_step = s->rows == 1 || row == (int64_t)s->columns * element;
    if (one_step && element == 0)
        return PLACE_CONSTANT;
    return one_step && element == 1 && j->size == j->real_size && v->type != CLACT_I32 ? PLACE_DIRECT : PLACE_ROWS;
}

static int64_t offset_of(const struct job *j, const struct clact_view *v, uint64_t segment, uint64_t index)
{
    return v->offset + (int64_t)segment * v->strides[ARRAY_SEGMENT] +
           (int64_t)(index / j->step->columns) * v->strides[ARRAY_ROW] +
           (int64_t)(index % j->step->columns) * v->strides[ARRAY_ELEMENT];
}

static void load_run(const struct job *j, int input, uint64_t segment, uint64_t index, size_t n, char *to)
{
    const struct clact_view *v = &j->step->inputs[input];
    if (j->info->labelled && input == ARRAY_COLUMN) {
        j->loops->columns(n, index % j->step->columns, to);
        return;
    }
    int64_t at = offset_of(j, v, segment, index), step = v->strides[ARRAY_ELEMENT];
    if (v->type == CLACT_I32)
        j->loops->labels(n, (const int32_t *)j->in_base[input] + at, step, to);
    else
        j->kernels->load[v->type](n, j->in_base[input] + at * (int64_t)j->size, step, to);
}

/* Elements of a segment as consecutive reals. */
static const void *load(const struct job *j, int input, uint64_t segment, uint64_t index, size_t n, char *to)
{
    const struct clact_array_step *s = j->step;
    if (j->in[input] == PLACE_DIRECT)
        return j->in_base[input] + offset_of(j, &s->inputs[input], segment, index) * (int64_t)j->size;
    if (s->missing >> input & 1) {
        clact_cpu_set_each(j->real_size, to, n, 1);
        return to;
    }
    for (size_t done = 0, run; done < n; done += run) {
        uint64_t left = s->columns - (index + done) % s->columns;
        run = j->in[input] == PLACE_CONSTANT || left > n - done ? n - done : (size_t)left;
        load_run(j, input, segment, index + done, run, to + done * j->real_size);
    }
    return to;
}

static void store(const struct job *j, int output, uint64_t index, size_t n, const char *from)
{
    const struct clact_view *v = &j->step->outputs[output];
    for (size_t done = 0, run; done < n; done += run) {
        uint64_t left = j->step->columns - (index + done) % j->step->columns;
        run = left < n - done ? (size_t)left : n - done;
        char *to = j->out_base[output] + offset_of(j, v, 0, index + done) * (int64_t)j->size;
        j->kernels->store[v->type](run, from + done * j->real_size, to, v->strides[ARRAY_ELEMENT]);
    }
}

/* ---- Maps ----------------------------------------------------------------------------------- */

static void map_range(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    struct piece p;
    const void *in[ARRAY_INPUTS];
    void *out[ARRAY_OUTPUTS];
    for (size_t n; first < end; first += n) {
        n = end - first < PIECE ? (size_t)(end - first) : PIECE;
        for (int k = 0; k < j->info->inputs; k++)
            in[k] = load(j, k, 0, first, n, p.in[k]);
        for (int k = 0; k < j->info->outputs; k++)
            out[k] = j->out[k] == PLACE_DIRECT
                         ? j->out_base[k] + offset_of(j, &j->step->outputs[k], 0, first) * (int64_t)j->size
                         : p.out[k];
        j->loops->maps[j->step->operation](n, in, j->parameters, out);
        for (int k = 0; k < j->info->outputs; k++)
            if (j->out[k] != PLACE_DIRECT)
                store(j, k, first, n, p.out[k]);
    }
}

/* ---- Sums ----------------------------------------------------------------------------------- */

struct scratch {
    struct piece piece;
    _Alignas(64) char lanes[LANES * sizeof(double)];
    char counter[LEVELS][sizeof(double)];
};

static struct clact_cpu_sums sums_of(const struct job *j)
{
    return (struct clact_cpu_sums){j->kernels, j->real_size, 1};
}

/* The sum of a block of count terms, left in the first of the lanes. */
static void sum_block(const struct job *j, struct scratch *s, uint64_t segment, uint64_t first, size_t count)
{
    const struct clact_cpu_sums sums = sums_of(j);
    const void *in[ARRAY_INPUTS];
    clact_cpu_set_each(j->real_size, s->lanes, count < LANES ? count : LANES, -0.0);
    for (size_t done = 0, n; done < count; done += n) {
        n = count - done < LANES ? count - done : LANES;
        for (int k = 0; k < j->info->inputs; k++)
            in[k] = load(j, k, segment, first + done, n, s->piece.in[k]);
        j->loops->sums[j->step->operation](n, in, j->parameters, s->lanes);
    }
    clact_cpu_sums_fold(&sums, s->lanes, count);
}

/* The sum of a chunk, left in the first of the lanes. */
static void sum_chunk(const struct job *j, struct scratch *s, uint64_t segment, uint64_t chunk)
{
    const struct clact_cpu_sums sums = sums_of(j);
    uint64_t first = chunk * j->chunk, blocks = 0;
    uint64_t end = j->length - first < j->chunk ? j->length : first + j->chunk;
    for (; first < end; first += BLOCK, blocks++) {
        sum_block(j, s, segment, first, (size_t)(end - first < BLOCK ? end - first : BLOCK));
        clact_cpu_sums_push(&sums, s->counter[0], sizeof s->counter[0], blocks, s->lanes);
    }
    clact_cpu_sums_total(&sums, s->counter[0], sizeof s->counter[0], blocks, s->lanes);
}

/* Stores the value of a segment's sum. */
static void finish(const struct job *j, uint64_t segment, char *sum)
{
    const struct clact_array_step *s = j->step;
    const struct clact_view *value = &s->outputs[0];
    const struct clact_cpu_sums sums = sums_of(j);
    const bool f64 = j->real_size == sizeof(double);
    char *to = j->out_base[0] + offset_of(j, value, segment, 0) * (int64_t)j->size;
    clact_cpu_sums_without_minus_zero(&sums, sum);
    if (f64)
        *(double *)sum *= s->rounded_factor.f64;
    else
        *(float *)sum *= s->rounded_factor.f32;
    if (s->rounded_beta.f64 != 0)
        j->kernels->accumulate(1, to, f64 ? (const void *)&s->rounded_beta.f64 : &s->rounded_beta.f32, sum);
    j->kernels->store[value->type](1, sum, to, 1);
}

static void sum_range(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    struct scratch s;
    for (; first < end; first++) {
        sum_chunk(j, &s, first / j->chunks, first % j->chunks);
        if (j->chunks > 1)
            memcpy(j->parts + first * j->real_size, s.lanes, j->real_size);
        else
            finish(j, first, s.lanes);
    }
}

static void join_chunks(const struct job *j)
{
    const struct clact_cpu_sums sums = sums_of(j);
    clact_fpenv env = clact_fpenv_enter();
    for (uint64_t segment = 0; segment < j->step->segments; segment++) {
        char *parts = j->parts + segment * j->chunks * j->real_size;
        clact_cpu_sums_join(&sums, parts, j->chunks);
        finish(j, segment, parts);
    }
    clact_fpenv_leave(env);
}

static clact_status sum(clact_context *context, struct job *j)
{
    uint64_t blocks = (j->length + BLOCK - 1) / BLOCK, segments = j->step->segments;
    uint64_t chunk = clact_cpu_sums_chunk(blocks, segments, context->cpu->threads);
    j->chunk = chunk * BLOCK;
    j->chunks = (blocks + chunk - 1) / chunk;
    if (j->chunks > 1) {
        j->parts = malloc(segments * j->chunks * j->real_size);
        REQUIRE(j->parts, CLACT_E_MEMORY, "out of memory");
    }
    uint64_t work = j->length < j->chunk ? j->length : j->chunk;
    clact_status status = clact_cpu_split_at(context, segments * j->chunks, work, 1, sum_range, j);
    if (j->chunks > 1 && status == CLACT_OK)
        join_chunks(j);
    free(j->parts);
    return status;
}

/* ---- Counts --------------------------------------------------------------------------------- */

/* The counters of PIECE elements, words of the reals' size. */
struct counters {
    _Alignas(64) char words[KINDS * PIECE * sizeof(double)];
};

static uint64_t *counts_of(const struct job *j, uint64_t segment)
{
    return (uint64_t *)(j->out_base[0] + j->step->outputs[0].offset) + segment * ARRAY_TALLIES;
}

/* Adds counters to the counts of the segments that they are of: one, or one for each. The order changes nothing. */
static void empty(const struct job *j, struct counters *c, uint64_t segment, size_t n, bool apart)
{
    for (int kind = 0; kind < KINDS; kind++) {
        uint64_t total = 0;
        for (size_t k = 0; k < n; k++) {
            const char *word = c->words + ((size_t)kind * PIECE + k) * j->real_size;
            uint64_t count = j->real_size == sizeof(double) ? *(const uint64_t *)word : *(const uint32_t *)word;
            total += count;
            if (apart && count)
                __atomic_fetch_add(counts_of(j, segment + k) + kind + 1, count, __ATOMIC_RELAXED);
        }
        if (!apart && total)
            __atomic_fetch_add(counts_of(j, segment) + kind + 1, total, __ATOMIC_RELAXED);
    }
    memset(c, 0, sizeof *c);
}

/* Terms first to end of the one segment. */
static void tally_one(const struct job *j, struct counters *c, struct piece *p, uint64_t first, uint64_t end)
{
    uint32_t rounds = 0;
    for (size_t n; first < end; first += n) {
        n = end - first < PIECE ? (size_t)(end - first) : PIECE;
        j->loops->tallies[j->step->operation](n, load(j, 0, 0, first, n, p->in[0]), j->parameters, c->words, PIECE);
        if (++rounds % MOST_ROUNDS == 0)
            empty(j, c, 0, PIECE, false);
    }
    empty(j, c, 0, PIECE, false);
}

/* The same terms of each segment, n of them side by side. */
static void tally_several(const struct job *j, struct counters *c, struct piece *p, uint64_t segment, size_t n,
                          uint64_t first, uint64_t end)
{
    const struct clact_view *x = &j->step->inputs[0];
    uint32_t rounds = 0;
    for (; first < end; first++) {
        const char *from = j->in_base[0] + offset_of(j, x, segment, first) * (int64_t)j->size;
        j->kernels->load[x->type](n, from, x->strides[ARRAY_SEGMENT], p->in[0]);
        j->loops->tallies[j->step->operation](n, p->in[0], j->parameters, c->words, PIECE);
        if (++rounds % MOST_ROUNDS == 0)
            empty(j, c, segment, n, true);
    }
    empty(j, c, segment, n, true);
}

static void tally_range(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    uint64_t segments = j->step->segments;
    struct counters c;
    struct piece p;
    memset(&c, 0, sizeof c);
    if (segments == 1)
        tally_one(j, &c, &p, first, end);
    else
        for (uint64_t s = 0; s < segments; s += PIECE)
            tally_several(j, &c, &p, s, segments - s < PIECE ? (size_t)(segments - s) : PIECE, first, end);
}

static clact_status tally(clact_context *context, struct job *j)
{
    uint64_t segments = j->step->segments;
    for (uint64_t s = 0; s < segments; s++) {
        uint64_t *counts = counts_of(j, s);
        if (!j->step->add)
            memset(counts, 0, ARRAY_TALLIES * sizeof *counts);
        counts[0] += j->length;
    }
    return clact_cpu_split_at(context, j->length, segments, PIECE, tally_range, j);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static char *base_of(const struct clact_view *v)
{
    return v->buffer ? v->buffer->memory : v->data;
}

static clact_status run(clact_context *context, const struct clact_array_step *s)
{
    const struct clact_cpu_isa *isa = context->cpu->isa;
    const uint32_t type = clact_array_type(s);
    const bool f64 = type == CLACT_F64;
    struct job j = {.step = s, .info = &clact_array_infos[s->operation], .loops = isa->arrays[f64]};
    j.kernels = f64 ? isa->f64 : isa->f32;
    j.size = clact_type_bytes((clact_type)type);
    j.real_size = f64 ? sizeof(double) : sizeof(float);
    j.length = clact_array_length(s);
    for (int k = 0; k < j.info->parameters; k++)
        memcpy(j.parameters + (size_t)k * j.real_size, f64 ? (const void *)&s->rounded[k].f64 : &s->rounded[k].f32,
               j.real_size);
    for (int k = 0; k < j.info->inputs; k++)
        if (clact_array_has(s, k)) {
            j.in[k] = place_of(&j, &s->inputs[k]);
            j.in_base[k] = base_of(&s->inputs[k]);
        }
    for (int k = 0; k < j.info->outputs; k++) {
        j.out[k] = place_of(&j, &s->outputs[k]);
        j.out_base[k] = base_of(&s->outputs[k]);
    }
    if (j.info->form == ARRAY_SUM)
        return sum(context, &j);
    return j.info->form == ARRAY_TALLY ? tally(context, &j) : clact_cpu_split(context, j.length, 1, map_range, &j);
}

clact_status clact_cpu_arrays(clact_context *context, const struct clact_arrays *a)
{
    for (int i = 0; i < a->count; i++)
        TRY(a->steps[i].rows_of ? clact_cpu_rowwise(context, a->steps[i].rows_of) : run(context, &a->steps[i]));
    return CLACT_OK;
}
