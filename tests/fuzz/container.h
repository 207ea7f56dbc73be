/* container.h: inputs as containers (docs/design.md) whose checksum is right, so that more than it is reached. */
#ifndef CLACT_TESTS_FUZZ_CONTAINER_H
#define CLACT_TESTS_FUZZ_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of a container, to be freed, in memory of just their length. The input's first byte says how they are made
 * of the others: 'm', of a key, a zero and a payload, and head, which may be "", stands before the key; 'c', as they
 * are, a container's, but for the checksum; otherwise as they are. magic: "clactbin", "clactpak" or "clactnet". */
unsigned char *container_of(const char *magic, const char *head, const uint8_t *bytes, size_t size, size_t *length);

#endif
