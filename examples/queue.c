/* queue.c: the sigmoid of memory that the program has on a device, on the program's own queue. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <clact/opencl.h>
#include <stdio.h>

int main(void)
{
    float x[] = {-1, 0, 1, 2}, y[4];
    cl_platform_id platform;
    cl_device_id device;
    if (clGetPlatformIDs(1, &platform, NULL) || clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL))
        return 1;
    cl_context opencl = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
    cl_command_queue queue = clCreateCommandQueue(opencl, device, 0, NULL);
    cl_mem memory = clCreateBuffer(opencl, CL_MEM_COPY_HOST_PTR, sizeof x, x, NULL);

    clact_context *context;
    clact_activation *sigmoid;
    clact_operand operand = clact_array(CLACT_F32, NULL, 4); /* x, and in its place y */
    operand.mem = memory;
    cl_event done;
    if (clact_open_opencl(&context, opencl, device, queue, NULL) != CLACT_OK ||
        clact_activation_named(&sigmoid, "sigmoid", NULL, 0) != CLACT_OK ||
        clact_forward_enqueue(context, sigmoid, &(clact_forward_args){.x = &operand, .y = &operand},
                              &(clact_enqueue){.queue = queue, .event = &done}) != CLACT_OK) {
        fprintf(stderr, "%s\n", clact_error());
        return 1;
    }
    clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, sizeof y, y, 1, &done, NULL);
    printf("%g %g %g %g\n", y[0], y[1], y[2], y[3]);

    clReleaseEvent(done);
    clact_activation_destroy(&sigmoid);
    clact_close(&context);
    clReleaseMemObject(memory);
    clReleaseCommandQueue(queue);
    clReleaseContext(opencl);
    return 0;
}
