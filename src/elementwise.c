/* elementwise.c: forward and backward: checks the arguments, brings them to the form that backends
 * take, and calls one. */
#include "tensor.h"

#include <string.h>

/* ---- Arguments to launch -------------------------------------------------------------------- */

/* Where operands lie must be the same for all, and fit the call. */
static clact_status check_place(clact_context *context, struct clact_launch *l, const struct clact_view *v,
                                const char *what, bool first)
{
    bool host = !v->buffer && !v->mem;
    if (host && !v->data) /* no elements: it lies anywhere */
        host = first ? !l->enqueue : l->host;
    if (first)
        l->host = host;
    REQUIRE(host == l->host, CLACT_E_ARGUMENT, "%s must lie where x lies: all in host memory, or none", what);
    REQUIRE(!v->buffer || v->buffer->context == context, CLACT_E_ARGUMENT, "%s is a buffer of another context", what);
    REQUIRE(!v->mem || context->ocl, CLACT_E_ARGUMENT, "%s is a cl_mem, and the context has no OpenCL device", what);
    REQUIRE(!l->enqueue || !host, CLACT_E_ARGUMENT, "%s must be a buffer or a cl_mem to be enqueued", what);
    return CLACT_OK;
}

static clact_status check_operand(clact_context *context, struct clact_launch *l, const clact_operand *operand,
                                  const char *what, const clact_tensor **shape, struct clact_view *view)
{
    uint64_t n;
    TRY(clact_view_of(operand, what, view, &n));
    TRY(check_place(context, l, view, what, *shape == NULL));
    if (!*shape) {
        *shape = &operand->tensor;
        l->count = n;
    }
    const clact_tensor *t = &operand->tensor;
    REQUIRE(t->type == (*shape)->type, CLACT_E_ARGUMENT, "%s is of type %s, the first operand of type %s", what,
            clact_type_name((clact_type)t->type), clact_type_name((clact_type)(*shape)->type));
    REQUIRE(t->rank == (*shape)->rank && memcmp(t->dims, (*shape)->dims, t->rank * sizeof *t->dims) == 0,
            CLACT_E_ARGUMENT, "%s has another shape than the first operand", what);
    return n ? clact_view_bounds(context, t, view, what) : CLACT_OK;
}

/* A parameter's tensor: its dims are matched from the last back; an axis of length 1 is repeated. */
static clact_status check_tensor(clact_context *context, struct clact_launch *l, const clact_tensor *shape,
                                 const clact_parameter_tensor *given)
{
    const clact_activation_info *info = l->activation->info;
    int slot = l->activation->tensor;
    REQUIRE(given->name, CLACT_E_ARGUMENT, "a parameter tensor of %s has no name", info->name);
    REQUIRE(slot >= 0 && clact_parameter_find(info, given->name) == slot, CLACT_E_NAME,
            "%s has no parameter '%s' that may be a tensor", info->name, given->name);
    uint64_t n;
    struct clact_view raw = {0}, *view = &l->views[VIEW_TENSOR];
    TRY(clact_view_of(given->value, given->name, &raw, &n));
    TRY(check_place(context, l, &raw, given->name, false));
    const clact_tensor *t = &given->value->tensor;
    REQUIRE(t->type == shape->type, CLACT_E_ARGUMENT, "%s is of type %s, x of type %s", given->name,
            clact_type_name((clact_type)t->type), clact_type_name((clact_type)shape->type));
    REQUIRE(t->rank <= shape->rank, CLACT_E_ARGUMENT, "%s has more dimensions than x", given->name);
    *view = raw;
    memset(view->strides, 0, sizeof view->strides);
    for (uint32_t k = 0; k < t->rank; k++) {
        uint32_t at = k + shape->rank - t->rank;
        REQUIRE(t->dims[k] == 1 || t->dims[k] == shape->dims[at], CLACT_E_ARGUMENT,
                "%s has %lld elements along an axis where x has %lld", given->name, (long long)t->dims[k],
                (long long)shape->dims[at]);
        view->strides[at] = t->dims[k] == 1 ? 0 : raw.strides[k];
    }
    l->has_tensor = true;
    return n ? clact_view_bounds(context, t, &raw, given->name) : CLACT_OK;
}

/* ---- The simplest form of a launch ---------------------------------------------------------- */

static bool uses(const struct clact_launch *l, int v)
{
    return v == VIEW_OUT || clact_launch_reads(l, v);
}

static void swap_axes(struct clact_launch *l, uint32_t a, uint32_t b)
{
    int64_t d = l->dims[a];
    l->dims[a] = l->dims[b];
    l->dims[b] = d;
    for (int v = 0; v < VIEW_COUNT; v++) {
        int64_t s = l->views[v].strides[a];
        l->views[v].strides[a] = l->views[v].strides[b];
        l->views[v].strides[b] = s;
    }
}

static uint64_t stride_of(const struct clact_launch *l, uint32_t axis)
{
    int64_t s = l->views[VIEW_OUT].strides[axis];
    return (uint64_t)(s < 0 ? -s : s);
}

/* Drops axes of length 1, orders the rest by the output's stride, and merges neighbours that every
 * view walks as one; the order of the elements does not matter to an element-wise function. */
static void simplify(struct clact_launch *l, uint32_t rank)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < rank; k++)
        if (l->dims[k] != 1)
            swap_axes(l, count++, k);
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t k = i; k > 0 && stride_of(l, k - 1) < stride_of(l, k); k--)
            swap_axes(l, k - 1, k);
    uint32_t last = 0; /* the axis that the next one may merge with */
    for (uint32_t k = 1; k < count; k++) {
        bool merge = true;
        for (int v = 0; v < VIEW_COUNT; v++)
            merge &= !uses(l, v) || l->views[v].strides[last] == l->views[v].strides[k] * l->dims[k];
        if (!merge) {
            swap_axes(l, ++last, k);
            continue;
        }
        l->dims[last] *= l->dims[k];
        for (int v = 0; v < VIEW_COUNT; v++)
            l->views[v].strides[last] = l->views[v].strides[k];
    }
    count = count ? last + 1 : 0;
    for (uint32_t k = 0; k < CLACT_MAX_RANK; k++) { /* right-align */
        uint32_t to = CLACT_MAX_RANK - 1 - k;
        if (k < count)
            swap_axes(l, to, count - 1 - k);
    }
    for (uint32_t k = 0; k < CLACT_MAX_RANK - count; k++) {
        l->dims[k] = 1;
        for (int v = 0; v < VIEW_COUNT; v++)
            l->views[v].strides[k] = 0;
    }
    l->dense = !l->has_tensor && count <= 1;
    for (int v = 0; v < VIEW_COUNT; v++)
        l->dense &= !uses(l, v) || count == 0 || l->views[v].strides[CLACT_MAX_RANK - 1] == 1;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status check_common(clact_context *context, const clact_activation *activation, const void *args,
                                 const uint64_t *reserved, const clact_parameter_tensor *parameters, size_t count)
{
    REQUIRE(context && activation && args, CLACT_E_ARGUMENT, "context, activation and args must not be NULL");
    REQUIRE(parameters || count == 0, CLACT_E_ARGUMENT, "parameters must not be NULL where parameter_count is not 0");
    REQUIRE(count <= 1, CLACT_E_ARGUMENT, "%s takes at most one parameter tensor", activation->info->name);
    uint64_t any = 0;
    for (int i = 0; i < 12; i++)
        any |= reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of the arguments must be zero");
    return CLACT_OK;
}

static clact_status check_enqueue(const clact_enqueue *enqueue)
{
    if (!enqueue)
        return CLACT_OK;
    REQUIRE(enqueue->reserved0 == 0 && enqueue->reserved[0] == 0 && enqueue->reserved[1] == 0, CLACT_E_ARGUMENT,
            "reserved words of clact_enqueue must be zero");
    REQUIRE((enqueue->waits != NULL) == (enqueue->num_waits > 0), CLACT_E_ARGUMENT,
            "waits must be NULL exactly where num_waits is 0");
    return CLACT_OK;
}

static clact_status call_backend(clact_context *context, const struct clact_launch *l)
{
    const struct clact_backend_functions *backend = l->host ? context->host : context->device;
    clact_enter(context);
    return clact_leave(context, backend->elementwise(context, l));
}

/* The rules for the output and the call as a whole; then the backend. */
static clact_status run(clact_context *context, struct clact_launch *l, const clact_tensor *shape,
                        const clact_parameter_tensor *parameters, size_t count, const char *out_name)
{
    uint32_t type = shape->type;
    REQUIRE(type == CLACT_F64 || l->activation->fits_f32, CLACT_E_RANGE, "a parameter of %s is not finite in f32",
            l->activation->info->name);
    if (count)
        TRY(check_tensor(context, l, shape, parameters));
    if (l->count) {
        static const char *const names[VIEW_COUNT] = {"x", "dy", "", "the parameter"};
        TRY(clact_view_distinct(shape, &l->views[VIEW_OUT], out_name));
        for (int v = 0; v < VIEW_COUNT; v++) {
            bool same = false;
            if (clact_launch_reads(l, v))
                TRY(clact_view_overlap(context, shape, &l->views[v], &l->views[VIEW_OUT], names[v], &same));
            REQUIRE(!same || v != VIEW_TENSOR, CLACT_E_OVERLAP, "the parameter is the output");
            l->in_place |= same;
        }
    }
    memcpy(l->dims, shape->dims, sizeof l->dims);
    if (l->count)
        simplify(l, shape->rank);
    if (l->count == 0 && !l->enqueue)
        return CLACT_OK;
    return call_backend(context, l);
}

static clact_status forward(clact_context *context, const clact_activation *activation,
                            const clact_forward_args *args, const clact_enqueue *enqueue)
{
    TRY(check_common(context, activation, args, args ? args->reserved : NULL, args ? args->parameters : NULL,
                     args ? args->parameter_count : 0));
    TRY(check_enqueue(enqueue));
    struct clact_launch l = {.activation = activation, .direction = CLACT_FORWARD, .enqueue = enqueue};
    const clact_tensor *shape = NULL;
    TRY(check_operand(context, &l, args->x, "x", &shape, &l.views[VIEW_X]));
    TRY(check_operand(context, &l, args->y, "y", &shape, &l.views[VIEW_OUT]));
    return run(context, &l, shape, args->parameters, args->parameter_count, "y");
}

/* Whether the derivative at y is that at x, for y of a type, which may have rounded a parameter in it. */
static bool exact_from_y(const clact_context *context, const clact_activation *a, uint32_t type)
{
    double p[CLACT_MAX_PARAMETERS], s[CLACT_MAX_PARAMETERS];
    if (!a->from_y)
        return false;
    for (int i = 0; i < CLACT_MAX_PARAMETERS; i++) {
        p[i] = type == CLACT_F64 ? a->p64[i] : a->p32[i];
        s[i] = type == CLACT_F16 || type == CLACT_BF16 ? clact_cpu_stored(context, type, a->p32[i]) : p[i];
    }
    return a->from_y(p, s);
}

/* What backward reads: x, or y in its place, or neither. */
static clact_status choose_saved(const clact_context *context, const clact_activation *a,
                                 const clact_backward_args *args, const clact_operand **saved, const char **what)
{
    *what = args->x ? "x" : "y";
    *saved = args->x ? args->x : args->y;
    REQUIRE(!args->x || !args->y, CLACT_E_ARGUMENT, "backward takes x or y, not both");
    REQUIRE(!args->y || a->info->needs != CLACT_BACKWARD_X, CLACT_E_UNSUPPORTED,
            "the derivative of %s is not exact from y: backward needs x", a->info->name);
    REQUIRE(!args->y || exact_from_y(context, a, args->y->tensor.type), CLACT_E_UNSUPPORTED,
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

static clact_status backward(clact_context *context, const clact_activation *activation,
                             const clact_backward_args *args, const clact_enqueue *enqueue)
{
    TRY(check_common(context, activation, args, args ? args->reserved : NULL, args ? args->parameters : NULL,
                     args ? args->parameter_count : 0));
    TRY(check_enqueue(enqueue));
    struct clact_launch l = {.activation = activation, .direction = CLACT_BACKWARD, .enqueue = enqueue};
    const clact_tensor *shape = NULL;
    const clact_operand *saved;
    const char *what;
    TRY(choose_saved(context, activation, args, &saved, &what));
    TRY(check_operand(context, &l, saved, what, &shape, &l.views[VIEW_X]));
    TRY(check_operand(context, &l, args->dy, "dy", &shape, &l.views[VIEW_DY]));
    TRY(check_operand(context, &l, args->dx, "dx", &shape, &l.views[VIEW_OUT]));
    return run(context, &l, shape, args->parameters, args->parameter_count, "dx");
}

clact_status clact_forward(clact_context *context, const clact_activation *activation, const clact_forward_args *args)
{
    return forward(context, activation, args, NULL);
}

clact_status clact_backward(clact_context *context, const clact_activation *activation,
                            const clact_backward_args *args)
{
    return backward(context, activation, args, NULL);
}

clact_status clact_forward_enqueue(clact_context *context, const clact_activation *activation,
                                   const clact_forward_args *args, const clact_enqueue *enqueue)
{
    REQUIRE(enqueue, CLACT_E_ARGUMENT, "enqueue must not be NULL");
    REQUIRE(context && context->ocl, CLACT_E_ARGUMENT, "the context has no OpenCL device to enqueue on");
    return forward(context, activation, args, enqueue);
}

clact_status clact_backward_enqueue(clact_context *context, const clact_activation *activation,
                                    const clact_backward_args *args, const clact_enqueue *enqueue)
{
    REQUIRE(enqueue, CLACT_E_ARGUMENT, "enqueue must not be NULL");
    REQUIRE(context && context->ocl, CLACT_E_ARGUMENT, "the context has no OpenCL device to enqueue on");
    return backward(context, activation, args, enqueue);
}

/* ---- The short form ------------------------------------------------------------------------- */

/* Whether in and out are aligned, and the same or apart. */
static bool plain(const float *in, const float *out, size_t n)
{
    uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
    return in && out && (a | b) % sizeof(float) == 0 && n <= INT64_MAX / 16 &&
           (a == b || a + n * sizeof(float) <= b || b + n * sizeof(float) <= a);
}

/* A call that needs nothing of what the general form checks. */
static clact_status run_plain(clact_context *context, const clact_activation *activation, size_t n, const float *x,
                              const float *dy, float *out)
{
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
    return call_backend(context, &l);
}

clact_status clact_apply(clact_context *context, const clact_activation *activation, size_t n, const float *x,
                         float *y)
{
    if (context && activation && n && plain(x, y, n) && activation->fits_f32)
        return run_plain(context, activation, n, x, NULL, y);
    REQUIRE(n <= INT64_MAX / 16, CLACT_E_BOUNDS, "the number of elements overflows");
    clact_operand in = clact_array(CLACT_F32, x, (int64_t)n), out = clact_array(CLACT_F32, y, (int64_t)n);
    clact_forward_args args = {.x = &in, .y = &out};
    return forward(context, activation, &args, NULL);
}

clact_status clact_apply_gradient(clact_context *context, const clact_activation *activation, size_t n,
                                  const float *x, const float *dy, float *dx)
{
    if (context && activation && n && plain(x, dx, n) && plain(dy, dx, n) && activation->fits_f32)
        return run_plain(context, activation, n, x, dy, dx);
    REQUIRE(n <= INT64_MAX / 16, CLACT_E_BOUNDS, "the number of elements overflows");
    clact_operand in = clact_array(CLACT_F32, x, (int64_t)n), up = clact_array(CLACT_F32, dy, (int64_t)n);
    clact_operand out = clact_array(CLACT_F32, dx, (int64_t)n);
    clact_backward_args args = {.x = x ? &in : NULL, .dy = &up, .dx = &out};
    return backward(context, activation, &args, NULL);
}
