/* nn.h: what the suites of libclact-nn share: operands that are moved together, and the same call on every device. */
#ifndef CLACT_TESTS_NN_H
#define CLACT_TESTS_NN_H

#include "suites.h"

#include <clact/nn.h>

#define MOST_ARRAYS 8

/* A call on some arrays: those from outputs on are compared. */
struct nn_case {
    array arrays[MOST_ARRAYS];
    int count, outputs;
    const void *what; /* for the call */
};

typedef clact_status nn_run(clact_context *context, const struct nn_case *c);

/* The operand of an array of the case; NULL for one that was left empty. */
const clact_operand *nn_operand(const struct nn_case *c, int i);
/* Fills an array with multiples of 1/64 from -scale to scale. */
void nn_fill(array *a, double scale, uint64_t seed);
/* Runs a call in buffers, or in host memory; it must succeed. */
void nn_call(clact_context *context, bool buffers, struct nn_case *c, nn_run *run);
/* Runs a call with every instruction set, with one thread and several, and on the device, in host memory and buffers:
 * the outputs must have the same bits. They are those of the last run afterwards. */
void nn_same_bits(struct nn_case *c, nn_run *run, const char *what);
void nn_free(struct nn_case *c);

/* The sum of n terms in the order of cl/reduction.h, written anew: add(sum, data, i) is sum with term i. */
double nn_ordered_sum(clact_type type, uint64_t n, double (*add)(double sum, const void *data, uint64_t i),
                      const void *data);

#endif
