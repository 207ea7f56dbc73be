/* optimizer.c: the rules by which weights follow their gradients. */
#include "operands.h"
#include "../fpenv.h"

#include <math.h>

#define STATES 2 /* at most */

/* ---- Rules ---------------------------------------------------------------------------------- */

static bool is_adam(const clact_nn_optimizer *o)
{
    return o->rule == CLACT_NN_ADAM || o->rule == CLACT_NN_ADAMW;
}

clact_status clact_nn_optimizer_default(clact_nn_optimizer *out, clact_nn_rule rule)
{
    REQUIRE(out, CLACT_E_ARGUMENT, "the optimizer has no place to go");
    REQUIRE(rule >= CLACT_NN_SGD && rule <= CLACT_NN_ADAMW, CLACT_E_NAME, "%d is not a clact_nn_rule", (int)rule);
    clact_nn_optimizer o = {.rule = (uint32_t)rule, .rate = rule == CLACT_NN_SGD ? 0.01 : 0.001};
    if (rule == CLACT_NN_RMSPROP) {
        o.rho = 0.9;
        o.epsilon = 1e-7;
    } else if (is_adam(&o)) {
        o.beta1 = 0.9;
        o.beta2 = 0.999;
        o.epsilon = 1e-8;
        o.decay = rule == CLACT_NN_ADAMW ? 0.01 : 0;
    }
    *out = o;
    return CLACT_OK;
}

uint32_t clact_nn_optimizer_states(const clact_nn_optimizer *o)
{
    if (!o)
        return 0;
    return is_adam(o) ? 2 : o->rule == CLACT_NN_RMSPROP || (o->rule == CLACT_NN_SGD && o->momentum != 0) ? 1 : 0;
}

static clact_status check_share(double share, const char *what)
{
    REQUIRE(share >= 0 && share < 1, CLACT_E_RANGE, "%s must be at least 0 and below 1, and is %g", what, share);
    return CLACT_OK;
}

static clact_status check_optimizer(const clact_nn_optimizer *o)
{
    uint64_t any = 0;
    REQUIRE(o, CLACT_E_ARGUMENT, "the optimizer must not be NULL");
    for (int i = 0; i < 8; i++)
        any |= o->reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of clact_nn_optimizer must be zero");
    REQUIRE(o->rule >= CLACT_NN_SGD && o->rule <= CLACT_NN_ADAMW, CLACT_E_NAME, "%u is not a clact_nn_rule",
            (unsigned)o->rule);
    TRY(clact_nn_positive(o->rate, "rate"));
    TRY(clact_nn_positive(o->decay, "decay"));
    TRY(check_share(o->momentum, "momentum"));
    TRY(check_share(o->rho, "rho"));
    TRY(check_share(o->beta1, "beta1"));
    TRY(check_share(o->beta2, "beta2"));
    REQUIRE(o->rule == CLACT_NN_SGD || (isfinite(o->epsilon) && o->epsilon > 0), CLACT_E_RANGE,
            "epsilon must be finite and above 0, and is %g", o->epsilon);
    REQUIRE(o->nesterov <= 1 && (!o->nesterov || (o->rule == CLACT_NN_SGD && o->momentum != 0)), CLACT_E_ARGUMENT,
            "nesterov is 0, or 1 for SGD with momentum");
    return CLACT_OK;
}

clact_status clact_nn_step_begin(clact_nn_optimizer *o)
{
    TRY(check_optimizer(o));
    clact_fpenv env = clact_fpenv_enter();
    volatile double power1 = o->steps ? o->power1 : 1, power2 = o->steps ? o->power2 : 1;
    power1 *= o->beta1;
    power2 *= o->beta2;
    clact_fpenv_leave(env);
    o->power1 = power1;
    o->power2 = power2;
    o->steps++;
    return CLACT_OK;
}

/* ---- Updates -------------------------------------------------------------------------------- */

/* The operation and its numbers, in an environment that rounds to nearest. */
static __attribute__((noinline)) void choose(const clact_nn_optimizer *o, struct clact_array_step *s)
{
    s->parameters[0] = o->rate;
    if (o->rule == CLACT_NN_SGD) {
        s->operation = o->momentum == 0 ? ARRAY_sgd : o->nesterov ? ARRAY_nesterov : ARRAY_momentum;
        s->parameters[1] = o->momentum;
    } else if (o->rule == CLACT_NN_RMSPROP) {
        s->operation = ARRAY_rmsprop;
        s->parameters[1] = 1 - o->rho;
        s->parameters[2] = o->epsilon;
    } else {
        s->operation = ARRAY_adam;
        s->parameters[0] = o->rate / (1 - o->power1);
        s->parameters[1] = 1 / (1 - o->power2);
        s->parameters[2] = 1 - o->beta1;
        s->parameters[3] = 1 - o->beta2;
        s->parameters[4] = o->epsilon;
        s->parameters[5] = o->rule == CLACT_NN_ADAMW ? o->rate * o->decay : 0;
    }
}

/* Weights, states and gradient, in this order; all but the gradient are put out again. */
static clact_status check_operands(struct clact_nn_call *c, const clact_nn_update_args *args, int states,
                                   struct clact_nn_array *arrays)
{
    static const char *const names[STATES] = {"the first state", "the second state"};
    TRY(clact_nn_needed(c, args->weights, "weights", &arrays[0]));
    for (int k = 0; k < STATES; k++) {
        REQUIRE((args->states[k] != NULL) == (k < states), CLACT_E_ARGUMENT, "the rule has %d states, and %s is %s",
                states, names[k], args->states[k] ? "given" : "missing");
        if (k < states)
            TRY(clact_nn_like(c, args->states[k], &arrays[0], names[k], &arrays[1 + k]));
    }
    REQUIRE(args->gradient, CLACT_E_ARGUMENT, "gradient must not be NULL");
    TRY(clact_nn_like(c, args->gradient, &arrays[0], "gradient", &arrays[1 + states]));
    for (int k = 0; k <= states; k++)
        for (int i = k + 1; i <= states + 1; i++)
            TRY(clact_nn_arrays_apart(c, &arrays[k], &arrays[i], false));
    return CLACT_OK;
}

clact_status clact_nn_update(clact_context *context, const clact_nn_update_args *args, const clact_enqueue *enqueue)
{
    struct clact_nn_call c;
    struct clact_nn_array arrays[2 + STATES];
    TRY(clact_nn_begin(&c, context, args, args ? args->reserved : NULL, enqueue));
    const clact_nn_optimizer *o = args->optimizer;
    TRY(check_optimizer(o));
    REQUIRE(o->steps, CLACT_E_ARGUMENT, "no step was begun: clact_nn_step_begin() comes before updates");
    const int states = (int)clact_nn_optimizer_states(o);
    TRY(check_operands(&c, args, states, arrays));
    REQUIRE(o->rule == CLACT_NN_SGD || c.first->type == CLACT_F64 || (float)o->epsilon > 0, CLACT_E_RANGE,
            "epsilon, %g, is 0 in f32", o->epsilon);
    const uint64_t n = arrays[0].count;
    struct clact_array_step s = {.segments = 1, .rows = 1, .columns = n};
    clact_fpenv env = clact_fpenv_enter();
    choose(o, &s);
    clact_fpenv_leave(env);
    for (int k = 0; k < states + 2; k++)
        s.inputs[k] = clact_nn_rows(&arrays[k], n);
    for (int k = 0; k < states + 1; k++)
        s.outputs[k] = s.inputs[k];
    return clact_arrays_run(&c.call, &s, 1);
}
