/* exact.h: activations and derivatives in MPFR, written apart from the library and its oracle. */
#ifndef TESTS_EXACT_H
#define TESTS_EXACT_H

#include <mpfr.h>

#define EXACT_BITS 256

/* NULL if there are no expressions for an activation of that name. */
typedef struct exact_row exact_row;
const exact_row *exact_find(const char *name);

/* y = f(x), or with derivative 1 f'(x), to some EXACT_BITS bits but for those that terms cancel; its
 * limit at an infinite x. x is not NaN. p: the parameters in their order, NaN for "none". */
void exact_value(mpfr_t y, const exact_row *row, int derivative, const mpfr_t x, const double *p);

#endif
