/* test_nn_optimizer.c: optimisers against their papers' recurrences in long double, norms and clipping, the order of
 * sums, bits on every device, what is refused. */
#include "nn.h"

#include "../src/arrays.h"
#ifdef CLACT_TEST_OPENCL
#include "handles.h"
#endif

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Updates -------------------------------------------------------------------------------- */

enum { GRADIENT, WEIGHTS, FIRST, SECOND, UPDATE_ARRAYS };

static clact_status run_update(clact_context *context, const struct nn_case *c)
{
    const clact_nn_update_args args = {.optimizer = c->what, .weights = nn_operand(c, WEIGHTS),
        .gradient = nn_operand(c, GRADIENT), .states = {nn_operand(c, FIRST), nn_operand(c, SECOND)}};
    return clact_nn_update(context, &args, NULL);
}

static clact_nn_optimizer rule_of(int i)
{
    clact_nn_optimizer o;
    OK(clact_nn_optimizer_default(&o, i < 3 ? CLACT_NN_SGD : (clact_nn_rule)(i - 1)));
    o.momentum = i == 1 || i == 2 ? 0.875 : 0;
    o.nesterov = i == 2;
    o.decay = o.rule == CLACT_NN_ADAMW ? 0.125 : o.decay;
    return o;
}
#define RULES 6

static struct nn_case make_update(const clact_nn_optimizer *o, clact_type type, int64_t n)
{
    struct nn_case c = {.count = WEIGHTS + 1 + (int)clact_nn_optimizer_states(o), .outputs = WEIGHTS, .what = o};
    for (int i = 0; i < c.count; i++)
        c.arrays[i] = make_array(type, 1, &n);
    nn_fill(&c.arrays[WEIGHTS], 2, 5);
    return c;
}

/* The recurrences as the papers have them. */
static void follow(const clact_nn_optimizer *o, int step, long double g, long double *w, long double *m, long double *v)
{
    switch (o->rule) {
    case CLACT_NN_SGD:
        if (o->momentum == 0) {
            *w = *w - o->rate * g;
            break;
        }
        *v = o->momentum * *v - o->rate * g;
        *w = o->nesterov ? *w + o->momentum * *v - o->rate * g : *w + *v;
        break;
    case CLACT_NN_RMSPROP:
        *v = o->rho * *v + (1 - (long double)o->rho) * g * g;
        *w = *w - o->rate * g / (sqrtl(*v) + o->epsilon);
        break;
    default:
        *m = o->beta1 * *m + (1 - (long double)o->beta1) * g;
        *v = o->beta2 * *v + (1 - (long double)o->beta2) * g * g;
        *w = *w - (o->rule == CLACT_NN_ADAMW ? o->rate * o->decay * *w : 0) -
             o->rate * (*m / (1 - powl(o->beta1, step))) / (sqrtl(*v / (1 - powl(o->beta2, step))) + o->epsilon);
    }
}

static void follow_a_rule(clact_nn_optimizer o, clact_type type, bool buffers)
{
    enum { N = 37, STEPS = 40 };
    long double w[N], m[N] = {0}, v[N] = {0};
    struct nn_case c = make_update(&o, type, N);
    const double tolerance = type == CLACT_F32 ? 4e-6 : 1e-14;
    for (int i = 0; i < N; i++)
        w[i] = get(&c.arrays[WEIGHTS], i);
    for (int step = 1; step <= STEPS; step++) {
        nn_fill(&c.arrays[GRADIENT], step % 3 + 0.5, (uint64_t)step);
        o.rate *= step == 20 ? 0.5 : 1;
        OK(clact_nn_step_begin(&o));
        nn_call(test_context(), buffers, &c, run_update);
        for (int i = 0; i < N; i++)
            follow(&o, step, get(&c.arrays[GRADIENT], i), &w[i], &m[i], &v[i]);
    }
    ck_assert_uint_eq(o.steps, STEPS);
    for (int i = 0; i < N; i++)
        ck_assert_msg(fabsl(get(&c.arrays[WEIGHTS], i) - w[i]) <= tolerance * (1 + fabsl(w[i])),
                      "rule %u, %s: weight %d is %.17g, expected %.17Lg", (unsigned)o.rule, clact_type_name(type), i,
                      get(&c.arrays[WEIGHTS], i), w[i]);
    nn_free(&c);
}

START_TEST(rules_follow_their_papers)
{
    for (int buffers = 0; buffers < 2; buffers++) {
        follow_a_rule(rule_of(_i), CLACT_F32, buffers);
        if (!buffers || has_type(CLACT_F64))
            follow_a_rule(rule_of(_i), CLACT_F64, buffers);
    }
}
END_TEST

START_TEST(rules_have_the_same_bits)
{
    for (int f64 = 0; f64 < 2; f64++) {
        clact_nn_optimizer o = rule_of(_i);
        struct nn_case c = make_update(&o, f64 ? CLACT_F64 : CLACT_F32, light() ? 2100 : 100003);
        fill_strata(c.arrays[GRADIENT].memory, (size_t)count_of(&c.arrays[GRADIENT]) * (f64 ? 2 : 1), 3);
        for (int i = FIRST; i < c.count; i++)
            for (int64_t k = 0; k < count_of(&c.arrays[i]); k++)
                set(&c.arrays[i], k, ldexp((double)(k % 97), (int)(k % 60) - 40));
        for (int step = 0; step < 3; step++)
            OK(clact_nn_step_begin(&o));
        nn_same_bits(&c, run_update, "an update");
        nn_free(&c);
    }
}
END_TEST

/* Bias corrections and numbers of a step are rounded to nearest, whatever mode the caller is in. */
START_TEST(rounding_modes_change_nothing)
{
    static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD};
    enum { N = 64 };
    float expected[N];
    double power = 1;
    for (size_t k = 0; k < COUNT_OF(modes); k++) {
        clact_nn_optimizer o = rule_of(5);
        struct nn_case c = make_update(&o, CLACT_F32, N);
        nn_fill(&c.arrays[GRADIENT], 1, 2);
        fesetround(modes[k]);
        for (int step = 0; step < 100; step++)
            OK(clact_nn_step_begin(&o));
        clact_status status = run_update(test_context(), &c);
        fesetround(FE_TONEAREST);
        OK(status);
        if (k == 0)
            memcpy(expected, c.arrays[WEIGHTS].memory, sizeof expected);
        ck_assert_mem_eq(c.arrays[WEIGHTS].memory, expected, sizeof expected);
        power = 1;
        for (int step = 0; step < 100; step++)
            power *= o.beta1;
        ck_assert_double_eq(o.power1, power);
        nn_free(&c);
    }
}
END_TEST

START_TEST(updates_refused)
{
    clact_nn_optimizer o = rule_of(4), bad;
    struct nn_case c = make_update(&o, CLACT_F32, 3);
    clact_nn_update_args good = {.optimizer = &o, .weights = nn_operand(&c, WEIGHTS),
        .gradient = nn_operand(&c, GRADIENT), .states = {nn_operand(&c, FIRST), nn_operand(&c, SECOND)}}, a = good;
    clact_context *context = test_context();
#define TRY_ARGS(status, part, ...)                                                                 \
    a = good;                                                                                       \
    bad = o;                                                                                        \
    __VA_ARGS__;                                                                                    \
    REFUSED(clact_nn_update(context, &a, NULL), status, part);
#define TRY_RULE(status, part, ...)                                                                 \
    bad = o;                                                                                        \
    __VA_ARGS__;                                                                                    \
    REFUSED(clact_nn_step_begin(&bad), status, part);
    TRY_ARGS(CLACT_E_ARGUMENT, "no step was begun")
    OK(clact_nn_step_begin(&o));
    OK(clact_nn_update(context, &good, NULL));
    TRY_ARGS(CLACT_E_ARGUMENT, "the optimizer must not be NULL", a.optimizer = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "weights must not be NULL", a.weights = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "gradient must not be NULL", a.gradient = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "the second state is missing", a.states[1] = NULL)
    TRY_ARGS(CLACT_E_ARGUMENT, "the second state is given", a.optimizer = &bad; bad = rule_of(3); bad.steps = 1)
    TRY_ARGS(CLACT_E_OVERLAP, "the first state is the second state", a.states[1] = a.states[0])
    TRY_ARGS(CLACT_E_OVERLAP, "weights is gradient", a.gradient = a.weights)
    TRY_ARGS(CLACT_E_ARGUMENT, "reserved", a.reserved[0] = 1)
    TRY_ARGS(CLACT_E_RANGE, "is 0 in f32", a.optimizer = &bad; bad.epsilon = 1e-60)
    TRY_ARGS(CLACT_E_RANGE, "not finite in f32", a.optimizer = &bad; bad.rate = 1e60)
    TRY_RULE(CLACT_E_NAME, "clact_nn_rule", bad.rule = 0)
    TRY_RULE(CLACT_E_RANGE, "rate must be finite", bad.rate = -1)
    TRY_RULE(CLACT_E_RANGE, "decay must be finite", bad.decay = INFINITY)
    TRY_RULE(CLACT_E_RANGE, "beta1 must be", bad.beta1 = 1)
    TRY_RULE(CLACT_E_RANGE, "beta2 must be", bad.beta2 = NAN)
    TRY_RULE(CLACT_E_RANGE, "rho must be", bad.rho = -0.5)
    TRY_RULE(CLACT_E_RANGE, "momentum must be", bad.momentum = 2)
    TRY_RULE(CLACT_E_RANGE, "epsilon must be", bad.epsilon = 0)
    TRY_RULE(CLACT_E_ARGUMENT, "nesterov is 0", bad.nesterov = 1)
    TRY_RULE(CLACT_E_ARGUMENT, "reserved", bad.reserved[3] = 1)
    REFUSED(clact_nn_optimizer_default(&bad, (clact_nn_rule)9), CLACT_E_NAME, "clact_nn_rule");
#undef TRY_ARGS
#undef TRY_RULE
    nn_free(&c);
}
END_TEST

/* ---- Clipping ------------------------------------------------------------------------------- */

#define CLIPPED 3 /* arrays; the last of the case is the norm */

static clact_status run_clip(clact_context *context, const struct nn_case *c)
{
    clact_operand gradients[CLIPPED];
    for (int i = 0; i < CLIPPED; i++)
        gradients[i] = c->arrays[i].operand;
    const clact_nn_clip_args args = {.gradients = gradients, .count = CLIPPED, .max_norm = *(const double *)c->what,
                                     .norm = nn_operand(c, CLIPPED)};
    return clact_nn_clip(context, &args, NULL);
}

static struct nn_case make_clip(clact_type type, const double *max_norm, double scale)
{
    const int64_t lengths[CLIPPED + 1] = {light() ? 9001 : 70001, 5, 4096, 4};
    struct nn_case c = {.count = CLIPPED + 1, .outputs = 0, .what = max_norm};
    for (int i = 0; i <= CLIPPED; i++) {
        c.arrays[i] = make_array(type, 1, &lengths[i]);
        if (i < CLIPPED)
            nn_fill(&c.arrays[i], 4, (uint64_t)i);
        for (int64_t k = 0; k < lengths[i] && i < CLIPPED; k++)
            set(&c.arrays[i], k, scale * get(&c.arrays[i], k));
    }
    return c;
}

/* Elements below 2^43 (f64: 2^490), above it, and on either side; squares that would overflow. */
static const struct {
    double max_norm, scale;
    bool f64;
} clip_cases[] = {{1.5, 1, false}, {0, 1, false}, {1e30, 1, false}, {2, 1e13, false}, {2, 1e21, false},
                  {2, 1e30, false}, {3e37, 1e34, false}, {1e-16, 1e-15, false}, {1, 0, false}, {1.5, 1, true},
                  {2, 3e147, true}, {2, 1e156, true}, {2, 1e300, true}};

START_TEST(norms_and_clipping)
{
    double max_norm = clip_cases[_i].max_norm;
    clact_type type = clip_cases[_i].f64 ? CLACT_F64 : CLACT_F32;
    for (int buffers = 0; buffers < 2; buffers++) {
        if (buffers && !has_type(type))
            continue;
        struct nn_case c = make_clip(type, &max_norm, clip_cases[_i].scale);
        struct nn_case before = make_clip(type, &max_norm, clip_cases[_i].scale);
        const double e = clip_cases[_i].f64 ? 1e-14 : 1e-6;
        long double squares = 0;
        nn_call(test_context(), buffers, &c, run_clip);
        for (int i = 0; i < CLIPPED; i++)
            for (int64_t k = 0; k < count_of(&before.arrays[i]); k++)
                squares += (long double)get(&before.arrays[i], k) * get(&before.arrays[i], k);
        long double norm = sqrtl(squares), factor = max_norm > 0 && norm > max_norm ? max_norm / norm : 1;
        ck_assert_msg(fabsl(get(&c.arrays[CLIPPED], 0) - norm) <= e * norm, "the norm is %g, expected %Lg",
                      get(&c.arrays[CLIPPED], 0), norm);
        ck_assert_msg(fabsl(get(&c.arrays[CLIPPED], 1) - factor) <= e * factor, "the factor is %g, expected %Lg",
                      get(&c.arrays[CLIPPED], 1), factor);
        for (int i = 0; i < CLIPPED; i++)
            for (int64_t k = 0; k < count_of(&before.arrays[i]); k++) {
                long double expected = get(&before.arrays[i], k) * factor;
                ck_assert(fabsl(get(&c.arrays[i], k) - expected) <= e * fabsl(expected));
            }
        nn_free(&before);
        nn_free(&c);
        c = make_clip(type, &max_norm, clip_cases[_i].scale);
        if (!buffers)
            nn_same_bits(&c, run_clip, "clipping");
        nn_free(&c);
    }
}
END_TEST

START_TEST(norms_that_are_no_number)
{
    double max_norm = 1;
    for (int buffers = 0; buffers < 2; buffers++)
        for (int nan = 0; nan < 2; nan++) {
            struct nn_case c = make_clip(CLACT_F32, &max_norm, 1);
            set(&c.arrays[1], 2, nan ? NAN : -INFINITY);
            nn_call(test_context(), buffers, &c, run_clip);
            ck_assert(nan ? isnan(get(&c.arrays[CLIPPED], 0)) : get(&c.arrays[CLIPPED], 0) == (double)INFINITY);
            ck_assert(isnan(get(&c.arrays[1], 2)));
            ck_assert(nan ? isnan(get(&c.arrays[0], 9)) : get(&c.arrays[0], 9) == 0);
            nn_free(&c);
        }
}
END_TEST

#ifdef CLACT_TEST_OPENCL

/* All steps of a call run on the caller's queue, one after the other, though the queue keeps no order; those of the
 * next call wait for its event. */
START_TEST(calls_are_enqueued)
{
    clact_context *context = test_context();
    if (!clact_opencl_context(context) || !load_handles())
        return;
    double max_norm = 1;
    cl_int code;
    cl_command_queue queue = p_clCreateCommandQueue(clact_opencl_context(context), clact_opencl_device(context),
                                                    CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code != CL_SUCCESS)
        queue = p_clCreateCommandQueue(clact_opencl_context(context), clact_opencl_device(context), 0, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    struct nn_case c = make_clip(CLACT_F32, &max_norm, 1), host = make_clip(CLACT_F32, &max_norm, 1);
    for (int twice = 0; twice < 2; twice++)
        OK(run_clip(context, &host));
    clact_operand gradients[CLIPPED];
    for (int i = 0; i <= CLIPPED; i++) {
        to_device(context, &c.arrays[i]);
        if (i < CLIPPED)
            gradients[i] = c.arrays[i].operand;
    }
    const clact_nn_clip_args args = {.gradients = gradients, .count = CLIPPED, .max_norm = 1,
                                     .norm = nn_operand(&c, CLIPPED)};
    cl_event first = NULL, second = NULL;
    OK(clact_nn_clip(context, &args, &(clact_enqueue){.queue = queue, .event = &first}));
    ck_assert_ptr_nonnull(first);
    clact_enqueue behind = {.queue = queue, .waits = &first, .num_waits = 1, .event = &second};
    OK(clact_nn_clip(context, &args, &behind));
    ck_assert_int_eq(p_clWaitForEvents(1, &second), CL_SUCCESS);
    for (int i = 0; i <= CLIPPED; i++) {
        from_device(&c.arrays[i]);
        if (test_caps()->exact == CLACT_EXACT_ALL)
            ck_assert_mem_eq(c.arrays[i].memory, host.arrays[i].memory, (size_t)c.arrays[i].extent * sizeof(float));
    }
    p_clReleaseEvent(first);
    p_clReleaseEvent(second);
    p_clReleaseCommandQueue(queue);
    REFUSED(clact_nn_clip(context, &(clact_nn_clip_args){.gradients = &c.arrays[0].operand, .count = 1, .max_norm = 1,
                                                        .norm = nn_operand(&c, CLIPPED)}, &(clact_enqueue){0}),
            CLACT_E_ARGUMENT, "must be a buffer or a cl_mem");
    nn_free(&c);
    nn_free(&host);
}
END_TEST

#endif

START_TEST(clipping_refused)
{
    double max_norm = 1;
    struct nn_case c = make_clip(CLACT_F32, &max_norm, 1);
    clact_operand gradients[2] = {c.arrays[0].operand, c.arrays[1].operand};
    clact_nn_clip_args good = {.gradients = gradients, .count = 2, .max_norm = 1, .norm = nn_operand(&c, CLIPPED)};
    clact_nn_clip_args a = good;
    clact_context *context = test_context();
    OK(clact_nn_clip(context, &good, NULL));
    a.max_norm = -1;
    REFUSED(clact_nn_clip(context, &a, NULL), CLACT_E_RANGE, "max_norm must be finite and not negative");
    a = good;
    a.count = 0;
    REFUSED(clact_nn_clip(context, &a, NULL), CLACT_E_ARGUMENT, "no gradients");
    a = good;
    a.norm = &gradients[1];
    REFUSED(clact_nn_clip(context, &a, NULL), CLACT_E_ARGUMENT, "norm must have one dimension, and 4 elements");
    gradients[1] = gradients[0];
    REFUSED(clact_nn_clip(context, &good, NULL), CLACT_E_OVERLAP, "a gradient is a gradient");
    gradients[1] = *good.norm;
    REFUSED(clact_nn_clip(context, &good, NULL), CLACT_E_OVERLAP, "norm is a gradient");
    nn_free(&c);
}
END_TEST

/* ---- The order of sums ---------------------------------------------------------------------- */

/* Terms of a segment as they lie in a matrix of floats. */
struct terms {
    clact_type type;
    const void *data;
    int64_t first, step;
};

static double add_square(double sum, const void *data, uint64_t i)
{
    const struct terms *t = data;
    int64_t at = t->first + (int64_t)i * t->step;
    if (t->type == CLACT_F64)
        return fma(((const double *)t->data)[at], ((const double *)t->data)[at], sum);
    return (double)fmaf(((const float *)t->data)[at], ((const float *)t->data)[at], (float)sum);
}

/* The sums of squares of the whole, of each row, or of each column of a matrix. */
static clact_status run_squares(clact_context *context, const struct nn_case *c)
{
    const int *by = c->what;
    struct clact_call call = {.context = context};
    const int64_t *dims = c->arrays[0].operand.tensor.dims;
    uint64_t n;
    struct clact_array_step s = {.operation = ARRAY_squares, .factor = 1, .segments = 1, .rows = 1, .columns = 1};
    OK(clact_call_operand(&call, nn_operand(c, 0), "x", &s.inputs[0], &n));
    OK(clact_call_operand(&call, nn_operand(c, 1), "value", &s.outputs[0], &n));
    int64_t *in = s.inputs[0].strides, *out = s.outputs[0].strides;
    memset(in, 0, sizeof s.inputs[0].strides);
    memset(out, 0, sizeof s.outputs[0].strides);
    out[ARRAY_SEGMENT] = 1;
    if (*by == 2) { /* columns */
        s.segments = (uint64_t)dims[1], s.rows = (uint64_t)dims[0];
        in[ARRAY_SEGMENT] = 1, in[ARRAY_ROW] = dims[1];
    } else {
        s.segments = *by ? (uint64_t)dims[0] : 1;
        s.columns = (uint64_t)dims[1] * (*by ? 1 : (uint64_t)dims[0]);
        in[ARRAY_SEGMENT] = dims[1], in[ARRAY_ELEMENT] = 1;
    }
    return clact_arrays_run(&call, &s, 1);
}

START_TEST(sums_are_made_in_the_order_of_reduction_h)
{
    static const int64_t shapes[][2] = {{1, 1}, {3, 300}, {4097, 3}, {5, 20000}, {70, 4096}, {1, 300000}};
    for (int f64 = 0; f64 < 2; f64++)
        for (size_t k = 0; k < COUNT_OF(shapes) - (light() ? 2 : 0); k++)
            for (int by = 0; by < 3; by++) {
                clact_type type = f64 ? CLACT_F64 : CLACT_F32;
                int64_t rows = shapes[k][0], columns = shapes[k][1], sums = by == 0 ? 1 : by == 1 ? rows : columns;
                if (by == 2 && columns > 5000 && light())
                    continue;
                struct nn_case c = {.arrays = {make_array(type, 2, shapes[k]), make_array(type, 1, &sums)}, .count = 2,
                                    .outputs = 1, .what = &by};
                uint64_t seed = k;
                for (int64_t i = 0; i < rows * columns; i++)
                    set(&c.arrays[0], i, (double)(int64_t)next_random(&seed) * 0x1p-60);
                nn_same_bits(&c, run_squares, "a sum");
                for (int64_t s = 0; s < sums; s++) {
                    struct terms t = {type, c.arrays[0].memory, by == 1 ? s * columns : s, by == 2 ? columns : 1};
                    uint64_t n = (uint64_t)(by == 0 ? rows * columns : by == 1 ? columns : rows);
                    ck_assert_double_eq(get(&c.arrays[1], s), nn_ordered_sum(type, n, add_square, &t));
                }
                nn_free(&c);
            }
}
END_TEST

Suite *nn_optimizer_suite(void)
{
    Suite *s = suite_create("nn_optimizer");
    TCase *c = tcase_create("optimizers");
    tcase_set_timeout(c, 0);
    tcase_add_loop_test(c, rules_follow_their_papers, 0, RULES);
    tcase_add_loop_test(c, rules_have_the_same_bits, 0, RULES);
    tcase_add_test(c, rounding_modes_change_nothing);
    tcase_add_test(c, updates_refused);
    tcase_add_loop_test(c, norms_and_clipping, 0, COUNT_OF(clip_cases));
    tcase_add_test(c, norms_that_are_no_number);
    tcase_add_test(c, clipping_refused);
#ifdef CLACT_TEST_OPENCL
    tcase_add_test(c, calls_are_enqueued);
#endif
    tcase_add_test(c, sums_are_made_in_the_order_of_reduction_h);
    suite_add_tcase(s, c);
    return s;
}
