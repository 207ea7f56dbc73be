/* gradient.c: gradients of learnable parameters: the rules, and axes brought to their simplest form. */
#include "gradient.h"

#include <string.h>

/* ---- Rules ---------------------------------------------------------------------------------- */

/* The size of the axis of t that is matched with axis k of a shape; 1 where t has none. */
static int64_t matched(const clact_tensor *t, uint32_t k, const clact_tensor *shape)
{
    uint32_t missing = shape->rank - t->rank;
    return k < missing ? 1 : t->dims[k - missing];
}

static const clact_tensor *tensor_given(const clact_backward_args *args)
{
    return args->parameter_count ? &args->parameters->value->tensor : NULL;
}

/* A value has the shape of its parameter. */
static clact_status check_shape(const struct clact_call *call, const struct clact_launch *l, const clact_tensor *shape,
                                const clact_tensor *value, const clact_tensor *tensor, int parameter, const char *name)
{
    bool is_tensor = l->has_tensor && call->activation->tensor == parameter;
    for (uint32_t k = 0; k < shape->rank; k++)
        REQUIRE(matched(value, k, shape) == (is_tensor ? matched(tensor, k, shape) : 1), CLACT_E_ARGUMENT,
                is_tensor ? "the gradient of %s has another shape than the tensor that was given"
                          : "the gradient of %s has one element: the parameter is a number", name);
    return CLACT_OK;
}

/* The operand, its place and its type. */
static clact_status check_value(struct clact_call *call, const struct clact_launch *l, const clact_tensor *shape,
                                const clact_parameter_gradient *given, const clact_tensor *tensor, struct clact_gradient *g)
{
    static const char *const names[VIEW_INDEX] = {"x", "dy", "dx", "the parameter"};
    uint64_t n;
    TRY(clact_call_operand(call, given->value, given->name, &g->value, &n));
    const clact_tensor *t = &given->value->tensor;
    REQUIRE(t->type == shape->type || (t->type == CLACT_F32 && shape->type != CLACT_F64), CLACT_E_ARGUMENT,
            "the gradient of %s is of type %s: it must be %s%s", given->name, clact_type_name((clact_type)t->type),
            clact_type_name((clact_type)shape->type), shape->type == CLACT_F16 || shape->type == CLACT_BF16 ? " or f32" : "");
    struct clact_view own = g->value;
    TRY(clact_call_broadcast(given->value, shape, given->name, &g->value));
    TRY(check_shape(call, l, shape, t, tensor, g->parameter, given->name));
    if (!n)
        return CLACT_OK;
    TRY(clact_view_distinct(t, &own, given->name));
    for (int v = 0; v < VIEW_INDEX && l->count; v++) {
        bool same = false;
        if (v == VIEW_OUT ? !l->no_out : clact_launch_reads(l, v))
            TRY(clact_views_overlap(call->context, shape, &l->views[v], t, &own, names[v], &same));
        REQUIRE(!same, CLACT_E_OVERLAP, "the gradient of %s is %s", given->name, names[v]);
    }
    return CLACT_OK;
}

/* ---- The simplest form ---------------------------------------------------------------------- */

/* Axes with a stride for each of several views. */
struct axes {
    int64_t *dims;
    int64_t *strides[VIEW_INDEX];
    uint32_t count;
    bool used[VIEW_INDEX];
};

/* Adds an axis behind the others, or merges it with the last where every view walks the two as one. */
static void add_axis(struct axes *a, int64_t dim, const int64_t *strides)
{
    bool merge = a->count > 0;
    for (int v = 0; v < VIEW_INDEX && merge; v++)
        merge = !a->used[v] || a->strides[v][a->count - 1] == strides[v] * dim;
    uint32_t at = merge ? a->count - 1 : a->count++;
    a->dims[at] = merge ? a->dims[at] * dim : dim;
    for (int v = 0; v < VIEW_INDEX; v++)
        a->strides[v][at] = strides[v];
}

static void right_align(int64_t *values, uint32_t count, int64_t filler)
{
    memmove(values + CLACT_MAX_RANK - count, values, count * sizeof *values);
    for (uint32_t k = 0; k < CLACT_MAX_RANK - count; k++)
        values[k] = filler;
}

static void finish_axes(struct axes *a)
{
    right_align(a->dims, a->count, 1);
    for (int v = 0; v < VIEW_INDEX; v++)
        right_align(a->strides[v], a->count, 0);
}

/* What the parameter has is kept, the rest is reduced. */
static void divide_axes(const struct clact_launch *l, const clact_tensor *shape, const clact_tensor *value,
                        struct clact_gradient *g)
{
    struct axes kept = {.dims = g->kept}, reduced = {.dims = g->reduced};
    g->segments = g->length = 1;
    for (int v = 0; v < VIEW_INDEX; v++) {
        kept.strides[v] = g->kept_strides[v];
        reduced.strides[v] = g->along[v];
        kept.used[v] = v == VIEW_OUT || clact_launch_reads(l, v);
        reduced.used[v] = clact_launch_reads(l, v);
    }
    for (uint32_t k = 0; k < shape->rank; k++) {
        int64_t strides[VIEW_INDEX];
        for (int v = 0; v < VIEW_INDEX; v++)
            strides[v] = v == VIEW_OUT ? g->value.strides[k] : l->views[v].strides[k];
        if (shape->dims[k] == 1)
            continue;
        bool keeps = matched(value, k, shape) == shape->dims[k];
        *(keeps ? &g->segments : &g->length) *= (uint64_t)shape->dims[k];
        add_axis(keeps ? &kept : &reduced, shape->dims[k], strides);
    }
    finish_axes(&kept);
    finish_axes(&reduced);
    memcpy(g->value.strides, g->kept_strides[VIEW_OUT], sizeof g->value.strides);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status check_gradient(struct clact_call *call, struct clact_launch *l, const clact_tensor *shape,
                                   const clact_backward_args *args, const clact_parameter_gradient *given,
                                   struct clact_gradient *g)
{
    const clact_activation_info *info = call->activation->info;
    REQUIRE(given->name, CLACT_E_ARGUMENT, "a gradient of %s has no name", info->name);
    REQUIRE(given->reserved[0] == 0 && given->reserved[1] == 0, CLACT_E_ARGUMENT,
            "reserved words of clact_parameter_gradient must be zero");
    g->parameter = clact_parameter_find(info, given->name);
    REQUIRE(g->parameter >= 0, CLACT_E_NAME, "%s has no parameter '%s'", info->name, given->name);
    REQUIRE(g->parameter < (int)info->learnable_count, CLACT_E_UNSUPPORTED, "%s of %s is not learnable",
            info->parameters[g->parameter].name, info->name);
    REQUIRE(args->x, CLACT_E_ARGUMENT, "the gradient of %s needs x", given->name);
    for (int k = 0; k < l->gradient_count; k++)
        REQUIRE(l->gradients[k].parameter != g->parameter, CLACT_E_ARGUMENT, "the gradient of %s is asked for twice",
                given->name);
    TRY(check_value(call, l, shape, given, tensor_given(args), g));
    TRY(clact_call_beta(given->beta, shape->type, "beta", &g->beta));
    divide_axes(l, shape, &given->value->tensor, g);
    return CLACT_OK;
}

/* No two of the values share memory. */
static clact_status check_apart(const struct clact_call *call, const clact_backward_args *args)
{
    for (size_t i = 0; i < args->gradient_count; i++)
        for (size_t k = 0; k < i; k++) {
            struct clact_view a, b;
            uint64_t n, m;
            bool same = false;
            TRY(clact_view_of(args->gradients[i].value, "the gradient", &a, &n));
            TRY(clact_view_of(args->gradients[k].value, "the gradient", &b, &m));
            if (n && m)
                TRY(clact_views_overlap(call->context, &args->gradients[i].value->tensor, &a,
                                        &args->gradients[k].value->tensor, &b, "another gradient", &same));
            REQUIRE(!same, CLACT_E_OVERLAP, "the gradients of %s and %s are one", args->gradients[i].name,
                    args->gradients[k].name);
        }
    return CLACT_OK;
}

clact_status clact_gradients_check(struct clact_call *call, struct clact_launch *l, const clact_tensor *shape,
                                   const clact_backward_args *args, struct clact_gradient *out)
{
    const clact_activation_info *info = call->activation->info;
    l->gradients = out;
    for (size_t i = 0; i < args->gradient_count; i++) {
        REQUIRE(i < info->learnable_count || i == 0, CLACT_E_ARGUMENT, "%s has %u learnable parameters, not %zu", info->name,
                (unsigned)info->learnable_count, args->gradient_count);
        TRY(check_gradient(call, l, shape, args, &args->gradients[i], &out[i]));
        l->gradient_count = (int)i + 1;
    }
    return check_apart(call, args);
}
