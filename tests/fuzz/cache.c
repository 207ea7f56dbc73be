/* cache.c: fuzzes entries of the cache, in a folder and kept by the caller. */
#include "container.h"
#include "fuzz.h"

#include "opencl/opencl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char key[] = "clact\nprogram 1\n";
static char folder[] = "/tmp/clact-fuzz-XXXXXX", path[128];

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void make_folder(void)
{
    char name[CLACT_HASH];
    clact_hash(key, strlen(key), name);
    HOLDS(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s.clact", folder, name);
    atexit(remove_folder);
}

static void write_entry(const unsigned char *bytes, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    HOLDS(file >= 0 && write(file, bytes, length) == (ssize_t)length && close(file) == 0);
}

/* An entry that is read is sound; one that is not is removed. */
static void read_folder(const unsigned char *bytes, size_t length)
{
    char reason[CLACT_CACHE_REASON];
    uint64_t checked, removed;
    size_t got = 0;
    write_entry(bytes, length);
    unsigned char *payload = clact_cache_read(folder, key, &got, reason);
    HOLDS(payload ? !*reason && got < length && memcmp(payload, bytes + length - got, got) == 0 : *reason != 0);
    HOLDS((access(path, F_OK) == 0) == (payload != NULL));
    if (!payload)
        write_entry(bytes, length);
    HOLDS(clact_cache_verify(folder, &checked, &removed) == CLACT_OK && checked == 1 && removed == (payload ? 0 : 1));
    free(payload);
}

/* ---- Kept by the caller --------------------------------------------------------------------- */

/* An entry as it was stored, or with damage; second: how many bytes there are when it is asked for again. */
struct kept {
    unsigned char *bytes;
    size_t length, second;
};

static size_t load(void *data, const char *name, void *entry, size_t capacity)
{
    const struct kept *k = data;
    if (capacity)
        memcpy(entry, k->bytes, capacity < k->second ? capacity : k->second);
    return capacity ? k->second : k->length;
}

static void store(void *data, const char *name, const void *entry, size_t bytes)
{
    struct kept *k = data;
    k->bytes = malloc(bytes);
    HOLDS(k->bytes);
    memcpy(k->bytes, entry, bytes);
    k->length = k->second = bytes;
}

/* Damage at three places, and lengths that are others. */
static void read_kept(const uint8_t *bytes, size_t size)
{
    static struct clact_ocl ocl = {.identity = "device fuzz\n"};
    static clact_context context = {.ocl = &ocl};
    struct kept k = {0};
    input in = {bytes, size};
    size_t got = 0;
    ocl.cache = (struct clact_opencl_cache){.load = load, .store = store, .data = &k};
    clact_opencl_cache_put(&context, "program", "1", bytes, size);
    HOLDS(k.bytes);
    size_t length = k.length;
    for (int i = 0; i < 3; i++) {
        size_t at = take(&in, 2) % length;
        k.bytes[at] ^= (unsigned char)take(&in, 1);
    }
    k.length -= take(&in, 1) % length;
    k.second = k.length - take(&in, 1) % length;
    unsigned char *payload = clact_opencl_cache_get(&context, "program", "1", &got);
    HOLDS(!payload || (got == size && memcmp(payload, bytes, size) == 0));
    free(payload);
    free(k.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t length;
    if (!*path)
        make_folder();
    unsigned char *entry = container_of("clactbin", "", bytes, size, &length);
    read_folder(entry, length);
    read_kept(bytes, size);
    free(entry);
    return 0;
}
