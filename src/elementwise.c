/* elementwise.c: element-wise calls: checks the arguments, brings them to the form that backends take. */
#include "call.h"
#include "gradient.h"
#include "custom.h"
#include "views.h"

#include <string.h>

/* ---- Arguments to launch -------------------------------------------------------------------- */

static clact_status check_operand(struct clact_call *call, const clact_tensor *shape, const clact_operand *operand,
                                  const char *what, struct clact_view *view)
{
    uint64_t n;
    TRY(clact_call_operand(call, operand, what, view, &n));
    return clact_call_same_shape(operand, shape, what);
}

static clact_status check_tensor(struct clact_call *call, struct clact_launch *l, const clact_tensor *shape,
                                 const clact_parameter_tensor *given)
{
    const clact_activation_info *info = call->activation->info;
    int slot = call->activation->tensor;
    REQUIRE(given->name, CLACT_E_ARGUMENT, "a parameter tensor of %s has no name", info->name);
    REQUIRE(slot >= 0 && clact_parameter_find(info, given->name) == slot, CLACT_E_NAME,
            "%s has no parameter '%s' that may be a tensor", info->name, given->name);
    uint64_t n;
    struct clact_view *view = &l->views[VIEW_TENSOR];
    TRY(clact_call_operand(call, given->value, given->name, view, &n));
    TRY(clact_call_same_type(given->value, shape, given->name));
    l->has_tensor = true;
    return clact_call_broadcast(given->value, shape, given->name, view);
}

/* Noise goes by the row-major index in the shape, wherever the elements lie. */
static void set_noise(struct clact_launch *l, const clact_tensor *shape, uint32_t training, uint64_t seed,
                      uint64_t offset)
{
    l->noise = training && l->activation->noise >= 0;
    l->seed = seed;
    l->noise_offset = offset;
    int64_t next = 1;
    for (uint32_t k = shape->rank; k-- > 0; next *= shape->dims[k])
        l->views[VIEW_INDEX].strides[k] = next;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status call_backend(const struct clact_call *call, const struct clact_launch *l)
{
    clact_enter(call->context);
    return clact_leave(call->context, clact_call_backend(call)->elementwise(call->context, l));
}

/* What the output must be to the inputs. */
static clact_status check_out(const struct clact_call *call, struct clact_launch *l, const clact_tensor *shape,
                              const char *out_name)
{
    static const char *const names[VIEW_COUNT] = {"x", "dy", "", "the parameter"};
    TRY(clact_view_distinct(shape, &l->views[VIEW_OUT], out_name));
    for (int v = 0; v < VIEW_COUNT; v++) {
        bool same = false;
        if (clact_launch_reads(l, v))
            TRY(clact_view_overlap(call->context, shape, &l->views[v], &l->views[VIEW_OUT], names[v], &same));
        REQUIRE(!same || v != VIEW_TENSOR, CLACT_E_OVERLAP, "the parameter is the output");
        REQUIRE(!same || l->beta.f64 == 0, CLACT_E_OVERLAP,
                "dx is %s, and with dx_beta it holds a value of its own", names[v]);
        l->in_place |= same;
    }
    return CLACT_OK;
}

/* The rules for the output and the call as a whole; then the backend. backward: NULL forward. */
static clact_status run(struct clact_call *call, struct clact_launch *l, const clact_tensor *shape,
                        const clact_parameter_tensor *parameters, size_t count, const char *out_name,
                        const clact_backward_args *backward)
{
    const clact_activation *a = call->activation;
    REQUIRE(shape->type == CLACT_F64 || a->fits_f32, CLACT_E_RANGE,
            "a parameter of %s is not finite in f32, or zero where it must not be", a->info->name);
    TRY(clact_definition_type(a, shape->type));
    REQUIRE(count <= 1, CLACT_E_ARGUMENT, "%s takes at most one parameter tensor", a->info->name);
    if (count)
        TRY(check_tensor(call, l, shape, parameters));
    if (l->count && !l->no_out)
        TRY(check_out(call, l, shape, out_name));
    struct clact_gradient gradients[CLACT_MAX_GRADIENTS];
    if (backward && backward->gradient_count)
        TRY(clact_gradients_check(call, l, shape, backward, gradients));
    memcpy(l->dims, shape->dims, sizeof l->dims);
    uint32_t used = 1u << VIEW_OUT;
    for (int v = 0; v < VIEW_COUNT; v++)
        used |= (uint32_t)clact_launch_reads(l, v) << v;
    used |= (uint32_t)l->noise << VIEW_INDEX;
    if (l->count && !l->no_out)
        l->dense = clact_views_simplify(l->dims, shape->rank, l->views, VIEW_COUNT, used, VIEW_OUT) && !l->has_tensor;
    l->host = call->host;
    if (l->count == 0 && !l->enqueue && !l->gradient_count)
        return CLACT_OK;
    return call_backend(call, l);
}

clact_status clact_elementwise_forward(struct clact_call *call, const clact_forward_args *args)
{
    struct clact_launch l = {.activation = call->activation, .direction = CLACT_FORWARD, .enqueue = call->enqueue};
    TRY(clact_call_first(call, args->x, "x", &l.views[VIEW_X], &l.count));
    const clact_tensor *shape = &args->x->tensor;
    TRY(check_operand(call, shape, args->y, "y", &l.views[VIEW_OUT]));
    set_noise(&l, shape, args->training, args->seed, args->offset);
    return run(call, &l, shape, args->parameters, args->parameter_count, "y", NULL);
}

/* Whether y, of a type that may have rounded a parameter in it, serves instead of x. */
static bool exact_from_y(const clact_context *context, const clact_activation *a, uint32_t type)
{
    double p[CLACT_MAX_PARAMETERS], s[CLACT_MAX_PARAMETERS];
    if (!a->from_y || type >= CLACT_TYPE_COUNT)
        return false;
    bool narrow = type == CLACT_F16 || type == CLACT_BF16;
    for (int i = 0; i < CLACT_MAX_PARAMETERS; i++) {
        p[i] = type == CLACT_F64 ? a->p64[i] : a->p32[i];
        s[i] = narrow ? clact_cpu_stored(context, type, a->p32[i]) : p[i];
    }
    return a->from_y(p, s, narrow);
}

uint32_t clact_backward_reads(const clact_context *context, const clact_activation *a, uint32_t type)
{
    const uint32_t needs = a->info->needs;
    if (a->kind == KIND_GATED)
        return CLACT_BACKWARD_X;
    if (a->kind == KIND_ELEMENTWISE && needs != CLACT_BACKWARD_NOTHING)
        return exact_from_y(context, a, type) ? CLACT_BACKWARD_Y : CLACT_BACKWARD_X;
    return needs == CLACT_BACKWARD_X_OR_Y ? CLACT_BACKWARD_Y : needs;
}

/* What backward reads: x, or y in its place, or neither. */
static clact_status choose_saved(const struct clact_call *call, const clact_backward_args *args,
                                 const clact_operand **saved, const char **what)
{
    const clact_activation *a = call->activation;
    *what = args->x ? "x" : "y";
    *saved = args->x ? args->x : args->y;
    REQUIRE(!args->x || !args->y, CLACT_E_ARGUMENT, "backward takes x or y, not both");
    REQUIRE(!args->y || a->info->needs != CLACT_BACKWARD_X, CLACT_E_UNSUPPORTED,
            "the derivative of %s is not exact from y: backward needs x", a->info->name);
    REQUIRE(!args->y || exact_from_y(call->context, a, args->y->tensor.type), CLACT_E_UNSUPPORTED,
            "with these parameters, type and semantics the derivative of %s is not exact from y: backward needs x",
            a->info->name);
    if (!*saved && a->info->needs == CLACT_BACKWARD_NOTHING) {
        *saved = args->dy;
        *what = "dy";
        return CLACT_OK;
    }
    REQUIRE(*saved, CLACT_E_ARGUMENT, "backward of %s needs x%s", a->info->name, a->from_y ? " or y" : "");
    return CLACT_OK;
}

clact_status clact_elementwise_backward(struct clact_call *call, const clact_backward_args *args)
{
    struct clact_launch l = {.activation = call->activation, .direction = CLACT_BACKWARD, .enqueue = call->enqueue};
    const clact_operand *saved;
    const char *what;
    TRY(choose_saved(call, args, &saved, &what));
    if (saved == args->y && saved && clact_row_functions[call->activation->row].own_y)
        l.direction = CLACT_BACKWARD_OWN_Y;
    TRY(clact_call_first(call, saved, what, &l.views[VIEW_X], &l.count));
    const clact_tensor *shape = &saved->tensor;
    TRY(check_operand(call, shape, args->dy, "dy", &l.views[VIEW_DY]));
    l.no_out = !args->dx && args->gradient_count;
    if (!l.no_out)
        TRY(check_operand(call, shape, args->dx, "dx", &l.views[VIEW_OUT]));
    set_noise(&l, shape, args->training, args->seed, args->offset);
    TRY(clact_call_beta(args->dx_beta, shape->type, "dx_beta", &l.beta));
    return run(call, &l, shape, args->parameters, args->parameter_count, "dx", args);
}

/* ---- The short form ------------------------------------------------------------------------- */

/* Whether in and out are aligned, and the same or apart. */
static inline bool plain(const float *in, const float *out, size_t n)
{
    uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
    return in && out && (a | b) % sizeof(float) == 0 && n <= INT64_MAX / 16 &&
           (a == b || (a - b >= n * sizeof(float) && b - a >= n * sizeof(float)));
}

/* Whether the general form would find nothing to say of the context and the activation. */
static inline bool plain_call(const clact_context *context, const clact_activation *activation, size_t n)
{
    return context && activation && n && activation->fits_f32 && activation->kind == KIND_ELEMENTWISE;
}

/* Whether context->host->few() does it. Such a call is not counted as in flight, which would take as long as the call:
 * it uses nothing of the context any more when it computes. */
static inline bool is_few(const clact_context *context, const clact_activation *activation, size_t n)
{
    return context && activation && n - 1 < CLACT_FEW && activation->few && context->host->few;
}

/* A call that needs nothing of what the general form checks. */
static clact_status run_plain(clact_context *context, const clact_activation *activation, size_t n, const float *x,
                              const float *dy, float *out)
{
    clact_enter(context);
    struct clact_launch l = {.activation = activation, .count = n, .dense = true, .host = true};
    l.direction = dy ? CLACT_BACKWARD : CLACT_FORWARD;
    l.in_place = out == x || out == dy;
    l.views[VIEW_X].data = (void *)(uintptr_t)x;
    l.views[VIEW_DY].data = (void *)(uintptr_t)dy;
    l.views[VIEW_OUT].data = out;
    for (int k = 0; k < CLACT_MAX_RANK; k++)
        l.dims[k] = 1;
    l.dims[CLACT_MAX_RANK - 1] = (int64_t)n;
    for (int v = 0; v < VIEW_TENSOR; v++)
        l.views[v].strides[CLACT_MAX_RANK - 1] = 1;
    return clact_leave(context, context->host->elementwise(context, &l));
}

/* Apart, for a call on few elements to need no room for what this does. */
__attribute__((noinline)) static clact_status apply(clact_context *context, const clact_activation *activation,
                                                    size_t n, const float *x, float *y)
{
    if (plain_call(context, activation, n) && plain(x, y, n))
        return run_plain(context, activation, n, x, NULL, y);
    REQUIRE(n <= INT64_MAX / 16, CLACT_E_BOUNDS, "the number of elements overflows");
    clact_operand in = clact_array(CLACT_F32, x, (int64_t)n), out = clact_array(CLACT_F32, y, (int64_t)n);
    clact_forward_args args = {.x = &in, .y = &out};
    return clact_forward(context, activation, &args);
}

clact_status clact_apply(clact_context *context, const clact_activation *activation, size_t n, const float *x,
                         float *y)
{
    if (is_few(context, activation, n) && plain(x, y, n))
        return context->host->few(context, activation, n, x, NULL, y);
    return apply(context, activation, n, x, y);
}

__attribute__((noinline)) static clact_status apply_gradient(clact_context *context, const clact_activation *activation,
                                                             size_t n, const float *x, const float *dy, float *dx)
{
    if (plain_call(context, activation, n) && plain(x, dx, n) && plain(dy, dx, n))
        return run_plain(context, activation, n, x, dy, dx);
    REQUIRE(n <= INT64_MAX / 16, CLACT_E_BOUNDS, "the number of elements overflows");
    clact_operand in = clact_array(CLACT_F32, x, (int64_t)n), up = clact_array(CLACT_F32, dy, (int64_t)n);
    clact_operand out = clact_array(CLACT_F32, dx, (int64_t)n);
    clact_backward_args args = {.dy = &up, .dx = &out};
    if (activation && activation->info->needs == CLACT_BACKWARD_Y)
        args.y = x ? &in : NULL;
    else
        args.x = x ? &in : NULL;
    return clact_backward(context, activation, &args);
}

clact_status clact_apply_gradient(clact_context *context, const clact_activation *activation, size_t n,
                                  const float *x, const float *dy, float *dx)
{
    if (is_few(context, activation, n) && plain(x, dx, n) && plain(dy, dx, n))
        return context->host->few(context, activation, n, x, dy, dx);
    return apply_gradient(context, activation, n, x, dy, dx);
}
