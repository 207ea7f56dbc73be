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

void clact_opencl_set_beta(struct clact_opencl_arguments *a, const struct clact_beta *beta, bool f64)
{
    if (f64)
        clact_opencl_set(a, sizeof beta->f64, &beta->f64);
    else
        clact_opencl_set(a, sizeof beta->f32, &beta->f32);
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

#define MOST_STAGED 12

/* The host bytes that a device copy stands for, of one view or of several that overlap. */
struct copy {
    char *first, *end;
    bool read, written;
    cl_mem mem;
};

static struct copy copy_of(const struct clact_opencl_staged *s)
{
    int64_t first, end;
    clact_view_span(s->dims, CLACT_MAX_RANK, s->view, &first, &end);
    return (struct copy){(char *)s->view->data + first, (char *)s->view->data + end, s->read, s->written, NULL};
}

/* The copies for the views, where[i] that of view i: inputs that overlap share one, and so do outputs. Returns
 * how many. */
static int find_copies(const struct clact_opencl_staged *staged, int count, struct copy *copies, int *where)
{
    int made = 0;
    for (int i = 0; i < count; i++) {
        if (!staged[i].view)
            continue;
        struct copy c = copy_of(&staged[i]);
        where[i] = made;
        for (int k = 0; k < made; k++) { /* what overlaps it is taken into it */
            struct copy *old = &copies[k];
            if (!old->first || old->written != c.written || c.end <= old->first || old->end <= c.first)
                continue;
            c.first = c.first < old->first ? c.first : old->first;
            c.end = c.end > old->end ? c.end : old->end;
            c.read |= old->read;
            for (int m = 0; m < i; m++)
                where[m] = where[m] == k ? made : where[m];
            *old = (struct copy){0};
            k = -1; /* the larger one may overlap others */
        }
        copies[made++] = c;
    }
    return made;
}

static clact_status create(const struct clact_ocl *ocl, struct copy *c)
{
    cl_int code;
    cl_mem_flags flags = c->written ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;
    c->mem = ocl->api.clCreateBuffer(ocl->context, c->read ? flags | CL_MEM_COPY_HOST_PTR : flags,
                                     (size_t)(c->end - c->first), c->read ? c->first : NULL, &code);
    c->mem = code == CL_SUCCESS ? c->mem : NULL;
    return clact_opencl_result(code, "clCreateBuffer");
}

static void put_view(struct clact_view *view, const struct copy *c)
{
    view->offset -= (c->first - (char *)view->data) / (int64_t)clact_type_bytes((clact_type)view->type);
    view->mem = c->mem;
    view->data = NULL;
}

clact_status clact_opencl_on_host_memory(clact_context *context, const struct clact_opencl_staged *staged, int count,
                                         clact_status (*run)(clact_context *, const void *, const clact_enqueue *),
                                         const void *work)
{
    struct clact_ocl *ocl = context->ocl;
    struct copy copies[MOST_STAGED];
    int where[MOST_STAGED] = {0}, made = find_copies(staged, count, copies, where);
    cl_event done = NULL;
    clact_enqueue q = {.queue = ocl->queue, .event = &done};
    clact_status status = CLACT_OK;
    for (int k = 0; k < made && status == CLACT_OK; k++)
        if (copies[k].first)
            status = create(ocl, &copies[k]);
    for (int i = 0; i < count && status == CLACT_OK; i++)
        if (staged[i].view)
            put_view(staged[i].view, &copies[where[i]]);
    if (status == CLACT_OK)
        status = run(context, work, &q);
    for (int k = 0; k < made && status == CLACT_OK; k++)
        if (copies[k].first && copies[k].written)
            status = clact_opencl_result(ocl->api.clEnqueueReadBuffer(ocl->queue, copies[k].mem, CL_TRUE, 0,
                                                                      (size_t)(copies[k].end - copies[k].first),
                                                                      copies[k].first, 1, &done, NULL),
                                         "clEnqueueReadBuffer");
    if (done)
        ocl->api.clReleaseEvent(done);
    for (int k = 0; k < made; k++)
        if (copies[k].mem)
            ocl->api.clReleaseMemObject(copies[k].mem);
    return status;
}

clact_status clact_opencl_nothing(clact_context *context, const clact_enqueue *q)
{
    if (!q->event)
        return CLACT_OK;
    return clact_opencl_result(context->ocl->api.clEnqueueMarkerWithWaitList(q->queue, q->num_waits, q->waits, q->event),
                               "clEnqueueMarkerWithWaitList");
}

clact_status clact_opencl_enqueue(const struct clact_ocl *ocl, cl_kernel kernel, uint64_t count, uint32_t per_item,
                                  const clact_enqueue *q)
{
    size_t tile = (size_t)ocl->target.local * per_item, local = ocl->target.local;
    size_t global = (size_t)((count + tile - 1) / tile) * local;
    CL_TRY(clEnqueueNDRangeKernel(q->queue, kernel, 1, NULL, &global, &local, q->num_waits, q->waits, q->event));
    return CLACT_OK;
}

/* ---- Chains --------------------------------------------------------------------------------- */

clact_enqueue clact_opencl_chain_link(struct clact_opencl_chain *c)
{
    clact_enqueue q = c->whole;
    if (c->last) {
        q.waits = &c->last;
        q.num_waits = 1;
    }
    c->next = NULL;
    if (c->left > 1)
        q.event = &c->next;
    return q;
}

void clact_opencl_chain_linked(const struct clact_ocl *ocl, struct clact_opencl_chain *c)
{
    clact_opencl_chain_release(ocl, c);
    c->last = c->next;
    c->next = NULL;
    c->left--;
}

void clact_opencl_chain_release(const struct clact_ocl *ocl, struct clact_opencl_chain *c)
{
    if (c->last)
        ocl->api.clReleaseEvent(c->last);
    c->last = NULL;
}
