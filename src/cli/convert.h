/* convert.h: conversions between the element types, each with a single rounding. */
#ifndef CLI_CONVERT_H
#define CLI_CONVERT_H

#include <clact/clact.h>
#include <stddef.h>

/* to[i] = from[i] for count elements, rounded to nearest even; what is too large becomes infinite,
 * NaN stays NaN. The two may be the same type, and must not overlap. */
void convert_elements(void *to, clact_type to_type, const void *from, clact_type from_type,
                      size_t count);

#endif
