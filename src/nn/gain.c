/* gain.c: the gain of weights that keeps the second moment of what passes through an activation. */
#include <clact/nn.h>

#include "../fpenv.h"
#include "../internal.h"

#define CLACT_REAL_BITS 64
#include "dialect.h"
#include "elementary.h"
#include "activations.h"

#include <math.h>
#include <stdlib.h>

/* The mean of f(z)^2 by the rule of rectangles, at the middles of steps: more exact than any power of the step where f is
 * smooth, and to its square at a kink. The density is below 10^-31 of its height beyond 12. */
enum { STEPS_TO_1 = 1024, REACH = 12, POINTS = 2 * REACH * STEPS_TO_1 };

static double point(int i)
{
    return (i - POINTS / 2 + 0.5) / STEPS_TO_1;
}

/* y = f at the points, in f64, or in f32 where that is all it has. */
static clact_status values(const clact_activation *f, double *y)
{
    clact_context *context;
    clact_operand at = clact_array(CLACT_F64, y, POINTS);
    float *narrow = (float *)y;
    TRY(clact_open(&context, &(clact_options){.device = "cpu", .threads = 1}));
    for (int i = 0; i < POINTS; i++)
        y[i] = point(i);
    clact_status status = clact_forward(context, f, &(clact_forward_args){.x = &at, .y = &at});
    if (status == CLACT_E_UNSUPPORTED) {
        for (int i = 0; i < POINTS; i++)
            narrow[i] = (float)point(i);
        status = clact_apply(context, f, POINTS, narrow, narrow);
        for (int i = POINTS; i-- > 0;)
            y[i] = narrow[i];
    }
    clact_close(&context);
    return status;
}

clact_status clact_nn_gain(double *out, const clact_activation *activation)
{
    REQUIRE(out && activation, CLACT_E_ARGUMENT, "out and activation must not be NULL");
    REQUIRE(activation->kind == KIND_ELEMENTWISE, CLACT_E_UNSUPPORTED, "%s has no gain: it is not element-wise",
            activation->info->name);
    double *y = malloc(POINTS * sizeof *y), sum = 0, weight = 0;
    REQUIRE(y, CLACT_E_MEMORY, "out of memory");
    clact_status status = values(activation, y);
    clact_fpenv env = clact_fpenv_enter();
    for (int i = 0; i < POINTS && status == CLACT_OK; i++) {
        double z = point(i), density = exp_f(-0.5 * z * z);
        sum = fused(density * y[i], y[i], sum);
        weight += density;
    }
    double gain = sqrt(weight / sum);
    clact_fpenv_leave(env);
    free(y);
    TRY(status);
    REQUIRE(isfinite(gain) && gain > 0, CLACT_E_UNSUPPORTED, "%s has no gain: the mean of its square is %s",
            activation->info->name, sum == 0 ? "zero" : "not finite");
    *out = gain;
    return CLACT_OK;
}
