/* opencl.h: the OpenCL backend's parts: the entry points, devices, programs. */
#ifndef CLACT_OPENCL_BACKEND_H
#define CLACT_OPENCL_BACKEND_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "../backend.h"

#include <pthread.h>

/* ---- Entry points: OpenCL 1.2 core, loaded at run time -------------------------------------- */

#define CLACT_ENTRY_POINTS(X)                                                                       \
    X(clGetPlatformIDs) X(clGetPlatformInfo) X(clGetDeviceIDs) X(clGetDeviceInfo)                   \
    X(clCreateContext) X(clRetainContext) X(clReleaseContext)                   \
    X(clCreateCommandQueue) X(clRetainCommandQueue) X(clReleaseCommandQueue) X(clGetCommandQueueInfo) \
    X(clCreateBuffer) X(clRetainMemObject) X(clReleaseMemObject) X(clGetMemObjectInfo)              \
    X(clCreateProgramWithSource) X(clBuildProgram) X(clGetProgramBuildInfo) X(clReleaseProgram)     \
    X(clCreateKernel) X(clReleaseKernel) X(clSetKernelArg)                                          \
    X(clEnqueueNDRangeKernel) X(clEnqueueReadBuffer) X(clEnqueueWriteBuffer)                        \
    X(clEnqueueMarkerWithWaitList) X(clReleaseEvent) X(clFinish)

struct clact_opencl_api {
#define X(name) __typeof__(name) *name;
    CLACT_ENTRY_POINTS(X)
#undef X
};

/* Opens the loader (library: a path, "disabled", or NULL for the environment and the usual names) and
 * never closes it. On failure reason, of 256 bytes, says why. */
bool clact_opencl_load(struct clact_opencl_api *api, const char *library, char *reason);

/* "CL_OUT_OF_RESOURCES" for -5; "unknown code". */
const char *clact_opencl_code_name(cl_int code);

/* Sets the error "call: CL_..." and returns CLACT_E_OPENCL, or CLACT_OK for CL_SUCCESS. */
clact_status clact_opencl_result(cl_int code, const char *call);
/* For a call in a function that has a local ocl. */
#define CL_TRY(call) TRY(clact_opencl_result(ocl->api.call, #call))

/* Refuses a process forked from the one that opened the context. */
clact_status clact_opencl_same_process(const clact_context *context);

/* ---- Devices -------------------------------------------------------------------------------- */

struct clact_opencl_device {
    cl_platform_id platform;
    cl_device_id id;
    clact_device_info info;
    cl_device_fp_config single_config;
    size_t max_local; /* work-items in a group */
    bool usable;      /* available, with a compiler */
};

/* All devices of all platforms in an array to free. No device is no error: reason then says why. */
clact_status clact_opencl_devices(const struct clact_opencl_api *api, struct clact_opencl_device **out, size_t *count,
                                  char *reason);
/* Fills what is known of one device. */
clact_status clact_opencl_describe(const struct clact_opencl_api *api, struct clact_opencl_device *device);

/* ---- Programs ------------------------------------------------------------------------------- */

enum clact_form { FORM_DENSE = 0, FORM_VIEW = 1, FORM_TENSOR = 2, FORM_COUNT };

struct clact_opencl_program;

struct clact_ocl {
    struct clact_opencl_api api;
    struct clact_opencl_device device;
    cl_context context;
    cl_command_queue queue;
    uint32_t local, per_item; /* work-items in a group, elements for each in dense kernels */
    pthread_mutex_t lock;     /* guards programs, their kernels and the probe's verdict */
    struct clact_opencl_program *programs[ROW_COUNT][CLACT_TYPE_COUNT][FORM_COUNT];
    bool probed;
    uint32_t exact, keeps_subnormals, rounds_to_nearest;
    char verdict[160];
};

/* A kernel ready for arguments, for the caller alone until it is put back. */
struct clact_opencl_kernel {
    struct clact_opencl_kernel *next;
    cl_kernel kernel;
};

clact_status clact_opencl_kernel_take(clact_context *context, const clact_activation *activation, uint32_t type,
                                      enum clact_form form, enum clact_direction direction,
                                      struct clact_opencl_kernel **out);
void clact_opencl_kernel_put(clact_context *context, const clact_activation *activation, uint32_t type,
                             enum clact_form form, enum clact_direction direction,
                             struct clact_opencl_kernel *kernel);
void clact_opencl_programs_release(struct clact_ocl *ocl);

clact_status clact_opencl_build_probe(clact_context *context, cl_program *out);

/* Runs the probe once and keeps its verdict in the context. */
clact_status clact_opencl_probe(clact_context *context);

clact_status clact_ocl_elementwise(clact_context *context, const struct clact_launch *launch);

#endif
