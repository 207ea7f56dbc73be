/* train_data.h: the data sets of `clact train`. */
#ifndef CLI_TRAIN_DATA_H
#define CLI_TRAIN_DATA_H

#include <clact/nn.h>

/* Samples and what is to be learned of them, in memory to free with data_free(). */
typedef struct data_part {
    int64_t samples, inputs;
    float *x;
    float *targets;  /* [samples, 1]; or */
    int32_t *labels; /* the classes */
    clact_operand x_operand, targets_operand, labels_operand;
} data_part;

typedef struct data_set {
    const char *name, *about;
    int classes; /* outputs: 1 for a yes or no */
    uint32_t loss;
    data_part train, test;
} data_set;

/* circles: 500 points to train and 500 to test on two rings of radius 1/2 and 1, with noise of deviation 0.1; the same
 * points everywhere. digits: 1437 and 360 images of 8 x 8 (examples/digits.md). Scaled: each column of what is trained on
 * has the mean 0 and the deviation 1. Ends the program with a usage error where there is no set of the name. */
data_set data_named(const char *name);
void data_free(data_set *set);
/* What the library takes. */
clact_nn_data data_of(const data_part *part);

#endif
