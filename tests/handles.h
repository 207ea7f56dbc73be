/* handles.h: OpenCL's entry points for tests that make objects of their own. The tests link no libOpenCL either, so
 * that they run where there is none. */
#ifndef CLACT_TESTS_HANDLES_H
#define CLACT_TESTS_HANDLES_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <stdbool.h>

#define TEST_ENTRIES(X)                                                                             \
    X(clGetPlatformIDs) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateSubDevices) X(clReleaseDevice) \
    X(clCreateContext) X(clReleaseContext) X(clGetContextInfo)                                      \
    X(clCreateCommandQueue) X(clReleaseCommandQueue) X(clGetCommandQueueInfo) X(clCreateBuffer)     \
    X(clCreateSubBuffer) X(clReleaseMemObject) X(clGetMemObjectInfo) X(clEnqueueReadBuffer)         \
    X(clEnqueueWriteBuffer) X(clCreateUserEvent) X(clSetUserEventStatus) X(clWaitForEvents)         \
    X(clGetEventInfo) X(clReleaseEvent) X(clFinish)
#define X(name) extern __typeof__(name) *p_##name;
TEST_ENTRIES(X)
#undef X

/* Finds them; false where there is no loader. */
bool load_handles(void);

#endif
