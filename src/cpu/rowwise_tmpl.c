/* rowwise_tmpl.c: row-wise activations, compiled once for each instruction set and type: CLACT_ISA names the
 * set, CLACT_REAL_BITS is 32 or 64. A row is walked in pieces, several times. One that consists of reals side by side
 * is computed where it stands; another one is loaded, once if it fits in a piece. */
#include "across.h"

#include "dialect.h"
#include "elementary.h"
#include "logarithm.h"
#include "storage.h"
#include "reduction.h"
#include "rowwise.h"

#define PASTE_OF(a, b, c) a##b##_##c
#define PASTE(a, b, c) PASTE_OF(a, b, c)
#define ROWS PASTE(clact_cpu_rowwise_, CLACT_ISA, CLACT_REAL_BITS)

#define PIECE (4 * REDUCTION_LANES) /* elements that are loaded at once; blocks are multiples of it */
/* Rows of up to SHORT elements are computed as a group, a step of all before the next one: while the sums of one are waited
 * for those of the others are made. */
enum { GROUP = 8, SHORT = 512, MOST = (int)ACROSS_ROWS > (int)GROUP ? (int)ACROSS_ROWS : (int)GROUP };

/* ---- Loops over a piece ---------------------------------------------------------------------- */

static void row_prepare(size_t n, real *x, bits flip)
{
    SIMD
    for (size_t k = 0; k < n; k++)
        x[k] = row_element(x[k], flip);
}

static void row_mask(size_t n, real *x, const uint8_t *mask, real none)
{
    SIMD
    for (size_t k = 0; k < n; k++)
        x[k] = mask[k] ? x[k] : none;
}

/* What the greatest is looked for among: elements, or where loops find the greatest of integers alone, their order. */
#ifdef __clang__
typedef bits rank;
#define RANK(t) order_of(t)
#define OF_RANK(r) of_order(r)
#else
typedef real rank;
#define RANK(t) (t)
#define OF_RANK(r) (r)
#endif

/* The greatest, and that of magnitudes, which tells whether there is a NaN. */
typedef struct { rank most; bits magnitude; } extremes;
#define NO_EXTREMES ((extremes){RANK(NO_PART), 0})

#define GREATER(a, b) ((a) > (b) ? (a) : (b))
#define MAGNITUDE(x) (to_bits(x) & ~(bits)SIGN_BIT)

/* Four parts side by side, which may overlap: of four elements three need not wait for those before. */
static extremes row_greatest(size_t n, const real *t, extremes before)
{
    const size_t part = (n + 3) / 4, last = n - part;
    const real *t1 = t + (part < last ? part : last), *t2 = t + (2 * part < last ? 2 * part : last), *t3 = t + last;
    rank most = before.most;
    bits largest = before.magnitude;
    _Pragma("omp simd reduction(max : most, largest)")
    for (size_t k = 0; k < part; k++) {
        const rank a = GREATER(RANK(t[k]), RANK(t1[k])), b = GREATER(RANK(t2[k]), RANK(t3[k])), c = GREATER(a, b);
        const bits d = GREATER(MAGNITUDE(t[k]), MAGNITUDE(t1[k])), e = GREATER(MAGNITUDE(t2[k]), MAGNITUDE(t3[k]));
        const bits f = GREATER(d, e);
        most = GREATER(c, most);
        largest = GREATER(f, largest);
    }
    return (extremes){most, largest};
}

static void row_add(size_t n, const real *old, real beta, real *out)
{
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = fused(beta, old[k], out[k]);
}

#define HALVE(span)                                                                                 \
    SIMD                                                                                            \
    for (u32 l = 0; l < (span); l++) {                                                              \
        const sums x = {a[l], b[l]}, y = {a[l + (span)], b[l + (span)]}, s = sums_of(x, y, paired); \
        a[l] = s.a;                                                                                 \
        b[l] = s.b;                                                                                 \
    }
#define HALVE_EACH(span)                                                                            \
    for (size_t i = 0; i < count; i++) {                                                            \
        real *a = all_a + i * REDUCTION_LANES, *b = all_b + i * REDUCTION_LANES;                    \
        HALVE(span)                                                                                 \
    }

/* The lanes of blocks, of which the first ones are the sums then. */
INLINE void row_fold(size_t count, real *all_a, real *all_b, u32 width, int paired)
{
    _Static_assert(REDUCTION_LANES == 256, "every power of two has its loop");
    switch (width) {
    case 256: HALVE_EACH(128) /* fall through */
    case 128: HALVE_EACH(64)  /* fall through */
    case 64: HALVE_EACH(32)   /* fall through */
    case 32: HALVE_EACH(16)   /* fall through */
    case 16: HALVE_EACH(8)    /* fall through */
    case 8: HALVE_EACH(4)     /* fall through */
    case 4: HALVE_EACH(2)     /* fall through */
    case 2: HALVE_EACH(1)
    }
}

static void row_fold_paired(size_t count, real *a, real *b, u32 width) { row_fold(count, a, b, width, 1); }
static void row_fold_apart(size_t count, real *a, real *b, u32 width) { row_fold(count, a, b, width, 0); }

/* ---- Loops of each activation ----------------------------------------------------------------- */

/* x is t, or backward y; what a loop has no use for is NULL. The first element's lane is the first. */
typedef void (*row_loop)(size_t n, const real *x, const real *dy, const row_state *state, real *a, real *b, real *out);

struct loops {
    row_loop terms;           /* lanes a and b take them; where the activation keeps, out what is kept */
    row_loop results, shares; /* from t, and from what was kept */
    row_loop gradient_terms, gradients;
    int (*after)(row_state *state, sums s);
    int (*gradient_after)(row_state *state, sums s);
    row_state (*state)(real scale);
    real (*none)(void);
    bool first, keeps, paired;
};

#define RESULT(i, value)                                                                            \
    real y##i;                                                                                      \
    {                                                                                               \
        const size_t k = i * lanes + j;                                                             \
        y##i = value;                                                                               \
    }
#define STORED(i, wanted)                                                                           \
    if (wanted)                                                                                     \
        out[i * lanes + j] = y##i;
#define SUM(i, value)                                                                               \
    real a##i, b##i;                                                                                \
    {                                                                                               \
        const size_t k = i * lanes + j;                                                             \
        sums s = {a[k], b[k]};                                                                      \
        s = value;                                                                                  \
        a##i = s.a;                                                                                 \
        b##i = s.b;                                                                                 \
    }
#define TERM(i, name) SUM(i, name##_term(s, y##i, r))
#define GRADIENT_TERM(i, name) SUM(i, name##_dterm(s, x[k], dy[k], r))
#define ADDED(i, value)                                                                             \
    a[i * lanes + j] = a##i;                                                                        \
    b[i * lanes + j] = b##i;

/* What a loop does, with each vector of a step or with one. */
#define TERMS(each, name)                                                                           \
    each(RESULT, name##_kept(x[k], r)) each(TERM, name) each(ADDED, ) each(STORED, name##_keeps)
#define RESULTS(each, name) each(RESULT, name##_y(name##_kept(x[k], r), r)) each(STORED, 1)
#define SHARES(each, name) each(RESULT, name##_y(x[k], r)) each(STORED, 1)
#define GRADIENT_TERMS(each, name) each(GRADIENT_TERM, name) each(ADDED, )
#define GRADIENTS(each, name) each(RESULT, one_nan(name##_dx(x[k], dy[k], r))) each(STORED, 1)
#define ONE_VECTOR(part, value) part(0, value)

/* Elements that are less than a vector, and others behind them. */
struct rest {
    real x[LANES], dy[LANES], a[LANES], b[LANES], out[LANES];
};

/* Either may be NULL. */
static void copy(real *to, const real *from, size_t n)
{
    if (to && from)
        memcpy(to, from, n * sizeof *to);
}

#define FROM(p, k) ((p) ? (p) + (k) : NULL)

#define STEP_OF(function, WHAT, each, name)                                                         \
    INLINE void function(size_t lanes, const real *x, const real *dy, row_state r, real *a, real *b, real *out) \
    {                                                                                               \
        SIMD                                                                                        \
        for (size_t j = 0; j < lanes; j++) {                                                        \
            WHAT(each, name)                                                                        \
        }                                                                                           \
    }

/* Steps of several vectors, then single ones, and what is left in a copy. most: how many elements are a step where that
 * is all of them. */
#define LOOP(function, most, WHAT, name)                                                            \
    STEP_OF(function##_step, WHAT, EACH_VECTOR, name)                                               \
    STEP_OF(function##_vector, WHAT, ONE_VECTOR, name)                                              \
    static void function(size_t n, const real *x, const real *dy, const row_state *state, real *a, real *b, real *out) \
    {                                                                                               \
        const row_state r = *state;                                                                 \
        for (size_t k = 0, taken; k < n; k += taken) {                                              \
            real *la = FROM(a, k % REDUCTION_LANES), *lb = FROM(b, k % REDUCTION_LANES), *to = FROM(out, k); \
            taken = VECTORS > 1 ? STEP : (most);                                                    \
            taken = n - k >= taken ? taken : VECTORS == 1 || n - k < LANES ? n - k : LANES;         \
            if (VECTORS == 1 || taken == STEP) {                                                    \
                function##_step(VECTORS == 1 ? taken : LANES, x + k, FROM(dy, k), r, la, lb, to);   \
            } else if (taken == LANES) {                                                            \
                function##_vector(LANES, x + k, FROM(dy, k), r, la, lb, to);                        \
            } else {                                                                                \
                struct rest rest = {0};                                                             \
                copy(rest.x, x + k, taken), copy(rest.dy, FROM(dy, k), taken);                      \
                copy(rest.a, la, taken), copy(rest.b, lb, taken);                                   \
                function##_vector(LANES, rest.x, rest.dy, r, rest.a, rest.b, rest.out);             \
                copy(la, rest.a, taken), copy(lb, rest.b, taken), copy(to, rest.out, taken);        \
            }                                                                                       \
        }                                                                                           \
    }

#define OF_GATED(name)
#define OF_REDUCE(name)
#define OF_ROWWISE(name)                                                                            \
    LOOP(name##_terms, REDUCTION_LANES, TERMS, name)                                                \
    LOOP(name##_results, n, RESULTS, name)                                                          \
    LOOP(name##_shares, n, SHARES, name)                                                            \
    LOOP(name##_gradient_terms, REDUCTION_LANES, GRADIENT_TERMS, name)                              \
    LOOP(name##_gradients, n, GRADIENTS, name)                                                      \
    static row_state name##_state(real scale) { return row_of(name##_scale(scale), name##_start); } \
    static real name##_no_part(void) { return name##_none; }
#define ACTIVATION(...)
#define COMPOSED(id, name, kind, ...) OF_##kind(name)
#include "activations.def"
#undef OF_ROWWISE

#define OF_ROWWISE(name)                                                                            \
    [ROWWISE_##name] = {name##_terms, name##_results, name##_shares, name##_gradient_terms, name##_gradients, \
                        name##_after, name##_dafter, name##_state, name##_no_part, name##_first, name##_keeps, \
                        name##_paired},
static const struct loops all_loops[ROWWISE_COUNT] = {
#include "activations.def"
};
#undef ACTIVATION
#undef COMPOSED

/* ---- Rows ------------------------------------------------------------------------------------ */

struct row {
    const struct clact_cpu_rows *rows;
    const struct loops *loops;
    size_t length, piece; /* piece: how many elements are walked at once; blocks are multiples of it */
    real none;            /* what stands for an element that takes no part in y */
    const char *base[ROWWISE_VIEW_COUNT]; /* of the row's first element */
    int64_t size[ROWWISE_VIEW_COUNT];     /* bytes of an element */
    bool direct[ROWWISE_VIEW_COUNT];      /* whether its elements are reals side by side, and taken as they are */
    _Alignas(64) real x[PIECE], other[PIECE], out[PIECE];
    _Alignas(64) real a[GROUP * REDUCTION_LANES], b[GROUP * REDUCTION_LANES]; /* lanes of several rows where they are short */
    uint8_t mask[PIECE];
    real a_blocks[REDUCTION_LEVELS], b_blocks[REDUCTION_LEVELS];
};

/* Of a row: t, or backward y and dy, where they are found. */
struct piece {
    size_t first, n;
    const real *x, *dy;
};

static char *place_of(const struct row *row, int v, size_t k)
{
    const int64_t stride = row->rows->launch->views[v].strides[CLACT_MAX_RANK - 1];
    return (char *)(uintptr_t)row->base[v] + (int64_t)k * stride * row->size[v];
}

/* The reals of a view, which are loaded to memory if they do not stand side by side. */
static const real *read_view(const struct row *row, int v, const struct piece *p, real *memory)
{
    const struct clact_view *view = &row->rows->launch->views[v];
    if (row->direct[v])
        return (const real *)(const void *)place_of(row, v, p->first);
    row->rows->kernels->load[view->type](p->n, place_of(row, v, p->first), view->strides[CLACT_MAX_RANK - 1], memory);
    return memory;
}

static void apply_mask(struct row *row, const struct piece *p, real none)
{
    const struct clact_rowwise_launch *l = row->rows->launch;
    const int64_t step = l->views[ROWWISE_MASK].strides[CLACT_MAX_RANK - 1];
    const uint8_t *mask = (const uint8_t *)place_of(row, ROWWISE_MASK, p->first);
    for (size_t k = 0; k < p->n; k++)
        row->mask[k] = mask[(int64_t)k * step];
    row_mask(p->n, row->x, row->mask, none);
}

static struct piece piece_at(struct row *row, size_t first, bits flip)
{
    const struct clact_rowwise_launch *l = row->rows->launch;
    struct piece p = {.first = first, .n = row->length - first < row->piece ? row->length - first : row->piece};
    p.x = read_view(row, ROWWISE_X, &p, row->x);
    if (l->backward)
        p.dy = read_view(row, ROWWISE_DY, &p, row->other);
    if (p.x == row->x && !l->backward)
        row_prepare(p.n, row->x, flip);
    if (l->has_mask)
        apply_mask(row, &p, l->backward ? row->none : NO_PART);
    return p;
}

/* The same where it may be there still. */
static struct piece piece_again(struct row *row, const struct piece *last, size_t first, bits flip)
{
    return last->n == row->length ? *last : piece_at(row, first, flip);
}

/* Where results from an element on are computed. */
static real *out_of(struct row *row, size_t first)
{
    return row->direct[ROWWISE_OUT] ? (real *)(void *)place_of(row, ROWWISE_OUT, first) : row->out;
}

static void write_piece(const struct row *row, const struct piece *p)
{
    const struct clact_view *view = &row->rows->launch->views[ROWWISE_OUT];
    if (!row->direct[ROWWISE_OUT])
        row->rows->kernels->store[view->type](p->n, row->out, place_of(row, ROWWISE_OUT, p->first),
                                              view->strides[CLACT_MAX_RANK - 1]);
}

/* Those of the ith row of a group. */
static real *lanes_a(struct row *row, size_t i) { return row->a + i * REDUCTION_LANES; }
static real *lanes_b(struct row *row, size_t i) { return row->b + i * REDUCTION_LANES; }

static void clear_lanes(struct row *row, size_t i, u32 width)
{
    real *a = lanes_a(row, i), *b = lanes_b(row, i);
    for (u32 l = 0; l < width; l++)
        a[l] = b[l] = NO_SUM;
}

static void fold_lanes(struct row *row, size_t count, u32 width)
{
    (row->loops->paired ? row_fold_paired : row_fold_apart)(count, row->a, row->b, width);
}

/* The sums of the ith row, which is of one block, when its lanes are folded. */
static sums sums_at(struct row *row, size_t i)
{
    row_push(row->a_blocks, row->b_blocks, 0, (sums){lanes_a(row, i)[0], lanes_b(row, i)[0]}, row->loops->paired);
    return row_total(row->a_blocks, row->b_blocks, 1, row->loops->paired);
}

/* One pass of sums over the row; p: the last piece that was loaded. */
static sums sum_row(struct row *row, struct piece *p, const row_state *state)
{
    const bool backward = row->rows->launch->backward, paired = row->loops->paired;
    const row_loop loop = backward ? row->loops->gradient_terms : row->loops->terms;
    const u32 width = reduction_width(row->length);
    const bool keeps = !backward && row->loops->keeps;
    u64 blocks = 0;
    for (size_t first = 0; first < row->length; first += p->n) {
        *p = piece_again(row, p, first, state->flip);
        if (first % REDUCTION_BLOCK == 0)
            clear_lanes(row, 0, width);
        loop(p->n, p->x, p->dy, state, row->a, row->b, keeps ? out_of(row, first) : NULL);
        if ((first + p->n) % REDUCTION_BLOCK == 0 || first + p->n == row->length) {
            fold_lanes(row, 1, width);
            row_push(row->a_blocks, row->b_blocks, blocks, (sums){row->a[0], row->b[0]}, paired);
            blocks++;
        }
    }
    return row_total(row->a_blocks, row->b_blocks, blocks, paired);
}

/* One result for all elements. */
static void fill(size_t n, real value, real *out)
{
    for (size_t k = 0; k < n; k++)
        out[k] = value;
}

/* Where the first of the greatest is; n: not here. */
static size_t first_of(size_t n, const real *t, real greatest)
{
    size_t k = 0;
    while (k < n && t[k] != greatest)
        k++;
    return k;
}

static row_state row_greatest_of(row_state state, extremes most)
{
    return row_with(state, most.magnitude > INFINITY_BITS ? UNDEFINED : row_element(OF_RANK(most.most), 0));
}

static void row_forward(struct row *row, row_state state)
{
    const struct loops *loops = row->loops;
    struct piece p = {0};
    extremes most = NO_EXTREMES;
    for (size_t first = 0; first < row->length; first += p.n) {
        p = piece_at(row, first, state.flip);
        most = row_greatest(p.n, p.x, most);
    }
    state = row_greatest_of(state, most);
    const bool summed = row_has_sums(state);
    const bool kept = summed && loops->keeps && (row->direct[ROWWISE_OUT] || row->length <= PIECE);
    while (summed && !loops->first && loops->after(&state, sum_row(row, &p, &state)))
        ;
    bool wanted = summed && loops->first;
    for (size_t first = 0; first < row->length; first += p.n) {
        p = piece_again(row, &p, first, state.flip);
        real *out = out_of(row, first);
        const size_t one = wanted ? first_of(p.n, p.x, state.greatest) : p.n; /* before it may be overwritten */
        if (!summed)
            fill(p.n, row_result(C(0.0), row->none, state), out);
        else if (kept)
            loops->shares(p.n, out, NULL, &state, NULL, NULL, out);
        else
            loops->results(p.n, p.x, NULL, &state, NULL, NULL, out);
        if (one < p.n) {
            out[one] = C(1.0);
            wanted = false;
        }
        if (row->rows->launch->has_mask)
            row_mask(p.n, out, row->mask, row->none);
        write_piece(row, &p);
    }
}

static void row_backward(struct row *row, row_state state)
{
    const struct clact_beta *beta = &row->rows->launch->beta;
    struct piece p = {0};
    if (!row->loops->first)
        row->loops->gradient_after(&state, sum_row(row, &p, &state));
    for (size_t first = 0; first < row->length; first += p.n) {
        p = piece_again(row, &p, first, 0);
        row->loops->gradients(p.n, p.x, p.dy, &state, NULL, NULL, out_of(row, first));
        if (beta->f64 != 0) {
            read_view(row, ROWWISE_OUT, &p, row->other);
            row_add(p.n, row->other, CLACT_REAL_BITS == 64 ? (real)beta->f64 : (real)beta->f32, row->out);
        }
        write_piece(row, &p);
    }
}

/* ---- Short rows, of one block, that are computed where they stand ----------------------------- */

static const real *read_at(const char *const *base, int v)
{
    return (const real *)(const void *)base[v];
}

static real *out_at(const char *const *base)
{
    return (real *)(uintptr_t)base[ROWWISE_OUT];
}

static void forward_together(struct row *row, size_t count, const char *bases[][ROWWISE_VIEW_COUNT], row_state start)
{
    const struct loops *loops = row->loops;
    const size_t n = row->length;
    const u32 width = reduction_width(n);
    row_state states[GROUP];
    for (size_t i = 0; i < count; i++) {
        const real *x = read_at(bases[i], ROWWISE_X);
        states[i] = row_greatest_of(start, row_greatest(n, x, NO_EXTREMES));
        clear_lanes(row, i, width);
        loops->terms(n, x, NULL, &states[i], lanes_a(row, i), lanes_b(row, i), loops->keeps ? out_at(bases[i]) : NULL);
    }
    fold_lanes(row, count, width);
    for (size_t i = 0; i < count; i++) {
        real *out = out_at(bases[i]);
        if (!row_has_sums(states[i])) {
            fill(n, row_result(C(0.0), row->none, states[i]), out);
            continue;
        }
        struct piece p = {0};
        memcpy(row->base, bases[i], sizeof row->base);
        for (sums s = sums_at(row, i); loops->after(&states[i], s); s = sum_row(row, &p, &states[i]))
            ;
        if (loops->keeps)
            loops->shares(n, out, NULL, &states[i], NULL, NULL, out);
        else
            loops->results(n, read_at(bases[i], ROWWISE_X), NULL, &states[i], NULL, NULL, out);
    }
}

static void backward_together(struct row *row, size_t count, const char *bases[][ROWWISE_VIEW_COUNT], row_state start)
{
    const struct loops *loops = row->loops;
    const size_t n = row->length;
    const u32 width = reduction_width(n);
    for (size_t i = 0; i < count; i++) {
        clear_lanes(row, i, width);
        loops->gradient_terms(n, read_at(bases[i], ROWWISE_X), read_at(bases[i], ROWWISE_DY), &start, lanes_a(row, i),
                              lanes_b(row, i), NULL);
    }
    fold_lanes(row, count, width);
    for (size_t i = 0; i < count; i++) {
        row_state state = start;
        loops->gradient_after(&state, sums_at(row, i));
        loops->gradients(n, read_at(bases[i], ROWWISE_X), read_at(bases[i], ROWWISE_DY), &state, NULL, NULL,
                         out_at(bases[i]));
    }
}

/* Which views are computed where they stand. */
static void choose_direct(struct row *row, bits flip)
{
    const struct clact_rowwise_launch *l = row->rows->launch;
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++) {
        row->size[v] = (int64_t)clact_type_bytes((clact_type)l->views[v].type);
        row->direct[v] = l->views[v].strides[CLACT_MAX_RANK - 1] == 1 && row->size[v] == sizeof(real);
    }
    row->direct[ROWWISE_X] &= !l->has_mask && (l->backward || !flip);
    row->direct[ROWWISE_OUT] &= l->beta.f64 == 0;
    const bool all = row->direct[ROWWISE_X] && row->direct[ROWWISE_OUT] && (row->direct[ROWWISE_DY] || !l->backward);
    row->piece = all ? REDUCTION_BLOCK : PIECE;
}

/* Where a row begins. */
struct place {
    uint64_t at[CLACT_MAX_RANK]; /* along each axis but the last */
    const char *base[ROWWISE_VIEW_COUNT];
};

/* Goes so many rows on along an axis. To the NULL of an absent view nothing may be added. */
static void move_along(const struct row *row, struct place *place, int axis, int64_t rows)
{
    const struct clact_rowwise_launch *l = row->rows->launch;
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
        if (place->base[v])
            place->base[v] += rows * l->views[v].strides[axis] * row->size[v];
    place->at[axis] += (uint64_t)rows;
}

static struct place place_of_row(const struct row *row, uint64_t i)
{
    const struct clact_rowwise_launch *l = row->rows->launch;
    struct place place = {{0}, {NULL}};
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
        if (row->rows->base[v])
            place.base[v] = row->rows->base[v] + l->views[v].offset * row->size[v];
    for (int axis = CLACT_MAX_RANK - 2; i; axis--) {
        move_along(row, &place, axis, (int64_t)(i % (uint64_t)l->dims[axis]));
        i /= (uint64_t)l->dims[axis];
    }
    return place;
}

/* The one behind it; behind the last one comes the first. */
static void next_row(const struct row *row, struct place *place)
{
    bool last = true; /* along the axes looked at */
    for (int axis = CLACT_MAX_RANK - 2; last && axis >= 0; axis--) {
        last = place->at[axis] + 1 >= (uint64_t)row->rows->launch->dims[axis];
        move_along(row, place, axis, last ? -(int64_t)place->at[axis] : 1);
    }
}

void ROWS(const struct clact_cpu_rows *rows, uint64_t first, uint64_t end);
void ROWS(const struct clact_cpu_rows *rows, uint64_t first, uint64_t end)
{
    const struct clact_rowwise_launch *l = rows->launch;
    const clact_activation *a = l->activation;
    struct row row;
    row.rows = rows;
    row.loops = &all_loops[a->row];
    row.length = (size_t)l->length;
    row.none = row.loops->none();
    const row_state state = row.loops->state(CLACT_REAL_BITS == 64 ? (real)a->p64[1] : (real)a->p32[1]);
    choose_direct(&row, state.flip);
    const bool across = row.length <= ACROSS_LENGTH && row.length % STEP && !row.loops->first && !l->has_mask && l->beta.f64 == 0;
    const bool together = row.piece == REDUCTION_BLOCK && row.length <= SHORT && !row.loops->first;
    const char *bases[MOST][ROWWISE_VIEW_COUNT];
    struct place place = place_of_row(&row, first);
    for (uint64_t i = first, count; i < end; i += count) {
        count = across && end - i >= ACROSS_ROWS ? ACROSS_ROWS : !together ? 1 : end - i < GROUP ? end - i : GROUP;
        for (size_t k = 0; k < count; k++, next_row(&row, &place))
            memcpy(bases[k], place.base, sizeof bases[k]);
        if (across && count == ACROSS_ROWS && ACROSS(rows, bases))
            continue;
        for (size_t k = 0, taken; k < count; k += taken) {
            taken = !together ? 1 : count - k < GROUP ? count - k : GROUP;
            if (together) {
                (l->backward ? backward_together : forward_together)(&row, taken, bases + k, state);
                continue;
            }
            memcpy(row.base, bases[k], sizeof row.base);
            (l->backward ? row_backward : row_forward)(&row, state);
        }
    }
}
