/* container.h: inputs as containers whose checksum is right, so that what stands behind it is reached. */
#ifndef CLACT_TESTS_FUZZ_CONTAINER_H
#define CLACT_TESTS_FUZZ_CONTAINER_H

#include "opencl/cache.h"

/* The bytes of a container, to be freed, exactly as long as they are. The input's first byte says how they are made of
 * the others: 'm', of a key, a zero and a payload, and head, which may be "", stands before the key; 'c', as they are, a
 * container's, but for the checksum; otherwise as they are. */
unsigned char *container_of(enum clact_container_kind kind, const char *head, const uint8_t *bytes, size_t size,
                            size_t *length);

#endif
