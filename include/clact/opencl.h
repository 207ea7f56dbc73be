/* opencl.h: clact on your own OpenCL context, device, command queue, memory and events.
 *
 * Handles are OpenCL's own (cl_context is struct _cl_context *, and so on); no OpenCL header is
 * included here, and none need be included before. */
#ifndef CLACT_OPENCL_H
#define CLACT_OPENCL_H

#include <clact/clact.h>

#ifdef __cplusplus
extern "C" {
#endif

struct _cl_context;
struct _cl_device_id;
struct _cl_command_queue;
struct _cl_event;

/* Opens a context on your device. context and queue are retained until clact_close. queue may be
 * NULL or out of order: clact then makes one of its own, in order, for buffers and host pointers. Of
 * options, device is not read. */
CLACT_API clact_status clact_open_opencl(clact_context **out, struct _cl_context *context,
                                         struct _cl_device_id *device, struct _cl_command_queue *queue,
                                         const clact_options *options);

/* OpenCL's triple: the queue (NULL: the context's own), what to wait for, and an event for the end. */
typedef struct clact_enqueue {
    struct _cl_command_queue *queue; /* of the context's cl_context and device: others are refused */
    struct _cl_event *const *waits;  /* NULL with 0 */
    uint32_t num_waits;
    uint32_t reserved0;
    struct _cl_event **event; /* may be NULL; otherwise set, also for no elements; yours to release */
    uint64_t reserved[2];
} clact_enqueue;

/* clact_forward and clact_backward on operands with mem (or buffer) set. Enqueue and return: nothing
 * is waited for, nothing flushed, and once the kernel has been built no host memory is allocated; long sums of a
 * parameter's gradient take memory of the device between two kernels. A cl_mem must be of the context's cl_context.
 * The event fails where a kernel of the call was terminated, or what it waits for failed; the outputs are then not to be
 * used. On failure no event is set. */
CLACT_API clact_status clact_forward_enqueue(clact_context *context, const clact_activation *activation,
                                             const clact_forward_args *args, const clact_enqueue *enqueue);
CLACT_API clact_status clact_backward_enqueue(clact_context *context, const clact_activation *activation,
                                              const clact_backward_args *args, const clact_enqueue *enqueue);

/* A buffer on your memory, which is retained until the buffer is destroyed. */
CLACT_API clact_status clact_buffer_import(clact_buffer **out, clact_context *context, struct _cl_mem *mem);

/* The objects behind a context or a buffer; not retained; NULL on the CPU backend. */
CLACT_API struct _cl_mem *clact_buffer_mem(const clact_buffer *buffer);
CLACT_API struct _cl_context *clact_opencl_context(const clact_context *context);
CLACT_API struct _cl_device_id *clact_opencl_device(const clact_context *context);
CLACT_API struct _cl_command_queue *clact_opencl_queue(const clact_context *context);

/* OpenCL's own code behind the calling thread's last CLACT_E_OPENCL, CLACT_E_BUILD or
 * CLACT_E_COMPILER; 0 otherwise. */
CLACT_API int32_t clact_opencl_code(void);

#ifdef __cplusplus
}
#endif

#endif
