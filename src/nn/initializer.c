/* initializer.c: weights from a seed: the same numbers on every machine and device. */
#include <clact/nn.h>

#include "../fpenv.h"
#include "../tensor.h"
#include "convert.h"
#include "quantile.h"

#define CLACT_REAL_BITS 64
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "noise.h"

#include <math.h>

enum { ELEMENTS = 4096 }; /* made at a time; a multiple of 4 */

/* What a number is drawn from, and what its spread depends on. */
enum shape { FIXED, UNIFORM, NORMAL, TRUNCATED };
enum size { VALUE, BY_IN, BY_BOTH };

/* The spread, a uniform one's limit or a normal one's standard deviation, is gain sqrt(over / n), or value. */
static const struct kind {
    const char *name;
    enum shape shape;
    enum size size;
    double over, gain; /* gain: where none is given */
} kinds[] = {
    [CLACT_NN_ZEROS] = {"zeros", FIXED, BY_IN, 0, 1},
    [CLACT_NN_CONSTANT] = {"constant", FIXED, VALUE, 0, 1},
    [CLACT_NN_UNIFORM] = {"uniform", UNIFORM, VALUE, 0, 1},
    [CLACT_NN_NORMAL] = {"normal", NORMAL, VALUE, 0, 1},
    [CLACT_NN_TRUNCATED_NORMAL] = {"truncated_normal", TRUNCATED, VALUE, 0, 1},
    [CLACT_NN_HE_NORMAL] = {"he_normal", NORMAL, BY_IN, 1, M_SQRT2},
    [CLACT_NN_HE_TRUNCATED_NORMAL] = {"he_truncated_normal", TRUNCATED, BY_IN, 1, M_SQRT2},
    [CLACT_NN_HE_UNIFORM] = {"he_uniform", UNIFORM, BY_IN, 3, M_SQRT2},
    [CLACT_NN_GLOROT_NORMAL] = {"glorot_normal", NORMAL, BY_BOTH, 1, 1},
    [CLACT_NN_GLOROT_TRUNCATED_NORMAL] = {"glorot_truncated_normal", TRUNCATED, BY_BOTH, 1, 1},
    [CLACT_NN_GLOROT_UNIFORM] = {"glorot_uniform", UNIFORM, BY_BOTH, 3, 1},
    [CLACT_NN_LECUN_NORMAL] = {"lecun_normal", NORMAL, BY_IN, 1, 1},
    [CLACT_NN_LECUN_TRUNCATED_NORMAL] = {"lecun_truncated_normal", TRUNCATED, BY_IN, 1, 1},
    [CLACT_NN_LECUN_UNIFORM] = {"lecun_uniform", UNIFORM, BY_IN, 3, 1},
    [CLACT_NN_SQRT_2_N] = {"sqrt_2_n", UNIFORM, BY_IN, 2, 1},
    [CLACT_NN_1_SQRT_N] = {"1_sqrt_n", UNIFORM, BY_IN, 1, 1},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *clact_nn_initializer_name(clact_nn_initializer_id id)
{
    return (unsigned)id < KINDS ? kinds[id].name : NULL;
}

clact_status clact_nn_initializer_named(clact_nn_initializer_id *out, const char *name)
{
    REQUIRE(out && name, CLACT_E_ARGUMENT, "out and name must not be NULL");
    for (unsigned id = 0; id < KINDS; id++)
        if (strcmp(kinds[id].name, name) == 0) {
            *out = (clact_nn_initializer_id)id;
            return CLACT_OK;
        }
    return clact_fail(CLACT_E_NAME, "'%s' is no initialiser", name);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* Of the part of a standard normal distribution within 2 of its mean: where it begins, as a quantile, and its standard
 * deviation, sqrt(1 - 4 phi(2) / (1 - 2 begin)). */
#define TRUNCATED_BEGIN 0.022750131948179207
#define TRUNCATED_DEVIATION 0.87962566103423978

struct source {
    const struct kind *kind;
    double spread;
    uint64_t seed, offset;
};

static double number(const struct source *s, uint32_t word)
{
    double p = ((double)word + 0.5) * 0x1p-32;
    switch (s->kind->shape) {
    case UNIFORM: return s->spread * fused(2.0, p, -1.0);
    case NORMAL: return s->spread * clact_nn_normal_quantile(p);
    case TRUNCATED: return s->spread * clact_nn_normal_quantile(fused(1.0 - 2.0 * TRUNCATED_BEGIN, p, TRUNCATED_BEGIN));
    case FIXED: break;
    }
    return s->spread;
}

/* Elements first to first + n, at most ELEMENTS; first is a multiple of 4. */
static void draw(const struct source *s, clact_type type, uint64_t first, size_t n, void *to)
{
    double out[ELEMENTS];
    clact_fpenv env = clact_fpenv_enter();
    for (size_t i = 0; i < n; i += 4) {
        words w = noise_words(s->seed, s->offset, (first + i) / 4);
        const uint32_t word[4] = {w.a, w.b, w.c, w.d};
        for (size_t k = 0; k < 4 && i + k < n; k++)
            out[i + k] = number(s, word[k]);
    }
    clact_nn_from_double(type, n, out, to);
    clact_fpenv_leave(env);
}

/* ---- The call ------------------------------------------------------------------------------- */

static clact_status source_of(const clact_nn_initializer *how, const clact_tensor *t, struct source *s)
{
    REQUIRE(how->id < KINDS, CLACT_E_NAME, "there is no initialiser of the number %u", (unsigned)how->id);
    REQUIRE(isfinite(how->value) && isfinite(how->gain), CLACT_E_ARGUMENT, "an initialiser's value and gain must be finite");
    const struct kind *k = &kinds[how->id];
    int64_t rows = t->rank ? t->dims[0] : 1, columns = t->rank ? t->dims[t->rank - 1] : 1;
    REQUIRE(k->size == VALUE || k->shape == FIXED || t->rank <= 2 || (how->fan_in && (how->fan_out || k->size == BY_IN)),
            CLACT_E_ARGUMENT, "%s of more than two dimensions needs fan_in and fan_out", k->name);
    double in = (double)(how->fan_in ? how->fan_in : (uint64_t)rows);
    double both = (in + (double)(how->fan_out ? how->fan_out : (uint64_t)columns)) / 2;
    double gain = how->gain != 0 ? how->gain : k->gain;
    clact_fpenv env = clact_fpenv_enter();
    *s = (struct source){k, how->value, how->seed, how->offset};
    if (k->size != VALUE)
        s->spread = k->over == 0 ? 0 : gain * sqrt(k->over / (k->size == BY_IN ? in : both));
    if (k->size != VALUE && k->shape == TRUNCATED)
        s->spread /= TRUNCATED_DEVIATION;
    clact_fpenv_leave(env);
    return CLACT_OK;
}

static clact_status check(clact_context *context, const clact_operand *out, const clact_nn_initializer *how, uint64_t *n)
{
    struct clact_view view;
    REQUIRE(how, CLACT_E_ARGUMENT, "initializer must not be NULL");
    uint64_t any = how->reserved0;
    for (int i = 0; i < 4; i++)
        any |= how->reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "the reserved words of clact_nn_initializer must be zero");
    TRY(clact_view_of(out, "out", &view, n));
    REQUIRE(!out->tensor.strided, CLACT_E_ARGUMENT, "out must be dense");
    REQUIRE(out->tensor.type < CLACT_TYPE_COUNT, CLACT_E_ARGUMENT, "weights are of type f32, f16, bf16 or f64");
    REQUIRE(!out->mem, CLACT_E_ARGUMENT, "out must lie in host memory or in a buffer: import the cl_mem");
    REQUIRE(!out->buffer || (context && out->buffer->context == context), CLACT_E_ARGUMENT,
            "out is a buffer of another context");
    return *n && out->buffer ? clact_view_bounds(context, &out->tensor, &view, "out") : CLACT_OK;
}

clact_status clact_nn_initialize(clact_context *context, const clact_operand *out, const clact_nn_initializer *initializer)
{
    struct source source = {0};
    uint64_t n;
    double piece[ELEMENTS]; /* of any type */
    TRY(check(context, out, initializer, &n));
    TRY(source_of(initializer, &out->tensor, &source));
    const clact_type type = (clact_type)out->tensor.type;
    const size_t size = clact_type_bytes(type), start = (size_t)out->tensor.offset * size;
    for (uint64_t first = 0; first < n; first += ELEMENTS) {
        size_t count = n - first < ELEMENTS ? (size_t)(n - first) : ELEMENTS;
        void *to = out->data ? (char *)out->data + start + first * size : (void *)piece;
        draw(&source, type, first, count, to);
        if (out->buffer)
            TRY(clact_buffer_write(out->buffer, start + first * size, count * size, piece));
    }
    return CLACT_OK;
}
