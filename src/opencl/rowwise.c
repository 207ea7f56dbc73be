/* rowwise.c: a row-wise call on an OpenCL device: its program, arguments and launch. */
#include "opencl.h"

#include <stdio.h>

enum form { FORM_PLAIN, FORM_MASK };

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    (void)target;
    clact_opencl_line(t, "#define ROW(part) %s_##part\n%s", r->activation->info->name,
                      r->key.form == FORM_MASK ? "#define MASK\n" : "");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    snprintf(out, size, "%s", r->key.form == FORM_MASK ? "_mask" : "");
}

static const char *const parts[] = {"forward", "backward"};

static bool signature(const struct clact_opencl_recipe *r, int slot, struct clact_opencl_signature *s)
{
    if (slot > 1)
        return false;
    clact_opencl_sign(s, parts[slot]);
    clact_opencl_sign_views(s, slot ? "y dy dx" : "x y", "first strides");
    clact_opencl_sign_rest(s, slot ? "dims, scale, beta" : "dims, scale");
    if (r->key.form == FORM_MASK)
        clact_opencl_sign_views(s, "mask", "first strides");
    return true;
}

static struct clact_opencl_recipe recipe_of(const clact_activation *a, uint32_t type, enum form form)
{
    struct clact_opencl_recipe r = {"rowwise.cl", {0}, a, prologue, words, signature, NULL};
    r.key.kind = KIND_ROWWISE;
    r.key.row = (uint16_t)a->row;
    r.key.type = (uint16_t)type;
    r.key.form = (uint16_t)form;
    return r;
}

void clact_opencl_rowwise_recipes(struct clact_opencl_recipes *list, const clact_activation *a, uint32_t type,
                                  uint32_t calls)
{
    clact_opencl_add_recipe(list, recipe_of(a, type, FORM_PLAIN));
    if (calls & CLACT_CALLS_MASK)
        clact_opencl_add_recipe(list, recipe_of(a, type, FORM_MASK));
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_rowwise_launch *l)
{
    struct clact_opencl_arguments a = {ocl, kernel, 0, CL_SUCCESS};
    const clact_activation *activation = l->activation;
    bool f64 = l->views[ROWWISE_X].type == CLACT_F64;
    struct clact_beta scale = {activation->p64[1], activation->p32[1]};
    clact_opencl_set_view(&a, &l->views[ROWWISE_X], true);
    if (l->backward)
        clact_opencl_set_view(&a, &l->views[ROWWISE_DY], true);
    clact_opencl_set_view(&a, &l->views[ROWWISE_OUT], true);
    clact_opencl_set(&a, sizeof l->dims, l->dims);
    clact_opencl_set_beta(&a, &scale, f64);
    if (l->backward)
        clact_opencl_set_beta(&a, &l->beta, f64);
    if (l->has_mask)
        clact_opencl_set_view(&a, &l->views[ROWWISE_MASK], true);
    return a.code;
}

static struct clact_opencl_recipe recipe_of_launch(const struct clact_rowwise_launch *l)
{
    return recipe_of(l->activation, l->views[ROWWISE_X].type, l->has_mask ? FORM_MASK : FORM_PLAIN);
}

clact_status clact_opencl_rowwise_ready(clact_context *context, const struct clact_rowwise_launch *l)
{
    struct clact_opencl_recipe recipe = recipe_of_launch(l);
    return clact_opencl_program_ready(context, &recipe);
}

clact_status clact_opencl_rowwise_launch(clact_context *context, const void *work, const clact_enqueue *q)
{
    const struct clact_rowwise_launch *l = work;
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_recipe recipe = recipe_of_launch(l);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &recipe, l->backward, parts[l->backward], &k));
    clact_status status = clact_opencl_result(set_arguments(ocl, k->kernel, l), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(ocl, k->kernel, l->rows * ocl->target.local, 1, q);
    clact_opencl_kernel_put(context, k);
    return status;
}

static clact_status on_host_memory(clact_context *context, const struct clact_rowwise_launch *given)
{
    struct clact_rowwise_launch l = *given;
    struct clact_opencl_staged staged[ROWWISE_VIEW_COUNT] = {{0}};
    if (clact_opencl_has_gaps(&l.views[ROWWISE_OUT], l.dims))
        return clact_cpu_functions.rowwise(context, given);
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
        if (v == ROWWISE_OUT || clact_rowwise_reads(&l, v))
            staged[v] = (struct clact_opencl_staged){&l.views[v], l.dims, clact_rowwise_reads(&l, v), v == ROWWISE_OUT};
    return clact_opencl_on_host_memory(context, staged, ROWWISE_VIEW_COUNT, clact_opencl_rowwise_launch, &l);
}

static clact_status on_device(clact_context *context, const struct clact_rowwise_launch *l)
{
    if (l->host && l->rows)
        return on_host_memory(context, l);
    clact_enqueue q;
    TRY(clact_opencl_triple(context, l->enqueue, &q));
    return l->rows ? clact_opencl_rowwise_launch(context, l, &q) : clact_opencl_nothing(context, &q);
}

clact_status clact_ocl_rowwise(clact_context *context, const struct clact_rowwise_launch *l)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, l);
    return clact_opencl_elsewhere(context, status, l->enqueue) ? clact_opencl_rowwise_elsewhere(context, l) : status;
}
