/* launch.c: what all launches share: arguments, device copies of host memory, calls without elements. */
#include "opencl.h"

#include "../tensor.h"

void clact_opencl_set(struct clact_opencl_arguments *a, size_t size, const void *value)
{
    if (a->code == CL_SUCCESS)
        a->code = a->ocl->api.clSetKernelArg(a->kernel, a->index++, size, value);
}

void clact_opencl_set_view(struct clact_opencl_arguments *a, const struct clact_view *v, bool strided)
{
    cl_mem mem = v->buffer ? v->buffer->mem : v->mem;
    cl_long first = v->offset;
    clact_opencl_set(a, sizeof mem, &mem);
    clact_opencl_set(a, sizeof first, &first);
    if (strided)
        clact_opencl_set(a, sizeof v->strides, v->strides);
}

void clact_opencl_set_parameters(struct clact_opencl_arguments *a, const clact_activation *activation, bool f64)
{
    for (int i = 0; i < CLACT_MAX_PARAMETERS; i++)
        if (f64)
            clact_opencl_set(a, sizeof(double), &activation->p64[i]);
        else
            clact_opencl_set(a, sizeof(float), &activation->p32[i]);
}

/* ---- Host memory ---------------------------------------------------------------------------- */

bool clact_opencl_has_gaps(const struct clact_view *view, const int64_t *dims)
{
    int64_t first, end, count = (int64_t)clact_type_bytes((clact_type)view->type);
    clact_view_span(dims, CLACT_MAX_RANK, view, &first, &end);
    for (int k = 0; k < CLACT_MAX_RANK; k++)
        count *= dims[k];
    return end - first != count;
}

/* A device copy of the bytes that a view spans, onto which the view is put. from: where the span begins. */
static clact_status stage(struct clact_ocl *ocl, const struct clact_opencl_staged *s, char **from, size_t *bytes)
{
    int64_t first, end;
    cl_int code;
    clact_view_span(s->dims, CLACT_MAX_RANK, s->view, &first, &end);
    *from = (char *)s->view->data + first;
    *bytes = (size_t)(end - first);
    cl_mem_flags flags = s->written ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;
    cl_mem mem = ocl->api.clCreateBuffer(ocl->context, s->read ? flags | CL_MEM_COPY_HOST_PTR : flags, *bytes,
                                         s->read ? *from : NULL, &code);
    TRY(clact_opencl_result(code, "clCreateBuffer"));
    s->view->mem = mem;
    s->view->data = NULL;
    s->view->offset -= first / (int64_t)clact_type_bytes((clact_type)s->view->type);
    return CLACT_OK;
}

#define MOST_STAGED 8

clact_status clact_opencl_on_host_memory(clact_context *context, const struct clact_opencl_staged *staged, int count,
                                         clact_status (*run)(clact_context *, const void *, const clact_enqueue *),
                                         const void *work)
{
    struct clact_ocl *ocl = context->ocl;
    char *from[MOST_STAGED];
    size_t bytes[MOST_STAGED];
    cl_event done = NULL;
    clact_enqueue q = {.queue = ocl->queue, .event = &done};
    clact_status status = CLACT_OK;
    for (int i = 0; i < count && status == CLACT_OK; i++)
        if (staged[i].view)
            status = stage(ocl, &staged[i], &from[i], &bytes[i]);
    if (status == CLACT_OK)
        status = run(context, work, &q);
    for (int i = 0; i < count && status == CLACT_OK; i++)
        if (staged[i].view && staged[i].written)
            status = clact_opencl_result(ocl->api.clEnqueueReadBuffer(ocl->queue, staged[i].view->mem, CL_TRUE, 0,
                                                                      bytes[i], from[i], 1, &done, NULL),
                                         "clEnqueueReadBuffer");
    if (done)
        ocl->api.clReleaseEvent(done);
    for (int i = 0; i < count; i++)
        if (staged[i].view && staged[i].view->mem)
            ocl->api.clReleaseMemObject(staged[i].view->mem);
    return status;
}

clact_status clact_opencl_nothing(clact_context *context, const clact_enqueue *q)
{
    if (!q->event)
        return CLACT_OK;
    return clact_opencl_result(context->ocl->api.clEnqueueMarkerWithWaitList(q->queue, q->num_waits, q->waits, q->event),
                               "clEnqueueMarkerWithWaitList");
}
