/* matmul.h: products of matrices, C = A B + beta C, as backends take them. */
#ifndef CLACT_MATMUL_H
#define CLACT_MATMUL_H

#include "backend.h"

enum { MATMUL_A, MATMUL_B, MATMUL_C, MATMUL_VIEW_COUNT };

/* The last two strides of a matrix's view: from row to row, and from column to column. */
enum { ROW_STRIDE = CLACT_MAX_RANK - 2, COLUMN_STRIDE = CLACT_MAX_RANK - 1 };

/* One checked call. A is rows by depth, B depth by columns, C rows by columns; a transposed operand is one whose
 * strides are exchanged. Each element of C is one chain of fma in ascending order of the depth, which begins at +0; one
 * fma more takes beta C. */
struct clact_matmul {
    uint64_t rows, columns, depth;
    bool host;                    /* operands are host pointers */
    struct clact_beta beta;
    struct clact_view views[MATMUL_VIEW_COUNT];
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
};

/* Goes to the backend that the operands lie on: what lies in host memory is the CPU backend's, whatever the device. */
CLACT_PRIVATE clact_status clact_matmul_run(clact_context *context, const struct clact_matmul *product);

#endif
