/* error_function.h: the error function and what the normal distribution leaves above x, from + - * fma and
 * bit moves alone. Coefficients come from tools/fit.sollya, as in elementary.h. */
#ifndef CLACT_ERROR_FUNCTION_H
#define CLACT_ERROR_FUNCTION_H

/* erfc(a / sqrt(2)) e^(a^2/2) / 2 for 0 <= a <= 14.6 (38.7), as a sum: relative error below 2^-25.5 (2^-52.5).
 * It is t g(t) for t = 4 / (4 + a): g falls from 0.5 to 0.11, and is a polynomial about a point of which g
 * has few digits, added last, so that its terms' rounding counts little. */
INLINE pair normal_tail(pair a)
{
    const real middle = K(0x1.42p0, 0x1p0), least = K(0x1.e1e668p-3, 0x1.82b4bb8c94dcep-3);
    pair d = sum_of(C(4.0), a.hi), g;
    d.lo = d.lo + a.lo;
    pair t = quotient_pair(pair_of(C(4.0), C(0.0)), d);
    real s = fused(C(2.0), t.hi, -middle);
#if CLACT_REAL_BITS == 64
    real q = C(0x1.d4536536891c5p-33);
    q = fused(q, s, C(-0x1.7312aadf99389p-31));
    q = fused(q, s, C(-0x1.49fc01643834ap-31));
    q = fused(q, s, C(0x1.5d67e9c073982p-28));
    q = fused(q, s, C(-0x1.ac7ff185db7eap-29));
    q = fused(q, s, C(-0x1.7443ca7d5fe03p-26));
    q = fused(q, s, C(0x1.4b1bdd7f5f65cp-25));
    q = fused(q, s, C(0x1.2537a3ea9acc1p-24));
    q = fused(q, s, C(-0x1.1217d221f3749p-22));
    q = fused(q, s, C(-0x1.527fed0e6f189p-23));
    q = fused(q, s, C(0x1.8d48777d2f65ap-20));
    q = fused(q, s, C(0x1.80efd52d2280bp-23));
    q = fused(q, s, C(-0x1.26d086557c5e3p-17));
    q = fused(q, s, C(-0x1.0022615fa59b6p-21));
    q = fused(q, s, C(0x1.e4a424b930ce9p-15));
    q = fused(q, s, C(0x1.17a4b0ec3a42bp-15));
    q = fused(q, s, C(-0x1.ab825fbecb199p-12));
    q = fused(q, s, C(-0x1.c81719d9c4856p-11));
    q = fused(q, s, C(0x1.ee27610476a96p-10));
    q = fused(q, s, C(0x1.eec4cc3e5139ap-7));
    q = fused(q, s, C(0x1.7dff2bff683bep-5));
    q = fused(q, s, C(0x1.8c6dbf2cfc27ep-4));
    q = fused(q, s, C(0x1.373e3a893c28ap-3));
#else
    real q = C(-0x1.8be362p-17);
    q = fused(q, s, C(0x1.b0f16ap-16));
    q = fused(q, s, C(0x1.20286cp-13));
    q = fused(q, s, C(-0x1.bd36f4p-13));
    q = fused(q, s, C(-0x1.7f8b46p-10));
    q = fused(q, s, C(0x1.14acd6p-15));
    q = fused(q, s, C(0x1.0d467ap-6));
    q = fused(q, s, C(0x1.0271b8p-4));
    q = fused(q, s, C(0x1.1cef04p-3));
    q = fused(q, s, C(0x1.b2ae5ep-3));
#endif
    g.hi = fused(s, q, least);
    real slope = q * fused(q, K(7.36, 9.57), K(0.443, 0.545)); /* dg/dt, to a quarter */
    g.lo = fused(t.lo, slope, fused(s, q, least - g.hi));
    return product_of(t, g);
}

/* 2 / sqrt(pi) */
#define TWO_OVER_ROOT_PI pair_of(K(0x1.20dd76p0, 0x1.20dd750429b6dp0), K(-0x1.f7ac92p-25, 0x1.1ae3a914fed8p-56))

/* erf(x) / x for |x| <= 1/2, as a sum with 2 / sqrt(pi): relative error 2^-27 (2^-61). */
INLINE pair erf_near(real x)
{
    pair r = TWO_OVER_ROOT_PI;
    real u = x * x;
#if CLACT_REAL_BITS == 64
    real q = C(-0x1.450a1e6447e9fp-23);
    q = fused(q, u, C(0x1.b8f1cce14f6d7p-20));
    q = fused(q, u, C(-0x1.f4d0a136e52ap-17));
    q = fused(q, u, C(0x1.f9a344edcf12cp-14));
    q = fused(q, u, C(-0x1.c02db4eac340cp-11));
    q = fused(q, u, C(0x1.565bcd11489bcp-8));
    q = fused(q, u, C(-0x1.b82ce3129138ap-6));
    q = fused(q, u, C(0x1.ce2f21a042c8ep-4));
    q = fused(q, u, C(-0x1.812746b0379e7p-2));
#else
    real q = C(0x1.3c3c26p-8);
    q = fused(q, u, C(-0x1.b735dp-6));
    q = fused(q, u, C(0x1.ce2c5ap-4));
    q = fused(q, u, C(-0x1.812746p-2));
#endif
    r.lo = fused(q, u, r.lo);
    return r;
}

#endif
