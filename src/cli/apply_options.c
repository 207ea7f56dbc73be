/* apply_options.c: the options of `clact apply`, and what they must be together. */
#include "apply_options.h"

#include "array.h"
#include "suggest.h"

#include <string.h>

enum { KEY_DTYPE = 0x200, KEY_AXIS, KEY_GRADIENT, KEY_SAVED, KEY_VERBOSE, KEY_GATE, KEY_HALVES, KEY_GATE_GRADIENT,
       KEY_MASK, KEY_PARAM_GRADIENT, KEY_TRAINING, KEY_SEED, KEY_OFFSET, KEY_X_SCALE, KEY_X_ZERO, KEY_Y_SCALE,
       KEY_Y_ZERO };

#define ANY_TYPE_WORDS TYPE_WORDS "|i8|u8"
#define SAVED_WORDS "x|y"
#define HALVES_WORDS "first|second"

static const struct argp_option options_table[] = {
    {"output", 'o', "OUT.npy", 0, "Where the result goes; - is standard output", 0},
    {"dtype", KEY_DTYPE, ANY_TYPE_WORDS, 0,
     "Compute in f32, f16, bf16 or f64, converting what the files hold first (default: the type "
     "of IN.npy; '<V2' is bf16, and '<u2' is with --dtype=bf16); with --x-scale the type of y, i8 or u8", 0},
    {"axis", KEY_AXIS, "K", 0,
     "The axis of an activation that has one (default: the last one); else the axis along which a "
     "one-dimensional parameter file lies (default: 1, or 0 where there is no axis 1); negative: from "
     "the last one", 0},
    {"gradient", KEY_GRADIENT, "DY.npy", 0, "Compute f'(x) * dy instead of f(x)", 0},
    {"saved", KEY_SAVED, SAVED_WORDS, 0,
     "What IN.npy holds for --gradient: x (the default), or y = f(x) where that is exact; y for "
     "row-wise activations, which need it", 0},
    {"gate", KEY_GATE, "V.npy", 0, "Compute u * f(v), u being IN.npy and v this file", 0},
    {"halves", KEY_HALVES, HALVES_WORDS, 0,
     "Compute u * f(v), u and v being the halves of IN.npy along the axis; f is applied to this one", 0},
    {"gate-gradient", KEY_GATE_GRADIENT, "DV.npy", 0,
     "With --gate and --gradient: where the gradient by v goes; that by u goes to -o", 0},
    {"mask", KEY_MASK, "M.npy", 0,
     "For row-wise activations: what takes part, a file of truth values or bytes, whose dimensions "
     "are matched with the last ones of the input", 0},
    {"param-gradient", KEY_PARAM_GRADIENT, "PARAM:OUT.npy", 0,
     "With --gradient: where the gradient of a learnable parameter goes; may be repeated, and -o then left out", 0},
    {"training", KEY_TRAINING, NULL, 0, "Draw the random numbers that rrelu and dropout take in training", 0},
    {"seed", KEY_SEED, "S", 0, "What the random numbers are a function of (default: 0)", 0},
    {"offset", KEY_OFFSET, "K", 0, "Skip the first 4 K random numbers of the seed (default: 0)", 0},
    {"x-scale", KEY_X_SCALE, "S", 0,
     "IN.npy holds quantised numbers, of type '|i1' or '|u1': q stands for (q - zero) * S", 0},
    {"x-zero", KEY_X_ZERO, "Z", 0, "The number that stands for 0 in x (default: 0)", 0},
    {"y-scale", KEY_Y_SCALE, "S", 0, "The same for y, which is quantised where x is", 0},
    {"y-zero", KEY_Y_ZERO, "Z", 0, "The number that stands for 0 in y (default: 0)", 0},
    {"verbose", KEY_VERBOSE, NULL, 0, "Say on stderr where it ran, and why there", 0},
    {0},
};

static int parse_any_type(const char *value)
{
    static const clact_type types[] = {CLACT_F32, CLACT_F16, CLACT_BF16, CLACT_F64, CLACT_I8, CLACT_U8};
    return types[parse_choice("--dtype", value, ANY_TYPE_WORDS)];
}

static double parse_scale(const char *option, const char *value)
{
    double scale;
    if (!parse_number(&scale, value))
        usage_error("--%s is a number above 0, not '%s'", option, value);
    return scale;
}

static int32_t parse_zero(const char *option, const char *value)
{
    int64_t zero;
    if (!parse_integer(&zero, value, INT8_MIN, UINT8_MAX))
        usage_error("--%s is a whole number from %d to %d, not '%s'", option, INT8_MIN, UINT8_MAX, value);
    return (int32_t)zero;
}

static void take_argument(apply_options *options, const char *word)
{
    if (!options->name)
        options->name = word;
    else if (!options->in)
        options->in = word;
    else
        usage_error("'%s' is not expected: apply takes one activation and one file", word);
}

static uint32_t parse_half(const char *value)
{
    return parse_choice("--halves", value, HALVES_WORDS) == 0 ? CLACT_HALF_FIRST : CLACT_HALF_SECOND;
}

static int64_t parse_count(const char *option, const char *value)
{
    int64_t count;
    if (!parse_integer(&count, value, 0, INT64_MAX))
        usage_error("--%s is a whole number from 0 on, not '%s'", option, value);
    return count;
}

static void add_gradient(apply_options *options, const char *value)
{
    const char *colon = strchr(value, ':');
    if (!colon || colon == value || !colon[1])
        usage_error("--param-gradient is PARAM:OUT.npy, not '%s'", value);
    if (options->gradient_count == MOST_GRADIENTS)
        usage_error("--param-gradient is given too often");
    gradient_option *gradient = &options->gradients[options->gradient_count++];
    gradient->name = text_of("%.*s", (int)(colon - value), value);
    for (char *c = gradient->name; *c; c++)
        *c = *c == '-' ? '_' : *c;
    gradient->path = colon + 1;
}

static error_t parse_quantization(int key, const char *value, apply_options *options)
{
    clact_quantization *q = &options->quantization;
    switch (key) {
    case KEY_X_SCALE:
        q->x_scale = parse_scale("x-scale", value);
        options->x_scaled = true;
        break;
    case KEY_Y_SCALE:
        q->y_scale = parse_scale("y-scale", value);
        options->y_scaled = true;
        break;
    case KEY_X_ZERO:
        q->x_zero = parse_zero("x-zero", value);
        options->zeroed = true;
        break;
    case KEY_Y_ZERO:
        q->y_zero = parse_zero("y-zero", value);
        options->zeroed = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    apply_options *options = state->input;
    switch (key) {
    case 'o':
        options->out = value;
        break;
    case KEY_DTYPE:
        options->type = parse_any_type(value);
        break;
    case KEY_AXIS:
        options->axis_given = true;
        if (!parse_integer(&options->axis, value, -CLACT_MAX_RANK, CLACT_MAX_RANK - 1))
            usage_error("--axis is a whole number from -%d to %d, not '%s'", CLACT_MAX_RANK,
                        CLACT_MAX_RANK - 1, value);
        break;
    case KEY_GRADIENT:
        options->gradient = value;
        break;
    case KEY_SAVED:
        options->saved = parse_choice("--saved", value, SAVED_WORDS) == 0 ? "x" : "y";
        break;
    case KEY_GATE:
        options->gate = value;
        break;
    case KEY_HALVES:
        options->activation.half = parse_half(value);
        break;
    case KEY_GATE_GRADIENT:
        options->gate_gradient = value;
        break;
    case KEY_MASK:
        options->mask = value;
        break;
    case KEY_PARAM_GRADIENT:
        add_gradient(options, value);
        break;
    case KEY_TRAINING:
        options->training = true;
        break;
    case KEY_SEED:
        options->seed = parse_count("seed", value);
        options->seeded = true;
        break;
    case KEY_OFFSET:
        options->offset = parse_count("offset", value);
        options->seeded = true;
        break;
    case KEY_VERBOSE:
        options->verbose = true;
        break;
    case ARGP_KEY_ARG:
        take_argument(options, value);
        break;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        state->child_inputs[1] = &options->activation;
        break;
    case ARGP_KEY_ERROR:
        refuse_unknown_parameter(state);
        break;
    default:
        return parse_quantization(key, value, options);
    }
    return 0;
}

static bool has_tensor(const clact_activation_info *info)
{
    for (uint32_t i = 0; i < info->parameter_count; i++)
        if (info->parameters[i].kind == CLACT_PARAMETER_TENSOR)
            return true;
    return false;
}

bool is_gated(const apply_options *options, const clact_activation_info *info)
{
    return options->activation.gated || strcmp(info->kind, "gated") == 0;
}

/* --gate, --halves and --axis; says to the activation's options what they mean. */
static void check_gate(apply_options *options, const clact_activation_info *info)
{
    bool asked = options->gate || options->activation.half;
    options->activation.gated = asked && is_elementwise(info);
    if (asked && !is_gated(options, info))
        usage_error("--gate and --halves are for gated units, and %s cannot gate", info->name);
    if (options->gate && options->activation.half)
        usage_error("--gate is for two files, --halves for one: not both");
    if (options->gate_gradient && !(options->gate && options->gradient))
        usage_error("--gate-gradient is for --gate=V.npy with --gradient=DY.npy");
    if (options->axis_given && !is_elementwise(info))
        options->activation.axis = &options->axis;
    else if (options->axis_given && options->activation.gated)
        options->activation.axis = &options->axis;
    else if (options->axis_given && !has_tensor(info))
        usage_error("--axis is for a parameter in a file, and %s takes none", info->name);
}

/* Standard input can be one of the files. */
static void check_standard_input(const apply_options *options)
{
    const activation_options *activation = &options->activation;
    int times = 0, parameters = 0;
    const char *const files[] = {options->in, options->gradient, options->gate, options->mask};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        times += files[i] && is_standard(files[i]);
    for (size_t i = 0; i < activation->given_count; i++)
        parameters += is_standard(activation->given[i].value);
    if (times + parameters > 1 && (options->gate || options->mask || parameters))
        usage_error("standard input cannot be several of the input, the gate, the mask, the gradient and parameters");
    if (times > 1)
        usage_error("standard input cannot be both the input and the gradient");
}

/* So can standard output be one of the results. */
static void check_standard_output(const apply_options *options)
{
    const char *gate = options->gate_gradient;
    int times = (options->out && is_standard(options->out)) + (gate && is_standard(gate));
    for (size_t i = 0; i < options->gradient_count; i++)
        times += is_standard(options->gradients[i].path);
    if (times > 1)
        usage_error("standard output cannot take several of the results");
}

int parameter_index(const clact_activation_info *info, const char *name)
{
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        const clact_parameter_info *p = &info->parameters[i];
        if (strcmp(p->name, name) == 0 || (p->alias && strcmp(p->alias, name) == 0))
            return (int)i;
    }
    return -1;
}

static void check_gradients(const apply_options *options, const clact_activation_info *info)
{
    if (options->gradient_count && !options->gradient)
        usage_error("--param-gradient is for --gradient=DY.npy");
    for (size_t i = 0; i < options->gradient_count; i++) {
        const char *name = options->gradients[i].name;
        int index = parameter_index(info, name);
        if (index < 0)
            usage_error("%s has no parameter '%s'", info->name, name);
        if (index >= (int)info->learnable_count)
            usage_error("%s of %s is not learnable", name, info->name);
        for (size_t k = 0; k < i; k++)
            if (parameter_index(info, options->gradients[k].name) == index)
                usage_error("the gradient of %s is asked for twice", name);
    }
}

static void check_noise(const apply_options *options, const clact_activation_info *info)
{
    if (options->training && !info->noise)
        usage_error("--training is for activations that draw random numbers, and %s draws none", info->name);
    if (options->seeded && !options->training)
        usage_error("--seed and --offset are for --training");
}

bool is_quantised(const apply_options *options)
{
    return options->x_scaled;
}

/* Whatever else of a call is for other types the library refuses. */
static void check_quantization(const apply_options *options)
{
    bool bytes = options->type == CLACT_I8 || options->type == CLACT_U8;
    if (options->x_scaled != options->y_scaled || (options->zeroed && !options->x_scaled))
        usage_error("quantised numbers take both --x-scale and --y-scale");
    if (bytes && !is_quantised(options))
        usage_error("--dtype=%s is for quantised numbers: --x-scale and --y-scale are missing",
                    clact_type_name((clact_type)options->type));
    if (!bytes && options->type != FILE_TYPE && is_quantised(options))
        usage_error("with --x-scale y is of type i8 or u8, not %s", clact_type_name((clact_type)options->type));
    if (is_quantised(options) && options->gradient)
        usage_error("--gradient is not for quantised numbers, which go forward only");
    if (is_quantised(options) && options->training)
        usage_error("--training is not for quantised numbers, for which no random ones are drawn");
}

/* What the words of the command line must be together. */
static const clact_activation_info *check_options(apply_options *options)
{
    if (!options->name)
        usage_error("the name of an activation is missing; `clact list` names them all");
    const clact_activation_info *info = find_activation(options->name);
    if (!options->in)
        usage_error("the input file is missing; - is standard input");
    check_gradients(options, info);
    check_noise(options, info);
    check_quantization(options);
    if (!options->out && !options->gradient_count)
        usage_error("say where the result goes: -o OUT.npy, or -o - for standard output");
    if (options->saved && !options->gradient)
        usage_error("--saved is for --gradient=DY.npy");
    if (options->mask && strcmp(info->kind, "rowwise") != 0)
        usage_error("--mask is for row-wise activations, and %s is none", info->name);
    if (options->gradient && !options->saved && info->needs == CLACT_BACKWARD_Y)
        options->saved = "y";
    if (options->saved && options->saved[0] == 'x' && info->needs == CLACT_BACKWARD_Y)
        usage_error("the gradient of %s is made from y, not from x", info->name);
    check_standard_input(options);
    check_standard_output(options);
    check_gate(options, info);
    return info;
}

const clact_activation_info *read_apply_options(apply_options *options, int argc, char **argv)
{
    const struct argp_child children[] = {
        {&context_argp, 0, NULL, 0}, {activation_argp(), 0, NULL, 0}, {0}};
    const struct argp argp = {
        options_table, parse_option, "NAME IN.npy -o OUT.npy",
        "Computes y = f(x) for every element of IN.npy, or with --gradient f'(x) * dy. A - instead "
        "of a file is standard input or output.\v"
        "Examples:\n"
        "  clact apply leaky_relu --negative-slope=0.1 x.npy -o y.npy\n"
        "  clact apply prelu --slope=slopes.npy --axis=-1 x.npy -o y.npy\n"
        "  clact apply tanh --gradient=dy.npy x.npy -o dx.npy\n"
        "  clact apply prelu --gradient=dy.npy --param-gradient=slope:ds.npy x.npy\n"
        "  clact apply dropout --rate=0.1 --training --seed=7 x.npy -o y.npy\n"
        "  clact apply elu --gate=v.npy u.npy -o y.npy\n"
        "  clact apply maxout --pieces=3 --axis=1 x.npy -o y.npy\n"
        "  clact apply softmax --axis=1 --mask=m.npy x.npy -o y.npy\n"
        "  clact apply silu --x-scale=0.05 --y-scale=0.04 --y-zero=-128 q.npy -o y.npy",
        children, NULL, NULL};
    parse_arguments(argv[0], &argp, argc, argv, options);
    return check_options(options);
}

