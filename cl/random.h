/* random.h: the rows that take noise, which is their last argument and uniform in [0, 1). */
#ifndef CLACT_RANDOM_H
#define CLACT_RANDOM_H

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
    y = magnitude(x) < INFINITE ? y : plain;
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
    return magnitude(x) < INFINITE ? with_sign_of(y, x) : x;
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
