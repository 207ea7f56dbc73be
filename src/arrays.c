/* arrays.c: operations over arrays: their data, and the way to a backend. */
#include "arrays.h"
#include "fpenv.h"

#include <math.h>

#define PLAIN false
#define LABELLED true
const struct clact_array_info clact_array_infos[ARRAY_OPERATIONS] = {
#define MAP(name, inputs, outputs, parameters, labelled)                                            \
    [ARRAY_##name] = {#name, ARRAY_MAP, inputs, outputs, parameters, labelled},
#define SUM(name, inputs, parameters, labelled) [ARRAY_##name] = {#name, ARRAY_SUM, inputs, 1, parameters, labelled},
#define TALLY(name, parameters) [ARRAY_##name] = {#name, ARRAY_TALLY, 1, 1, parameters, false},
#include "arrays.def"
#undef MAP
#undef SUM
#undef TALLY
};

/* Infinity may be asked for, as "no limit". */
static clact_status round_number(double given, uint32_t type, struct clact_beta *out)
{
    *out = (struct clact_beta){given, (float)given};
    REQUIRE(type == CLACT_F64 || isfinite(out->f32) || !isfinite(given), CLACT_E_RANGE, "%g is not finite in f32",
            given);
    return CLACT_OK;
}

static clact_status round_numbers(struct clact_array_step *s)
{
    uint32_t type = clact_array_type(s);
    for (int k = 0; k < clact_array_infos[s->operation].parameters; k++)
        TRY(round_number(s->parameters[k], type, &s->rounded[k]));
    TRY(round_number(s->factor, type, &s->rounded_factor));
    return round_number(s->beta, type, &s->rounded_beta);
}

clact_status clact_arrays_run(const struct clact_call *call, struct clact_array_step *steps, int count)
{
    clact_status status = CLACT_OK;
    clact_fpenv env = clact_fpenv_enter(); /* rounded to nearest, whatever the caller's mode */
    for (int i = 0; i < count && status == CLACT_OK; i++)
        if (!steps[i].rows_of)
            status = round_numbers(&steps[i]);
    clact_fpenv_leave(env);
    if (status != CLACT_OK || (!count && !call->enqueue))
        return status;
    const struct clact_arrays arrays = {steps, count, call->enqueue};
    const struct clact_backend_functions *backend = call->host ? &clact_cpu_functions : call->context->device;
    clact_enter(call->context);
    return clact_leave(call->context, backend->arrays(call->context, &arrays));
}
