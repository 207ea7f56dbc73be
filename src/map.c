/* map.c: what gated units, crelu and maxout share: axes, shapes, overlap, and the way to the backend. */
#include "map.h"
#include "custom.h"
#include "views.h"

#include <string.h>

clact_status clact_map_axis(const clact_activation *activation, const clact_tensor *tensor, const char *what,
                            uint32_t *axis)
{
    int64_t rank = tensor->rank, k = activation->axis < 0 ? activation->axis + rank : activation->axis;
    REQUIRE(k >= 0 && k < rank, CLACT_E_ARGUMENT, "%s has no axis %d in %s of %d dimensions", activation->info->name,
            activation->axis, what, (int)rank);
    *axis = (uint32_t)k;
    return CLACT_OK;
}

clact_status clact_map_operand(struct clact_call *call, const clact_operand *operand, const clact_tensor *shape,
                               const char *what, const char *relation, struct clact_view *view)
{
    uint64_t n;
    TRY(clact_call_operand(call, operand, what, view, &n));
    const clact_tensor *t = &operand->tensor;
    TRY(clact_call_same_type(operand, shape, what));
    REQUIRE(t->rank == shape->rank && memcmp(t->dims, shape->dims, t->rank * sizeof *t->dims) == 0, CLACT_E_ARGUMENT,
            "%s must have the shape of %s", what, relation);
    return CLACT_OK;
}

clact_status clact_map_apart(const struct clact_call *call, const struct clact_map *m, const clact_tensor *shape,
                             const char *const *what)
{
    for (int out = MAP_OUT; m->count && out < MAP_VIEWS; out++)
        for (int in = 0; clact_map_uses(m, out) && in < MAP_OUT; in++) {
            bool same = false;
            if (clact_map_uses(m, in))
                TRY(clact_view_overlap(call->context, shape, &m->views[in], &m->views[out], what[in], &same));
            REQUIRE(!same || m->beta[out - MAP_OUT].f64 == 0, CLACT_E_OVERLAP,
                    "a gradient goes where %s is, and with a beta it holds a value of its own", what[in]);
        }
    return CLACT_OK;
}

clact_status clact_map_run(const struct clact_call *call, struct clact_map *m, const clact_tensor *shape)
{
    TRY(clact_definition_type(m->activation, shape->type));
    REQUIRE(shape->type == CLACT_F64 || m->activation->fits_f32, CLACT_E_RANGE,
            "a parameter of %s is not finite in f32, or zero where it must not be", m->activation->info->name);
    memcpy(m->dims, shape->dims, sizeof m->dims);
    if (m->count)
        m->dense = clact_views_simplify(m->dims, shape->rank, m->views, MAP_VIEWS, m->used,
                                        clact_map_uses(m, MAP_OUT) ? MAP_OUT : MAP_OUT2);
    m->host = call->host;
    m->enqueue = call->enqueue;
    if (m->count == 0 && !m->enqueue)
        return CLACT_OK;
    clact_enter(call->context);
    return clact_leave(call->context, clact_call_backend(call)->map(call->context, m));
}
