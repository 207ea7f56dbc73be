/* vectors.h: how the loops of templates are laid out in vectors of an instruction set. */
#ifndef CLACT_CPU_VECTORS_H
#define CLACT_CPU_VECTORS_H

#include "dialect.h"
#include "elementary.h"
#include "storage.h"

#if defined CLACT_FMA_BY_DOUBLE && CLACT_REAL_BITS == 32 /* clang would take two, for the doubles in between */
#define SIMD _Pragma("omp simd simdlen(4)")
#else
#define SIMD _Pragma("omp simd")
#endif

#ifdef __AVX512F__
#define VECTOR_BYTES 64
#elif defined __AVX__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* A loop takes several vectors in a step: of one alone each operation would wait for the one before it. Without a fused
 * multiply-add an operation is many, which need not wait for each other, and clang takes several by itself: there all
 * elements are one step. */
#if defined CLACT_FMA_BY_DOUBLE || defined __clang__
#define EACH_VECTOR(part, value) part(0, value)
enum { VECTORS = 1 };
#else
#define EACH_VECTOR(part, value) part(0, value) part(1, value) part(2, value) part(3, value)
enum { VECTORS = 4 };
#endif
enum { LANES = VECTOR_BYTES / sizeof(real), STEP = VECTORS * LANES };

/* canonical(), by a comparison of reals where that is an instruction less; clang makes branches of it. */
INLINE real one_nan(real x)
{
#ifdef __clang__
    return canonical(x);
#else
    return x != x ? UNDEFINED : x;
#endif
}

#endif
