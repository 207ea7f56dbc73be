/* oracle_mpfr.c: measures the oracle of `clact check`, and the library, with MPFR.
 *
 * oracle_mpfr [NAME ...] [--random=N]
 *
 * For each activation, or those named, at its default parameters and, with an eighth of the inputs,
 * at those of special.def and grid.def; for N inputs of the stratified sample (default 32768, 2^20 or
 * more to decide disputes) and the neighbours of numbers where a formula is near its limits: the
 * oracle in double must be within ORACLE_ERROR of the exact value, and the library's f32 within the
 * stated bound; for a quarter as many f64, the oracle in long double within ORACLE_LONG_ERROR, the
 * widest within oracle_decide_error, and the library's f64 within stated_bound; and what special.def says is
 * rounded from the exact value. An activation without expressions in exact.c is named and passed over.
 * Exits with 0, 1 if a check failed, 2 if it cannot run, 64 if it is called wrongly. */
#include "exact.h"
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

/* ---- Inputs --------------------------------------------------------------------------------- */

/* Where derivatives of x times a gate vanish, where tails leave f32, where a formula changes. */
static const double hard[] = {
    -0.7517915247, -0.7526, -0.7512, -1.2784645428, -1.1924312, -0.5671432904, -14.1, -13.1, -10.06,
    -10.5, -87.34, -88.73, -103.97, -104, -61.2, -52.1, 0.25, 0.5, 1, 3, -3, -0.0009765625, 1e-6, -1e-6,
    88.72283, 8.66, 9.2, 4.35, 16.6, 1.0000001, 0.99999994, 1.8446744e19, 4.6e-20, 2.1e-4};
#define HARD (sizeof hard / sizeof hard[0])
#define NEIGHBOURS 32

/* The bits of the i-th input: the neighbours of the hard numbers, then the sample. */
static uint64_t input_bits(const strata *s, uint64_t i)
{
    if (i >= HARD * NEIGHBOURS)
        return strata_bits(s, i - HARD * NEIGHBOURS);
    double x = hard[i / NEIGHBOURS];
    float single = (float)x;
    uint32_t low;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    memcpy(&low, &single, sizeof low);
    return (s->type == CLACT_F64 ? bits : low) + i % NEIGHBOURS - NEIGHBOURS / 2;
}

static long double number_of(clact_type type, uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float single;
    double x;
    memcpy(&single, &low, sizeof single);
    memcpy(&x, &bits, sizeof x);
    return type == CLACT_F64 ? (long double)x : (long double)single;
}

/* ---- Measuring ------------------------------------------------------------------------------ */

static mpfr_t exact, argument, scratch;

/* All f64 but zero are far from it. */
#define LONG_TINY 0x1p-2400L

/* |got - exact| / |exact| or, where terms cancel, by the largest; 0 where all are below tiny, or above
 * its reciprocal. */
static double relative_error(long double got, long double term, long double tiny)
{
    long double magnitude = fabsl(mpfr_get_ld(exact, RND));
    if (mpfr_nan_p(exact) || isnan(got))
        return mpfr_nan_p(exact) && isnan(got) ? 0 : INFINITY;
    if (magnitude > 1 / tiny && fabsl(got) > 1 / tiny)
        return (mpfr_sgn(exact) > 0) == (got > 0) ? 0 : INFINITY;
    if (isinf(got) || mpfr_inf_p(exact))
        return mpfr_cmp_ld(exact, got) == 0 ? 0 : INFINITY;
    if (magnitude < tiny && fabsl(got) < tiny)
        return 0;
    mpfr_set_ld(scratch, got, RND);
    mpfr_sub(scratch, scratch, exact, RND);
    if (oracle_cancels_long(magnitude, term))
        mpfr_set_ld(argument, term, RND);
    else
        mpfr_set(argument, exact, RND);
    mpfr_div(scratch, scratch, argument, RND);
    return fabs(mpfr_get_d(scratch, RND));
}

typedef struct largest {
    double error;
    double x;
} largest;

static void note(largest *w, double error, long double x)
{
    if (error > w->error)
        *w = (largest){error, (double)x};
}

/* Of the oracle for the type and of the widest, relative; of the library, in ulp of the result or,
 * where terms cancel, of the largest. */
typedef struct errors {
    largest oracle, widest, library, cancelled;
} errors;

typedef struct subject {
    clact_context *context;
    const clact_activation *activation;
    const exact_row *row;
    oracle oracle; /* at the parameters as rounded to the type */
    clact_type type;
    direction direction;
} subject;

static void measure_one(const subject *s, long double x, long double got, errors *worst)
{
    long double term, value = oracle_value(&s->oracle, s->direction, x, &term);
    if (isnan(x)) {
        if (s->direction == FORWARD || s->oracle.reads_x)
            note(&worst->library, isnan(value) && isnan(got) ? 0 : INFINITY, x);
        return;
    }
    mpfr_set_ld(argument, x, RND);
    exact_value(exact, s->row, s->direction, argument, s->oracle.p);
    long double wanted = mpfr_get_ld(exact, RND);
    double distance = ulp_distance(s->type, got, wanted);
    if (oracle_cancels_long(wanted, term))
        note(&worst->cancelled, distance * (double)(ulp_of(s->type, wanted) / ulp_of(s->type, term)), x);
    else
        note(&worst->library, distance, x);
    long double widest_term, widest = oracle_decide(&s->oracle, s->direction, x, &widest_term);
    note(&worst->widest, relative_error(widest, widest_term, LONG_TINY), x);
    if (s->type == CLACT_F64) {
        note(&worst->oracle, relative_error(value, term, LONG_TINY), x);
    } else {
        float single = (float)x;
        double fast, fast_term;
        oracle_values(&s->oracle, s->direction, 1, &single, &fast, &fast_term);
        note(&worst->oracle, relative_error(fast, fast_term, ORACLE_TINY), x);
    }
}

static void require_ok(clact_status status)
{
    if (status == CLACT_OK)
        return;
    fprintf(stderr, "oracle_mpfr: %s\n", clact_error());
    exit(2);
}

/* f(x) or f'(x) of n numbers of the type. */
static void run(const subject *s, size_t n, const void *x, const void *ones, void *out)
{
    clact_operand from = clact_array(s->type, x, (int64_t)n), to = clact_array(s->type, out, (int64_t)n);
    clact_operand dy = clact_array(s->type, ones, (int64_t)n);
    clact_forward_args forward = {.x = &from, .y = &to};
    clact_backward_args backward = {.x = &from, .dy = &dy, .dx = &to};
    require_ok(s->direction == FORWARD ? clact_forward(s->context, s->activation, &forward)
                                       : clact_backward(s->context, s->activation, &backward));
}

static errors measure(const subject *s, uint64_t inputs)
{
    static uint64_t bits[BATCH];
    static double x[BATCH], ones[BATCH], got[BATCH];
    size_t size = clact_type_bytes(s->type);
    const float one_single = 1;
    const double one = 1;
    errors worst = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    strata sample;
    strata_make(&sample, s->type, s->oracle.p, ORACLE_MAX_PARAMETERS);
    for (size_t i = 0; i < BATCH; i++)
        memcpy((char *)ones + i * size, s->type == CLACT_F64 ? (const void *)&one : &one_single, size);
    for (uint64_t done = 0; done < inputs; done += BATCH) {
        size_t n = inputs - done < BATCH ? (size_t)(inputs - done) : BATCH;
        for (size_t i = 0; i < n; i++) {
            bits[i] = input_bits(&sample, done + i);
            memcpy((char *)x + i * size, &bits[i], size); /* little-endian: the low bytes */
        }
        run(s, n, x, ones, got);
        for (size_t i = 0; i < n; i++) {
            uint64_t result = 0;
            memcpy(&result, (const char *)got + i * size, size);
            measure_one(s, number_of(s->type, bits[i]), number_of(s->type, result), &worst);
        }
    }
    return worst;
}

/* ---- Judging -------------------------------------------------------------------------------- */

static double oracle_bound(clact_type type)
{
    return type == CLACT_F64 ? ORACLE_LONG_ERROR : ORACLE_ERROR;
}

static int is_good(const subject *s, const errors *e, double bound)
{
    return e->oracle.error <= oracle_bound(s->type) && e->widest.error <= oracle_decide_error
           && e->library.error <= bound + 0x1p-30 && e->cancelled.error <= CANCELLED_BOUND;
}

static void print_errors(const subject *s, const special_set *set, const errors *e, double bound)
{
    printf("%s", set->activation);
    special_print_parameters(stdout, set);
    printf(" %s: oracle 2^%.1f at %a (widest 2^%.1f at %a),", direction_names[s->direction], log2(e->oracle.error),
           e->oracle.x, log2(e->widest.error), e->widest.x);
    printf(" library in %s %.6f ulp at %a (bound %g)", clact_type_name(s->type), e->library.error,
           e->library.x, bound);
    if (e->cancelled.error > 0)
        printf(", %.6f at %a where terms cancel", e->cancelled.error, e->cancelled.x);
    printf(": %s\n", is_good(s, e, bound) ? "OK" : "FAIL");
    fflush(stdout);
}

/* One set of parameters in one type, in both directions. 1, or 0 if a check failed. */
static int check_type(subject *s, const clact_activation_info *info, const special_set *set,
                      uint64_t inputs)
{
    int passed = 1;
    if (oracle_make(&s->oracle, info, set->parameters, set->parameter_count, s->type)) {
        printf("%s: no oracle\n", info->name);
        return 0;
    }
    for (int d = FORWARD; d <= DERIVATIVE; d++) {
        double bound = stated_bound(info, (direction)d, s->type);
        s->direction = (direction)d;
        errors worst = measure(s, HARD * NEIGHBOURS + inputs);
        print_errors(s, set, &worst, bound);
        passed &= is_good(s, &worst, bound);
    }
    return passed;
}

/* The results written in special.def are the exact ones rounded, signs of zeros and what is given for
 * NaN apart. 1, or 0 if one is not. */
static int check_table(const clact_activation_info *info, const special_set *set)
{
    oracle o;
    int passed = oracle_make(&o, info, set->parameters, set->parameter_count, CLACT_F32) == 0;
    for (size_t i = 0; passed && i < set->row_count; i++) {
        for (int d = FORWARD; d <= DERIVATIVE && !isnan(set->rows[i].x); d++) {
            float x = set->rows[i].x, written = set->rows[i].results[d];
            mpfr_set_flt(argument, x, RND);
            exact_value(exact, exact_find(info->name), d, argument, o.p);
            if (ulp_distance(CLACT_F32, written, mpfr_get_ld(exact, RND)) <= 0.5)
                continue;
            printf("%s %s in special.def: %a for %a, not %a\n", info->name, direction_names[d],
                   (double)written, (double)x, mpfr_get_d(exact, RND));
            passed = 0;
        }
    }
    return passed;
}

static int check_set(clact_context *context, const clact_activation_info *info,
                     const special_set *set, uint64_t inputs)
{
    clact_activation *activation;
    require_ok(special_activation(&activation, set));
    subject s = {.context = context, .activation = activation, .row = exact_find(info->name)};
    s.type = CLACT_F32;
    int passed = check_type(&s, info, set, inputs);
    s.type = CLACT_F64;
    passed &= check_type(&s, info, set, inputs / 4);
    clact_activation_destroy(&activation);
    return passed;
}

static int check_sets(clact_context *context, const clact_activation_info *info,
                      const special_set *sets, size_t count, uint64_t inputs)
{
    int passed = 1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(sets[i].activation, info->name) == 0 && sets[i].parameter_count)
            passed &= check_set(context, info, &sets[i], inputs);
    return passed;
}

static int check_activation(clact_context *context, const clact_activation_info *info,
                            uint64_t inputs)
{
    special_set defaults = {info->name, NULL, 0, NULL, 0};
    if (strcmp(info->kind, "elementwise") != 0)
        return 1;
    if (!exact_find(info->name)) {
        printf("%s: no expressions for MPFR\n", info->name);
        return 1;
    }
    int passed = check_set(context, info, &defaults, inputs);
    for (size_t i = 0; i < special_set_count; i++)
        if (strcmp(special_sets[i].activation, info->name) == 0)
            passed &= check_table(info, &special_sets[i]);
    passed &= check_sets(context, info, special_sets, special_set_count, inputs / 8);
    passed &= check_sets(context, info, grid_sets, grid_set_count, inputs / 8);
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
    const struct argp_option options[] = {{"random", 'n', "N", 0, "Inputs a row (32768)", 0}, {0}};
    const struct argp argp = {options, parse, "[NAME ...]", NULL, NULL, NULL, NULL};
    arguments a = {32768, NULL, 0};
    clact_context *context;
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    int passed = 1;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    require_ok(clact_open(&context, NULL));
    mpfr_inits2(EXACT_BITS, exact, argument, scratch, (mpfr_ptr)NULL);
    for (int i = 0; i < a.name_count; i++) {
        const clact_activation_info *info = clact_activation_find(a.names[i]);
        if (!info) {
            fprintf(stderr, "oracle_mpfr: there is no activation '%s'\n", a.names[i]);
            return 64;
        }
        passed &= check_activation(context, info, a.inputs);
    }
    for (size_t i = 0; a.name_count == 0 && i < count; i++)
        if (strcmp(list[i].kind, "elementwise") == 0)
            passed &= check_activation(context, &list[i], a.inputs);
    mpfr_clears(exact, argument, scratch, (mpfr_ptr)NULL);
    mpfr_free_cache();
    clact_close(&context);
    return passed ? 0 : 1;
}
