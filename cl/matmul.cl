/* matmul.cl: C = A B, or A B + beta C, for matrices with any strides.
 *
 * Each element of C is one chain of fma in ascending order of the depth, which begins at +0, so that the tiles that
 * the work is cut into do not show in its bits. A group computes a tile of C from pieces of A and B that it brings to
 * local memory; each of its work-items has four rows of the tile and a vector of its columns.
 *
 * The composer defines CLACT_REAL_BITS, KERNEL(part), ELEMENT, LOAD(v), STORE(v), LOCAL, and ACCUMULATE where C is
 * added to. */
#include "dialect.h"
#include "storage.h"
#include "group.cl"

#if CLACT_REAL_BITS == 64
typedef double8 reals;
#define LANES 8
#define LOAD_REALS vload8
#define STORE_REALS vstore8
#else
typedef float16 reals;
#define LANES 16
#define LOAD_REALS vload16
#define STORE_REALS vstore16
#endif

/* Work-items of a group stand in a grid, at most eight to a row. src/opencl/matmul.c counts the tiles. */
#define ITEM_COLUMNS (LOCAL < 8 ? LOCAL : 8)
#define TILE_ROWS (4 * (LOCAL / ITEM_COLUMNS))
#define TILE_COLUMNS (LANES * ITEM_COLUMNS)
#define DEPTH 16 /* of the pieces in local memory */

#define MATRIX(v) global const ELEMENT *v, const long v##_first, const long v##_row, const long v##_column

#ifdef ACCUMULATE
#define ADDED(sum) fused(beta, LOAD(c[at]), sum)
#else
#define ADDED(sum) sum
#endif

/* A piece of a matrix, zeros standing for what lies beyond it. Neighbours in memory are read by neighbours. */
#define TAKE_PIECE(to, height, width, v, i0, j0, i_end, j_end)                                      \
    for (uint e = ITEM; e < (height) * (width); e += LOCAL) {                                       \
        const uint i = v##_column == 1 ? e / (width) : e % (height);                                \
        const uint j = v##_column == 1 ? e % (width) : e / (height);                                \
        const bool within = (i0) + i < (i_end) && (j0) + j < (j_end);                               \
        const long at = v##_first + (long)((i0) + i) * v##_row + (long)((j0) + j) * v##_column;     \
        to[i * (width) + j] = within ? LOAD(v[at]) : C(0.0);                                        \
    }

#define STORE_ROW(r)                                                                                \
    if (row + r < rows) {                                                                           \
        real sums[LANES];                                                                           \
        STORE_REALS(sum##r, 0, sums);                                                               \
        for (uint l = 0; l < LANES && column + l < columns; l++) {                                  \
            const long at = c_first + (long)(row + r) * c_row + (long)(column + l) * c_column;      \
            c[at] = STORE(ADDED(sums[l]));                                                          \
        }                                                                                           \
    }

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(product)(MATRIX(a), MATRIX(b), global ELEMENT *c, const long c_first, const long c_row, const long c_column,
                     const ulong rows, const ulong columns, const ulong depth, const real beta)
{
    SHARED real left[TILE_ROWS * DEPTH], right[DEPTH * TILE_COLUMNS];
    const ulong across = (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    FOR_GROUP(tile, (rows + TILE_ROWS - 1) / TILE_ROWS * across)
    {
        const ulong down = tile / across; /* the remainder by hand: Oclgrind cannot watch what clang makes of both */
        const ulong first_row = down * TILE_ROWS, first_column = (tile - down * across) * TILE_COLUMNS;
        const uint item_row = ITEM / ITEM_COLUMNS * 4, item_column = ITEM % ITEM_COLUMNS * LANES;
        const ulong row = first_row + item_row, column = first_column + item_column;
        reals sum0 = (reals)(C(0.0)), sum1 = sum0, sum2 = sum0, sum3 = sum0;
        for (ulong k = 0; k < depth; k += DEPTH) {
            TAKE_PIECE(left, TILE_ROWS, DEPTH, a, first_row, k, rows, depth)
            TAKE_PIECE(right, DEPTH, TILE_COLUMNS, b, k, first_column, depth, columns)
            SYNCHRONISE
            if (row < rows && column < columns) {
                const uint terms = depth - k < DEPTH ? (uint)(depth - k) : DEPTH;
                SHARED const real *x = left + item_row * DEPTH, *y = right + item_column;
                for (uint p = 0; p < terms; p++) {
                    const reals v = LOAD_REALS(0, y + p * TILE_COLUMNS);
                    sum0 = fused((reals)(x[p]), v, sum0);
                    sum1 = fused((reals)(x[p + DEPTH]), v, sum1);
                    sum2 = fused((reals)(x[p + 2 * DEPTH]), v, sum2);
                    sum3 = fused((reals)(x[p + 3 * DEPTH]), v, sum3);
                }
            }
            SYNCHRONISE
        }
        STORE_ROW(0) STORE_ROW(1) STORE_ROW(2) STORE_ROW(3)
    }
}
