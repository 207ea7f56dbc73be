/* nn.h: the dense layer and what training takes: libclact-nn, a second library beside libclact.
 *
 * Rules that hold for all of it, besides those of clact.h:
 *   - Operands are dense and row-major. A matrix has rank 2: [rows, columns]; a batch has one sample in each row.
 *   - All operands of one call lie in host memory, or none does. In host memory they are computed by the CPU backend,
 *     whatever the context's device: the bits are the same. Others run on enqueue->queue, after enqueue->waits, as
 *     clact_forward_enqueue() does; enqueue may be NULL: the context's queue, in the order of the calls.
 *   - CLACT_NN_EXACT gives the same bits on every device that clact_caps.exact calls exact, and for any number of threads. */
#ifndef CLACT_NN_H
#define CLACT_NN_H

#include <clact/clact.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clact_enqueue; /* of clact/opencl.h */

/* The version of libclact-nn that runs, which is that of libclact: they are made for one another. Static; never NULL. */
CLACT_API const clact_version_info *clact_nn_version(void);

/* How products of matrices are computed. */
typedef enum clact_nn_mode {
    CLACT_NN_EXACT = 0, /* each element one chain of fma, in the order of its terms: the same bits everywhere */
    CLACT_NN_FAST = 1   /* by CLBlast or OpenBLAS where they are installed: another order of the terms */
} clact_nn_mode;

#ifdef __cplusplus
}
#endif

#endif
