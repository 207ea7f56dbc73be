/* storage.h: load and store of f32, f16, bf16 and f64.
 *
 * f16 and bf16 are read into float exactly and written to nearest even, by integer operations, so
 * that no device need have cl_khr_fp16 and none can flush a subnormal half. A NaN is written as the
 * type's one canonical NaN: the last step of every kernel. */
#ifndef CLACT_STORAGE_H
#define CLACT_STORAGE_H

INLINE real canonical(real x)
{
    bits b = to_bits(x);
    return to_real((b & ~(bits)SIGN_BIT) > INFINITY_BITS ? NAN_BITS : b);
}

#if CLACT_REAL_BITS == 32

INLINE real load_f32(real x) { return x; }
INLINE real store_f32(real x) { return canonical(x); }

INLINE real load_bf16(u16 h) { return to_real((u32)h << 16); }

INLINE u16 store_bf16(real x)
{
    u32 b = to_bits(x);
    u32 rounded = (b + 0x7fffu + (b >> 16 & 1u)) >> 16;
    return (u16)((b & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

INLINE real load_f16(u16 h)
{
    u32 m = h & 0x7fffu, sign = ((u32)h & 0x8000u) << 16;
    u32 normal = (m << 13) + (m >= 0x7c00u ? 224u << 23 : 112u << 23);
    u32 subnormal = to_bits((real)(int)m * C(0x1p-24));
    return to_real((m < 0x400u ? subnormal : normal) | sign);
}

INLINE u16 store_f16(real x)
{
    u32 b = to_bits(x), m = b & 0x7fffffffu, sign = b >> 16 & 0x8000u;
    u32 normal = (m - (112u << 23) + 0xfffu + (m >> 13 & 1u)) >> 13;
    /* Below 2^-14 the last place of f16 is that of 0.5 in f32: the addition rounds there. */
    u32 subnormal = to_bits(to_real(m) + C(0.5)) - to_bits(C(0.5));
    u32 h = m < 0x38800000u ? subnormal : normal;
    h = m >= 0x477ff000u ? 0x7c00u : h;
    return (u16)(m > 0x7f800000u ? 0x7e00u : h | sign);
}

#else

INLINE real load_f64(real x) { return x; }
INLINE real store_f64(real x) { return canonical(x); }

#endif

#endif
