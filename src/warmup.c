/* warmup.c: kernels made ready before the calls that count: built together, and each launched once. */
#include "backend.h"

#include <stdlib.h>
#include <string.h>

#define ROW 16          /* half of a row's elements, or as many as maxout has pieces */
/* The larger launch has more work-items than this, with 256 for a row of row-wise activations: PoCL compiles a kernel
 * apart for such. It is no larger, for simulators. */
#define SMALL (1 << 16)
#define GROUP 256

/* What the calls of an activation work on; of inputs, all are one memory. */
struct warmup {
    clact_context *context;
    const clact_activation *activation;
    uint32_t type, calls;
    clact_buffer *in, *out, *second, *value; /* second: of gated units, dgate */
    int64_t row, rows, most_rows;
    bool spread; /* operands with strides */
};

/* ---- Operands ------------------------------------------------------------------------------- */

static int64_t pieces_of(const clact_activation *a)
{
    int k = a->info->id == CLACT_MAXOUT ? clact_parameter_find(a->info, "pieces") : -1;
    return k < 0 ? ROW : (int64_t)a->p64[k];
}

/* A tensor of rows, of length elements, that lie along the activation's axis. */
static clact_operand rows_of(const struct warmup *w, clact_buffer *buffer, uint32_t type, int64_t length)
{
    clact_operand o = {.tensor = {.type = type}, .buffer = buffer};
    clact_tensor *t = &o.tensor;
    bool anywhere = w->activation->kind == KIND_ELEMENTWISE || w->activation->kind == KIND_QUANTISED;
    int axis = anywhere ? -1 : w->activation->axis;
    uint32_t deep = (uint32_t)(axis < 0 ? -axis : axis + 1);
    t->rank = deep > 2 ? deep : 2;
    uint32_t along = axis < 0 ? t->rank - deep : (uint32_t)axis, across = along == t->rank - 1 ? 0 : t->rank - 1;
    for (uint32_t k = 0; k < t->rank; k++)
        t->dims[k] = 1;
    t->dims[along] = length;
    t->dims[across] = w->rows;
    int64_t stride = 2;
    for (uint32_t k = t->rank; k-- > 0;) {
        t->strides[k] = stride;
        stride *= t->dims[k];
    }
    t->strided = w->spread;
    return o;
}

static clact_operand input(const struct warmup *w, int64_t length)
{
    return rows_of(w, w->in, w->type, length);
}

/* Elements of a row of y. */
static int64_t row_of_y(const struct warmup *w)
{
    return w->activation->info->id == CLACT_MAXOUT ? w->row / pieces_of(w->activation)
           : w->activation->info->id == CLACT_CRELU ? 2 * w->row : w->row;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* One form of the calls: what they take besides x, y, dy and dx. */
struct form {
    const clact_parameter_tensor *tensor;
    const clact_parameter_gradient *gradients;
    const clact_operand *mask;
    uint32_t training;
    bool accumulate;
};

static clact_status forward(const struct warmup *w, const struct form *f)
{
    clact_operand x = input(w, w->row), y = rows_of(w, w->out, w->type, row_of_y(w));
    if (w->activation->kind == KIND_QUANTISED)
        y.tensor.type = w->activation->y_type;
    clact_forward_args args = {.x = &x, .y = &y, .parameters = f->tensor, .parameter_count = f->tensor != NULL,
                               .mask = f->mask, .training = f->training};
    args.gate = w->activation->kind == KIND_GATED ? &x : NULL;
    return clact_forward(w->context, w->activation, &args);
}

static clact_status backward(const struct warmup *w, const struct form *f, bool from_y)
{
    const clact_activation *a = w->activation;
    bool gated = a->kind == KIND_GATED;
    clact_operand x = input(w, w->row), y = input(w, row_of_y(w));
    clact_operand dx = rows_of(w, w->out, w->type, w->row), dgate = rows_of(w, w->second, w->type, w->row);
    clact_backward_args args = {.dy = &y, .dx = &dx, .parameters = f->tensor, .parameter_count = f->tensor != NULL,
                                .mask = f->mask, .training = f->training, .gradients = f->gradients,
                                .gradient_count = f->gradients ? a->info->learnable_count : 0};
    args.x = from_y || a->info->needs == CLACT_BACKWARD_NOTHING ? NULL : &x;
    args.y = from_y ? &y : NULL;
    args.gate = gated ? &x : NULL;
    args.dgate = gated ? &dgate : NULL;
    args.dx_beta = f->accumulate;
    return clact_backward(w->context, a, &args);
}

/* Whether backward from y is a kernel of its own. */
static bool has_own_y(const clact_activation *a)
{
    return a->info->id == CLACT_CRELU || (a->kind == KIND_ELEMENTWISE && a->row >= 0 && clact_row_functions[a->row].own_y);
}

static clact_status both_directions(const struct warmup *w, const struct form *f)
{
    uint32_t needs = w->activation->info->needs;
    bool quantised = w->activation->kind == KIND_QUANTISED;
    if (!f->accumulate && !f->gradients)
        TRY(forward(w, f));
    if (quantised)
        return CLACT_OK;
    TRY(backward(w, f, needs == CLACT_BACKWARD_Y));
    if (needs != CLACT_BACKWARD_X_OR_Y || !has_own_y(w->activation) || f->gradients)
        return CLACT_OK;
    clact_status status = backward(w, f, true);
    return status == CLACT_E_UNSUPPORTED ? CLACT_OK : status; /* not with these parameters: it is not called either */
}

/* ---- Forms ---------------------------------------------------------------------------------- */

static clact_status gradients(const struct warmup *w, struct form f, uint32_t type)
{
    clact_parameter_gradient wanted[CLACT_MAX_GRADIENTS];
    clact_operand values[CLACT_MAX_GRADIENTS];
    uint32_t count = w->activation->info->learnable_count;
    for (uint32_t k = 0; k < count; k++) {
        values[k] = clact_array((clact_type)type, NULL, 1);
        values[k].buffer = w->value;
        values[k].tensor.offset = k;
        wanted[k] = (clact_parameter_gradient){.name = w->activation->info->parameters[k].name, .value = &values[k]};
        wanted[k].beta = f.accumulate;
    }
    f.gradients = wanted;
    return count ? both_directions(w, &f) : CLACT_OK;
}

/* A form alone and, where asked for, with gradients and added to what the outputs hold. */
static clact_status with_more(const struct warmup *w, struct form f)
{
    for (int more = 0; more <= (w->calls & CLACT_CALLS_ACCUMULATE ? 1 : 0); more++) {
        f.accumulate = more;
        TRY(both_directions(w, &f));
        if (!(w->calls & CLACT_CALLS_GRADIENT) || f.training)
            continue;
        TRY(gradients(w, f, w->type));
        if (w->type == CLACT_F16 || w->type == CLACT_BF16)
            TRY(gradients(w, f, CLACT_F32));
    }
    return CLACT_OK;
}

static clact_status with_tensor(const struct warmup *w)
{
    clact_operand one = clact_array((clact_type)w->type, NULL, 1);
    clact_parameter_tensor tensor = {NULL, &one};
    one.buffer = w->in;
    if (!(w->calls & CLACT_CALLS_TENSOR) || w->activation->tensor < 0 || w->activation->kind != KIND_ELEMENTWISE)
        return CLACT_OK;
    tensor.name = w->activation->info->parameters[w->activation->tensor].name;
    return with_more(w, (struct form){.tensor = &tensor});
}

static clact_status with_mask(const struct warmup *w)
{
    clact_operand mask = rows_of(w, w->in, CLACT_U8, w->row);
    if (!(w->calls & CLACT_CALLS_MASK) || w->activation->kind != KIND_ROWWISE)
        return CLACT_OK;
    return with_more(w, (struct form){.mask = &mask});
}

static clact_status every_form(struct warmup *w)
{
    bool noise = w->calls & CLACT_CALLS_NOISE && w->activation->info->noise && w->activation->kind == KIND_ELEMENTWISE;
    for (int large = 0; large < 2; large++) {
        w->rows = large ? w->most_rows : 1;
        for (int spread = 0; spread < 2; spread++) {
            w->spread = spread;
            if (!(w->calls & (spread ? CLACT_CALLS_VIEW : CLACT_CALLS_DENSE)))
                continue;
            TRY(with_more(w, (struct form){0}));
            if (noise)
                TRY(with_more(w, (struct form){.training = 1}));
        }
        w->spread = false;
        TRY(with_tensor(w));
        TRY(with_mask(w));
    }
    return CLACT_OK;
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Twice the elements for crelu, twice the memory for strides, zeros: a loop that looks at what it computes ends. */
static clact_status zeros(clact_buffer **out, clact_context *context, size_t bytes)
{
    void *memory = calloc(bytes, 1);
    REQUIRE(memory, CLACT_E_MEMORY, "out of memory");
    clact_status status = clact_buffer_create(out, context, bytes);
    if (status == CLACT_OK)
        status = clact_buffer_write(*out, 0, bytes, memory);
    free(memory);
    return status;
}

static clact_status every_type(struct warmup *w, uint32_t types, bool f64)
{
    w->row = 2 * pieces_of(w->activation);
    w->most_rows = SMALL / (w->activation->kind == KIND_ROWWISE ? GROUP : w->row) + 1;
    size_t bytes = (size_t)(w->row * w->most_rows) * 4 * sizeof(double);
    clact_status status = zeros(&w->in, w->context, bytes);
    if (status == CLACT_OK)
        status = zeros(&w->out, w->context, bytes);
    if (status == CLACT_OK)
        status = zeros(&w->second, w->context, bytes);
    if (status == CLACT_OK)
        status = zeros(&w->value, w->context, CLACT_MAX_GRADIENTS * sizeof(double));
    for (uint32_t t = 0; t <= CLACT_U8 && status == CLACT_OK; t++) {
        w->type = t;
        if (types >> t & 1 && (t != CLACT_F64 || f64))
            status = every_form(w);
    }
    if (status == CLACT_OK)
        status = clact_finish(w->context);
    clact_buffer_destroy(&w->in);
    clact_buffer_destroy(&w->out);
    clact_buffer_destroy(&w->second);
    clact_buffer_destroy(&w->value);
    return status;
}

/* ---- The call ------------------------------------------------------------------------------- */

clact_status clact_kernels_check(const clact_kernels *kernels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const clact_kernels *k = &kernels[i];
        REQUIRE(k->activation, CLACT_E_ARGUMENT, "kernels %zu have no activation", i);
        REQUIRE(k->types < 1u << CLACT_TYPE_COUNT, CLACT_E_ARGUMENT, "kernels %zu are for types that are not computed on", i);
        REQUIRE(k->calls <= CLACT_CALLS_ALL, CLACT_E_ARGUMENT, "kernels %zu are for calls that there are not", i);
        REQUIRE(!k->reserved[0] && !k->reserved[1], CLACT_E_ARGUMENT, "reserved words of clact_kernels must be zero");
    }
    return CLACT_OK;
}

static clact_status warm_up(clact_context *context, const clact_kernels *kernels, size_t count)
{
    TRY(clact_ocl_prepare(context, kernels, count));
    for (size_t i = 0; i < count; i++) {
        const clact_activation *a = kernels[i].activation;
        struct warmup w = {.context = context, .activation = a};
        w.calls = kernels[i].calls ? kernels[i].calls : CLACT_CALLS_DENSE;
        uint32_t types = a->kind == KIND_QUANTISED ? 1u << a->x_type : kernels[i].types;
        TRY(every_type(&w, types ? types : 1u << CLACT_F32, clact_ocl_computes_f64(context, a)));
    }
    clact_ocl_save(context);
    return CLACT_OK;
}

clact_status clact_warmup(clact_context *context, const clact_kernels *kernels, size_t count)
{
    REQUIRE(context && (kernels || count == 0), CLACT_E_ARGUMENT, "context must not be NULL, nor kernels where count is not 0");
    TRY(clact_kernels_check(kernels, count));
    if (!context->ocl)
        return CLACT_OK;
    clact_enter(context);
    return clact_leave(context, warm_up(context, kernels, count));
}
