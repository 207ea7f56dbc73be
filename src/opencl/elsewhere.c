/* elsewhere.c: calls that a pack has no kernels for, on the CPU backend: what lies on the device is mapped for it. */
#include "opencl.h"
#include "../arrays.h"
#include "../dense.h"
#include "../matmul.h"

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
static clact_status map(clact_context *context, cl_mem mem, cl_map_flags flags, const clact_enqueue *q,
                        struct mapping *out)
{
    struct clact_ocl *ocl = context->ocl;
    const void *root;
    size_t first, bytes;
    cl_int code;
    TRY(clact_ocl_functions.mem_info(context, mem, &root, &first, &bytes));
    REQUIRE(root == mem, CLACT_E_PACK, "a sub-buffer is not mapped for the CPU backend, which this call needs");
    out->at = ocl->api.clEnqueueMapBuffer(q->queue, mem, CL_TRUE, flags, 0, bytes, 0, NULL, NULL, &code);
    TRY(clact_opencl_result(code, "clEnqueueMapBuffer"));
    out->mem = mem;
    return CLACT_OK;
}

/* Memory that is only read may be mapped by several threads at once. */
static cl_map_flags flags_of(cl_mem mem, struct clact_view *const *views, int count, uint32_t written)
{
    cl_map_flags flags = CL_MAP_READ;
    for (int i = 0; i < count; i++)
        if ((views[i]->buffer ? views[i]->buffer->mem : views[i]->mem) == mem && written >> i & 1)
            flags |= CL_MAP_WRITE;
    return flags;
}

/* The first of views; the others are still to be mapped. */
static clact_status map_view(clact_context *context, struct clact_view *const *views, int left, uint32_t written,
                             const clact_enqueue *q, struct mapping *mapped, int *count)
{
    struct clact_view *view = views[0];
    cl_mem mem = view->buffer ? view->buffer->mem : view->mem;
    int k = 0;
    while (k < *count && mapped[k].mem != mem)
        k++;
    if (k == *count) {
        TRY(map(context, mem, flags_of(mem, views, left, written), q, &mapped[k]));
        ++*count;
    }
    view->data = mapped[k].at;
    view->buffer = NULL;
    view->mem = NULL;
    return CLACT_OK;
}

typedef clact_status run_function(clact_context *context, const void *work);

clact_status clact_opencl_on_host(clact_context *context, struct clact_view *const *views, int count, uint32_t written,
                                  const clact_enqueue *enqueue, run_function *run, const void *work)
{
    struct clact_ocl *ocl = context->ocl;
    struct mapping mapped[MOST_VIEWS];
    clact_enqueue q;
    int made = 0;
    TRY(clact_opencl_same_process(context));
    clact_status status = clact_opencl_triple(context, enqueue, &q);
    /* Apart from the blocking map: there PoCL 3.1 does not tell of an event that has failed already. */
    if (status == CLACT_OK && q.num_waits)
        status = clact_opencl_result(ocl->api.clWaitForEvents(q.num_waits, q.waits), "clWaitForEvents");
    for (int i = 0; i < count && status == CLACT_OK; i++)
        status = map_view(context, views + i, count - i, written >> i, &q, mapped, &made);
    if (status == CLACT_OK)
        status = run(context, work);
    for (int k = 0; k < made; k++) {
        cl_int code = ocl->api.clEnqueueUnmapMemObject(q.queue, mapped[k].mem, mapped[k].at, 0, NULL, NULL);
        if (status == CLACT_OK)
            status = clact_opencl_result(code, "clEnqueueUnmapMemObject");
    }
    q.num_waits = 0; /* the event is of all that the queue has */
    q.waits = NULL;
    return status == CLACT_OK ? clact_opencl_nothing(context, &q) : status;
}

/* On the context's queue, which is in order. */
static clact_status on_mapped(clact_context *context, struct clact_view *const *views, int count, run_function *run,
                              const void *work)
{
    return clact_opencl_on_host(context, views, count, UINT32_MAX, NULL, run, work);
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

static clact_status run_matmul(clact_context *context, const void *work)
{
    return clact_cpu_functions.matmul(context, work);
}

clact_status clact_opencl_matmul_elsewhere(clact_context *context, const struct clact_matmul *given)
{
    struct clact_matmul m = *given;
    struct clact_view *views[MATMUL_VIEW_COUNT];
    for (int v = 0; v < MATMUL_VIEW_COUNT; v++)
        views[v] = &m.views[v];
    m.host = true;
    return on_mapped(context, views, MATMUL_VIEW_COUNT, run_matmul, &m);
}

static clact_status run_dense(clact_context *context, const void *work)
{
    return clact_cpu_functions.dense(context, work);
}

clact_status clact_opencl_dense_elsewhere(clact_context *context, const struct clact_dense *given)
{
    struct clact_dense d = *given;
    struct clact_view *views[DENSE_VIEW_COUNT];
    int count = 0;
    for (int v = 0; v < DENSE_VIEW_COUNT; v++)
        if (v != DENSE_Z || d.has_z)
            views[count++] = &d.views[v];
    d.host = true;
    return on_mapped(context, views, count, run_dense, &d);
}

static clact_status run_arrays(clact_context *context, const void *work)
{
    return clact_cpu_functions.arrays(context, work);
}

/* A step after the other: all that they have may be more than is mapped at once. */
clact_status clact_opencl_arrays_elsewhere(clact_context *context, const struct clact_arrays *given)
{
    for (int i = 0; i < given->count; i++) {
        struct clact_array_step s = given->steps[i];
        const struct clact_arrays step = {&s, 1, NULL};
        struct clact_view *views[MOST_VIEWS];
        int count = 0;
        if (s.rows_of) {
            TRY(clact_opencl_rowwise_elsewhere(context, s.rows_of));
            continue;
        }
        for (int k = 0; k < ARRAY_INPUTS; k++)
            if (clact_array_has(&s, k))
                views[count++] = &s.inputs[k];
        for (int k = 0; k < clact_array_infos[s.operation].outputs; k++)
            views[count++] = &s.outputs[k];
        TRY(on_mapped(context, views, count, run_arrays, &step));
    }
    return CLACT_OK;
}
