/* canary.h: buffers of the test layer between canaries, which show what is written outside them. */
#ifndef CLACT_TESTS_LAYER_CANARY_H
#define CLACT_TESTS_LAYER_CANARY_H

#include <CL/cl_icd.h>

/* clCreateBuffer() on memory of the layer's own, which the device is given to use in place (CL_MEM_USE_HOST_PTR). It has
 * a canary on either side, and begins with what host holds where the flags say so: the program's own memory is not used in
 * place. The canaries are looked at when the buffer is gone, and the memory is freed. */
cl_mem canary_create(const cl_icd_dispatch *driver, cl_context context, cl_mem_flags flags, size_t size, const void *host,
                     cl_int *status);

/* How many buffers had a damaged canary since the last call; those that are still there are looked at too. Each is
 * told of on stderr once. */
unsigned long canary_damaged(void);

#endif
