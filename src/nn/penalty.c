/* penalty.c: l1 and l2 penalties on weights and on what layers put out. */
#include "operands.h"

#include <math.h>

clact_status clact_nn_penalty(clact_context *context, const clact_nn_penalty_args *args, const clact_enqueue *enqueue)
{
    struct clact_nn_call c;
    struct clact_nn_array x, value, gradient;
    TRY(clact_nn_begin(&c, context, args, args ? args->reserved : NULL, enqueue));
    REQUIRE(args->activity <= 1 && args->reserved0 == 0, CLACT_E_ARGUMENT, "activity must be 0 or 1, reserved words 0");
    REQUIRE(isfinite(args->value_beta), CLACT_E_ARGUMENT, "value_beta must be finite, and is %g", args->value_beta);
    REQUIRE(args->value || args->gradient, CLACT_E_ARGUMENT, "neither the value nor the gradient is asked for");
    TRY(clact_nn_positive(args->l1, "l1"));
    TRY(clact_nn_positive(args->l2, "l2"));
    TRY(clact_nn_needed(&c, args->x, "x", &x));
    TRY(clact_nn_vector(&c, args->value, 1, "value", &value));
    TRY(clact_nn_like(&c, args->gradient, &x, "gradient", &gradient));
    TRY(clact_nn_arrays_apart(&c, &value, &x, false));
    TRY(clact_nn_arrays_apart(&c, &gradient, &x, false));
    TRY(clact_nn_arrays_apart(&c, &value, &gradient, false));
    REQUIRE(!args->activity || x.tensor->rank > 0, CLACT_E_ARGUMENT, "x has no dimension of samples");
    const double samples = args->activity ? (double)x.tensor->dims[0] : 1;
    struct clact_array_step steps[2] = {{0}};
    int count = 0;
    if (value.tensor)
        steps[count++] = (struct clact_array_step){
            .operation = ARRAY_penalty, .segments = 1, .rows = 1, .columns = x.count,
            .inputs = {clact_nn_rows(&x, x.count)}, .outputs = {clact_nn_element(&value, 0)},
            .parameters = {args->l1, args->l2}, .factor = clact_nn_quotient(1, samples), .beta = args->value_beta,
        };
    if (gradient.tensor)
        steps[count++] = (struct clact_array_step){
            .operation = ARRAY_penalty_gradient, .segments = 1, .rows = 1, .columns = x.count,
            .inputs = {clact_nn_rows(&x, x.count), clact_nn_rows(&gradient, x.count)},
            .outputs = {clact_nn_rows(&gradient, x.count)},
            .parameters = {clact_nn_quotient(args->l1, samples), clact_nn_quotient(2 * args->l2, samples)},
        };
    return clact_arrays_run(&c.call, steps, count);
}
