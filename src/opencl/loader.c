/* loader.c: OpenCL's entry points, found at run time, and the names of its codes. */
#include "opencl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char *const usual_names[] = {
#if defined __APPLE__
    "/System/Library/Frameworks/OpenCL.framework/OpenCL",
#elif defined __ANDROID__
    "libOpenCL.so", "libOpenCL-car.so", "libGLES_mali.so", "libmali.so", "libPVROCL.so",
#else
    "libOpenCL.so.1", "libOpenCL.so",
#endif
};

bool clact_opencl_load(struct clact_opencl_api *api, const char *library, char *reason)
{
    void *handle = NULL;
    if (!library)
        library = clact_environment("CLACT_OPENCL_LIBRARY");
    if (library && strcmp(library, "disabled") == 0) {
        snprintf(reason, 256, "OpenCL is disabled");
        return false;
    }
    if (library)
        handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    else
        for (size_t i = 0; !handle && i < sizeof usual_names / sizeof *usual_names; i++)
            handle = dlopen(usual_names[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        snprintf(reason, 256, "the OpenCL loader was not opened: %s", why ? why : usual_names[0]);
        return false;
    }
#define X(name)                                                                                     \
    {                                                                                               \
        void *symbol = dlsym(handle, #name);                                                        \
        if (!symbol) {                                                                              \
            snprintf(reason, 256, "the OpenCL loader has no %s", #name);                            \
            return false;                                                                           \
        }                                                                                           \
        memcpy(&api->name, &symbol, sizeof symbol);                                                 \
    }
    CLACT_ENTRY_POINTS(X)
#undef X
    return true;
}

const char *clact_opencl_code_name(cl_int code)
{
    switch (code) {
#define X(c) case c: return #c;
    X(CL_SUCCESS) X(CL_DEVICE_NOT_FOUND) X(CL_DEVICE_NOT_AVAILABLE) X(CL_COMPILER_NOT_AVAILABLE)
    X(CL_MEM_OBJECT_ALLOCATION_FAILURE) X(CL_OUT_OF_RESOURCES) X(CL_OUT_OF_HOST_MEMORY)
    X(CL_PROFILING_INFO_NOT_AVAILABLE) X(CL_MEM_COPY_OVERLAP) X(CL_IMAGE_FORMAT_MISMATCH)
    X(CL_IMAGE_FORMAT_NOT_SUPPORTED) X(CL_BUILD_PROGRAM_FAILURE) X(CL_MAP_FAILURE)
    X(CL_MISALIGNED_SUB_BUFFER_OFFSET) X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
    X(CL_COMPILE_PROGRAM_FAILURE) X(CL_LINKER_NOT_AVAILABLE) X(CL_LINK_PROGRAM_FAILURE)
    X(CL_DEVICE_PARTITION_FAILED) X(CL_KERNEL_ARG_INFO_NOT_AVAILABLE) X(CL_INVALID_VALUE)
    X(CL_INVALID_DEVICE_TYPE) X(CL_INVALID_PLATFORM) X(CL_INVALID_DEVICE) X(CL_INVALID_CONTEXT)
    X(CL_INVALID_QUEUE_PROPERTIES) X(CL_INVALID_COMMAND_QUEUE) X(CL_INVALID_HOST_PTR)
    X(CL_INVALID_MEM_OBJECT) X(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR) X(CL_INVALID_IMAGE_SIZE)
    X(CL_INVALID_SAMPLER) X(CL_INVALID_BINARY) X(CL_INVALID_BUILD_OPTIONS) X(CL_INVALID_PROGRAM)
    X(CL_INVALID_PROGRAM_EXECUTABLE) X(CL_INVALID_KERNEL_NAME) X(CL_INVALID_KERNEL_DEFINITION)
    X(CL_INVALID_KERNEL) X(CL_INVALID_ARG_INDEX) X(CL_INVALID_ARG_VALUE) X(CL_INVALID_ARG_SIZE)
    X(CL_INVALID_KERNEL_ARGS) X(CL_INVALID_WORK_DIMENSION) X(CL_INVALID_WORK_GROUP_SIZE)
    X(CL_INVALID_WORK_ITEM_SIZE) X(CL_INVALID_GLOBAL_OFFSET) X(CL_INVALID_EVENT_WAIT_LIST)
    X(CL_INVALID_EVENT) X(CL_INVALID_OPERATION) X(CL_INVALID_GL_OBJECT) X(CL_INVALID_BUFFER_SIZE)
    X(CL_INVALID_MIP_LEVEL) X(CL_INVALID_GLOBAL_WORK_SIZE) X(CL_INVALID_PROPERTY)
    X(CL_INVALID_IMAGE_DESCRIPTOR) X(CL_INVALID_COMPILER_OPTIONS) X(CL_INVALID_LINKER_OPTIONS)
    X(CL_INVALID_DEVICE_PARTITION_COUNT)
#undef X
    case -1001: return "CL_PLATFORM_NOT_FOUND_KHR";
    }
    return "unknown code";
}

clact_status clact_opencl_result(cl_int code, const char *call)
{
    if (code == CL_SUCCESS)
        return CLACT_OK;
    clact_set_opencl_code(code);
    return clact_fail(CLACT_E_OPENCL, "%.*s: %s (%d)", (int)strcspn(call, "("), call, clact_opencl_code_name(code),
                      (int)code);
}
