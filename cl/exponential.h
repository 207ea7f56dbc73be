/* exponential.h: activations built on the exponential and the error function, forward and backward.
 *
 * Errors are in ulp, as measured. What is as small as e^-|x| is carried 2^120 (f64: 2^1000) times as large
 * and scaled back last, so that a subnormal result is rounded once more and no other. An infinite x, and
 * one so large that the result is known, is bounded first: its products would give infinity times zero. */
#ifndef CLACT_EXPONENTIAL_H
#define CLACT_EXPONENTIAL_H

#include "error_function.h"

/* x c with one rounding, also where x is so small that c.lo x would be subnormal. The sign is chosen: that of
 * a zero which fma gives is not. */
INLINE real multiple(pair c, real x)
{
    const real small = K(0x1p-60, 0x1p-900);
    real y = x * (magnitude(x) < small ? K(0x1p64, 0x1p500) : C(1.0));
    real r = fused(c.hi, y, c.lo * y) * (magnitude(x) < small ? K(0x1p-64, 0x1p-500) : C(1.0));
    return with_sign_of(magnitude(r), c.hi * y);
}

/* ---- e^x and e^x - 1 ------------------------------------------------------------------------ */

/* 0.75 */
INLINE real exp_f(real x) { return exp_of(pair_of(x, C(0.0))); }
INLINE real exp_d(real x) { return exp_f(x); }
INLINE real exp_y(real y) { return y; }

/* 0.80. Below 2^-26 (2^-55) x is its own e^x - 1. */
INLINE real expm1_f(real x)
{
    const real most = K(89.0, 710.0);
    pair e = expm1_shifted(pair_of(x > most ? most : x, C(0.0)), x > C(0.0) ? C(-1.0) : C(0.0));
    real y = (e.hi + e.lo) * (x > C(0.0) ? C(2.0) : C(1.0));
    return magnitude(x) < K(0x1p-26, 0x1p-55) ? x : y;
}

INLINE real expm1_d(real x) { return exp_f(x); }

/* lambda and lambda alpha; both parts have one sign, so that an infinity stays one. */
#define SELU_HIGH K(0x1.0cfabcp0, 0x1.0cfabd6a91132p0)
#define SELU_LOW K(0x1.6a9114p-24, 0x1.6fc7d272f2695p-55)
#define SELU_ALPHA_HIGH K(0x1.c212ccp0, 0x1.c212cc640f031p0)
#define SELU_ALPHA_LOW K(0x1.903c0cp-26, 0x1.05161b045a1fep-56)

/* 0.8 */
INLINE real selu_f(real x)
{
    pair e = expm1_pair(x);
    real below = fused(SELU_ALPHA_HIGH, e.hi, fused(SELU_ALPHA_HIGH, e.lo, SELU_ALPHA_LOW * e.hi));
    pair slope = pair_of(x > C(0.0) ? SELU_HIGH : SELU_ALPHA_HIGH, x > C(0.0) ? SELU_LOW : SELU_ALPHA_LOW);
    real near = multiple(slope, x); /* also for what is its own e^x - 1 */
    return x < K(-0x1p-26, -0x1p-55) ? below : near;
}

/* 0.8 */
INLINE real selu_d(real x)
{
    pair e = exp_scaled(x > C(0.0) ? C(0.0) : x, K(-105.0, -747.0)); /* as in elu_d() */
    real below = fused(SELU_ALPHA_HIGH, e.hi, fused(SELU_ALPHA_HIGH, e.lo, SELU_ALPHA_LOW * e.hi)) * EXP_UNSCALE;
    return x > C(0.0) ? SELU_HIGH + SELU_LOW : below;
}

/* x / alpha as a sum, at most 1024 (4096) in magnitude, where e^(x/alpha) is out of range for every alpha.
 * The quotient is that of alpha's digits and of x scaled alike. */
INLINE pair celu_ratio(real x, real alpha)
{
    const bits exponent = to_bits(alpha) & INFINITY_BITS;
    real scale = to_real(((bits)(2 * EXPONENT_BIAS) << MANTISSA_BITS) - exponent);
    real scaled = bounded(x * scale, K(1024.0, 4096.0)), digits = magnitude(alpha) * scale;
    return quotient_pair(pair_of(alpha < C(0.0) ? -scaled : scaled, C(0.0)), pair_of(digits, C(0.0)));
}

/* 0.8, but 1.9 beside subnormal results with 0 > alpha > -2^-76. With alpha < 0 its power of two joins that in
 * e^(x/alpha), which alone may be infinite where the product is not. */
INLINE real celu_f(real x, real alpha)
{
    const bits magnitude_bits = to_bits(alpha) & ~(bits)SIGN_BIT;
    real exponent = (real)(int)(magnitude_bits >> MANTISSA_BITS) - (real)EXPONENT_BIAS;
    exponent = exponent < K(-125.0, -1021.0) ? K(-125.0, -1021.0) : exponent;
    pair z = celu_ratio(x, alpha);
    real shift = alpha < C(0.0) ? exponent - C(1.0) : C(0.0);
    real most = (K(128.375, 1024.375) - exponent) * LN2_HIGH;
    z = pair_of(z.hi > most ? most : z.hi, z.hi > most ? C(0.0) : z.lo);
    pair e = expm1_shifted(z, shift);
    real factor = alpha < C(0.0) ? alpha * power_of_two(-shift) : alpha;
    real below = fused(factor, e.hi, factor * e.lo);
    below = magnitude(z.hi) < K(0x1p-26, 0x1p-55) ? x : below;
    return x > C(0.0) ? x : below;
}

/* 0.8 */
INLINE real celu_d(real x, real alpha)
{
    real below = exp_of(celu_ratio(x, alpha));
    return x > C(0.0) ? C(1.0) : below;
}

/* ---- Softsign ------------------------------------------------------------------------------- */

/* 0.5. From 2^30 (2^60) on it is 1; below 2^-26 (2^-55) it is x. */
INLINE real softsign_f(real x)
{
    real a = magnitude(bounded(x, K(0x1p30, 0x1p60)));
    real y = quotient_of(pair_of(a, C(0.0)), sum_of(C(1.0), a));
    y = a < K(0x1p-26, 0x1p-55) ? a : y;
    return with_sign_of(y, x);
}

/* 0.75 */
INLINE real softsign_d(real x)
{
    real a = magnitude(bounded(x, K(0x1p76, 0x1p538))); /* 2^-152 (2^-1076) rounds to zero */
    pair p = quotient_pair(pair_of(K(0x1p60, 0x1p500), C(0.0)), sum_of(C(1.0), a));
    return fused(p.hi, p.hi, C(2.0) * p.hi * p.lo) * EXP_UNSCALE;
}

/* ---- x times a logistic function: silu, swish, gelu_quick, gelu_tanh -------------------------- */

/* 1 + e, of an e that is 1/unscale times as large. */
INLINE pair one_plus(pair e, real unscale)
{
    pair d;
    d.hi = fused(e.hi, unscale, C(1.0));
    d.lo = fused(e.lo, unscale, fused(e.hi, unscale, C(1.0) - d.hi));
    return d;
}

/* x / (1 + e^-z) where e is the scaled e^-|z|, z has the sign of x, and |x| is at most 2^7: 0.87. */
INLINE real gated(real x, pair e)
{
    e = rounded(e);
    pair n = pair_of(x < C(0.0) ? e.hi : EXP_SCALE, x < C(0.0) ? e.lo : C(0.0));
    pair s = quotient_pair(n, one_plus(e, EXP_UNSCALE));
    return with_sign_of(fused(x, s.hi, x * s.lo) * EXP_UNSCALE, x);
}

/* s (1 + v (1 - s)), the derivative of x s for s = 1 / (1 + e^-z) and v = x dz/dx: 1.53, and 0.4 ulp of a term
 * where the terms cancel. */
INLINE real gated_d(real x, pair e, pair v)
{
    e = rounded(e);
    pair p = quotient_pair(pair_of(C(1.0), C(0.0)), one_plus(e, EXP_UNSCALE)), q = product_of(e, p);
    real rest_hi = x < C(0.0) ? p.hi : q.hi * EXP_UNSCALE, rest_lo = x < C(0.0) ? p.lo : q.lo * EXP_UNSCALE;
    real s_hi = x < C(0.0) ? q.hi : p.hi * EXP_SCALE, s_lo = x < C(0.0) ? q.lo : p.lo * EXP_SCALE;
    real w = fused(v.hi, rest_hi, C(1.0)), low = fused(v.hi, rest_lo, v.lo * rest_hi);
    return fused(s_hi, w, fused(s_hi, low, s_lo * w)) * EXP_UNSCALE;
}

#define SILU_MOST K(109.0, 752.0) /* x e^x rounds to zero below minus this */
#define GATE_OPEN K(18.0, 38.0)   /* 1 / (1 + e^-x) rounds to 1 above this */

/* 0.87 */
INLINE real silu_f(real x)
{
    real b = bounded(x, SILU_MOST);
    real y = gated(b, exp_scaled(-magnitude(b), -SILU_MOST));
    return x > GATE_OPEN ? x : y;
}

/* 1.53 */
INLINE real silu_d(real x)
{
    real b = bounded(x, SILU_MOST);
    return gated_d(b, exp_scaled(-magnitude(b), -SILU_MOST), pair_of(b, C(0.0)));
}

/* -|a| */
INLINE pair minus_magnitude(pair a)
{
    return pair_of(-magnitude(a.hi), a.hi < C(0.0) ? a.lo : -a.lo);
}

INLINE pair gelu_quick_argument(real x)
{
    return multiple_of(pair_of(K(0x1.b3b646p0, 0x1.b3b645a1cac08p0), K(-0x1.78d4fep-26, 0x1.89374bc6a7efap-55)), x);
}

/* x / (1 + e^-z), where z has the sign of x and |x| is at most 2^7. */
INLINE real weighted(real x, pair z)
{
    logistic l = logistic_parts(minus_magnitude(z));
    real low = x < C(0.0) ? l.below : l.near * l.more, y = x * (x < C(0.0) ? l.power : EXP_SCALE);
    return fused(y, l.near, y * low) * EXP_UNSCALE;
}

/* 1.4 */
INLINE real gelu_quick_f(real x)
{
    real b = bounded(x, K(66.0, 444.0));
    real y = weighted(b, gelu_quick_argument(b));
    return x > GATE_OPEN ? x : y;
}

/* 1.4 */
INLINE real gelu_quick_d(real x)
{
    pair z = gelu_quick_argument(bounded(x, K(66.0, 444.0)));
    return gated_d(z.hi, exp_scaled_sum(minus_magnitude(z), K(-114.0, -757.0)), z);
}

/* sqrt(8/pi) and sqrt(8/pi) 0.044715 */
#define GELU_A pair_of(K(0x1.988454p0, 0x1.9884533d43651p0), K(-0x1.857936p-25, -0x1.cbc0d30ebfd15p-54))
#define GELU_B pair_of(K(0x1.2444f2p-4, 0x1.2444f2a4d8b4bp-4), K(0x1.49b16ap-29, -0x1.6c843a29d1c7p-61))
#define GELU_TANH_MOST K(11.0, 22.0)
#define GELU_TANH_LEAST K(-114.0, -796.0)

/* B x^2 */
INLINE pair gelu_tanh_square(real x)
{
    return product_of(GELU_B, product_exact(x, x));
}

/* x (A + share p) for x^2 B = p: z for a share of 1, x dz/dx for 3 */
INLINE pair gelu_tanh_argument(real x, pair p, real share)
{
    pair a = GELU_A, w;
    w.hi = fused(share, p.hi, a.hi);
    real z = w.hi - a.hi;
    w.lo = fused(share, p.hi, -z) + (a.hi - (w.hi - z)); /* as in sum_of */
    w.lo = fused(share, p.lo, w.lo + a.lo);
    return multiple_of(w, x);
}

/* 1.4 */
INLINE real gelu_tanh_f(real x)
{
    real b = bounded(x, GELU_TANH_MOST);
    real y = weighted(b, gelu_tanh_argument(b, gelu_tanh_square(b), C(1.0)));
    return x > GELU_TANH_MOST ? x : y;
}

/* 1.5 */
INLINE real gelu_tanh_d(real x)
{
    real b = bounded(x, GELU_TANH_MOST);
    pair p = gelu_tanh_square(b), z = gelu_tanh_argument(b, p, C(1.0));
    return gated_d(z.hi, exp_scaled_sum(minus_magnitude(z), GELU_TANH_LEAST), gelu_tanh_argument(b, p, C(3.0)));
}

/* beta x; with beta = 0 it is 0 at infinities too. */
INLINE pair swish_argument(real x, real beta)
{
    real y = beta == C(0.0) ? C(0.0) : x;
    return product_exact(beta, y);
}

/* 0.77. Where |x| is above 2^7, 2^120 x s could be infinite: there s has a scale of its own, 1 where it is
 * above e^-50 (e^-400) and 2^190 (2^1560) below, and x is made smaller to suit. */
INLINE real swish_f(real x, real beta)
{
    real a = bounded(x, K(0x1.fffffep127, 0x1.fffffffffffffp1023));
    pair z = swish_argument(x, beta), y = minus_magnitude(z);
    int wide = magnitude(x) > C(0x1p7), deep = y.hi < K(-50.0, -400.0);
    real shift = deep ? K(190.0, 1560.0) : C(0.0), before = deep ? K(0x1p-120, 0x1p-984) : C(1.0);
    real after = deep ? K(0x1p-70, 0x1p-576) : C(1.0), unscale = deep ? C(0.0) : C(1.0);
    pair e = rounded(exp_shifted(y, wide ? shift : K(120.0, 1000.0), wide ? K(-194.0, -1460.0) : K(-112.0, -760.0)));
    pair d = one_plus(e, wide ? unscale : EXP_UNSCALE), n;
    real open = wide ? C(1.0) : EXP_SCALE;
    n.hi = z.hi < C(0.0) ? e.hi : open;
    n.lo = z.hi < C(0.0) ? e.lo : C(0.0);
    pair s = quotient_pair(n, d);
    a = a * (wide ? before : C(1.0));
    real r = with_sign_of(fused(a, s.hi, a * s.lo) * (wide ? after : EXP_UNSCALE), x);
    r = z.hi > GATE_OPEN ? x : r;
    return beta == C(0.0) ? x * C(0.5) : r;
}

/* 1.4 */
INLINE real swish_d(real x, real beta)
{
    const real most = K(110.0, 756.0);
    pair z = swish_argument(x, beta);
    z = pair_of(bounded(z.hi, most), magnitude(z.hi) > most ? C(0.0) : z.lo);
    return nan_or(x, gated_d(z.hi, exp_scaled_sum(minus_magnitude(z), K(-111.0, -757.0)), z));
}

/* x^2 s (1 - s), the square of x e^(-|z|/2) / (1 + e^-|z|): 2.0 */
INLINE real swish_p0(real x, real beta)
{
    real a = magnitude(bounded(x, K(0x1.fffffep127, 0x1.fffffffffffffp1023)));
    pair z = minus_magnitude(swish_argument(x, beta)), d;
    pair h = rounded(exp_scaled_sum(pair_of(C(0.5) * z.hi, C(0.5) * z.lo), K(-150.0, -1100.0)));
    real hi = h.hi * EXP_UNSCALE, lo = h.lo * EXP_UNSCALE;
    d.hi = fused(hi, hi, C(1.0));
    d.lo = fused(C(2.0) * hi, lo, fused(hi, hi, C(1.0) - d.hi));
    pair g = quotient_pair(h, d);
    int wide = a > C(0x1p6);
    real before = wide ? a * K(0x1p-120, 0x1p-1000) : a, after = wide ? C(1.0) : EXP_UNSCALE;
    real t = fused(before, g.hi, before * g.lo) * after;
    return t * t;
}

/* ---- tanh, and what it leaves of x ------------------------------------------------------------ */

#define TANH_SMALL K(0x1p-13, 0x1p-27) /* below it x is its own tanh */

/* tanh(z) for z = -|x|, as a sum: relative error below 2^-25 (2^-54). */
INLINE pair tanh_pair(pair z)
{
    pair e = rounded(expm1_shifted(pair_of(C(2.0) * z.hi, C(2.0) * z.lo), C(0.0))), d;
    d.hi = C(2.0) + e.hi;
    d.lo = C(2.0) - d.hi + e.hi + e.lo;
    return quotient_pair(e, d);
}

/* 0.7. Where beta x is small the product alpha beta, exact as a sum, is multiplied by x. */
INLINE real scaled_tanh_f(real x, real alpha, real beta)
{
    real most = K(16.0, 32.0); /* tanh rounds to 1 */
    pair z = swish_argument(x, beta), product = product_exact(alpha, beta);
    pair y = minus_magnitude(z);
    y = pair_of(bounded(y.hi, most), magnitude(z.hi) > most ? C(0.0) : y.lo);
    pair t = tanh_pair(y);
    real factor = z.hi < C(0.0) ? alpha : -alpha;
    real near = multiple(product, product.hi == C(0.0) ? with_sign_of(C(0.0), x) : x);
    real far = fused(factor, t.hi, factor * t.lo);
    return magnitude(z.hi) < TANH_SMALL ? nan_or(x, near) : far;
}

/* 4 alpha beta e / (1 + e)^2 for e = e^(-2 |beta x|), scaled as elu_d is: 0.8 */
INLINE real scaled_tanh_d(real x, real alpha, real beta)
{
    pair z = minus_magnitude(swish_argument(x, beta)), product = product_exact(alpha, beta);
    pair e = rounded(exp_scaled_sum(pair_of(C(2.0) * z.hi, C(2.0) * z.lo), K(-151.0, -793.0)));
    pair p = quotient_pair(pair_of(C(1.0), C(0.0)), one_plus(e, EXP_UNSCALE));
    p = product_of(product_of(e, p), p);
    int large = magnitude(product.hi) > C(1.0);
    real hi = large ? product.hi * C(0x1p-64) : product.hi, lo = large ? product.lo * C(0x1p-64) : product.lo;
    real after = large ? EXP_UNSCALE * C(0x1p66) : EXP_UNSCALE * C(4.0);
    return nan_or(x, fused(hi, p.hi, fused(hi, p.lo, lo * p.hi)) * after);
}

/* (x - tanh(x)) / x^3 less 1/3 rounded, for |x| <= 3/4; with it x - tanh(x) has a relative error of 2^-26.8
 * (2^-56.6). */
INLINE real tanh_shrink_near(real x)
{
    real u = x * x;
#if CLACT_REAL_BITS == 64
    real q = C(-0x1.67bdbe915d78bp-21);
    q = fused(q, u, C(0x1.1272f4dad0843p-18));
    q = fused(q, u, C(-0x1.d5f78c21c7772p-17));
    q = fused(q, u, C(0x1.409bcadf52711p-15));
    q = fused(q, u, C(-0x1.94c8e57d352f4p-14));
    q = fused(q, u, C(0x1.f542dbc86583ap-13));
    q = fused(q, u, C(-0x1.35556e6c538dp-11));
    q = fused(q, u, C(0x1.7da3391f4cd5fp-10));
    q = fused(q, u, C(-0x1.d6d3cf2767642p-9));
    q = fused(q, u, C(0x1.226e35593102ep-7));
    q = fused(q, u, C(-0x1.664f4882b0d4bp-6));
    q = fused(q, u, C(0x1.ba1ba1ba1b8efp-5));
    q = fused(q, u, C(-0x1.1111111111111p-3));
#else
    real q = C(0x1.94b026p-11);
    q = fused(q, u, C(-0x1.a4fa0ap-9));
    q = fused(q, u, C(0x1.1ef9b4p-7));
    q = fused(q, u, C(-0x1.661532p-6));
    q = fused(q, u, C(0x1.ba1a24p-5));
    q = fused(q, u, C(-0x1.11111p-3));
#endif
    return fused(q, u, K(-0x1.555556p-27, 0x1.5555555555555p-56));
}

/* 1.2. Below 3/4 a polynomial times the cube, which is that of a larger x where it would be subnormal; else
 * a - 1 + 2e / (1 + e) for e = e^-2a, a = |x|. */
INLINE real tanh_shrink_f(real x)
{
    real a = magnitude(x);
    real scaled = a * (a < K(0x1p-10, 0x1p-100) ? K(0x1p30, 0x1p300) : C(1.0));
    pair cube = multiple_of(product_exact(scaled, scaled), scaled);
    const real third = K(0x1.555556p-2, 0x1.5555555555555p-2);
    real near = fused(third, cube.lo, cube.hi * tanh_shrink_near(a));
    near = fused(third, cube.hi, near) * (a < K(0x1p-10, 0x1p-100) ? K(0x1p-90, 0x1p-900) : C(1.0));
    pair e = rounded(exp_scaled(C(-2.0) * a, K(-100.0, -700.0))), m = sum_of(a, C(-1.0)), s;
    pair q = quotient_pair(e, one_plus(e, EXP_UNSCALE));
    const real twice = C(2.0) * EXP_UNSCALE;
    s.hi = fused(twice, q.hi, m.hi);
    real z = s.hi - m.hi;
    s.lo = fused(twice, q.hi, -z) + (m.hi - (s.hi - z)) + fused(twice, q.lo, m.lo);
    real y = a < C(0.75) ? near : s.hi + s.lo;
    y = a > K(0x1p25, 0x1p54) ? a : y;
    return with_sign_of(y, x);
}

/* 1.0 */
INLINE real tanh_shrink_d(real x)
{
    real a = magnitude(x);
    pair t = tanh_pair(pair_of(-a, C(0.0)));
    t = pair_of(a < TANH_SMALL ? a : t.hi, a < TANH_SMALL ? C(0.0) : t.lo);
    return fused(t.hi, t.hi, C(2.0) * t.hi * t.lo);
}

/* ---- The error function: erf, gelu ------------------------------------------------------------ */

/* erf(x) for |x| < 1/2 and 1 - erfc(|x|) above: 0.76 */
INLINE real erf_f(real x)
{
    real near = multiple(erf_near(x), x);
    real a = magnitude(bounded(x, K(4.5, 6.5)));
    pair e = rounded(exp_scaled_sum(product_exact(-a, a), K(-100.0, -700.0)));
    pair root = pair_of(K(0x1.6a09e6p0, 0x1.6a09e667f3bcdp0), K(0x1.9fcef4p-26, -0x1.bdd3413b26456p-54));
    pair w = normal_tail(multiple_rounded(root, a));
    real hi = e.hi * (C(-2.0) * EXP_UNSCALE), lo = e.lo * (C(-2.0) * EXP_UNSCALE);
    real y = fused(hi, w.hi, C(1.0));
    y = y + (fused(hi, w.hi, C(1.0) - y) + fused(hi, w.lo, lo * w.hi));
    return a < C(0.5) ? near : with_sign_of(y, x);
}

/* 0.8 */
INLINE real erf_d(real x)
{
    real a = bounded(x, K(10.5, 27.5));
    pair e = exp_scaled_sum(product_exact(-a, a), K(-112.0, -757.0)), c = TWO_OVER_ROOT_PI;
    return fused(c.hi, e.hi, fused(c.hi, e.lo, c.lo * e.hi)) * EXP_UNSCALE;
}

#define GELU_MOST K(14.625, 38.75) /* minus this times its tail, and the derivative there, round to zero */
#define GELU_OPEN K(6.0, 9.0)      /* above it the tail rounds to nothing of 1 */

/* The scaled e^(-a^2/2) */
INLINE pair gelu_power(real a)
{
    return rounded(exp_scaled_sum(product_exact(C(-0.5) * a, a), K(-110.0, -757.0)));
}

/* x h(|x|) for x < 0, x (1 - h(|x|)) above, with h(a) = erfc(a / sqrt(2)) / 2: 1.1 down to x = -6, 1.95 below
 * (f64: 1.6). */
INLINE real gelu_f(real x)
{
    real b = bounded(x, GELU_MOST), a = magnitude(b);
    pair e = gelu_power(a), w = normal_tail(pair_of(a, C(0.0))), c;
    real hi = x < C(0.0) ? e.hi : -e.hi, lo = x < C(0.0) ? e.lo : -e.lo, whole = x < C(0.0) ? C(0.0) : EXP_SCALE;
    c.hi = fused(hi, w.hi, whole);
    c.lo = fused(hi, w.hi, whole - c.hi) + fused(hi, w.lo, lo * w.hi);
    real y = with_sign_of(fused(b, c.hi, b * c.lo) * EXP_UNSCALE, x);
    return x > GELU_OPEN ? x : y;
}

/* h(a) - a e^(-a^2/2) / sqrt(2 pi) for x < 0, 1 less that above: 2.1 (f64: 2.9), and 0.6 ulp of a term where
 * they cancel. */
INLINE real gelu_d(real x)
{
    real a = magnitude(bounded(x, GELU_MOST));
    pair e = gelu_power(a), w = normal_tail(pair_of(a, C(0.0)));
    real u = fused(K(-0x1.988454p-2, -0x1.9884533d43651p-2), a, w.hi);
    real low = fused(K(0x1.857936p-27, 0x1.cbc0d30ebfd15p-56), a, w.lo);
    real y = fused(e.hi, u, fused(e.hi, low, e.lo * u));
    return x < C(0.0) ? y * EXP_UNSCALE : fused(-y, EXP_UNSCALE, C(1.0));
}

/* ---- xIELU ------------------------------------------------------------------------------------ */

/* e^min(x, eps) - 1 - w for x <= 0, as a sum whose lo is 0 where hi is infinite. With w = x it is x^2/2 near zero. */
INLINE pair xielu_below(real x, real eps, real w)
{
    pair e = expm1_shifted(pair_of(x < eps ? x : eps, C(0.0)), C(0.0)), s = sum_of(e.hi, -w);
    s.lo = magnitude(s.hi) < INFINITE ? s.lo + e.lo : C(0.0);
    return s;
}

/* slope x, 0 with a slope of 0, also where x is infinite. */
INLINE real line(real slope, real x) { return slope == C(0.0) ? C(0.0) : slope * x; }

/* 1.5 for x > 0, 1.1 below, and 0.3 ulp of a term where they cancel. Down to -1 it is alpha_n (e^x - 1 - x) + beta x;
 * below, alpha_n (e^x - 1) + (beta - alpha_n) x, which is finite wherever the sum is. */
INLINE real xielu_f(real x, real alpha_p, real alpha_n, real beta, real eps)
{
    real slope = alpha_p == C(0.0) ? beta : fused(alpha_p, x, beta);
    real positive = line(slope, x);
    pair d = sum_of(beta, -alpha_n), k;
    k.hi = x > C(-1.0) ? beta : d.hi;
    k.lo = x > C(-1.0) ? C(0.0) : d.lo;
    real part = k.hi == C(0.0) ? C(0.0) : x;
    pair h = xielu_below(x, eps, x > C(-1.0) ? x : C(0.0));
    real g = alpha_n * h.hi;
    real low = fused(k.lo, part, fused(alpha_n, h.lo, fused(alpha_n, h.hi, -g)));
    real below = fused(k.hi, part, g);
    below = magnitude(below) < INFINITE ? below + low : below;
    return nan_or(x, x > C(0.0) ? positive : below);
}

/* 1.4, and 0.3 ulp of a term where they cancel. */
INLINE real xielu_d(real x, real alpha_p, real alpha_n, real beta, real eps)
{
    real positive = alpha_p == C(0.0) ? beta : fused(C(2.0) * alpha_p, x, beta);
    pair e = expm1_shifted(pair_of(x, C(0.0)), C(0.0));
    real below = fused(alpha_n, e.lo, fused(alpha_n, e.hi, beta));
    below = x <= eps ? below : beta - alpha_n;
    return nan_or(x, x > C(0.0) ? positive : below);
}

/* d/d alpha_p = x^2 for x > 0: 0.5 */
INLINE real xielu_p0(real x, real alpha_p, real alpha_n, real beta, real eps)
{
    return x <= C(0.0) ? C(0.0) : x * x;
}

/* d/d alpha_n = e^min(x, eps) - 1 - x for x <= 0: 1.3 */
INLINE real xielu_p1(real x, real alpha_p, real alpha_n, real beta, real eps)
{
    pair h = xielu_below(x, eps, x);
    return nan_or(x, x > C(0.0) ? C(0.0) : h.hi + h.lo);
}

/* d/d beta */
INLINE real xielu_p2(real x, real alpha_p, real alpha_n, real beta, real eps) { return x; }

/* d/d eps = alpha_n e^eps for eps < x <= 0: 1.3 */
INLINE real xielu_p3(real x, real alpha_p, real alpha_n, real beta, real eps)
{
    real inside = x > eps ? alpha_n * exp_of(pair_of(eps, C(0.0))) : C(0.0);
    return nan_or(x, x > C(0.0) ? C(0.0) : inside);
}

#endif
