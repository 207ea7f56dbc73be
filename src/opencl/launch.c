/* launch.c: what all launches share: arguments, queues, calls without elements. */
#include "opencl.h"

void clact_opencl_set(struct clact_opencl_arguments *a, size_t size, const void *value)
{
    if (a->code == CL_SUCCESS)
        a->code = a->ocl->api.clSetKernelArg(a->kernel, a->index++, size, value);
}

void clact_opencl_set_mem(struct clact_opencl_arguments *a, const struct clact_view *v)
{
    cl_mem mem = v->buffer ? v->buffer->mem : v->mem;
    clact_opencl_set(a, sizeof mem, &mem);
}

void clact_opencl_set_view(struct clact_opencl_arguments *a, const struct clact_view *v, bool strided)
{
    cl_long first = v->offset;
    clact_opencl_set_mem(a, v);
    clact_opencl_set(a, sizeof first, &first);
    if (strided)
        clact_opencl_set(a, sizeof v->strides, v->strides);
}

void clact_opencl_set_beta(struct clact_opencl_arguments *a, const struct clact_beta *beta, bool f64)
{
    if (f64)
        clact_opencl_set(a, sizeof beta->f64, &beta->f64);
    else
        clact_opencl_set(a, sizeof beta->f32, &beta->f32);
}

void clact_opencl_set_parameters(struct clact_opencl_arguments *a, const clact_activation *activation, bool f64)
{
    _Static_assert(CLACT_MAX_PARAMETERS == 8, "as PARAMETERS of walk.cl");
    if (f64)
        clact_opencl_set(a, sizeof activation->p64, activation->p64);
    else
        clact_opencl_set(a, sizeof activation->p32, activation->p32);
}

/* ---- Queues --------------------------------------------------------------------------------- */

clact_status clact_opencl_check_queue(const struct clact_ocl *ocl, cl_command_queue queue)
{
    cl_context context;
    cl_device_id device;
    CL_TRY(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL));
    CL_TRY(clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL));
    REQUIRE(context == ocl->context && device == ocl->device.id, CLACT_E_ARGUMENT,
            "the queue belongs to another context or device");
    return CLACT_OK;
}

clact_status clact_opencl_triple(const clact_context *context, const clact_enqueue *given, clact_enqueue *q)
{
    const struct clact_ocl *ocl = context->ocl;
    *q = given ? *given : (clact_enqueue){0};
    if (!q->queue)
        q->queue = ocl->queue;
    return q->queue == ocl->queue ? CLACT_OK : clact_opencl_check_queue(ocl, q->queue);
}

clact_status clact_opencl_nothing(clact_context *context, const clact_enqueue *q)
{
    if (!q->event)
        return CLACT_OK;
    return clact_opencl_result(context->ocl->api.clEnqueueMarkerWithWaitList(q->queue, q->num_waits, q->waits, q->event),
                               "clEnqueueMarkerWithWaitList");
}

clact_status clact_opencl_barrier(clact_context *context, const clact_enqueue *enqueue, clact_enqueue *q)
{
    struct clact_ocl *ocl = context->ocl;
    TRY(clact_opencl_same_process(context));
    TRY(clact_opencl_triple(context, enqueue, q));
    if (q->num_waits)
        CL_TRY(clEnqueueBarrierWithWaitList(q->queue, q->num_waits, q->waits, NULL));
    return CLACT_OK;
}

clact_status clact_opencl_enqueue(const struct clact_ocl *ocl, cl_kernel kernel, uint64_t count, uint32_t per_item,
                                  const clact_enqueue *q)
{
    size_t tile = (size_t)ocl->target.local * per_item, local = ocl->target.local;
    size_t global = ocl->target.task ? 1 : (size_t)((count + tile - 1) / tile) * local;
    CL_TRY(clEnqueueNDRangeKernel(q->queue, kernel, 1, NULL, &global, &local, q->num_waits, q->waits, q->event));
    return CLACT_OK;
}

clact_status clact_opencl_ended(const struct clact_ocl *ocl, cl_event kernels)
{
    cl_int status = CL_COMPLETE;
    CL_TRY(clGetEventInfo(kernels, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL));
    return clact_opencl_result(status < 0 ? status : CL_SUCCESS, "a kernel");
}
