/* activation.h: activations and their parameters as the command line names them. */
#ifndef CLI_ACTIVATION_H
#define CLI_ACTIVATION_H

#include "common.h"

/* By name or alias. Where there is none: a usage error that suggests the nearest name. */
const clact_activation_info *find_activation(const char *name);

/* Whether a function of one element, to which measuring and benchmarks are confined. */
bool is_elementwise(const clact_activation_info *info);
/* Otherwise a usage error that says that the command is for those. */
void require_elementwise(const clact_activation_info *info, const char *command);

/* The clact_semantics that a word names; else a usage error. */
#define SEMANTICS_WORDS "documented|tensorflow"
#define MODE_WORDS "exact|fast"
uint32_t parse_semantics(const char *word);

/* A parameter as it was typed: the option without its dashes, and the value. */
typedef struct given_parameter {
    const char *option, *value;
} given_parameter;

/* A parameter whose values are in a file. */
typedef struct parameter_file {
    const char *name, *path;
} parameter_file;

typedef struct activation_options {
    uint32_t semantics, mode, unchecked;
    uint32_t gated, half;  /* as in clact_activation_desc; set by the command */
    const clact_quantization *quantization; /* NULL: none; set by the command */
    const int64_t *axis;   /* the parameter "axis"; NULL: its default; set by the command */
    given_parameter *given; /* in the order of the command line */
    size_t given_count;
    parameter_file *files; /* set by create_activation */
    size_t file_count;
} activation_options;

/* --semantics, --mode, --unchecked and an option for each name and alias of a parameter in the library's
 * list but axis, which is the command's to take; a child whose input is an activation_options that is all zero. */
const struct argp *activation_argp(void);

/* Makes the activation from the options. Parameters it does not have, values it does not take and
 * whatever the library refuses are usage errors. */
clact_activation *create_activation(const clact_activation_info *info, activation_options *options);

/* The parameter that an option names; NULL if there is none. */
const clact_parameter_info *find_parameter(const clact_activation_info *info, const char *option);

/* The parameters by their names, for who must know them besides the activation; numbers that create_activation has
 * found good. */
clact_parameter *given_parameters(const activation_options *options);
void free_given_parameters(clact_parameter *parameters, size_t count);

/* In ARGP_KEY_ERROR: if an activation was named and an option is unknown, the usage error that
 * names the activation's parameters. Returns otherwise. */
void refuse_unknown_parameter(const struct argp_state *state);

void free_activation_options(activation_options *options);

#endif
