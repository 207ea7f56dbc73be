/* operands.h: what the calls on arrays check alike, and their operands as operations take them. */
#ifndef CLACT_NN_OPERANDS_H
#define CLACT_NN_OPERANDS_H

#include "../arrays.h"

#include <clact/nn.h>

/* A call: its first operand has the type of all. */
struct clact_nn_call {
    struct clact_call call;
    const clact_tensor *first;
};

/* A checked operand, which is dense; without a tensor it was not given. */
struct clact_nn_array {
    const clact_tensor *tensor;
    struct clact_view view; /* strides left-aligned, as the tensor has them */
    uint64_t count;
    const char *what;
};

/* Begins a call. reserved: eight words of the arguments. */
clact_status clact_nn_begin(struct clact_nn_call *c, clact_context *context, const void *args, const uint64_t *reserved,
                            const clact_enqueue *enqueue);

/* Checks an operand of any type: dense, with elements, where the others lie. NULL gives an array without a tensor. */
clact_status clact_nn_any(struct clact_nn_call *c, const clact_operand *operand, const char *what,
                          struct clact_nn_array *out);
/* The same for f32 or f64, whichever the first operand has; one that must be given; one of another's shape; and one of
 * so many elements, in one dimension or, where there is one element, none. */
clact_status clact_nn_real(struct clact_nn_call *c, const clact_operand *operand, const char *what,
                           struct clact_nn_array *out);
clact_status clact_nn_needed(struct clact_nn_call *c, const clact_operand *operand, const char *what,
                             struct clact_nn_array *out);
clact_status clact_nn_like(struct clact_nn_call *c, const clact_operand *operand, const struct clact_nn_array *other,
                           const char *what, struct clact_nn_array *out);
clact_status clact_nn_vector(struct clact_nn_call *c, const clact_operand *operand, uint64_t count, const char *what,
                             struct clact_nn_array *out);
clact_status clact_nn_is_vector(const struct clact_nn_array *a, uint64_t count);

/* Checks that an output shares no memory with another operand; where may_be, the two may be one view. Those that were
 * not given share nothing. */
clact_status clact_nn_arrays_apart(const struct clact_nn_call *c, const struct clact_nn_array *out,
                            const struct clact_nn_array *other, bool may_be);

/* The view of a step: of all elements in rows of columns; of an element for each row; of the index-th for all. */
struct clact_view clact_nn_rows(const struct clact_nn_array *a, uint64_t columns);
struct clact_view clact_nn_for_rows(const struct clact_nn_array *a);
struct clact_view clact_nn_element(const struct clact_nn_array *a, int64_t index);

/* Checks a number of the arguments: finite and not negative. */
clact_status clact_nn_positive(double number, const char *what);
/* a / b to nearest, whatever the caller's rounding mode. */
double clact_nn_quotient(double a, double b);

#endif
