/* special.h: the table of results at special values, as cases to run; the grid of parameters. */
#ifndef CLI_SPECIAL_H
#define CLI_SPECIAL_H

#include "oracle.h"

#include <stdio.h>

typedef struct special_row {
    float x, results[DIRECTION_COUNT];
} special_row;

/* The rows of special.def for one activation with these parameters. */
typedef struct special_set {
    const char *activation;
    const clact_parameter *parameters;
    size_t parameter_count;
    const special_row *rows;
    size_t row_count;
} special_set;

extern const special_set special_sets[];
extern const size_t special_set_count;

/* The sets of grid.def, which have no rows. */
extern const special_set grid_sets[];
extern const size_t grid_set_count;

/* " name=value" for each parameter. */
void special_print_parameters(FILE *to, const special_set *set);

/* Negative thresholds and the like are in the table, so the activation is unchecked. */
clact_status special_activation(clact_activation **out, const special_set *set);

typedef struct special_case {
    float x, dy, expected; /* dy is 1 in the forward direction, where nothing reads it */
} special_case;

/* A set's cases in one direction, at most SPECIAL_CASES of them; their number. A row whose
 * derivative is zero is tried with every kind of dy. type: in other types than f32, whose results the
 * table has, only those where x and the result are zero, infinite or NaN. subnormals: 0 leaves out
 * those with a subnormal x or result. */
#define SPECIAL_CASES 256
size_t special_cases(const special_set *set, direction d, clact_type type, int subnormals, special_case *cases);

/* Bit for bit, NaN and the sign of zero included. */
int special_same(float got, float expected);

#endif
