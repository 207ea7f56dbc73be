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

INLINE real identity_f(real x) { return x; }
INLINE real identity_d(real x) { return C(1.0); }

/* A max_value of "none" is a NaN, which no comparison reaches. x - threshold is a sum of two (Knuth's
 * TwoSum), so that the slope magnifies no rounding. */
INLINE real relu_f(real x, real negative_slope, real max_value, real threshold)
{
    real d = x - threshold, z = d - x;
    real e = x - (d - z) - (threshold + z);
    e = magnitude(d) < to_real(INFINITY_BITS) ? e : C(0.0);
    real below = negative_slope == C(0.0) ? C(0.0) : fused(negative_slope, d, negative_slope * e);
    real y = x < threshold ? below : without_minus_zero(x);
    return x >= max_value ? max_value : y;
}

INLINE real relu_d(real x, real negative_slope, real max_value, real threshold)
{
    real d = x <= threshold ? negative_slope : C(1.0);
    return nan_or(x, x >= max_value ? C(0.0) : d);
}

/* x > bound as 1 or 0. */
INLINE real above(real x, real bound) { return x > bound ? C(1.0) : C(0.0); }

/* Keras 2.15 composes it: LeakyRelu alone; or Relu, or x times a mask where there is a threshold; a
 * clip; less slope times Relu(threshold - x). Of that difference one side is always zero. Each choice
 * has one condition, for the loops to be vectorised. */
INLINE real relu_tf_kept(real x, real threshold)
{
    real masked = x * above(x, threshold), positive = x <= C(0.0) ? C(0.0) : x;
    return threshold != C(0.0) ? masked : positive;
}

INLINE real relu_tf_f(real x, real negative_slope, real max_value, real threshold)
{
    real leaky = x > C(0.0) ? x : x * negative_slope;
    real y = relu_tf_kept(x, threshold), n = threshold - x;
    real clipped = y >= max_value ? max_value : y;
    clipped = clipped <= C(0.0) ? C(0.0) : clipped;
    y = max_value == max_value ? clipped : y;
    real less = fused(-negative_slope, n, y);
    real unchanged = negative_slope < C(0.0) ? without_minus_zero(y) : y; /* y less slope * 0 */
    less = n > C(0.0) ? less : unchanged;
    y = negative_slope != C(0.0) ? less : y;
    leaky = max_value == max_value ? y : leaky;
    leaky = threshold != C(0.0) ? y : leaky;
    return negative_slope != C(0.0) ? leaky : y;
}

/* Relu6 is dead at 6, a clip at another max_value is not; a clip chooses, a mask multiplies. */
INLINE real relu_tf_g(real x, real dy, real negative_slope, real max_value, real threshold)
{
    real leaky = x > C(0.0) ? dy : dy * negative_slope;
    real y = relu_tf_kept(x, threshold);
    real within = y >= C(0.0) ? dy : C(0.0);
    within = y <= max_value ? within : C(0.0);
    real e = (max_value == max_value ? within : dy) * above(x, threshold);
    real six = dy * (x < C(6.0) ? above(x, C(0.0)) : C(0.0));
    six = threshold != C(0.0) ? e : six;
    e = max_value == C(6.0) ? six : e;
    real more = fused(negative_slope * dy, above(threshold, x), e);
    e = negative_slope != C(0.0) ? more : e;
    leaky = max_value == max_value ? e : leaky;
    leaky = threshold != C(0.0) ? e : leaky;
    return negative_slope != C(0.0) ? leaky : e;
}

INLINE real relu6_f(real x)
{
    real y = x <= C(0.0) ? C(0.0) : x;
    return y >= C(6.0) ? C(6.0) : y;
}

INLINE real relu6_d(real x)
{
    real d = x <= C(0.0) ? C(0.0) : C(1.0);
    return nan_or(x, x >= C(6.0) ? C(0.0) : d);
}

INLINE real relu6_tf_f(real x) { return relu6_f(x); }
INLINE real relu6_tf_g(real x, real dy) { return dy * (x < C(6.0) ? above(x, C(0.0)) : C(0.0)); }

INLINE real thresholded_relu_f(real x, real theta) { return x <= theta ? C(0.0) : x; }
INLINE real thresholded_relu_d(real x, real theta) { return nan_or(x, x <= theta ? C(0.0) : C(1.0)); }

INLINE real thresholded_relu_tf_f(real x, real theta) { return x * above(x, theta); }
INLINE real thresholded_relu_tf_g(real x, real dy, real theta) { return dy * above(x, theta); }

INLINE real threshold_f(real x, real theta, real value) { return x <= theta ? value : x; }
INLINE real threshold_d(real x, real theta, real value) { return nan_or(x, x <= theta ? C(0.0) : C(1.0)); }

/* keras.activations.threshold, which came with Keras 3: a NaN fails the comparison. */
INLINE real threshold_tf_f(real x, real theta, real value) { return x > theta ? x : value; }
INLINE real threshold_tf_g(real x, real dy, real theta, real value) { return x > theta ? dy : C(0.0); }

/* With a slope of zero the bits are relu's. */
INLINE real leaky_relu_f(real x, real negative_slope)
{
    real below = negative_slope == C(0.0) ? C(0.0) : negative_slope * x;
    return x <= C(0.0) ? below : x;
}

INLINE real leaky_relu_d(real x, real negative_slope)
{
    return nan_or(x, x <= C(0.0) ? negative_slope : C(1.0));
}

INLINE real leaky_relu_tf_f(real x, real negative_slope) { return x > C(0.0) ? x : x * negative_slope; }
INLINE real leaky_relu_tf_g(real x, real dy, real negative_slope)
{
    return x > C(0.0) ? dy : dy * negative_slope;
}

INLINE real prelu_f(real x, real slope) { return leaky_relu_f(x, slope); }
INLINE real prelu_d(real x, real slope) { return leaky_relu_d(x, slope); }

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

#include "piecewise.h"
#include "exponential.h"

#endif
