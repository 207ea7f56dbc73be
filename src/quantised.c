/* quantised.c: quantised activations: the table of all results, made once, and calls that look them up. */
#include "call.h"
#include "views.h"

#include <math.h>
#include <string.h>

/* ---- The table ------------------------------------------------------------------------------ */

static int32_t least_of(uint32_t type)
{
    return type == CLACT_I8 ? INT8_MIN : 0;
}

static int32_t greatest_of(uint32_t type)
{
    return type == CLACT_I8 ? INT8_MAX : UINT8_MAX;
}

static clact_status check_side(const char *side, uint32_t type, double scale, int32_t zero)
{
    REQUIRE(type == CLACT_I8 || type == CLACT_U8, CLACT_E_ARGUMENT, "%s_type must be CLACT_I8 or CLACT_U8, and is %u", side,
            (unsigned)type);
    REQUIRE((float)scale > 0 && isfinite((float)scale), CLACT_E_RANGE,
            "%s_scale must be above 0 and finite, also in f32, and is %g", side, scale);
    REQUIRE(zero >= least_of(type) && zero <= greatest_of(type), CLACT_E_RANGE,
            "%s_zero must be from %d to %d, as %s is, and is %d", side, (int)least_of(type), (int)greatest_of(type),
            clact_type_name((clact_type)type), (int)zero);
    return CLACT_OK;
}

/* The number in type that v, a multiple of the scale, is stored as. */
static int32_t stored(float v, uint32_t type, int32_t zero)
{
    const float beyond = 2 * CLACT_TABLE_SIZE; /* no integer this far from 0 is within a type, whatever its zero */
    if (isnan(v))
        return zero;
    v = v > beyond ? beyond : v < -beyond ? -beyond : v;
    int32_t q = (int32_t)rintf(v) + zero; /* half to even: the environment rounds to nearest */
    return q < least_of(type) ? least_of(type) : q > greatest_of(type) ? greatest_of(type) : q;
}

static void make_table(clact_activation *a, const clact_quantization *q)
{
    float x[CLACT_TABLE_SIZE], y[CLACT_TABLE_SIZE];
    const float x_scale = (float)q->x_scale, y_scale = (float)q->y_scale;
    for (int byte = 0; byte < CLACT_TABLE_SIZE; byte++)
        x[byte] = (float)((q->x_type == CLACT_I8 ? (int8_t)byte : byte) - q->x_zero) * x_scale;
    clact_cpu_table_values(a, x, y);
    for (int byte = 0; byte < CLACT_TABLE_SIZE; byte++)
        a->table[byte] = (uint8_t)stored(y[byte] / y_scale, q->y_type, q->y_zero);
}

clact_status clact_quantise(clact_activation *a, const clact_quantization *q)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < sizeof q->reserved / sizeof *q->reserved; i++)
        rest |= q->reserved[i];
    REQUIRE(rest == 0, CLACT_E_ARGUMENT, "reserved words of clact_quantization must be zero");
    REQUIRE(a->kind == KIND_ELEMENTWISE, CLACT_E_UNSUPPORTED, "%s%s cannot be quantised: only element-wise activations are",
            a->kind == KIND_GATED ? "gated, " : "", a->info->name);
    TRY(check_side("x", q->x_type, q->x_scale, q->x_zero));
    TRY(check_side("y", q->y_type, q->y_scale, q->y_zero));
    REQUIRE(a->fits_f32, CLACT_E_RANGE, "a parameter of %s is not finite in f32, or zero where it must not be", a->info->name);
    make_table(a, q);
    a->kind = KIND_QUANTISED;
    a->x_type = q->x_type;
    a->y_type = q->y_type;
    return CLACT_OK;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status check_operand(struct clact_call *call, const clact_operand *operand, uint32_t type, const char *what,
                                  struct clact_view *view, uint64_t *n)
{
    TRY(clact_call_operand(call, operand, what, view, n));
    REQUIRE(view->type == type, CLACT_E_ARGUMENT, "%s is of type %s, and %s is quantised for %s", what,
            clact_type_name((clact_type)view->type), call->activation->info->name, clact_type_name((clact_type)type));
    return CLACT_OK;
}

clact_status clact_quantised_forward(struct clact_call *call, const clact_forward_args *args)
{
    const clact_activation *a = call->activation;
    struct clact_table_launch l = {.table = a->table, .enqueue = call->enqueue};
    struct clact_view *x = &l.views[TABLE_X], *y = &l.views[TABLE_Y];
    bool same;
    TRY(clact_call_no_noise(call, args->training, "quantised"));
    TRY(check_operand(call, args->x, a->x_type, "x", x, &l.count));
    TRY(check_operand(call, args->y, a->y_type, "y", y, &l.count));
    const clact_tensor *shape = &args->x->tensor;
    TRY(clact_call_same_dims(args->y, shape, "y"));
    l.host = call->host;
    if (l.count) {
        TRY(clact_view_distinct(shape, y, "y"));
        TRY(clact_view_overlap(call->context, shape, x, y, "x", &same));
        memcpy(l.dims, shape->dims, sizeof l.dims);
        l.dense = clact_views_simplify(l.dims, shape->rank, l.views, TABLE_VIEW_COUNT, 1u << TABLE_X | 1u << TABLE_Y, TABLE_Y);
    } else if (!l.enqueue) {
        return CLACT_OK;
    }
    clact_enter(call->context);
    return clact_leave(call->context, clact_call_backend(call)->table(call->context, &l));
}

clact_status clact_quantised_backward(struct clact_call *call, const clact_backward_args *args)
{
    (void)args;
    return clact_fail(CLACT_E_UNSUPPORTED, "%s is quantised, and has no backward", call->activation->info->name);
}
