/* raw.c: a context of clact on the best OpenCL device, and that device's own objects. */
#include "raw.h"

#include <stdio.h>
#include <stdlib.h>

void raw_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s failed: %s\n", what, clact_error());
    exit(1);
}

void raw_open(raw *r, const char *text)
{
    cl_int code;
    clact_status status = clact_open(&r->clact, &(clact_options){.device = getenv("CLACT_DEVICE") ? NULL : "opencl"});
    r->context = status == CLACT_OK ? clact_opencl_context(r->clact) : NULL;
    if (!r->context) {
        fprintf(stderr, "there is no OpenCL device: %s\n", clact_error());
        exit(77);
    }
    r->device = clact_opencl_device(r->clact);
    r->queue = clCreateCommandQueue(r->context, r->device, 0, &code);
    raw_code(code, "clCreateCommandQueue");
    r->program = clCreateProgramWithSource(r->context, 1, &text, NULL, &code);
    raw_code(code, "clCreateProgramWithSource");
    raw_code(clBuildProgram(r->program, 1, &r->device, "", NULL, NULL), "clBuildProgram");
}

void raw_close(raw *r)
{
    clReleaseProgram(r->program);
    clReleaseCommandQueue(r->queue);
    clact_close(&r->clact);
}
