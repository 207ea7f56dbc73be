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
    pair e = exp_scaled(x, K(-149.0, -791.0)); /* 2^64 e^x rounds to zero below */
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

/* ---- Rows with noise: their last argument is uniform in [0, 1) -------------------------------- */

/* lower + u (upper - lower), exact but for the last places of lo. */
INLINE pair rrelu_slope(real lower, real upper, real u)
{
    pair a;
    real d = upper - lower, z = d - upper, e = upper - (d - z) - (lower + z);
    a.hi = fused(u, d, lower);
    real t = a.hi - lower; /* and what it lacks, of which a.hi lacks the remainder */
    z = t - a.hi;
    real f = a.hi - (t - z) - (lower + z);
    a.lo = fused(u, e, fused(u, d, -t) - f);
    return rounded(a);
}

/* x (a.hi + a.lo), 0.51 ulp, for a of at most 2^64. x is scaled, so that no product is subnormal or infinite before
 * the result is. */
INLINE real times_pair(real x, pair a)
{
    real s = x * (magnitude(x) < C(1.0) ? C(0x1p64) : C(0x1p-64)), plain = x * a.hi;
    real y = fused(s, a.hi, s * a.lo) * (magnitude(x) < C(1.0) ? C(0x1p-64) : C(0x1p64));
    y = magnitude(x) < to_real(INFINITY_BITS) ? y : plain;
    return x == C(0.0) ? plain : y;
}

INLINE real rrelu_f(real x, real lower, real upper, real u)
{
    pair a = rrelu_slope(lower, upper, u);
    real below = a.hi == C(0.0) ? C(0.0) : times_pair(x, a);
    return x <= C(0.0) ? below : x;
}

INLINE real rrelu_d(real x, real lower, real upper, real u)
{
    real a = rrelu_slope(lower, upper, u).hi;
    return nan_or(x, x <= C(0.0) ? a : C(1.0));
}

/* x / (1 - rate), 0.51 ulp: 1 - rate as high + low, brought to [1, 2) by a power of two; x is scaled so that
 * neither the remainder nor the quotient leaves the range. */
INLINE real dropout_kept(real x, real rate)
{
    pair n, d;
    d.hi = C(1.0) - rate;
    d.lo = C(1.0) - d.hi - rate;
    real power = to_real(((bits)(2 * EXPONENT_BIAS) << MANTISSA_BITS) - (to_bits(d.hi) & INFINITY_BITS));
    d.hi *= power;
    d.lo *= power;
    n.hi = x * (magnitude(x) < C(1.0) ? C(0x1p64) : C(0x1p-64));
    n.lo = C(0.0);
    real y = magnitude(quotient(n, d)) * power * (magnitude(x) < C(1.0) ? C(0x1p-64) : C(0x1p64));
    return magnitude(x) < to_real(INFINITY_BITS) ? with_sign_of(y, x) : x;
}

/* A u of 1 is never drawn: it stands for what is outside training. */
INLINE real dropout_f(real x, real rate, real u)
{
    real y = u < rate ? C(0.0) : dropout_kept(x, rate);
    return nan_or(x, u < C(1.0) ? y : x);
}

INLINE real dropout_d(real x, real rate, real u)
{
    real d = u < rate ? C(0.0) : dropout_kept(C(1.0), rate);
    return u < C(1.0) ? d : C(1.0);
}

#endif
