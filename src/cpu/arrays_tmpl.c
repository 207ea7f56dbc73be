/* arrays_tmpl.c: the loops of operations over arrays, compiled once for each instruction set and type: CLACT_ISA names
 * the set, CLACT_REAL_BITS is 32 or 64. */
#include "arrays_loops.h"

#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "arrays.h"

#define PASTE_OF(a, b, c) a##b##_##c
#define PASTE(a, b, c) PASTE_OF(a, b, c)
#define LOOPS PASTE(clact_cpu_arrays_, CLACT_ISA, CLACT_REAL_BITS)

#define SIMD _Pragma("omp simd")

#define UNPACK_INPUTS_1 const real *x0 = in[0];
#define UNPACK_INPUTS_2 UNPACK_INPUTS_1 const real *x1 = in[1];
#define UNPACK_INPUTS_3 UNPACK_INPUTS_2 const real *x2 = in[2];
#define UNPACK_INPUTS_4 UNPACK_INPUTS_3 const real *x3 = in[3];
#define INPUTS_1 x0[k]
#define INPUTS_2 INPUTS_1, x1[k]
#define INPUTS_3 INPUTS_2, x2[k]
#define INPUTS_4 INPUTS_3, x3[k]

#define UNPACK_PARAMETERS_0
#define UNPACK_PARAMETERS_1 UNPACK_PARAMETERS_0 const real p0 = ((const real *)p)[0];
#define UNPACK_PARAMETERS_2 UNPACK_PARAMETERS_1 const real p1 = ((const real *)p)[1];
#define UNPACK_PARAMETERS_3 UNPACK_PARAMETERS_2 const real p2 = ((const real *)p)[2];
#define UNPACK_PARAMETERS_4 UNPACK_PARAMETERS_3 const real p3 = ((const real *)p)[3];
#define UNPACK_PARAMETERS_5 UNPACK_PARAMETERS_4 const real p4 = ((const real *)p)[4];
#define UNPACK_PARAMETERS_6 UNPACK_PARAMETERS_5 const real p5 = ((const real *)p)[5];
#define PARAMETERS_0
#define PARAMETERS_1 PARAMETERS_0, p0
#define PARAMETERS_2 PARAMETERS_1, p1
#define PARAMETERS_3 PARAMETERS_2, p2
#define PARAMETERS_4 PARAMETERS_3, p3
#define PARAMETERS_5 PARAMETERS_4, p4
#define PARAMETERS_6 PARAMETERS_5, p5

#define UNPACK_OUTPUTS_1 real *y0 = out[0];
#define UNPACK_OUTPUTS_2 UNPACK_OUTPUTS_1 real *y1 = out[1];
#define UNPACK_OUTPUTS_3 UNPACK_OUTPUTS_2 real *y2 = out[2];
#define STORE_1(result) y0[k] = canonical(result);
#define STORE_2(result)                                                                             \
    const two r = result;                                                                           \
    y0[k] = canonical(r.a);                                                                         \
    y1[k] = canonical(r.b);
#define STORE_3(result)                                                                             \
    const three r = result;                                                                         \
    y0[k] = canonical(r.a);                                                                         \
    y1[k] = canonical(r.b);                                                                         \
    y2[k] = canonical(r.c);

#define MAP(name, inputs, outputs, parameters, kind)                                                \
    static void name##_map(size_t n, const void *const *in, const void *p, void *const *out)        \
    {                                                                                               \
        UNPACK_INPUTS_##inputs UNPACK_PARAMETERS_##parameters UNPACK_OUTPUTS_##outputs              \
        (void)p;                                                                                    \
        SIMD                                                                                        \
        for (size_t k = 0; k < n; k++) {                                                            \
            STORE_##outputs(name##_m(INPUTS_##inputs PARAMETERS_##parameters))                      \
        }                                                                                           \
    }
#define SUM(name, inputs, parameters, kind)                                                         \
    static void name##_sum(size_t n, const void *const *in, const void *p, void *lanes)             \
    {                                                                                               \
        UNPACK_INPUTS_##inputs UNPACK_PARAMETERS_##parameters                                       \
        real *sum = lanes;                                                                          \
        (void)p;                                                                                    \
        SIMD                                                                                        \
        for (size_t k = 0; k < n; k++)                                                              \
            sum[k] = name##_s(sum[k], INPUTS_##inputs PARAMETERS_##parameters);                     \
    }
#define TALLY(name, parameters)                                                                     \
    static void name##_tally(size_t n, const void *in, const void *p, void *counters, size_t stride) \
    {                                                                                               \
        const real *x0 = in;                                                                        \
        UNPACK_PARAMETERS_##parameters                                                              \
        bits *c0 = counters, *c1 = c0 + stride, *c2 = c1 + stride, *c3 = c2 + stride;               \
        SIMD                                                                                        \
        for (size_t k = 0; k < n; k++) {                                                            \
            const bits counted = name##_t(x0[k] PARAMETERS_##parameters);                           \
            c0[k] += counted & 1;                                                                   \
            c1[k] += counted >> 1 & 1;                                                              \
            c2[k] += counted >> 2 & 1;                                                              \
            c3[k] += counted >> 3 & 1;                                                              \
        }                                                                                           \
    }
#include "arrays.def"
#undef MAP
#undef SUM
#undef TALLY

static void labels_of(size_t n, const int32_t *from, int64_t step, void *to)
{
    real *out = to;
    for (size_t k = 0; k < n; k++)
        out[k] = (real)from[(int64_t)k * step];
}

static void columns_of(size_t n, uint64_t first, void *to)
{
    real *out = to;
    for (size_t k = 0; k < n; k++)
        out[k] = (real)(int64_t)(first + k);
}

extern const struct clact_cpu_arrays_loops LOOPS;
const struct clact_cpu_arrays_loops LOOPS = {
#define MAP(name, ...) .maps[ARRAY_##name] = name##_map,
#define SUM(name, ...) .sums[ARRAY_##name] = name##_sum,
#define TALLY(name, ...) .tallies[ARRAY_##name] = name##_tally,
#include "arrays.def"
    .labels = labels_of,
    .columns = columns_of,
};
