/* cache.h: bytes that are kept between runs, with their key and a checksum, and the folder of the disk cache. Nothing
 * of OpenCL is here: what drivers make goes through as bytes, and no driver sees any that were not verified. */
#ifndef CLACT_CACHE_H
#define CLACT_CACHE_H

#include "../internal.h"

#define CLACT_HASH 33            /* bytes of a hash in hexadecimal, the final zero included */
#define CLACT_CACHE_REASON 512   /* bytes of a reason */
#define CLACT_CACHE_PATH 4096
#define CLACT_CACHE_LIMIT (256 << 20) /* bytes of all entries; the oldest go first */

/* XXH3, 128 bits: finds damage and tells texts apart, and is no protection against an enemy. */
void clact_hash(const void *bytes, size_t length, char out[CLACT_HASH]);

/* ---- Containers ----------------------------------------------------------------------------- */

/* A key and a payload behind a header that has their lengths and the checksum of everything (docs/design.md). */
enum clact_container_kind { CLACT_CONTAINER_ENTRY, CLACT_CONTAINER_PACK, CLACT_CONTAINER_MODEL };

struct clact_container {
    const char *key;
    size_t key_length;
    const unsigned char *payload;
    size_t payload_length;
};

/* A container's bytes, to be freed; NULL where there is no memory. */
CLACT_PRIVATE unsigned char *clact_container_make(enum clact_container_kind kind, const struct clact_container *from, size_t *length);
/* Where key and payload are in the bytes. NULL, or what is wrong with them: "is cut short". */
CLACT_PRIVATE const char *clact_container_read(enum clact_container_kind kind, const unsigned char *bytes, size_t length,
                                 struct clact_container *out);

/* ---- Files ---------------------------------------------------------------------------------- */

/* A regular file that is no symbolic link, in a folder (AT_FDCWD: by its path), to be freed. NULL: errno says why, 0
 * that it is too long to be a container. */
CLACT_PRIVATE unsigned char *clact_file_read(int folder, const char *name, bool follow, size_t *length);
/* Writes a file whole or not at all: under another name, flushed to the disk, renamed. false: errno says why. */
CLACT_PRIVATE bool clact_file_write(int folder, const char *name, const void *bytes, size_t length, mode_t mode);

/* ---- The disk cache ------------------------------------------------------------------------- */

/* Where it is: the option, else the environment. false: nowhere; reason is "" where that was asked for. */
bool clact_cache_place(const char *option, char path[CLACT_CACHE_PATH], char reason[CLACT_CACHE_REASON]);

/* The entry's payload, to be freed; NULL where there is none. reason: "", or why the folder is not used, or what was
 * wrong with the entry, which has then been removed. */
unsigned char *clact_cache_read(const char *path, const char *key, size_t *length, char reason[CLACT_CACHE_REASON]);
/* The payload of an entry's bytes for a key, moved to their beginning; false where they are not that. */
bool clact_cache_unwrap(unsigned char *bytes, size_t *length, const char *key, char reason[CLACT_CACHE_REASON]);
/* An entry's bytes, to be freed; NULL where there is no memory. */
unsigned char *clact_cache_wrap(const char *key, const void *payload, size_t payload_length, size_t *length);
/* Adds or replaces an entry, and removes the oldest beyond the limit. false: reason says why. */
bool clact_cache_write(const char *path, const char *key, const void *payload, size_t length,
                       char reason[CLACT_CACHE_REASON]);
void clact_cache_remove(const char *path, const char *key);

#endif
