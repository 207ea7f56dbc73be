/* oracle.h: activations and derivatives computed apart from the library, to measure it by. */
#ifndef CLI_ORACLE_H
#define CLI_ORACLE_H

#include <clact/clact.h>

/* The name of the direction is "forward" or "derivative". */
typedef enum direction { FORWARD = 0, DERIVATIVE = 1 } direction;
#define DIRECTION_COUNT 2
extern const char *const direction_names[DIRECTION_COUNT];

#define ORACLE_MAX_PARAMETERS 8

/* One activation with its parameters, as the type computed in rounds them; "none" is NaN. */
typedef struct oracle {
    const struct oracle_row *row;
    int reads_x; /* in the derivative: else a NaN in x is not seen */
    double p[ORACLE_MAX_PARAMETERS];
    long double p_long[ORACLE_MAX_PARAMETERS];
} oracle;

/* parameters: those not given have the row's default. type: CLACT_F64, or any other for f32. 0, or
 * -1 where there is no oracle for the activation. */
int oracle_make(oracle *out, const clact_activation_info *info, const clact_parameter *parameters,
                size_t count, clact_type type);

/* out[i] = f(x[i]) or f'(x[i]). term[i]: the largest term, in magnitude, of the sum that it is; 0
 * where it is no sum that could cancel. The error, relative to the exact value or, where the terms
 * cancel, to the largest, is at most ORACLE_ERROR, or all are below ORACLE_TINY or above its
 * reciprocal, where double ends. */
void oracle_values(const oracle *o, direction d, size_t n, const float *x, double *out,
                   double *term);
#define ORACLE_ERROR 0x1p-45
#define ORACLE_TINY 0x1p-800

/* The same in long double, where it ends no sooner than f64 does: the error is at most ORACLE_LONG_ERROR. */
long double oracle_value(const oracle *o, direction d, long double x, long double *term);
#define ORACLE_LONG_ERROR 0x1p-59

/* The same in the widest type that the C library has, rounded to long double, with an error of at most
 * oracle_decide_error: that of the rounding with glibc, which has binary128; elsewhere the type may be
 * long double itself. Slow: for what oracle_value leaves open. */
long double oracle_decide(const oracle *o, direction d, long double x, long double *term);
extern const double oracle_decide_error;

/* Whether terms cancel: their sum is smaller than a quarter of the largest. Then an error is one in
 * units of that term, and CANCELLED_BOUND is its bound. */
static inline int oracle_cancels(double exact, double term)
{
    exact = exact < 0 ? -exact : exact;
    return 4 * exact < term;
}
#define CANCELLED_BOUND 2

static inline int oracle_cancels_long(long double exact, long double term)
{
    exact = exact < 0 ? -exact : exact;
    return 4 * exact < term;
}

/* An activation's bound in ulp of the type, at dy = 1. */
double stated_bound(const clact_activation_info *info, direction d, clact_type type);

#endif
