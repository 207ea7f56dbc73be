/* host.c: calls on host memory: on the memory itself where the device shares it, else on copies of it. */
#include "opencl.h"

#include "../tensor.h"

#include <string.h>

#define MOST_STAGED 12

bool clact_opencl_has_gaps(const struct clact_view *view, const int64_t *dims)
{
    int64_t first, end, count = (int64_t)clact_type_bytes((clact_type)view->type);
    clact_view_span(dims, CLACT_MAX_RANK, view, &first, &end);
    for (int k = 0; k < CLACT_MAX_RANK; k++)
        count *= dims[k];
    return end - first != count;
}

/* ---- Ranges --------------------------------------------------------------------------------- */

/* Host bytes that one buffer stands for: those of a view, or of several that overlap. */
struct range {
    char *first, *end; /* NULL: it went into another one */
    size_t element;    /* the largest of its views: first is aligned to it */
    bool read, written;
    cl_mem mem;
};

struct ranges {
    bool in_place;
    int made, where[MOST_STAGED]; /* where[i]: the range of view i */
    struct range views[MOST_STAGED], all[MOST_STAGED];
};

static struct range range_of(const struct clact_opencl_staged *s)
{
    int64_t first, end;
    clact_view_span(s->dims, CLACT_MAX_RANK, s->view, &first, &end);
    char *data = s->view->data;
    size_t element = clact_type_bytes((clact_type)s->view->type);
    return (struct range){data + first, data + end, element, s->read, s->written, NULL};
}

/* Two buffers on the same host memory are undefined: in place all that overlaps in a call is one. (What calls in
 * several threads share is only read.) Copies are shared by inputs, and by outputs. */
static bool belong_together(const struct range *a, const struct range *b, bool in_place)
{
    return a->first && a->first < b->end && b->first < a->end && (in_place || a->written == b->written);
}

/* Takes other into r, unless an element would then not lie at a multiple of its size. */
static bool join(struct range *r, const struct range *other)
{
    char *first = r->first < other->first ? r->first : other->first;
    size_t element = r->element > other->element ? r->element : other->element;
    if ((uintptr_t)first % element != 0)
        return false;
    r->end = r->end > other->end ? r->end : other->end;
    r->first = first;
    r->element = element;
    r->read |= other->read;
    r->written |= other->written;
    return true;
}

/* False where the views cannot be used in place. */
static bool find_ranges(const struct clact_opencl_staged *staged, int count, struct ranges *r)
{
    r->made = 0;
    for (int i = 0; i < count; i++) {
        if (!staged[i].view)
            continue;
        struct range c = r->views[i] = range_of(&staged[i]);
        r->where[i] = r->made;
        for (int k = 0; k < r->made; k++) { /* what overlaps it is taken into it */
            if (!belong_together(&r->all[k], &c, r->in_place))
                continue;
            if (!join(&c, &r->all[k])) { /* two inputs may be copied apart */
                if (r->in_place)
                    return false;
                continue;
            }
            for (int m = 0; m < i; m++)
                r->where[m] = r->where[m] == k ? r->made : r->where[m];
            r->all[k] = (struct range){0};
            k = -1; /* the larger one may overlap others */
        }
        r->all[r->made++] = c;
    }
    return true;
}

static void release(const struct clact_ocl *ocl, struct ranges *r)
{
    for (int k = 0; k < r->made; k++)
        if (r->all[k].mem)
            ocl->api.clReleaseMemObject(r->all[k].mem);
}

static cl_int create(const struct clact_ocl *ocl, struct ranges *r)
{
    cl_int code = CL_SUCCESS;
    for (int k = 0; k < r->made && code == CL_SUCCESS; k++) {
        struct range *c = &r->all[k];
        if (!c->first)
            continue;
        cl_mem_flags flags = c->written ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;
        flags |= r->in_place ? CL_MEM_USE_HOST_PTR : c->read ? CL_MEM_COPY_HOST_PTR : 0;
        cl_mem mem = ocl->api.clCreateBuffer(ocl->context, flags, (size_t)(c->end - c->first),
                                             r->in_place || c->read ? c->first : NULL, &code);
        c->mem = code == CL_SUCCESS ? mem : NULL;
    }
    if (code != CL_SUCCESS)
        release(ocl, r);
    return code;
}

/* A driver may refuse to share memory, such as pages that cannot be written: then it gets a copy. */
static bool make_in_place(const struct clact_ocl *ocl, const struct clact_opencl_staged *staged, int count,
                          struct ranges *r)
{
    *r = (struct ranges){.in_place = true};
    return ocl->device.info.unified_memory && !atomic_load(&ocl->maps_elsewhere) && find_ranges(staged, count, r) &&
           create(ocl, r) == CL_SUCCESS;
}

static clact_status make_copies(const struct clact_ocl *ocl, const struct clact_opencl_staged *staged, int count,
                                struct ranges *r)
{
    *r = (struct ranges){.in_place = false};
    find_ranges(staged, count, r);
    return clact_opencl_result(create(ocl, r), "clCreateBuffer");
}

/* ---- Results -------------------------------------------------------------------------------- */

static clact_status read_copies(const struct clact_ocl *ocl, const struct ranges *r)
{
    for (int k = 0; k < r->made; k++) {
        const struct range *c = &r->all[k];
        size_t bytes = (size_t)(c->end - c->first);
        if (c->first && c->written)
            CL_TRY(clEnqueueReadBuffer(ocl->queue, c->mem, CL_TRUE, 0, bytes, c->first, 0, NULL, NULL));
    }
    return CLACT_OK;
}

/* Maps an output, which gives the host what the device wrote there, and unmaps it; *done is an event for that. By
 * the standard it is mapped where it lies. The map blocks: rusticl refuses to unmap before it is done. */
static clact_status show(struct clact_ocl *ocl, const struct range *output, const struct range *in, cl_event *done)
{
    cl_int code;
    size_t bytes = (size_t)(output->end - output->first);
    void *mapped = ocl->api.clEnqueueMapBuffer(ocl->queue, in->mem, CL_TRUE, CL_MAP_READ,
                                               (size_t)(output->first - in->first), bytes, 0, NULL, NULL, &code);
    TRY(clact_opencl_result(code, "clEnqueueMapBuffer"));
    if (mapped != output->first) {
        memcpy(output->first, mapped, bytes);
        atomic_store(&ocl->maps_elsewhere, true);
    }
    CL_TRY(clEnqueueUnmapMemObject(ocl->queue, in->mem, mapped, 0, NULL, done));
    return CLACT_OK;
}

/* The queue is in order: the last unmapping is the end of all. */
static clact_status show_outputs(struct clact_ocl *ocl, const struct ranges *r, int count)
{
    cl_event done = NULL;
    clact_status status = CLACT_OK;
    for (int i = 0; i < count && status == CLACT_OK; i++) {
        if (!r->views[i].written)
            continue;
        if (done)
            ocl->api.clReleaseEvent(done);
        done = NULL;
        status = show(ocl, &r->views[i], &r->all[r->where[i]], &done);
    }
    if (status == CLACT_OK && done)
        status = clact_opencl_result(ocl->api.clWaitForEvents(1, &done), "clWaitForEvents");
    if (done)
        ocl->api.clReleaseEvent(done);
    return status;
}

static void put_view(struct clact_view *view, const struct range *r)
{
    view->offset -= (r->first - (char *)view->data) / (int64_t)clact_type_bytes((clact_type)view->type);
    view->mem = r->mem;
    view->data = NULL;
}

clact_status clact_opencl_on_host_memory(clact_context *context, const struct clact_opencl_staged *staged, int count,
                                         clact_status (*run)(clact_context *, const void *, const clact_enqueue *),
                                         const void *work)
{
    struct clact_ocl *ocl = context->ocl;
    struct ranges r;
    if (!make_in_place(ocl, staged, count, &r))
        TRY(make_copies(ocl, staged, count, &r));
    for (int i = 0; i < count; i++)
        if (staged[i].view)
            put_view(staged[i].view, &r.all[r.where[i]]);
    cl_event kernels = NULL;
    clact_status status = run(context, work, &(clact_enqueue){.queue = ocl->queue, .event = &kernels});
    if (status == CLACT_OK)
        status = r.in_place ? show_outputs(ocl, &r, count) : read_copies(ocl, &r);
    if (status == CLACT_OK)
        status = clact_opencl_ended(ocl, kernels);
    if (kernels)
        ocl->api.clReleaseEvent(kernels);
    if (status != CLACT_OK && r.in_place) /* nothing may still be at work on the caller's memory */
        ocl->api.clFinish(ocl->queue);
    release(ocl, &r);
    return status;
}
