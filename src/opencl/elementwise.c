/* elementwise.c: an element-wise call on an OpenCL device: its program, arguments and launch. */
#include "opencl.h"

#include <stdio.h>
#include <string.h>

/* The first three exclude each other. */
enum form { FORM_DENSE = 0, FORM_VIEW = 1, FORM_TENSOR = 2, FORM_ACCUMULATE = 4, FORM_NOISE = 8 };

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    unsigned form = r->key.form;
    int varying = form & FORM_TENSOR ? r->activation->tensor : form & FORM_NOISE ? r->activation->noise : -1;
    clact_opencl_row_lines(r->activation, varying, t);
    clact_opencl_walk_lines(target, r->key.type, t);
    if (form & (FORM_VIEW | FORM_TENSOR))
        clact_opencl_line(t, "#define VIEW\n");
    if (form & FORM_TENSOR)
        clact_opencl_line(t, "#define TENSOR\n");
    if (form & FORM_NOISE)
        clact_opencl_line(t, "#define NOISE\n");
    if (form & FORM_ACCUMULATE)
        clact_opencl_line(t, "#define ACCUMULATE\n");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    unsigned form = r->key.form;
    snprintf(out, size, "%s%s%s", form & FORM_TENSOR ? "_tensor" : form & FORM_VIEW ? "_view" : "",
             form & FORM_NOISE ? "_noise" : "", form & FORM_ACCUMULATE ? "_add" : "");
}

static const char *const parts[DIRECTION_COUNT] = {"forward", "backward", "backward_y"};

static bool signature(const struct clact_opencl_recipe *r, int slot, struct clact_opencl_signature *s)
{
    unsigned form = r->key.form;
    bool strided = form & (FORM_VIEW | FORM_TENSOR);
    bool own_y = !r->activation->own && clact_row_functions[r->activation->row].own_y;
    if (slot > CLACT_BACKWARD + own_y || (slot == CLACT_FORWARD && form & FORM_ACCUMULATE))
        return false;
    clact_opencl_sign(s, parts[slot]);
    clact_opencl_sign_views(s, slot == CLACT_FORWARD ? "x y" : "x dy dx", strided ? "first strides" : "");
    clact_opencl_sign_rest(s, strided ? "n, dims, parameters" : "at, parameters");
    if (form & FORM_TENSOR)
        clact_opencl_sign_views(s, "t", "first strides");
    if (form & FORM_NOISE)
        clact_opencl_sign_rest(s, strided ? "noise_seed, noise_offset, index_strides" : "noise_seed, noise_offset");
    if (form & FORM_ACCUMULATE)
        clact_opencl_sign_rest(s, "beta");
    return true;
}

static struct clact_opencl_recipe recipe_of(const clact_activation *a, uint32_t type, unsigned form)
{
    struct clact_opencl_recipe r = {"elementwise.cl", {0}, a, prologue, words, signature, NULL};
    r.key.kind = KIND_ELEMENTWISE;
    r.key.row = (uint16_t)a->row;
    r.key.type = (uint16_t)type;
    r.key.form = (uint16_t)form;
    return r;
}

void clact_opencl_elementwise_recipes(struct clact_opencl_recipes *list, const clact_activation *a, uint32_t type,
                                      uint32_t calls)
{
    const bool wanted[] = {
        [FORM_DENSE] = calls & CLACT_CALLS_DENSE,
        [FORM_VIEW] = calls & CLACT_CALLS_VIEW,
        [FORM_TENSOR] = calls & CLACT_CALLS_TENSOR && a->tensor >= 0,
    };
    for (unsigned form = FORM_DENSE; form <= FORM_TENSOR; form++)
        for (unsigned more = 0; more <= (FORM_ACCUMULATE | FORM_NOISE); more += FORM_ACCUMULATE)
            if (wanted[form] && (!(more & FORM_ACCUMULATE) || calls & CLACT_CALLS_ACCUMULATE) &&
                (!(more & FORM_NOISE) || (calls & CLACT_CALLS_NOISE && a->noise >= 0 && form != FORM_TENSOR)))
                clact_opencl_add_recipe(list, recipe_of(a, type, form | more));
    if (calls & CLACT_CALLS_GRADIENT)
        clact_opencl_gradient_recipes(list, a, type, calls);
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_launch *l)
{
    static const int operands[][3] = {{VIEW_X, VIEW_OUT}, {VIEW_X, VIEW_DY, VIEW_OUT}};
    const bool backward = l->direction != CLACT_FORWARD;
    struct clact_opencl_arguments a = {ocl, kernel, 0, CL_SUCCESS};
    cl_ulong n = l->count;
    cl_long at[4] = {(cl_long)n};
    for (int k = 0; k < 2 + backward; k++) {
        const struct clact_view *v = &l->views[operands[backward][k]];
        at[1 + k] = v->offset;
        if (l->dense)
            clact_opencl_set_mem(&a, v);
        else
            clact_opencl_set_view(&a, v, true);
    }
    if (l->dense) {
        clact_opencl_set(&a, sizeof at, at);
    } else {
        clact_opencl_set(&a, sizeof n, &n);
        clact_opencl_set(&a, sizeof l->dims, l->dims);
    }
    bool f64 = l->views[VIEW_X].type == CLACT_F64;
    clact_opencl_set_parameters(&a, l->activation, f64);
    if (l->has_tensor)
        clact_opencl_set_view(&a, &l->views[VIEW_TENSOR], true);
    if (l->noise) {
        clact_opencl_set(&a, sizeof l->seed, &l->seed);
        clact_opencl_set(&a, sizeof l->noise_offset, &l->noise_offset);
        if (!l->dense)
            clact_opencl_set(&a, sizeof l->views[VIEW_INDEX].strides, l->views[VIEW_INDEX].strides);
    }
    if (l->beta.f64 != 0)
        clact_opencl_set_beta(&a, &l->beta, f64);
    return a.code;
}

static struct clact_opencl_recipe recipe_of_launch(const struct clact_launch *l)
{
    unsigned form = l->dense ? FORM_DENSE : l->has_tensor ? FORM_TENSOR : FORM_VIEW;
    if (l->beta.f64 != 0)
        form |= FORM_ACCUMULATE;
    if (l->noise)
        form |= FORM_NOISE;
    return recipe_of(l->activation, l->views[VIEW_X].type, form);
}

static clact_status launch_elements(clact_context *context, const struct clact_launch *l, const clact_enqueue *q)
{
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_recipe recipe = recipe_of_launch(l);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &recipe, l->direction, parts[l->direction], &k));
    clact_status status = clact_opencl_result(set_arguments(ocl, k->kernel, l), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(ocl, k->kernel, l->count,
                                      l->dense ? clact_opencl_walk_elements(&ocl->target) : 1, q);
    clact_opencl_kernel_put(context, k);
    return status;
}

/* Of several programs, none is to run where another does not build. */
static clact_status make_ready(clact_context *context, const struct clact_launch *l, bool elements)
{
    for (int k = 0; k < l->gradient_count; k++)
        if (l->gradients[k].segments)
            TRY(clact_opencl_gradient_ready(context, l, &l->gradients[k]));
    struct clact_opencl_recipe recipe = recipe_of_launch(l);
    return elements ? clact_opencl_program_ready(context, &recipe) : CLACT_OK;
}

/* The gradients of parameters, then the elements: the output may be an input of both. */
static clact_status launch(clact_context *context, const void *work, const clact_enqueue *q)
{
    const struct clact_launch *l = work;
    bool elements = l->count && !l->no_out;
    struct clact_chain chain = {context, *q, elements, NULL, NULL};
    clact_status status = l->gradient_count ? make_ready(context, l, elements) : CLACT_OK;
    for (int k = 0; k < l->gradient_count; k++)
        chain.left += clact_opencl_gradient_launches(context->ocl, &l->gradients[k]);
    if (!chain.left)
        return clact_opencl_nothing(context, q);
    for (int k = 0; k < l->gradient_count && status == CLACT_OK; k++)
        if (l->gradients[k].segments)
            status = clact_opencl_gradient(context, l, &l->gradients[k], &chain);
    clact_enqueue last = clact_chain_link(&chain);
    if (elements && status == CLACT_OK)
        status = launch_elements(context, l, &last);
    clact_chain_release(&chain);
    return status;
}

static clact_status on_host_memory(clact_context *context, const struct clact_launch *given)
{
    struct clact_launch l = *given;
    struct clact_gradient gradients[CLACT_MAX_GRADIENTS];
    struct clact_opencl_staged staged[VIEW_COUNT + CLACT_MAX_GRADIENTS] = {{0}};
    bool elements = l.count && !l.no_out, gaps = elements && clact_opencl_has_gaps(&l.views[VIEW_OUT], l.dims);
    l.gradients = gradients;
    for (int k = 0; k < l.gradient_count; k++) {
        struct clact_gradient *g = &gradients[k];
        *g = given->gradients[k];
        if (!g->segments)
            continue;
        gaps |= clact_opencl_has_gaps(&g->value, g->kept);
        staged[VIEW_COUNT + k] = (struct clact_opencl_staged){&g->value, g->kept, g->beta.f64 != 0, true};
    }
    if (gaps)
        return clact_cpu_functions.elementwise(context, given);
    for (int v = 0; v < VIEW_COUNT && l.count; v++)
        if (v == VIEW_OUT ? elements : clact_launch_reads(&l, v))
            staged[v] = (struct clact_opencl_staged){&l.views[v], l.dims, v != VIEW_OUT || l.beta.f64 != 0, v == VIEW_OUT};
    return clact_opencl_on_host_memory(context, staged, VIEW_COUNT + l.gradient_count, launch, &l);
}

static clact_status on_device(clact_context *context, const struct clact_launch *l)
{
    if (l->host)
        return on_host_memory(context, l);
    clact_enqueue q;
    TRY(clact_opencl_triple(context, l->enqueue, &q));
    return launch(context, l, &q);
}

clact_status clact_ocl_elementwise(clact_context *context, const struct clact_launch *l)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, l);
    return clact_opencl_elsewhere(context, status, l->enqueue) ? clact_opencl_elementwise_elsewhere(context, l) : status;
}
