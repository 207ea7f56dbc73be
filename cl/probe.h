/* probe.h: what a device must compute as the CPU does, for it to give the same bits.
 *
 * probe_value(column, i) is a value made from i by one kind of operation. The CPU backend and a
 * device compile this text both; the columns in which they differ tell what the device does. */
#ifndef CLACT_PROBE_H
#define CLACT_PROBE_H

#define PROBE_ITEMS 4096
#define PROBE_ROUNDING 0        /* to nearest even, in sums */
#define PROBE_PRODUCT 1         /* products and sums, rounded each: nothing contracted */
#define PROBE_FUSED 2
#define PROBE_DIVISION 3
#define PROBE_HALF_LOAD 4
#define PROBE_HALF_STORE 5
#define PROBE_EXP 6
#define PROBE_EXPM1 7
#define PROBE_LOGISTIC 8
#define PROBE_TANH 9
#define PROBE_NAN 10            /* comparisons with NaN, infinities */
#define PROBE_ZEROS 11          /* from here on: signs of zero, then subnormal operands or results */
#define PROBE_SUBNORMAL_SUM 12
#define PROBE_SUBNORMAL_PRODUCT 13
#define PROBE_SUBNORMAL_FUSED 14
#define PROBE_COLUMNS 15

#ifdef CLACT_REAL_BITS /* without the mathematics, only the columns' numbers */

/* 32 well mixed bits of i: the finaliser of MurmurHash3 (Appleby, 2008). */
INLINE u32 probe_mix(u32 i)
{
    i ^= i >> 16;
    i *= 0x85ebca6bu;
    i ^= i >> 13;
    i *= 0xc2b2ae35u;
    return i ^ i >> 16;
}

/* A float of either sign with an exponent from low to low + span. */
INLINE real probe_real(u32 w, u32 low, u32 span)
{
    u32 exponent = low + (w >> 23 & 0xffu) % (span + 1u);
    return to_real((w & 0x807fffffu) | exponent << 23);
}

INLINE u32 probe_value(u32 column, u32 i)
{
    u32 w = probe_mix(i), v = probe_mix(i + 0x9e3779b9u), u = probe_mix(i + 0x3c6ef372u);
    real a = probe_real(w, 120u, 16u), b = probe_real(v, 120u, 16u), c = probe_real(u, 120u, 16u);
    real tiny = to_real(w & 0x80ffffffu); /* below or just above 2^-126 */
    real y = C(0.0);
    switch (column) {
    case PROBE_ROUNDING: y = a + probe_real(v, 100u, 16u); break;
    case PROBE_PRODUCT: y = a * b; y = y + c; break;
    case PROBE_FUSED: y = fused(a, b, i & 1u ? c : -(a * b)); break;
    case PROBE_DIVISION: y = divide(a, b); break;
    case PROBE_HALF_LOAD: y = load_f16((u16)(i * 16u + (w & 15u))); break;
    case PROBE_HALF_STORE: return store_f16(probe_real(w, 100u, 45u));
    case PROBE_EXP: y = exp_of_negative(-magnitude(probe_real(w, 100u, 32u))); break;
    case PROBE_EXPM1: y = elu_f(-magnitude(probe_real(w, 100u, 32u)), C(1.0)); break;
    case PROBE_LOGISTIC: y = sigmoid_f(probe_real(w, 100u, 32u)); break;
    case PROBE_TANH: y = tanh_f(probe_real(w, 100u, 32u)); break;
    case PROBE_NAN: y = relu6_f(to_real(0x7f800000u | (w & 0x80000000u) | (i & 3u))); break;
    case PROBE_ZEROS:
        a = to_real(w & SIGN_BIT), c = to_real(u & SIGN_BIT);
        y = i & 1u ? fused(a, b, c) : a + c;
        break;
    case PROBE_SUBNORMAL_SUM: y = tiny + to_real(v & 0x80ffffffu); break;
    case PROBE_SUBNORMAL_PRODUCT: y = tiny * b; break;
    case PROBE_SUBNORMAL_FUSED: y = fused(tiny, b, to_real(v & 0x80ffffffu)); break;
    }
    return to_bits(canonical(y));
}

#endif

#endif
