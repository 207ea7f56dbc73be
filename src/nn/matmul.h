/* matmul.h: products of matrices within libclact-nn: checked operands, and the implementation that computes them. */
#ifndef CLACT_NN_MATMUL_H
#define CLACT_NN_MATMUL_H

#include "../call.h"
#include "../matmul.h"

#include <clact/nn.h>

/* Checks an operand that must be dense and have the rank and dims of shape, and that call's first operand's type, and
 * writes its view with strides for the last two axes. */
clact_status clact_nn_operand(struct clact_call *call, const clact_operand *operand, const clact_tensor *shape,
                              const char *what, struct clact_view *view);
/* The same for a call's first operand, a matrix of any shape. */
clact_status clact_nn_first(struct clact_call *call, const clact_operand *operand, const char *what,
                            struct clact_view *view);
/* A dense tensor of this shape. */
clact_tensor clact_nn_matrix(uint32_t type, int64_t rows, int64_t columns);

/* Exchanges rows and columns. */
void clact_nn_transpose(struct clact_view *view);

/* Refuses an output that shares memory with another operand. */
clact_status clact_nn_apart(clact_context *context, const clact_operand *in, const char *in_name,
                            const clact_operand *out, const char *out_name);

/* The rules of clact_enqueue, and of mode. */
clact_status clact_nn_enqueue(const clact_context *context, const clact_enqueue *enqueue);
clact_status clact_nn_mode_of(uint32_t mode);

/* Whether a product can be computed as mode asks; then clact_nn_product_run() does it. */
clact_status clact_nn_product_check(clact_context *context, const struct clact_matmul *product, uint32_t mode);
clact_status clact_nn_product_run(clact_context *context, const struct clact_matmul *product, uint32_t mode);

#endif
