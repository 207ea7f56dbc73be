/* oracle_mpfr.c: measures the oracle of `clact check`, and the library, with MPFR.
 *
 * oracle_mpfr [NAME ...] [--random=N]
 *
 * For each activation, or those named, at its default parameters and those of special.def, and N
 * inputs of the stratified sample (default 65536, 2^20 or more to decide disputes): the oracle's
 * double must be within ORACLE_ERROR of the exact value, and the library's f32 within the stated
 * bound. An activation without expressions here is named and passed over. Exits with 0, 1 if a
 * check failed, 2 if it cannot run, 64 if it is called wrongly. */
#include "oracle.h"
#include "special.h"
#include "strata.h"
#include "ulp.h"

#include <argp.h>
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RND MPFR_RNDN
#define BATCH 4096

/* ---- The activations, once more ------------------------------------------------------------- */

/* y = f(x); p as in oracle.def; t is scratch. x is not NaN. */
typedef void expression(mpfr_t y, const mpfr_t x, const double *p, mpfr_t t);
#define UNUSED __attribute__((unused))
#define EXPRESSION(name) \
    static void name(mpfr_t y, UNUSED const mpfr_t x, UNUSED const double *p, UNUSED mpfr_t t)

EXPRESSION(zero) { mpfr_set_ui(y, 0, RND); }
EXPRESSION(one) { mpfr_set_ui(y, 1, RND); }
EXPRESSION(itself) { mpfr_set(y, x, RND); }

/* y = slope * (x - from), the limit of a slope of zero at an infinite x being zero. */
static void line(mpfr_t y, const mpfr_t x, double slope, double from)
{
    if (slope == 0) {
        mpfr_set_ui(y, 0, RND);
    } else {
        mpfr_sub_d(y, x, from, RND);
        mpfr_mul_d(y, y, slope, RND);
    }
}

EXPRESSION(relu_f)
{
    if (!isnan(p[1]) && mpfr_cmp_d(x, p[1]) >= 0)
        mpfr_set_d(y, p[1], RND);
    else if (mpfr_cmp_d(x, p[2]) < 0)
        line(y, x, p[0], p[2]);
    else
        mpfr_set(y, x, RND);
}

EXPRESSION(relu_d)
{
    int limited = !isnan(p[1]) && mpfr_cmp_d(x, p[1]) >= 0;
    mpfr_set_d(y, limited ? 0 : mpfr_cmp_d(x, p[2]) <= 0 ? p[0] : 1, RND);
}

EXPRESSION(relu6_f)
{
    mpfr_set_ui(t, 0, RND);
    mpfr_max(y, x, t, RND);
    mpfr_set_ui(t, 6, RND);
    mpfr_min(y, y, t, RND);
}

EXPRESSION(relu6_d)
{
    mpfr_set_ui(y, mpfr_sgn(x) > 0 && mpfr_cmp_ui(x, 6) < 0, RND);
}

EXPRESSION(thresholded_relu_f)
{
    (mpfr_cmp_d(x, p[0]) > 0 ? itself : zero)(y, x, p, t);
}

EXPRESSION(threshold_f)
{
    if (mpfr_cmp_d(x, p[0]) > 0)
        mpfr_set(y, x, RND);
    else
        mpfr_set_d(y, p[1], RND);
}

EXPRESSION(above_d)
{
    (mpfr_cmp_d(x, p[0]) > 0 ? one : zero)(y, x, p, t);
}

EXPRESSION(leaky_f)
{
    if (mpfr_sgn(x) > 0)
        mpfr_set(y, x, RND);
    else
        line(y, x, p[0], 0);
}

EXPRESSION(leaky_d)
{
    mpfr_set_d(y, mpfr_sgn(x) > 0 ? 1 : p[0], RND);
}

EXPRESSION(elu_f)
{
    mpfr_set(y, x, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_expm1(y, x, RND);
        mpfr_mul_d(y, y, p[0], RND);
    }
}

EXPRESSION(elu_d)
{
    mpfr_set_ui(y, 1, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_exp(y, x, RND);
        mpfr_mul_d(y, y, p[0], RND);
    }
}

/* e^x / (1 + e^x), or 1 / (1 + e^-x): whichever cannot be infinity by infinity. */
EXPRESSION(sigmoid_f)
{
    mpfr_abs(t, x, RND);
    mpfr_neg(t, t, RND);
    mpfr_exp(t, t, RND);
    mpfr_set(y, t, RND);
    if (mpfr_sgn(x) >= 0)
        mpfr_set_ui(y, 1, RND);
    mpfr_add_ui(t, t, 1, RND);
    mpfr_div(y, y, t, RND);
}

/* e / (1 + e)^2 with e = e^-|x|. */
EXPRESSION(sigmoid_d)
{
    mpfr_abs(t, x, RND);
    mpfr_neg(t, t, RND);
    mpfr_exp(y, t, RND);
    mpfr_add_ui(t, y, 1, RND);
    mpfr_sqr(t, t, RND);
    mpfr_div(y, y, t, RND);
}

EXPRESSION(tanh_f) { mpfr_tanh(y, x, RND); }

EXPRESSION(tanh_d)
{
    mpfr_sech(y, x, RND);
    mpfr_sqr(y, y, RND);
}

static const struct exact_row {
    const char *name;
    expression *expressions[DIRECTION_COUNT];
} exact_rows[] = {
    {"identity", {itself, one}},
    {"relu", {relu_f, relu_d}},
    {"relu6", {relu6_f, relu6_d}},
    {"thresholded_relu", {thresholded_relu_f, above_d}},
    {"threshold", {threshold_f, above_d}},
    {"leaky_relu", {leaky_f, leaky_d}},
    {"prelu", {leaky_f, leaky_d}},
    {"elu", {elu_f, elu_d}},
    {"sigmoid", {sigmoid_f, sigmoid_d}},
    {"tanh", {tanh_f, tanh_d}},
};

static const struct exact_row *row_named(const char *name)
{
    for (size_t i = 0; i < sizeof exact_rows / sizeof exact_rows[0]; i++)
        if (strcmp(exact_rows[i].name, name) == 0)
            return &exact_rows[i];
    return NULL;
}

/* ---- Measuring ------------------------------------------------------------------------------ */

static mpfr_t exact, argument, scratch;

/* |got - exact| / |exact| or, where terms cancel, by the largest; 0 where all are below ORACLE_TINY. */
static double relative_error(long double got, double term)
{
    double magnitude = fabs(mpfr_get_d(exact, RND));
    if (mpfr_nan_p(exact) || isnan(got))
        return mpfr_nan_p(exact) && isnan(got) ? 0 : INFINITY;
    if (isinf(got) || mpfr_inf_p(exact))
        return mpfr_cmp_ld(exact, got) == 0 ? 0 : INFINITY;
    if (magnitude < ORACLE_TINY && fabsl(got) < ORACLE_TINY)
        return 0;
    mpfr_set_ld(scratch, got, RND);
    mpfr_sub(scratch, scratch, exact, RND);
    if (oracle_cancels(magnitude, term))
        mpfr_div_d(scratch, scratch, term, RND);
    else
        mpfr_div(scratch, scratch, exact, RND);
    return fabs(mpfr_get_d(scratch, RND));
}

typedef struct errors {
    double oracle, oracle_long, library;
    float library_x;
} errors;

static void measure_one(const oracle *o, direction d, expression *e, float x, double value,
                        double term, float got, errors *worst)
{
    long double long_term, long_value = oracle_value(o, d, x, &long_term);
    if (isnan(x) && (d == FORWARD || o->reads_x)) {
        if (!isnan(value) || !isnan(long_value) || !isnan(got))
            worst->oracle = worst->library = INFINITY;
        return;
    }
    mpfr_set_flt(argument, x, RND);
    e(exact, argument, o->p, scratch);
    worst->oracle = fmax(worst->oracle, relative_error(value, term));
    worst->oracle_long = fmax(worst->oracle_long, relative_error(long_value, (double)long_term));
    double distance = ulp_distance(CLACT_F32, got, mpfr_get_ld(exact, RND));
    if (distance > worst->library) {
        worst->library = distance;
        worst->library_x = x;
    }
}

static void require_ok(clact_status status)
{
    if (status == CLACT_OK)
        return;
    fprintf(stderr, "oracle_mpfr: %s\n", clact_error());
    exit(2);
}

static errors measure(clact_context *context, const clact_activation *activation, const oracle *o,
                      direction d, expression *e, uint64_t inputs)
{
    static float x[BATCH], dy[BATCH], got[BATCH];
    static double values[BATCH], terms[BATCH];
    errors worst = {0, 0, 0, 0};
    strata s;
    strata_make(&s, CLACT_F32, o->p, ORACLE_MAX_PARAMETERS);
    for (size_t i = 0; i < BATCH; i++)
        dy[i] = 1;
    for (uint64_t done = 0; done < inputs; done += BATCH) {
        size_t n = inputs - done < BATCH ? (size_t)(inputs - done) : BATCH;
        strata_fill_f32(&s, done, n, x);
        require_ok(d == FORWARD ? clact_apply(context, activation, n, x, got)
                                : clact_apply_gradient(context, activation, n, x, dy, got));
        oracle_values(o, d, n, x, values, terms);
        for (size_t i = 0; i < n; i++)
            measure_one(o, d, e, x[i], values[i], terms[i], got[i], &worst);
    }
    return worst;
}

/* One set of parameters, in both directions. 1, or 0 if a check failed. */
static int check_set(clact_context *context, const clact_activation_info *info,
                     const special_set *set, uint64_t inputs)
{
    const struct exact_row *row = row_named(info->name);
    clact_activation *activation;
    oracle o;
    int passed = 1;
    if (!row || oracle_make(&o, info, set->parameters, set->parameter_count, CLACT_F32)) {
        printf("%s: no %s\n", info->name, row ? "oracle" : "expressions for MPFR");
        return 1;
    }
    require_ok(special_activation(&activation, set));
    for (int d = FORWARD; d <= DERIVATIVE; d++) {
        double bound = d == FORWARD ? info->ulp_forward : info->ulp_derivative;
        errors worst = measure(context, activation, &o, d, row->expressions[d], inputs);
        int good = worst.oracle <= ORACLE_ERROR && worst.oracle_long <= ORACLE_ERROR
                   && worst.library <= bound + 0x1p-30;
        printf("%s", info->name);
        for (size_t i = 0; i < set->parameter_count; i++)
            printf(" %s=%g", set->parameters[i].name, set->parameters[i].value);
        printf(" %s: oracle 2^%.1f (long 2^%.1f), library %.6f ulp at %a (bound %g): %s\n",
               direction_names[d], log2(worst.oracle), log2(worst.oracle_long), worst.library,
               worst.library_x, bound, good ? "OK" : "FAIL");
        fflush(stdout);
        passed &= good;
    }
    clact_activation_destroy(&activation);
    return passed;
}

static int check_activation(clact_context *context, const clact_activation_info *info,
                            uint64_t inputs)
{
    special_set defaults = {info->name, NULL, 0, NULL, 0};
    int passed = check_set(context, info, &defaults, inputs);
    for (size_t i = 0; i < special_set_count; i++) {
        const special_set *set = &special_sets[i];
        if (strcmp(set->activation, info->name) == 0 && set->parameter_count)
            passed &= check_set(context, info, set, inputs);
    }
    return passed;
}

/* ---- The command line ----------------------------------------------------------------------- */

typedef struct arguments {
    uint64_t inputs;
    char **names;
    int name_count;
} arguments;

static error_t parse(int key, char *value, struct argp_state *state)
{
    arguments *a = state->input;
    char *end;
    switch (key) {
    case 'n':
        a->inputs = strtoull(value, &end, 10);
        if (*end || a->inputs == 0)
            argp_error(state, "--random takes a number, not '%s'", value);
        return 0;
    case ARGP_KEY_ARGS:
        a->names = state->argv + state->next;
        a->name_count = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    const struct argp_option options[] = {{"random", 'n', "N", 0, "Inputs a row (65536)", 0}, {0}};
    const struct argp argp = {options, parse, "[NAME ...]", NULL, NULL, NULL, NULL};
    arguments a = {65536, NULL, 0};
    clact_context *context;
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    int passed = 1;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    require_ok(clact_open(&context, NULL));
    mpfr_inits2(256, exact, argument, scratch, (mpfr_ptr)NULL);
    for (int i = 0; i < a.name_count; i++) {
        const clact_activation_info *info = clact_activation_find(a.names[i]);
        if (!info) {
            fprintf(stderr, "oracle_mpfr: there is no activation '%s'\n", a.names[i]);
            return 64;
        }
        passed &= check_activation(context, info, a.inputs);
    }
    for (size_t i = 0; a.name_count == 0 && i < count; i++)
        passed &= check_activation(context, &list[i], a.inputs);
    mpfr_clears(exact, argument, scratch, (mpfr_ptr)NULL);
    mpfr_free_cache();
    clact_close(&context);
    return passed ? 0 : 1;
}
