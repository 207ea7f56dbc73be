/* oracle.c: the rows of oracle.def in double and in long double.
 *
 * Double is enough for f32. The arguments are exact; each row rounds a handful of times, by 2^-53,
 * and calls one or two functions of libm, which glibc keeps to a few ulp: 2^-49 in all, where
 * nothing cancels, nothing underflows and no argument of an exponential is rounded while it is
 * large (see oracle_tmpl.h). A difference of two f32 cancels only what is exact. Results that f32
 * can tell from zero, 2^-150, are far above where double underflows. 2^-45 leaves room for other
 * libraries; it is 2^-21 ulp of an f32. tests/oracle_mpfr.c measures it. */
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

#define R double
#define F(function) function
#define T(function) function##_double
#include "oracle_tmpl.h"
#include "oracle.def"
#undef R
#undef F
#undef T

#define R long double
#define F(function) function##l
#define T(function) function##_long
#include "oracle_tmpl.h"
#include "oracle.def"
#undef R
#undef F
#undef T

#undef ORACLE
#undef ORACLE_SUM

typedef void loop(const double *p, size_t n, const float *x, double *out, double *term);
typedef long double single(const long double *p, long double x, long double *term);

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
};

static const struct oracle_row rows[] = {
#define ORACLE(name, f, d) \
    {#name, \
     {name##_forward_loop, name##_derivative_loop}, \
     {name##_forward_long, name##_derivative_long}},
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
