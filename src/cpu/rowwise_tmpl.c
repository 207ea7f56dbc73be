/* rowwise_tmpl.c: row-wise activations, compiled once for each instruction set and type: CLACT_ISA names the
 * set, CLACT_REAL_BITS is 32 or 64. A row is walked in pieces, several times; one that fits in a piece is
 * loaded once. */
#include "cpu.h"

#include "dialect.h"
#include "elementary.h"
#include "logarithm.h"
#include "storage.h"
#include "reduction.h"
#include "rowwise.h"

#define PASTE_OF(a, b, c) a##b##_##c
#define PASTE(a, b, c) PASTE_OF(a, b, c)
#define ROWS PASTE(clact_cpu_rowwise_, CLACT_ISA, CLACT_REAL_BITS)

#define SIMD _Pragma("omp simd")
#define PIECE (4 * REDUCTION_LANES) /* elements that are loaded at once; blocks are multiples of it */

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

static bits row_greatest(size_t n, const real *t, bits most)
{
    _Pragma("omp simd reduction(max : most)")
    for (size_t k = 0; k < n; k++) {
        bits order = order_of(t[k]);
        most = order > most ? order : most;
    }
    return most;
}

static void row_add(size_t n, const real *old, real beta, real *out)
{
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = fused(beta, old[k], out[k]);
}

/* The lanes of a block, which are used up. */
static sums row_fold(real *a, real *b, u32 width, int paired)
{
    for (u32 span = width / 2; span; span /= 2) {
        SIMD
        for (u32 l = 0; l < span; l++) {
            const sums x = {a[l], b[l]}, y = {a[l + span], b[l + span]}, s = sums_of(x, y, paired);
            a[l] = s.a;
            b[l] = s.b;
        }
    }
    return (sums){a[0], b[0]};
}

struct loops {
    void (*terms)(size_t n, const real *t, const row_state *state, real *a, real *b);
    void (*results)(size_t n, const real *t, const row_state *state, real *y);
    void (*gradient_terms)(size_t n, const real *y, const real *dy, const row_state *state, real *a, real *b);
    void (*gradients)(size_t n, const real *y, const real *dy, const row_state *state, real *dx);
    int (*after)(row_state *state, sums s);
    int (*gradient_after)(row_state *state, sums s);
    row_state (*state)(real scale);
    real (*none)(void);
    bool first, paired;
};

/* n is at most REDUCTION_LANES: one element for each lane. */
#define LANES(function, parameters, term)                                                           \
    static void function parameters                                                                 \
    {                                                                                               \
        const row_state r = *state;                                                                 \
        SIMD                                                                                        \
        for (size_t k = 0; k < n; k++) {                                                            \
            sums s = {a[k], b[k]};                                                                  \
            s = term;                                                                               \
            a[k] = s.a;                                                                             \
            b[k] = s.b;                                                                             \
        }                                                                                           \
    }
#define EACH(function, parameters, out, value)                                                      \
    static void function parameters                                                                 \
    {                                                                                               \
        const row_state r = *state;                                                                 \
        SIMD                                                                                        \
        for (size_t k = 0; k < n; k++)                                                              \
            out[k] = value;                                                                         \
    }

#define OF_GATED(name)
#define OF_REDUCE(name)
#define OF_ROWWISE(name)                                                                            \
    LANES(name##_terms, (size_t n, const real *t, const row_state *state, real *a, real *b), name##_term(s, t[k], r)) \
    EACH(name##_results, (size_t n, const real *t, const row_state *state, real *y), y,             \
         row_result(name##_y(t[k], r), name##_none, r))                                             \
    LANES(name##_gradient_terms, (size_t n, const real *y, const real *dy, const row_state *state, real *a, real *b), \
          name##_dterm(s, y[k], dy[k], r))                                                          \
    EACH(name##_gradients, (size_t n, const real *y, const real *dy, const row_state *state, real *dx), dx, \
         name##_dx(y[k], dy[k], r))                                                                 \
    static row_state name##_state(real scale) { return row_of(name##_scale(scale), name##_start); } \
    static real name##_no_part(void) { return name##_none; }
#define ACTIVATION(...)
#define COMPOSED(id, name, kind, ...) OF_##kind(name)
#include "activations.def"
#undef OF_ROWWISE

#define OF_ROWWISE(name)                                                                            \
    [ROWWISE_##name] = {name##_terms, name##_results, name##_gradient_terms, name##_gradients, name##_after, \
                        name##_dafter, name##_state, name##_no_part, name##_first, name##_paired},
static const struct loops all_loops[ROWWISE_COUNT] = {
#include "activations.def"
};
#undef ACTIVATION
#undef COMPOSED

/* ---- Rows ------------------------------------------------------------------------------------ */

struct row {
    const struct clact_cpu_rows *rows;
    const struct loops *loops;
    size_t length;
    real none; /* what stands for an element that takes no part in y */
    const char *base[ROWWISE_VIEW_COUNT]; /* of the row's first element */
    _Alignas(64) real x[PIECE], other[PIECE], out[PIECE];
    _Alignas(64) real a[REDUCTION_LANES], b[REDUCTION_LANES];
    uint8_t mask[PIECE];
    real a_blocks[REDUCTION_LEVELS], b_blocks[REDUCTION_LEVELS];
};

static size_t piece_at(const struct row *row, size_t first)
{
    return row->length - first < PIECE ? row->length - first : PIECE;
}

static char *place_of(const struct row *row, int v, size_t k)
{
    const struct clact_view *view = &row->rows->launch->views[v];
    int64_t bytes = (int64_t)clact_type_bytes((clact_type)view->type);
    return (char *)(uintptr_t)row->base[v] + (int64_t)k * view->strides[CLACT_MAX_RANK - 1] * bytes;
}

static void read_view(const struct row *row, int v, size_t first, size_t n, real *to)
{
    const struct clact_view *view = &row->rows->launch->views[v];
    row->rows->kernels->load[view->type](n, place_of(row, v, first), view->strides[CLACT_MAX_RANK - 1], to);
}

/* Loads a piece: t, or backward y and dy. */
static void load_piece(struct row *row, size_t first, size_t n, bits flip)
{
    const struct clact_rowwise_launch *l = row->rows->launch;
    read_view(row, ROWWISE_X, first, n, row->x);
    if (l->backward)
        read_view(row, ROWWISE_DY, first, n, row->other);
    else
        row_prepare(n, row->x, flip);
    if (!l->has_mask)
        return;
    int64_t step = l->views[ROWWISE_MASK].strides[CLACT_MAX_RANK - 1];
    const uint8_t *mask = (const uint8_t *)place_of(row, ROWWISE_MASK, first);
    for (size_t k = 0; k < n; k++)
        row->mask[k] = mask[(int64_t)k * step];
    row_mask(n, row->x, row->mask, l->backward ? row->none : NO_PART);
}

/* The same where a row of one piece has been loaded already. */
static void load_again(struct row *row, size_t first, size_t n, bits flip)
{
    if (row->length > PIECE)
        load_piece(row, first, n, flip);
}

/* One pass of sums over the row. */
static sums sum_row(struct row *row, const row_state *state)
{
    const bool backward = row->rows->launch->backward;
    const u32 width = reduction_width(row->length);
    const int paired = backward && row->loops->paired;
    u64 blocks = 0;
    for (size_t first = 0; first < row->length; first += PIECE) {
        size_t n = piece_at(row, first);
        load_again(row, first, n, state->flip);
        for (u32 l = 0; first % REDUCTION_BLOCK == 0 && l < width; l++)
            row->a[l] = row->b[l] = NO_SUM;
        for (size_t k = 0; k < n; k += REDUCTION_LANES) {
            size_t lanes = n - k < REDUCTION_LANES ? n - k : REDUCTION_LANES;
            if (backward)
                row->loops->gradient_terms(lanes, row->x + k, row->other + k, state, row->a, row->b);
            else
                row->loops->terms(lanes, row->x + k, state, row->a, row->b);
        }
        if ((first + n) % REDUCTION_BLOCK == 0 || first + n == row->length) {
            row_push(row->a_blocks, row->b_blocks, blocks, row_fold(row->a, row->b, width, paired), paired);
            blocks++;
        }
    }
    return row_total(row->a_blocks, row->b_blocks, blocks, paired);
}

static void write_piece(struct row *row, size_t first, size_t n)
{
    const struct clact_view *view = &row->rows->launch->views[ROWWISE_OUT];
    row->rows->kernels->store[view->type](n, row->out, place_of(row, ROWWISE_OUT, first),
                                          view->strides[CLACT_MAX_RANK - 1]);
}

static void row_forward(struct row *row, row_state state)
{
    const struct loops *loops = row->loops;
    bits most = order_of(NO_PART);
    for (size_t first = 0; first < row->length; first += PIECE) {
        size_t n = piece_at(row, first);
        load_piece(row, first, n, state.flip);
        most = row_greatest(n, row->x, most);
    }
    state.greatest = of_order(most);
    while (!loops->first && row_has_sums(state) && loops->after(&state, sum_row(row, &state)))
        ;
    bool wanted = loops->first && row_has_sums(state);
    for (size_t first = 0; first < row->length; first += PIECE) {
        size_t n = piece_at(row, first);
        load_again(row, first, n, state.flip);
        loops->results(n, row->x, &state, row->out);
        for (size_t k = 0; wanted && k < n; k++)
            if (row->x[k] == state.greatest) {
                row->out[k] = C(1.0);
                wanted = false;
            }
        if (row->rows->launch->has_mask)
            row_mask(n, row->out, row->mask, row->none);
        write_piece(row, first, n);
    }
}

static void row_backward(struct row *row, row_state state)
{
    const struct clact_beta *beta = &row->rows->launch->beta;
    if (row->length <= PIECE)
        load_piece(row, 0, row->length, 0);
    if (!row->loops->first)
        row->loops->gradient_after(&state, sum_row(row, &state));
    for (size_t first = 0; first < row->length; first += PIECE) {
        size_t n = piece_at(row, first);
        load_again(row, first, n, 0);
        row->loops->gradients(n, row->x, row->other, &state, row->out);
        if (beta->f64 != 0) {
            read_view(row, ROWWISE_OUT, first, n, row->other);
            row_add(n, row->other, CLACT_REAL_BITS == 64 ? (real)beta->f64 : (real)beta->f32, row->out);
        }
        write_piece(row, first, n);
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
    for (uint64_t i = first; i < end; i++) {
        uint64_t rest = i;
        int64_t at[ROWWISE_VIEW_COUNT];
        for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
            at[v] = l->views[v].offset;
        for (int k = CLACT_MAX_RANK - 2; rest; k--) {
            int64_t c = (int64_t)(rest % (uint64_t)l->dims[k]);
            rest /= (uint64_t)l->dims[k];
            for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
                at[v] += c * l->views[v].strides[k];
        }
        for (int v = 0; v < ROWWISE_VIEW_COUNT; v++) /* nothing may be added to the null pointer of an absent view */
            row.base[v] = !rows->base[v] ? NULL
                          : rows->base[v] + at[v] * (int64_t)clact_type_bytes((clact_type)l->views[v].type);
        if (l->backward)
            row_backward(&row, state);
        else
            row_forward(&row, state);
    }
}
