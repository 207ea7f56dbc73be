/* test_properties.c: what every element-wise row has, whatever it computes: a derivative that is the slope, limits
 * at infinity, a dead unit that passes nothing on, the same results in place; and what some have: a direction, a
 * range, a symmetry. At the default parameters and at those of grid.def. */
#include "special.h"
#include "strata.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define N 4096

/* ---- Rows and their parameters -------------------------------------------------------------- */

typedef void property(const special_set *set, const clact_activation *f);

static void at(const special_set *set, property *check)
{
    clact_activation *f;
    OK(special_activation(&f, set));
    check(set, f);
    clact_activation_destroy(&f);
}

/* At the defaults of the i-th row of the list, and at its sets of the grid. */
static void at_every_set(int i, property *check)
{
    size_t count;
    const clact_activation_info *info = &clact_activation_list(&count)[i];
    special_set defaults = {info->name, NULL, 0, NULL, 0};
    if (strcmp(info->kind, "elementwise") != 0)
        return;
    at(&defaults, check);
    for (size_t k = 0; k < grid_set_count; k++)
        if (strcmp(grid_sets[k].activation, info->name) == 0)
            at(&grid_sets[k], check);
}

/* Fails the test with the activation, its parameters and what is wrong. */
#define WRONG(set, ...)                                                                                   \
    do {                                                                                                  \
        fprintf(stderr, "%s", (set)->activation);                                                         \
        special_print_parameters(stderr, set);                                                            \
        fputc('\n', stderr);                                                                              \
        ck_abort_msg(__VA_ARGS__);                                                                        \
    } while (0)

static float sample[N], result[N], again[N], gradient[N];
static size_t n = N; /* fewer on a simulator */

/* The kinks of the parameters included. */
static void fill_sample(const special_set *set)
{
    double kinks[ORACLE_MAX_PARAMETERS] = {0};
    strata s;
    for (size_t i = 0; i < set->parameter_count; i++)
        kinks[i] = set->parameters[i].value;
    strata_make(&s, CLACT_F32, kinks, set->parameter_count);
    n = light() ? N / 8 : N;
    strata_fill_f32(&s, 0, n, sample);
    for (size_t i = 0; i < n; i++)
        if (!test_caps()->keeps_subnormals && fabsf(sample[i]) < 0x1p-126f)
            sample[i] = copysignf(0, sample[i]);
}

static void forward(const clact_activation *f, size_t length, const float *x, float *y)
{
    OK(clact_apply(test_context(), f, length, x, y));
}

/* dx = f'(x) dy, the same dy everywhere. */
static void backward(const clact_activation *f, size_t length, const float *x, float dy, float *dx)
{
    for (size_t i = 0; i < length; i++)
        dx[i] = dy;
    OK(clact_apply_gradient(test_context(), f, length, x, dx, dx));
}

/* ---- The derivative is the slope ------------------------------------------------------------ */

#define STEPS 4 /* x + h, x - h, x + h/2, x - h/2 */

/* With h = 2^-16 x the slope from x - h to x + h has lost some 2^-36 of f/x. From two of these slopes follows one
 * (Richardson's) whose error is of order h^4. */
static void fill_steps(const double *x, double *steps)
{
    for (size_t i = 0; i < N; i++) {
        double h = x[i] * 0x1p-16;
        steps[STEPS * i] = x[i] + h;
        steps[STEPS * i + 1] = x[i] - h;
        steps[STEPS * i + 2] = x[i] + h / 2;
        steps[STEPS * i + 3] = x[i] - h / 2;
    }
}

/* In f64, on the CPU backend: within 2^-20 of the largest of |f'|, |f/x|. Not where the two slopes differ by more
 * than 2^-10 of that: a kink or a step lies between, or f bends too fast. */
static void has_the_slope(const special_set *set, const clact_activation *f)
{
    static double x[N], steps[STEPS * N], values[STEPS * N], y[N], d[N], ones[N];
    uint64_t state = 1;
    size_t compared = 0;
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t i = 0; i < N; i++) {
        double r = (double)(next_random(&state) >> 11) * 0x1p-53;
        x[i] = i % 2 ? 24 * r - 12 : ldexp(i % 4 ? r + 1 : -r - 1, (int)(i % 23) - 16);
        ones[i] = 1;
    }
    fill_steps(x, steps);
    run_array(cpu, f, CLACT_F64, STEPS * N, steps, NULL, values);
    run_array(cpu, f, CLACT_F64, N, x, NULL, y);
    run_array(cpu, f, CLACT_F64, N, x, ones, d);
    for (size_t i = 0; i < N; i++) {
        const double *v = &values[STEPS * i], *s = &steps[STEPS * i];
        double wide = (v[0] - v[1]) / (s[0] - s[1]), narrow = (v[2] - v[3]) / (s[2] - s[3]);
        double scale = fmax(fabs(d[i]), fabs(y[i] / x[i]));
        if (!isfinite(wide) || !(fabs(wide - narrow) <= 0x1p-10 * scale + 0x1p-500))
            continue;
        double slope = narrow + (narrow - wide) / 3;
        compared++;
        if (!(fabs(slope - d[i]) <= 0x1p-20 * scale + 0x1p-500))
            WRONG(set, "f'(%a) is %a, and the slope there %a", x[i], d[i], slope);
    }
    if (compared < N / 4)
        WRONG(set, "only %zu slopes could be compared", compared);
    clact_close(&cpu);
}

START_TEST(derivative_is_the_slope) { at_every_set(_i, has_the_slope); }
END_TEST

/* ---- Limits at infinity --------------------------------------------------------------------- */

/* What is finite at infinity is within 2^-20 of what it is at FLT_MAX; what is infinite has the sign that it has
 * there, and is no smaller there than at 2^64. NaN only where FLT_MAX gives NaN. */
static void approaches(const special_set *set, const char *what, const float *v)
{
    for (int side = 0; side < 2; side++, v += 3) {
        float limit = v[0], most = v[1], some = v[2];
        bool good = isnan(limit)    ? isnan(most)
                    : isnan(most)   ? true
                    : isinf(limit)  ? (limit > 0) == (most > 0) && fabsf(most) >= fabsf(some)
                    : isfinite(most) && fabsf(most - limit) <= 0x1p-20f * fmaxf(1, fabsf(limit));
        if (!good)
            WRONG(set, "%s at %sinfinity is %a, at FLT_MAX %a, at 2^64 %a", what, side ? "minus " : "", limit, most, some);
    }
}

static void has_limits(const special_set *set, const clact_activation *f)
{
    const float x[6] = {INFINITY, 0x1.fffffep127f, 0x1p64f, -INFINITY, -0x1.fffffep127f, -0x1p64f};
    float y[6], d[6];
    forward(f, 6, x, y);
    backward(f, 6, x, 1, d);
    approaches(set, "f", y);
    approaches(set, "f'", d);
}

START_TEST(limits_at_infinity) { at_every_set(_i, has_limits); }
END_TEST

/* ---- Dead units ----------------------------------------------------------------------------- */

/* Where the derivative is zero the gradient is +0.0 for every dy; elsewhere it is the derivative times dy, rounded
 * once. A device that flushes subnormals is not asked about them. */
static void passes_nothing_on(const special_set *set, const clact_activation *f)
{
    const float all[] = {-1, INFINITY, -INFINITY, NAN, -0.0f, 0.3f, 0x1p100f};
    fill_sample(set);
    backward(f, n, sample, 1, result);
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        backward(f, n, sample, all[k], gradient);
        for (size_t i = 0; i < n; i++) {
            float expected = result[i] == 0 ? 0 : result[i] * all[k];
            bool same = isnan(expected) ? isnan(gradient[i]) : bits_of(gradient[i]) == bits_of(expected);
            bool tiny = fabsf(expected) < 0x1p-126f || fabsf(result[i]) < 0x1p-126f;
            if (same || (tiny && !test_caps()->keeps_subnormals))
                continue;
            WRONG(set, "at x = %a the derivative is %a, and the gradient with dy = %a is %a", sample[i], result[i], all[k],
                  gradient[i]);
        }
    }
}

START_TEST(dead_units_pass_nothing_on) { at_every_set(_i, passes_nothing_on); }
END_TEST

/* ---- In place ------------------------------------------------------------------------------- */

static void works_in_place(const special_set *set, const clact_activation *f)
{
    static float dy[N];
    fill_sample(set);
    forward(f, n, sample, result);
    memcpy(again, sample, sizeof again);
    forward(f, n, again, again);
    if (memcmp(again, result, n * sizeof *result) != 0)
        WRONG(set, "forward in place differs");
    for (size_t i = 0; i < n; i++)
        dy[i] = sample[(7 * i + 1) % n];
    OK(clact_apply_gradient(test_context(), f, n, sample, dy, result));
    memcpy(again, sample, sizeof again);
    OK(clact_apply_gradient(test_context(), f, n, again, dy, again));
    if (memcmp(again, result, n * sizeof *result) != 0)
        WRONG(set, "the gradient in the place of x differs");
    memcpy(again, dy, sizeof again);
    OK(clact_apply_gradient(test_context(), f, n, sample, again, again));
    if (memcmp(again, result, n * sizeof *result) != 0)
        WRONG(set, "the gradient in the place of dy differs");
}

START_TEST(in_place_gives_the_same) { at_every_set(_i, works_in_place); }
END_TEST

/* ---- Direction, range and symmetry ---------------------------------------------------------- */

/* At the defaults. From a number to the next a rising function falls by no more than slack units in the last place:
 * 0 where it is rounded once, 1 where the bound lets neighbours cross. All results are within the range, and
 * f(-x) is -f(x), signs of zeros apart, where odd. */
static const struct shape {
    const char *name;
    int slack;
    float least, most;
    bool odd;
} shapes[] = {
    {"identity", 0, -INFINITY, INFINITY, true},
    {"relu", 0, 0, INFINITY, false},
    {"relu6", 0, 0, 6, false},
    {"thresholded_relu", 0, 0, INFINITY, false},
    {"threshold", 0, 0, INFINITY, false},
    {"leaky_relu", 0, -INFINITY, INFINITY, false},
    {"prelu", 0, -INFINITY, INFINITY, false},
    {"elu", 1, -1, INFINITY, false},
    {"sigmoid", 1, 0, 1, false},
    {"tanh", 1, -1, 1, true},
    {"linear", 0, -INFINITY, INFINITY, true},
    {"rrelu", 0, -INFINITY, INFINITY, false},
    {"clip", 0, -INFINITY, INFINITY, true},
    {"hard_tanh", 0, -1, 1, true},
    {"celu", 1, -1, INFINITY, false},
    {"selu", 1, -0x1.c212ccp0f, INFINITY, false},
    {"log_sigmoid", 1, -INFINITY, 0, false},
    {"hard_sigmoid", 0, 0, 1, false},
    {"hard_sigmoid_onnx", 0, 0, 1, false},
    {"sparse_sigmoid", 0, 0, 1, false},
    {"scaled_tanh", 1, -1, 1, true},
    {"tanh_shrink", 1, -INFINITY, INFINITY, true},
    {"softsign", 1, -1, 1, true},
    {"softplus", 1, 0, INFINITY, false},
    {"squareplus", 1, 0, INFINITY, false},
    {"sparse_plus", 0, 0, INFINITY, false},
    {"soft_shrink", 0, -INFINITY, INFINITY, true},
    {"hard_shrink", 0, -INFINITY, INFINITY, true},
    {"shrink", 0, -INFINITY, INFINITY, true},
    {"exp", 1, 0, INFINITY, false},
    {"expm1", 1, -1, INFINITY, false},
    {"log", 1, -INFINITY, INFINITY, false},
    {"sqrt", 0, 0, INFINITY, false},
    {"sign", 0, -1, 1, true},
    {"step", 0, 0, 1, false},
    {"round", 0, -INFINITY, INFINITY, true},
    {"erf", 1, -1, 1, true},
};

static void rises(const special_set *set, const clact_activation *f, const struct shape *s)
{
    static float next[N];
    fill_sample(set);
    for (size_t i = 0; i < n; i++)
        next[i] = isnan(sample[i]) ? sample[i] : nextafterf(sample[i], INFINITY);
    forward(f, n, sample, result);
    forward(f, n, next, again);
    for (size_t i = 0; i < n; i++) {
        float low = result[i], high = again[i];
        bool falls = s->slack ? nextafterf(high, INFINITY) < low : high < low;
        if (falls)
            WRONG(set, "f(%a) is %a, and f(%a), the next, %a", sample[i], low, next[i], high);
        if (low < s->least || low > s->most)
            WRONG(set, "f(%a) is %a, outside %g to %g", sample[i], low, s->least, s->most);
    }
}

static void is_odd(const special_set *set, const clact_activation *f)
{
    fill_sample(set);
    forward(f, n, sample, result);
    for (size_t i = 0; i < n; i++)
        gradient[i] = -sample[i];
    forward(f, n, gradient, again);
    for (size_t i = 0; i < n; i++)
        if (again[i] != -result[i] && !isnan(sample[i]))
            WRONG(set, "f(%a) is %a, f of its negative %a", sample[i], result[i], again[i]);
}

START_TEST(rows_have_their_shapes)
{
    const struct shape *s = &shapes[_i];
    special_set defaults = {s->name, NULL, 0, NULL, 0};
    clact_activation *f;
    if (!clact_activation_find(s->name))
        return;
    OK(special_activation(&f, &defaults));
    rises(&defaults, f, s);
    if (s->odd)
        is_odd(&defaults, f);
    clact_activation_destroy(&f);
}
END_TEST

Suite *properties_suite(void)
{
    size_t count;
    Suite *suite = suite_create("properties");
    TCase *rows = tcase_create("rows");
    clact_activation_list(&count);
    tcase_add_loop_test(rows, derivative_is_the_slope, 0, (int)count);
    tcase_add_loop_test(rows, limits_at_infinity, 0, (int)count);
    tcase_add_loop_test(rows, dead_units_pass_nothing_on, 0, (int)count);
    tcase_add_loop_test(rows, in_place_gives_the_same, 0, (int)count);
    tcase_add_loop_test(rows, rows_have_their_shapes, 0, (int)COUNT_OF(shapes));
    suite_add_tcase(suite, rows);
    return suite;
}
