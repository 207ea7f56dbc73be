/* backend.c: the OpenCL backend: opened on a device that is chosen or given, described, closed; buffers. */
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One byte that the kernel clears for a forked child; NULL where it cannot. To ask for the process's number is a system
 * call, of which a call on a device would make four. */
static char *mark_process(void)
{
#ifdef MADV_WIPEONFORK
    char *mark = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mark == MAP_FAILED)
        return NULL;
    if (madvise(mark, 1, MADV_WIPEONFORK) == 0) {
        *mark = 1;
        return mark;
    }
    munmap(mark, 1);
#endif
    return NULL;
}

clact_status clact_opencl_same_process(const clact_context *context)
{
    const volatile char *mark = context->ocl->mark;
    REQUIRE(mark ? *mark : context->pid == getpid(), CLACT_E_FORKED,
            "the context was opened before fork(): its device is not in this process");
    return CLACT_OK;
}

/* ---- Choice --------------------------------------------------------------------------------- */

/* What can be used comes before what cannot; then a GPU, an accelerator, a CPU; the first of a kind wins. */
static int rank(const struct clact_opencl_device *d)
{
    int kind = d->info.kind == CLACT_DEVICE_GPU ? 3 : d->info.kind == CLACT_DEVICE_ACCELERATOR ? 2 : 1;
    return d->usable ? 3 + kind : kind;
}

static bool contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static bool matches(const struct clact_opencl_device *d, const char *which)
{
    char number[32];
    if (strcmp(which, "auto") == 0 || strcmp(which, "opencl") == 0)
        return true;
    if (strcmp(which, "gpu") == 0)
        return d->info.kind == CLACT_DEVICE_GPU;
    if (strcmp(which, "accelerator") == 0)
        return d->info.kind == CLACT_DEVICE_ACCELERATOR;
    snprintf(number, sizeof number, "%u:%u", (unsigned)d->info.platform_index, (unsigned)d->info.device_index);
    if (which[strspn(which, "0123456789:")] == 0 && strchr(which, ':'))
        return strcmp(which, number) == 0;
    return contains(d->info.device, which) || contains(d->info.platform, which);
}

static const struct clact_opencl_device *choose(const struct clact_opencl_device *list, size_t count, const char *which)
{
    const struct clact_opencl_device *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (matches(&list[i], which) && (!best || rank(&list[i]) > rank(best)))
            best = &list[i];
    return best;
}

/* ---- Opening -------------------------------------------------------------------------------- */

static uint32_t power_of_two_below(size_t limit, uint32_t most)
{
    uint32_t n = most;
    while (n > limit && n > 1)
        n /= 2;
    return n;
}

static clact_status make_queue(struct clact_ocl *ocl)
{
    cl_int code;
    ocl->queue = ocl->api.clCreateCommandQueue(ocl->context, ocl->device.id, 0, &code);
    return clact_opencl_result(code, "clCreateCommandQueue");
}

static struct clact_ocl *new_state(void)
{
    struct clact_ocl *ocl = calloc(1, sizeof *ocl);
    if (ocl) {
        pthread_mutex_init(&ocl->lock, NULL);
        pthread_mutex_init(&ocl->probing, NULL);
        pthread_cond_init(&ocl->ready, NULL);
        ocl->mark = mark_process();
    }
    return ocl;
}

#define MOST_VECTOR 16

static uint32_t vector_of(const struct clact_opencl_device *d, bool task)
{
    return !task && d->info.kind == CLACT_DEVICE_CPU && d->vector > 1 ? power_of_two_below(d->vector, MOST_VECTOR) : 0;
}

/* Calls on host pointers go where the memory is: on a CPU that is the CPU backend. */
static clact_status attach(clact_context *context, struct clact_ocl *ocl, bool kernels_for_host)
{
    const char *form = clact_environment("CLACT_KERNEL_FORM");
    bool task = form && strcmp(form, "task") == 0;
    REQUIRE(!form || task || strcmp(form, "ndrange") == 0, CLACT_E_NAME, "CLACT_KERNEL_FORM is ndrange or task, not '%s'",
            form);
    ocl->target = (struct clact_opencl_target){
        .local = task ? 1 : power_of_two_below(ocl->device.max_local, 256),
        /* CPUs vectorise over work-items, not along one; those that prefer vectors do it better where a loop asks */
        .per_item = task || ocl->device.info.kind == CLACT_DEVICE_CPU ? 1 : 4,
        .vector = vector_of(&ocl->device, task),
        .rounds_to_nearest = ocl->device.single_config & CL_FP_ROUND_TO_NEAREST,
        .divides = ocl->device.single_config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT,
        .task = task,
    };
    context->ocl = ocl;
    context->device = &clact_ocl_functions;
    if (kernels_for_host || ocl->device.info.kind != CLACT_DEVICE_CPU)
        context->host = &clact_ocl_functions;
    return CLACT_OK;
}

static void release(struct clact_ocl *ocl)
{
    clact_opencl_programs_release(ocl);
    clact_opencl_cache_release(ocl);
    clact_opencl_pack_close(ocl->pack, &ocl->api);
    if (ocl->queue)
        ocl->api.clReleaseCommandQueue(ocl->queue);
    if (ocl->context)
        ocl->api.clReleaseContext(ocl->context);
    pthread_mutex_destroy(&ocl->lock);
    pthread_mutex_destroy(&ocl->probing);
    pthread_cond_destroy(&ocl->ready);
    if (ocl->mark)
        munmap(ocl->mark, 1);
    free(ocl);
}

/* With a pack, devices that it has a part for can be used, and no others. */
static void use_packed(const struct clact_ocl *ocl, struct clact_opencl_device *list, size_t count)
{
    char identity[CLACT_OPENCL_IDENTITY];
    for (size_t i = 0; ocl->pack && i < count; i++) {
        clact_opencl_identity(&ocl->api, &list[i], identity);
        list[i].usable = list[i].available && clact_opencl_pack_fits(ocl->pack, identity);
    }
}

/* Where the programs of the device that is now known come from. */
static clact_status find_programs(clact_context *context, struct clact_ocl *ocl, const clact_options *options)
{
    clact_opencl_identity(&ocl->api, &ocl->device, ocl->identity);
    ocl->runs_elsewhere = options->pack_or_cpu;
    if (ocl->pack)
        return clact_opencl_pack_use(ocl->pack, ocl->identity, ocl->device.info.device);
    return clact_opencl_cache_open(context, ocl, options);
}

static clact_status open_chosen(clact_context *context, struct clact_ocl *ocl, const char *which,
                                const clact_options *options)
{
    struct clact_opencl_device *list;
    size_t count;
    char reason[256] = "";
    TRY(clact_opencl_pack_open(&ocl->pack, options->pack));
    TRY(clact_opencl_devices(&ocl->api, &list, &count, reason));
    use_packed(ocl, list, count);
    const struct clact_opencl_device *best = choose(list, count, which);
    if (best)
        ocl->device = *best;
    free(list);
    if (!best) {
        if (strcmp(which, "auto") == 0) {
            snprintf(context->reason, sizeof context->reason, "%.240s", reason);
            return CLACT_OK;
        }
        return clact_fail(CLACT_E_NO_DEVICE, "there is no OpenCL device '%s'%s%s", which, *reason ? ": " : "", reason);
    }
    TRY(find_programs(context, ocl, options));
    cl_int code;
    ocl->context = ocl->api.clCreateContext(NULL, 1, &ocl->device.id, NULL, NULL, &code);
    TRY(clact_opencl_result(code, "clCreateContext"));
    TRY(make_queue(ocl));
    TRY(attach(context, ocl, strcmp(which, "opencl") == 0));
    snprintf(context->reason, sizeof context->reason, "%s is the %s OpenCL device%s", ocl->device.info.device,
             strcmp(which, "auto") == 0 ? "best" : "chosen",
             context->host == &clact_ocl_functions ? "" : "; calls on host pointers run on the CPU backend");
    return CLACT_OK;
}

clact_status clact_ocl_open(clact_context *context, const clact_options *options, const char *which)
{
    char reason[256];
    struct clact_ocl *ocl = new_state();
    REQUIRE(ocl, CLACT_E_MEMORY, "out of memory");
    clact_status status;
    if (clact_opencl_load(&ocl->api, options->opencl_library, reason)) {
        status = open_chosen(context, ocl, which, options);
    } else if (strcmp(which, "auto") == 0) {
        snprintf(context->reason, sizeof context->reason, "%s", reason);
        status = CLACT_OK;
    } else {
        status = clact_fail(CLACT_E_NO_DEVICE, "there is no OpenCL device '%s': %s", which, reason);
    }
    if (!context->ocl)
        release(ocl);
    return status;
}

/* The caller's queue serves the context's own calls only if it keeps their order. */
static clact_status adopt_queue(struct clact_ocl *ocl, cl_command_queue queue)
{
    cl_command_queue_properties properties;
    if (!queue)
        return make_queue(ocl);
    TRY(clact_opencl_check_queue(ocl, queue));
    CL_TRY(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
    if (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
        return make_queue(ocl);
    CL_TRY(clRetainCommandQueue(queue));
    ocl->queue = queue;
    return CLACT_OK;
}

static clact_status open_given(clact_context *context, struct clact_ocl *ocl, cl_context handle, cl_device_id device,
                               cl_command_queue queue, const clact_options *options)
{
    ocl->device.id = device;
    TRY(clact_opencl_describe(&ocl->api, &ocl->device));
    TRY(clact_opencl_pack_open(&ocl->pack, options->pack));
    TRY(find_programs(context, ocl, options));
    CL_TRY(clRetainContext(handle));
    ocl->context = handle;
    TRY(adopt_queue(ocl, queue));
    snprintf(context->reason, sizeof context->reason, "%s was given by the caller", ocl->device.info.device);
    return attach(context, ocl, false);
}

clact_status clact_ocl_open_handles(clact_context *context, struct _cl_context *handle, struct _cl_device_id *device,
                                    struct _cl_command_queue *queue, const clact_options *options)
{
    char reason[256];
    struct clact_ocl *ocl = new_state();
    REQUIRE(ocl, CLACT_E_MEMORY, "out of memory");
    clact_status status = clact_opencl_load(&ocl->api, options->opencl_library, reason)
                              ? open_given(context, ocl, handle, device, queue, options)
                              : clact_fail(CLACT_E_NO_DEVICE, "%s", reason);
    if (!context->ocl)
        release(ocl);
    return status;
}

#define CLOSING_SECONDS 1 /* to store programs: what is left is built, and stored, another time */

static void ocl_close(clact_context *context)
{
    struct clact_ocl *ocl = context->ocl;
    if (context->pid != getpid()) /* a forked child has no driver to release anything to */
        return;
    ocl->api.clFinish(ocl->queue);
    clact_opencl_cache_save(context, CLOSING_SECONDS);
    context->ocl = NULL;
    release(ocl);
}

/* ---- Description ---------------------------------------------------------------------------- */

clact_status clact_ocl_list(clact_device_info *out, size_t capacity, size_t *count, const clact_options *options,
                            char *reason)
{
    struct clact_opencl_api api;
    struct clact_opencl_device *list;
    *count = 0;
    if (!clact_opencl_load(&api, options->opencl_library, reason))
        return CLACT_OK;
    TRY(clact_opencl_devices(&api, &list, count, reason));
    for (size_t i = 0; i < *count && i < capacity; i++)
        out[i] = list[i].info;
    free(list);
    return CLACT_OK;
}

#define ALL_TYPES UINT32_MAX

static clact_status ocl_caps(clact_context *context, clact_caps *caps)
{
    struct clact_ocl *ocl = context->ocl;
    const clact_device_info *d = &ocl->device.info;
    uint32_t types = ocl->pack ? clact_opencl_pack_types(ocl->pack) : d->compiler ? ALL_TYPES : 0;
    TRY(clact_opencl_same_process(context));
    caps->exact = CLACT_EXACT_UNKNOWN;
    caps->rounds_to_nearest = caps->keeps_subnormals = 0;
    if (types) {
        TRY(clact_opencl_probe(context));
        caps->exact = ocl->exact;
        caps->keeps_subnormals = ocl->keeps_subnormals;
        caps->rounds_to_nearest = ocl->rounds_to_nearest;
    }
    caps->backend = CLACT_BACKEND_OPENCL;
    caps->kind = d->kind;
    caps->types &= types & ~((uint32_t)!d->fp64 << CLACT_F64); /* of those of the CPU backend */
    caps->compiler = d->compiler;
    caps->unified_memory = d->unified_memory;
    caps->compute_units = d->compute_units;
    caps->platform_index = d->platform_index;
    caps->device_index = d->device_index;
    memcpy(caps->device, d->device, sizeof caps->device);
    memcpy(caps->platform, d->platform, sizeof caps->platform);
    memcpy(caps->driver, d->driver, sizeof caps->driver);
    size_t length = strlen(caps->reason);
    snprintf(caps->reason + length, sizeof caps->reason - length, "%s%s%s",
             types ? ocl->verdict : "; it has no compiler, so its kernels cannot be built",
             ocl->pack ? "; its kernels are those of the pack " : "", ocl->pack ? clact_opencl_pack_path(ocl->pack) : "");
    return CLACT_OK;
}

struct _cl_context *clact_opencl_context(const clact_context *context)
{
    return context && context->ocl ? context->ocl->context : NULL;
}

struct _cl_device_id *clact_opencl_device(const clact_context *context)
{
    return context && context->ocl ? context->ocl->device.id : NULL;
}

struct _cl_command_queue *clact_opencl_queue(const clact_context *context)
{
    return context && context->ocl ? context->ocl->queue : NULL;
}

/* ---- Buffers -------------------------------------------------------------------------------- */

static clact_status mem_info(clact_context *context, struct _cl_mem *mem, const void **root, size_t *first,
                             size_t *bytes)
{
    struct clact_ocl *ocl = context->ocl;
    cl_mem parent = NULL;
    cl_context owner;
    TRY(clact_opencl_same_process(context));
    *first = 0;
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_CONTEXT, sizeof owner, &owner, NULL));
    REQUIRE(owner == ocl->context, CLACT_E_ARGUMENT, "a cl_mem belongs to another cl_context than the context's");
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof *bytes, bytes, NULL));
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL));
    if (parent)
        CL_TRY(clGetMemObjectInfo(mem, CL_MEM_OFFSET, sizeof *first, first, NULL));
    *root = parent ? parent : mem;
    return CLACT_OK;
}

/* Makes the memory, or retains the caller's. */
static clact_status buffer_create(clact_buffer *buffer)
{
    struct clact_ocl *ocl = buffer->context->ocl;
    TRY(clact_opencl_same_process(buffer->context));
    if (buffer->mem) {
        CL_TRY(clRetainMemObject(buffer->mem));
        return CLACT_OK;
    }
    cl_int code;
    cl_mem_flags flags = CL_MEM_READ_WRITE | (ocl->device.info.unified_memory ? CL_MEM_ALLOC_HOST_PTR : 0);
    buffer->mem = ocl->api.clCreateBuffer(ocl->context, flags, buffer->bytes ? buffer->bytes : 1, NULL, &code);
    return clact_opencl_result(code, "clCreateBuffer");
}

static void buffer_destroy(clact_buffer *buffer)
{
    if (buffer->context->pid == getpid())
        buffer->context->ocl->api.clReleaseMemObject(buffer->mem);
}

static clact_status buffer_write(clact_buffer *buffer, size_t offset, size_t bytes, const void *from)
{
    struct clact_ocl *ocl = buffer->context->ocl;
    TRY(clact_opencl_same_process(buffer->context));
    CL_TRY(clEnqueueWriteBuffer(ocl->queue, buffer->mem, CL_TRUE, offset, bytes, from, 0, NULL, NULL));
    return CLACT_OK;
}

static clact_status buffer_read(const clact_buffer *buffer, size_t offset, size_t bytes, void *to)
{
    struct clact_ocl *ocl = buffer->context->ocl;
    TRY(clact_opencl_same_process(buffer->context));
    CL_TRY(clEnqueueReadBuffer(ocl->queue, buffer->mem, CL_TRUE, offset, bytes, to, 0, NULL, NULL));
    return CLACT_OK;
}

static clact_status buffer_map(void **out, clact_buffer *buffer, size_t offset, size_t bytes, uint32_t access)
{
    static const cl_map_flags flags[] = {
        [CLACT_MAP_READ] = CL_MAP_READ,
        [CLACT_MAP_WRITE] = CL_MAP_WRITE_INVALIDATE_REGION,
        [CLACT_MAP_READ | CLACT_MAP_WRITE] = CL_MAP_READ | CL_MAP_WRITE,
    };
    struct clact_ocl *ocl = buffer->context->ocl;
    cl_int code;
    TRY(clact_opencl_same_process(buffer->context));
    void *mapped = ocl->api.clEnqueueMapBuffer(ocl->queue, buffer->mem, CL_TRUE, flags[access], offset, bytes, 0, NULL,
                                               NULL, &code);
    TRY(clact_opencl_result(code, "clEnqueueMapBuffer"));
    *out = mapped;
    return CLACT_OK;
}

static clact_status buffer_unmap(clact_buffer *buffer, void *mapped)
{
    struct clact_ocl *ocl = buffer->context->ocl;
    TRY(clact_opencl_same_process(buffer->context));
    CL_TRY(clEnqueueUnmapMemObject(ocl->queue, buffer->mem, mapped, 0, NULL, NULL));
    return CLACT_OK;
}

static clact_status finish(clact_context *context)
{
    struct clact_ocl *ocl = context->ocl;
    TRY(clact_opencl_same_process(context));
    CL_TRY(clFinish(ocl->queue));
    return CLACT_OK;
}

static bool is_host(const clact_context *context)
{
    return context->ocl->device.info.kind == CLACT_DEVICE_CPU && context->ocl->device.info.unified_memory;
}

static bool has_arithmetic(const clact_context *context, uint32_t type)
{
    struct clact_ocl *ocl = context->ocl;
    char *names;
    size_t size = 0;
    if (type != CLACT_F16)
        return type == CLACT_F32 || (type == CLACT_F64 && ocl->device.info.fp64);
    if (ocl->api.clGetDeviceInfo(ocl->device.id, CL_DEVICE_EXTENSIONS, 0, NULL, &size) != CL_SUCCESS ||
        !(names = calloc(size + 1, 1)))
        return false;
    bool has = ocl->api.clGetDeviceInfo(ocl->device.id, CL_DEVICE_EXTENSIONS, size, names, NULL) == CL_SUCCESS &&
               strstr(names, "cl_khr_fp16");
    free(names);
    return has;
}

static void event_release(clact_context *context, struct _cl_event *event)
{
    context->ocl->api.clReleaseEvent(event);
}

const struct clact_backend_functions clact_ocl_functions = {
    .caps = ocl_caps,
    .elementwise = clact_ocl_elementwise,
    .rowwise = clact_ocl_rowwise,
    .map = clact_ocl_map,
    .table = clact_ocl_table,
    .matmul = clact_ocl_matmul,
    .dense = clact_ocl_dense,
    .arrays = clact_ocl_arrays,
    .buffer_create = buffer_create,
    .buffer_destroy = buffer_destroy,
    .buffer_write = buffer_write,
    .buffer_read = buffer_read,
    .buffer_map = buffer_map,
    .buffer_unmap = buffer_unmap,
    .finish = finish,
    .close = ocl_close,
    .is_host = is_host,
    .has_arithmetic = has_arithmetic,
    .on_host = clact_opencl_on_host,
    .barrier = clact_opencl_barrier,
    .event_release = event_release,
    .mem_info = mem_info,
};
