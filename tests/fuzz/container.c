/* container.c: makes containers of inputs. */
#include "container.h"

#include "fuzz.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdbool.h>
#include <string.h>

enum { MAGIC = 8, SUMMED = 32, HEADER = 48 }; /* bytes: of the magic, before the checksum, and with it */

static void set_checksum(unsigned char *file, size_t length)
{
    XXH128_hash_t sum = XXH3_128bits_withSeed(file + HEADER, length - HEADER, XXH3_64bits(file, SUMMED));
    memcpy(file + SUMMED, &sum.high64, sizeof sum.high64);
    memcpy(file + SUMMED + sizeof sum.high64, &sum.low64, sizeof sum.low64);
}

static unsigned char *make(const char *magic, const char *head, const uint8_t *bytes, size_t size, size_t *length)
{
    const uint8_t *zero = memchr(bytes, 0, size);
    const size_t words = zero ? (size_t)(zero - bytes) : size, before = strlen(head);
    const uint64_t lengths[2] = {before + words, zero ? size - words - 1 : 0};
    const uint32_t format = 1;
    *length = HEADER + lengths[0] + lengths[1];
    unsigned char *file = calloc(*length, 1), *payload = file + HEADER + lengths[0];
    HOLDS(file);
    memcpy(file, magic, MAGIC);
    memcpy(file + MAGIC, &format, sizeof format);
    memcpy(file + SUMMED - sizeof lengths, lengths, sizeof lengths);
    memcpy(file + HEADER, head, before);
    memcpy(file + HEADER + before, bytes, words);
    if (zero)
        memcpy(payload, zero + 1, lengths[1]);
    set_checksum(file, *length);
    return file;
}

unsigned char *container_of(const char *magic, const char *head, const uint8_t *bytes, size_t size, size_t *length)
{
    bool summed = size && bytes[0] == 'c';
    if (size && bytes[0] == 'm')
        return make(magic, head, bytes + 1, size - 1, length);
    *length = size - summed;
    unsigned char *copy = malloc(*length ? *length : 1);
    HOLDS(copy);
    memcpy(copy, bytes + summed, *length);
    if (summed && *length >= HEADER)
        set_checksum(copy, *length);
    return copy;
}
