/* apply.c: `clact apply`: an activation, or its gradient, of a .npy file. */
#include "apply_options.h"
#include "array.h"
#include "commands.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Operands ------------------------------------------------------------------------------- */

static bool is_same_shape(const clact_tensor *a, const clact_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

static _Noreturn void refuse_shapes(const apply_options *options)
{
    fail(CLI_FAILED, "%s and %s have different shapes; a gradient has the shape of the input",
         input_name(options->gradient), input_name(options->in));
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
        array_make(&g->value, shape);
    }
}

/* Reads x, whose type the activation is made for. */
static void read_quantised(call *c, apply_options *options)
{
    clact_quantization *q = &options->quantization;
    array_read_quantised(&c->x, options->in);
    q->x_type = c->x.operand.tensor.type;
    q->y_type = options->type == FILE_TYPE ? q->x_type : (uint32_t)options->type;
    options->activation.quantization = q;
}

static void read_operands(call *c, const apply_options *options, const clact_activation_info *info)
{
    const activation_options *activation = &options->activation;
    const clact_tensor *x = &c->x.operand.tensor;
    int64_t of, make;
    if (is_quantised(options) && activation->file_count)
        usage_error("%s must be a number where x is quantised, and is in a file", activation->files[0].name);
    read_ratio(info, options, &of, &make);
    if (!is_quantised(options))
        array_read(&c->x, options->in, options->type, options->type);
    if (options->gradient)
        array_read(&c->dy, options->gradient, (int)x->type, options->type);
    if (options->gate)
        array_read(&c->gate, options->gate, (int)x->type, options->type);
    if (options->mask)
        array_read_mask(&c->mask, options->mask);
    if (options->gradient && of == make && !is_same_shape(x, &c->dy.operand.tensor))
        refuse_shapes(options);
    c->parameter_count = activation->file_count;
    c->values = allocate(c->parameter_count, sizeof *c->values);
    c->parameters = allocate(c->parameter_count, sizeof *c->parameters);
    c->shapes = allocate(c->parameter_count, sizeof *c->shapes);
    for (size_t i = 0; i < c->parameter_count; i++) {
        const char *path = activation->files[i].path;
        array_read(&c->values[i], path, (int)x->type, options->type);
        c->shapes[i] = c->values[i].operand.tensor;
        place_parameter(&c->values[i], path, options, x);
        c->parameters[i].name = activation->files[i].name;
        c->parameters[i].value = &c->values[i].operand;
    }
    make_gradients(c, options, info);
    bool from_y = options->saved && options->saved[0] == 'y';
    clact_tensor y = other_shape(x, options, from_y ? make : of, from_y ? of : make);
    if (is_quantised(options))
        y.type = options->quantization.y_type;
    array_make(&c->result, options->gradient && !from_y ? x : &y);
    if (options->gate_gradient)
        array_make(&c->gate_result, x);
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

static void compute(clact_context *context, const clact_activation *activation, call *c, const apply_options *options)
{
    if (options->gradient)
        compute_gradient(context, activation, c, options);
    else
        compute_forward(context, activation, c, options);
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

/* ---- In pieces ------------------------------------------------------------------------------ */

/* Elements of a piece: a multiple of 4, as the random numbers of a counter are. */
enum { PIECE = 1 << 21 };

/* Whether an element of the result depends on the elements at its place alone. */
static bool is_streamed(const apply_options *options, const clact_activation_info *info)
{
    return is_elementwise(info) && !is_gated(options, info) && !is_quantised(options) && !options->gradient_count &&
           !options->activation.file_count;
}

static void set_count(array *a, size_t count)
{
    a->operand.tensor.dims[0] = (int64_t)count;
    a->count = count;
}

static void take_piece(array *a, array_source *from, size_t count)
{
    set_count(a, count);
    array_take(from, a->memory, count);
}

/* Reads a piece, computes, writes it, and so on: memory does not grow with the files. */
static void stream(clact_context *context, const clact_activation *activation, const apply_options *options)
{
    call c = {0};
    array_source x, dy;
    array_sink out;
    apply_options piece = *options;
    array_open(&x, options->in, options->type, options->type);
    if (options->gradient)
        array_open(&dy, options->gradient, (int)x.tensor.type, options->type);
    if (options->gradient && !is_same_shape(&x.tensor, &dy.tensor))
        refuse_shapes(options);
    clact_operand room = clact_array((clact_type)x.tensor.type, NULL, (int64_t)(x.whole.count < PIECE ? x.whole.count : PIECE));
    array_make(&c.x, &room.tensor);
    array_make(&c.result, &room.tensor);
    if (options->gradient)
        array_make(&c.dy, &room.tensor);
    for (size_t done = 0, count; done < x.whole.count || done == 0; done += count) {
        count = x.whole.count - done < PIECE ? x.whole.count - done : PIECE;
        take_piece(&c.x, &x, count);
        if (options->gradient)
            take_piece(&c.dy, &dy, count);
        set_count(&c.result, count);
        piece.offset = (int64_t)((uint64_t)options->offset + done / 4);
        compute(context, activation, &c, &piece);
        if (done == 0) /* not before what the library may refuse */
            array_begin(&out, options->out, &x.tensor);
        array_put(&out, c.result.memory, count);
        if (count == 0)
            break;
    }
    array_close(&x);
    if (options->gradient)
        array_close(&dy);
    array_end(&out);
    release_operands(&c);
}

/* ---- The command ---------------------------------------------------------------------------- */

static void apply_whole(clact_context *context, const clact_activation *activation, call *c, apply_options *options,
                        const clact_activation_info *info)
{
    read_operands(c, options, info);
    compute(context, activation, c, options);
    if (options->out)
        array_write(&c->result, options->out);
    for (size_t i = 0; i < options->gradient_count; i++) {
        c->gradients[i].value.operand.tensor = c->gradients[i].shape;
        array_write(&c->gradients[i].value, options->gradients[i].path);
        free(options->gradients[i].name);
    }
    if (options->gate_gradient)
        array_write(&c->gate_result, options->gate_gradient);
    release_operands(c);
}

int command_apply(int argc, char **argv)
{
    apply_options options = {.type = FILE_TYPE};
    call c = {0};
    const clact_activation_info *info = read_apply_options(&options, argc, argv);
    if (is_quantised(&options))
        read_quantised(&c, &options);
    clact_activation *activation = create_activation(info, &options.activation);
    clact_context *context = open_context(&options.context);
    if (is_streamed(&options, info))
        stream(context, activation, &options);
    else
        apply_whole(context, activation, &c, &options, info);
    if (options.verbose)
        tell_where(context);
    clact_close(&context);
    clact_activation_destroy(&activation);
    free_activation_options(&options.activation);
    return CLI_DONE;
}
