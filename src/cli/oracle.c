/* oracle.c: the rows of oracle.def in double, in long double and in the widest type there is.
 *
 * Double is enough for f32. The arguments are exact; each row rounds a handful of times, by 2^-53,
 * and calls one or two functions of libm, which glibc keeps to a few ulp: 2^-49 in all, where
 * nothing cancels, nothing underflows and no argument of an exponential is rounded while it is
 * large (see oracle_tmpl.h). A difference of two f32 cancels only what is exact. Results that f32
 * can tell from zero, 2^-150, are far above where double underflows. 2^-45 leaves room for other
 * libraries; it is 2^-21 ulp of an f32. Long double is to f64 what double is to f32: 2^-59 is
 * 2^-6 ulp of an f64. tests/oracle_mpfr.c measures both. */
#include "oracle.h"

#include <math.h>
#include <string.h>

const char *const direction_names[DIRECTION_COUNT] = {"forward", "derivative"};

/* Each row as a function of R, in either direction. */
#define UNUSED __attribute__((unused))
#define SINGLE(name, sum_formula) \
    static inline R T(name)(UNUSED const R *p, R x, R *term) \
    { \
        T(sum) sum = {x, 0}; \
        if (x == x) \
            sum = sum_formula; \
        *term = sum.term; \
        return sum.value; \
    }
#define ORACLE_SUM(name, f, d) SINGLE(name##_forward, f) SINGLE(name##_derivative, d)
#define ORACLE(name, f, d) ORACLE_SUM(name, ((T(sum)){f, 0}), ((T(sum)){d, 0}))

/* The widest type: IEEE 754's binary128 where the C library has functions of it, or long double is that.
 * Elsewhere long double is the last instance. */
#if defined __HAVE_DISTINCT_FLOAT128 && __HAVE_DISTINCT_FLOAT128
typedef __float128 wide;
#define WIDE_CONSTANT(x) x##Q
#define WIDE_FUNCTION(function) function##f128
const double oracle_decide_error = 0x1.01p-64;
#else
typedef long double wide;
#define WIDE_CONSTANT(x) x##L
#define WIDE_FUNCTION(function) function##l
const double oracle_decide_error = ORACLE_LONG_ERROR;
#endif

#define R double
#define F(function) function
#define T(function) function##_double
#define W long double
#define A(x) x##L
#include "oracle_tmpl.h"
#include "oracle.def"
#undef R
#undef F
#undef T
#undef W
#undef A

#define R long double
#define F(function) function##l
#define T(function) function##_long
#define W wide
#define A WIDE_CONSTANT
#include "oracle_tmpl.h"
#include "oracle.def"
#undef R
#undef F
#undef T

#define R wide
#define F WIDE_FUNCTION
#define T(function) function##_wide
#include "oracle_tmpl.h"
#include "oracle.def"
#undef R
#undef F
#undef T
#undef W
#undef A

#undef ORACLE
#undef ORACLE_SUM

typedef void loop(const double *p, size_t n, const float *x, double *out, double *term);
typedef long double single(const long double *p, long double x, long double *term);
typedef wide widest(const wide *p, wide x, wide *term);

#define LOOP(name) \
    static void name##_loop(const double *p, size_t n, const float *x, double *out, double *term) \
    { \
        for (size_t i = 0; i < n; i++) \
            out[i] = name##_double(p, x[i], &term[i]); \
    }
#define ORACLE(name, f, d) LOOP(name##_forward) LOOP(name##_derivative)
#define ORACLE_SUM(name, f, d) ORACLE(name, f, d)
#include "oracle.def"
#undef ORACLE

struct oracle_row {
    const char *name;
    loop *loops[DIRECTION_COUNT];
    single *singles[DIRECTION_COUNT];
    widest *widest[DIRECTION_COUNT];
};

static const struct oracle_row rows[] = {
#define ORACLE(name, f, d) \
    {#name, \
     {name##_forward_loop, name##_derivative_loop}, \
     {name##_forward_long, name##_derivative_long}, \
     {name##_forward_wide, name##_derivative_wide}},
#include "oracle.def"
#undef ORACLE
};

static const struct oracle_row *row_named(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static double parameter_value(const clact_parameter_info *info, const clact_parameter *given,
                              size_t count)
{
    double value = info->default_none ? NAN : info->default_value;
    for (size_t i = 0; i < count; i++) {
        const char *name = given[i].name;
        if (strcmp(name, info->name) == 0 || (info->alias && strcmp(name, info->alias) == 0))
            value = given[i].none ? NAN : given[i].value;
    }
    return value;
}

int oracle_make(oracle *out, const clact_activation_info *info, const clact_parameter *parameters,
                size_t count, clact_type type)
{
    memset(out, 0, sizeof *out);
    out->row = row_named(info->name);
    out->reads_x = info->needs != CLACT_BACKWARD_NOTHING;
    if (!out->row || info->parameter_count > ORACLE_MAX_PARAMETERS)
        return -1;
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        double value = parameter_value(&info->parameters[i], parameters, count);
        out->p[i] = type == CLACT_F64 ? value : (double)(float)value;
        out->p_long[i] = out->p[i];
    }
    return 0;
}

void oracle_values(const oracle *o, direction d, size_t n, const float *x, double *out,
                   double *term)
{
    if (d == DERIVATIVE && !o->reads_x) {
        const float zero = 0;
        for (size_t i = 0; i < n; i++)
            o->row->loops[d](o->p, 1, &zero, &out[i], &term[i]);
    } else {
        o->row->loops[d](o->p, n, x, out, term);
    }
}

long double oracle_value(const oracle *o, direction d, long double x, long double *term)
{
    return o->row->singles[d](o->p_long, d == DERIVATIVE && !o->reads_x ? 0 : x, term);
}

long double oracle_decide(const oracle *o, direction d, long double x, long double *term)
{
    wide p[ORACLE_MAX_PARAMETERS], largest, value;
    for (int i = 0; i < ORACLE_MAX_PARAMETERS; i++)
        p[i] = o->p[i];
    value = o->row->widest[d](p, d == DERIVATIVE && !o->reads_x ? 0 : x, &largest);
    *term = (long double)largest;
    return (long double)value;
}

double stated_bound(const clact_activation_info *info, direction d, clact_type type)
{
    double f32 = d == FORWARD ? info->ulp_forward : info->ulp_derivative;
    switch (type) {
    case CLACT_F64:
        return f32 <= 0.5 ? 0.5 : f32 > 2 ? 3 : 2;
    case CLACT_F16: /* the f32 result rounded: half a unit, and its own error */
        return 0.5 + f32 * 0x1p-13;
    case CLACT_BF16:
        return 0.5 + f32 * 0x1p-16;
    default:
        return f32;
    }
}
