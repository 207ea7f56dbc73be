/* map_tmpl.c: the loops of maps, compiled once for each instruction set and type: CLACT_ISA names the set,
 * CLACT_REAL_BITS is 32 or 64. */
#include "cpu.h"

#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "units.h"

#define PASTE_OF(a, b, c) a##b##_##c
#define PASTE(a, b, c) PASTE_OF(a, b, c)
#define LOOPS PASTE(clact_cpu_map_, CLACT_ISA, CLACT_REAL_BITS)

#define SIMD _Pragma("omp simd")

static void multiply(size_t n, const void *av, const void *bv, void *outv)
{
    const real *a = av, *b = bv;
    real *out = outv;
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = canonical(gate(a[k], b[k]));
}

static void pass_on(size_t n, const void *derivative, const void *dyv, void *outv)
{
    const real *d = derivative, *dy = dyv;
    real *out = outv;
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = canonical(gradient(d[k], dy[k]));
}

static void crelu(size_t n, const void *xv, void *y1v, void *y2v)
{
    const real *x = xv;
    real *y1 = y1v, *y2 = y2v;
    SIMD
    for (size_t k = 0; k < n; k++) {
        const real at = x[k];
        y1[k] = canonical(crelu_first(at));
        y2[k] = canonical(crelu_second(at));
    }
}

static void crelu_backward(size_t n, const void *xv, const void *dy1v, const void *dy2v, void *outv)
{
    const real *x = xv, *dy1 = dy1v, *dy2 = dy2v;
    real *out = outv;
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = canonical(crelu_g(x[k], dy1[k], dy2[k]));
}

static void crelu_backward_y(size_t n, const void *y1v, const void *y2v, const void *dy1v, const void *dy2v, void *outv)
{
    const real *y1 = y1v, *y2 = y2v, *dy1 = dy1v, *dy2 = dy2v;
    real *out = outv;
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = canonical(crelu_y(y1[k], y2[k], dy1[k], dy2[k]));
}

static void maxout(size_t n, uint32_t piece, const void *xv, void *mostv, uint32_t *best)
{
    const real *x = xv;
    real *most = mostv;
    SIMD
    for (size_t k = 0; k < n; k++) {
        const u32 wins = maxout_wins(x[k], most[k]);
        most[k] = wins ? x[k] : most[k];
        best[k] = wins ? piece : best[k];
    }
}

static void maxout_backward(size_t n, uint32_t piece, const void *mostv, const uint32_t *best, const void *dyv, void *outv)
{
    const real *most = mostv, *dy = dyv;
    real *out = outv;
    SIMD
    for (size_t k = 0; k < n; k++) {
        const real g = canonical(maxout_g(most[k], dy[k]));
        out[k] = best[k] == piece ? g : C(0.0);
    }
}

extern const struct clact_cpu_map_loops LOOPS;
const struct clact_cpu_map_loops LOOPS = {
    multiply, pass_on, crelu, crelu_backward, crelu_backward_y, maxout, maxout_backward,
};
