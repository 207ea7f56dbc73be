/* call.h: one call of the API on its way to a backend: what all kinds of activations check alike. */
#ifndef CLACT_CALL_H
#define CLACT_CALL_H

#include "tensor.h"

struct clact_call {
    clact_context *context;
    const clact_activation *activation;
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
    bool placed, host;            /* an operand has been checked; whether it, and so all, lie in host memory */
    bool host_by_cpu;             /* which is then the CPU backend's, whatever the context's device */
};

/* clact_forward() and clact_backward(), or their forms with enqueue. */
CLACT_PRIVATE clact_status clact_call_forward(const struct clact_call *call, const clact_forward_args *args);
CLACT_PRIVATE clact_status clact_call_backward(const struct clact_call *call, const clact_backward_args *args);

/* Checks an operand that is named what in errors, and writes its view, strides left-aligned, and its
 * number of elements: it lies where the others lie, and within its memory. */
CLACT_PRIVATE clact_status clact_call_operand(struct clact_call *call, const clact_operand *operand, const char *what,
                                              struct clact_view *view, uint64_t *n);

/* The same for an operand whose type must be one that is computed on, as that of a call's first must. */
CLACT_PRIVATE clact_status clact_call_first(struct clact_call *call, const clact_operand *operand, const char *what,
                              struct clact_view *view, uint64_t *n);

/* Checks that an operand has the type, or also the shape, of the first one. */
CLACT_PRIVATE clact_status clact_call_same_type(const clact_operand *operand, const clact_tensor *first,
                                                const char *what);
clact_status clact_call_same_shape(const clact_operand *operand, const clact_tensor *first, const char *what);
/* Or the shape alone. */
clact_status clact_call_same_dims(const clact_operand *operand, const clact_tensor *first, const char *what);

/* Checks that an operand, of which view is the view, can be matched with a shape from the last axis back,
 * an axis of length 1 being repeated, and gives it strides for the shape's axes. */
clact_status clact_call_broadcast(const clact_operand *operand, const clact_tensor *shape, const char *what,
                                  struct clact_view *view);

/* Checks a call's enqueue, if it has one. */
CLACT_PRIVATE clact_status clact_call_enqueue(const clact_enqueue *enqueue);

/* Refuses training where the activation has noise, which it does not draw as it was made: gated, or quantised. */
clact_status clact_call_no_noise(const struct clact_call *call, uint32_t training, const char *made);

/* Checks the factor, named what, of what an output of a type holds, and rounds it to the type computed in. */
CLACT_PRIVATE clact_status clact_call_beta(double given, uint32_t type, const char *what, struct clact_beta *beta);

/* What backward of an activation on operands of a type reads: CLACT_BACKWARD_Y wherever y will do, _X or _NOTHING. */
CLACT_PRIVATE uint32_t clact_backward_reads(const clact_context *context, const clact_activation *activation,
                                            uint32_t type);

/* The backend that a checked call goes to. */
static inline const struct clact_backend_functions *clact_call_backend(const struct clact_call *call)
{
    if (!call->host)
        return call->context->device;
    return call->host_by_cpu ? &clact_cpu_functions : call->context->host;
}

/* The kinds, each in a file of its name. */
clact_status clact_elementwise_forward(struct clact_call *call, const clact_forward_args *args);
clact_status clact_elementwise_backward(struct clact_call *call, const clact_backward_args *args);
clact_status clact_rowwise_forward(struct clact_call *call, const clact_forward_args *args);
clact_status clact_rowwise_backward(struct clact_call *call, const clact_backward_args *args);
clact_status clact_gated_forward(struct clact_call *call, const clact_forward_args *args);
clact_status clact_gated_backward(struct clact_call *call, const clact_backward_args *args);
clact_status clact_reduce_forward(struct clact_call *call, const clact_forward_args *args);
clact_status clact_reduce_backward(struct clact_call *call, const clact_backward_args *args);
clact_status clact_quantised_forward(struct clact_call *call, const clact_forward_args *args);
clact_status clact_quantised_backward(struct clact_call *call, const clact_backward_args *args);

#endif
