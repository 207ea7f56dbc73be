/* apply.c: `clact apply`: an activation, or its gradient, of a .npy file. */
#include "activation.h"
#include "commands.h"
#include "convert.h"
#include "npy.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options -------------------------------------------------------------------------------- */

enum { FILE_TYPE = -1 }; /* no --dtype: the type of the input file */

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
    bool axis_given, seeded, training, verbose;
} apply_options;

enum { KEY_DTYPE = 0x200, KEY_AXIS, KEY_GRADIENT, KEY_SAVED, KEY_VERBOSE, KEY_GATE, KEY_HALVES, KEY_GATE_GRADIENT,
       KEY_MASK, KEY_PARAM_GRADIENT, KEY_TRAINING, KEY_SEED, KEY_OFFSET };

static const struct argp_option options_table[] = {
    {"output", 'o', "OUT.npy", 0, "Where the result goes; - is standard output", 0},
    {"dtype", KEY_DTYPE, "TYPE", 0,
     "Compute in f32, f16, bf16 or f64, converting what the files hold first (default: the type "
     "of IN.npy; '<V2' is bf16, and '<u2' is with --dtype=bf16)", 0},
    {"axis", KEY_AXIS, "K", 0,
     "The axis of an activation that has one (default: the last one); else the axis along which a "
     "one-dimensional parameter file lies (default: 1, or 0 where there is no axis 1); negative: from "
     "the last one", 0},
    {"gradient", KEY_GRADIENT, "DY.npy", 0, "Compute f'(x) * dy instead of f(x)", 0},
    {"saved", KEY_SAVED, "x|y", 0,
     "What IN.npy holds for --gradient: x (the default), or y = f(x) where that is exact; y for "
     "row-wise activations, which need it", 0},
    {"gate", KEY_GATE, "V.npy", 0, "Compute u * f(v), u being IN.npy and v this file", 0},
    {"halves", KEY_HALVES, "first|second", 0,
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
    {"verbose", KEY_VERBOSE, NULL, 0, "Say on stderr where it ran, and why there", 0},
    {0},
};

static int parse_type(const char *value)
{
    for (int type = 0; type < CLACT_TYPE_COUNT; type++)
        if (strcmp(value, clact_type_name((clact_type)type)) == 0)
            return type;
    usage_error("--dtype is f32, f16, bf16 or f64, not '%s'", value);
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

static void check_saved(const char *value)
{
    if (strcmp(value, "x") != 0 && strcmp(value, "y") != 0)
        usage_error("--saved is x or y, not '%s'", value);
}

static uint32_t parse_half(const char *value)
{
    if (strcmp(value, "first") != 0 && strcmp(value, "second") != 0)
        usage_error("--halves is first or second, not '%s'", value);
    return strcmp(value, "first") == 0 ? CLACT_HALF_FIRST : CLACT_HALF_SECOND;
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

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    apply_options *options = state->input;
    switch (key) {
    case 'o':
        options->out = value;
        break;
    case KEY_DTYPE:
        options->type = parse_type(value);
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
        check_saved(value);
        options->saved = value;
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
        return ARGP_ERR_UNKNOWN;
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

static bool is_gated(const apply_options *options, const clact_activation_info *info)
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
    int times = is_standard(options->in) + (options->gradient && is_standard(options->gradient)) +
                (options->gate && is_standard(options->gate)) + (options->mask && is_standard(options->mask));
    if (times > 1 && (options->gate || options->mask))
        usage_error("standard input cannot be several of the input, the gate, the mask and the gradient");
    if (times > 1)
        usage_error("standard input cannot be both the input and the gradient");
}

static int parameter_index(const clact_activation_info *info, const char *name)
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
    check_gate(options, info);
    return info;
}

/* ---- Arrays --------------------------------------------------------------------------------- */

/* An array in memory, in the type that is computed in. */
typedef struct array {
    clact_operand operand;
    size_t count;
    void *memory; /* what to free */
} array;

static const char *input_name(const char *path)
{
    return is_standard(path) ? "standard input" : path;
}

static const npy_type written_types[CLACT_TYPE_COUNT] = {
    [CLACT_F32] = NPY_F4,
    [CLACT_F16] = NPY_F2,
    [CLACT_BF16] = NPY_V2,
    [CLACT_F64] = NPY_F8,
};

/* The type of a file's elements; wanted is that of --dtype. */
static clact_type element_type(const char *path, npy_type type, int wanted)
{
    if (type == NPY_B1 || type == NPY_U1)
        fail(CLI_FAILED, "%s has the type '%s', which is for masks", path, npy_type_name(type));
    if (type == NPY_U2 && wanted != CLACT_BF16)
        fail(CLI_FAILED, "%s has the type '<u2', which is read only as bf16, with --dtype=bf16",
             path);
    if (type == NPY_U2)
        return CLACT_BF16;
    for (int t = 0; t < CLACT_TYPE_COUNT; t++)
        if (written_types[t] == type)
            return (clact_type)t;
    return CLACT_F32;
}

/* Elements of the operand's type for count elements; ends the program if there is no memory. */
static void *make_elements(array *a, size_t count)
{
    a->memory = allocate(count, clact_type_bytes((clact_type)a->operand.tensor.type));
    a->operand.data = a->memory;
    a->count = count;
    return a->memory;
}

/* type is what the file's elements become, or FILE_TYPE; dtype what --dtype says. */
static void read_array(array *out, const char *path, int type, int dtype)
{
    refusal why;
    npy_array file;
    void *bytes;
    size_t size;
    const char *name = input_name(path);
    if (!file_read(&bytes, &size, path, &why) || !npy_parse(&file, bytes, size, &why))
        fail(CLI_FAILED, "%s %s", name, why.text);
    clact_type found = element_type(name, file.type, dtype);
    out->operand.tensor.type = type == FILE_TYPE ? found : (uint32_t)type;
    out->operand.tensor.rank = file.rank;
    memcpy(out->operand.tensor.dims, file.dims, sizeof file.dims);
    if (out->operand.tensor.type == found) {
        out->operand.data = (void *)(uintptr_t)file.data;
        out->count = file.count;
        out->memory = bytes;
        return;
    }
    void *elements = make_elements(out, file.count);
    convert_elements(elements, (clact_type)type, file.data, found, file.count);
    free(bytes);
}

/* A file of bytes or truth values. */
static void read_mask(array *out, const char *path)
{
    refusal why;
    npy_array file;
    const char *name = input_name(path);
    size_t size;
    if (!file_read(&out->memory, &size, path, &why) || !npy_parse(&file, out->memory, size, &why))
        fail(CLI_FAILED, "%s %s", name, why.text);
    if (file.type != NPY_B1 && file.type != NPY_U1)
        fail(CLI_FAILED, "%s has the type '%s'; a mask is of type '|b1' or '|u1'", name, npy_type_name(file.type));
    out->operand.tensor.type = CLACT_U8;
    out->operand.tensor.rank = file.rank;
    memcpy(out->operand.tensor.dims, file.dims, sizeof file.dims);
    out->operand.data = (void *)(uintptr_t)file.data;
    out->count = file.count;
}

static bool is_same_shape(const clact_tensor *a, const clact_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

/* Where a one-dimensional parameter file lies. */
static uint32_t find_axis(const apply_options *options, const clact_tensor *x)
{
    int64_t axis = options->axis_given ? options->axis : x->rank >= 2 ? 1 : 0;
    if (axis < -(int64_t)x->rank || axis >= (int64_t)x->rank)
        usage_error("there is no axis %" PRId64 " in an input with %" PRIu32 " dimensions", axis,
                    x->rank);
    return (uint32_t)(axis < 0 ? axis + x->rank : axis);
}

/* Gives a parameter's file the rank of x: one dimension lies along the axis. */
static void place_parameter(array *value, const char *path, const apply_options *options,
                            const clact_tensor *x)
{
    clact_tensor *t = &value->operand.tensor;
    if (t->rank == 1 && x->rank != 1) {
        int64_t length = t->dims[0];
        uint32_t axis = find_axis(options, x);
        for (uint32_t i = 0; i < x->rank; i++)
            t->dims[i] = 1;
        t->dims[axis] = length;
        t->rank = x->rank;
    }
    if (t->rank != x->rank)
        fail(CLI_FAILED, "%s has %" PRIu32 " dimensions; a parameter has one, or as many as the "
             "input, which has %" PRIu32,
             path, t->rank, x->rank);
    for (uint32_t i = 0; i < x->rank; i++)
        if (t->dims[i] != 1 && t->dims[i] != x->dims[i])
            fail(CLI_FAILED, "%s has %" PRId64 " elements along axis %" PRIu32 ", where the input "
                 "has %" PRId64 "; a parameter has as many, or one",
                 path, t->dims[i], i, x->dims[i]);
}

/* ---- The computation ------------------------------------------------------------------------ */

/* The gradient of a parameter, and the shape that it is written in. */
typedef struct gradient_result {
    array value;
    clact_tensor shape;
} gradient_result;

/* All operands of one call; gate and gate_result in memory only where there are any. */
typedef struct call {
    array x, dy, result, gate, gate_result, mask;
    array *values; /* of parameters in files */
    clact_parameter_tensor *parameters;
    clact_tensor *shapes; /* as their files have them */
    size_t parameter_count;
    gradient_result gradients[MOST_GRADIENTS];
} call;

/* How many elements of x make how many of y along the axis; 1 of 1 where they have the same shape. */
static void read_ratio(const clact_activation_info *info, const apply_options *options, int64_t *of, int64_t *make)
{
    *of = is_gated(options, info) && !options->gate ? 2 : 1;
    *make = info->id == CLACT_CRELU ? 2 : 1;
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        if (strcmp(info->parameters[i].name, "pieces") != 0)
            continue;
        *of = (int64_t)info->parameters[i].default_value;
        double given;
        for (size_t k = 0; k < options->activation.given_count; k++)
            if (strcmp(options->activation.given[k].option, "pieces") == 0
                && parse_number(&given, options->activation.given[k].value))
                *of = (int64_t)given;
    }
}

/* The shape of y for that of x, or of x for that of y. */
static clact_tensor other_shape(const clact_tensor *t, const apply_options *options, int64_t of, int64_t make)
{
    clact_tensor other = *t;
    int64_t axis = options->axis_given ? options->axis : -1;
    if (of == make)
        return other;
    if (axis < -(int64_t)t->rank || axis >= (int64_t)t->rank)
        usage_error("there is no axis %" PRId64 " in an input with %" PRIu32 " dimensions", axis, t->rank);
    int64_t *length = &other.dims[axis < 0 ? axis + t->rank : axis];
    *length = *length / of * make; /* what is not a multiple the library refuses */
    return other;
}

static void make_result(array *result, const clact_tensor *shape)
{
    size_t count = 1;
    result->operand.tensor = *shape;
    for (uint32_t i = 0; i < shape->rank; i++)
        count *= (size_t)shape->dims[i];
    make_elements(result, count);
}

/* A gradient has the shape of the parameter's file, or is a single number. */
static void make_gradients(call *c, const apply_options *options, const clact_activation_info *info)
{
    for (size_t i = 0; i < options->gradient_count; i++) {
        gradient_result *g = &c->gradients[i];
        clact_tensor number = {.type = c->x.operand.tensor.type};
        const clact_tensor *shape = &number;
        int index = parameter_index(info, options->gradients[i].name);
        g->shape = number;
        for (size_t k = 0; k < c->parameter_count; k++)
            if (parameter_index(info, c->parameters[k].name) == index) {
                shape = &c->values[k].operand.tensor;
                g->shape = c->shapes[k];
            }
        make_result(&g->value, shape);
    }
}

static void read_operands(call *c, const apply_options *options, const clact_activation_info *info)
{
    const activation_options *activation = &options->activation;
    const clact_tensor *x = &c->x.operand.tensor;
    int64_t of, make;
    read_ratio(info, options, &of, &make);
    read_array(&c->x, options->in, options->type, options->type);
    if (options->gradient)
        read_array(&c->dy, options->gradient, (int)x->type, options->type);
    if (options->gate)
        read_array(&c->gate, options->gate, (int)x->type, options->type);
    if (options->mask)
        read_mask(&c->mask, options->mask);
    if (options->gradient && of == make && !is_same_shape(x, &c->dy.operand.tensor))
        fail(CLI_FAILED, "%s and %s have different shapes; a gradient has the shape of the input",
             input_name(options->gradient), input_name(options->in));
    c->parameter_count = activation->file_count;
    c->values = allocate(c->parameter_count, sizeof *c->values);
    c->parameters = allocate(c->parameter_count, sizeof *c->parameters);
    c->shapes = allocate(c->parameter_count, sizeof *c->shapes);
    for (size_t i = 0; i < c->parameter_count; i++) {
        const char *path = activation->files[i].path;
        read_array(&c->values[i], path, (int)x->type, options->type);
        c->shapes[i] = c->values[i].operand.tensor;
        place_parameter(&c->values[i], path, options, x);
        c->parameters[i].name = activation->files[i].name;
        c->parameters[i].value = &c->values[i].operand;
    }
    make_gradients(c, options, info);
    bool from_y = options->saved && options->saved[0] == 'y';
    clact_tensor y = other_shape(x, options, from_y ? make : of, from_y ? of : make);
    make_result(&c->result, options->gradient && !from_y ? x : &y);
    if (options->gate_gradient)
        make_result(&c->gate_result, x);
}

static void release_operands(call *c)
{
    for (size_t i = 0; i < c->parameter_count; i++)
        free(c->values[i].memory);
    free(c->values);
    free(c->parameters);
    free(c->shapes);
    for (size_t i = 0; i < MOST_GRADIENTS; i++)
        free(c->gradients[i].value.memory);
    free(c->x.memory);
    free(c->dy.memory);
    free(c->gate.memory);
    free(c->mask.memory);
    free(c->gate_result.memory);
    free(c->result.memory);
}

static void compute_forward(clact_context *context, const clact_activation *activation, call *c,
                            const apply_options *options)
{
    clact_forward_args args = {0};
    args.training = options->training;
    args.seed = (uint64_t)options->seed;
    args.offset = (uint64_t)options->offset;
    args.x = &c->x.operand;
    args.y = &c->result.operand;
    args.gate = c->gate.memory ? &c->gate.operand : NULL;
    args.mask = c->mask.memory ? &c->mask.operand : NULL;
    args.parameters = c->parameters;
    args.parameter_count = c->parameter_count;
    require_ok(clact_forward(context, activation, &args));
}

static void compute_gradient(clact_context *context, const clact_activation *activation, call *c,
                             const apply_options *options)
{
    clact_backward_args args = {0};
    clact_parameter_gradient gradients[MOST_GRADIENTS] = {{0}};
    bool from_y = options->saved && options->saved[0] == 'y';
    for (size_t i = 0; i < options->gradient_count; i++) {
        gradients[i].name = options->gradients[i].name;
        gradients[i].value = &c->gradients[i].value.operand;
    }
    args.gradients = gradients;
    args.gradient_count = options->gradient_count;
    args.training = options->training;
    args.seed = (uint64_t)options->seed;
    args.offset = (uint64_t)options->offset;
    if (from_y)
        args.y = &c->x.operand;
    else
        args.x = &c->x.operand;
    args.dy = &c->dy.operand;
    args.dx = options->out ? &c->result.operand : NULL;
    args.gate = c->gate.memory ? &c->gate.operand : NULL;
    args.mask = c->mask.memory ? &c->mask.operand : NULL;
    args.dgate = c->gate_result.memory ? &c->gate_result.operand : NULL;
    args.parameters = c->parameters;
    args.parameter_count = c->parameter_count;
    clact_status status = clact_backward(context, activation, &args);
    if (from_y && (status == CLACT_E_ARGUMENT || status == CLACT_E_UNSUPPORTED))
        usage_error("%s", clact_error());
    require_ok(status);
}

static void tell_where(clact_context *context)
{
    clact_caps caps = context_caps(context);
    if (caps.host_backend == CLACT_BACKEND_CPU)
        warn("ran on %s, by the CPU backend (%s, at most %" PRIu32 " threads); exactness %s; %s",
             caps.device, caps.cpu, caps.threads, exactness_name(caps.exact), caps.reason);
    else
        warn("ran on %s, device %" PRIu32 ":%" PRIu32 " of %s, by OpenCL; exactness %s; %s",
             caps.device, caps.platform_index, caps.device_index, caps.platform,
             exactness_name(caps.exact), caps.reason);
}

static void write_result(const array *result, const char *path)
{
    refusal why;
    char header[NPY_HEADER_SIZE];
    const clact_tensor *t = &result->operand.tensor;
    file_part parts[2] = {{header, 0}, {result->operand.data, 0}};
    parts[0].bytes = npy_header(header, written_types[t->type], t->rank, t->dims);
    parts[1].bytes = result->count * clact_type_bytes((clact_type)t->type);
    if (!file_write(path, parts, 2, &why))
        fail(CLI_FAILED, "%s %s", is_standard(path) ? "standard output" : path, why.text);
}

static void parse(apply_options *options, int argc, char **argv)
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
        "  clact apply prelu --slope=slopes.npy --gradient=dy.npy --param-gradient=slope:ds.npy x.npy -o dx.npy\n"
        "  clact apply dropout --rate=0.1 --training --seed=7 x.npy -o y.npy\n"
        "  clact apply elu --gate=v.npy u.npy -o y.npy\n"
        "  clact apply maxout --pieces=3 --axis=1 x.npy -o y.npy\n"
        "  clact apply softmax --axis=1 --mask=m.npy x.npy -o y.npy",
        children, NULL, NULL};
    parse_arguments(argv[0], &argp, argc, argv, options);
}

int command_apply(int argc, char **argv)
{
    apply_options options = {.type = FILE_TYPE};
    call c = {0};
    parse(&options, argc, argv);
    const clact_activation_info *info = check_options(&options);
    clact_activation *activation = create_activation(info, &options.activation);
    clact_context *context = open_context(&options.context);
    read_operands(&c, &options, info);
    if (options.gradient)
        compute_gradient(context, activation, &c, &options);
    else
        compute_forward(context, activation, &c, &options);
    if (options.out)
        write_result(&c.result, options.out);
    for (size_t i = 0; i < options.gradient_count; i++) {
        c.gradients[i].value.operand.tensor = c.gradients[i].shape;
        write_result(&c.gradients[i].value, options.gradients[i].path);
        free(options.gradients[i].name);
    }
    if (options.gate_gradient)
        write_result(&c.gate_result, options.gate_gradient);
    if (options.verbose)
        tell_where(context);
    release_operands(&c);
    clact_close(&context);
    clact_activation_destroy(&activation);
    free_activation_options(&options.activation);
    return CLI_DONE;
}
