/* noise.h: random numbers that are a function of their place: Philox4x32-10 (Salmon et al., 2011).
 *
 * The key is the seed, low word first; the counter is offset + i / 4 as 128 bits, low word first, for the
 * element of row-major index i, which takes word i mod 4. */
#ifndef CLACT_NOISE_H
#define CLACT_NOISE_H

typedef struct { u32 a, b, c, d; } words;

#define PHILOX_ROUND                                                                                \
    b = multiply_high(0xcd9e8d57u, c) ^ b ^ k0;                                                     \
    d = multiply_high(0xd2511f53u, a) ^ d ^ k1;                                                     \
    low = 0xd2511f53u * a;                                                                          \
    a = b, b = 0xcd9e8d57u * c, c = d, d = low;
#define PHILOX_NEXT_ROUND k0 += 0x9e3779b9u; k1 += 0xbb67ae85u; PHILOX_ROUND

/* Of the counter a, b, c, d. No structure is passed in: rusticl of Mesa 22.3 loses what is assigned to one. */
INLINE words philox(u32 a, u32 b, u32 c, u32 d, u32 k0, u32 k1)
{
    words w;
    u32 low;
    PHILOX_ROUND
    PHILOX_NEXT_ROUND PHILOX_NEXT_ROUND PHILOX_NEXT_ROUND
    PHILOX_NEXT_ROUND PHILOX_NEXT_ROUND PHILOX_NEXT_ROUND
    PHILOX_NEXT_ROUND PHILOX_NEXT_ROUND PHILOX_NEXT_ROUND
    w.a = a, w.b = b, w.c = c, w.d = d;
    return w;
}

/* The four words of elements 4 quarter to 4 quarter + 3. */
INLINE words noise_words(u64 seed, u64 offset, u64 quarter)
{
    u64 low = offset + quarter;
    return philox((u32)low, (u32)(low >> 32), low < offset ? 1 : 0, 0, (u32)seed, (u32)(seed >> 32));
}

/* Uniform in [0, 1), a multiple of 2^-24 in every type. */
INLINE real uniform(u32 word) { return (real)(int)(word >> 8) * C(0x1p-24); }

INLINE real noise_of(u64 seed, u64 offset, u64 i)
{
    words w = noise_words(seed, offset, i >> 2);
    u32 even = i & 2 ? w.c : w.a, odd = i & 2 ? w.d : w.b;
    return uniform(i & 1 ? odd : even);
}

#endif
