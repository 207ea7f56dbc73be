/* test_nn_loss.c: losses and penalties: values against their definitions in long double, gradients against central
 * differences of these, bits on every device, what is refused. */
#include "nn.h"

#include <math.h>
#include <string.h>

enum { Z, TARGETS, LABELS, WEIGHTS, VALUE, DZ, LOSS_ARRAYS };

struct loss {
    uint32_t kind;
    bool labelled, weighted;
    double beta;
};

static clact_status run_loss(clact_context *context, const struct nn_case *c)
{
    const struct loss *l = c->what;
    const clact_nn_loss_args args = {.kind = l->kind, .z = nn_operand(c, Z), .targets = nn_operand(c, TARGETS),
        .labels = nn_operand(c, LABELS), .weights = nn_operand(c, WEIGHTS), .value = nn_operand(c, VALUE),
        .value_beta = l->beta, .dz = nn_operand(c, DZ)};
    return clact_nn_loss(context, &args, NULL);
}

static struct nn_case make_loss(const struct loss *l, clact_type type, int64_t samples, int64_t columns)
{
    const int64_t dims[2] = {samples, columns}, one = 1;
    struct nn_case c = {.count = LOSS_ARRAYS, .outputs = VALUE, .what = l};
    uint64_t seed = (uint64_t)(samples + columns);
    c.arrays[Z] = make_array(type, 2, dims);
    nn_fill(&c.arrays[Z], 6, seed);
    if (l->labelled) {
        c.arrays[LABELS] = make_array(CLACT_I32, 1, &samples);
        for (int64_t i = 0; i < samples; i++)
            ((int32_t *)c.arrays[LABELS].memory)[i] = (int32_t)(next_random(&seed) % (uint64_t)columns);
    } else {
        c.arrays[TARGETS] = make_array(type, 2, dims);
        for (int64_t i = 0; i < samples * columns; i++) /* rows of cross-entropy sum to 1 */
            set(&c.arrays[TARGETS], i, l->kind != CLACT_NN_CROSS_ENTROPY ? (double)(next_random(&seed) % 5) / 4
                                       : columns < 4                     ? i % columns == 0
                                                                         : (i % columns < 4) * 0.25);
    }
    if (l->weighted) {
        c.arrays[WEIGHTS] = make_array(type, 1, &samples);
        for (int64_t i = 0; i < samples; i++)
            set(&c.arrays[WEIGHTS], i, (double)(next_random(&seed) % 9) / 4);
    }
    c.arrays[VALUE] = make_array(type, 1, &one);
    set(&c.arrays[VALUE], 0, 3);
    c.arrays[DZ] = make_array(type, 2, dims);
    return c;
}

/* ---- Definitions ---------------------------------------------------------------------------- */

static long double target_of(const struct nn_case *c, int64_t i)
{
    int64_t columns = c->arrays[Z].operand.tensor.dims[1];
    if (c->arrays[LABELS].memory)
        return ((const int32_t *)c->arrays[LABELS].memory)[i / columns] == i % columns;
    return get(&c->arrays[TARGETS], i);
}

/* The loss of a sample whose element moved has been changed by so much. */
static long double loss_of_sample(const struct nn_case *c, int64_t sample, int64_t moved, long double by)
{
    const struct loss *l = c->what;
    int64_t columns = c->arrays[Z].operand.tensor.dims[1];
    long double sum = 0, all = 0;
    for (int64_t i = sample * columns; i < (sample + 1) * columns; i++)
        all += expl(get(&c->arrays[Z], i) + (i == moved ? by : 0));
    for (int64_t i = sample * columns; i < (sample + 1) * columns; i++) {
        long double z = get(&c->arrays[Z], i) + (i == moved ? by : 0), t = target_of(c, i);
        if (l->kind == CLACT_NN_SQUARED_ERROR)
            sum += (z - t) * (z - t) / columns;
        else if (l->kind == CLACT_NN_BINARY_CROSS_ENTROPY)
            sum += -(t * logl(1 / (1 + expl(-z))) + (1 - t) * logl(1 / (1 + expl(z)))) / columns;
        else
            sum += -t * logl(expl(z) / all);
    }
    return sum * (l->weighted ? get(&c->arrays[WEIGHTS], sample) : 1) / c->arrays[Z].operand.tensor.dims[0];
}

static void check_loss(const struct nn_case *c, clact_type type)
{
    const struct loss *l = c->what;
    const double tolerance = type == CLACT_F32 ? 2e-6 : 2e-9;
    const long double h = 1e-5L;
    int64_t samples = c->arrays[Z].operand.tensor.dims[0], columns = c->arrays[Z].operand.tensor.dims[1];
    long double value = l->beta * 3, scale = 1.0L / (samples * (l->kind == CLACT_NN_CROSS_ENTROPY ? 1 : columns));
    for (int64_t s = 0; s < samples; s++)
        value += loss_of_sample(c, s, -1, 0);
    double got = get(&c->arrays[VALUE], 0);
    ck_assert_msg(fabsl(got - value) <= tolerance * (1 + fabsl(value)), "loss %u: %.17g, expected %.17Lg",
                  (unsigned)l->kind, got, value);
    for (int64_t i = 0; i < samples * columns; i++) {
        long double slope = (loss_of_sample(c, i / columns, i, h) - loss_of_sample(c, i / columns, i, -h)) / (2 * h);
        got = get(&c->arrays[DZ], i);
        ck_assert_msg(fabsl(got - slope) <= tolerance * (scale * 4 + fabsl(slope)),
                      "loss %u: dz[%d] is %.17g, expected %.17Lg", (unsigned)l->kind, (int)i, got, slope);
    }
}

static const struct loss losses[] = {
    {CLACT_NN_SQUARED_ERROR, false, false, 0},       {CLACT_NN_SQUARED_ERROR, false, true, 0.5},
    {CLACT_NN_BINARY_CROSS_ENTROPY, false, false, 0}, {CLACT_NN_BINARY_CROSS_ENTROPY, false, true, 0.5},
    {CLACT_NN_CROSS_ENTROPY, false, false, 0},       {CLACT_NN_CROSS_ENTROPY, false, true, 0.5},
    {CLACT_NN_CROSS_ENTROPY, true, false, 0},        {CLACT_NN_CROSS_ENTROPY, true, true, 0.5},
};

START_TEST(losses_and_their_gradients)
{
    static const int64_t shapes[][2] = {{7, 5}, {97, 11}};
    const struct loss *l = &losses[_i];
    for (int f64 = 0; f64 < 2; f64++)
        for (int k = 0; k < 4; k++) {
            clact_type type = f64 ? CLACT_F64 : CLACT_F32;
            if (k % 2 && !has_type(type))
                continue;
            struct nn_case c = make_loss(l, type, shapes[k / 2][0], shapes[k / 2][1]);
            nn_call(test_context(), k % 2, &c, run_loss);
            check_loss(&c, type);
            nn_free(&c);
        }
}
END_TEST

START_TEST(losses_have_the_same_bits)
{
    const struct loss *l = &losses[_i];
    for (int f64 = 0; f64 < 2; f64++) {
        static const int64_t shapes[][2] = {{1, 1}, {33, 3}, {2, 4097}, {701, 129}};
        for (size_t k = 0; k < COUNT_OF(shapes) - (light() ? 1 : 0); k++) {
            struct nn_case c = make_loss(l, f64 ? CLACT_F64 : CLACT_F32, shapes[k][0], shapes[k][1]);
            nn_same_bits(&c, run_loss, "a loss");
            nn_free(&c);
        }
    }
}
END_TEST

/* ---- Ends of the range ---------------------------------------------------------------------- */

static void one_loss(bool buffers, uint32_t kind, double z, double target, double *value, double *dz)
{
    const struct loss l = {kind, false, false, 0};
    struct nn_case c = make_loss(&l, CLACT_F32, 1, 1);
    set(&c.arrays[Z], 0, z);
    set(&c.arrays[TARGETS], 0, target);
    nn_call(test_context(), buffers, &c, run_loss);
    *value = get(&c.arrays[VALUE], 0);
    *dz = get(&c.arrays[DZ], 0);
    nn_free(&c);
}

START_TEST(logits_far_out)
{
    static const struct {
        double z, target, value, dz;
    } cases[] = {
        {50, 1, 1.928749847963918e-22, -1.928749847963918e-22}, {-50, 0, 1.928749847963918e-22, 1.928749847963918e-22},
        {50, 0, 50, 1}, {-50, 1, 50, -1}, {INFINITY, 1, 0, 0}, {-INFINITY, 0, 0, 0}, {INFINITY, 0, INFINITY, 1},
        {-INFINITY, 1, INFINITY, -1}, {3e38, 1, 0, 0}, {3e38, 0, 3e38, 1}, {0, 0.5, 0.69314718055994531, 0},
        {NAN, 1, NAN, NAN}, {1, NAN, NAN, NAN},
    };
    for (size_t k = 0; k < COUNT_OF(cases); k++)
        for (int buffers = 0; buffers < 2; buffers++) {
            double value, dz;
            one_loss(buffers, CLACT_NN_BINARY_CROSS_ENTROPY, cases[k].z, cases[k].target, &value, &dz);
            const double got[2] = {value, dz}, expected[2] = {cases[k].value, cases[k].dz};
            for (int i = 0; i < 2; i++)
                ck_assert_msg(isnan(expected[i]) ? isnan(got[i]) : got[i] == expected[i] ||
                              fabs(got[i] - expected[i]) <= 4e-7 * fabs(expected[i]),
                              "z %g, target %g: %s %.9g, expected %.9g", cases[k].z, cases[k].target,
                              i ? "gradient" : "loss", got[i], expected[i]);
        }
}
END_TEST

START_TEST(a_nan_is_seen)
{
    for (size_t k = 0; k < COUNT_OF(losses); k++)
        for (int buffers = 0; buffers < 2; buffers++) {
            struct nn_case c = make_loss(&losses[k], CLACT_F32, 5, 6);
            set(&c.arrays[Z], 13, NAN);
            if (losses[k].weighted)
                set(&c.arrays[WEIGHTS], 2, 1);
            nn_call(test_context(), buffers, &c, run_loss);
            ck_assert(isnan(get(&c.arrays[VALUE], 0)));
            ck_assert(isnan(get(&c.arrays[DZ], 13)));
            ck_assert(!isnan(get(&c.arrays[DZ], 0)));
            nn_free(&c);
        }
}
END_TEST

/* A class without probability and without target costs nothing. */
START_TEST(impossible_classes)
{
    for (size_t k = 4; k < COUNT_OF(losses); k += 2) {
        struct nn_case c = make_loss(&losses[k], CLACT_F32, 1, 5);
        set(&c.arrays[Z], 4, -INFINITY);
        if (losses[k].labelled)
            ((int32_t *)c.arrays[LABELS].memory)[0] = 2;
        nn_call(test_context(), true, &c, run_loss);
        ck_assert(isfinite(get(&c.arrays[VALUE], 0)));
        ck_assert_double_eq(get(&c.arrays[DZ], 4), 0);
        nn_free(&c);
    }
}
END_TEST

START_TEST(labels_that_are_no_class)
{
    static const int32_t wrong[] = {-1, 5, INT32_MAX, INT32_MIN};
    const struct loss *l = &losses[6];
    for (size_t k = 0; k < COUNT_OF(wrong); k++) {
        struct nn_case c = make_loss(l, CLACT_F32, 3, 5);
        ((int32_t *)c.arrays[LABELS].memory)[1] = wrong[k];
        REFUSED(run_loss(test_context(), &c), CLACT_E_RANGE, "the label of sample 1 is");
        ck_assert_double_eq(get(&c.arrays[VALUE], 0), 3);
        ck_assert_double_eq(get(&c.arrays[DZ], 0), 0);
        nn_call(test_context(), true, &c, run_loss);
        ck_assert(isnan(get(&c.arrays[VALUE], 0)));
        for (int64_t i = 0; i < 15; i++)
            ck_assert_int_eq(isnan(get(&c.arrays[DZ], i)) != 0, i / 5 == 1);
        nn_free(&c);
    }
}
END_TEST

START_TEST(losses_refused)
{
    const struct loss l = {CLACT_NN_SQUARED_ERROR, false, true, 0};
    struct nn_case c = make_loss(&l, CLACT_F32, 3, 2);
    clact_nn_loss_args good = {.kind = l.kind, .z = nn_operand(&c, Z), .targets = nn_operand(&c, TARGETS),
        .weights = nn_operand(&c, WEIGHTS), .value = nn_operand(&c, VALUE), .dz = nn_operand(&c, DZ)}, a = good;
    clact_context *context = test_context();
    OK(clact_nn_loss(context, &good, NULL));
#define TRY_ARGS(status, part, ...)                                                                 \
    a = good;                                                                                       \
    __VA_ARGS__;                                                                                    \
    REFUSED(clact_nn_loss(context, &a, NULL), status, part);
    REFUSED(clact_nn_loss(NULL, &good, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_nn_loss(context, NULL, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    TRY_ARGS(CLACT_E_NAME, "clact_nn_loss_kind", a.kind = 9)
    TRY_ARGS(CLACT_E_ARGUMENT, "reserved", a.reserved[7] = 1)
    TRY_ARGS(CLACT_E_ARGUMENT, "reserved", a.reserved0 = 1)
    TRY_ARGS(CLACT_E_ARGUMENT, "z must not be NULL", a.z = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "just one of them", a.targets = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "labels are for", a.targets = NULL; a.labels = a.weights)
    TRY_ARGS(CLACT_E_ARGUMENT, "dz of cross-entropy", a.kind = CLACT_NN_CROSS_ENTROPY; a.dz = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "neither", a.value = a.dz = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "value_beta", a.value_beta = INFINITY)
    TRY_ARGS(CLACT_E_RANGE, "1e+300 is not finite in f32", a.value_beta = 1e300)
    TRY_ARGS(CLACT_E_ARGUMENT, "weights must have one dimension, and 3 elements", a.weights = a.value)
    TRY_ARGS(CLACT_E_ARGUMENT, "targets must have the shape of z", a.targets = a.weights)
    TRY_ARGS(CLACT_E_OVERLAP, "dz is targets", a.dz = a.targets)
    clact_operand element = {.tensor = {.rank = 0}, .data = c.arrays[Z].memory};
    TRY_ARGS(CLACT_E_OVERLAP, "z overlaps", a.value = &element)
    TRY_ARGS(CLACT_E_OVERLAP, "dz is z", a.kind = CLACT_NN_CROSS_ENTROPY; a.dz = a.z)
    TRY_ARGS(CLACT_E_ARGUMENT, "type i32", a.kind = CLACT_NN_CROSS_ENTROPY; a.labels = a.weights; a.targets = NULL)
    clact_operand z = *good.z;
    z.tensor.strided = 1;
    z.tensor.strides[0] = 1, z.tensor.strides[1] = 3;
    TRY_ARGS(CLACT_E_UNSUPPORTED, "z must be dense", a.z = &z)
    z = *good.z;
    z.tensor.type = CLACT_F16;
    TRY_ARGS(CLACT_E_UNSUPPORTED, "must be f32 or f64", a.z = &z)
    z = *good.z;
    z.tensor.dims[0] = 0;
    TRY_ARGS(CLACT_E_ARGUMENT, "z has no elements", a.z = &z)
    a = good;
    a.dz = a.z; /* in place */
    OK(clact_nn_loss(context, &a, NULL));
    nn_free(&c);
}
END_TEST

/* ---- Penalties ------------------------------------------------------------------------------ */

struct penalty {
    double l1, l2;
    uint32_t activity;
    double beta;
};

static clact_status run_penalty(clact_context *context, const struct nn_case *c)
{
    const struct penalty *p = c->what;
    const clact_nn_penalty_args args = {.l1 = p->l1, .l2 = p->l2, .activity = p->activity, .x = nn_operand(c, 0),
        .value = nn_operand(c, 1), .value_beta = p->beta, .gradient = nn_operand(c, 2)};
    return clact_nn_penalty(context, &args, NULL);
}

static struct nn_case make_penalty(const struct penalty *p, clact_type type, int64_t rows, int64_t columns)
{
    const int64_t dims[2] = {rows, columns}, one = 1;
    struct nn_case c = {.arrays = {make_array(type, 2, dims), make_array(type, 1, &one), make_array(type, 2, dims)},
                        .count = 3, .outputs = 1, .what = p};
    nn_fill(&c.arrays[0], 3, 1);
    nn_fill(&c.arrays[2], 3, 2);
    set(&c.arrays[0], 0, 0);
    set(&c.arrays[1], 0, 7);
    return c;
}

static long double penalty_of(const struct penalty *p, long double x)
{
    return p->l1 * fabsl(x) + p->l2 * x * x;
}

static const struct penalty penalties[] = {{0.25, 0, 0, 0}, {0, 0.5, 0, 1}, {0.125, 0.375, 1, 0.5}, {0, 0, 0, 1}};

START_TEST(penalties_and_their_gradients)
{
    const struct penalty *p = &penalties[_i];
    for (int f64 = 0; f64 < 2; f64++)
        for (int buffers = 0; buffers < 2; buffers++) {
            clact_type type = f64 ? CLACT_F64 : CLACT_F32;
            if (buffers && !has_type(type))
                continue;
            struct nn_case c = make_penalty(p, type, 6, 11), before = make_penalty(p, type, 6, 11);
            const double tolerance = f64 ? 1e-9 : 2e-6;
            long double value = 0, share = p->activity ? 6 : 1;
            nn_call(test_context(), buffers, &c, run_penalty);
            for (int64_t i = 0; i < 66; i++) {
                long double x = get(&c.arrays[0], i), h = 1e-5L;
                long double slope = (penalty_of(p, x + h) - penalty_of(p, x - h)) / (2 * h) / share; /* 0 of |x| at 0 */
                value += penalty_of(p, x) / share;
                ck_assert_double_eq_tol(get(&c.arrays[2], i), get(&before.arrays[2], i) + (double)slope, 5 * tolerance);
            }
            ck_assert_double_eq_tol(get(&c.arrays[1], 0), (double)value + p->beta * 7, tolerance * ((double)value + 7));
            nn_free(&c);
            nn_free(&before);
            c = make_penalty(p, type, 301, 47);
            nn_same_bits(&c, run_penalty, "a penalty");
            nn_free(&c);
        }
}
END_TEST

START_TEST(penalties_refused)
{
    struct penalty p = penalties[0];
    struct nn_case c = make_penalty(&p, CLACT_F32, 2, 2);
    p.l1 = -1;
    REFUSED(run_penalty(test_context(), &c), CLACT_E_RANGE, "l1 must be finite and not negative");
    p.l1 = 0;
    p.l2 = NAN;
    REFUSED(run_penalty(test_context(), &c), CLACT_E_RANGE, "l2 must be finite and not negative");
    p.l2 = 1;
    p.activity = 2;
    REFUSED(run_penalty(test_context(), &c), CLACT_E_ARGUMENT, "activity must be 0 or 1");
    nn_free(&c);
}
END_TEST

Suite *nn_loss_suite(void)
{
    Suite *s = suite_create("nn_loss");
    TCase *c = tcase_create("losses");
    tcase_set_timeout(c, 0);
    tcase_add_loop_test(c, losses_and_their_gradients, 0, COUNT_OF(losses));
    tcase_add_loop_test(c, losses_have_the_same_bits, 0, COUNT_OF(losses));
    tcase_add_test(c, logits_far_out);
    tcase_add_test(c, a_nan_is_seen);
    tcase_add_test(c, impossible_classes);
    tcase_add_test(c, labels_that_are_no_class);
    tcase_add_test(c, losses_refused);
    tcase_add_loop_test(c, penalties_and_their_gradients, 0, COUNT_OF(penalties));
    tcase_add_test(c, penalties_refused);
    suite_add_tcase(s, c);
    return s;
}
