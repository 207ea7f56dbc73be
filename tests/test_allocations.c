/* test_allocations.c: every allocation that clact makes is failed in turn.
 *
 * The libraries are linked statically, and the linker puts __wrap_malloc and its like in the place of their calls; the
 * drivers' own are not touched. Each public operation (operations.h) is tried on the CPU backend and on an OpenCL device
 * with allocation N failed, for N = 1, 2, ... until it makes no more; once, and from then on. It must end in the right
 * result or in CLACT_E_MEMORY, with outputs as they were or whole; then, with nothing failing, it must succeed on the
 * same context, and leave nothing allocated.
 *
 *   test_allocations [--brief] [cpu|opencl] [NAME ...]   briefly: the first ones, and of the others ever fewer;
 *                                                         NAME: operations whose names begin so */
#include "operations.h"
#ifdef CLACT_TEST_OPENCL
#include "handles.h"
#else
#define load_handles() false
#endif

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Allocations ---------------------------------------------------------------------------- */

/* On from arm() to disarm(): the nth fails, and where it is sticky those behind it. */
static struct {
    atomic_bool on;
    atomic_long count;
    long nth;
    bool sticky;
} fault;
static atomic_long held; /* allocated, and not freed */

static bool fails(void)
{
    if (!atomic_load(&fault.on))
        return false;
    long n = atomic_fetch_add(&fault.count, 1) + 1;
    bool failed = n == fault.nth || (fault.sticky && n > fault.nth);
    if (failed)
        errno = ENOMEM;
    return failed;
}

static void *hold(void *memory)
{
    atomic_fetch_add(&held, memory != NULL);
    return memory;
}

#define WRAP(type, name, params, args, failure, result) \
    type __real_##name params;                          \
    type __wrap_##name params;                          \
    type __wrap_##name params                           \
    {                                                   \
        if (fails())                                    \
            return failure;                             \
        return result(__real_##name args);              \
    }

WRAP(void *, malloc, (size_t size), (size), NULL, hold)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL, hold)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL, hold)
WRAP(char *, strdup, (const char *text), (text), NULL, hold)
/* These allocate inside. */
WRAP(DIR *, fdopendir, (int fd), (fd), NULL, )
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, )
WRAP(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *data),
     (thread, attributes, start, data), EAGAIN, )

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    return memory ? __real_realloc(memory, size) : hold(__real_realloc(memory, size));
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    atomic_fetch_sub(&held, memory != NULL);
    __real_free(memory);
}

static void arm(void)
{
    atomic_store(&fault.on, true);
}

static void disarm(void)
{
    atomic_store(&fault.on, false);
}

/* ---- One fault ------------------------------------------------------------------------------ */

static unsigned passed, failed;
static bool brief;
static char folder[] = "/tmp/clact-allocations-XXXXXX", cache[64];

static void verdict(bool good, const char *device, const char *what, long number, const char *detail)
{
    passed += good;
    failed += !good;
    if (!good)
        printf("FAILED: %s on %s, allocation %ld: %s\n", what, device, number, detail);
}

struct outcome {
    int points, right;
};

static bool try_once(const struct operation *o, enum place place, const clact_options *options, long n, bool sticky,
                     struct outcome *out)
{
    struct trial t = {.operation = o, .place = place, .options = options, .folder = folder, .arm = arm, .disarm = disarm};
    const long before = atomic_load(&held);
    if (clact_open(&t.context, options) != CLACT_OK) {
        verdict(false, options->device, o->name, n, clact_error());
        return false;
    }
    fault.nth = n;
    fault.sticky = sticky;
    atomic_store(&fault.count, 0);
    clact_status status = operation_try(&t);
    const bool met = atomic_load(&fault.count) >= n;
    verdict(!t.wrong, options->device, o->name, n, t.wrong ? t.wrong : "");
    verdict(status == CLACT_OK || (met && status == CLACT_E_MEMORY), options->device, o->name, n, clact_error());
    out->points += met;
    out->right += met && status == CLACT_OK;
    fault.nth = 0;
    fault.sticky = false;
    t.wrong = NULL;
    verdict(!met || (operation_try(&t) == CLACT_OK && !t.wrong), options->device, o->name, n, "is not to be had after that");
    clact_close(&t.context);
    verdict(atomic_load(&held) == before, options->device, o->name, n, "memory is left behind");
    return met;
}

static void sweep(const struct operation *o, const clact_options *options, struct outcome *total)
{
    struct outcome out = {0};
    const bool opencl = strcmp(options->device, "cpu") != 0;
    for (enum place p = ON_HOST; p < PLACE_COUNT; p++)
        for (int sticky = 0; sticky < 2 && (o->whole ? p == ON_HOST : o->places & AT(p) && (opencl || p != ENQUEUED)); sticky++)
            for (long n = 1; try_once(o, p, options, n, sticky, &out); n += brief ? 1 + n / 2 : 1)
                ;
    printf("%s on %s: %d points, %d right\n", o->name, options->device, out.points, out.right);
    total->points += out.points;
    total->right += out.right;
}

static void sweep_all(const clact_options *options, int count, char **names)
{
    struct outcome total = {0};
    clact_context *cpu;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK) {
        verdict(false, "cpu", "opening", 0, clact_error());
        return;
    }
    const struct operation *o;
    for (int i = 0; (o = operation_at(i)); i++) {
        if (!operation_is_named(o, count, names))
            continue;
        verdict(operation_expect(o, cpu), "cpu", o->name, 0, clact_error());
        sweep(o, options, &total);
    }
    clact_close(&cpu);
    verdict(total.points > 0, options->device, "all", 0, "nothing is counted: the library's calls are not wrapped");
    printf("%s: %d allocations failed; %d with the right result, %d with CLACT_E_MEMORY\n", options->device, total.points,
           total.right, total.points - total.right);
}

int main(int argc, char **argv)
{
    brief = argc > 1 && strcmp(argv[1], "--brief") == 0;
    argc -= brief;
    argv += brief;
    const char *device = argc > 1 ? argv[1] : "cpu";
    clact_context *c;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(folder))
        return 1;
    snprintf(cache, sizeof cache, "%s/programs", folder);
    clact_status status = strcmp(device, "cpu") == 0 || load_handles() ? clact_open(&c, &(clact_options){.device = device})
                                                                       : CLACT_E_NO_DEVICE;
    if (status != CLACT_OK) {
        printf("there is no device %s\n", device);
        return status == CLACT_E_NO_DEVICE ? 77 : 1;
    }
    clact_close(&c);
    verdict(atomic_load(&held) == 0, device, "opening and closing", 0, "memory is left behind, or not counted");
    sweep_all(&(clact_options){.device = device, .cache = cache}, argc > 2 ? argc - 2 : 0, argv + 2);
    clact_cache_clear(cache, NULL);
    rmdir(cache);
    verdict(rmdir(folder) == 0, device, "the folder", 0, folder);
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
