/* model.h: the parts of a sequential model. */
#ifndef CLACT_NN_MODEL_H
#define CLACT_NN_MODEL_H

#include <clact/nn.h>

#include "../internal.h"

enum { ARRAYS = 3, STATES = 2 }; /* of clact_nn_layer_array; that an optimiser has for each */

/* What a layer trains, and what belongs to it while it is trained: buffers of one shape. */
struct clact_nn_trained {
    uint64_t rows, columns; /* rows is 0 of a vector; columns is 0 where the layer has no such array */
    clact_buffer *values;
    clact_buffer *gradient, *states[STATES]; /* NULL before the first training that has them */
};

struct clact_nn_dense {
    uint64_t inputs, units, outputs;
    clact_activation *activation; /* NULL: the identity */
    const char *learned;          /* the name of the parameter that is an array; NULL */
    clact_activation *dropout;    /* NULL: none */
    uint32_t needs;               /* what backward takes, a clact_backward_needs; X is z */
    uint32_t parameter_count;     /* as given, for the file */
    clact_parameter parameters[CLACT_MAX_PARAMETERS]; /* whose names are the activation's own */
    double rate, l1, l2, activity_l1, activity_l2;
    struct clact_nn_trained arrays[ARRAYS];
};

struct clact_nn_model {
    clact_context *context;
    clact_type type;
    uint32_t mode;
    uint64_t seed, offset; /* of the random numbers for the next array */
    uint64_t inputs;
    struct clact_nn_dense *layers;
    size_t count;
    uint32_t rule;         /* of the states that the arrays have; 0: none */
};

static inline size_t clact_nn_bytes(const clact_nn_model *m, uint64_t count)
{
    return (size_t)count * clact_type_bytes(m->type);
}

static inline uint64_t clact_nn_count(const struct clact_nn_trained *a)
{
    return a->columns * (a->rows ? a->rows : 1);
}

static inline uint64_t clact_nn_outputs(const clact_nn_model *m)
{
    return m->count ? m->layers[m->count - 1].outputs : m->inputs;
}

/* A matrix, or with rows 0 a vector, in a buffer or (buffer NULL) in host memory. */
clact_operand clact_nn_operand_of(clact_type type, uint64_t rows, uint64_t columns, clact_buffer *buffer, void *data);
/* One of an array's buffers. */
clact_operand clact_nn_part(const clact_nn_model *m, const struct clact_nn_trained *a, clact_buffer *buffer);
/* A new buffer of zeros. */
clact_status clact_nn_zeros(clact_buffer **out, const clact_nn_model *m, uint64_t count);

/* Checks that x is a host matrix of the model's type with so many columns; *samples is how many rows it has. */
clact_status clact_nn_check_samples(const clact_nn_model *m, const clact_operand *x, const char *what, uint64_t columns,
                                    uint64_t *samples);

/* ---- Passes (passes.c) ---------------------------------------------------------------------- */

/* What a pass over at most rows samples works in: for each layer its z, y, y after dropout, and the gradient by y. */
struct clact_nn_layer_memory {
    clact_buffer *z, *y, *kept, *dy;
};

struct clact_nn_memory {
    uint64_t rows;
    clact_buffer *x, *targets, *labels; /* of a batch; targets and labels where the data has them */
    clact_buffer *losses;               /* one for each batch */
    clact_buffer *norm;
    struct clact_nn_layer_memory *layers;
};

clact_status clact_nn_memory_make(struct clact_nn_memory *out, const clact_nn_model *m, uint64_t rows, uint64_t batches,
                                  const clact_nn_data *data, bool training);
void clact_nn_memory_free(struct clact_nn_memory *memory, const clact_nn_model *m);

/* The random numbers of a pass in training; offset moves on. */
struct clact_nn_noise {
    uint64_t seed, offset;
};

/* From memory->x to the last layer's output; noise NULL: not in training. */
clact_status clact_nn_pass_forward(clact_nn_model *m, struct clact_nn_memory *memory, uint64_t rows,
                                   struct clact_nn_noise *noise);
/* The last layer's output, before its dropout, which it has not in the end. */
clact_buffer *clact_nn_pass_output(const clact_nn_model *m, const struct clact_nn_memory *memory);
/* The loss of a batch, into losses[index], and where gradient is set its gradient by the output. */
clact_status clact_nn_pass_loss(clact_nn_model *m, struct clact_nn_memory *memory, uint64_t rows, uint32_t loss,
                                uint64_t index, bool gradient);
/* All gradients, from that by the output; penalties go to losses[index]. noise as the forward pass began with it. */
clact_status clact_nn_pass_backward(clact_nn_model *m, struct clact_nn_memory *memory, uint64_t rows, uint64_t index,
                                    struct clact_nn_noise noise);

#endif
