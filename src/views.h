/* views.h: views of one shape that a call walks together, brought to their simplest form. */
#ifndef CLACT_VIEWS_H
#define CLACT_VIEWS_H

#include "backend.h"

/* Drops axes of length 1, orders the rest by the stride of views[lead], and merges neighbours that every used
 * view walks as one (bit v of used: views[v]); the order of the elements must not matter to the call. dims
 * and strides are left-aligned before, right-aligned and padded after; there are CLACT_MAX_RANK of each.
 * True where all used views are then consecutive elements. */
bool clact_views_simplify(int64_t *dims, uint32_t rank, struct clact_view *views, int count, uint32_t used, int lead);

#endif
