/* measure.h: measures an activation in one direction: its error, and its bits against another. */
#ifndef CLI_MEASURE_H
#define CLI_MEASURE_H

#include "oracle.h"
#include "strata.h"

#include <stdbool.h>

/* A context, with the memory in which activations run there, whatever the type. */
typedef struct runner {
    clact_context *context;
    clact_buffer *x, *dy, *out; /* NULL: host pointers */
} runner;

#define CHUNK (1 << 20)

/* buffers: use clact_buffers, so that the device's own kernels run; else host pointers. On failure
 * there is nothing to close. */
clact_status runner_open(runner *out, clact_context *context, bool buffers);
void runner_close(runner *r);

/* out[i] = f(x[i]), or f'(x[i]) * dy[i], for n <= CHUNK elements of the type. dy is not read forward. */
clact_status runner_run(runner *r, const clact_activation *activation, direction d, clact_type type,
                        size_t n, const void *x, const void *dy, void *out);

/* got's distance from exact, in units of exact or, where terms cancel, of the largest. */
double error_of(clact_type type, double got, long double exact, long double term, int cancels);

typedef struct measurement {
    clact_type type;
    const clact_activation *activation;
    const oracle *oracle; /* NULL: no errors are measured */
    direction direction;
    double bound; /* in ulp */
    /* reference: NULL if no bits are compared. Those of f16 and bf16 are compared with its f32 results,
     * rounded by convert.c. */
    runner *checked, *reference;
    const strata *strata; /* of f32 or f64; NULL: all inputs: 2^32 or, of f16 and bf16, 65,536 */
    uint64_t inputs;      /* of the strata */
    /* The device flushes subnormals: zeros take their place among the inputs, and results that are
     * subnormal in the reference are not looked at. */
    bool no_subnormals;
    void (*progress)(void *data, uint64_t done, uint64_t inputs); /* may be NULL */
    void *progress_data;
} measurement;

/* The largest error found, and where. */
typedef struct worst {
    double error; /* in ulp; may be infinite */
    double x, got, exact;
} worst;

typedef struct measured {
    uint64_t inputs;
    uint64_t left_out; /* results not looked at */
    worst worst;       /* in ulp of the exact result, where no terms cancel */
    worst cancelled;   /* in ulp of the largest term, where they do */
    uint64_t beyond;   /* results past the bound, or where terms cancel past CANCELLED_BOUND */
    uint64_t differing; /* results whose bits are not the reference's; below, the first of them */
    double differing_x, differing_got, differing_reference;
    uint64_t hash; /* of the results in order: a hash of the hashes of blocks of 4096 */
    double seconds;
} measured;

clact_status measure(measured *out, const measurement *m);

#endif
