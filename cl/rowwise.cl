/* rowwise.cl: a row-wise activation for one type, forward and backward: a group for each row.
 *
 * The composer (src/opencl/compose.c) writes the lines before this text:
 *   CLACT_REAL_BITS, and where the device wants them CLACT_ROUNDS_TO_ZERO, CLACT_DIVIDE_BY_FMA
 *   ELEMENT, LOAD(v), STORE(v)   the stored type and its conversions
 *   ROW(part)                    the activation's parts in rowwise.h
 *   KERNEL(part)                 the name of a kernel
 *   LOCAL                        work-items in a group: a power of two, at most REDUCTION_LANES
 *   MASK                         where there is one
 *
 * Element j of a row is read and written by work-item j mod LOCAL alone, whatever the pass, so that a row
 * may be computed in place and nothing but sums passes between work-items. */
#include "dialect.h"
#include "elementary.h"
#include "logarithm.h"
#include "storage.h"
#include "reduction.h"
#include "rowwise.h"
#include "group.cl"

/* A view in memory: its first element, and its strides; the last one is that along a row. */
#define VIEW(NAME, TYPE) global TYPE *NAME, const long NAME##_first, const long8 NAME##_strides

#ifdef MASK
#define MASK_VIEW , VIEW(mask, const uchar)
#define MASK_AT const long mask_at = row_offset(row, mask_first, mask_strides, dims);
#define TAKES_PART(j) (mask[mask_at + (long)(j) * mask_strides.s7] != 0)
#else
#define MASK_VIEW
#define MASK_AT
#define TAKES_PART(j) true
#endif

#ifndef CLACT_ROWS
#define CLACT_ROWS

#define AXIS(s)                                                                                     \
    if (rest != 0) {                                                                                \
        const ulong q = rest / dims.s;                                                              \
        at += (long)(rest - q * dims.s) * strides.s;                                                \
        rest = q;                                                                                   \
    }

/* Where a row begins. */
INLINE long row_offset(ulong rest, long at, long8 strides, ulong8 dims)
{
    AXIS(s6) AXIS(s5) AXIS(s4) AXIS(s3) AXIS(s2) AXIS(s1) AXIS(s0)
    return at;
}

/* The greatest of what the work-items have. */
INLINE ulong group_greatest(SHARED ulong *marks, ulong mine)
{
    const uint item = ITEM;
    marks[item] = mine;
    for (uint span = LOCAL / 2; span > 0; span /= 2) {
        SYNCHRONISE
        if (item < span)
            marks[item] = marks[item + span] > marks[item] ? marks[item + span] : marks[item];
    }
    SYNCHRONISE
    const ulong greatest = marks[0];
    SYNCHRONISE
    return greatest;
}

/* Folds the lanes of a block, both sums, and takes what comes out to the counters. Lane 0, which holds it, is
 * the first work-item's alone. */
INLINE void group_fold(SHARED real *lanes, SHARED real *counters, uint width, ulong block, int paired)
{
    const uint item = ITEM;
    for (uint span = width / 2; span > 0; span /= 2) {
        SYNCHRONISE
        for (uint l = item; l < span; l += LOCAL) {
            const sums x = {lanes[l], lanes[REDUCTION_LANES + l]};
            const sums y = {lanes[l + span], lanes[REDUCTION_LANES + l + span]};
            const sums s = sums_of(x, y, paired);
            lanes[l] = s.a;
            lanes[REDUCTION_LANES + l] = s.b;
        }
    }
    SYNCHRONISE
    if (item == 0) {
        const sums s = {lanes[0], lanes[REDUCTION_LANES]};
        row_push(counters, counters + REDUCTION_LEVELS, block, s, paired);
    }
}

/* The totals, for all work-items. */
INLINE sums group_total(SHARED real *lanes, SHARED real *counters, ulong blocks, int paired)
{
    sums s;
    if (ITEM == 0) {
        s = row_total(counters, counters + REDUCTION_LEVELS, blocks, paired);
        lanes[0] = s.a;
        lanes[REDUCTION_LANES] = s.b;
    }
    SYNCHRONISE
    s.a = lanes[0];
    s.b = lanes[REDUCTION_LANES];
    SYNCHRONISE
    return s;
}

#endif

#define START_LANE sums s; s.a = s.b = NO_SUM;
#define TAKE_LANE sums s; s.a = lanes[lane]; s.b = lanes[REDUCTION_LANES + lane];
#define KEEP_LANE lanes[lane] = s.a; lanes[REDUCTION_LANES + lane] = s.b;

/* One pass of sums over the row; TERM is s with the term of element j. */
#define SUM_ROW(TOTAL, PAIRED, TERM)                                                                       \
    {                                                                                               \
        const uint width = reduction_width(n);                                                      \
        ulong blocks = 0;                                                                           \
        for (ulong first = 0; first < n; first += REDUCTION_BLOCK) {                                \
            const ulong end = n - first < REDUCTION_BLOCK ? n : first + REDUCTION_BLOCK;            \
            FOR_TERMS(first, end, width, START_LANE, TAKE_LANE, s = TERM;, KEEP_LANE)               \
            group_fold(lanes, counters, width, blocks++, PAIRED);                                   \
        }                                                                                           \
        TOTAL = group_total(lanes, counters, blocks, PAIRED);                                       \
    }

#define ROWS (dims.s0 * dims.s1 * dims.s2 * dims.s3 * dims.s4 * dims.s5 * dims.s6)
#define FOR_ROW(j) for (ulong j = ITEM; j < n; j += LOCAL)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(forward)(VIEW(x, const ELEMENT), VIEW(y, ELEMENT), const ulong8 dims, const real scale MASK_VIEW)
{
    SHARED ulong marks[LOCAL];
    SHARED real lanes[2 * REDUCTION_LANES], counters[2 * REDUCTION_LEVELS];
    FOR_GROUP(row, ROWS)
    {
        const long x_at = row_offset(row, x_first, x_strides, dims);
        const long y_at = row_offset(row, y_first, y_strides, dims);
        MASK_AT
        const ulong n = dims.s7;
        row_state r = row_of(ROW(scale)(scale), ROW(start));
#define T(j) (TAKES_PART(j) ? row_element(LOAD(x[x_at + (long)(j) * x_strides.s7]), r.flip) : NO_PART)
        ulong most = 0, first_of_all = n;
        FOR_ROW(j)
        {
            const ulong order = order_of(T(j));
            most = order > most ? order : most;
        }
        r = row_with(r, of_order((bits)group_greatest(marks, most)));
        if (row_has_sums(r)) {
            if (ROW(first)) {
                most = 0; /* the greatest of the distances from the end */
                FOR_ROW(j)
                {
                    const ulong from_end = T(j) == r.greatest ? n - j : 0;
                    most = from_end > most ? from_end : most;
                }
                first_of_all = n - group_greatest(marks, most);
            } else {
                int again = 1;
                while (again) {
                    sums total;
                    SUM_ROW(total, ROW(paired), ROW(term)(s, ROW(kept)(T(j), r), r))
                    again = ROW(after)(&r, total);
                }
            }
        }
        FOR_ROW(j)
        {
            real result = row_result(ROW(y)(ROW(kept)(T(j), r), r), ROW(none), r);
            result = j == first_of_all ? C(1.0) : result;
            y[y_at + (long)j * y_strides.s7] = STORE(TAKES_PART(j) ? result : ROW(none));
        }
#undef T
    }
}

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(backward)(VIEW(y, const ELEMENT), VIEW(dy, const ELEMENT), VIEW(dx, ELEMENT), const ulong8 dims, const real scale,
              const real beta MASK_VIEW)
{
    SHARED real lanes[2 * REDUCTION_LANES], counters[2 * REDUCTION_LEVELS];
    FOR_GROUP(row, ROWS)
    {
        const long y_at = row_offset(row, y_first, y_strides, dims);
        const long dy_at = row_offset(row, dy_first, dy_strides, dims);
        const long dx_at = row_offset(row, dx_first, dx_strides, dims);
        MASK_AT
        const ulong n = dims.s7;
        row_state r = row_of(ROW(scale)(scale), ROW(start));
#define Y(j) (TAKES_PART(j) ? LOAD(y[y_at + (long)(j) * y_strides.s7]) : ROW(none))
#define DY(j) LOAD(dy[dy_at + (long)(j) * dy_strides.s7])
        if (!ROW(first)) {
            sums total;
            SUM_ROW(total, ROW(paired), ROW(dterm)(s, Y(j), DY(j), r))
            ROW(dafter)(&r, total);
        }
        FOR_ROW(j)
        {
            const long at = dx_at + (long)j * dx_strides.s7;
            real g = ROW(dx)(Y(j), DY(j), r);
            if (beta != C(0.0))
                g = fused(beta, LOAD(dx[at]), g);
            dx[at] = STORE(g);
        }
    }
}
