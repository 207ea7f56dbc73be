/* convert.h: elements of any type as doubles, and back. */
#ifndef CLACT_NN_CONVERT_H
#define CLACT_NN_CONVERT_H

#include "../internal.h"

/* n consecutive elements of a type that is computed on. */
void clact_nn_to_double(clact_type type, size_t n, const void *from, double *to);
/* Each rounded to f32 and then to the type; to f64 as it is. NaN is the type's canonical one. */
void clact_nn_from_double(clact_type type, size_t n, const double *from, void *to);

#endif
