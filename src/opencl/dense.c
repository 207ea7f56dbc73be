/* dense.c: y = f(x + b) on an OpenCL device: its program, arguments and launch. */
#include "opencl.h"
#include "../dense.h"

#include <stdio.h>

enum form { FORM_PLAIN, FORM_KEEP };

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    if (r->activation)
        clact_opencl_row_lines(r->activation, -1, t);
    else
        clact_opencl_line(t, "#define ROW_F(x) x\n");
    clact_opencl_line(t, "#define PER_ITEM %u\n%s", (unsigned)target->per_item,
                      r->key.form == FORM_KEEP ? "#define KEEP\n" : "");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    snprintf(out, size, "%s", r->key.form == FORM_KEEP ? "_keep" : "");
}

static struct clact_opencl_recipe recipe_of(const struct clact_dense *d)
{
    struct clact_opencl_recipe r = {
        .file = "dense.cl", .name = "bias", .activation = d->activation, .prologue = prologue, .words = words};
    r.key.kind = KIND_DENSE;
    r.key.row = d->activation ? (uint16_t)d->activation->row : ROW_COUNT;
    r.key.type = (uint16_t)d->views[DENSE_X].type;
    r.key.form = d->has_z ? FORM_KEEP : FORM_PLAIN;
    return r;
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_dense *d)
{
    static const clact_activation none;
    struct clact_opencl_arguments a = {ocl, kernel, 0, CL_SUCCESS};
    const cl_ulong rows = d->rows, columns = d->columns;
    clact_opencl_set_view(&a, &d->views[DENSE_X], false);
    clact_opencl_set_view(&a, &d->views[DENSE_BIAS], false);
    clact_opencl_set_view(&a, &d->views[DENSE_Y], false);
    clact_opencl_set(&a, sizeof rows, &rows);
    clact_opencl_set(&a, sizeof columns, &columns);
    clact_opencl_set_parameters(&a, d->activation ? d->activation : &none, d->views[DENSE_X].type == CLACT_F64);
    if (d->has_z)
        clact_opencl_set_view(&a, &d->views[DENSE_Z], false);
    return a.code;
}

static clact_status launch(clact_context *context, const struct clact_dense *d, const clact_enqueue *q)
{
    struct clact_ocl *ocl = context->ocl;
    const struct clact_opencl_recipe recipe = recipe_of(d);
    const uint64_t width = (uint64_t)ocl->target.local * ocl->target.per_item;
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &recipe, 0, "dense", &k));
    clact_status status = clact_opencl_result(set_arguments(ocl, k->kernel, d), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(ocl, k->kernel, d->rows * ((d->columns + width - 1) / width) * ocl->target.local,
                                      1, q);
    clact_opencl_kernel_put(context, k);
    return status;
}

static clact_status on_device(clact_context *context, const struct clact_dense *d)
{
    clact_enqueue q;
    TRY(clact_opencl_triple(context, d->enqueue, &q));
    return d->rows && d->columns ? launch(context, d, &q) : clact_opencl_nothing(context, &q);
}

clact_status clact_ocl_dense(clact_context *context, const struct clact_dense *d)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, d);
    return clact_opencl_elsewhere(context, status, d->enqueue) ? clact_opencl_dense_elsewhere(context, d) : status;
}
