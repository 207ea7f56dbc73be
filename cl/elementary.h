/* elementary.h: exponential, logistic and hyperbolic functions from + - * fma and bit moves alone.
 *
 * Every function states its error bound. Coefficients were fitted with Sollya (fpminimax) by
 * tools/fit.sollya, which prints them and their errors. No product feeds a sum outside fused(), so
 * that nothing is left to contract; no function divides. */
#ifndef CLACT_ELEMENTARY_H
#define CLACT_ELEMENTARY_H

#define INFINITE to_real(INFINITY_BITS)
#define UNDEFINED to_real(NAN_BITS)

/* min(|x|, most) with the sign of x; a NaN stays. */
INLINE real bounded(real x, real most)
{
    real a = magnitude(x);
    return with_sign_of(a > most ? most : a, x);
}

/* An unevaluated sum: hi is near the value, lo what hi lacks. */
typedef struct { real hi, lo; } pair;

/* The same sum with hi its rounded value; |a.hi| >= |a.lo|. */
INLINE pair rounded(pair a)
{
    pair s;
    s.hi = a.hi + a.lo;
    s.lo = a.hi - s.hi + a.lo;
    return s;
}

/* a + b as its rounded value and what that lacks (Knuth's TwoSum). */
INLINE pair sum_of(real a, real b)
{
    pair s;
    s.hi = a + b;
    real z = s.hi - a;
    s.lo = a - (s.hi - z) + (b - z);
    return s;
}

/* a b exactly, where neither part is subnormal or infinite. */
INLINE pair product_exact(real a, real b)
{
    pair p;
    p.hi = a * b;
    p.lo = fused(a, b, -p.hi);
    return p;
}

/* The product of two sums: relative error below 2^-46 (2^-104). */
INLINE pair product_of(pair a, pair b)
{
    pair p;
    p.hi = a.hi * b.hi;
    p.lo = fused(a.hi, b.lo, fused(a.lo, b.hi, fused(a.hi, b.hi, -p.hi)));
    return p;
}

/* The product of a constant, or parameter, and x. Where it is infinite, lo is not meaningful. */
INLINE pair multiple_of(pair c, real x)
{
    pair p;
    p.hi = c.hi * x;
    p.lo = fused(c.lo, x, fused(c.hi, x, -p.hi));
    return p;
}

INLINE pair pair_of(real hi, real lo)
{
    pair p;
    p.hi = hi;
    p.lo = lo;
    return p;
}

/* q(r) with e^r = 1 + r + r^2 q(r) for |r| <= 0.347; the error of e^r is 3e-10 (f32), 2.4e-19 (f64). */
INLINE real exp_tail(real r)
{
#if CLACT_REAL_BITS == 64
    real q = C(0x1.1f8718ba6a157p-29);
    q = fused(q, r, C(0x1.af4f2d00b4858p-26));
    q = fused(q, r, C(0x1.27e4cf9b08b13p-22));
    q = fused(q, r, C(0x1.71de0181a768ep-19));
    q = fused(q, r, C(0x1.a01a01ab9eda6p-16));
    q = fused(q, r, C(0x1.a01a01ac299dcp-13));
    q = fused(q, r, C(0x1.6c16c16c1569bp-10));
    q = fused(q, r, C(0x1.1111111110042p-7));
    q = fused(q, r, C(0x1.5555555555557p-5));
    q = fused(q, r, C(0x1.5555555555557p-3));
#else
    real q = C(0x1.a2d944p-13);
    q = fused(q, r, C(0x1.6d3096p-10));
    q = fused(q, r, C(0x1.110fc2p-7));
    q = fused(q, r, C(0x1.5555p-5));
    q = fused(q, r, C(0x1.555556p-3));
#endif
    return fused(q, r, C(0x1p-1));
}

/* 1/d for 1 <= d <= 2, to 2^-18 (f32) or 2^-36 (f64): enough for a quotient that is then corrected
 * by its remainder. A cubic and one or two Newton steps; no device's division has a say in it. */
INLINE real reciprocal_near(real d)
{
    real r = C(-0x1.c65256p-3);
    r = fused(r, d, C(0x1.54bdcap0));
    r = fused(r, d, C(-0x1.783c44p1));
    r = fused(r, d, C(0x1.6a09bap1));
    r = fused(fused(-d, r, C(1.0)), r, r);
#if CLACT_REAL_BITS == 64
    r = fused(fused(-d, r, C(1.0)), r, r);
#endif
    return r;
}

/* 2^n for whole n, |n| <= 126 (1022). */
INLINE real power_of_two(real n)
{
    return to_real((to_bits(n + K(0x1.8p23, 0x1.8p52)) + (bits)EXPONENT_BIAS) << MANTISSA_BITS);
}

/* The parts of e^x for x <= 0: r with |r| <= 0.347 and 2^(n + shift), where x = n ln 2 + r. The
 * leading product is exact: n times the first 24 (53) bits of ln 2, taken from x in one rounding,
 * leaves high, a number that the type holds. magic carries shift, so that one shift makes the power. */
#define LN2_HIGH K(0x1.62e43p-1, 0x1.62e42fefa39efp-1)
#define LN2_LOW K(-0x1.05c61p-29, 0x1.abc9e3b39803fp-56)
typedef struct { real r, power, n, high; } reduced;

INLINE reduced reduce(real x, real shift)
{
    const real magic = K(0x1.8p23, 0x1.8p52) + shift;
    reduced out;
#ifdef CLACT_ROUNDS_TO_ZERO
    real n = nearest(x * K(0x1.715476p0, 0x1.71547652b82fep0));
    real biased = n + magic;
#else
    real biased = fused(x, K(0x1.715476p0, 0x1.71547652b82fep0), magic);
    real n = biased - magic;
#endif
    out.n = n;
    out.high = fused(n, -LN2_HIGH, x);
    out.r = fused(n, -LN2_LOW, out.high);
    out.power = to_real((to_bits(biased) << MANTISSA_BITS) + ((bits)EXPONENT_BIAS << MANTISSA_BITS));
    return out;
}

/* e^x 2^120 (f64: 2^1000) for x <= 0, as a sum: relative error below 2^-25.5 (2^-54.5). The scale keeps
 * every digit of what is subnormal at its true size. Below least, -149 (-791) or above, it is zero: the
 * caller says where its result rounds to zero, and no time is spent on underflow there. */
#define EXP_SCALE K(0x1p120, 0x1p1000)
#define EXP_UNSCALE K(0x1p-120, 0x1p-1000)
#define EXP_LEAST K(-104.0, -746.0) /* below it e^x rounds to zero */

INLINE pair exp_scaled(real x, real least)
{
    reduced a = reduce(x < least ? least : x, CLACT_REAL_BITS == 64 ? 1000 : 120);
    real power = x < least ? C(0.0) : a.power;
    pair e;
    e.hi = fused(power, a.r, power);
    e.lo = fused(power, a.r, power - e.hi);
    e.lo = fused(power, a.r * a.r * exp_tail(a.r), e.lo);
    return e;
}

/* e^(x.hi + x.lo) 2^shift, as a sum, |x.lo| at most an ulp of x.hi: relative error below 2^-26.5 (2^-55.5).
 * What the reduced argument loses when it is rounded is carried along. Where x.hi is below least it is
 * zero, whatever x.lo; elsewhere 2^shift and the power of two in the result are normal numbers. */
INLINE pair exp_shifted(pair x, real shift, real least)
{
    reduced a = reduce(x.hi < least ? least : x.hi, shift);
    real power = x.hi < least ? C(0.0) : a.power;
    real low = fused(a.n, -LN2_LOW, x.hi < least ? C(0.0) : x.lo);
    real r = a.high + low, rest = a.high - r + low;
    pair e;
    e.hi = fused(power, r, power);
    e.lo = fused(power, r, power - e.hi);
    e.lo = fused(power, fused(r * r, exp_tail(r), fused(rest, r, rest)), e.lo);
    return e;
}

/* exp_scaled of x.hi + x.lo, as exact as exp_shifted. */
INLINE pair exp_scaled_sum(pair x, real least) { return exp_shifted(x, K(120.0, 1000.0), least); }

/* e^x - 1 for x <= 0, as a sum: relative error below 2^-25 (2^-54). At and below -20 (-40) it is -1. */
INLINE pair expm1_pair(real x)
{
    const real least = K(-20.0, -40.0);
    reduced a = reduce(x < least ? least : x, 0);
    real m = a.power - C(1.0);
    real rest = a.power - (m + C(1.0)); /* what of a power below 2^-24 (2^-53) m has not */
    pair e;
    e.hi = fused(a.power, a.r, m);
    e.lo = fused(a.power, a.r, m - e.hi);
    e.lo = fused(a.power, a.r * a.r * exp_tail(a.r), e.lo + rest);
    return e;
}

/* 1 / (d.hi + d.lo) = near + near more for 1 <= d <= 2, |more| < 2^-9: relative error below 2^-28 (2^-57). */
typedef struct { real near, more; } inverse_parts;

INLINE inverse_parts inverse_of(pair d)
{
    real r = C(-0x1.c65256p-3);
    r = fused(r, d.hi, C(0x1.54bdcap0));
    r = fused(r, d.hi, C(-0x1.783c44p1));
    r = fused(r, d.hi, C(0x1.6a09bap1));
#if CLACT_REAL_BITS == 64
    r = fused(fused(-d.hi, r, C(1.0)), r, r);
#endif
    real e = fused(-d.lo, r, fused(-d.hi, r, C(1.0)));
    inverse_parts i;
    i.near = r;
    i.more = fused(e, e, e);
    return i;
}

/* e^x 2^shift = power (1 + r + tail) for x <= 0: relative error below 2^-27. */
typedef struct { real power, r, tail; } exp_parts;

INLINE exp_parts exp_parts_of(pair x, real shift)
{
    reduced a = reduce(x.hi, shift);
    real low = fused(a.n, -LN2_LOW, x.lo);
    exp_parts e;
    e.power = a.power;
    e.r = a.high + low;
    real rest = a.high - e.r + low, r2 = e.r * e.r;
    e.tail = fused(r2, exp_tail(e.r), rest);
    return e;
}

/* What is made of e^z, z <= 0: 1 / (1 + e^z) is near + near more, and e^z / (1 + e^z) is near + below, times power,
 * which is 2^120 (f64: 2^1000) times too large. */
typedef struct { real near, more, below, power; } logistic;

INLINE logistic logistic_parts(pair z)
{
    exp_parts e = exp_parts_of(z, K(120.0, 1000.0));
    real p = e.r + e.tail, whole = fused(e.power, p, e.power);
    pair d;
    d.hi = fused(whole, EXP_UNSCALE, C(1.0));
    d.lo = fused(whole, EXP_UNSCALE, C(1.0) - d.hi);
    inverse_parts i = inverse_of(d);
    real low = i.near * i.more;
    logistic l;
    l.near = i.near;
    l.more = i.more;
    l.below = fused(i.near, e.r, fused(i.near, e.tail, fused(low, p, low)));
    l.power = e.power;
    return l;
}

/* The quotient (n.hi + n.lo) / (d.hi + d.lo) for 1 <= d <= 2, where d.lo is at most half an ulp of
 * d.hi: 0.51 ulp and the operands' own errors. */
INLINE real quotient(pair n, pair d)
{
    real r = reciprocal_near(d.hi);
    real q = n.hi * r;
    real rest = fused(-q, d.hi, n.hi) + n.lo;
    rest = fused(-q, d.lo, rest);
    return fused(rest, r, q);
}

/* 1/d for a normal d > 0 whose inverse is normal, to 2^-23.6 (f32) or 2^-52.9 (f64). The negated bits are
 * within 5.1% of it; a step cubes the error, or squares it. */
INLINE real reciprocal_close(real d)
{
#if CLACT_REAL_BITS == 64
    real r = to_real(0x7fde623800000000u - to_bits(d));
#else
    real r = to_real(0x7ef311c0u - to_bits(d));
#endif
    real e = fused(-d, r, C(1.0));
    r = fused(fused(e, e, e), r, r);
    e = fused(-d, r, C(1.0));
#if CLACT_REAL_BITS == 64
    r = fused(fused(e, e, e), r, r);
    e = fused(-d, r, C(1.0));
#endif
    return fused(e, r, r);
}

/* The quotient (n.hi + n.lo) / (d.hi + d.lo) for such a d, as a sum: relative error below 2^-45 (2^-103). */
INLINE pair quotient_pair(pair n, pair d)
{
    real r = reciprocal_close(d.hi);
    pair q;
    q.hi = n.hi * r;
    real rest = fused(-q.hi, d.hi, n.hi) + n.lo;
    q.lo = fused(-q.hi, d.lo, rest) * r;
    return q;
}

/* The same with a hi that may go into a sum: it is no product. */
INLINE pair quotient_sum(pair n, pair d)
{
    real r = reciprocal_close(d.hi), first = n.hi * r;
    pair q;
    q.hi = fused(fused(-first, d.hi, n.hi), r, first);
    q.lo = fused(-q.hi, d.lo, fused(-q.hi, d.hi, n.hi) + n.lo) * r;
    return q;
}

/* And rounded: 0.501 ulp. */
INLINE real quotient_of(pair n, pair d)
{
    real r = reciprocal_close(d.hi);
    real q = n.hi * r;
    real rest = fused(-q, d.hi, n.hi) + n.lo;
    return fused(fused(-q, d.lo, rest), r, q);
}

/* e / (1 + e 2^-120) (f64: 2^-1000) for 0 <= e <= 2^120, e.hi rounded: 0.6 ulp and e's own error; +0.0 for 0,
 * also where fma gets the sign of zero wrong. */
INLINE real logistic_of(pair e)
{
    pair d;
    d.hi = fused(e.hi, EXP_UNSCALE, C(1.0));
    d.lo = fused(e.hi, EXP_UNSCALE, C(1.0) - d.hi);
    d.lo = fused(e.lo, EXP_UNSCALE, d.lo);
    return magnitude(quotient(e, d));
}

/* 2^120 (f64: 2^1000) / (1 + e^-x) for x <= 0: 0.8 ulp; +0.0 below least. */
INLINE real logistic_scaled(real x, real least) { return logistic_of(rounded(exp_scaled(x, least))); }

/* e^x for x <= 0: 0.9 ulp; a subnormal result is rounded once more. */
INLINE real exp_of_negative(real x)
{
    pair e = exp_scaled(x, EXP_LEAST);
    return (e.hi + e.lo) * EXP_UNSCALE;
}

/* e^(x.hi + x.lo) for either sign: 0.8 ulp; a subnormal result is rounded once more. */
INLINE real exp_of(pair x)
{
    const real most = K(89.0, 710.0); /* e^most is infinite */
    pair y = pair_of(x.hi > most ? most : x.hi, x.hi > most ? C(0.0) : x.lo);
    pair e = exp_shifted(y, x.hi > C(0.0) ? C(-1.0) : K(120.0, 1000.0), K(-105.0, -747.0));
    return (e.hi + e.lo) * (x.hi > C(0.0) ? C(2.0) : EXP_UNSCALE);
}

/* (e^(x.hi + x.lo) - 1) 2^shift for either sign, as a sum: relative error below 2^-25.4 (2^-54.3). Below -20
 * (-40) it is -2^shift. 2^shift and, for x > 0, e^x 2^shift are normal numbers. */
INLINE pair expm1_shifted(pair x, real shift)
{
    const real least = K(-20.0, -40.0);
    reduced a = reduce(x.hi < least ? least : x.hi, shift);
    real one = power_of_two(shift), power = x.hi < least ? C(0.0) : a.power;
    real low = fused(a.n, -LN2_LOW, x.hi < least ? C(0.0) : x.lo);
    real r = a.high + low, rest = a.high - r + low;
    pair m = sum_of(power, -one), e;
    e.hi = fused(power, r, m.hi);
    e.lo = fused(power, r, m.hi - e.hi) + m.lo;
    e.lo = fused(power, fused(r * r, exp_tail(r), fused(rest, r, rest)), e.lo);
    return e;
}

#endif
