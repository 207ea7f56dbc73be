/* nn.h: the dense layer and what training takes: libclact-nn, a second library beside libclact.
 *
 * Rules that hold for all of it, besides those of clact.h:
 *   - Operands are dense and row-major. A matrix has rank 2: [rows, columns]; a batch has one sample in each row.
 *   - All operands of one call lie in host memory, or none does. In host memory they are computed by the CPU backend,
 *     whatever the context's device: the bits are the same. Others run on enqueue->queue, after enqueue->waits, as
 *     clact_forward_enqueue() does; enqueue may be NULL: the context's queue, in the order of the calls.
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

#ifdef __cplusplus
}
#endif

#endif
