/* apply_options.h: the options of `clact apply`. */
#ifndef CLI_APPLY_OPTIONS_H
#define CLI_APPLY_OPTIONS_H

#include "activation.h"

/* --param-gradient: which parameter's, and the file it goes to. */
typedef struct gradient_option {
    char *name;
    const char *path;
} gradient_option;

enum { MOST_GRADIENTS = 8 };

typedef struct apply_options {
    context_options context;
    activation_options activation;
    const char *name, *in, *out, *gradient;
    const char *gate, *gate_gradient; /* of gated units */
    const char *mask; /* of row-wise activations */
    int type; /* a clact_type, or FILE_TYPE */
    const char *saved; /* "x", "y" or NULL */
    int64_t axis;
    gradient_option gradients[MOST_GRADIENTS];
    size_t gradient_count;
    int64_t seed, offset; /* of noise */
    clact_quantization quantization;
    bool x_scaled, y_scaled, zeroed; /* --x-scale, --y-scale, and one of --x-zero and --y-zero are given */
    bool axis_given, seeded, training, verbose;
} apply_options;

/* Reads the command line into options that are zero but for type, FILE_TYPE. What is missing, unknown or does not go
 * together is a usage error. */
const clact_activation_info *read_apply_options(apply_options *options, int argc, char **argv);

bool is_gated(const apply_options *options, const clact_activation_info *info);
bool is_quantised(const apply_options *options);
/* By name or alias; -1 if there is none. */
int parameter_index(const clact_activation_info *info, const char *name);

#endif
