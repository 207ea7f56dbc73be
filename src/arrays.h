/* arrays.h: operations over arrays, those of cl/arrays.def, as libclact-nn calls for them: a call is a list of them. */
#ifndef CLACT_ARRAY_STEPS_H
#define CLACT_ARRAY_STEPS_H

#include "call.h"

enum clact_array_operation {
#define MAP(name, ...) ARRAY_##name,
#define SUM(name, ...) ARRAY_##name,
#define TALLY(name, ...) ARRAY_##name,
#include "arrays.def"
#undef MAP
#undef SUM
#undef TALLY
    ARRAY_OPERATIONS
};

enum clact_array_form { ARRAY_MAP, ARRAY_SUM, ARRAY_TALLY };

#define ARRAY_INPUTS 4     /* at most */
#define ARRAY_OUTPUTS 3
#define ARRAY_PARAMETERS 8
#define ARRAY_TALLIES 5    /* those of cl/arrays.h */
#define ARRAY_LABEL 1      /* inputs of an operation with labels */
#define ARRAY_COLUMN 2

struct clact_array_info {
    const char *name;
    enum clact_array_form form;
    int inputs, outputs, parameters;
    bool labelled;
};
extern const struct clact_array_info clact_array_infos[ARRAY_OPERATIONS];

/* Steps of a view that ends with them: from segment to segment, row to row, column to column. */
enum { ARRAY_SEGMENT = CLACT_MAX_RANK - 3, ARRAY_ROW, ARRAY_ELEMENT };

/* One operation. Maps have one segment; a sum, or the counts, are of each segment's rows * columns elements. None of
 * these numbers is 0. */
struct clact_array_step {
    enum clact_array_operation operation;
    uint64_t segments, rows, columns;
    struct clact_view inputs[ARRAY_INPUTS], outputs[ARRAY_OUTPUTS]; /* strides as above; labels are of type i32 */
    uint32_t missing;                     /* bit k: inputs[k] is not there, and 1 */
    double parameters[ARRAY_PARAMETERS];
    struct clact_beta rounded[ARRAY_PARAMETERS]; /* these in both types, made by clact_arrays_run() */
    double factor, beta;                  /* of a sum: value = factor sum + beta value */
    struct clact_beta rounded_factor, rounded_beta;
    bool add;                             /* counts are added to what stands there */
    const struct clact_rowwise_launch *rows_of; /* not NULL: a row-wise activation in the place of an operation */
};

/* One checked call: its steps, one after the other. */
struct clact_arrays {
    const struct clact_array_step *steps;
    int count;
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
};

/* Elements of a segment. */
static inline uint64_t clact_array_length(const struct clact_array_step *s)
{
    return s->rows * s->columns;
}

static inline bool clact_array_has(const struct clact_array_step *s, int input)
{
    const struct clact_array_info *info = &clact_array_infos[s->operation];
    return input < info->inputs && !(s->missing >> input & 1) && !(info->labelled && input == ARRAY_COLUMN);
}

/* The type computed in, and that of what is read and written, labels apart. */
static inline uint32_t clact_array_type(const struct clact_array_step *s)
{
    return s->rows_of ? s->rows_of->views[ROWWISE_X].type : s->inputs[0].type;
}

/* Runs steps whose operands were checked by call, after rounding their numbers; those that are not finite in f32 where
 * they should be are refused. In host memory the CPU backend computes them, whatever the context's device. No steps are
 * an empty call. */
CLACT_PRIVATE clact_status clact_arrays_run(const struct clact_call *call, struct clact_array_step *steps, int count);

#endif
