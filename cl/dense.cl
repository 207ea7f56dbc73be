/* dense.cl: y = f(x + b) for one activation and one type; b is a row that is added to each of x's.
 *
 * The composer (src/opencl/compose.c) writes the lines before this text:
 *   CLACT_REAL_BITS, and where the device wants them CLACT_ROUNDS_TO_ZERO, CLACT_DIVIDE_BY_FMA
 *   ELEMENT, LOAD(v), STORE(v)   the stored type and its conversions
 *   ROW_F(x)                     the activation, with its parameters, parameters.s0, ...
 *   KERNEL(part)                 the name of a kernel
 *   LOCAL, PER_ITEM              work-items in a group, elements for each
 *   KEEP                         x + b is stored in z, too */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "noise.h"
#include "storage.h"
#include "walk.cl"

#ifdef KEEP
#define SUM_PARAMETER , global ELEMENT *z, const long z_first
#define KEEP_SUM z[z_first + at] = STORE(sum);
#else
#define SUM_PARAMETER
#define KEEP_SUM
#endif

#define ADD_BIAS                                                                                    \
    const long at = (long)(row * columns + j);                                                      \
    const real sum = LOAD(x[x_first + at]) + LOAD(b[b_first + (long)j]);                            \
    KEEP_SUM                                                                                        \
    y[y_first + at] = STORE(ROW_F(sum));

/* A group takes a part of a row. As in FOR_TILE of walk.cl, no work-item tests a bound in a whole part. */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(dense)(global const ELEMENT *x, const long x_first, global const ELEMENT *b, const long b_first,
                   global ELEMENT *y, const long y_first, const ulong rows, const ulong columns,
                   PARAMETERS SUM_PARAMETER)
{
    const ulong width = LOCAL * PER_ITEM, parts = (columns + width - 1) / width;
    FOR_GROUP(part, rows * parts)
    {
        const ulong row = part / parts, first = (part - row * parts) * width + ITEM;
        if (first - ITEM + width <= columns) {
            for (uint k = 0; k < PER_ITEM; k++) { const ulong j = first + k * LOCAL; ADD_BIAS }
        } else {
            for (ulong j = first; j < columns; j += LOCAL) { ADD_BIAS }
        }
    }
}
