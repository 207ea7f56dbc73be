/* activations.h: each activation as a pair of functions, NAME_f(x, parameters) and NAME_d, its
 * derivative. The parameters stand in the order of the activation's row in activations.def.
 *
 * Comparisons choose so that a NaN falls through to x or is put back by nan_or(); a dead segment is
 * chosen, not multiplied, so that no infinity meets a zero.
 *
 * NAME_tf_f and NAME_tf_g(x, dy, parameters), the whole gradient, are twins: what TensorFlow 2.15
 * computes on a CPU (its vector path; subnormals, which it flushes, are kept here). It multiplies by
 * masks, so that an infinite dy at a dead unit gives NaN there. */
#ifndef CLACT_ACTIVATIONS_H
#define CLACT_ACTIVATIONS_H

/* What a unit passes on of dy: nothing, by choice, where the derivative is zero. */
INLINE real gradient(real derivative, real dy)
{
    return derivative == C(0.0) ? C(0.0) : derivative * dy;
}

/* A parameter's gradient so far and what an element adds to it, one rounding for each: nothing, by choice, where
 * either factor is zero, so that no infinity meets a zero; a NaN where the derivative by the parameter is one. */
INLINE real parameter_sum(real derivative, real dy, real sum)
{
    real p = dy == C(0.0) ? C(0.0) : derivative;
    real up = derivative == C(0.0) ? C(0.0) : dy;
    return fused(nan_or(derivative, p), up, sum);
}

/* x with +0.0 for -0.0. As bits: compilers have been seen to take x + 0 for x. */
INLINE real without_minus_zero(real x)
{
    bits b = to_bits(x);
    return to_real(b == SIGN_BIT ? 0 : b);
}

#include "piecewise.h"

INLINE real elu_f(real x, real alpha)
{
    pair e = expm1_pair(x);
    real below = alpha == C(0.0) ? C(0.0) : fused(alpha, e.hi, alpha * e.lo);
    return x < C(0.0) ? below : x;
}

/* Where alpha is large, 2^64 of the scale of e^x is taken off before the product, which would overflow;
 * the rest comes off last, so that no digit is lost to a subnormal on the way. */
INLINE real elu_d(real x, real alpha)
{
    /* 2^64 e^x rounds to zero below; above there is nothing to compute, and subnormal numbers would take their time. */
    pair e = exp_scaled(x > C(0.0) ? C(0.0) : x, K(-149.0, -791.0));
    real before = magnitude(alpha) <= C(1.0) ? alpha : alpha * C(0x1p-64);
    real after = magnitude(alpha) <= C(1.0) ? EXP_UNSCALE : EXP_UNSCALE * C(0x1p64);
    real below = fused(before, e.hi, before * e.lo) * after;
    return x > C(0.0) ? C(1.0) : below;
}

INLINE real sigmoid_f(real x)
{
    real s = logistic_scaled(-magnitude(x), EXP_LEAST);
    real upper = fused(-s, EXP_UNSCALE, C(1.0));
    return x < C(0.0) ? s * EXP_UNSCALE : upper;
}

/* s (1 - s) for the smaller of the two, whose digits are all there. */
INLINE real sigmoid_d(real x)
{
    real s = logistic_scaled(-magnitude(x), EXP_LEAST);
    return fused(-(s * EXP_UNSCALE), s, s) * EXP_UNSCALE;
}

/* (e^-2a - 1) / (e^-2a + 1) for a = |x|, with the sign of x. What is so small that it is its own tanh
 * is kept: the remainder that corrects the quotient would be subnormal there. */
INLINE real tanh_f(real x)
{
    real a = magnitude(x);
    pair e = rounded(expm1_pair(C(-2.0) * a)), d;
    d.hi = C(2.0) + e.hi;
    d.lo = C(2.0) - d.hi + e.hi + e.lo;
    real y = a < K(0x1p-13, 0x1p-27) ? a : magnitude(quotient(e, d));
    return with_sign_of(y, x);
}

/* 4 s (1 - s) with s = sigmoid(-2 |x|). */
INLINE real tanh_d(real x)
{
    real s = logistic_scaled(C(-2.0) * magnitude(x), K(-106.0, -748.0));
    return fused(-(s * EXP_UNSCALE), s, s) * (C(4.0) * EXP_UNSCALE);
}

#include "logarithm.h"
#include "exponential.h"
#include "logarithmic.h"
#include "random.h"
#include "fast.h"

#endif
