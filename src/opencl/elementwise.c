/* elementwise.c: one call on an OpenCL device: its kernel, arguments and launch; host memory staged. */
#include "opencl.h"

#include "../tensor.h"

#include <string.h>

/* Sets arguments one after the other; the first failure stays. */
struct arguments {
    const struct clact_ocl *ocl;
    cl_kernel kernel;
    cl_uint index;
    cl_int code;
};

static void set(struct arguments *a, size_t size, const void *value)
{
    if (a->code == CL_SUCCESS)
        a->code = a->ocl->api.clSetKernelArg(a->kernel, a->index++, size, value);
}

static void set_view(struct arguments *a, const struct clact_view *v, bool strided)
{
    cl_mem mem = v->buffer ? v->buffer->mem : v->mem;
    cl_long first = v->offset;
    set(a, sizeof mem, &mem);
    set(a, sizeof first, &first);
    if (strided)
        set(a, sizeof v->strides, v->strides);
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_launch *l)
{
    struct arguments a = {ocl, kernel, 0, CL_SUCCESS};
    bool f64 = l->views[VIEW_X].type == CLACT_F64;
    cl_ulong n = l->count;
    set_view(&a, &l->views[VIEW_X], !l->dense);
    if (l->direction == CLACT_BACKWARD)
        set_view(&a, &l->views[VIEW_DY], !l->dense);
    set_view(&a, &l->views[VIEW_OUT], !l->dense);
    set(&a, sizeof n, &n);
    if (!l->dense)
        set(&a, sizeof l->dims, l->dims);
    for (int i = 0; i < CLACT_MAX_PARAMETERS; i++)
        if (f64)
            set(&a, sizeof(double), &l->activation->p64[i]);
        else
            set(&a, sizeof(float), &l->activation->p32[i]);
    if (l->has_tensor)
        set_view(&a, &l->views[VIEW_TENSOR], true);
    return a.code;
}

static clact_status launch(clact_context *context, const struct clact_launch *l, const clact_enqueue *q)
{
    struct clact_ocl *ocl = context->ocl;
    uint32_t type = l->views[VIEW_X].type;
    enum clact_form form = l->dense ? FORM_DENSE : l->has_tensor ? FORM_TENSOR : FORM_VIEW;
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, l->activation, type, form, l->direction, &k));
    cl_int code = set_arguments(ocl, k->kernel, l);
    clact_status status = clact_opencl_result(code, "clSetKernelArg");
    if (status == CLACT_OK) {
        size_t tile = (size_t)ocl->local * (l->dense ? ocl->per_item : 1), local = ocl->local;
        size_t global = (size_t)((l->count + tile - 1) / tile) * local;
        code = ocl->api.clEnqueueNDRangeKernel(q->queue, k->kernel, 1, NULL, &global, &local, q->num_waits, q->waits,
                                               q->event);
        status = clact_opencl_result(code, "clEnqueueNDRangeKernel");
    }
    clact_opencl_kernel_put(context, l->activation, type, form, l->direction, k);
    return status;
}

/* ---- Host memory ---------------------------------------------------------------------------- */

/* A device copy of the bytes that a view spans, behind which the view is put. */
static clact_status stage(struct clact_ocl *ocl, const struct clact_launch *l, int which, struct clact_view *v)
{
    int64_t first, end;
    cl_int code;
    clact_view_span(l->dims, CLACT_MAX_RANK, v, &first, &end);
    cl_mem_flags flags = which == VIEW_OUT ? CL_MEM_WRITE_ONLY : CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    void *from = which == VIEW_OUT ? NULL : (char *)v->data + first;
    cl_mem mem = ocl->api.clCreateBuffer(ocl->context, flags, (size_t)(end - first), from, &code);
    TRY(clact_opencl_result(code, "clCreateBuffer"));
    v->mem = mem;
    v->data = NULL;
    v->offset -= first / (int64_t)clact_type_bytes((clact_type)v->type);
    return CLACT_OK;
}

static clact_status run_staged(clact_context *context, struct clact_launch *l, void *out, size_t bytes)
{
    struct clact_ocl *ocl = context->ocl;
    cl_event done = NULL;
    clact_enqueue q = {.queue = ocl->queue, .event = &done};
    TRY(launch(context, l, &q));
    cl_int code = ocl->api.clEnqueueReadBuffer(ocl->queue, l->views[VIEW_OUT].mem, CL_TRUE, 0, bytes, out, 1, &done, NULL);
    ocl->api.clReleaseEvent(done);
    return clact_opencl_result(code, "clEnqueueReadBuffer");
}

static clact_status on_host_memory(clact_context *context, const struct clact_launch *given)
{
    struct clact_launch l = *given;
    struct clact_ocl *ocl = context->ocl;
    int64_t first, end;
    clact_view_span(l.dims, CLACT_MAX_RANK, &l.views[VIEW_OUT], &first, &end);
    size_t size = clact_type_bytes((clact_type)l.views[VIEW_OUT].type);
    if ((uint64_t)(end - first) != l.count * size) /* what lies between the elements is not ours to write */
        return clact_cpu_functions.elementwise(context, given);
    void *out = (char *)l.views[VIEW_OUT].data + first;
    clact_status status = CLACT_OK;
    for (int v = 0; v < VIEW_COUNT && status == CLACT_OK; v++)
        if (v == VIEW_OUT || clact_launch_reads(&l, v))
            status = stage(ocl, &l, v, &l.views[v]);
    if (status == CLACT_OK)
        status = run_staged(context, &l, out, (size_t)(end - first));
    for (int v = 0; v < VIEW_COUNT; v++)
        if (l.views[v].mem)
            ocl->api.clReleaseMemObject(l.views[v].mem);
    return status;
}

clact_status clact_ocl_elementwise(clact_context *context, const struct clact_launch *l)
{
    struct clact_ocl *ocl = context->ocl;
    TRY(clact_opencl_same_process(context));
    if (l->host)
        return on_host_memory(context, l);
    clact_enqueue q = l->enqueue ? *l->enqueue : (clact_enqueue){0};
    if (!q.queue)
        q.queue = ocl->queue;
    if (l->count)
        return launch(context, l, &q);
    if (q.event)
        return clact_opencl_result(ocl->api.clEnqueueMarkerWithWaitList(q.queue, q.num_waits, q.waits, q.event),
                                   "clEnqueueMarkerWithWaitList");
    return CLACT_OK;
}
