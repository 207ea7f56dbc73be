/* terminate.c: kernels that are terminated after they were enqueued. */
#define CL_TARGET_OPENCL_VERSION 300
#include "terminate.h"
#include "layer.h"

#include <stdatomic.h>
#include <stdint.h>

/* What is to be terminated: a kernel after as many others as are left, with a code; 0: nothing. */
struct termination {
    int32_t code;
    uint32_t left;
};
_Static_assert(sizeof(struct termination) == 8, "an atomic termination must need no lock");

static _Atomic(struct termination) next;
static atomic_ulong num_enqueued, num_terminated;

/* A kernel that is terminated is so when the program waits, as those behind it must have been enqueued by then: PoCL 3.1
 * never ends a command that is told to wait for what has failed already. */
static _Atomic(cl_event) pending;
static atomic_int pending_code;

void terminate_pending(const cl_icd_dispatch *driver)
{
    cl_event event = atomic_exchange(&pending, NULL);
    if (!event)
        return;
    driver->clSetUserEventStatus(event, atomic_load(&pending_code));
    driver->clReleaseEvent(event);
}

/* The code of this kernel's termination, or 0. */
static cl_int code_of_this(void)
{
    struct termination now = atomic_load_explicit(&next, memory_order_relaxed), after;
    do {
        if (!now.code)
            return 0;
        after = now.left ? (struct termination){now.code, now.left - 1} : (struct termination){0, 0};
    } while (!atomic_compare_exchange_weak(&next, &now, after));
    return now.left ? 0 : now.code;
}

bool terminate(const cl_icd_dispatch *driver, cl_command_queue queue, cl_event *event, cl_int *status)
{
    atomic_fetch_add_explicit(&num_enqueued, 1, memory_order_relaxed);
    cl_int code = code_of_this();
    if (!code)
        return false;
    atomic_fetch_add(&num_terminated, 1);
    cl_context context;
    *status = driver->clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(context), &context, NULL);
    cl_event failed = *status ? NULL : driver->clCreateUserEvent(context, status);
    if (*status)
        return true;
    *status = driver->clEnqueueMarkerWithWaitList(queue, 1, &failed, event);
    atomic_store(&pending_code, code);
    atomic_store(&pending, failed);
    return true;
}

void clact_layer_terminate(unsigned nth, int code)
{
    atomic_store(&next, ((struct termination){nth ? code : 0, nth ? nth - 1 : 0}));
}

unsigned long clact_layer_kernels(void)
{
    return atomic_load(&num_enqueued);
}

unsigned long clact_layer_terminated(void)
{
    return atomic_load(&num_terminated);
}
