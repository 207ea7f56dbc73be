/* table.c: quantised activations on an OpenCL device: one program for all tables, which are arguments. */
#include "opencl.h"

#include <stdio.h>

enum form { FORM_DENSE, FORM_VIEW };

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    clact_opencl_line(t, "#define PER_ITEM %u\n", (unsigned)target->per_item);
    if (r->key.form == FORM_VIEW)
        clact_opencl_line(t, "#define VIEW\n");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    snprintf(out, size, "%s", r->key.form == FORM_VIEW ? "_view" : "");
}

static bool signature(const struct clact_opencl_recipe *r, int slot, struct clact_opencl_signature *s)
{
    bool view = r->key.form == FORM_VIEW;
    if (slot > 0)
        return false;
    clact_opencl_sign(s, "forward");
    clact_opencl_sign_views(s, "x y", view ? "first strides" : "first");
    clact_opencl_sign_rest(s, view ? "n, dims, first_half, second_half" : "n, first_half, second_half");
    return true;
}

static struct clact_opencl_recipe recipe_of(enum form form)
{
    struct clact_opencl_recipe r = {"table.cl", {0}, NULL, prologue, words, signature, "table"};
    r.key.kind = KIND_QUANTISED;
    r.key.type = CLACT_U8; /* a byte is a byte */
    r.key.form = (uint16_t)form;
    return r;
}

void clact_opencl_table_recipes(struct clact_opencl_recipes *list, const clact_activation *a, uint32_t type, uint32_t calls)
{
    if (type == a->x_type && calls & CLACT_CALLS_DENSE)
        clact_opencl_add_recipe(list, recipe_of(FORM_DENSE));
    if (type == a->x_type && calls & CLACT_CALLS_VIEW)
        clact_opencl_add_recipe(list, recipe_of(FORM_VIEW));
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_table_launch *l)
{
    struct clact_opencl_arguments a = {ocl, kernel, 0, CL_SUCCESS};
    cl_ulong n = l->count;
    for (int v = 0; v < TABLE_VIEW_COUNT; v++)
        clact_opencl_set_view(&a, &l->views[v], !l->dense);
    clact_opencl_set(&a, sizeof n, &n);
    if (!l->dense)
        clact_opencl_set(&a, sizeof l->dims, l->dims);
    for (size_t at = 0; at < CLACT_TABLE_SIZE; at += sizeof(cl_ulong16))
        clact_opencl_set(&a, sizeof(cl_ulong16), l->table + at);
    return a.code;
}

static clact_status launch(clact_context *context, const void *work, const clact_enqueue *q)
{
    const struct clact_table_launch *l = work;
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_recipe recipe = recipe_of(l->dense ? FORM_DENSE : FORM_VIEW);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &recipe, 0, "forward", &k));
    clact_status status = clact_opencl_result(set_arguments(ocl, k->kernel, l), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(ocl, k->kernel, l->count, l->dense ? ocl->target.per_item : 1, q);
    clact_opencl_kernel_put(context, k);
    return status;
}

static clact_status on_host_memory(clact_context *context, const struct clact_table_launch *given)
{
    struct clact_table_launch l = *given;
    if (clact_opencl_has_gaps(&l.views[TABLE_Y], l.dims))
        return clact_cpu_functions.table(context, given);
    const struct clact_opencl_staged staged[TABLE_VIEW_COUNT] = {
        [TABLE_X] = {&l.views[TABLE_X], l.dims, true, false},
        [TABLE_Y] = {&l.views[TABLE_Y], l.dims, false, true},
    };
    return clact_opencl_on_host_memory(context, staged, TABLE_VIEW_COUNT, launch, &l);
}

static clact_status on_device(clact_context *context, const struct clact_table_launch *l)
{
    if (l->host)
        return on_host_memory(context, l);
    clact_enqueue q;
    TRY(clact_opencl_triple(context, l->enqueue, &q));
    return l->count ? launch(context, l, &q) : clact_opencl_nothing(context, &q);
}

clact_status clact_ocl_table(clact_context *context, const struct clact_table_launch *l)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, l);
    return clact_opencl_elsewhere(context, status, l->enqueue) ? clact_opencl_table_elsewhere(context, l) : status;
}
