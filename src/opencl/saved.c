/* saved.c: the programs of a context that are kept between runs, in the cache on the disk or by the caller. */
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A program that was built from its text; the list is longer at its head and never shorter before the context is closed. */
struct clact_opencl_built {
    struct clact_opencl_built *next;
    cl_program program;
    char hash[CLACT_HASH];
    atomic_bool stored;
};

clact_status clact_opencl_cache_open(clact_context *context, struct clact_ocl *ocl, const clact_options *options)
{
    char path[CLACT_CACHE_PATH], reason[CLACT_CACHE_REASON];
    ocl->cache.load = options->cache_load;
    ocl->cache.store = options->cache_store;
    ocl->cache.data = options->cache_data;
    if (ocl->cache.load)
        return CLACT_OK;
    if (clact_cache_place(options->cache, path, reason)) {
        ocl->cache.path = strdup(path);
        REQUIRE(ocl->cache.path, CLACT_E_MEMORY, "out of memory");
    } else if (*reason) {
        clact_log_message(context, CLACT_LOG_WARNING, "the program cache is off: %s", reason);
    }
    return CLACT_OK;
}

static bool is_off(const struct clact_ocl *ocl)
{
    return !ocl->cache.load && !ocl->cache.path;
}

#define KEY_SIZE (CLACT_OPENCL_IDENTITY + 256)

/* Everything that what is kept depends on; the text's hash stands for the options of its building too, which are the
 * device's. */
static void key_of(const struct clact_ocl *ocl, const char *what, const char *hash, char out[KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "clact %s\nnumerics %u\npointers %zu\n%sdivides %d\n%s %s\n", clact_version()->text,
             (unsigned)CLACT_NUMERICS, sizeof(void *), ocl->identity, ocl->target.divides, what, hash);
}

/* ---- Entries -------------------------------------------------------------------------------- */

/* What is wrong with a folder is said once. */
static void warn(clact_context *context, const char *reason)
{
    if (*reason && !atomic_exchange(&context->ocl->cache.warned, true))
        clact_log_message(context, CLACT_LOG_WARNING, "the program cache: %s", reason);
}

static unsigned char *load(struct clact_opencl_cache *cache, const char *key, size_t *length, char *reason)
{
    char name[CLACT_HASH];
    clact_hash(key, strlen(key), name);
    *length = cache->load(cache->data, name, NULL, 0);
    if (*length == 0)
        return NULL;
    unsigned char *bytes = malloc(*length);
    if (bytes && cache->load(cache->data, name, bytes, *length) == *length && clact_cache_unwrap(bytes, length, key, reason))
        return bytes;
    free(bytes);
    return NULL;
}

unsigned char *clact_opencl_cache_get(clact_context *context, const char *what, const char *hash, size_t *length)
{
    struct clact_ocl *ocl = context->ocl;
    char key[KEY_SIZE], reason[CLACT_CACHE_REASON] = "";
    if (is_off(ocl))
        return NULL;
    key_of(ocl, what, hash, key);
    unsigned char *bytes = ocl->cache.load ? load(&ocl->cache, key, length, reason)
                                           : clact_cache_read(ocl->cache.path, key, length, reason);
    warn(context, reason);
    return bytes;
}

void clact_opencl_cache_put(clact_context *context, const char *what, const char *hash, const void *bytes, size_t length)
{
    struct clact_ocl *ocl = context->ocl;
    char key[KEY_SIZE], reason[CLACT_CACHE_REASON] = "", name[CLACT_HASH];
    if (is_off(ocl))
        return;
    key_of(ocl, what, hash, key);
    if (!ocl->cache.store) {
        clact_cache_write(ocl->cache.path, key, bytes, length, reason);
        warn(context, reason);
        return;
    }
    size_t size;
    unsigned char *entry = clact_cache_wrap(key, bytes, length, &size);
    clact_hash(key, strlen(key), name);
    if (entry)
        ocl->cache.store(ocl->cache.data, name, entry, size);
    free(entry);
}

void clact_opencl_cache_drop(clact_context *context, const char *what, const char *hash)
{
    struct clact_ocl *ocl = context->ocl;
    char key[KEY_SIZE];
    if (!ocl->cache.path)
        return; /* the caller's is replaced when the program is stored */
    key_of(ocl, what, hash, key);
    clact_cache_remove(ocl->cache.path, key);
}

/* ---- Programs ------------------------------------------------------------------------------- */

void clact_opencl_cache_note(struct clact_ocl *ocl, cl_program program, const char *hash)
{
    struct clact_opencl_built *b = is_off(ocl) ? NULL : calloc(1, sizeof *b);
    if (!b)
        return; /* it is not stored then */
    if (ocl->api.clRetainProgram(program) != CL_SUCCESS) {
        free(b);
        return;
    }
    b->program = program;
    snprintf(b->hash, sizeof b->hash, "%s", hash);
    pthread_mutex_lock(&ocl->lock);
    b->next = ocl->built;
    ocl->built = b;
    pthread_mutex_unlock(&ocl->lock);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void save(clact_context *context, struct clact_opencl_built *b)
{
    size_t length;
    unsigned char *binary;
    if (atomic_exchange(&b->stored, true) || clact_opencl_binary(context->ocl, b->program, &binary, &length) != CLACT_OK)
        return;
    clact_opencl_cache_put(context, "program", b->hash, binary, length);
    free(binary);
}

void clact_opencl_cache_save(clact_context *context, double seconds)
{
    struct clact_ocl *ocl = context->ocl;
    double start = now();
    pthread_mutex_lock(&ocl->lock);
    struct clact_opencl_built *b = ocl->built;
    pthread_mutex_unlock(&ocl->lock);
    for (; b && (seconds == 0 || now() - start < seconds); b = b->next)
        save(context, b);
}

void clact_opencl_cache_release(struct clact_ocl *ocl)
{
    for (struct clact_opencl_built *b = ocl->built, *next; b; b = next) {
        next = b->next;
        ocl->api.clReleaseProgram(b->program);
        free(b);
    }
    free(ocl->cache.path);
}
