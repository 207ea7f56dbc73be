/* across_tmpl.c: many short rows, compiled once for each instruction set and type. A vector takes one element of each of
 * several rows, so that nothing is added along a vector: what rowwise_tmpl.c does, in its order and to the same bits. */
#include "across.h"

#include "dialect.h"
#include "elementary.h"
#include "logarithm.h"
#include "reduction.h"
#include "rowwise.h"

/* An element of each row, all at one place in theirs. */
typedef struct { _Alignas(sizeof(real) * LANES) real of[LANES]; } column;

struct rows {
    row_state common; /* what all rows have of it */
    column greatest, whole, rest, hi, lo;
    bits largest[LANES]; /* magnitude */
    bits kind[LANES];    /* see find_greatest */
    int again[LANES];    /* whether a row's sums are to be made again */
    column x[ACROSS_LENGTH], dy[ACROSS_LENGTH]; /* t, or y; the results take their places */
    column a[ACROSS_LENGTH], b[ACROSS_LENGTH];  /* the lanes of the sums */
};

/* clang would unroll a loop of a vector's elements before it looks for vectors. */
#ifdef __clang__
#define EACH_ROW _Pragma("clang loop vectorize(assume_safety) interleave(disable) unroll(disable)")
#else
#define EACH_ROW SIMD
#endif

/* What is done with column k: statements for each row's element, r being the row's state, near what all rows are. */
#define COLUMN(function, ...)                                                                       \
    INLINE void function##_step(struct rows *s, size_t k, int near)                                 \
    {                                                                                               \
        EACH_ROW                                                                                    \
        for (size_t j = 0; j < LANES; j++) {                                                        \
            row_state r = s->common;                                                                \
            r.near = near;                                                                          \
            r.greatest = s->greatest.of[j], r.whole = s->whole.of[j], r.rest = s->rest.of[j];       \
            r.hi = s->hi.of[j], r.lo = s->lo.of[j];                                                 \
            (void)r;                                                                                \
            __VA_ARGS__                                                                             \
        }                                                                                           \
    }
#define X s->x[k].of[j]
#define DY s->dy[k].of[j]
#define A s->a[k].of[j]
#define B s->b[k].of[j]
#define NOTHING ((sums){NO_SUM, NO_SUM})
#define SET_SUMS(value) const sums set = value; A = set.a; B = set.b;

COLUMN(begin, s->greatest.of[j] = NO_PART; s->largest[j] = 0; s->whole.of[j] = s->rest.of[j] = s->common.rest;
       s->hi.of[j] = s->common.hi; s->lo.of[j] = s->common.lo;)
COLUMN(flip, X = row_element(X, r.flip);)
COLUMN(greater, const bits m = to_bits(X) & ~(bits)SIGN_BIT; s->greatest.of[j] = X > r.greatest ? X : r.greatest;
       s->largest[j] = m > s->largest[j] ? m : s->largest[j];)
COLUMN(found, r = row_with(r, s->largest[j] > INFINITY_BITS ? UNDEFINED : row_element(r.greatest, 0));
       s->greatest.of[j] = r.greatest; s->whole.of[j] = r.whole; s->rest.of[j] = r.rest;
       s->kind[j] = row_has_sums(r) ? (bits)r.near : 2;)

/* Finds the greatest of each row. False: one has no sums, or some are near and some are not. */
static bool find_greatest(size_t n, struct rows *s)
{
    for (size_t k = 0; k < n; k++)
        greater_step(s, k, 0);
    found_step(s, 0, 0);
    for (size_t j = 0; j < LANES; j++)
        if (s->kind[j] == 2 || s->kind[j] != s->kind[0])
            return false;
    return true;
}

COLUMN(nothing, SET_SUMS(NOTHING))

/* Column other is added to column k, with other = k + span of a halving. */
INLINE void halve_step(struct rows *s, size_t k, size_t other, int paired)
{
    EACH_ROW
    for (size_t j = 0; j < LANES; j++) {
        const sums x = {A, B}, y = {s->a[other].of[j], s->b[other].of[j]};
        SET_SUMS(sums_of(x, y, paired))
    }
}

/* The sums of all rows, in their first lanes. */
INLINE void fold(size_t n, struct rows *s, int paired)
{
    const u32 width = reduction_width(n);
    for (size_t k = n; k < width; k++)
        nothing_step(s, k, 0);
    for (size_t span = width / 2; span; span /= 2)
        for (size_t k = 0; k < span; k++)
            halve_step(s, k, k + span, paired);
}

/* As the only block of a row is added to nothing. */
#define TOTAL(name) sums_of((sums){A, B}, NOTHING, name##_paired)

#define OF_GATED(name)
#define OF_REDUCE(name)
#define OF_ROWWISE(name)                                                                            \
    COLUMN(name##_term, const real v = name##_kept(X, r); SET_SUMS(name##_term(NOTHING, v, r))      \
           X = name##_keeps ? v : X;)                                                               \
    COLUMN(name##_after, s->again[j] = name##_after(&r, TOTAL(name)); s->hi.of[j] = r.hi; s->lo.of[j] = r.lo;) \
    COLUMN(name##_y, X = name##_y(name##_keeps ? X : name##_kept(X, r), r);)                        \
    COLUMN(name##_dterm, SET_SUMS(name##_dterm(NOTHING, X, DY, r)))                                 \
    COLUMN(name##_dafter, (void)name##_dafter(&r, TOTAL(name)); s->hi.of[j] = r.hi;)                \
    COLUMN(name##_dx, X = one_nan(name##_dx(X, DY, r));)                                            \
    INLINE void name##_results(size_t n, struct rows *s, int near)                                  \
    {                                                                                               \
        int again;                                                                                  \
        do { /* one row that needs it no more stays as it is */                                     \
            for (size_t k = 0; k < n; k++)                                                          \
                name##_term_step(s, k, near);                                                       \
            fold(n, s, name##_paired);                                                              \
            name##_after_step(s, 0, near);                                                          \
            again = 0;                                                                              \
            for (size_t j = 0; j < LANES; j++)                                                      \
                again |= s->again[j];                                                               \
        } while (again);                                                                            \
        for (size_t k = 0; k < n; k++)                                                              \
            name##_y_step(s, k, near);                                                              \
    }                                                                                               \
    static void name##_forward(size_t n, struct rows *s)                                            \
    {                                                                                               \
        if (s->kind[0])                                                                             \
            name##_results(n, s, 1);                                                                \
        else                                                                                        \
            name##_results(n, s, 0);                                                                \
    }                                                                                               \
    static void name##_backward(size_t n, struct rows *s)                                           \
    {                                                                                               \
        for (size_t k = 0; k < n; k++)                                                              \
            name##_dterm_step(s, k, 0);                                                             \
        fold(n, s, name##_paired);                                                                  \
        name##_dafter_step(s, 0, 0);                                                                \
        for (size_t k = 0; k < n; k++)                                                              \
            name##_dx_step(s, k, 0);                                                                \
    }                                                                                               \
    static row_state name##_state(real scale) { return row_of(name##_scale(scale), name##_start); }
#define ACTIVATION(...)
#define COMPOSED(id, name, kind, ...) OF_##kind(name)
#include "activations.def"
#undef OF_ROWWISE

#define OF_ROWWISE(name) [ROWWISE_##name] = {name##_forward, name##_backward, name##_state},
static const struct {
    void (*forward)(size_t n, struct rows *s);
    void (*backward)(size_t n, struct rows *s);
    row_state (*state)(real scale);
} all[ROWWISE_COUNT] = {
#include "activations.def"
};

/* ---- Between rows and columns ----------------------------------------------------------------- */

/* Whether a view's rows are reals side by side. */
static bool is_direct(const struct clact_view *view)
{
    return view->strides[CLACT_MAX_RANK - 1] == 1 && clact_type_bytes((clact_type)view->type) == sizeof(real);
}

static void read_columns(const struct clact_cpu_rows *rows, const char *const (*bases)[ROWWISE_VIEW_COUNT], int v, column *to)
{
    const struct clact_view *view = &rows->launch->views[v];
    const size_t n = (size_t)rows->launch->length;
    real row[ACROSS_LENGTH];
    for (size_t j = 0; j < LANES; j++) {
        const real *from = is_direct(view) ? (const real *)(const void *)bases[j][v] : row;
        if (from == row)
            rows->kernels->load[view->type](n, bases[j][v], view->strides[CLACT_MAX_RANK - 1], row);
        for (size_t k = 0; k < n; k++)
            to[k].of[j] = from[k];
    }
}

static void write_columns(const struct clact_cpu_rows *rows, const char *const (*bases)[ROWWISE_VIEW_COUNT],
                          const column *from)
{
    const struct clact_view *view = &rows->launch->views[ROWWISE_OUT];
    const size_t n = (size_t)rows->launch->length;
    real row[ACROSS_LENGTH];
    for (size_t j = 0; j < LANES; j++) {
        char *out = (char *)(uintptr_t)bases[j][ROWWISE_OUT];
        real *to = is_direct(view) ? (real *)(void *)out : row;
        for (size_t k = 0; k < n; k++)
            to[k] = from[k].of[j];
        if (to == row)
            rows->kernels->store[view->type](n, row, out, view->strides[CLACT_MAX_RANK - 1]);
    }
}

bool ACROSS(const struct clact_cpu_rows *rows, const char *const (*bases)[ROWWISE_VIEW_COUNT])
{
    const struct clact_rowwise_launch *l = rows->launch;
    const clact_activation *a = l->activation;
    const size_t n = (size_t)l->length;
    struct rows s;
    s.common = all[a->row].state(CLACT_REAL_BITS == 64 ? (real)a->p64[1] : (real)a->p32[1]);
    begin_step(&s, 0, 0);
    read_columns(rows, bases, ROWWISE_X, s.x);
    if (l->backward) {
        read_columns(rows, bases, ROWWISE_DY, s.dy);
        all[a->row].backward(n, &s);
    } else {
        for (size_t k = 0; s.common.flip && k < n; k++)
            flip_step(&s, k, 0);
        if (!find_greatest(n, &s))
            return false;
        all[a->row].forward(n, &s);
    }
    write_columns(rows, bases, s.x);
    return true;
}
