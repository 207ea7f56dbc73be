/* logarithmic.h: the rows that logarithms, roots and powers make. */
#ifndef CLACT_LOGARITHMIC_H
#define CLACT_LOGARITHMIC_H

/* y for 0 < x < inf, the limits at the ends, NaN below zero. */
INLINE real where_positive(real x, real y, real at_zero, real at_infinity)
{
    real z = magnitude(x) < INFINITE ? y : at_infinity;
    z = x == C(0.0) ? at_zero : z;
    z = x < C(0.0) ? UNDEFINED : z;
    return nan_or(x, z);
}

/* ---- Reciprocal, square --------------------------------------------------------------------- */

/* 1 / (x 2^n), n whole: correctly rounded, where the result is subnormal too. */
INLINE real reciprocal_of(real x, real n)
{
    parts s = split(x);
    real y = times_power_once(reciprocal_pair(s.m), -s.n - n);
    y = magnitude(x) < INFINITE ? y : C(0.0);
    y = x == C(0.0) ? INFINITE : y;
    return nan_or(x, with_sign_of(y, x));
}

INLINE real reciprocal_f(real x) { return reciprocal_of(x, C(0.0)); }

/* -1/x^2: 0.5 ulp. */
INLINE real reciprocal_d(real x)
{
    parts s = split(x);
    pair r = reciprocal_pair(s.m);
    real y = times_power_once(product_rounded(r, r), -(s.n + s.n));
    y = magnitude(x) < INFINITE ? y : C(0.0);
    y = x == C(0.0) ? INFINITE : y;
    return nan_or(x, -y);
}

INLINE real square_f(real x) { return x * x; }
INLINE real square_d(real x) { return x + x; }

/* ---- Roots ---------------------------------------------------------------------------------- */

/* Correctly rounded. */
INLINE real root_by_fma(real x)
{
    square_parts s = split_square(x);
    return where_positive(x, root_pair(s.m, C(0.0), C(0.0)).hi * s.scale, x, INFINITE);
}

INLINE real sqrt_f(real x) { return square_root(x); }

/* 1 / (2 sqrt(x)): correctly rounded. */
INLINE real sqrt_d(real x)
{
    square_parts s = split_square(x);
    real y = rsqrt_pair(s.m).hi * (C(0.5) * inverse_power(s.scale));
    return where_positive(x, y, INFINITE, C(0.0));
}

/* 1 / (2 y): correctly rounded at y. */
INLINE real sqrt_y(real y) { return reciprocal_of(magnitude(y), C(1.0)); }

/* sqrt(y) below 1: correctly rounded at y. */
INLINE real sparse_plus_y(real y)
{
    real d = y < C(1.0) ? sqrt_f(y) : C(1.0);
    return nan_or(y, y > C(0.0) ? d : C(0.0));
}

/* Correctly rounded. */
INLINE real rsqrt_f(real x)
{
    square_parts s = split_square(x);
    return where_positive(x, rsqrt_pair(s.m).hi * inverse_power(s.scale), INFINITE, C(0.0));
}

/* -1 / (2 sqrt(x)^3): 0.5 ulp; a subnormal result is rounded once more. */
INLINE real rsqrt_d(real x)
{
    square_parts s = split_square(x);
    pair r = rsqrt_pair(s.m);
    real inverse = inverse_power(s.scale);
    real y = product_rounded(r, product_rounded(r, r)).hi * (C(0.5) * inverse) * inverse * inverse;
    return -where_positive(x, y, INFINITE, C(0.0));
}

/* ---- Logarithms ----------------------------------------------------------------------------- */

/* 0.5 ulp. */
INLINE real log_f(real x)
{
    pair l = product_rounded(log2_pair(x), pair_of(LN2_HIGH, LN2_LOW));
    return where_positive(x, l.hi, -INFINITE, INFINITE);
}

INLINE real log_d(real x) { return where_positive(x, reciprocal_f(x), INFINITE, C(0.0)); }

/* -|beta x|, exactly, for exp: a half ulp of 87 is 44 ulp of e^-87. */
INLINE pair negative_product(real beta, real x)
{
    real a = magnitude(beta), b = magnitude(x);
    pair p;
    p.hi = -(a * b);
    p.lo = -fused(a, b, p.hi);
    return p;
}

/* As far down as the scale reaches: e^-|beta x| / |beta| is zero below it for |beta| >= 2^-95 (f64: 2^-944). */
#define SOFTPLUS_LEAST K(-170.0, -1400.0)

/* With u = x or -x, as beta has it: max(u, 0) + log(1 + e^-|beta u|) / |beta|, whose terms are positive. e = e^-|beta u|
 * is scaled; where it is 1/2 or more, log(1 + e) is ln 2 + log(1 + (e - 1) / 2). 1.4 ulp (f64: 1.5). */
INLINE real softplus_f(real x, real beta)
{
    real u = beta < C(0.0) ? -x : x;
    pair z = negative_product(beta, x);
    const real least = SOFTPLUS_LEAST;
    exp_parts e = exp_parts_of(pair_of(z.hi < least ? least : z.hi, z.hi < least ? C(0.0) : z.lo), K(120.0, 1000.0));
    real power = z.hi < least ? C(0.0) : e.power, p = e.r + e.tail;
    real whole = fused(power, p, power), low = fused(power, p, power - whole);
    int upper = whole >= C(0.5) * EXP_SCALE;
    real part = upper ? C(0.5) : C(1.0);
    real f = fused(part, whole, upper ? C(-0.5) * EXP_SCALE : C(0.0)), t = f * EXP_UNSCALE;
    low = fused(f, t * log1p_near(t), part * low) + (upper ? f : C(0.0));
    real high = upper ? LN2_HIGH * EXP_SCALE : f;
    parts b = split(beta);
    pair inverse = reciprocal_pair(b.m);
    real l = fused(high, inverse.hi, fused(low, inverse.hi, high * inverse.lo));
    real n = K(-120.0, -1000.0) - b.n, n1 = bounded(n, K(100.0, 1000.0));
    real y = magnitude(fused(l * power_of_two(n1), power_of_two(n - n1), u > C(0.0) ? u : C(0.0)));
    return beta < C(0.0) ? -y : y;
}

/* 1 / (1 + e^(-beta x)): 0.77 ulp. */
INLINE real softplus_d(real x, real beta)
{
    real u = beta < C(0.0) ? -x : x;
    real s = logistic_of(rounded(exp_scaled_sum(negative_product(beta, x), EXP_LEAST)));
    real upper = fused(-s, EXP_UNSCALE, C(1.0));
    return u < C(0.0) ? s * EXP_UNSCALE : upper;
}

/* 1 - e^(-beta y): 0.88 ulp at y. */
INLINE real softplus_y(real y, real beta)
{
    pair t = negative_product(beta, y), e = expm1_pair(t.hi);
    real more = t.hi < K(-20.0, -40.0) ? C(0.0) : t.lo;
    return magnitude(e.hi + (fused(more, e.hi, more) + e.lo));
}

/* min(x, 0) - log(1 + e^-|x|). */
INLINE real log_sigmoid_f(real x) { return softplus_f(x, C(-1.0)); }
INLINE real log_sigmoid_d(real x) { return softplus_d(x, C(-1.0)); }
INLINE real log_sigmoid_y(real y) { return softplus_y(y, C(-1.0)); }

/* ---- Mish ----------------------------------------------------------------------------------- */

/* With e = e^-|x|, tanh(log(1 + e^x)) is a / d for x > 0, where a = 1 + 2 e and d = a + 2 e^2, else e a / d, where
 * a = 2 + e and d = e a + 2. The e, or 1, before the quotient is power (1 + p) times back; that of scaled is 2^120
 * (f64: 2^1000) times as large as e. */
typedef struct { real scaled, e, power, p, back; pair a, d; } mish_parts;

INLINE mish_parts mish_of(real x)
{
    const real most = K(110.0, 755.0); /* x e^x is zero beyond */
    real m = magnitude(x);
    exp_parts e = exp_parts_of(pair_of(m > most ? -most : -m, C(0.0)), K(120.0, 1000.0));
    real p = e.r + e.tail, c0 = x > C(0.0) ? C(1.0) : C(2.0), c2 = x > C(0.0) ? C(2.0) : C(1.0);
    mish_parts s;
    s.scaled = fused(e.power, p, e.power);
    s.e = s.scaled * EXP_UNSCALE;
    real above = x > C(1.0) ? C(1.0) : EXP_SCALE; /* below 1 the small part of a product could be subnormal */
    s.power = x > C(0.0) ? above : e.power;
    s.p = x > C(0.0) ? C(0.0) : p;
    s.back = x > C(1.0) ? C(1.0) : EXP_UNSCALE;
    s.a.hi = fused(c2, s.e, c0);
    s.a.lo = fused(c2, s.e, c0 - s.a.hi);
    real t = fused(c2, s.e, C(2.0));
    s.d.hi = fused(s.e, t, c0);
    s.d.lo = fused(s.e, t, c0 - s.d.hi);
    s.d.lo = fused(s.e, fused(c2, s.e, C(2.0) - t), s.d.lo);
    return s;
}

/* 1.5 */
INLINE real mish_f(real x)
{
    mish_parts s = mish_of(x);
    pair q = quotient_pair(s.a, s.d);
    real b = (x > C(0.0) ? x : bounded(x, K(110.0, 755.0))) * s.power;
    real y = fused(b, q.hi, b * fused(q.hi, s.p, fused(q.lo, s.p, q.lo))) * s.back;
    return x < INFINITE ? with_sign_of(y, x) : x;
}

/* a / d + 4 x (1 + e) / d^2, the second times e^2 for x > 0, and all times the e before the quotient: 1.2 */
INLINE real mish_d(real x)
{
    mish_parts s = mish_of(x);
    real r = reciprocal_close(s.d.hi), r_lo = r * fused(-s.d.lo, r, fused(-s.d.hi, r, C(1.0)));
    real square = x > C(0.0) ? s.e * s.e : C(1.0);
    pair k, q, t, h;
    k.hi = fused(s.scaled, EXP_UNSCALE, C(1.0));
    k.lo = fused(s.scaled, EXP_UNSCALE, C(1.0) - k.hi);
    q = product_rounded(s.a, pair_of(r, r_lo));
    t = product_of(product_of(k, pair_of(r, r_lo)), pair_of(r, r_lo));
    h = multiple_rounded(t, C(4.0) * bounded(x, K(110.0, 755.0)) * square);
    pair sum = sum_of(q.hi, h.hi);
    real low = sum.lo + (q.lo + h.lo);
    return fused(s.power, sum.hi, s.power * fused(sum.hi, s.p, fused(low, s.p, low))) * s.back;
}

/* ---- Squareplus ----------------------------------------------------------------------------- */

/* a^2 + b = (m + lo power) unit^2, unit a power of two, 1 <= m < 4; and a = part * share * unit, for a >= 0. */
typedef struct { real m, lo, power, part, share, unit; } hypotenuse;

INLINE hypotenuse hypotenuse_of(real a, real b)
{
    real c = split_square(b).scale, own = to_real(to_bits(a) & INFINITY_BITS);
    c = own > c ? own : c;
    c = c > K(0x1p126, 0x1p1022) ? K(0x1p126, 0x1p1022) : c;
    real inverse = inverse_power(c), u = a * inverse, v = b * inverse;
    real sum = fused(u, u, v * inverse);
    /* What it lacks, to an ulp of the smaller of the two. */
    real small_u = fused(u, u, fused(v, inverse, -sum)), small_v = fused(v, inverse, fused(u, u, -sum));
    square_parts s = split_square(sum);
    hypotenuse h;
    h.m = s.m;
    h.lo = u * u < v * inverse ? small_u : small_v;
    h.part = u;
    h.share = inverse_power(s.scale);
    h.power = h.share * h.share;
    h.unit = c * s.scale;
    return h;
}

/* The root of a^2 + b, and that and a, in h.unit. */
INLINE pair hypotenuse_root(hypotenuse h) { return root_pair(h.m, h.lo, h.power); }

INLINE pair root_and_part(hypotenuse h, pair root)
{
    pair s;
    s.hi = fused(h.part, h.share, root.hi);
    s.lo = fused(h.part, h.share, root.hi - s.hi) + root.lo;
    return rounded(s);
}

/* With r = sqrt(x^2 + b): (r + |x|) / 2 for x > 0, else b / (2 (r + |x|)): 0.6 ulp; a subnormal
 * result is rounded once more. */
INLINE real squareplus_f(real x, real b)
{
    hypotenuse h = hypotenuse_of(magnitude(x), b);
    parts s = split(b);
    pair sum = root_and_part(h, hypotenuse_root(h)), n = {s.m, C(0.0)};
    real below = quotient_of(n, sum);
    below = times_power(below, s.n - C(1.0) - split(h.unit).n);
    below = magnitude(x) < INFINITE ? below : C(0.0);
    below = b == C(0.0) ? C(0.0) : below;
    real above = sum.hi * (C(0.5) * h.unit);
    above = x < INFINITE ? above : x;
    above = b == C(0.0) ? x : above;
    return nan_or(x, x > C(0.0) ? above : below);
}

/* (r + |x|) / (2 r) for x > 0, else b / (2 r (r + |x|)): 0.82 ulp. */
INLINE real squareplus_d(real x, real b)
{
    hypotenuse h = hypotenuse_of(magnitude(x), b);
    parts s = split(b);
    pair root = hypotenuse_root(h), sum = root_and_part(h, root), both = product_rounded(root, sum), n, d;
    real unit = split(h.unit).n, power = s.n - C(1.0) - (unit + unit);
    n.hi = x > C(0.0) ? sum.hi : s.m;
    n.lo = x > C(0.0) ? sum.lo : C(0.0);
    d.hi = x > C(0.0) ? root.hi : both.hi;
    d.lo = x > C(0.0) ? root.lo : both.lo;
    real y = times_power(quotient_of(n, d), x > C(0.0) ? C(-1.0) : power);
    real end = x > C(0.0) ? C(1.0) : C(0.0);
    y = magnitude(x) < INFINITE ? y : end;
    end = x == C(0.0) ? C(0.5) : end;
    return nan_or(x, b == C(0.0) ? end : y);
}

/* y^2 / (y^2 + b/4): 0.75 ulp at y, for b > 0. */
INLINE real squareplus_y(real y, real b)
{
    hypotenuse h = hypotenuse_of(y, C(0.25) * b);
    parts s = split(y);
    pair m = {s.m, C(0.0)}, d = {h.m, h.lo * h.power};
    real unit = split(h.unit).n;
    real z = quotient_of(product_rounded(m, m), d);
    z = times_power(z, s.n - unit + (s.n - unit));
    z = y > C(0.0) ? z : C(0.0);
    return nan_or(y, y < INFINITE ? z : C(1.0));
}

/* ---- Powers --------------------------------------------------------------------------------- */

/* 0 for an even number, 1 for an odd one, 1/2 for one that is not whole. */
INLINE real parity(real x)
{
    const real all_whole = K(0x1p23, 0x1p52), all_even = K(0x1p24, 0x1p53); /* from there on */
    real a = magnitude(x);
    real p = a + all_even - all_even == a ? C(0.0) : C(1.0);
    p = a < all_even ? p : C(0.0);
    real fraction = a + all_whole - all_whole == a ? p : C(0.5);
    return a < all_whole ? fraction : p;
}

/* scale |x|^(e.hi + e.lo) with the sign that the parity of the exponent gives it: IEEE's pow, but that a NaN
 * stays one. */
INLINE real power_of(real x, pair e, real exponent_parity, real scale)
{
    parts m = split(scale);
    scaled_pair r = exp2_pair(product_rounded(log2_pair(magnitude(x)), e));
    real y = times_power(multiple_rounded(r.v, m.m).hi, r.n + m.n);
    real at_zero = e.hi > C(0.0) ? C(0.0) : INFINITE, at_infinity = e.hi > C(0.0) ? INFINITE : C(0.0);
    y = magnitude(x) < INFINITE ? y : at_infinity;
    y = x == C(0.0) ? at_zero : y;
    real negative = exponent_parity == C(0.5) ? UNDEFINED : y;
    negative = x < -to_real(INFINITY_BITS - 1) ? y : negative;
    y = x < C(0.0) ? negative : y;
    y = exponent_parity == C(1.0) ? with_sign_of(y, x) : y;
    y = e.hi == C(0.0) ? scale : y;
    return nan_or(x, y);
}

/* 0.7 ulp; a subnormal result is rounded once more. */
INLINE real pow_f(real x, real exponent)
{
    pair e = {exponent, C(0.0)};
    return power_of(x, e, parity(exponent), C(1.0));
}

/* exponent x^(exponent - 1): 0.7 ulp; a subnormal result is rounded once more. An exponent of 0 goes as |0| x^0. */
INLINE real pow_d(real x, real exponent)
{
    pair e = sum_of(exponent, C(-1.0));
    e.hi = exponent == C(0.0) ? C(0.0) : e.hi;
    real y = power_of(x, e, C(1.0) - parity(exponent), magnitude(exponent));
    return to_real(to_bits(y) ^ (to_bits(exponent) & SIGN_BIT));
}

#endif
