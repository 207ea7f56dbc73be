/* strata.h: stratified samples of a floating-point type, the same on every machine. */
#ifndef CLI_STRATA_H
#define CLI_STRATA_H

#include <clact/clact.h>

#define STRATA_LISTED 512

#define STRATA_CENTRES 256

/* A sample without end: first the listed numbers (zeros, subnormals, infinities, NaNs, kinks, each
 * with its neighbours, of both signs); then, in turn, random mantissas at every exponent,
 * subnormals and NaNs included, and uniform numbers in [-20, 20] and in [-128, 128]. Of f64 half of
 * these are uniform in [-768, 768], and numbers about centres, where results overflow, underflow,
 * cancel or change their formula: at distances of every magnitude. */
typedef struct strata {
    clact_type type;
    size_t listed, centred;
    uint64_t list[STRATA_LISTED];
    double centres[STRATA_CENTRES]; /* of f64 */
} strata;

/* type: CLACT_F32 or CLACT_F64. kinks: numbers to list besides the usual ones; those that are not
 * finite and those that the list has no room for are left out. */
void strata_make(strata *out, clact_type type, const double *kinks, size_t count);

/* The bits of the i-th number of the sample, which depend on nothing but the list and i. */
uint64_t strata_bits(const strata *s, uint64_t i);

/* The numbers first .. first + n - 1 of an f32 sample. */
void strata_fill_f32(const strata *s, uint64_t first, size_t n, float *x);

#endif
