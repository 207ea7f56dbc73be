/* call.c: forward and backward: checks what all calls must keep, and goes on to the activation's kind. */
#include "call.h"

#include "fpenv.h"

#include <math.h>
#include <string.h>

/* ---- Operands ------------------------------------------------------------------------------- */

/* Where operands lie must be the same for all, and fit the call. */
static clact_status check_place(struct clact_call *call, const struct clact_view *v, const char *what)
{
    bool host = !v->buffer && !v->mem;
    if (host && !v->data) /* no elements: it lies anywhere */
        host = call->placed ? call->host : !call->enqueue;
    if (!call->placed)
        call->host = host;
    call->placed = true;
    REQUIRE(host == call->host, CLACT_E_ARGUMENT, "%s must lie where x lies: all in host memory, or none", what);
    REQUIRE(!v->buffer || v->buffer->context == call->context, CLACT_E_ARGUMENT, "%s is a buffer of another context", what);
    REQUIRE(!v->buffer || !atomic_load(&v->buffer->mapped), CLACT_E_ARGUMENT, "%s is mapped: unmap it first", what);
    REQUIRE(!v->mem || call->context->ocl, CLACT_E_ARGUMENT, "%s is a cl_mem, and the context has no OpenCL device", what);
    REQUIRE(!call->enqueue || !host, CLACT_E_ARGUMENT, "%s must be a buffer or a cl_mem to be enqueued", what);
    return CLACT_OK;
}

clact_status clact_call_operand(struct clact_call *call, const clact_operand *operand, const char *what,
                                struct clact_view *view, uint64_t *n)
{
    TRY(clact_view_of(operand, what, view, n));
    TRY(check_place(call, view, what));
    return *n ? clact_view_bounds(call->context, &operand->tensor, view, what) : CLACT_OK;
}

clact_status clact_call_first(struct clact_call *call, const clact_operand *operand, const char *what,
                              struct clact_view *view, uint64_t *n)
{
    TRY(clact_call_operand(call, operand, what, view, n));
    REQUIRE(operand->tensor.type < CLACT_TYPE_COUNT, CLACT_E_ARGUMENT,
            "%s is of type %s, which is for %s only", what, clact_type_name((clact_type)operand->tensor.type),
            operand->tensor.type == CLACT_I32  ? "labels"
            : operand->tensor.type == CLACT_U8 ? "masks and quantised activations" : "quantised activations");
    return CLACT_OK;
}

clact_status clact_call_same_type(const clact_operand *operand, const clact_tensor *first, const char *what)
{
    REQUIRE(operand->tensor.type == first->type, CLACT_E_ARGUMENT, "%s is of type %s, the first operand of type %s", what,
            clact_type_name((clact_type)operand->tensor.type), clact_type_name((clact_type)first->type));
    return CLACT_OK;
}

clact_status clact_call_same_shape(const clact_operand *operand, const clact_tensor *first, const char *what)
{
    TRY(clact_call_same_type(operand, first, what));
    return clact_call_same_dims(operand, first, what);
}

clact_status clact_call_same_dims(const clact_operand *operand, const clact_tensor *first, const char *what)
{
    const clact_tensor *t = &operand->tensor;
    REQUIRE(t->rank == first->rank && memcmp(t->dims, first->dims, t->rank * sizeof *t->dims) == 0, CLACT_E_ARGUMENT,
            "%s has another shape than the first operand", what);
    return CLACT_OK;
}

clact_status clact_call_broadcast(const clact_operand *operand, const clact_tensor *shape, const char *what,
                                  struct clact_view *view)
{
    const clact_tensor *t = &operand->tensor;
    int64_t strides[CLACT_MAX_RANK] = {0};
    REQUIRE(t->rank <= shape->rank, CLACT_E_ARGUMENT, "%s has more dimensions than x", what);
    for (uint32_t k = 0; k < t->rank; k++) {
        uint32_t at = k + shape->rank - t->rank;
        REQUIRE(t->dims[k] == 1 || t->dims[k] == shape->dims[at], CLACT_E_ARGUMENT,
                "%s has %lld elements along an axis where x has %lld", what, (long long)t->dims[k],
                (long long)shape->dims[at]);
        strides[at] = t->dims[k] == 1 ? 0 : view->strides[k];
    }
    memcpy(view->strides, strides, sizeof strides);
    return CLACT_OK;
}

clact_status clact_call_no_noise(const struct clact_call *call, uint32_t training, const char *made)
{
    const clact_activation_info *info = call->activation->info;
    REQUIRE(!training || !info->noise, CLACT_E_UNSUPPORTED, "%s, %s draws no noise: training must be 0", made, info->name);
    return CLACT_OK;
}

clact_status clact_call_beta(double given, uint32_t type, const char *what, struct clact_beta *beta)
{
    *beta = (struct clact_beta){0, 0};
    if (given == 0)
        return CLACT_OK;
    clact_fpenv env = clact_fpenv_enter(); /* rounded to nearest, whatever the caller's mode */
    beta->f32 = (float)given;
    beta->f64 = type == CLACT_F64 ? given : beta->f32;
    clact_fpenv_leave(env);
    REQUIRE(isfinite(beta->f64), CLACT_E_ARGUMENT, "%s must be finite%s, and is %g", what,
            isfinite(given) ? " in f32" : "", given);
    return CLACT_OK;
}

clact_status clact_call_enqueue(const clact_enqueue *enqueue)
{
    if (!enqueue)
        return CLACT_OK;
    REQUIRE(enqueue->reserved0 == 0 && enqueue->reserved[0] == 0 && enqueue->reserved[1] == 0, CLACT_E_ARGUMENT,
            "reserved words of clact_enqueue must be zero");
    REQUIRE((enqueue->waits != NULL) == (enqueue->num_waits > 0), CLACT_E_ARGUMENT,
            "waits must be NULL exactly where num_waits is 0");
    return CLACT_OK;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static const struct {
    clact_status (*forward)(struct clact_call *, const clact_forward_args *);
    clact_status (*backward)(struct clact_call *, const clact_backward_args *);
} kinds[KIND_COUNT] = {
    [KIND_ELEMENTWISE] = {clact_elementwise_forward, clact_elementwise_backward},
    [KIND_ROWWISE] = {clact_rowwise_forward, clact_rowwise_backward},
    [KIND_GATED] = {clact_gated_forward, clact_gated_backward},
    [KIND_REDUCE] = {clact_reduce_forward, clact_reduce_backward},
    [KIND_QUANTISED] = {clact_quantised_forward, clact_quantised_backward},
};

static clact_status check_common(const struct clact_call *call, const void *args, const uint64_t *reserved,
                                 const clact_parameter_tensor *parameters, size_t count)
{
    REQUIRE(call->context && call->activation && args, CLACT_E_ARGUMENT, "context, activation and args must not be NULL");
    REQUIRE(parameters || count == 0, CLACT_E_ARGUMENT, "parameters must not be NULL where parameter_count is not 0");
    uint64_t any = 0;
    for (int i = 0; i < 8; i++)
        any |= reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of the arguments must be zero");
    return clact_call_enqueue(call->enqueue);
}

/* What only one kind of activations takes. */
static clact_status check_kind(const struct clact_call *call, bool given, enum clact_kind kind, clact_status status,
                               const char *what)
{
    static const char *const names[KIND_COUNT] = {
        [KIND_ELEMENTWISE] = "element-wise", [KIND_ROWWISE] = "row-wise", [KIND_GATED] = "gated", [KIND_REDUCE] = "reducing",
        [KIND_QUANTISED] = "quantised",
    };
    const clact_activation *a = call->activation;
    REQUIRE(!given || kind == a->kind, status, "%s is for %s activations, and %s is %s", what, names[kind], a->info->name,
            names[a->kind]);
    return CLACT_OK;
}

static clact_status forward(struct clact_call call, const clact_forward_args *args)
{
    TRY(check_common(&call, args, args ? args->reserved : NULL, args ? args->parameters : NULL,
                     args ? args->parameter_count : 0));
    REQUIRE(args->training <= 1 && args->reserved0 == 0, CLACT_E_ARGUMENT, "training must be 0 or 1, reserved words 0");
    TRY(check_kind(&call, args->gate, KIND_GATED, CLACT_E_ARGUMENT, "gate"));
    TRY(check_kind(&call, args->mask, KIND_ROWWISE, CLACT_E_ARGUMENT, "mask"));
    TRY(check_kind(&call, args->parameter_count, KIND_ELEMENTWISE, CLACT_E_UNSUPPORTED, "a parameter's tensor"));
    return kinds[call.activation->kind].forward(&call, args);
}

static clact_status backward(struct clact_call call, const clact_backward_args *args)
{
    TRY(check_common(&call, args, args ? args->reserved : NULL, args ? args->parameters : NULL,
                     args ? args->parameter_count : 0));
    REQUIRE(args->training <= 1 && args->reserved0 == 0, CLACT_E_ARGUMENT, "training must be 0 or 1, reserved words 0");
    REQUIRE(args->gradients || args->gradient_count == 0, CLACT_E_ARGUMENT,
            "gradients must not be NULL where gradient_count is not 0");
    TRY(check_kind(&call, args->gate, KIND_GATED, CLACT_E_ARGUMENT, "gate"));
    TRY(check_kind(&call, args->dgate, KIND_GATED, CLACT_E_ARGUMENT, "dgate"));
    TRY(check_kind(&call, args->dgate_beta != 0, KIND_GATED, CLACT_E_ARGUMENT, "dgate_beta"));
    TRY(check_kind(&call, args->mask, KIND_ROWWISE, CLACT_E_ARGUMENT, "mask"));
    TRY(check_kind(&call, args->parameter_count, KIND_ELEMENTWISE, CLACT_E_UNSUPPORTED, "a parameter's tensor"));
    TRY(check_kind(&call, args->gradient_count, KIND_ELEMENTWISE, CLACT_E_UNSUPPORTED, "a parameter's gradient"));
    return kinds[call.activation->kind].backward(&call, args);
}

clact_status clact_call_forward(const struct clact_call *call, const clact_forward_args *args)
{
    return forward(*call, args);
}

clact_status clact_call_backward(const struct clact_call *call, const clact_backward_args *args)
{
    return backward(*call, args);
}

clact_status clact_forward(clact_context *context, const clact_activation *activation, const clact_forward_args *args)
{
    return forward((struct clact_call){.context = context, .activation = activation}, args);
}

clact_status clact_backward(clact_context *context, const clact_activation *activation,
                            const clact_backward_args *args)
{
    return backward((struct clact_call){.context = context, .activation = activation}, args);
}

clact_status clact_forward_enqueue(clact_context *context, const clact_activation *activation,
                                   const clact_forward_args *args, const clact_enqueue *enqueue)
{
    REQUIRE(enqueue, CLACT_E_ARGUMENT, "enqueue must not be NULL");
    REQUIRE(context && context->ocl, CLACT_E_ARGUMENT, "the context has no OpenCL device to enqueue on");
    return forward((struct clact_call){.context = context, .activation = activation, .enqueue = enqueue}, args);
}

clact_status clact_backward_enqueue(clact_context *context, const clact_activation *activation,
                                    const clact_backward_args *args, const clact_enqueue *enqueue)
{
    REQUIRE(enqueue, CLACT_E_ARGUMENT, "enqueue must not be NULL");
    REQUIRE(context && context->ocl, CLACT_E_ARGUMENT, "the context has no OpenCL device to enqueue on");
    return backward((struct clact_call){.context = context, .activation = activation, .enqueue = enqueue}, args);
}
