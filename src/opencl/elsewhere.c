/* elsewhere.c: calls that a pack has no kernels for, on the CPU backend: what lies on the device is mapped for it. */
#include "opencl.h"

#include <string.h>

#define MOST_VIEWS 16

struct mapping {
    cl_mem mem;
    void *at;
};

bool clact_opencl_elsewhere(const clact_context *context, clact_status status, const clact_enqueue *enqueue)
{
    return status == CLACT_E_PACK && context->ocl->runs_elsewhere && !enqueue;
}

/* Part of another one, mapped beside it, might be written twice: such memory is refused. */
static clact_status map(clact_context *context, cl_mem mem, struct mapping *out)
{
    struct clact_ocl *ocl = context->ocl;
    const void *root;
    size_t first, bytes;
    cl_int code;
    TRY(clact_ocl_functions.mem_info(context, mem, &root, &first, &bytes));
    REQUIRE(root == mem, CLACT_E_PACK, "the pack has no kernel for this call, and a sub-buffer is not mapped for the CPU backend");
    out->at = ocl->api.clEnqueueMapBuffer(ocl->queue, mem, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, NULL, NULL, &code);
    TRY(clact_opencl_result(code, "clEnqueueMapBuffer"));
    out->mem = mem;
    return CLACT_OK;
}

static clact_status map_view(clact_context *context, struct clact_view *view, struct mapping *mapped, int *count)
{
    cl_mem mem = view->buffer ? view->buffer->mem : view->mem;
    int k = 0;
    while (k < *count && mapped[k].mem != mem)
        k++;
    if (k == *count) {
        TRY(map(context, mem, &mapped[k]));
        ++*count;
    }
    view->data = mapped[k].at;
    view->buffer = NULL;
    view->mem = NULL;
    return CLACT_OK;
}

typedef clact_status run_function(clact_context *context, const void *work);

static clact_status on_mapped(clact_context *context, struct clact_view *const *views, int count, run_function *run,
                              const void *work)
{
    struct clact_ocl *ocl = context->ocl;
    struct mapping mapped[MOST_VIEWS];
    int made = 0;
    clact_status status = CLACT_OK;
    for (int i = 0; i < count && status == CLACT_OK; i++)
        status = map_view(context, views[i], mapped, &made);
    if (status == CLACT_OK)
        status = run(context, work);
    for (int k = 0; k < made; k++) {
        cl_int code = ocl->api.clEnqueueUnmapMemObject(ocl->queue, mapped[k].mem, mapped[k].at, 0, NULL, NULL);
        if (status == CLACT_OK)
            status = clact_opencl_result(code, "clEnqueueUnmapMemObject");
    }
    return status;
}

/* ---- Each kind ------------------------------------------------------------------------------ */

static clact_status run_elementwise(clact_context *context, const void *work)
{
    return clact_cpu_functions.elementwise(context, work);
}

clact_status clact_opencl_elementwise_elsewhere(clact_context *context, const struct clact_launch *given)
{
    struct clact_launch l = *given;
    struct clact_gradient gradients[CLACT_MAX_GRADIENTS];
    struct clact_view *views[MOST_VIEWS];
    int count = 0;
    if (l.host)
        return clact_cpu_functions.elementwise(context, given);
    for (int v = 0; v < VIEW_INDEX && l.count; v++)
        if (v == VIEW_OUT ? !l.no_out : clact_launch_reads(&l, v))
            views[count++] = &l.views[v];
    for (int k = 0; k < l.gradient_count; k++) {
        gradients[k] = l.gradients[k];
        if (gradients[k].segments)
            views[count++] = &gradients[k].value;
    }
    l.gradients = gradients;
    l.host = true;
    return on_mapped(context, views, count, run_elementwise, &l);
}

static clact_status run_rowwise(clact_context *context, const void *work)
{
    return clact_cpu_functions.rowwise(context, work);
}

clact_status clact_opencl_rowwise_elsewhere(clact_context *context, const struct clact_rowwise_launch *given)
{
    struct clact_rowwise_launch l = *given;
    struct clact_view *views[MOST_VIEWS];
    int count = 0;
    if (l.host)
        return clact_cpu_functions.rowwise(context, given);
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
        if (v == ROWWISE_OUT || clact_rowwise_reads(&l, v))
            views[count++] = &l.views[v];
    l.host = true;
    return on_mapped(context, views, count, run_rowwise, &l);
}

static clact_status run_table(clact_context *context, const void *work)
{
    return clact_cpu_functions.table(context, work);
}

clact_status clact_opencl_table_elsewhere(clact_context *context, const struct clact_table_launch *given)
{
    struct clact_table_launch l = *given;
    struct clact_view *views[TABLE_VIEW_COUNT];
    if (l.host)
        return clact_cpu_functions.table(context, given);
    for (int v = 0; v < TABLE_VIEW_COUNT; v++)
        views[v] = &l.views[v];
    l.host = true;
    return on_mapped(context, views, TABLE_VIEW_COUNT, run_table, &l);
}

static clact_status run_map(clact_context *context, const void *work)
{
    return clact_cpu_functions.map(context, work);
}

clact_status clact_opencl_map_elsewhere(clact_context *context, const struct clact_map *given)
{
    struct clact_map m = *given;
    struct clact_view *views[MOST_VIEWS];
    int count = 0;
    if (m.host)
        return clact_cpu_functions.map(context, given);
    for (int v = 0; v < MAP_VIEWS; v++)
        if (clact_map_uses(&m, v))
            views[count++] = &m.views[v];
    m.host = true;
    return on_mapped(context, views, count, run_map, &m);
}
