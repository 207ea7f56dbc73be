/* matmul.c: a product of matrices on an OpenCL device: its program, arguments and launch. */
#include "opencl.h"
#include "../matmul.h"

#include <stdio.h>

enum form { FORM_PLAIN, FORM_ACCUMULATE };

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    (void)target;
    if (r->key.form == FORM_ACCUMULATE)
        clact_opencl_line(t, "#define ACCUMULATE\n");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    snprintf(out, size, "%s", r->key.form == FORM_ACCUMULATE ? "_add" : "");
}

static struct clact_opencl_recipe recipe_of(const struct clact_matmul *m)
{
    struct clact_opencl_recipe r = {.file = "matmul.cl", .name = "matrix", .prologue = prologue, .words = words};
    r.key.kind = KIND_MATMUL;
    r.key.type = (uint16_t)m->views[MATMUL_C].type;
    r.key.form = m->beta.f64 != 0 ? FORM_ACCUMULATE : FORM_PLAIN;
    return r;
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_matmul *m)
{
    struct clact_opencl_arguments a = {ocl, kernel, 0, CL_SUCCESS};
    const cl_ulong sizes[] = {m->rows, m->columns, m->depth};
    for (int v = 0; v < MATMUL_VIEW_COUNT; v++) {
        clact_opencl_set_view(&a, &m->views[v], false);
        clact_opencl_set(&a, sizeof(cl_long), &m->views[v].strides[ROW_STRIDE]);
        clact_opencl_set(&a, sizeof(cl_long), &m->views[v].strides[COLUMN_STRIDE]);
    }
    for (int k = 0; k < 3; k++)
        clact_opencl_set(&a, sizeof sizes[k], &sizes[k]);
    clact_opencl_set_beta(&a, &m->beta, m->views[MATMUL_C].type == CLACT_F64);
    return a.code;
}

/* Groups, each of a tile of C as cl/matmul.cl has it. */
static uint64_t tiles_of(const struct clact_ocl *ocl, const struct clact_matmul *m)
{
    const uint64_t local = ocl->target.local, item_columns = local < 8 ? local : 8;
    const uint64_t height = 4 * (local / item_columns);
    const uint64_t width = item_columns * (m->views[MATMUL_C].type == CLACT_F64 ? 8 : 16);
    return (m->rows + height - 1) / height * ((m->columns + width - 1) / width);
}

static clact_status launch(clact_context *context, const struct clact_matmul *m, const clact_enqueue *q)
{
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_recipe recipe = recipe_of(m);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &recipe, 0, "product", &k));
    clact_status status = clact_opencl_result(set_arguments(ocl, k->kernel, m), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(ocl, k->kernel, tiles_of(ocl, m) * ocl->target.local, 1, q);
    clact_opencl_kernel_put(context, k);
    return status;
}

static clact_status on_device(clact_context *context, const struct clact_matmul *m)
{
    clact_enqueue q;
    TRY(clact_opencl_triple(context, m->enqueue, &q));
    return m->rows && m->columns ? launch(context, m, &q) : clact_opencl_nothing(context, &q);
}

clact_status clact_ocl_matmul(clact_context *context, const struct clact_matmul *m)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, m);
    return clact_opencl_elsewhere(context, status, m->enqueue) ? clact_opencl_matmul_elsewhere(context, m) : status;
}
