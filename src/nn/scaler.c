/* scaler.c: input scaling: a shift and a factor for each column. */
#include <clact/nn.h>

#include "../fpenv.h"
#include "../tensor.h"
#include "convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct clact_nn_scaler {
    size_t columns;
    double *shifts, *factors; /* in one piece of memory, behind this */
};

static clact_status allocate(clact_nn_scaler **out, size_t columns)
{
    clact_nn_scaler *s = NULL;
    if (columns <= (SIZE_MAX - sizeof *s) / (2 * sizeof(double)))
        s = calloc(1, sizeof *s + columns * 2 * sizeof(double));
    REQUIRE(s, CLACT_E_MEMORY, "out of memory");
    s->columns = columns;
    s->shifts = (double *)(s + 1);
    s->factors = s->shifts + columns;
    *out = s;
    return CLACT_OK;
}

void clact_nn_scaler_destroy(clact_nn_scaler **scaler)
{
    if (!scaler)
        return;
    free(*scaler);
    *scaler = NULL;
}

size_t clact_nn_scaler_columns(const clact_nn_scaler *scaler)
{
    return scaler ? scaler->columns : 0;
}

clact_status clact_nn_scaler_get(const clact_nn_scaler *scaler, size_t column, double *shift, double *factor)
{
    REQUIRE(scaler, CLACT_E_ARGUMENT, "scaler must not be NULL");
    REQUIRE(column < scaler->columns, CLACT_E_BOUNDS, "column %zu of a scaler of %zu", column, scaler->columns);
    if (shift)
        *shift = scaler->shifts[column];
    if (factor)
        *factor = scaler->factors[column];
    return CLACT_OK;
}

clact_status clact_nn_scaler_create(clact_nn_scaler **out, size_t columns, const double *shifts, const double *factors)
{
    REQUIRE(out && shifts && factors, CLACT_E_ARGUMENT, "out, shifts and factors must not be NULL");
    REQUIRE(columns > 0, CLACT_E_ARGUMENT, "a scaler has at least one column");
    for (size_t c = 0; c < columns; c++)
        REQUIRE(isfinite(shifts[c]) && isfinite(factors[c]) && factors[c] != 0, CLACT_E_ARGUMENT,
                "column %zu: a shift must be finite, and a factor finite and not zero", c);
    TRY(allocate(out, columns));
    memcpy((*out)->shifts, shifts, columns * sizeof *shifts);
    memcpy((*out)->factors, factors, columns * sizeof *factors);
    return CLACT_OK;
}

/* ---- Operands ------------------------------------------------------------------------------- */

static clact_status check_operand(const clact_operand *operand, const char *what)
{
    struct clact_view view;
    uint64_t n;
    TRY(clact_view_of(operand, what, &view, &n));
    const clact_tensor *t = &operand->tensor;
    REQUIRE(t->rank == 2 && !t->strided, CLACT_E_ARGUMENT, "%s must be a dense matrix, [samples, columns]", what);
    REQUIRE(t->type < CLACT_TYPE_COUNT, CLACT_E_ARGUMENT, "%s must be of type f32, f16, bf16 or f64", what);
    REQUIRE(!operand->buffer && !operand->mem, CLACT_E_ARGUMENT, "%s must lie in host memory", what);
    return CLACT_OK;
}

/* Its memory from an element on. */
static char *at(const clact_operand *operand, int64_t element)
{
    return (char *)operand->data + (size_t)(operand->tensor.offset + element) * clact_type_bytes((clact_type)operand->tensor.type);
}

/* ---- Fitting -------------------------------------------------------------------------------- */

/* What a pass over the samples gathers for a column. Sums carry what their additions lose (Neumaier, 1974). */
struct column {
    double least, most, mean, sum, lost;
};

static void add(struct column *c, double x)
{
    double sum = c->sum + x;
    c->lost += fabs(c->sum) >= fabs(x) ? (c->sum - sum) + x : (x - sum) + c->sum;
    c->sum = sum;
}

static void take_value(struct column *c, double x)
{
    c->least = x < c->least ? x : c->least;
    c->most = x > c->most ? x : c->most;
    add(c, x);
}

static void take_square(struct column *c, double x)
{
    double d = (x - c->mean) / (c->most - c->least); /* whose square does not underflow or overflow */
    add(c, d * d);
}

/* Gives every element to its column; row holds one row. */
static clact_status pass(const clact_operand *x, double *row, struct column *columns, void (*take)(struct column *, double))
{
    const int64_t samples = x->tensor.dims[0], width = x->tensor.dims[1];
    for (int64_t r = 0; r < samples; r++) {
        clact_nn_to_double((clact_type)x->tensor.type, (size_t)width, at(x, r * width), row);
        for (int64_t c = 0; c < width; c++) {
            REQUIRE(isfinite(row[c]), CLACT_E_ARGUMENT, "row %lld, column %lld of x is %s: scaling takes finite numbers",
                    (long long)r, (long long)c, isnan(row[c]) ? "NaN" : "infinite");
            take(&columns[c], row[c]);
        }
    }
    return CLACT_OK;
}

static clact_status fit(clact_nn_scaler *s, const clact_operand *x, clact_nn_scaling scaling, struct column *columns)
{
    const double samples = (double)x->tensor.dims[0];
    double *row = s->shifts; /* not written before the end */
    for (size_t c = 0; c < s->columns; c++)
        columns[c] = (struct column){.least = INFINITY, .most = -INFINITY};
    TRY(pass(x, row, columns, take_value));
    for (size_t c = 0; c < s->columns; c++) {
        columns[c].mean = (columns[c].sum + columns[c].lost) / samples;
        columns[c].sum = columns[c].lost = 0;
    }
    if (scaling == CLACT_NN_STANDARDIZE)
        TRY(pass(x, row, columns, take_square));
    for (size_t c = 0; c < s->columns; c++) {
        const struct column *k = &columns[c];
        bool constant = k->least == k->most;
        double deviation = scaling == CLACT_NN_STANDARDIZE ? sqrt((k->sum + k->lost) / samples) : 1;
        double spread = (k->most - k->least) * deviation;
        s->shifts[c] = scaling == CLACT_NN_STANDARDIZE && !constant ? k->mean : k->least;
        s->factors[c] = constant ? 1 : 1 / spread;
        REQUIRE(isfinite(s->shifts[c]) && isfinite(s->factors[c]) && s->factors[c] > 0, CLACT_E_RANGE,
                "the spread of column %zu of x, from %g to %g, is not one of f64", c, k->least, k->most);
    }
    return CLACT_OK;
}

clact_status clact_nn_scaler_fit(clact_nn_scaler **out, const clact_operand *x, clact_nn_scaling scaling)
{
    REQUIRE(out, CLACT_E_ARGUMENT, "out must not be NULL");
    REQUIRE(scaling == CLACT_NN_STANDARDIZE || scaling == CLACT_NN_NORMALIZE, CLACT_E_ARGUMENT,
            "scaling must be CLACT_NN_STANDARDIZE or CLACT_NN_NORMALIZE");
    TRY(check_operand(x, "x"));
    REQUIRE(x->tensor.dims[0] > 0 && x->tensor.dims[1] > 0, CLACT_E_ARGUMENT, "x has no samples or no columns");
    clact_nn_scaler *s;
    TRY(allocate(&s, (size_t)x->tensor.dims[1]));
    struct column *columns = malloc(s->columns * sizeof *columns);
    clact_fpenv env = clact_fpenv_enter();
    clact_status status = columns ? fit(s, x, scaling, columns) : clact_fail(CLACT_E_MEMORY, "out of memory");
    clact_fpenv_leave(env);
    free(columns);
    if (status == CLACT_OK)
        *out = s;
    else
        free(s);
    return status;
}

/* ---- Applying ------------------------------------------------------------------------------- */

static double forward(double x, double shift, double factor)
{
    return (x - shift) * factor;
}

static double inverse(double y, double shift, double factor)
{
    return y / factor + shift;
}

static clact_status map(const clact_nn_scaler *s, const clact_operand *from, const clact_operand *to,
                        double (*f)(double, double, double))
{
    enum { PIECE = 1024 };
    double piece[PIECE];
    REQUIRE(s, CLACT_E_ARGUMENT, "scaler must not be NULL");
    TRY(check_operand(from, "the input"));
    TRY(check_operand(to, "the output"));
    const clact_tensor *a = &from->tensor, *b = &to->tensor;
    REQUIRE(a->type == b->type && a->dims[0] == b->dims[0] && a->dims[1] == b->dims[1], CLACT_E_ARGUMENT,
            "the output must have the input's shape and type");
    REQUIRE((uint64_t)a->dims[1] == s->columns, CLACT_E_ARGUMENT, "the input has %lld columns, the scaler %zu", (long long)a->dims[1],
            s->columns);
    const size_t bytes = (size_t)(a->dims[0] * a->dims[1]) * clact_type_bytes((clact_type)a->type);
    const char *x = at(from, 0), *y = at(to, 0);
    REQUIRE(x == y || x + bytes <= y || y + bytes <= x, CLACT_E_OVERLAP, "the output overlaps the input without being the same");
    clact_fpenv env = clact_fpenv_enter();
    for (int64_t r = 0; r < a->dims[0]; r++)
        for (size_t c = 0; c < s->columns; c += PIECE) {
            const size_t n = s->columns - c < PIECE ? s->columns - c : PIECE;
            const int64_t first = r * a->dims[1] + (int64_t)c;
            clact_nn_to_double((clact_type)a->type, n, at(from, first), piece);
            for (size_t i = 0; i < n; i++)
                piece[i] = f(piece[i], s->shifts[c + i], s->factors[c + i]);
            clact_nn_from_double((clact_type)a->type, n, piece, at(to, first));
        }
    clact_fpenv_leave(env);
    return CLACT_OK;
}

clact_status clact_nn_scaler_apply(const clact_nn_scaler *scaler, const clact_operand *x, const clact_operand *y)
{
    return map(scaler, x, y, forward);
}

clact_status clact_nn_scaler_invert(const clact_nn_scaler *scaler, const clact_operand *y, const clact_operand *x)
{
    return map(scaler, y, x, inverse);
}
