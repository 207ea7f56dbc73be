/* container.c: makes containers of inputs. */
#include "container.h"

#include "fuzz.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

enum { SUMMED = 32, HEADER = 48 }; /* bytes before the checksum, and with it */

static unsigned char *make(enum clact_container_kind kind, const char *head, const uint8_t *bytes, size_t size, size_t *length)
{
    const uint8_t *zero = memchr(bytes, 0, size);
    size_t words = zero ? (size_t)(zero - bytes) : size, before = strlen(head);
    char *key = malloc(before + words + 1);
    HOLDS(key);
    memcpy(key, head, before);
    memcpy(key + before, bytes, words);
    struct clact_container c = {.key = key, .key_length = before + words};
    if (zero) {
        c.payload = zero + 1;
        c.payload_length = size - words - 1;
    }
    unsigned char *made = clact_container_make(kind, &c, length);
    HOLDS(made);
    free(key);
    return made;
}

unsigned char *container_of(enum clact_container_kind kind, const char *head, const uint8_t *bytes, size_t size,
                            size_t *length)
{
    bool summed = size && bytes[0] == 'c';
    if (size && bytes[0] == 'm')
        return make(kind, head, bytes + 1, size - 1, length);
    *length = size - summed;
    unsigned char *copy = malloc(*length ? *length : 1);
    HOLDS(copy);
    memcpy(copy, bytes + summed, *length);
    if (summed && *length >= HEADER) {
        XXH128_hash_t sum = XXH3_128bits_withSeed(copy + HEADER, *length - HEADER, XXH3_64bits(copy, SUMMED));
        memcpy(copy + SUMMED, &sum.high64, sizeof sum.high64);
        memcpy(copy + SUMMED + sizeof sum.high64, &sum.low64, sizeof sum.low64);
    }
    return copy;
}
