/* matmul_tmpl.c: the innermost part of a product of matrices, compiled once for each instruction set and type:
 * CLACT_ISA names the set, CLACT_REAL_BITS is 32 or 64. */
#include "cpu.h"

#include "dialect.h"

#if defined __AVX512F__ || defined __AVX2__
#include <immintrin.h>
#elif defined __ARM_NEON
#include <arm_neon.h>
#endif

#define PASTE_OF(a, b, c) a##b##_##c
#define PASTE(a, b, c) PASTE_OF(a, b, c)
#define TILE PASTE(clact_cpu_tile_, CLACT_ISA, CLACT_REAL_BITS)

#if CLACT_REAL_BITS == 64
#define EITHER(f32, f64) f64
#else
#define EITHER(f32, f64) f32
#endif

/* Vectors, and how many of a set's registers hold sums. Where plain loops were left to the compilers gcc kept their
 * sums in registers and clang did not. */
#if defined CLACT_FMA_BY_DOUBLE
typedef real vector;
#define REPEAT(x) (x)
#define FUSED(a, b, c) fused(a, b, c)
#define ROWS 4
#define VECTORS 8
#elif defined __AVX512F__
typedef real vector __attribute__((vector_size(64)));
#define REPEAT(x) EITHER(_mm512_set1_ps, _mm512_set1_pd)(x)
#define FUSED(a, b, c) EITHER(_mm512_fmadd_ps, _mm512_fmadd_pd)(a, b, c)
#define ROWS 12
#define VECTORS 2
#elif defined __AVX2__
typedef real vector __attribute__((vector_size(32)));
#define REPEAT(x) EITHER(_mm256_set1_ps, _mm256_set1_pd)(x)
#define FUSED(a, b, c) EITHER(_mm256_fmadd_ps, _mm256_fmadd_pd)(a, b, c)
#define ROWS 6
#define VECTORS 2
#elif defined __ARM_NEON
typedef real vector __attribute__((vector_size(16)));
#define REPEAT(x) EITHER(vdupq_n_f32, vdupq_n_f64)(x)
#define FUSED(a, b, c) EITHER(vfmaq_f32, vfmaq_f64)(c, a, b)
#define ROWS 12
#define VECTORS 2
#endif
#define LANES (sizeof(vector) / sizeof(real))

#ifdef __clang__ /* which does it by itself */
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Everything is aligned to a vector. */
static void tile(size_t depth, const void *av, const void *bv, void *cv, size_t stride)
{
    const real *a = av, *b = bv;
    real *c = cv;
    vector sums[ROWS][VECTORS];
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < VECTORS; j++)
            sums[i][j] = *(const vector *)(c + i * stride + j * LANES);
    for (size_t p = 0; p < depth; p++, a += ROWS, b += VECTORS * LANES) {
        vector row[VECTORS];
        for (size_t j = 0; j < VECTORS; j++)
            row[j] = *(const vector *)(b + j * LANES);
        UNROLL
        for (size_t i = 0; i < ROWS; i++) {
            const vector x = REPEAT(a[i]);
            for (size_t j = 0; j < VECTORS; j++)
                sums[i][j] = FUSED(x, row[j], sums[i][j]);
        }
    }
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < VECTORS; j++)
            *(vector *)(c + i * stride + j * LANES) = sums[i][j];
}

extern const struct clact_cpu_tile TILE;
const struct clact_cpu_tile TILE = {.rows = ROWS, .columns = VECTORS * LANES, .multiply = tile};
