/* raw.h: a context of clact on the best OpenCL device, and that device's own objects, for calls beside clact's. */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <clact/clact.h>
#include <clact/opencl.h>
#include <stdbool.h>

typedef struct raw {
    clact_context *clact;
    cl_context context;
    cl_device_id device;
    cl_command_queue queue; /* in order */
    cl_program program;
} raw;

/* Opens $CLACT_DEVICE, or the best OpenCL device, and builds the program of the text. These two end the process with a
 * sentence where that, or a call, fails; with 77 where there is no device. */
void raw_open(raw *r, const char *text);
void raw_close(raw *r);

void raw_require(bool holds, const char *what);
/* CL_SUCCESS is 0. */
static inline void raw_code(cl_int code, const char *what)
{
    raw_require(code == CL_SUCCESS, what);
}

#endif
