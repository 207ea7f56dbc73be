/* terminate.h: kernels that are terminated after they were enqueued. */
#ifndef CLACT_TESTS_LAYER_TERMINATE_H
#define CLACT_TESTS_LAYER_TERMINATE_H

#include <CL/cl_icd.h>

#include <stdbool.h>

/* Puts a marker that fails in the kernel's place if it is the one that layer.h names: true, and *status. Its event tells
 * of that, and who does not ask for the event may never know. */
bool terminate(const cl_icd_dispatch *driver, cl_command_queue queue, cl_event *event, cl_int *status);
/* The program waits for commands: what is to fail does. */
void terminate_pending(const cl_icd_dispatch *driver);

#endif
