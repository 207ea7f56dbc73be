/* gradient.h: gradients of learnable parameters, as backward is asked for them. */
#ifndef CLACT_GRADIENT_H
#define CLACT_GRADIENT_H

#include "call.h"

/* Checks what args asks for, and brings it to the form that backends take. The launch's views are checked, but not
 * yet simplified: they have the shape's axes. out: CLACT_MAX_GRADIENTS of them. */
clact_status clact_gradients_check(struct clact_call *call, struct clact_launch *l, const clact_tensor *shape,
                                   const clact_backward_args *args, struct clact_gradient *out);

#endif
