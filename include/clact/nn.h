/* nn.h: the dense layer and what training takes: libclact-nn, a second library beside libclact.
 *
 * Rules that hold for all of it, besides those of clact.h:
 *   - Operands are dense and row-major. A matrix has rank 2: [rows, columns]; a batch has one sample in each row.
 *   - All operands of one call lie in host memory, or none does. In host memory they are computed by the CPU backend,
 *     whatever the context's device: the bits are the same. Others run on enqueue->queue, after enqueue->waits, as
 *     clact_forward_enqueue() does; enqueue may be NULL: the context's queue, in the order of the calls.
 *   - What is refused writes nothing. Where memory or the device fails on the way, outputs may hold what the steps before
 *     it left there: a call may be several kernels.
 *   - CLACT_NN_EXACT gives the same bits on every device that clact_caps.exact calls exact, and for any number of threads. */
#ifndef CLACT_NN_H
#define CLACT_NN_H

#include <clact/clact.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clact_enqueue; /* of clact/opencl.h */

/* The version of libclact-nn that runs, which is that of libclact: they are made for one another. Static; never NULL. */
CLACT_API const clact_version_info *clact_nn_version(void);

/* How products of matrices are computed. */
typedef enum clact_nn_mode {
    CLACT_NN_EXACT = 0, /* each element one chain of fma, in the order of its terms: the same bits everywhere */
    CLACT_NN_FAST = 1   /* by CLBlast or OpenBLAS where they are installed: another order of the terms */
} clact_nn_mode;

/* ---- Initialisers: weights from a seed ------------------------------------------------------ */

/* n is fan_in, the inputs of a unit; m is fan_out, the units that an input goes to; g is the gain. Values never
 * change. */
typedef enum clact_nn_initializer_id {
    CLACT_NN_ZEROS = 0,
    CLACT_NN_CONSTANT = 1,         /* value */
    CLACT_NN_UNIFORM = 2,          /* between -value and value */
    CLACT_NN_NORMAL = 3,           /* mean 0, standard deviation value */
    CLACT_NN_TRUNCATED_NORMAL = 4, /* the same within two standard deviations of the normal one: Keras's TruncatedNormal */
    CLACT_NN_HE_NORMAL = 5,        /* standard deviation g / sqrt(n), g being sqrt(2) (He and others, 2015) */
    CLACT_NN_HE_TRUNCATED_NORMAL = 6, /* the same variance, within two standard deviations: Keras's HeNormal */
    CLACT_NN_HE_UNIFORM = 7,       /* the same variance: between -+ g sqrt(3 / n) */
    CLACT_NN_GLOROT_NORMAL = 8,    /* variance 2 g^2 / (n + m) (Glorot and Bengio, 2010) */
    CLACT_NN_GLOROT_TRUNCATED_NORMAL = 9,
    CLACT_NN_GLOROT_UNIFORM = 10,
    CLACT_NN_LECUN_NORMAL = 11,    /* variance g^2 / n (LeCun and others, 1998) */
    CLACT_NN_LECUN_TRUNCATED_NORMAL = 12,
    CLACT_NN_LECUN_UNIFORM = 13,
    CLACT_NN_SQRT_2_N = 14,        /* uniform between -+ sqrt(2 / n) */
    CLACT_NN_1_SQRT_N = 15         /* uniform between -+ 1 / sqrt(n) */
} clact_nn_initializer_id;

typedef struct clact_nn_initializer {
    uint32_t id; /* clact_nn_initializer_id; 0: zeros */
    uint32_t reserved0;
    double value;             /* finite; of those that name it: a bias of 0.1, say */
    double gain;              /* finite; 0: sqrt(2) for He's, 1 for the others that have one */
    uint64_t fan_in, fan_out; /* 0: the rows and columns of a matrix [fan_in, fan_out]; of a vector its length, both */
    /* Element i, in row-major order, takes word i mod 4 of Philox4x32-10 at counter offset + i / 4: a tensor of n
     * elements takes (n + 3) / 4 counters. The word w stands for (w + 1/2) 2^-32; a normal number is that quantile. */
    uint64_t seed, offset;
    uint64_t reserved[4];
} clact_nn_initializer;

/* Fills out, of any type that is computed on, with numbers that are the same on every machine and device: made in f64,
 * rounded to f32 where the type is not f64, and to the type. out lies in host memory or in a buffer; returns when it is
 * written. context may be NULL with host memory. */
CLACT_API clact_status clact_nn_initialize(clact_context *context, const clact_operand *out,
                                           const clact_nn_initializer *initializer);

/* "he_normal" and so on; NULL for other numbers. Static. */
CLACT_API const char *clact_nn_initializer_name(clact_nn_initializer_id id);
/* The initialiser of a name. */
CLACT_API clact_status clact_nn_initializer_named(clact_nn_initializer_id *out, const char *name);

/* The gain that an element-wise activation f wants: 1 / sqrt(E f(z)^2) for z of the standard normal distribution, so that
 * with weights of variance gain^2 / n the second moment stays what it is from layer to layer (the argument of He and
 * others, 2015, for any f): sqrt(2) for relu, 1.5925 for tanh, 1.8462 for sigmoid. Good to 4 digits; more where f is smooth.
 * Refused where the moment is zero or not finite, as for log. */
CLACT_API clact_status clact_nn_gain(double *out, const clact_activation *activation);

/* ---- Input scaling, column by column -------------------------------------------------------- */

typedef enum clact_nn_scaling {
    CLACT_NN_STANDARDIZE = 1, /* mean 0, standard deviation (of the population) 1 */
    CLACT_NN_NORMALIZE = 2    /* from 0 to 1 */
} clact_nn_scaling;

/* For each column a shift and a factor: y = (x - shift) factor. Immutable; may be shared by threads. */
typedef struct clact_nn_scaler clact_nn_scaler;

/* Finds those that scale x, [samples, columns], of any type that is computed on, in host memory. All elements must be
 * finite. A column of equal numbers gets the factor 1, and so becomes 0. Computed in f64: the same on every machine. */
CLACT_API clact_status clact_nn_scaler_fit(clact_nn_scaler **out, const clact_operand *x, clact_nn_scaling scaling);
/* A scaler with the values of an earlier one; factors are finite and not zero, shifts finite. */
CLACT_API clact_status clact_nn_scaler_create(clact_nn_scaler **out, size_t columns, const double *shifts,
                                              const double *factors);
CLACT_API void clact_nn_scaler_destroy(clact_nn_scaler **scaler);
/* 0 for NULL. */
CLACT_API size_t clact_nn_scaler_columns(const clact_nn_scaler *scaler);
/* Of a column; either may be NULL. */
CLACT_API clact_status clact_nn_scaler_get(const clact_nn_scaler *scaler, size_t column, double *shift, double *factor);
/* y = (x - shift) factor, or its inverse x = y / factor + shift, computed in f64 and rounded to the type. Both have the
 * scaler's columns, the same shape and type, and lie in host memory; y may be x. NaN and infinities pass. */
CLACT_API clact_status clact_nn_scaler_apply(const clact_nn_scaler *scaler, const clact_operand *x, const clact_operand *y);
CLACT_API clact_status clact_nn_scaler_invert(const clact_nn_scaler *scaler, const clact_operand *y, const clact_operand *x);

/* ---- Products of matrices ------------------------------------------------------------------- */

typedef enum clact_nn_product {
    CLACT_NN_PRODUCT_EXACT = 1,  /* clact's own */
    CLACT_NN_PRODUCT_BLAS = 2,   /* OpenBLAS, on the host's processor */
    CLACT_NN_PRODUCT_CLBLAST = 3 /* CLBlast, on the context's device */
} clact_nn_product;

/* What CLACT_NN_FAST takes for f32 and f64. */
typedef struct clact_nn_products {
    uint32_t host, device;   /* clact_nn_product, of operands in host memory, and of others */
    char host_reason[256];   /* why, in a sentence */
    char device_reason[256];
    uint64_t reserved[8];
} clact_nn_products;

/* Says how CLACT_NN_FAST computes products. The libraries are looked for when they are first needed, by any call, as
 * $CLACT_BLAS_LIBRARY and $CLACT_CLBLAST_LIBRARY say (a path, or "disabled"), else by their usual names; they stay
 * open. What is taken depends on these and on the context's device alone, never on a measurement:
 *   - OpenBLAS where the operands lie in host memory, or on a device that is the host's processor, whose memory is
 *     mapped for it: such a call on a queue waits for its events, and returns when the product is there. It uses threads
 *     of its own, as many as $OPENBLAS_NUM_THREADS says.
 *   - else CLBlast on a device; calls of it are made one at a time. Its first call compiles kernels, and its cache
 *     keeps the cl_context: see clact_nn_clear_cache().
 *   - else the exact product; and where a product has no terms, a size beyond what the library counts in, or an operand
 *     in a sub-buffer, which is not mapped.
 * Errors of fast products are bounded as those of any order of the terms: by depth / 2^24 (f64: 2^53) of the sum of the
 * terms' magnitudes. f16 is computed by CLBlast where the device has it, and refused elsewhere; so is bf16. */
CLACT_API clact_status clact_nn_products_of(clact_context *context, clact_nn_products *out);

/* Frees the programs that CLBlast keeps for the whole process, yours among them, and with them its hold on every
 * cl_context it has seen. Never called by clact itself. Nothing to do where CLBlast was not used. */
CLACT_API clact_status clact_nn_clear_cache(void);

typedef struct clact_nn_matmul_args {
    const clact_operand *a, *b;
    const clact_operand *c; /* out; shares no memory with a and b */
    uint32_t transpose_a;   /* 1: a holds the transposed matrix */
    uint32_t transpose_b;
    double beta;            /* c = a b + beta c, rounded to the type computed in; 0 overwrites, whatever c holds */
    uint32_t mode;          /* clact_nn_mode */
    uint32_t reserved0;
    uint64_t reserved[8];
} clact_nn_matmul_args;

/* The product of two matrices: a is [m, k] or, transposed, [k, m]; b is [k, n] or [n, k]; c is [m, n]; any may be 0.
 *
 * In CLACT_NN_EXACT an element begins as +0 and takes its k terms in ascending order, each by one fma in the type
 * computed in (f32 for f16 and bf16), then beta c by one more, and is rounded to its type: fma(beta, c, fma(a[k-1],
 * b[k-1], ... fma(a[0], b[0], +0))). Sizes, tiles and threads do not change its bits. */
CLACT_API clact_status clact_nn_matmul(clact_context *context, const clact_nn_matmul_args *args,
                                       const struct clact_enqueue *enqueue);

/* ---- The dense layer ------------------------------------------------------------------------ */

typedef struct clact_nn_dense_args {
    const clact_operand *x; /* [batch, inputs] */
    const clact_operand *w; /* [inputs, units] */
    const clact_operand *b; /* [units]; NULL: none */
    const clact_operand *z; /* out: x w + b, [batch, units]; NULL: not kept */
    const clact_operand *y; /* out: f(x w + b); shares no memory with the others */
    const clact_activation *activation; /* f; NULL: the identity, and no z */
    const clact_parameter_tensor *parameters; /* of f, as in clact_forward_args */
    size_t parameter_count;
    uint64_t seed, offset;  /* of f's noise; the index is that of z's element */
    uint32_t training;
    uint32_t mode;          /* clact_nn_mode */
    uint64_t reserved[8];
} clact_nn_dense_args;

/* y = f(x w + b). f may be of any kind, along the axes of z: y has the shape that f gives it (maxout, gated units and
 * crelu need z, their y having another one). An element-wise f without noise takes the sum before z is rounded to its
 * type, which matters for f16 and bf16; others take z. Where f refuses its operands, z or y may have been written. */
CLACT_API clact_status clact_nn_dense_forward(clact_context *context, const clact_nn_dense_args *args,
                                              const struct clact_enqueue *enqueue);

/* What backward needs of a layer's forward besides x: *needs is CLACT_BACKWARD_NOTHING, CLACT_BACKWARD_Y, or
 * CLACT_BACKWARD_X for z, which the gradients of f's own parameters need in any case. activation may be NULL; type is
 * that of the operands. */
CLACT_API clact_status clact_nn_dense_needs(clact_context *context, const clact_activation *activation, clact_type type,
                                            uint32_t *needs);

typedef struct clact_nn_dense_backward_args {
    const clact_operand *x;  /* as forward had them; x may be NULL without dw, w without dx */
    const clact_operand *w;
    const clact_operand *z;  /* what f's derivative is made from: one of the two, or none where it needs nothing */
    const clact_operand *y;
    const clact_operand *dy; /* the gradient by y */
    const clact_operand *dz; /* out: the gradient by z; may be dy, z or y, where shapes agree; without f NULL: it is dy */
    const clact_operand *dx, *dw, *db; /* out: those by x, w and b, of their shapes; each may be NULL. db may be f32
                                          where the others are f16 or bf16 */
    double dx_beta, dw_beta, db_beta;  /* dx = gradient + dx_beta * dx, and so on; 0 overwrites */
    const clact_activation *activation; /* and the rest as forward had it */
    const clact_parameter_tensor *parameters;
    size_t parameter_count;
    const clact_parameter_gradient *gradients; /* of f's learnable parameters, as in clact_backward_args */
    size_t gradient_count;
    uint64_t seed, offset;
    uint32_t training;
    uint32_t mode;
    uint64_t reserved[8];
} clact_nn_dense_backward_args;

/* dz = f'(z) dy; db is the sum of dz's rows, in the order of cl/reduction.h; dw = x^T dz, and dx = dz w^T, as
 * clact_nn_matmul has them. What it writes shares no memory with other operands, nor with each other, but for dz. */
CLACT_API clact_status clact_nn_dense_backward(clact_context *context, const clact_nn_dense_backward_args *args,
                                               const struct clact_enqueue *enqueue);

/* ---- Losses --------------------------------------------------------------------------------- */

/* Losses, penalties and optimisers take operands of f32 or f64, all of one type, to which the numbers of the arguments
 * are rounded. Sums are made in the order of cl/reduction.h. Where the data has a NaN so has what comes of it. Operands
 * must have elements. An output shares no memory with another operand unless it is said to be one. */

typedef enum clact_nn_loss_kind {
    CLACT_NN_SQUARED_ERROR = 1,        /* (z - target)^2 */
    CLACT_NN_BINARY_CROSS_ENTROPY = 2, /* log(1 + e^z) - target z: z is a logit, the target a probability */
    CLACT_NN_CROSS_ENTROPY = 3         /* -sum of target log(softmax(z)): each row of z has the logits of the classes */
} clact_nn_loss_kind;

typedef struct clact_nn_loss_args {
    uint32_t kind; /* clact_nn_loss_kind */
    uint32_t reserved0;
    const clact_operand *z;       /* [samples, ...]; of cross-entropy [samples, classes] */
    const clact_operand *targets; /* of z's shape; of cross-entropy the rows are supposed to sum to 1 */
    const clact_operand *labels;  /* instead, of cross-entropy: the class of each sample, CLACT_I32, [samples]; in f32
                                     there are at most 2^24 classes */
    const clact_operand *weights; /* of the samples: [samples]; NULL: 1 each */
    const clact_operand *value;   /* out: one element; NULL: not asked for */
    double value_beta;            /* value = loss + value_beta * value; 0 overwrites, whatever it holds; finite */
    const clact_operand *dz;      /* out: the gradient by z, of its shape; NULL: not asked for. May be z, but not of
                                     cross-entropy, where it must be given: the value is made there first */
    uint64_t reserved[8];
} clact_nn_loss_args;

/* The mean over all elements of z (cross-entropy: over the samples) of a loss, each with its sample's weight, and its
 * gradient by z. As in Keras the number of samples divides, not the sum of the weights. Logits may be infinite where
 * the loss has a limit. A label that is no class is refused in host memory, before anything is written; elsewhere it
 * makes the value and the gradients of its sample NaN. */
CLACT_API clact_status clact_nn_loss(clact_context *context, const clact_nn_loss_args *args,
                                     const struct clact_enqueue *enqueue);

/* ---- Penalties ------------------------------------------------------------------------------ */

typedef struct clact_nn_penalty_args {
    double l1, l2;     /* finite, and not negative */
    uint32_t activity; /* 1: x is a layer's output for a batch, [samples, ...], and the penalty is a mean over these */
    uint32_t reserved0;
    const clact_operand *x;
    const clact_operand *value;    /* out: one element, as in clact_nn_loss_args; NULL: not asked for */
    double value_beta;
    const clact_operand *gradient; /* in and out: of x's shape; NULL: not asked for */
    uint64_t reserved[8];
} clact_nn_penalty_args;

/* l1 sum |x| + l2 sum x^2, as in Keras; to gradient l1 sign(x) + 2 l2 x is added, where sign(0) is 0. */
CLACT_API clact_status clact_nn_penalty(clact_context *context, const clact_nn_penalty_args *args,
                                        const struct clact_enqueue *enqueue);

/* ---- Optimisers ----------------------------------------------------------------------------- */

/* With g the gradient, w the weights, and what else there is beginning as zeros:
 *   SGD      without momentum w -= rate g; else v = momentum v - rate g and then w += v, or with nesterov
 *            w += momentum v - rate g. This is the form of Sutskever et al. (2013) and of Keras; PyTorch keeps
 *            v / rate, which is another where the rate changes.
 *   RMSPROP  v += (1 - rho) (g^2 - v), w -= rate g / (sqrt(v) + epsilon)
 *   ADAM     m += (1 - beta1) (g - m), v += (1 - beta2) (g^2 - v) and
 *            w -= rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon): Kingma and Ba (2015), algorithm 1
 *   ADAMW    first w -= rate decay w, then as ADAM: Loshchilov and Hutter (2019)
 * In the last three the square of a gradient must be finite in the type (f32: |g| below 1.8e19): what it makes infinite
 * is NaN a step later. */
typedef enum clact_nn_rule {
    CLACT_NN_SGD = 1,
    CLACT_NN_RMSPROP = 2,
    CLACT_NN_ADAM = 3,
    CLACT_NN_ADAMW = 4
} clact_nn_rule;

/* A rule with its numbers, and how far it has come: plain data, which may be copied and stored. */
typedef struct clact_nn_optimizer {
    uint32_t rule;     /* clact_nn_rule */
    uint32_t nesterov; /* 1: SGD with its form of momentum */
    double rate;       /* of the next step; may be changed between steps. Finite, not negative */
    double momentum;   /* of SGD */
    double rho;        /* of RMSPROP; like momentum, beta1 and beta2 from 0 to below 1 */
    double beta1, beta2;
    double epsilon;    /* above 0, in the weights' type too */
    double decay;      /* of ADAMW; finite, not negative */
    uint64_t steps;    /* begun; what follows is made by clact_nn_step_begin() */
    double power1, power2; /* beta1 and beta2 to the power of steps, by repeated multiplication */
    uint64_t reserved[8];
} clact_nn_optimizer;

/* A rule with its usual numbers: rate 0.01 of SGD, 0.001 of the others; no momentum; rho 0.9, epsilon 1e-7; beta1 0.9,
 * beta2 0.999, epsilon 1e-8; decay 0.01. */
CLACT_API clact_status clact_nn_optimizer_default(clact_nn_optimizer *out, clact_nn_rule rule);

/* How many arrays besides the weights a rule updates: 0 to 2, of the weights' shape and type, zeros at first. */
CLACT_API uint32_t clact_nn_optimizer_states(const clact_nn_optimizer *optimizer);

/* Begins a step, in which clact_nn_update() is called once for each array of weights. Not from two threads at once. */
CLACT_API clact_status clact_nn_step_begin(clact_nn_optimizer *optimizer);

typedef struct clact_nn_update_args {
    const clact_nn_optimizer *optimizer; /* only read: updates may run in several threads */
    const clact_operand *weights;        /* in and out */
    const clact_operand *gradient;
    const clact_operand *states[2];      /* in and out: v of SGD and RMSPROP; m and v; NULL beyond what the rule has */
    uint64_t reserved[8];
} clact_nn_update_args;

CLACT_API clact_status clact_nn_update(clact_context *context, const clact_nn_update_args *args,
                                       const struct clact_enqueue *enqueue);

typedef struct clact_nn_clip_args {
    const clact_operand *gradients; /* count of them, in and out, of any shapes */
    size_t count;
    double max_norm;                /* above 0; or 0: the norm alone, and the gradients are only read */
    const clact_operand *norm;      /* out: 4 elements: the norm, the factor, and two that hold sums on the way */
    uint64_t reserved[8];
} clact_nn_clip_args;

/* The Euclidean norm of all gradients as one vector; where it is above max_norm they are multiplied by max_norm / norm,
 * without the host waiting for it. The squares of each array are summed, then the arrays' sums in their order. The norm
 * is infinite only where an element is, or the norm itself is no number of the type; the factor is then 0, and an
 * infinite element becomes NaN. A NaN makes all NaN. Elements below 2^-63 (f64: 2^-511) lose digits. */
CLACT_API clact_status clact_nn_clip(clact_context *context, const clact_nn_clip_args *args,
                                     const struct clact_enqueue *enqueue);

/* ---- Health --------------------------------------------------------------------------------- */

/* How many elements were seen, and how many of them were so. */
typedef struct clact_nn_counts {
    uint64_t seen, zeros, nans, infinities, saturated;
} clact_nn_counts;

/* Bytes of a record of so many units; 0 where that overflows. */
CLACT_API size_t clact_nn_health_bytes(uint64_t units);

typedef struct clact_nn_health_args {
    const clact_operand *x;      /* f32, f64, f16 or bf16: activations, derivatives, weights or gradients */
    const clact_operand *record; /* in and out: CLACT_U8, [clact_nn_health_bytes(units)], aligned to 8 bytes */
    uint32_t by_unit;            /* 1: x is [..., units], and each unit is counted apart; 0: there is one unit */
    uint32_t add;                /* 1: to what the record holds, for a window of several batches; 0: it begins anew */
    uint32_t saturation;         /* 1: what is at or below low, or at or above high, is counted as saturated */
    uint32_t reserved0;
    double low, high;
    uint64_t reserved[8];
} clact_nn_health_args;

/* Counts in integers of 64 bits, exactly. Where a unit of an activation is saturated is yours to say:
 *   - y of sigmoid 0.05 and 0.95, of tanh -0.95 and 0.95: the derivative is below a fifth, or a tenth, of its greatest
 *   - y of relu6, hard_sigmoid, hard_tanh or clip: its two limits, at which the derivative is zero
 *   - derivatives f'(x): low is the least one that is welcome, high is infinity
 * y of relu is zero where the unit is off. */
CLACT_API clact_status clact_nn_health(clact_context *context, const clact_nn_health_args *args,
                                       const struct clact_enqueue *enqueue);

typedef struct clact_nn_health_summary {
    clact_nn_counts total;
    uint64_t units;
    uint64_t dead; /* units all of whose elements were zeros in the window */
    uint64_t reserved[8];
} clact_nn_health_summary;

/* Reads a record, in host memory or a buffer (clact_buffer_import() makes one of a cl_mem), after the context's earlier
 * calls. units: the counts of each; NULL: not asked for. */
CLACT_API clact_status clact_nn_health_read(clact_nn_health_summary *out, clact_nn_counts *units,
                                            clact_context *context, const clact_operand *record);

/* ---- A sequential model --------------------------------------------------------------------- */

/* Dense layers, one behind the other, with all that training them takes. A model belongs to its context, whose device
 * holds it and which must live longer. One thread uses a model at a time. */
typedef struct clact_nn_model clact_nn_model;

typedef struct clact_nn_model_options {
    uint32_t type;   /* CLACT_F32, or CLACT_F64 where the device has it */
    uint32_t mode;   /* clact_nn_mode. In CLACT_NN_EXACT the same data, seeds and calls give the same weights everywhere */
    uint64_t seed;   /* of the weights: every array has a part of its random numbers of its own */
    uint64_t reserved[4];
} clact_nn_model_options;

/* A model without layers for samples of so many numbers. options may be NULL. */
CLACT_API clact_status clact_nn_model_create(clact_nn_model **out, clact_context *context, uint64_t inputs,
                                             const clact_nn_model_options *options);
CLACT_API void clact_nn_model_destroy(clact_nn_model **model);

/* A dense layer, y = f(x W + b); in training some of y are then dropped. The strings need live only until the call returns. */
typedef struct clact_nn_layer {
    uint64_t units;         /* of x W + b, [samples, units]; f may make fewer or more of them: maxout, gated units, crelu */
    const char *activation; /* the name of f; NULL: the identity */
    const clact_parameter *parameters; /* of f; those of an axis must be the last */
    size_t parameter_count;
    uint32_t learn;         /* 1: f's learnable parameter that may be a tensor (the slopes of prelu, the beta of swish) is
                               trained, one for each unit */
    uint32_t no_bias;
    clact_nn_initializer weights, bias; /* seed and offset are the model's; no fan: that of the layer */
    double dropout;         /* the fraction that is dropped: 0 to below 1 */
    double l1, l2;          /* penalties of W, and of y: see clact_nn_penalty() */
    double activity_l1, activity_l2;
    uint64_t reserved[8];
} clact_nn_layer;

CLACT_API clact_status clact_nn_model_add(clact_nn_model *model, const clact_nn_layer *layer);

/* What a layer trains. */
typedef enum clact_nn_layer_array {
    CLACT_NN_WEIGHTS = 0,   /* [inputs, units] */
    CLACT_NN_BIAS = 1,      /* [units] */
    CLACT_NN_PARAMETER = 2  /* [units], of the activation */
} clact_nn_layer_array;

CLACT_API size_t clact_nn_model_layers(const clact_nn_model *model);
CLACT_API uint64_t clact_nn_model_inputs(const clact_nn_model *model);
/* Of the last layer; of a model without layers its inputs. */
CLACT_API uint64_t clact_nn_model_outputs(const clact_nn_model *model);
/* Numbers that are trained. */
CLACT_API uint64_t clact_nn_model_parameters(const clact_nn_model *model);
/* An array of a layer where it lies, in a buffer of the context that stays the model's: to be read, written or mapped
 * between other calls. CLACT_E_ARGUMENT where the layer has no such array. */
CLACT_API clact_status clact_nn_model_array(const clact_nn_model *model, size_t layer, clact_nn_layer_array which,
                                            clact_operand *out);

/* Samples in host memory, of the model's type. */
typedef struct clact_nn_data {
    const clact_operand *x;       /* [samples, inputs] */
    const clact_operand *targets; /* [samples, outputs]; or */
    const clact_operand *labels;  /* the classes of cross-entropy: CLACT_I32, [samples], below the number of outputs */
    uint64_t reserved[2];
} clact_nn_data;

/* y = the model's output for x, [samples, outputs], both in host memory: logits where it was trained on logits. */
CLACT_API clact_status clact_nn_model_predict(clact_nn_model *model, const clact_operand *x, const clact_operand *y);

typedef struct clact_nn_score {
    double loss;     /* the mean over the samples, without penalties */
    double accuracy; /* the fraction whose greatest output is that of the label, or of the greatest target; of binary
                        cross-entropy that of outputs on the right side of 0; NaN of squared errors */
} clact_nn_score;

/* loss: clact_nn_loss_kind. */
CLACT_API clact_status clact_nn_model_evaluate(clact_nn_model *model, const clact_nn_data *data, uint32_t loss,
                                               clact_nn_score *out);

/* What an epoch did to a layer. */
typedef struct clact_nn_layer_health {
    double gradient_norm; /* of all that the layer trains, in the epoch's last batch, before clipping */
    double zeros;         /* fraction of its outputs, over the epoch; before dropout */
    double saturated;     /* the same, of activations with two limits: within a twentieth of their distance of either */
    uint64_t dead;        /* outputs that were zero for every sample of the epoch */
    uint64_t outputs;
    uint64_t nans, infinities;
} clact_nn_layer_health;

typedef struct clact_nn_progress {
    uint64_t epoch, epochs;  /* from 1 on */
    uint64_t batch, batches; /* done, of the epoch */
    uint32_t epoch_done;     /* 1: what follows is known */
    uint32_t reserved0;
    double loss;                /* the mean over the epoch's batches as they were trained on, penalties included */
    clact_nn_score validation;  /* NaN without validation data */
    const clact_nn_layer_health *layers; /* of each layer; NULL where health was not asked for */
    uint64_t reserved[4];
} clact_nn_progress;

typedef struct clact_nn_fit_args {
    clact_nn_data train;
    clact_nn_data validation;       /* all zero: none */
    uint32_t loss;                  /* clact_nn_loss_kind */
    uint32_t in_order;              /* 1: samples are taken as they lie; 0: in another random order in every epoch */
    clact_nn_optimizer *optimizer;  /* its steps are counted on; one that has begun goes on with the state that the model
                                       has kept since */
    uint64_t batch, epochs;         /* samples of a batch; 0: 32, and 1 epoch. The last batch has what is left */
    uint64_t seed;                  /* of the orders and of dropout */
    double max_norm;                /* gradients are clipped, see clact_nn_clip(); 0: are not */
    uint32_t health;                /* 1: progress is told what an epoch did to the layers */
    uint32_t reserved0;
    int (*progress)(void *data, const clact_nn_progress *progress); /* may be NULL; anything but 0 ends the training */
    void *progress_data;
    uint64_t reserved[8];
} clact_nn_fit_args;

/* Trains the model. Samples must be finite. CLACT_E_RANGE where the loss of an epoch is not. After this error, and where
 * memory or the device failed, the weights, the optimiser and its state are what has become of them; an optimiser whose
 * state is gone is refused until its steps are 0. */
CLACT_API clact_status clact_nn_model_fit(clact_nn_model *model, const clact_nn_fit_args *args);

/* Writes the layers and what they have learned to a file (docs/models.md), whole or not at all. Weights that are not
 * finite are refused: a good file is not written over by a bad one. */
CLACT_API clact_status clact_nn_model_save(const clact_nn_model *model, const char *path);
/* Makes a model from a file. The options' type must be the file's, or 0; the seed has nothing to do. Refused, with
 * CLACT_E_FILE, where the file is damaged or not a model. */
CLACT_API clact_status clact_nn_model_load(clact_nn_model **out, clact_context *context, const char *path,
                                           const clact_nn_model_options *options);

#ifdef __cplusplus
}
#endif

#endif
