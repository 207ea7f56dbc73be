/* gradient.cl: the gradient of a learnable parameter for one activation and one type: sums over the elements that
 * share an element of it, in the order of reduction.h.
 *
 * The composer (src/opencl/compose.c) writes the lines before this text:
 *   CLACT_REAL_BITS, and where the device wants them CLACT_ROUNDS_TO_ZERO, CLACT_DIVIDE_BY_FMA
 *   ELEMENT, LOAD(v)             the stored type and its conversion
 *   VALUE, LOAD_VALUE(v), STORE_VALUE(v)   those of the sums
 *   ROW_P(x)                     the derivative by the parameter, with the parameters, parameters.s0, ...
 *   KERNEL(part)                 the name of a kernel
 *   LOCAL                        work-items in a group: a power of two
 *   TENSOR                       one of the parameters is a tensor t: varying
 *   FLAT                         the terms of a sum lie along one axis
 *   ACCUMULATE                   the sum is added to beta times what stands there */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "reduction.h"
#include "walk.cl"
#include "sums.cl"

/* A view: its first element, its strides from sum to sum, and from term to term. */
#define TERMS(v) global const ELEMENT *v, const long v##_first, const long8 v##_kept, const long8 v##_along
#ifdef TENSOR
#define TENSOR_TERMS , TERMS(t)
#define OF_TENSOR(statement) statement;
#else
#define TENSOR_TERMS
#define OF_TENSOR(statement)
#endif

#define RESULT global VALUE *value, const long value_first, const long8 value_kept, const ulong8 kept, const real beta
#ifdef ACCUMULATE
#define ADDED(sum) fused(beta, LOAD_VALUE(value[at]), sum)
#else
#define ADDED(sum) sum
#endif

#define SUMS (kept.s0 * kept.s1 * kept.s2 * kept.s3 * kept.s4 * kept.s5 * kept.s6 * kept.s7)
#define VALUE_KEPT(s) at += c * value_kept.s;
#define FINISH(segment, sum)                                                                        \
    {                                                                                               \
        const ulong8 dims = kept;                                                                   \
        ulong rest = segment;                                                                       \
        long at = value_first;                                                                      \
        AXES(VALUE_KEPT)                                                                            \
        value[at] = STORE_VALUE(ADDED(without_minus_zero(sum)));                                    \
    }

#define KEPT(s) x_at += c * x_kept.s; dy_at += c * dy_kept.s; OF_TENSOR(t_at += c * t_kept.s)
#ifdef FLAT
#define FIND_TERM                                                                                   \
    xi = x_at + (long)j * x_along.s7;                                                               \
    di = dy_at + (long)j * dy_along.s7;                                                             \
    OF_TENSOR(ti = t_at + (long)j * t_along.s7)
#else
#define ALONG(s) xi += c * x_along.s; di += c * dy_along.s; OF_TENSOR(ti += c * t_along.s)
#define FIND_TERM                                                                                   \
    const ulong8 dims = reduced;                                                                    \
    ulong rest = j;                                                                                 \
    xi = x_at;                                                                                      \
    di = dy_at;                                                                                     \
    OF_TENSOR(ti = t_at)                                                                            \
    AXES(ALONG)
#endif
#define ADD_TERM                                                                                    \
    FIND_TERM                                                                                       \
    OF_TENSOR(const real varying = LOAD(t[ti]))                                                     \
    sum = parameter_sum(ROW_P(LOAD(x[xi])), LOAD(dy[di]), sum);

/* A group for each chunk of a sum, which is a power of two of blocks, or what is left. With one chunk the sum is
 * done; else fold() takes the parts. */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(gradient_sum)(TERMS(x), TERMS(dy), const ulong8 reduced, const ulong length, const ulong chunk_blocks, const ulong chunks,
                  global real *parts, RESULT, PARAMETERS TENSOR_TERMS)
{
    SHARED real lanes[REDUCTION_LANES], counter[REDUCTION_LEVELS];
    FOR_GROUP(part, SUMS * chunks)
    {
        const ulong segment = part / chunks, most = chunk_blocks * REDUCTION_BLOCK;
        const ulong start = (part - segment * chunks) * most;
        const ulong chunk_end = length - start < most ? length : start + most;
        long x_at = x_first, dy_at = dy_first, xi, di;
        OF_TENSOR(long t_at = t_first; long ti)
        {
            const ulong8 dims = kept;
            ulong rest = segment;
            AXES(KEPT)
        }
        SUM_CHUNK(lanes, counter, start, chunk_end, total, ADD_TERM)
        if (ITEM == 0) {
            if (chunks > 1)
                parts[part] = total;
            else
                FINISH(segment, total)
        }
    }
}

/* A group for each sum: its parts pairwise, level by level, an odd one being carried up. */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(gradient_fold)(global const real *parts, const ulong chunks, RESULT)
{
    SHARED real sums[MOST_CHUNKS];
    FOR_GROUP(segment, SUMS)
    {
        FOLD_CHUNKS(sums, parts + segment * chunks, chunks)
        if (ITEM == 0)
            FINISH(segment, sums[0])
    }
}
