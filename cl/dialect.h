/* dialect.h: every difference between OpenCL C and C that the mathematics meets, and nothing else.
 *
 * The text in cl/ is compiled as C by the CPU backend and as OpenCL C at run time. Both define
 * CLACT_REAL_BITS (32 or 64), and get from here:
 *
 *   real, bits        the type computed in, and the unsigned integer of its size
 *   C(x)              a constant that f32 holds exactly;  K(s, d): one rounded for each type
 *   fused(a, b, c)    a * b + c with a single rounding
 *   divide(a, b)      the correctly rounded quotient
 *   square_root(x)    the correctly rounded root: the processor's own, as IEEE 754 asks for, or a sequence on fma
 *   to_bits, to_real  the representation of a real, and back
 *   INLINE            a function of this text; into its caller, which drivers are not left to choose: of pairs handed
 *                     from function to function clang makes an intrinsic that Oclgrind 21.10 does not know
 *   SHARED            of memory that the work-items of a group share, and pointers to it; in C any memory, and in
 *                     kernels of one work-item (CLACT_TASK) its own
 *
 * Nothing here depends on a vendor. A device that rounds to zero defines CLACT_ROUNDS_TO_ZERO; one
 * whose division is not correctly rounded defines CLACT_DIVIDE_BY_FMA; a CPU without a fused
 * multiply-add defines CLACT_FMA_BY_DOUBLE. */
#ifndef CLACT_DIALECT_H
#define CLACT_DIALECT_H

#if defined __OPENCL_VERSION__ || defined __OPENCL_C_VERSION__ /* clang alone defines the second */

#pragma OPENCL FP_CONTRACT OFF
#if CLACT_REAL_BITS == 64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double real;
typedef ulong bits;
#define to_bits(x) as_ulong(x)
#define to_real(b) as_double(b)
#else
typedef float real;
typedef uint bits;
#define to_bits(x) as_uint(x)
#define to_real(b) as_float(b)
#endif
typedef ulong u64;
typedef uint u32;
typedef ushort u16;
#ifdef CLACT_TASK
#define SHARED
#else
#define SHARED local
#endif
#define INLINE static inline __attribute__((always_inline))
#define square_root(x) root_by_fma(x)
#define fused(a, b, c) fma(a, b, c)
#define nearest(x) rint(x)

#else /* C */

#include <stdint.h>
#include <string.h>
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#if CLACT_REAL_BITS == 64
typedef double real;
typedef uint64_t bits;
#else
typedef float real;
typedef uint32_t bits;
#endif
typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
#define square_root(x) root_by_fma(x)
#if defined __NO_MATH_ERRNO__ && (defined __SSE2__ || defined __aarch64__) /* there is an instruction, and no call */
#undef square_root
#if CLACT_REAL_BITS == 64
#define square_root(x) __builtin_sqrt(x)
#else
#define square_root(x) __builtin_sqrtf(x)
#endif
#endif
#define SHARED
#define INLINE static inline __attribute__((always_inline, unused))
INLINE bits to_bits(real x) { bits b; memcpy(&b, &x, sizeof b); return b; }
INLINE real to_real(bits b) { real x; memcpy(&x, &b, sizeof x); return x; }

#if CLACT_REAL_BITS == 64
#define fused(a, b, c) __builtin_fma(a, b, c)
#elif !defined CLACT_FMA_BY_DOUBLE
#define fused(a, b, c) __builtin_fmaf(a, b, c)
#else
/* The product of two floats is exact in double. The sum is rounded to odd, so that rounding it once
 * more, to float, gives what one rounding would have given (Boldo and Melquiond, 2008). */
INLINE float fused(float a, float b, float c)
{
    double p = (double)a * b, q = c, s = p + q;
    double t = s - p, e = (p - (s - t)) + (q - t); /* s + e == p + q; e is NaN where s is not finite */
    uint64_t u, v; /* shifts and sums only: a 64-bit comparison would keep SSE2 from vectorising */
    memcpy(&u, &s, sizeof u);
    memcpy(&v, &e, sizeof v);
    uint64_t away = 1 - ((u ^ v) >> 63 << 1); /* 1 where s + e lies farther from zero than s, else -1 */
    uint64_t finite = 1 - (((u >> 52 & 0x7ff) + 1) >> 11), inexact = (v << 1 | (0 - (v << 1))) >> 63;
    u += (0 - (inexact & finite & ~u & 1)) & away;
    memcpy(&s, &u, sizeof s);
    return (float)s;
}
#endif

#endif /* C */

#if CLACT_REAL_BITS == 64
#define C(x) x
#define K(s, d) d
#define SIGN_BIT 0x8000000000000000u
#define INFINITY_BITS 0x7ff0000000000000u
#define NAN_BITS 0x7ff8000000000000u
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#else
#define CLACT_PASTE(x, f) x##f
#define C(x) CLACT_PASTE(x, f)
#define K(s, d) CLACT_PASTE(s, f)
#define SIGN_BIT 0x80000000u
#define INFINITY_BITS 0x7f800000u
#define NAN_BITS 0x7fc00000u
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#endif

/* The upper half of the product. */
INLINE u32 multiply_high(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
INLINE real magnitude(real x) { return to_real(to_bits(x) & ~(bits)SIGN_BIT); }
INLINE real with_sign_of(real m, real x) { return to_real(to_bits(m) | (to_bits(x) & SIGN_BIT)); }
/* NaN where x is NaN, else y: for results chosen by comparisons, which a NaN fails. */
INLINE real nan_or(real x, real y) { return x != x ? x : y; }

#ifndef CLACT_DIVIDE_BY_FMA
#define divide(a, b) ((a) / (b))
#else
/* The correctly rounded quotient from a division that is only close (2.5 ulp, OpenCL C 7.4): both
 * operands are scaled to [1, 2), two corrections by the exact remainder round to nearest even, and a
 * quotient below the normal range is rounded once, by its remainder, when it is scaled back. */
INLINE real divide(real a, real b)
{
    const bits mantissa = ((bits)1 << MANTISSA_BITS) - 1, one = (bits)EXPONENT_BIAS << MANTISSA_BITS;
    bits sign = (to_bits(a) ^ to_bits(b)) & SIGN_BIT;
    real x = magnitude(a), y = magnitude(b);
    real q = x / y; /* right for zero, infinity and NaN */
    if (!(x > C(0.0)) || !(y > C(0.0)) || to_bits(x) >= INFINITY_BITS || to_bits(y) >= INFINITY_BITS)
        return to_real(to_bits(q) | sign);
    int shift = 0;
    if (to_bits(x) <= mantissa) { x *= K(0x1p24, 0x1p53); shift -= MANTISSA_BITS + 1; }
    if (to_bits(y) <= mantissa) { y *= K(0x1p24, 0x1p53); shift += MANTISSA_BITS + 1; }
    shift += (int)(to_bits(x) >> MANTISSA_BITS) - (int)(to_bits(y) >> MANTISSA_BITS);
    x = to_real((to_bits(x) & mantissa) | one);
    y = to_real((to_bits(y) & mantissa) | one);
    real r = C(1.0) / y;
    r = fused(fused(-y, r, C(1.0)), r, r);
    q = x * r;
    q = fused(fused(-y, q, x), r, q);
    q = fused(fused(-y, q, x), r, q);
    if (q < C(1.0)) { q *= C(2.0); x *= C(2.0); shift -= 1; }
    if (shift > EXPONENT_BIAS)
        return to_real(INFINITY_BITS | sign);
    if (shift > -EXPONENT_BIAS)
        return to_real((to_bits(q) + ((bits)shift << MANTISSA_BITS)) | sign);
    /* Subnormal: cut the quotient at its last place; the remainder says which way to round. */
    int cut = 1 - EXPONENT_BIAS - shift;
    if (cut > MANTISSA_BITS + 1)
        return to_real(sign);
    bits whole = (to_bits(q) & mantissa) | ((bits)1 << MANTISSA_BITS);
    real rest = fused(-y, q, x); /* of the sign of the exact quotient minus q */
    bits low = whole & (((bits)1 << cut) - 1), middle = (bits)1 << (cut - 1), kept = whole >> cut;
    int up = low > middle || (low == middle && (rest > C(0.0) || (rest == C(0.0) && (kept & 1))));
    return to_real((kept + (bits)up) | sign);
}
#endif

#endif
