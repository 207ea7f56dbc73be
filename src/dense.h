/* dense.h: what a dense layer takes besides products: y = f(x + b), and sums of columns. */
#ifndef CLACT_DENSE_H
#define CLACT_DENSE_H

#include "backend.h"

enum { DENSE_X, DENSE_BIAS, DENSE_Z, DENSE_Y, DENSE_VIEW_COUNT };

/* One checked call on dense matrices: b is a row, and is added to each row of x. z and y may be x, and bias none of
 * them. */
struct clact_dense {
    const clact_activation *activation; /* element-wise, without noise or a tensor; NULL: y = x + b */
    uint64_t rows, columns;
    bool host;                    /* operands are host pointers */
    bool has_z;                   /* z is x + b; y is made from that before it is rounded to its type */
    struct clact_view views[DENSE_VIEW_COUNT];
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
};

/* Whether an activation can be a part of such a call: it is element-wise, and draws no noise. */
CLACT_PRIVATE bool clact_dense_takes(const clact_activation *activation, uint32_t training);

/* Goes to the backend that the operands lie on: what lies in host memory is the CPU backend's, whatever the device. */
CLACT_PRIVATE clact_status clact_dense_run(clact_context *context, const struct clact_dense *dense);

/* sums[j] = beta sums[j] + the sum of column j, by cl/reduction.h. sums are of x's type, or f32 where it is narrower. */
struct clact_columns {
    uint64_t rows, columns;
    bool host;
    struct clact_beta beta;
    struct clact_view x, sums;    /* dense */
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
};

CLACT_PRIVATE clact_status clact_columns_run(clact_context *context, const struct clact_columns *columns);

#endif
