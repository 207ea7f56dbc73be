/* map.h: what gated units, crelu and maxout share on their way to a backend. */
#ifndef CLACT_MAP_H
#define CLACT_MAP_H

#include "call.h"

/* The activation's axis in a tensor, counted from the first. */
clact_status clact_map_axis(const clact_activation *activation, const clact_tensor *tensor, const char *what,
                            uint32_t *axis);

/* Puts a view onto the first or the second half of what it sees; half is the length of one. */
static inline void clact_map_halve(struct clact_view *first, struct clact_view *second, uint32_t axis, int64_t half)
{
    *second = *first; /* without elements a stride may be anything */
    second->offset = (int64_t)((uint64_t)first->offset + (uint64_t)half * (uint64_t)first->strides[axis]);
}

/* Checks an operand of a given shape, which relation describes in errors, and writes its view. */
clact_status clact_map_operand(struct clact_call *call, const clact_operand *operand, const clact_tensor *shape,
                               const char *what, const char *relation, struct clact_view *view);

/* Checks that inputs lie apart from the outputs, or are the same view, where all views have the shape. what:
 * the operand that each view is of. */
clact_status clact_map_apart(const struct clact_call *call, const struct clact_map *map, const clact_tensor *shape,
                             const char *const *what);

/* Sends a checked map to the backend. */
clact_status clact_map_run(const struct clact_call *call, struct clact_map *map, const clact_tensor *shape);

#endif
