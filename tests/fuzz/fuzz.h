/* fuzz.h: what the fuzz targets share. */
#ifndef CLACT_TESTS_FUZZ_H
#define CLACT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A target: libFuzzer calls it with inputs of its own, replay.c with those of a corpus. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Ends the process where a rule does not hold, which both take for a finding. */
#define HOLDS(condition)                                                                            \
    do {                                                                                            \
        if (!(condition)) {                                                                         \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);           \
            abort();                                                                                \
        }                                                                                           \
    } while (0)

/* What is left of an input that is read as numbers. */
typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

/* The next bytes, at most 8, as a little-endian number: zeros behind the end. */
uint64_t take(input *in, size_t bytes);

/* A regular file in memory that holds the bytes, and no others. The path is the same each time. */
const char *memory_file(const void *bytes, size_t size);

#endif
