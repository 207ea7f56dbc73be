/* reduce.c: crelu, which makes two elements of one, and maxout, which makes one of several. */
#include "map.h"

/* ---- crelu ---------------------------------------------------------------------------------- */

/* The shape of y (or dy) for one of x. */
static clact_status widened(const struct clact_call *call, const clact_tensor *x, const char *what, clact_tensor *y,
                            uint32_t *axis)
{
    TRY(clact_map_axis(call->activation, x, what, axis));
    *y = *x;
    REQUIRE(!__builtin_mul_overflow(x->dims[*axis], (int64_t)2, &y->dims[*axis]), CLACT_E_BOUNDS,
            "the number of elements of y overflows");
    return CLACT_OK;
}

static clact_status read_pair(struct clact_call *call, const clact_operand *operand, const clact_tensor *shape,
                              const char *what, uint32_t axis, struct clact_view *views)
{
    TRY(clact_map_operand(call, operand, shape, what, "x with twice the elements along the axis", &views[0]));
    clact_map_halve(&views[0], &views[1], axis, shape->dims[axis] / 2);
    return CLACT_OK;
}

static clact_status crelu_forward(struct clact_call *call, const clact_forward_args *args)
{
    static const char *const what[MAP_VIEWS] = {"x"};
    struct clact_map m = {.activation = call->activation, .operation = MAP_CRELU, .pieces = 1};
    clact_tensor wide;
    uint32_t axis;
    TRY(clact_call_first(call, args->x, "x", &m.views[MAP_A], &m.count));
    const clact_tensor *shape = &args->x->tensor;
    TRY(widened(call, shape, "an x", &wide, &axis));
    TRY(read_pair(call, args->y, &wide, "y", axis, &m.views[MAP_OUT]));
    if (m.count)
        TRY(clact_view_distinct(&wide, &m.views[MAP_OUT], "y"));
    m.used = 1u << MAP_A | 1u << MAP_OUT | 1u << MAP_OUT2;
    TRY(clact_map_apart(call, &m, shape, what));
    return clact_map_run(call, &m, shape);
}

/* The halves of y in the place of x; the shape is that of x. */
static clact_status read_y(struct clact_call *call, struct clact_map *m, const clact_operand *y, clact_tensor *shape)
{
    uint32_t axis;
    TRY(clact_call_first(call, y, "y", &m->views[MAP_A], &m->count));
    *shape = y->tensor;
    TRY(clact_map_axis(call->activation, shape, "a y", &axis));
    int64_t length = shape->dims[axis];
    REQUIRE(length % 2 == 0, CLACT_E_ARGUMENT, "y has %lld elements along axis %u, which cannot be halved",
            (long long)length, (unsigned)axis);
    shape->dims[axis] = length / 2;
    m->count /= 2;
    clact_map_halve(&m->views[MAP_A], &m->views[MAP_B], axis, length / 2);
    return CLACT_OK;
}

static clact_status crelu_backward(struct clact_call *call, const clact_backward_args *args)
{
    static const char *const from_x[MAP_VIEWS] = {"x", "", "dy", "dy"}, *const from_y[MAP_VIEWS] = {"y", "y", "dy", "dy"};
    struct clact_map m = {.activation = call->activation, .operation = args->x ? MAP_CRELU_BACKWARD : MAP_CRELU_BACKWARD_Y,
                          .pieces = 1};
    clact_tensor shape, wide;
    uint32_t axis;
    REQUIRE(!args->x || !args->y, CLACT_E_ARGUMENT, "backward takes x or y, not both");
    REQUIRE(args->x || args->y, CLACT_E_ARGUMENT, "backward of crelu needs x or y");
    if (args->x) {
        TRY(clact_call_first(call, args->x, "x", &m.views[MAP_A], &m.count));
        shape = args->x->tensor;
    } else {
        TRY(read_y(call, &m, args->y, &shape));
    }
    TRY(widened(call, &shape, "an x", &wide, &axis));
    TRY(read_pair(call, args->dy, &wide, "dy", axis, &m.views[MAP_DY]));
    TRY(clact_map_operand(call, args->dx, &shape, "dx", "x", &m.views[MAP_OUT]));
    if (m.count)
        TRY(clact_view_distinct(&shape, &m.views[MAP_OUT], "dx"));
    m.used = 1u << MAP_A | 1u << MAP_DY | 1u << MAP_DY2 | 1u << MAP_OUT | (args->y ? 1u << MAP_B : 0);
    TRY(clact_call_beta(args->dx_beta, shape.type, "dx_beta", &m.beta[0]));
    TRY(clact_map_apart(call, &m, &shape, args->x ? from_x : from_y));
    return clact_map_run(call, &m, &shape);
}

/* ---- maxout --------------------------------------------------------------------------------- */

/* A view of all of x or dx sees, in the shape of the units, the first pieces; the others lie behind them. */
static void first_pieces(struct clact_map *m, int view, const clact_tensor *units, uint32_t axis)
{
    if (m->count && m->pieces > 1)
        m->piece_strides[view] = m->views[view].strides[axis] * units->dims[axis];
}

/* x, and the shape of y. */
static clact_status read_pieces(struct clact_call *call, struct clact_map *m, const clact_operand *x, clact_tensor *units,
                                uint32_t *axis)
{
    uint64_t n;
    int pieces = clact_parameter_find(call->activation->info, "pieces");
    TRY(clact_call_first(call, x, "x", &m->views[MAP_A], &n));
    *units = x->tensor;
    TRY(clact_map_axis(call->activation, units, "an x", axis));
    m->pieces = (int64_t)call->activation->p64[pieces];
    int64_t length = units->dims[*axis];
    REQUIRE(length % m->pieces == 0, CLACT_E_ARGUMENT, "x has %lld elements along axis %u, which cannot be cut in %lld pieces",
            (long long)length, (unsigned)*axis, (long long)m->pieces);
    units->dims[*axis] = length / m->pieces;
    m->count = n / (uint64_t)m->pieces;
    return CLACT_OK;
}

static clact_status maxout_forward(struct clact_call *call, const clact_forward_args *args)
{
    struct clact_map m = {.activation = call->activation, .operation = MAP_MAXOUT};
    clact_tensor units;
    uint32_t axis;
    bool same;
    TRY(read_pieces(call, &m, args->x, &units, &axis));
    TRY(clact_map_operand(call, args->y, &units, "y", "x with one element for each unit along the axis", &m.views[MAP_OUT]));
    if (m.count) {
        TRY(clact_view_distinct(&units, &m.views[MAP_OUT], "y"));
        TRY(clact_views_overlap(call->context, &args->x->tensor, &m.views[MAP_A], &units, &m.views[MAP_OUT], "x", &same));
    }
    m.used = 1u << MAP_A | 1u << MAP_OUT;
    first_pieces(&m, MAP_A, &units, axis);
    return clact_map_run(call, &m, &units);
}

static clact_status maxout_backward(struct clact_call *call, const clact_backward_args *args)
{
    struct clact_map m = {.activation = call->activation, .operation = MAP_MAXOUT_BACKWARD};
    clact_tensor units;
    uint32_t axis;
    bool same;
    REQUIRE(!args->y && args->x, args->y ? CLACT_E_UNSUPPORTED : CLACT_E_ARGUMENT, "backward of maxout needs x");
    TRY(read_pieces(call, &m, args->x, &units, &axis));
    const clact_tensor *shape = &args->x->tensor;
    TRY(clact_map_operand(call, args->dy, &units, "dy", "x with one element for each unit along the axis", &m.views[MAP_DY]));
    TRY(clact_map_operand(call, args->dx, shape, "dx", "x", &m.views[MAP_OUT]));
    TRY(clact_call_beta(args->dx_beta, shape->type, "dx_beta", &m.beta[0]));
    if (m.count) {
        TRY(clact_view_distinct(shape, &m.views[MAP_OUT], "dx"));
        TRY(clact_view_overlap(call->context, shape, &m.views[MAP_A], &m.views[MAP_OUT], "x", &same));
        REQUIRE(!same || m.beta[0].f64 == 0, CLACT_E_OVERLAP, "dx is x, and with dx_beta it holds a value of its own");
        TRY(clact_views_overlap(call->context, &units, &m.views[MAP_DY], shape, &m.views[MAP_OUT], "dy", &same));
        REQUIRE(!same || m.beta[0].f64 == 0, CLACT_E_OVERLAP, "dx is dy, and with dx_beta it holds a value of its own");
    }
    m.used = 1u << MAP_A | 1u << MAP_DY | 1u << MAP_OUT;
    first_pieces(&m, MAP_A, &units, axis);
    first_pieces(&m, MAP_OUT, &units, axis);
    return clact_map_run(call, &m, &units);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

clact_status clact_reduce_forward(struct clact_call *call, const clact_forward_args *args)
{
    return call->activation->info->id == CLACT_CRELU ? crelu_forward(call, args) : maxout_forward(call, args);
}

clact_status clact_reduce_backward(struct clact_call *call, const clact_backward_args *args)
{
    return call->activation->info->id == CLACT_CRELU ? crelu_backward(call, args) : maxout_backward(call, args);
}
