/* container.c: a key and a payload in one piece of bytes whose damage is seen, and files of them. */
#include "cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define MOST_BYTES ((size_t)1 << 30)

struct header {
    char magic[8];
    uint32_t format;
    uint32_t reserved;
    uint64_t key_length, payload_length;
    uint64_t checksum[2]; /* of what stands before it and of what stands behind it */
};
_Static_assert(sizeof(struct header) == 48, "the header has no gaps");

static const char magics[][9] = {
    [CLACT_CONTAINER_ENTRY] = "clactbin",
    [CLACT_CONTAINER_PACK] = "clactpak",
    [CLACT_CONTAINER_MODEL] = "clactnet",
};

void clact_hash(const void *bytes, size_t length, char out[CLACT_HASH])
{
    XXH128_hash_t h = XXH3_128bits(bytes, length);
    snprintf(out, CLACT_HASH, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64, (uint64_t)h.low64);
}

static void set_checksum(struct header *h, const unsigned char *behind, size_t length)
{
    XXH128_hash_t sum = XXH3_128bits_withSeed(behind, length, XXH3_64bits(h, offsetof(struct header, checksum)));
    h->checksum[0] = sum.high64;
    h->checksum[1] = sum.low64;
}

unsigned char *clact_container_make(enum clact_container_kind kind, const struct clact_container *from, size_t *length)
{
    struct header h = {.format = FORMAT, .key_length = from->key_length, .payload_length = from->payload_length};
    *length = sizeof h + from->key_length + from->payload_length;
    unsigned char *bytes = malloc(*length);
    if (!bytes)
        return NULL;
    unsigned char *behind = bytes + sizeof h;
    memcpy(h.magic, magics[kind], sizeof h.magic);
    memcpy(behind, from->key, from->key_length);
    if (from->payload_length)
        memcpy(behind + from->key_length, from->payload, from->payload_length);
    set_checksum(&h, behind, from->key_length + from->payload_length);
    memcpy(bytes, &h, sizeof h);
    return bytes;
}

const char *clact_container_read(enum clact_container_kind kind, const unsigned char *bytes, size_t length,
                                 struct clact_container *out)
{
    struct header h, again;
    if (length < sizeof h)
        return "is cut short";
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.magic, magics[kind], sizeof h.magic) != 0)
        return "is of another kind";
    if (h.format != FORMAT)
        return "is of another format";
    length -= sizeof h;
    if (h.key_length > length || h.payload_length != length - h.key_length)
        return "has not the length that it says";
    again = h;
    set_checksum(&again, bytes + sizeof h, length);
    if (memcmp(&again, &h, sizeof h) != 0)
        return "is damaged: its checksum is another";
    *out = (struct clact_container){
        .key = (const char *)bytes + sizeof h,
        .key_length = h.key_length,
        .payload = bytes + sizeof h + h.key_length,
        .payload_length = h.payload_length,
    };
    return NULL;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static unsigned char *read_open(int fd, size_t *length)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return NULL;
    errno = 0;
    if (!S_ISREG(info.st_mode) || (uintmax_t)info.st_size > MOST_BYTES)
        return NULL;
    size_t size = (size_t)info.st_size, done = 0;
    unsigned char *bytes = malloc(size + 1);
    while (bytes && done < size) {
        ssize_t n = read(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int code = errno;
            free(bytes);
            errno = code;
            return NULL;
        }
        if (n == 0)
            break; /* it became shorter: its checksum will tell */
        done += (size_t)n;
    }
    *length = done;
    return bytes;
}

unsigned char *clact_file_read(int folder, const char *name, bool follow, size_t *length)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return NULL;
    unsigned char *bytes = read_open(fd, length);
    int code = errno;
    close(fd);
    errno = code;
    return bytes;
}

static bool write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        length -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* A new file beside name: its name, which no other thread or machine has, goes to out. */
static int create_beside(int folder, const char *name, mode_t mode, char *out, size_t size)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    if (snprintf(out, size, "%s.%016" PRIx64 ".new", name, random) >= (int)size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return openat(folder, out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

bool clact_file_write(int folder, const char *name, const void *bytes, size_t length, mode_t mode)
{
    char other[CLACT_CACHE_PATH];
    int fd = create_beside(folder, name, mode, other, sizeof other);
    if (fd < 0)
        return false;
    bool good = write_all(fd, bytes, length);
    int code = errno;
    if (close(fd) != 0 && good) {
        code = errno;
        good = false;
    }
    if (good && renameat(folder, other, folder, name) != 0) {
        code = errno;
        good = false;
    }
    if (!good)
        unlinkat(folder, other, 0);
    errno = code;
    return good;
}
