/* piecewise.h: activations made of straight and parabolic pieces, forward and backward: 0.51 ulp at most. */
#ifndef CLACT_PIECEWISE_H
#define CLACT_PIECEWISE_H

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

/* x (x + 3) / 6. Near zero it is x / 2, and the low parts of the product would be subnormal. */
INLINE real hard_swish_f(real x)
{
    pair s = sum_of(x, C(3.0)), p;
    p.hi = x * s.hi;
    p.lo = fused(x, s.hi, -p.hi);
    p.lo = fused(x, s.lo, p.lo);
    real y = magnitude(x) < K(0x1p-26, 0x1p-55) ? x * C(0.5) : sixth(p);
    y = x <= C(-3.0) ? C(-0.0) : y;
    return x >= C(3.0) ? x : y;
}

INLINE real hard_swish_d(real x)
{
    real d = x <= C(-3.0) ? C(0.0) : sixth(sum_of(C(2.0) * x, C(3.0)));
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
