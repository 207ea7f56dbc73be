/* layer.c: an OpenCL layer for tests: it refuses calls, hides what a device has, and counts live objects.
 *
 * The loader (ocl-icd 2.3, Khronos) takes it from OPENCL_LAYERS=/abs/path/layer.so. Environment:
 *   CLFAULT=NAME:N:CODE  the Nth call (from 1) of that entry point fails with CODE (-32768..-1), and the driver is not
 *                        called: a call that returns an object returns NULL and sets *errcode_ret. NAME `*`: the Nth
 *                        of all fallible calls; clRetain* and clRelease* are not among them, but can be named.
 *   CLFAULT_STICKY=1     every matching call from the Nth on fails
 *   CLFAULT_DRAIN=1      a refused clFinish or clWaitForEvents first waits in the driver. Without it, commands may
 *                        still write to host memory that the test frees on seeing the error; with it, a wait
 *                        for a user event that nobody sets hangs.
 *   CLFAULT_REPORT=1     calls and live objects to stderr at exit
 *   CLHIDE=WORD,...      compiler  no compiler: building or compiling a source program gives -3
 *                        build     there is a compiler, and every clBuildProgram gives -11 with a log; no callback
 *                        fp64      no double precision
 *                        gpu       every device is a GPU
 *                        crds      no correctly rounded division and square root; building with the option fails
 *                        unified   host memory is not unified
 *                        place     buffers on the program's memory are copies of it, and mapped where those lie
 *                        subnormals  f32 subnormals: programs are built with -cl-denorms-are-zero
 *   CLCANARY=1           every buffer lies between canaries (canary.h); a program that ends with one damaged ends with 1
 * A malformed CLFAULT or CLHIDE aborts with a sentence: a test with a misspelt fault would pass. layer.h does the same
 * at run time.
 *
 * Live objects are references: creates + retains - successful releases; an event asked for is a create. Objects from
 * the GL, EGL and Direct3D entry points are not seen at creation, so a program that makes them counts too few. */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_0_APIS
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_USE_DEPRECATED_OPENCL_2_0_APIS
#define CL_USE_DEPRECATED_OPENCL_2_1_APIS
#define CL_USE_DEPRECATED_OPENCL_2_2_APIS
#include <CL/cl_layer.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "canary.h"
#include "hide.h"
#include "layer.h"
#include "terminate.h"

#define LAYER_NAME "clact test layer"
#define EXPORT __attribute__((visibility("default")))

enum entry {
    ENTRY_NONE, /* zero: no fault is set */
    ENTRY_ANY,
#define ENTRY(name) ENTRY_##name,
#include "entries.def"
    ENTRY_COUNT
};

static const char *const entry_names[ENTRY_COUNT] = {
    [ENTRY_ANY] = "*",
#define ENTRY(name) [ENTRY_##name] = #name,
#include "entries.def"
};

enum kind { CONTEXT, QUEUE, MEM, PROGRAM, KERNEL, EVENT, SAMPLER, SUBDEVICE, SVM, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {
    "context", "queue", "mem", "program", "kernel", "event", "sampler", "sub-device", "svm",
};

/* One word, so that a call never sees half of a change. */
struct fault {
    uint8_t entry;
    bool sticky;
    int16_t code;
    uint32_t nth;
};
_Static_assert(sizeof(struct fault) == 8, "an atomic fault must need no lock");
_Static_assert(ENTRY_COUNT <= UINT8_MAX, "an entry must fit its field");

static cl_icd_dispatch driver; /* what lies below; slots that the loader lacks are NULL */
static cl_icd_dispatch layer;  /* what the loader calls */

static _Atomic(struct fault) fault_now;
static _Atomic(const char *) fault_last;
static atomic_ulong num_calls;   /* fallible calls */
static atomic_ulong num_matches; /* calls that the fault names */
static atomic_long live[KIND_COUNT];
static atomic_uint hidden;
static atomic_bool drain, canaries;

/* Relaxed everywhere: an ordering made here would hide a data race of the program from ThreadSanitizer. */
#define LOAD(object) atomic_load_explicit(&(object), memory_order_relaxed)
#define STORE(object, value) atomic_store_explicit(&(object), (value), memory_order_relaxed)
#define ADD(object, value) atomic_fetch_add_explicit(&(object), (value), memory_order_relaxed)

/* Whether the program waits for commands by this call. */
static bool is_wait(enum entry entry)
{
    return entry == ENTRY_clFinish || entry == ENTRY_clFlush || entry == ENTRY_clWaitForEvents ||
           entry == ENTRY_clEnqueueReadBuffer || entry == ENTRY_clEnqueueMapBuffer;
}

/* The code with which this call is to fail, or 0. */
static cl_int refuse_if(enum entry entry, bool counted)
{
    if (is_wait(entry))
        terminate_pending(&driver);
    if (counted)
        ADD(num_calls, 1);
    struct fault fault = LOAD(fault_now);
    if (fault.entry != entry && !(fault.entry == ENTRY_ANY && counted))
        return CL_SUCCESS;
    unsigned long n = ADD(num_matches, 1) + 1;
    if (n < fault.nth || (n > fault.nth && !fault.sticky))
        return CL_SUCCESS;
    STORE(fault_last, entry_names[entry]);
    return fault.code;
}

static cl_int refuse(enum entry entry)
{
    return refuse_if(entry, true);
}

/* For retain and release, whose failure no program can recover from. */
static cl_int refuse_named(enum entry entry)
{
    return refuse_if(entry, false);
}

static void add_live(enum kind kind, long change)
{
    ADD(live[kind], change);
}

static void count_event(cl_int status, const cl_event *event)
{
    if (status == CL_SUCCESS && event)
        add_live(EVENT, 1);
}

static bool hides(enum hide bit)
{
    return LOAD(hidden) & bit;
}

static cl_int answer(const void *from, size_t from_size, size_t size, void *value, size_t *size_ret)
{
    if (value && size < from_size)
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, from, from_size);
    if (size_ret)
        *size_ret = from_size;
    return CL_SUCCESS;
}

#define LIST(...) __VA_ARGS__
#define WAITS_PARAMS cl_uint num_waits, const cl_event *waits, cl_event *event
#define WAITS num_waits, waits, event

#define STATUS(name, params, args)                 \
    static cl_int CL_API_CALL layer_##name params  \
    {                                              \
        cl_int status = refuse(ENTRY_##name);      \
        return status ? status : driver.name args; \
    }
#define QUERY(name, params, args)                                                               \
    static cl_int CL_API_CALL layer_##name(LIST params, cl_uint what, size_t size, void *value, \
                                           size_t *size_ret)                                    \
    {                                                                                           \
        cl_int status = refuse(ENTRY_##name);                                                   \
        return status ? status : driver.name(LIST args, what, size, value, size_ret);           \
    }
#define WAIT(name, params, args)                  \
    static cl_int CL_API_CALL layer_##name params \
    {                                             \
        cl_int refused = refuse(ENTRY_##name);    \
        if (refused && !LOAD(drain))              \
            return refused;                       \
        cl_int status = driver.name args;         \
        return refused ? refused : status;        \
    }
#define ENQUEUE(name, params, args)                                   \
    static cl_int CL_API_CALL layer_##name(LIST params, WAITS_PARAMS) \
    {                                                                 \
        cl_int status = refuse(ENTRY_##name);                         \
        if (!status) {                                                \
            status = driver.name(LIST args, WAITS);                   \
            count_event(status, event);                               \
        }                                                             \
        return status;                                                \
    }
#define MAP(name, params, args)                                                           \
    static void *CL_API_CALL layer_##name(LIST params, WAITS_PARAMS, cl_int *errcode_ret) \
    {                                                                                     \
        cl_int status = refuse(ENTRY_##name);                                             \
        void *mapped = NULL;                                                              \
        if (!status) {                                                                    \
            mapped = driver.name(LIST args, WAITS, &status);                              \
            count_event(status, event);                                                   \
        }                                                                                 \
        if (errcode_ret)                                                                  \
            *errcode_ret = status;                                                        \
        return mapped;                                                                    \
    }
/* Counted by the handle, not by the status: clLinkProgram may return a program and an error. */
#define OBJECT(type, kind, name, params, args)                             \
    static type CL_API_CALL layer_##name(LIST params, cl_int *errcode_ret) \
    {                                                                      \
        cl_int status = refuse(ENTRY_##name);                              \
        type object = status ? NULL : driver.name(LIST args, &status);     \
        add_live(kind, object != NULL);                                    \
        if (errcode_ret)                                                   \
            *errcode_ret = status;                                         \
        return object;                                                     \
    }
#define COUNTED(type, kind, noun)                                \
    static cl_int CL_API_CALL layer_clRetain##noun(type object)  \
    {                                                            \
        cl_int status = refuse_named(ENTRY_clRetain##noun);      \
        if (!status)                                             \
            status = driver.clRetain##noun(object);              \
        add_live(kind, status == CL_SUCCESS);                    \
        return status;                                           \
    }                                                            \
    static cl_int CL_API_CALL layer_clRelease##noun(type object) \
    {                                                            \
        cl_int status = refuse_named(ENTRY_clRelease##noun);     \
        if (!status)                                             \
            status = driver.clRelease##noun(object);             \
        add_live(kind, -(status == CL_SUCCESS));                 \
        return status;                                           \
    }
#define OWN(name)
#include "entries.def"

static cl_mem CL_API_CALL layer_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                               cl_int *errcode_ret)
{
    cl_int status = refuse(ENTRY_clCreateBuffer);
    if (hides(HIDE_PLACE) && flags & CL_MEM_USE_HOST_PTR)
        flags ^= CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR;
    cl_mem mem = status ? NULL : LOAD(canaries) ? canary_create(&driver, context, flags, size, host, &status)
                                                : driver.clCreateBuffer(context, flags, size, host, &status);
    add_live(MEM, mem != NULL);
    if (errcode_ret)
        *errcode_ret = status;
    return mem;
}

static cl_int CL_API_CALL layer_clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint num_entries,
                                               cl_device_id *devices, cl_uint *num_devices)
{
    cl_int status = refuse(ENTRY_clGetDeviceIDs);
    if (status)
        return status;
    if (hide_allows(LOAD(hidden), &type))
        return driver.clGetDeviceIDs(platform, type, num_entries, devices, num_devices);
    if (num_devices)
        *num_devices = 0;
    return CL_DEVICE_NOT_FOUND;
}

static cl_context CL_API_CALL layer_clCreateContextFromType(const cl_context_properties *properties,
                                                            cl_device_type type,
                                                            void(CL_CALLBACK *notify)(const char *, const void *,
                                                                                      size_t, void *),
                                                            void *user, cl_int *errcode_ret)
{
    cl_int status = refuse(ENTRY_clCreateContextFromType);
    cl_context context = NULL;
    if (!status && !hide_allows(LOAD(hidden), &type))
        status = CL_DEVICE_NOT_FOUND;
    if (!status)
        context = driver.clCreateContextFromType(properties, type, notify, user, &status);
    add_live(CONTEXT, context != NULL);
    if (errcode_ret)
        *errcode_ret = status;
    return context;
}

static cl_int CL_API_CALL layer_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                                                size_t *size_ret)
{
    cl_int status = refuse(ENTRY_clGetDeviceInfo);
    if (!status)
        status = driver.clGetDeviceInfo(device, what, size, value, size_ret);
    if (!status && value)
        hide_in_device(LOAD(hidden), what, value);
    return status;
}

static cl_int CL_API_CALL layer_clCreateSubDevices(cl_device_id device, const cl_device_partition_property *properties,
                                                   cl_uint num_entries, cl_device_id *devices, cl_uint *num_devices)
{
    cl_int status = refuse(ENTRY_clCreateSubDevices);
    cl_uint made = 0;
    if (!status)
        status = driver.clCreateSubDevices(device, properties, num_entries, devices, &made);
    if (!status && devices)
        add_live(SUBDEVICE, made);
    if (!status && num_devices)
        *num_devices = made;
    return status;
}

/* A root device is not counted by references, and may be released without a retain. */
static bool is_subdevice(cl_device_id device)
{
    cl_device_id parent = NULL;
    return !driver.clGetDeviceInfo(device, CL_DEVICE_PARENT_DEVICE, sizeof(parent), &parent, NULL) && parent;
}

static cl_int CL_API_CALL layer_clRetainDevice(cl_device_id device)
{
    cl_int status = refuse_named(ENTRY_clRetainDevice);
    if (!status)
        status = driver.clRetainDevice(device);
    if (!status && is_subdevice(device))
        add_live(SUBDEVICE, 1);
    return status;
}

static cl_int CL_API_CALL layer_clReleaseDevice(cl_device_id device)
{
    cl_int status = refuse_named(ENTRY_clReleaseDevice);
    if (status)
        return status;
    bool counted = is_subdevice(device);
    status = driver.clReleaseDevice(device);
    if (!status && counted)
        add_live(SUBDEVICE, -1);
    return status;
}

static bool from_source(cl_program program)
{
    size_t size = 0;
    return !driver.clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL, &size) && size > 1;
}

static bool asks_for_hidden(const char *options)
{
    return hides(HIDE_CRDS) && options && strstr(options, "-cl-fp32-correctly-rounded-divide-sqrt");
}

static cl_int CL_API_CALL layer_clBuildProgram(cl_program program, cl_uint num_devices, const cl_device_id *devices,
                                               const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                                               void *user)
{
    cl_int status = refuse(ENTRY_clBuildProgram);
    if (status)
        return status;
    if (hides(HIDE_COMPILER) && from_source(program))
        return CL_COMPILER_NOT_AVAILABLE;
    if (hides(HIDE_BUILD) || asks_for_hidden(options))
        return CL_BUILD_PROGRAM_FAILURE;
    char flushing[1024];
    if (hides(HIDE_SUBNORMALS)) {
        int length = snprintf(flushing, sizeof flushing, "%s -cl-denorms-are-zero", options ? options : "");
        if (length < 0 || (size_t)length >= sizeof flushing)
            return CL_INVALID_BUILD_OPTIONS;
        options = flushing;
    }
    return driver.clBuildProgram(program, num_devices, devices, options, notify, user);
}

static cl_int CL_API_CALL layer_clCompileProgram(cl_program program, cl_uint num_devices, const cl_device_id *devices,
                                                 const char *options, cl_uint num_headers, const cl_program *headers,
                                                 const char **names, void(CL_CALLBACK *notify)(cl_program, void *),
                                                 void *user)
{
    cl_int status = refuse(ENTRY_clCompileProgram);
    if (status)
        return status;
    if (hides(HIDE_COMPILER) && from_source(program))
        return CL_COMPILER_NOT_AVAILABLE;
    if (asks_for_hidden(options))
        return CL_COMPILE_PROGRAM_FAILURE;
    return driver.clCompileProgram(program, num_devices, devices, options, num_headers, headers, names, notify, user);
}

static cl_int CL_API_CALL layer_clGetProgramBuildInfo(cl_program program, cl_device_id device,
                                                      cl_program_build_info what, size_t size, void *value,
                                                      size_t *size_ret)
{
    static const char log[] = LAYER_NAME ": build refused";
    static const cl_build_status failed = CL_BUILD_ERROR;
    cl_int status = refuse(ENTRY_clGetProgramBuildInfo);
    if (status)
        return status;
    if (hides(HIDE_BUILD) && what == CL_PROGRAM_BUILD_LOG)
        return answer(log, sizeof(log), size, value, size_ret);
    if (hides(HIDE_BUILD) && what == CL_PROGRAM_BUILD_STATUS)
        return answer(&failed, sizeof(failed), size, value, size_ret);
    return driver.clGetProgramBuildInfo(program, device, what, size, value, size_ret);
}

static cl_int CL_API_CALL layer_clCreateKernelsInProgram(cl_program program, cl_uint num_entries, cl_kernel *kernels,
                                                         cl_uint *num_kernels)
{
    cl_int status = refuse(ENTRY_clCreateKernelsInProgram);
    cl_uint made = 0;
    if (!status)
        status = driver.clCreateKernelsInProgram(program, num_entries, kernels, &made);
    if (!status && kernels)
        add_live(KERNEL, made);
    if (!status && num_kernels)
        *num_kernels = made;
    return status;
}

static cl_int CL_API_CALL layer_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                                       const size_t *offset, const size_t *global, const size_t *local,
                                                       WAITS_PARAMS)
{
    cl_int status = refuse(ENTRY_clEnqueueNDRangeKernel);
    if (status)
        return status;
    if (!terminate(&driver, queue, event, &status))
        status = driver.clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, WAITS);
    count_event(status, event);
    return status;
}

static cl_int CL_API_CALL layer_clEnqueueMarker(cl_command_queue queue, cl_event *event)
{
    cl_int status = refuse(ENTRY_clEnqueueMarker);
    if (!status) {
        status = driver.clEnqueueMarker(queue, event);
        count_event(status, event);
    }
    return status;
}

static void *CL_API_CALL layer_clSVMAlloc(cl_context context, cl_svm_mem_flags flags, size_t size, cl_uint alignment)
{
    void *svm = refuse(ENTRY_clSVMAlloc) ? NULL : driver.clSVMAlloc(context, flags, size, alignment);
    add_live(SVM, svm != NULL);
    return svm;
}

static void CL_API_CALL layer_clSVMFree(cl_context context, void *svm)
{
    add_live(SVM, -(svm != NULL));
    driver.clSVMFree(context, svm);
}

/* With a callback, it is the callback that frees, by clSVMFree. */
static cl_int CL_API_CALL layer_clEnqueueSVMFree(cl_command_queue queue, cl_uint num_svms, void *svms[],
                                                 void(CL_CALLBACK *notify)(cl_command_queue, cl_uint, void **, void *),
                                                 void *user, WAITS_PARAMS)
{
    cl_int status = refuse(ENTRY_clEnqueueSVMFree);
    if (status)
        return status;
    status = driver.clEnqueueSVMFree(queue, num_svms, svms, notify, user, WAITS);
    if (!status && !notify)
        add_live(SVM, -(long)num_svms);
    count_event(status, event);
    return status;
}

static bool parse_fault(const char *text, bool sticky, struct fault *fault)
{
    *fault = (struct fault){.entry = ENTRY_NONE};
    if (!text || !*text)
        return true;
    size_t length = strcspn(text, ":");
    for (int entry = ENTRY_ANY; entry < ENTRY_COUNT; entry++)
        if (strlen(entry_names[entry]) == length && !memcmp(entry_names[entry], text, length))
            fault->entry = (uint8_t)entry;
    if (fault->entry == ENTRY_NONE || text[length] != ':')
        return false;
    char *end;
    long nth = strtol(text + length + 1, &end, 10);
    if (*end != ':' || nth < 1 || nth > INT32_MAX)
        return false;
    char *code_text = end + 1;
    long code = strtol(code_text, &end, 10);
    if (end == code_text || *end || code < INT16_MIN || code > -1)
        return false;
    fault->nth = (uint32_t)nth;
    fault->code = (int16_t)code;
    fault->sticky = sticky;
    return true;
}

int clact_layer_control(const char *clfault, int sticky)
{
    struct fault fault;
    if (!parse_fault(clfault, sticky, &fault))
        return -1;
    STORE(fault_now, (struct fault){.entry = ENTRY_NONE});
    STORE(num_calls, 0);
    STORE(num_matches, 0);
    STORE(fault_last, NULL);
    STORE(fault_now, fault);
    return 0;
}

int clact_layer_hide(const char *list)
{
    unsigned bits;
    if (!hide_parse(list, &bits))
        return -1;
    STORE(hidden, bits);
    return 0;
}

void clact_layer_drain(int on)
{
    STORE(drain, on != 0);
}

void clact_layer_canaries(int on)
{
    STORE(canaries, on != 0);
}

unsigned long clact_layer_damaged(void)
{
    return canary_damaged();
}

unsigned long clact_layer_calls(void)
{
    return LOAD(num_calls);
}

long clact_layer_live(void)
{
    long sum = 0;
    for (int kind = 0; kind < KIND_COUNT; kind++)
        sum += LOAD(live[kind]);
    return sum;
}

const char *clact_layer_last(void)
{
    return LOAD(fault_last);
}

void clact_layer_report(FILE *file)
{
    fputs(LAYER_NAME ": live:", file);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        fprintf(file, " %s %ld%s", kind_names[kind], LOAD(live[kind]), kind + 1 < KIND_COUNT ? "," : "\n");
}

EXPORT CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void *value, size_t *size_ret)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char name[] = LAYER_NAME;
    switch (what) {
    case CL_LAYER_API_VERSION:
        return answer(&version, sizeof(version), size, value, size_ret);
    case CL_LAYER_NAME:
        return answer(name, sizeof(name), size, value, size_ret);
    default:
        return CL_INVALID_VALUE;
    }
}

EXPORT CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint num_entries, const cl_icd_dispatch *target,
                                                   cl_uint *num_entries_ret, const cl_icd_dispatch **layer_ret)
{
    if (!target || !num_entries_ret || !layer_ret)
        return CL_INVALID_VALUE;
    const cl_uint known = sizeof(driver) / sizeof(driver.clGetPlatformIDs);
    const cl_uint shared = num_entries < known ? num_entries : known;
    memcpy(&driver, target, shared * sizeof(driver.clGetPlatformIDs));
    layer = driver;
#define ENTRY(name) layer.name = driver.name ? layer_##name : NULL;
#include "entries.def"
    layer.clSVMFree = driver.clSVMFree ? layer_clSVMFree : NULL;
    *num_entries_ret = shared;
    *layer_ret = &layer;
    return CL_SUCCESS;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value && strcmp(value, "0") != 0;
}

/* Not in clInitLayer: what a test sets before its first OpenCL call must stay. */
__attribute__((constructor)) static void read_environment(void)
{
    if (clact_layer_control(getenv("CLFAULT"), is_set("CLFAULT_STICKY")) || clact_layer_hide(getenv("CLHIDE"))) {
        fputs(LAYER_NAME ": CLFAULT or CLHIDE is malformed\n", stderr);
        abort();
    }
    clact_layer_drain(is_set("CLFAULT_DRAIN"));
    clact_layer_canaries(is_set("CLCANARY"));
}

__attribute__((destructor)) static void report_at_exit(void)
{
    if (is_set("CLFAULT_REPORT")) {
        fprintf(stderr, LAYER_NAME ": calls: %lu\n", clact_layer_calls());
        clact_layer_report(stderr);
    }
    if (canary_damaged())
        _exit(1);
}
