/* rowwise.c: row-wise calls: checks the arguments, brings them to rows along one axis. */
#include "call.h"
#include "views.h"

#include <string.h>

/* Operands of a call before they are brought to rows. */
struct shape {
    const clact_tensor *tensor; /* of x or y, which all but the mask have */
    const clact_operand *mask;
    const char *names[ROWWISE_VIEW_COUNT];
};

static clact_status check_operand(struct clact_call *call, struct shape *s, struct clact_rowwise_launch *l, int v,
                                  const clact_operand *operand, const char *what)
{
    uint64_t n;
    s->names[v] = what;
    TRY(clact_call_first(call, operand, what, &l->views[v], &n));
    if (!s->tensor)
        s->tensor = &operand->tensor;
    return clact_call_same_shape(operand, s->tensor, what);
}

static clact_status check_overlaps(struct clact_call *call, const struct shape *s, struct clact_rowwise_launch *l)
{
    const struct clact_view *out = &l->views[ROWWISE_OUT];
    bool same;
    TRY(clact_view_distinct(s->tensor, out, s->names[ROWWISE_OUT]));
    for (int v = 0; v < ROWWISE_OUT; v++) {
        if (!clact_rowwise_reads(l, v))
            continue;
        TRY(clact_view_overlap(call->context, s->tensor, &l->views[v], out, s->names[v], &same));
        REQUIRE(!same || l->beta.f64 == 0, CLACT_E_OVERLAP, "dx is %s, and with dx_beta it holds a value of its own",
                s->names[v]);
    }
    if (l->has_mask)
        TRY(clact_views_overlap(call->context, &s->mask->tensor, &l->views[ROWWISE_MASK], s->tensor, out, "mask", &same));
    return CLACT_OK;
}

static clact_status check_mask(struct clact_call *call, const struct shape *s, struct clact_rowwise_launch *l)
{
    uint64_t n;
    TRY(clact_call_operand(call, s->mask, "mask", &l->views[ROWWISE_MASK], &n));
    REQUIRE(s->mask->tensor.type == CLACT_U8, CLACT_E_ARGUMENT, "mask is of type %s, and must be of type u8",
            clact_type_name((clact_type)s->mask->tensor.type));
    l->has_mask = true;
    return CLACT_OK;
}

/* Takes the axis out of the shape, brings what is left to its simplest form, and puts the axis last. */
static void bring_to_rows(struct clact_rowwise_launch *l, const clact_tensor *t, uint32_t axis)
{
    int64_t step[ROWWISE_VIEW_COUNT];
    uint32_t used = 1u << ROWWISE_OUT, after = t->rank - axis - 1;
    memcpy(l->dims, t->dims, sizeof l->dims);
    memmove(l->dims + axis, l->dims + axis + 1, after * sizeof *l->dims);
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++) {
        int64_t *strides = l->views[v].strides;
        step[v] = strides[axis];
        memmove(strides + axis, strides + axis + 1, after * sizeof *strides);
        used |= (uint32_t)clact_rowwise_reads(l, v) << v;
    }
    clact_views_simplify(l->dims, t->rank - 1, l->views, ROWWISE_VIEW_COUNT, used, ROWWISE_OUT);
    const size_t rest = (CLACT_MAX_RANK - 1) * sizeof(int64_t); /* the first axis is not in use */
    memmove(l->dims, l->dims + 1, rest);
    l->dims[CLACT_MAX_RANK - 1] = t->dims[axis];
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++) {
        memmove(l->views[v].strides, l->views[v].strides + 1, rest);
        l->views[v].strides[CLACT_MAX_RANK - 1] = step[v];
    }
}

/* The rules for the call as a whole; then the backend. */
static clact_status run(struct clact_call *call, struct clact_rowwise_launch *l, struct shape *s)
{
    const clact_activation *a = call->activation;
    const clact_tensor *t = s->tensor;
    int64_t axis = a->axis < 0 ? a->axis + (int64_t)t->rank : a->axis;
    REQUIRE(axis >= 0 && axis < (int64_t)t->rank, CLACT_E_ARGUMENT, "the axis of %s is %d, and %s has %u dimensions",
            a->info->name, a->axis, s->names[ROWWISE_X], (unsigned)t->rank);
    REQUIRE(t->type == CLACT_F64 || a->fits_f32, CLACT_E_RANGE, "scale of %s is not finite in f32, or zero",
            a->info->name);
    if (s->mask)
        TRY(check_mask(call, s, l));
    l->length = (uint64_t)t->dims[axis];
    l->rows = 1;
    for (uint32_t k = 0; k < t->rank; k++)
        l->rows *= t->dims[k] == 0 ? 0 : k == (uint32_t)axis ? 1 : (uint64_t)t->dims[k];
    l->length = l->rows ? l->length : 0;
    if (l->rows)
        TRY(check_overlaps(call, s, l));
    if (s->mask)
        TRY(clact_call_broadcast(s->mask, t, "mask", &l->views[ROWWISE_MASK]));
    if (l->rows)
        bring_to_rows(l, t, (uint32_t)axis);
    l->activation = a;
    l->enqueue = call->enqueue;
    l->host = call->host;
    if (l->rows == 0 && !l->enqueue)
        return CLACT_OK;
    clact_enter(call->context);
    return clact_leave(call->context, clact_call_backend(call)->rowwise(call->context, l));
}

clact_status clact_rowwise_forward(struct clact_call *call, const clact_forward_args *args)
{
    struct clact_rowwise_launch l = {0};
    struct shape s = {.mask = args->mask};
    TRY(check_operand(call, &s, &l, ROWWISE_X, args->x, "x"));
    TRY(check_operand(call, &s, &l, ROWWISE_OUT, args->y, "y"));
    return run(call, &l, &s);
}

clact_status clact_rowwise_backward(struct clact_call *call, const clact_backward_args *args)
{
    struct clact_rowwise_launch l = {.backward = true};
    struct shape s = {.mask = args->mask};
    const char *name = call->activation->info->name;
    bool any = call->activation->info->needs == CLACT_BACKWARD_NOTHING;
    REQUIRE(!args->x || !args->y, CLACT_E_ARGUMENT, "backward takes x or y, not both");
    REQUIRE(!args->x || any, CLACT_E_UNSUPPORTED, "backward of %s is made from y, not from x", name);
    REQUIRE(args->y || any, CLACT_E_ARGUMENT, "backward of %s needs y", name);
    if (args->y)
        TRY(check_operand(call, &s, &l, ROWWISE_X, args->y, "y"));
    else
        TRY(check_operand(call, &s, &l, ROWWISE_X, args->x ? args->x : args->dy, args->x ? "x" : "dy"));
    TRY(check_operand(call, &s, &l, ROWWISE_DY, args->dy, "dy"));
    TRY(check_operand(call, &s, &l, ROWWISE_OUT, args->dx, "dx"));
    TRY(clact_call_beta(args->dx_beta, s.tensor->type, "dx_beta", &l.beta));
    return run(call, &l, &s);
}
