/* logarithm.h: quotients, roots, logarithms and powers as sums of two, from + - * fma and bit moves.
 *
 * A pair's hi is the value rounded, or within an ulp of that; lo is what hi lacks. A row adds them in
 * its last step, so that one rounding is nearly all of its error. Operands are scaled by powers of two
 * to where nothing is subnormal; the result is scaled back in the last step. Coefficients are printed
 * by tools/fit.sollya. */
#ifndef CLACT_LOGARITHM_H
#define CLACT_LOGARITHM_H

#define LEAST_NORMAL K(0x1p-126, 0x1p-1022)

/* ---- Sums and products ---------------------------------------------------------------------- */

/* a b with hi rounded, for a.lo and b.lo of a few ulp: relative error below 2^-45 (2^-103). */
INLINE pair product_rounded(pair a, pair b)
{
    real cross = fused(a.hi, b.lo, a.lo * b.hi);
    pair p;
    p.hi = fused(a.hi, b.hi, cross);
    p.lo = fused(a.hi, b.hi, -p.hi) + cross;
    return p;
}

/* c x with hi rounded. */
INLINE pair multiple_rounded(pair c, real x)
{
    pair p;
    p.hi = fused(x, c.hi, x * c.lo);
    p.lo = fused(x, c.lo, fused(x, c.hi, -p.hi));
    return p;
}

/* ---- Powers of two -------------------------------------------------------------------------- */

/* v 2^n for whole n, |n| <= 200 (2000) or taken for that: exact, or rounded once where it is subnormal. The
 * product between lies between v and the result. */
INLINE real times_power(real v, real n)
{
    const real most = K(100.0, 1000.0);
    real first = bounded(n, most);
    return v * power_of_two(first) * power_of_two(bounded(n - first, most));
}

/* (a.hi + a.lo) 2^n for 1/8 < a.hi < 8, the sum rounded to nearest: rounded once where it is subnormal too.
 * What is cut must not be half a place by the rounding of a.hi: where one place is cut, an odd a.hi is moved
 * towards a.lo, where more are, an even one. */
INLINE real times_power_once(pair a, real n)
{
    const real below_normal = K(-127.0, -1023.0); /* 2^-127 and more: one place */
    real one_place = power_of_two(bounded(below_normal - n, K(100.0, 1000.0)));
    bits b = to_bits(a.hi), step = (b ^ (a.hi < one_place ? (bits)1 : (bits)0)) & 1;
    real moved = a.lo > C(0.0) ? to_real(b + step) : a.hi;
    moved = a.lo < C(0.0) ? to_real(b - step) : moved;
    real y = times_power(a.hi, n), subnormal = times_power(moved, n);
    return y > LEAST_NORMAL ? y : subnormal;
}

/* |x| = m 2^n with 1 <= m < 2, for x finite and not zero; else some m and n. */
typedef struct { real m, n; } parts;

INLINE parts split(real x)
{
    const bits mantissa = ((bits)1 << MANTISSA_BITS) - 1, one = (bits)EXPONENT_BIAS << MANTISSA_BITS;
    const real whole = K(0x1p23, 0x1p52), bias = K(127.0, 1023.0), up = K(24.0, 53.0);
    real a = magnitude(x);
    bits b = to_bits(a < LEAST_NORMAL ? a * K(0x1p24, 0x1p53) : a);
    parts p;
    p.m = to_real((b & mantissa) | one);
    p.n = to_real(to_bits(whole) | (b >> MANTISSA_BITS)) - (whole + (a < LEAST_NORMAL ? bias + up : bias));
    return p;
}

/* ---- Reciprocal ----------------------------------------------------------------------------- */

/* 1/m for 1 <= m < 2: relative error below 2^-47 (2^-104). hi is correctly rounded, as one step from within
 * an ulp makes it but for the largest m (Markstein, 1990). */
INLINE pair reciprocal_pair(real m)
{
    const real largest = K(0x1.fffffep0, 0x1.fffffffffffffp0);
    real r = reciprocal_near(m);
    r = fused(fused(-m, r, C(1.0)), r, r);
    real rest = fused(-m, r, C(1.0));
    pair p;
    p.hi = fused(r, rest, r);
    p.hi = m == largest ? K(0x1.000002p-1, 0x1.0000000000001p-1) : p.hi;
    p.lo = fused(r, rest, r - p.hi);
    return p;
}

/* ---- Roots ---------------------------------------------------------------------------------- */

/* x = m scale^2 with 1 <= m < 4 and scale a power of two, for x > 0 and finite; else some m and scale. */
typedef struct { real m, scale; } square_parts;

INLINE square_parts split_square(real x)
{
    const bits odd_bias = EXPONENT_BIAS, even_bias = EXPONENT_BIAS + 1;
    bits b = to_bits(x < LEAST_NORMAL ? x * K(0x1p24, 0x1p54) : x) & ~(bits)SIGN_BIT;
    bits root_exponent = ((b >> MANTISSA_BITS) + 1) >> 1; /* with a bias of its own, an even one halved */
    real scale = to_real((root_exponent + odd_bias - even_bias / 2) << MANTISSA_BITS);
    square_parts p;
    p.m = to_real(b - (root_exponent << (MANTISSA_BITS + 1)) + (even_bias << MANTISSA_BITS));
    p.scale = x < LEAST_NORMAL ? scale * K(0x1p-12, 0x1p-27) : scale;
    return p;
}

/* 1/p for a power of two whose reciprocal is normal. */
INLINE real inverse_power(real p)
{
    return to_real(((bits)(2 * EXPONENT_BIAS) << MANTISSA_BITS) - to_bits(p));
}

/* 1/sqrt(m) for 1 <= m < 4: 2^-20 (2^-40). A polynomial of degree 5 and one or two Newton steps. */
INLINE real rsqrt_near(real m)
{
    real r = C(-0x1.8666c6p-9);
    r = fused(r, m, C(0x1.6e61f2p-5));
    r = fused(r, m, C(-0x1.167cb2p-2));
    r = fused(r, m, C(0x1.b9d0b6p-1));
    r = fused(r, m, C(-0x1.8e4f6ep0));
    r = fused(r, m, C(0x1.ec2be6p0));
    r = fused(fused(-(m * r), r, C(1.0)), C(0.5) * r, r);
#if CLACT_REAL_BITS == 64
    r = fused(fused(-(m * r), r, C(1.0)), C(0.5) * r, r);
#endif
    return r;
}

/* sqrt(m + lo power) for 1 <= m < 4: relative error below 2^-44 (2^-93). hi is sqrt(m) correctly rounded:
 * s is within an ulp, and the root is farther than half an ulp from s exactly where the rest, m - s^2, is
 * more than s ulp(s) or not more than -s ulp(s), both sides being multiples of ulp(s)^2. */
INLINE pair root_pair(real m, real lo, real power)
{
    const real ulp = K(0x1p-23, 0x1p-52);
    real r = rsqrt_near(m), slope = C(0.5) * r, first = m * r;
    real s = fused(fused(-first, first, m), slope, first);
    real rest = fused(-s, s, m), limit = s * ulp;
    pair p;
    p.hi = rest > limit ? s + ulp : s;
    p.hi = rest <= -limit ? s - ulp : p.hi;
    p.lo = fused(fused(lo, power, rest), slope, s - p.hi);
    return p;
}

/* What r lacks of 1/sqrt(m), as a share of r: e/2 + 3 e^2 / 8 with e = 1 - m r^2. */
INLINE real rsqrt_rest(real m, real r)
{
    real t = m * r, e = fused(-fused(m, r, -t), r, fused(-t, r, C(1.0)));
    return fused(C(0.375) * e, e, C(0.5) * e);
}

/* 1/sqrt(m) for 1 <= m < 4: relative error below 2^-47 (2^-105). hi is correctly rounded in f32, as was tried
 * for every m, and within 0.5 + 2^-50 ulp in f64. */
INLINE pair rsqrt_pair(real m)
{
    real r = rsqrt_near(m);
    r = fused(r, rsqrt_rest(m, r), r);
    real rest = rsqrt_rest(m, r);
    pair p;
    p.hi = fused(r, rest, r);
    p.lo = fused(r, rest, r - p.hi);
    return p;
}

/* ---- Logarithms ----------------------------------------------------------------------------- */

/* Q(z) with log2(m) = w (1/ln 2 + z (1/(12 ln 2) + z Q(z))), w = 2 (m - 1) / (m + 1), z = w^2, for m from
 * sqrt(1/2) to sqrt(2): relative error of the whole 2^-39.1 (2^-71.3). */
INLINE real log2_tail(real z)
{
#if CLACT_REAL_BITS == 64
    real q = C(0x1.60390dd76cb98p-22);
    q = fused(q, z, C(0x1.593b5fa7948cap-20));
    q = fused(q, z, C(0x1.8a061d05d2addp-18));
    q = fused(q, z, C(0x1.c68f050bcc799p-16));
    q = fused(q, z, C(0x1.0c9a84fff8e6ep-13));
    q = fused(q, z, C(0x1.484b13d735f46p-11));
    q = fused(q, z, C(0x1.a61762a7ae41dp-9));
    return fused(q, z, C(0x1.2776c50ef9bfep-6));
#else
    real q = C(0x1.0faf98p-13);
    q = fused(q, z, C(0x1.48975ep-11));
    q = fused(q, z, C(0x1.a615aep-9));
    return fused(q, z, C(0x1.2776c6p-6));
#endif
}

/* log2(m): relative error below 2^-36 (2^-65); the same m. */
INLINE pair log2_mantissa(real m)
{
    const real c0 = K(0x1.715476p0, 0x1.71547652b82fep0), c0_lo = K(0x1.4ae0cp-26, 0x1.777d0ffda0d24p-56);
    const real c1 = K(0x1.ec709ep-4, 0x1.ec709dc3a03fdp-4), c1_lo = K(-0x1.e2fe02p-31, 0x1.d27f05548af0cp-58);
    pair f, d, w, z, g, h;
    f.hi = m - C(1.0);
    f.lo = C(0.0);
    d.hi = fused(C(0.5), m, C(0.5));
    d.lo = fused(C(0.5), m, C(0.5) - d.hi);
    w = quotient_pair(f, d);
    z = product_rounded(w, w);
    real q = log2_tail(z.hi);
    g.hi = fused(z.hi, q, c1);
    g.lo = fused(z.hi, q, c1 - g.hi) + c1_lo;
    h.hi = fused(z.hi, g.hi, c0);
    h.lo = fused(z.hi, g.hi, c0 - h.hi) + fused(z.lo, g.hi, fused(z.hi, g.lo, c0_lo));
    return product_rounded(w, h);
}

/* log2(x) for x > 0 and finite, else some number: relative error below 2^-35 (2^-64). */
INLINE pair log2_pair(real x)
{
    const bits one = (bits)EXPONENT_BIAS << MANTISSA_BITS;
    const bits root_half = to_bits(K(0x1.6a09e6p-1, 0x1.6a09e667f3bcdp-1));
    const real whole = K(0x1p23, 0x1p52), bias = K(127.0, 1023.0), up = K(24.0, 53.0);
    bits b = to_bits(x < LEAST_NORMAL ? x * K(0x1p24, 0x1p53) : x) & ~(bits)SIGN_BIT;
    bits exponent = (b + (one - root_half)) >> MANTISSA_BITS;
    real n = to_real(to_bits(whole) | exponent) - (whole + (x < LEAST_NORMAL ? bias + up : bias));
    pair l = log2_mantissa(to_real(b - (exponent << MANTISSA_BITS) + one)), s;
    s.hi = n + l.hi;
    s.lo = n - s.hi + l.hi + l.lo;
    return s;
}

/* (log(1 + t) / t - 1) / t for -1/4 <= t <= 1/2: the error of the logarithm is 2^-26 (2^-57.5). */
INLINE real log1p_near(real t)
{
#if CLACT_REAL_BITS == 64
    real q = C(-0x1.040a91e799a7bp-7);
    q = fused(q, t, C(0x1.d4ae44717f4fep-6));
    q = fused(q, t, C(-0x1.9034f0583b2dp-5));
    q = fused(q, t, C(0x1.d1d865ef238a2p-5));
    q = fused(q, t, C(-0x1.d6911d8e32164p-5));
    q = fused(q, t, C(0x1.e146b2f279f84p-5));
    q = fused(q, t, C(-0x1.fe06cce11c902p-5));
    q = fused(q, t, C(0x1.10eabdbc11e1ap-4));
    q = fused(q, t, C(-0x1.249fd27c03b7fp-4));
    q = fused(q, t, C(0x1.3b177ecbe82e4p-4));
    q = fused(q, t, C(-0x1.5555049dcd13bp-4));
    q = fused(q, t, C(0x1.745ced243b19ap-4));
    q = fused(q, t, C(-0x1.999999d3cf455p-4));
    q = fused(q, t, C(0x1.c71c72be1ea67p-4));
    q = fused(q, t, C(-0x1.00000002dac8cp-3));
    q = fused(q, t, C(0x1.249249231577bp-3));
    q = fused(q, t, C(-0x1.555555554ab83p-3));
    q = fused(q, t, C(0x1.999999999bb5fp-3));
    q = fused(q, t, C(-0x1.000000000004dp-2));
    q = fused(q, t, C(0x1.555555555554ep-2));
    return fused(q, t, C(-0x1p-1));
#else
    real q = C(-0x1.928ba2p-5);
    q = fused(q, t, C(0x1.ba3f34p-4));
    q = fused(q, t, C(-0x1.0d452cp-3));
    q = fused(q, t, C(0x1.275b46p-3));
    q = fused(q, t, C(-0x1.54defp-3));
    q = fused(q, t, C(0x1.997a94p-3));
    q = fused(q, t, C(-0x1.00009cp-2));
    q = fused(q, t, C(0x1.55557cp-2));
    return fused(q, t, C(-0x1p-1));
#endif
}

/* P(z) with log(1 + t) = w (1 + z P(z)), w = 2 t / (2 + t), z = w^2, for 0 <= t <= 1: relative error of the
 * whole 2^-31.6 (2^-57.5). */
INLINE real log1p_tail(real z)
{
#if CLACT_REAL_BITS == 64
    real q = C(0x1.4b02f65a7b729p-24);
    q = fused(q, z, C(0x1.6889a45bc1173p-23));
    q = fused(q, z, C(0x1.eb8b1ac90ea4cp-21));
    q = fused(q, z, C(0x1.10ace89e84719p-18));
    q = fused(q, z, C(0x1.3b18a79beb398p-16));
    q = fused(q, z, C(0x1.745cf14db9b31p-14));
    q = fused(q, z, C(0x1.c71c726c3a24bp-12));
    q = fused(q, z, C(0x1.24924923df5b5p-9));
    q = fused(q, z, C(0x1.999999999a27ep-7));
    return fused(q, z, C(0x1.5555555555555p-4));
#else
    real q = C(0x1.e121e4p-14);
    q = fused(q, z, C(0x1.bb3118p-12));
    q = fused(q, z, C(0x1.24d76ep-9));
    q = fused(q, z, C(0x1.999866p-7));
    return fused(q, z, C(0x1.555556p-4));
#endif
}

/* ---- Powers --------------------------------------------------------------------------------- */

/* e^(r.hi + r.lo) for |r| <= 0.347, rounded: relative error below 2^-27 (2^-56). */
INLINE pair exp_reduced(pair r)
{
    pair e;
    e.hi = C(1.0) + r.hi;
    e.lo = C(1.0) - e.hi + r.hi + fused(r.hi * r.hi, exp_tail(r.hi), fused(r.lo, r.hi, r.lo));
    return rounded(e);
}

/* The whole number next to x, |x| < 2^22 (2^51). */
INLINE real whole_near(real x)
{
#ifdef CLACT_ROUNDS_TO_ZERO
    return nearest(x);
#else
    const real magic = K(0x1.8p23, 0x1.8p52);
    return x + magic - magic;
#endif
}

/* 2^(t.hi + t.lo) = v 2^n: relative error below 2^-27 (2^-56). t.hi may be infinite, and t.lo NaN then;
 * from 400 (4000) on the power is beyond all numbers, as it is zero below. */
typedef struct { pair v; real n; } scaled_pair;

INLINE scaled_pair exp2_pair(pair t)
{
    const real limit = K(400.0, 4000.0);
    real hi = bounded(t.hi, limit);
    scaled_pair e;
    pair f;
    e.n = whole_near(hi);
    f.hi = hi - e.n;
    f.lo = magnitude(t.hi) < limit ? t.lo : C(0.0);
    e.v = exp_reduced(product_rounded(rounded(f), pair_of(LN2_HIGH, LN2_LOW)));
    return e;
}

#endif
