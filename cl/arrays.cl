/* arrays.cl: an operation of arrays.def for one type.
 *
 * The composer (src/opencl/compose.c) writes the lines before this text:
 *   CLACT_REAL_BITS, and where the device wants them CLACT_ROUNDS_TO_ZERO, CLACT_DIVIDE_BY_FMA
 *   ELEMENT, LOAD(v), STORE(v)   the stored type and its conversions
 *   KERNEL(part)                 the name of a kernel
 *   LOCAL                        work-items in a group: a power of two, at most REDUCTION_LANES
 *   MAP, SUM or TALLY            the operation's form, and with how many
 *   INPUTS, OUTPUTS              it has
 *   APPLY                        its function, of sum, x0, x1, ... and parameters.s0, parameters.s1, ...
 *   LABELLED                     x1 is a label, x2 the element's column */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "reduction.h"
#include "arrays.h"
#include "walk.cl"
#include "sums.cl"

/* A view: its first element, and its steps from segment to segment, row to row and column to column: s1 to s3. */
#define ARRAY(v, TYPE) global TYPE *v, const long v##_first, const long4 v##_steps
#define AT_PLACE(v) v[v##_first + (long)segment * v##_steps.s1 + (long)row * v##_steps.s2 + (long)column * v##_steps.s3]
#define GIVEN(v, number, value) const real v = missing >> number & 1 ? C(1.0) : value;

#define X0 ARRAY(x0_in, const ELEMENT),
#define LOAD_X0 GIVEN(x0, 0, LOAD(AT_PLACE(x0_in)))
#if INPUTS > 1 && defined LABELLED
#define X1 ARRAY(x1_in, const int),
#define LOAD_X1 const real x1 = (real)AT_PLACE(x1_in);
#define X2
#define LOAD_X2 const real x2 = (real)column;
#else
#if INPUTS > 1
#define X1 ARRAY(x1_in, const ELEMENT),
#define LOAD_X1 GIVEN(x1, 1, LOAD(AT_PLACE(x1_in)))
#else
#define X1
#define LOAD_X1
#endif
#if INPUTS > 2
#define X2 ARRAY(x2_in, const ELEMENT),
#define LOAD_X2 GIVEN(x2, 2, LOAD(AT_PLACE(x2_in)))
#else
#define X2
#define LOAD_X2
#endif
#endif
#if INPUTS > 3
#define X3 ARRAY(x3_in, const ELEMENT),
#define LOAD_X3 GIVEN(x3, 3, LOAD(AT_PLACE(x3_in)))
#else
#define X3
#define LOAD_X3
#endif

/* Element j of a segment; what has one row is not divided. */
#define PLACE(j)                                                                                    \
    const ulong row = columns == length ? 0 : (j) / columns;                                        \
    const ulong column = (j) - row * columns;

#ifdef MAP

#if OUTPUTS == 1
#define Y1
#define Y2
#define RESULT real
#define STORE_RESULT AT_PLACE(y0) = STORE(result);
#else
#define Y1 ARRAY(y1, ELEMENT),
#if OUTPUTS == 2
#define Y2
#define RESULT two
#define STORE_RESULT AT_PLACE(y0) = STORE(result.a); AT_PLACE(y1) = STORE(result.b);
#else
#define Y2 ARRAY(y2, ELEMENT),
#define RESULT three
#define STORE_RESULT AT_PLACE(y0) = STORE(result.a); AT_PLACE(y1) = STORE(result.b); AT_PLACE(y2) = STORE(result.c);
#endif
#endif

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(map)(X0 X1 X2 X3 ARRAY(y0, ELEMENT), Y1 Y2 const ulong length, const ulong columns, const uint missing,
                 PARAMETERS)
{
    FOR_EACH(j, length)
    {
        const ulong segment = 0;
        PLACE(j)
        LOAD_X0 LOAD_X1 LOAD_X2 LOAD_X3
        const RESULT result = APPLY;
        STORE_RESULT
    }
}

#endif
#ifdef SUM

/* The value of a sum: factor times it, and beta times what stands there where that is added to. Never -0.0 alone. */
#define FINISHED                                                                                    \
    global ELEMENT *value, const long value_first, const long value_step, const real factor, const real beta, \
        const uint add
#define FINISH(segment, sum)                                                                        \
    {                                                                                               \
        const long at = value_first + (long)(segment) * value_step;                                 \
        const real product = factor * without_minus_zero(sum);                                      \
        value[at] = STORE(add ? fused(beta, LOAD(value[at]), product) : product);                   \
    }
#define ADD_TERM PLACE(j) LOAD_X0 LOAD_X1 LOAD_X2 LOAD_X3 sum = APPLY;

/* A group for each chunk of a segment, as gradient_sum() of gradient.cl. */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(sum)(X0 X1 X2 X3 const ulong length, const ulong columns, const uint missing, const ulong segments,
                 const ulong chunk_blocks, const ulong chunks, global real *parts, FINISHED, PARAMETERS)
{
    SHARED real lanes[REDUCTION_LANES], counter[REDUCTION_LEVELS];
    FOR_GROUP(part, segments * chunks)
    {
        const ulong segment = part / chunks, most = chunk_blocks * REDUCTION_BLOCK;
        const ulong start = (part - segment * chunks) * most;
        const ulong chunk_end = length - start < most ? length : start + most;
        SUM_CHUNK(lanes, counter, start, chunk_end, total, ADD_TERM)
        if (ITEM == 0) {
            if (chunks > 1)
                parts[part] = total;
            else
                FINISH(segment, total)
        }
    }
}

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(sum_fold)(global const real *parts, const ulong chunks, const ulong segments, FINISHED)
{
    SHARED real sums[MOST_CHUNKS];
    FOR_GROUP(segment, segments)
    {
        FOLD_CHUNKS(sums, parts + segment * chunks, chunks)
        if (ITEM == 0)
            FINISH(segment, sums[0])
    }
}

#endif
#ifdef TALLY

/* A work-item for each segment and strip, the terms of which are strips apart: neighbours read neighbours, be it in a
 * segment or side by side. */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(tally)(X0 const ulong length, const ulong columns, const ulong segments, const ulong strips,
                   global ulong *parts, PARAMETERS)
{
    const uint missing = 0;
    FOR_EACH(i, segments * strips)
    {
        const ulong strip = i / segments;
        const ulong segment = i - strip * segments;
        ulong c0 = 0, c1 = 0, c2 = 0, c3 = 0;
        for (ulong j = strip; j < length; j += strips) {
            PLACE(j)
            LOAD_X0
            const uint counted = APPLY;
            c0 += counted & 1;
            c1 += counted >> 1 & 1;
            c2 += counted >> 2 & 1;
            c3 += counted >> 3 & 1;
        }
        parts[4 * i] = c0;
        parts[4 * i + 1] = c1;
        parts[4 * i + 2] = c2;
        parts[4 * i + 3] = c3;
    }
}

/* Counters one behind the other for each segment, all terms first. */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(tally_fold)(global const ulong *parts, const ulong length, const ulong segments, const ulong strips,
                        global ulong *counts, const long counts_first, const uint add)
{
    FOR_EACH(i, segments * ARRAYS_TALLIES)
    {
        const ulong segment = i / ARRAYS_TALLIES, kind = i - segment * ARRAYS_TALLIES;
        ulong total = kind ? 0 : length;
        for (ulong strip = 0; kind && strip < strips; strip++)
            total += parts[4 * (strip * segments + segment) + kind - 1];
        const long at = counts_first + (long)i;
        counts[at] = add ? counts[at] + total : total;
    }
}

#endif
