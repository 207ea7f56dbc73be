/* piecewise.h: activations made of straight and parabolic pieces, forward and backward: 0.51 ulp at most. */
#ifndef CLACT_PIECEWISE_H
#define CLACT_PIECEWISE_H

INLINE real identity_f(real x) { return x; }
INLINE real identity_d(real x) { return C(1.0); }

/* A max_value of "none" is a NaN, which no comparison reaches. x - threshold is a sum of two, so that the
 * slope magnifies no rounding. */
INLINE real relu_f(real x, real negative_slope, real max_value, real threshold)
{
    real d = x - threshold, z = d - x;
    real e = x - (d - z) - (threshold + z);
    e = magnitude(d) < INFINITE ? e : C(0.0);
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
INLINE real prelu_p0(real x, real slope) { return nan_or(x, x <= C(0.0) ? x : C(0.0)); }

/* With alpha = 0 it is beta at infinities too. A product alone keeps the sign of zero. */
INLINE real linear_f(real x, real alpha, real beta)
{
    real y = fused(alpha, x, beta), product = alpha * x;
    y = beta == C(0.0) ? product : y;
    return alpha == C(0.0) ? nan_or(x, beta) : y;
}

INLINE real linear_d(real x, real alpha, real beta) { return alpha; }

/* A limit of "none" is a NaN, which no comparison reaches. */
INLINE real clip_f(real x, real low, real high)
{
    real y = x <= low ? low : x;
    return y >= high ? high : y;
}

INLINE real clip_d(real x, real low, real high)
{
    real d = x <= low ? C(0.0) : C(1.0);
    return nan_or(x, x >= high ? C(0.0) : d);
}

/* tf.clip_by_value: min(x, high), then max with low, so that low wins where it is above high. Its
 * gradient passes dy at the limits, and nothing at a NaN, which the comparisons refuse. */
INLINE real clip_tf_f(real x, real low, real high)
{
    real y = x >= high ? high : x;
    return y <= low ? low : y;
}

INLINE real clip_tf_g(real x, real dy, real low, real high)
{
    real lowest = low == low ? low : -INFINITE;
    real y = x >= high ? high : x;
    real g = y >= lowest ? dy : C(0.0);
    return x > high ? C(0.0) : g;
}

INLINE real hard_tanh_f(real x, real low, real high) { return clip_f(x, low, high); }
INLINE real hard_tanh_d(real x, real low, real high) { return clip_d(x, low, high); }

/* (a.hi + a.lo) / 6 */
INLINE real sixth(pair a)
{
    const real high = K(0x1.555556p-3, 0x1.5555555555555p-3), low = K(-0x1.555556p-28, 0x1.5555555555555p-57);
    return fused(a.hi, high, fused(a.hi, low, a.lo * high));
}

INLINE real hard_sigmoid_f(real x)
{
    real y = x <= C(-3.0) ? C(0.0) : sixth(sum_of(x, C(3.0)));
    return x >= C(3.0) ? C(1.0) : y;
}

INLINE real hard_sigmoid_d(real x)
{
    real d = x <= C(-3.0) ? C(0.0) : K(0x1.555556p-3, 0x1.5555555555555p-3);
    return nan_or(x, x >= C(3.0) ? C(0.0) : d);
}

/* Of x between -3 and 3 none has a y that rounds to 0 or 1. */
INLINE real hard_sigmoid_y(real y)
{
    real d = y <= C(0.0) ? C(0.0) : K(0x1.555556p-3, 0x1.5555555555555p-3);
    return nan_or(y, y >= C(1.0) ? C(0.0) : d);
}

/* Keras 2.15: 0.2 x + 0.5, clipped to [0, 1]. The product is rounded before the sum: it enters as half
 * of itself and is doubled in the fma, where nothing can be contracted. */
INLINE real hard_sigmoid_tf_sum(real x)
{
    return fused(x * K(0x1.99999ap-4, 0x1.999999999999ap-4), C(2.0), C(0.5));
}

INLINE real hard_sigmoid_tf_f(real x)
{
    return clip_tf_f(hard_sigmoid_tf_sum(x), C(0.0), C(1.0));
}

INLINE real hard_sigmoid_tf_g(real x, real dy)
{
    return clip_tf_g(hard_sigmoid_tf_sum(x), dy, C(0.0), C(1.0)) * K(0x1.99999ap-3, 0x1.999999999999ap-3);
}

INLINE real hard_sigmoid_onnx_f(real x, real alpha, real beta)
{
    real y = linear_f(x, alpha, beta);
    y = y <= C(0.0) ? C(0.0) : y;
    return y >= C(1.0) ? C(1.0) : y;
}

/* A y that rounds to 1 from below is still on the slope: alpha x + (beta - 1) tells. */
INLINE real hard_sigmoid_onnx_d(real x, real alpha, real beta)
{
    pair b = sum_of(beta, C(-1.0));
    real slope = alpha == C(0.0) ? C(0.0) : x;
    real d = fused(alpha, slope, beta) <= C(0.0) ? C(0.0) : alpha;
    return nan_or(x, fused(alpha, slope, b.hi) + b.lo >= C(0.0) ? C(0.0) : d);
}

INLINE real sparse_sigmoid_f(real x)
{
    real y = x <= C(-1.0) ? C(0.0) : (x + C(1.0)) * C(0.5);
    return x >= C(1.0) ? C(1.0) : y;
}

INLINE real sparse_sigmoid_d(real x)
{
    real d = x <= C(-1.0) ? C(0.0) : C(0.5);
    return nan_or(x, x >= C(1.0) ? C(0.0) : d);
}

INLINE real sparse_plus_f(real x)
{
    pair s = sum_of(x, C(1.0));
    real y = fused(s.hi, s.hi, C(2.0) * s.hi * s.lo) * C(0.25);
    y = x <= C(-1.0) ? C(0.0) : y;
    return x >= C(1.0) ? x : y;
}

INLINE real sparse_plus_d(real x)
{
    real d = x <= C(-1.0) ? C(0.0) : (x + C(1.0)) * C(0.5);
    return x >= C(1.0) ? C(1.0) : d;
}

/* x times (x + 3) / 6, which is a sum of two: with the 1/6 here, a little above it, w.lo is not below zero where x is a
 * zero, whose sign is kept. */
INLINE real hard_swish_f(real x)
{
    const real high = K(0x1.555556p-3, 0x1.5555555555555p-3), low = K(-0x1.555554p-28, 0x1.5555555555556p-57);
    real s = x + C(3.0), rest = x - (s - C(3.0)); /* as in sum_of(), for |x| <= 3 */
    pair w;
    w.hi = s * high;
    w.lo = fused(s, low, fused(rest, high, fused(s, high, -w.hi)));
    real y = fused(x, w.hi, x * w.lo);
    y = x <= C(-3.0) ? C(-0.0) : y;
    return x >= C(3.0) ? x : y;
}

INLINE real hard_swish_d(real x)
{
    real d = x <= C(-3.0) ? C(0.0) : sixth(sum_of(x + x, C(3.0)));
    return x >= C(3.0) ? C(1.0) : d;
}

INLINE real soft_shrink_f(real x, real lambda)
{
    real y = x > lambda ? x - lambda : C(0.0);
    return nan_or(x, x < -lambda ? x + lambda : y);
}

INLINE real soft_shrink_d(real x, real lambda) { return nan_or(x, magnitude(x) > lambda ? C(1.0) : C(0.0)); }

/* The difference of two that are not equal is not zero. */
INLINE real soft_shrink_y(real y, real lambda) { return nan_or(y, y == C(0.0) ? C(0.0) : C(1.0)); }

INLINE real hard_shrink_f(real x, real lambda) { return nan_or(x, magnitude(x) > lambda ? x : C(0.0)); }
INLINE real hard_shrink_d(real x, real lambda) { return soft_shrink_d(x, lambda); }

INLINE real shrink_f(real x, real lambda, real bias)
{
    real y = x > lambda ? x - bias : C(0.0);
    return nan_or(x, x < -lambda ? x + bias : y);
}

INLINE real shrink_d(real x, real lambda, real bias) { return soft_shrink_d(x, lambda); }

INLINE real abs_f(real x) { return magnitude(x); }
INLINE real abs_d(real x) { return x == C(0.0) ? C(0.0) : nan_or(x, with_sign_of(C(1.0), x)); }

INLINE real sign_f(real x) { return x == C(0.0) ? x : nan_or(x, with_sign_of(C(1.0), x)); }
INLINE real sign_d(real x) { return nan_or(x, C(0.0)); }

INLINE real step_f(real x, real theta) { return nan_or(x, x > theta ? C(1.0) : C(0.0)); }
INLINE real step_d(real x, real theta) { return nan_or(x, C(0.0)); }

/* To the nearest integer, a half to the even one: from 2^23 (2^52) on every number is one. */
INLINE real round_f(real x)
{
    const real magic = K(0x1p23, 0x1p52);
    real a = magnitude(x);
#ifdef CLACT_ROUNDS_TO_ZERO
    real y = nearest(a);
#else
    real y = a + magic - magic;
#endif
    return with_sign_of(a < magic ? y : a, x);
}

INLINE real round_d(real x) { return nan_or(x, C(0.0)); }

#endif
