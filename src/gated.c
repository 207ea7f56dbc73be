/* gated.c: gated units, u * f(v): u and v are the halves of x along an axis, or two arrays. */
#include "map.h"

/* How the operands are told apart in errors. */
struct words {
    const char *shape;           /* what y has the shape of */
    const char *what[MAP_VIEWS]; /* the operand that each view is of */
};

static const struct words two_arrays = {"x", {"x", "gate", "dy"}}, halves = {"a half of x", {"x", "x", "dy"}};

static bool f_on_first(const struct clact_call *call)
{
    return call->activation->half == CLACT_HALF_FIRST;
}

/* Puts the views of u and v (a and b) onto the halves of a view of x or dx. */
static void halve(const struct clact_call *call, const struct clact_view *whole, uint32_t axis, int64_t half,
                  struct clact_view *u, struct clact_view *v)
{
    struct clact_view first = *whole, second;
    clact_map_halve(&first, &second, axis, half);
    *u = f_on_first(call) ? second : first;
    *v = f_on_first(call) ? first : second;
}

/* The views of u and v, and the shape of one. */
static clact_status read_units(struct clact_call *call, struct clact_map *m, const clact_operand *x,
                               const clact_operand *gate, clact_tensor *shape, uint32_t *axis, const struct words **words)
{
    struct clact_view whole;
    TRY(clact_call_first(call, x, "x", &whole, &m->count));
    *shape = x->tensor;
    *words = gate ? &two_arrays : &halves;
    if (gate) {
        m->views[MAP_A] = whole;
        return clact_map_operand(call, gate, shape, "gate", "x", &m->views[MAP_B]);
    }
    TRY(clact_map_axis(call->activation, &x->tensor, "an x", axis));
    int64_t length = shape->dims[*axis];
    REQUIRE(length % 2 == 0, CLACT_E_ARGUMENT, "x has %lld elements along axis %u, which cannot be halved",
            (long long)length, (unsigned)*axis);
    shape->dims[*axis] = length / 2;
    m->count /= 2;
    halve(call, &whole, *axis, length / 2, &m->views[MAP_A], &m->views[MAP_B]);
    return CLACT_OK;
}

clact_status clact_gated_forward(struct clact_call *call, const clact_forward_args *args)
{
    struct clact_map m = {.activation = call->activation, .operation = MAP_GATED, .pieces = 1};
    clact_tensor shape;
    uint32_t axis;
    const struct words *words;
    TRY(clact_call_no_noise(call, args->training, "gated"));
    TRY(read_units(call, &m, args->x, args->gate, &shape, &axis, &words));
    TRY(clact_map_operand(call, args->y, &shape, "y", words->shape, &m.views[MAP_OUT]));
    m.used = 1u << MAP_A | 1u << MAP_B | 1u << MAP_OUT;
    if (m.count)
        TRY(clact_view_distinct(&shape, &m.views[MAP_OUT], "y"));
    TRY(clact_map_apart(call, &m, &shape, words->what));
    return clact_map_run(call, &m, &shape);
}

/* Where the gradient by x goes that holds both halves. */
static clact_status write_halves(struct clact_call *call, struct clact_map *m, const clact_backward_args *args,
                                 uint32_t axis)
{
    struct clact_view whole;
    const clact_tensor *t = &args->x->tensor;
    REQUIRE(!args->dgate, CLACT_E_ARGUMENT, "dgate is for a call with gate: without, dx holds both halves");
    REQUIRE(args->dgate_beta == 0, CLACT_E_ARGUMENT, "dgate_beta is for a call with gate: without, dx_beta is for both halves");
    REQUIRE(args->dx, CLACT_E_ARGUMENT, "dx must not be NULL");
    TRY(clact_map_operand(call, args->dx, t, "dx", "x", &whole));
    if (m->count)
        TRY(clact_view_distinct(t, &whole, "dx"));
    halve(call, &whole, axis, t->dims[axis] / 2, &m->views[MAP_OUT], &m->views[MAP_OUT2]);
    m->used |= 1u << MAP_OUT | 1u << MAP_OUT2;
    TRY(clact_call_beta(args->dx_beta, t->type, "dx_beta", &m->beta[0]));
    return clact_call_beta(args->dx_beta, t->type, "dx_beta", &m->beta[1]);
}

static clact_status write_one(struct clact_call *call, struct clact_map *m, const clact_operand *out,
                              const clact_tensor *shape, int view, const char *what)
{
    if (!out)
        return CLACT_OK;
    m->used |= 1u << view;
    TRY(clact_map_operand(call, out, shape, what, "x", &m->views[view]));
    return m->count ? clact_view_distinct(shape, &m->views[view], what) : CLACT_OK;
}

/* Where the gradients by x and by gate go. */
static clact_status write_arrays(struct clact_call *call, struct clact_map *m, const clact_backward_args *args,
                                 const clact_tensor *shape)
{
    bool same = false;
    REQUIRE(args->dx || args->dgate, CLACT_E_ARGUMENT, "dx or dgate must be given");
    TRY(write_one(call, m, args->dx, shape, MAP_OUT, "dx"));
    TRY(write_one(call, m, args->dgate, shape, MAP_OUT2, "dgate"));
    if (m->count && args->dx && args->dgate)
        TRY(clact_view_overlap(call->context, shape, &m->views[MAP_OUT2], &m->views[MAP_OUT], "dgate", &same));
    REQUIRE(!same, CLACT_E_OVERLAP, "dx and dgate are the same memory");
    TRY(clact_call_beta(args->dx_beta, shape->type, "dx_beta", &m->beta[0]));
    return clact_call_beta(args->dgate_beta, shape->type, "dgate_beta", &m->beta[1]);
}

clact_status clact_gated_backward(struct clact_call *call, const clact_backward_args *args)
{
    struct clact_map m = {.activation = call->activation, .operation = MAP_GATED_BACKWARD, .pieces = 1};
    clact_tensor shape;
    uint32_t axis;
    const struct words *words;
    const char *name = call->activation->info->name;
    TRY(clact_call_no_noise(call, args->training, "gated"));
    REQUIRE(!args->y && args->x, args->y ? CLACT_E_UNSUPPORTED : CLACT_E_ARGUMENT, "backward of gated %s needs x", name);
    TRY(read_units(call, &m, args->x, args->gate, &shape, &axis, &words));
    TRY(clact_map_operand(call, args->dy, &shape, "dy", words->shape, &m.views[MAP_DY]));
    m.used = 1u << MAP_A | 1u << MAP_B | 1u << MAP_DY;
    if (args->gate)
        TRY(write_arrays(call, &m, args, &shape));
    else
        TRY(write_halves(call, &m, args, axis));
    TRY(clact_map_apart(call, &m, &shape, words->what));
    return clact_map_run(call, &m, &shape);
}
