/* tensor.h: from the caller's operands to checked views. */
#ifndef CLACT_TENSOR_H
#define CLACT_TENSOR_H

#include "backend.h"

/* Checks one operand (what names it in errors) and writes its view, strides left-aligned as in the
 * tensor. n is the number of elements, which the caller of the first operand learns here. */
CLACT_PRIVATE clact_status clact_view_of(const clact_operand *operand, const char *what, struct clact_view *view, uint64_t *n);

/* Checks that each element of the view lies in its memory. */
CLACT_PRIVATE clact_status clact_view_bounds(clact_context *context, const clact_tensor *tensor, const struct clact_view *view,
                                             const char *what);

/* Checks an output against itself and an input against an output; sets *same where the two are one view. */
clact_status clact_view_distinct(const clact_tensor *tensor, const struct clact_view *out, const char *what);
clact_status clact_view_overlap(clact_context *context, const clact_tensor *tensor, const struct clact_view *in,
                                const struct clact_view *out, const char *what, bool *same);
/* The same for two shapes. Views of different shapes are never the same. */
CLACT_PRIVATE clact_status clact_views_overlap(clact_context *context, const clact_tensor *in_shape,
                                               const struct clact_view *in, const clact_tensor *out_shape,
                                               const struct clact_view *out, const char *what, bool *same);

/* Bytes of the first and behind the last element, from the start of the view's memory. */
void clact_view_span(const int64_t *dims, uint32_t rank, const struct clact_view *view, int64_t *first, int64_t *end);

#endif
