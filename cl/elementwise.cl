/* elementwise.cl: y = f(x) and dx = f'(x) dy for one activation and one type.
 *
 * The composer (src/opencl/compose.c) writes the lines before this text:
 *   CLACT_REAL_BITS, and where the device wants them CLACT_ROUNDS_TO_ZERO, CLACT_DIVIDE_BY_FMA
 *   ELEMENT, LOAD(v), STORE(v)   the stored type and its conversions
 *   ROW_F(x), ROW_G(x, dy)       the activation, with its parameters, parameters.s0, ...; ROW_Y(y, dy) where it has a
 *                                derivative of its own from y
 *   KERNEL(part)                 the name of a kernel
 *   LOCAL, PER_ITEM, VECTOR      work-items in a group, elements for each, of a vector: see walk.cl
 *   NOISE                        one of the parameters, varying, is noise, drawn by an element's row-major index
 *   ACCUMULATE                   dx = f'(x) dy + beta dx, and no y
 *   VIEW                         kernels for strided views; TENSOR: one of the parameters is a tensor t: varying */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "noise.h"
#include "storage.h"
#include "walk.cl"

#ifdef ACCUMULATE
#define BETA_PARAMETER , const real beta
#define ADDED(gradient, old) fused(beta, LOAD(old), gradient)
#else
#define BETA_PARAMETER
#define ADDED(gradient, old) gradient
#endif

#ifdef NOISE
#define DRAW(i) const real varying = noise_of(noise_seed, noise_offset, i);
#else
#define DRAW(i)
#endif

#ifndef VIEW

#ifdef NOISE
#define NOISE_PARAMETERS , const ulong noise_seed, const ulong noise_offset
#else
#define NOISE_PARAMETERS
#endif

/* at: how many elements, and where the operands begin, as one argument: see PARAMETERS. */
#ifndef ACCUMULATE
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(forward)(global const ELEMENT *x, global ELEMENT *y, const long4 at, PARAMETERS NOISE_PARAMETERS)
{
    const ulong n = (ulong)at.s0;
    x += at.s1;
    y += at.s2;
    FOR_TILE(DRAW(i) y[i] = STORE(ROW_F(LOAD(x[i]))))
}
#endif

#define BACKWARD(NAME, GRADIENT)                                                                    \
    kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))                                       \
    void KERNEL(NAME)(global const ELEMENT *x, global const ELEMENT *dy, global ELEMENT *dx, const long4 at, \
              PARAMETERS NOISE_PARAMETERS BETA_PARAMETER)                                           \
    {                                                                                               \
        const ulong n = (ulong)at.s0;                                                               \
        x += at.s1;                                                                                 \
        dy += at.s2;                                                                                \
        dx += at.s3;                                                                                \
        FOR_TILE(DRAW(i) dx[i] = STORE(ADDED(GRADIENT(LOAD(x[i]), LOAD(dy[i])), dx[i])))            \
    }

#else /* VIEW: dims are right-aligned and padded with ones; strides may be zero or negative */

#ifdef TENSOR
#define TENSOR_PARAMETER , global const ELEMENT *t, const long t_first, const long8 t_strides
#define TENSOR_FIRST long ti = t_first;
#define TENSOR_AXIS(s) ti += c * t_strides.s;
#define TENSOR_LOAD const real varying = LOAD(t[ti]);
#else
#define TENSOR_PARAMETER
#define TENSOR_FIRST
#define TENSOR_AXIS(s)
#define TENSOR_LOAD
#endif

#ifdef NOISE
#define NOISE_PARAMETERS , const ulong noise_seed, const ulong noise_offset, const long8 index_strides
#define NOISE_FIRST long index = 0;
#define NOISE_AXIS(s) index += c * index_strides.s;
#else
#define NOISE_PARAMETERS
#define NOISE_FIRST
#define NOISE_AXIS(s)
#endif

#define MOVE(s)                                                                                     \
    xi += c * x_strides.s;                                                                          \
    OTHER_AXES(s)                                                                                   \
    TENSOR_AXIS(s)                                                                                  \
    NOISE_AXIS(s)

#define OTHER_AXES(s) yi += c * y_strides.s;
#ifndef ACCUMULATE
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(forward)(global const ELEMENT *x, const long x_first, const long8 x_strides,
             global ELEMENT *y, const long y_first, const long8 y_strides,
             const ulong n, const ulong8 dims, PARAMETERS TENSOR_PARAMETER NOISE_PARAMETERS)
{
    FOR_EACH(i, n)
    {
        ulong rest = i;
        long xi = x_first, yi = y_first;
        TENSOR_FIRST
        NOISE_FIRST
        AXES(MOVE)
        TENSOR_LOAD
        DRAW((ulong)index)
        y[yi] = STORE(ROW_F(LOAD(x[xi])));
    }
}
#endif
#undef OTHER_AXES

#define OTHER_AXES(s) di += c * dy_strides.s; oi += c * dx_strides.s;
#define BACKWARD(NAME, GRADIENT)                                                                    \
    kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))                                       \
    void KERNEL(NAME)(global const ELEMENT *x, const long x_first, const long8 x_strides,           \
              global const ELEMENT *dy, const long dy_first, const long8 dy_strides,                \
              global ELEMENT *dx, const long dx_first, const long8 dx_strides,                      \
              const ulong n, const ulong8 dims,                                                     \
              PARAMETERS TENSOR_PARAMETER NOISE_PARAMETERS BETA_PARAMETER)                          \
    {                                                                                               \
        FOR_EACH(i, n)                                                                              \
        {                                                                                           \
            ulong rest = i;                                                                         \
            long xi = x_first, di = dy_first, oi = dx_first;                                        \
            TENSOR_FIRST                                                                            \
            NOISE_FIRST                                                                             \
            AXES(MOVE)                                                                              \
            TENSOR_LOAD                                                                             \
            DRAW((ulong)index)                                                                      \
            dx[oi] = STORE(ADDED(GRADIENT(LOAD(x[xi]), LOAD(dy[di])), dx[oi]));                     \
        }                                                                                           \
    }

#endif

BACKWARD(backward, ROW_G)
#ifdef ROW_Y
BACKWARD(backward_y, ROW_Y)
#endif
