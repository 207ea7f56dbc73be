/* dense.c: the parts of a dense layer besides products: to the backend that holds the operands. */
#include "dense.h"

static const struct clact_backend_functions *backend_of(const clact_context *context, bool host)
{
    return host ? &clact_cpu_functions : context->device;
}

bool clact_dense_takes(const clact_activation *a, uint32_t training)
{
    return a->kind == KIND_ELEMENTWISE && !(training && a->noise >= 0);
}

clact_status clact_dense_run(clact_context *context, const struct clact_dense *d)
{
    clact_enter(context);
    return clact_leave(context, backend_of(context, d->host)->dense(context, d));
}

/* Sums of columns are what the gradient of a parameter is that each column has one of. No row's function is called. */
clact_status clact_columns_run(clact_context *context, const struct clact_columns *c)
{
    static const clact_activation none = {.kind = KIND_ELEMENTWISE, .row = ROW_identity, .tensor = -1, .noise = -1};
    enum { INNER = CLACT_MAX_RANK - 1 };
    struct clact_gradient g = {.parameter = GRADIENT_SUM, .segments = c->columns, .length = c->rows, .value = c->sums,
                               .beta = c->beta};
    struct clact_launch l = {.activation = &none,
                             .direction = CLACT_BACKWARD,
                             .host = c->host,
                             .no_out = true,
                             .count = c->rows * c->columns,
                             .gradients = &g,
                             .gradient_count = 1,
                             .enqueue = c->enqueue};
    for (int k = 0; k < CLACT_MAX_RANK; k++)
        l.dims[k] = g.kept[k] = g.reduced[k] = 1;
    l.views[VIEW_X] = l.views[VIEW_DY] = c->x;
    g.kept[INNER] = (int64_t)c->columns;
    g.reduced[INNER] = (int64_t)c->rows;
    for (int v = VIEW_X; v <= VIEW_DY; v++) {
        g.kept_strides[v][INNER] = 1;
        g.along[v][INNER] = (int64_t)c->columns;
    }
    g.kept_strides[VIEW_OUT][INNER] = g.value.strides[INNER] = 1;
    clact_enter(context);
    return clact_leave(context, backend_of(context, c->host)->elementwise(context, &l));
}
