/* fuzz.c: numbers out of inputs, and files in memory. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

uint64_t take(input *in, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && in->left; i++, in->left--)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

const char *memory_file(const void *bytes, size_t size)
{
    static int file = -1;
    static char path[32];
    if (file < 0) {
        file = memfd_create("input", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    HOLDS(file >= 0 && ftruncate(file, 0) == 0);
    HOLDS(pwrite(file, bytes, size, 0) == (ssize_t)size);
    return path;
}
