/* soak.c: random calls from eight threads on two contexts, for as long as is asked; every result is compared with that
 * of a serial call, and the memory of the process and the live OpenCL objects must not grow.
 *
 *   soak MINUTES
 *
 * The contexts are the device that $CLACT_DEVICE names and the CPU backend; both are closed and opened again after each
 * round. Under the layer (layer/layer.c) the live objects must be none then. */
#include "mixed.h"
#include "suites.h"

#include "layer/layer.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, CALLS = 25, CONTEXTS = 2 };

static double minutes;

static double minutes_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) / 60 + (double)(now.tv_nsec - start->tv_nsec) / 60e9;
}

/* Memory of the process, in KiB, without what its heap keeps for later: that grows with the number of threads that there
 * were at once. 0 where it is not known. */
static long resident(void)
{
    long pages = 0;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* References that are held to OpenCL objects; 0 without the layer. */
static long live_objects(void)
{
    const char *path = getenv("OPENCL_LAYERS");
    void *layer = path ? dlopen(path, RTLD_NOW) : NULL;
    __typeof__(clact_layer_live) *live = NULL;
    if (layer)
        *(void **)&live = dlsym(layer, "clact_layer_live");
    long count = live ? live() : 0;
    if (layer)
        dlclose(layer);
    return count;
}

static void round_of(uint64_t seed)
{
    clact_context *contexts[CONTEXTS];
    OK(clact_open(&contexts[0], NULL));
    OK(clact_open(&contexts[1], &(clact_options){.device = "cpu", .threads = 2}));
    run_random_calls(contexts, CONTEXTS, THREADS, CALLS, seed);
    for (int i = 0; i < CONTEXTS; i++)
        clact_close(&contexts[i]);
    ck_assert_int_eq(live_objects(), 0);
}

/* Flat: the largest in the last quarter of the time is at most a twentieth above that in the second one. In the first, a
 * driver compiles. PoCL 3.1 keeps some 125 bytes of each program for good, also without clact. */
START_TEST(random_calls)
{
    struct timespec start;
    uint64_t seed = 1000, rounds = 0;
    long largest[4] = {0};
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (double at; (at = minutes_since(&start)) < minutes; rounds++, seed += THREADS) {
        round_of(seed);
        long now = resident(), *quarter = &largest[(int)(4 * at / minutes)];
        *quarter = now > *quarter ? now : *quarter;
    }
    printf("%llu calls in %llu rounds; memory in quarters of the time: %ld, %ld, %ld, %ld KiB\n",
           (unsigned long long)rounds * THREADS * CALLS, (unsigned long long)rounds, largest[0], largest[1], largest[2],
           largest[3]);
    ck_assert_msg(!largest[1] || largest[3] <= largest[1] + largest[1] / 20, "the memory grows");
}
END_TEST

int main(int argc, char **argv)
{
    char *end = NULL;
    minutes = argc == 2 ? strtod(argv[1], &end) : 0;
    if (!(minutes > 0) || *end) {
        fputs("usage: soak MINUTES\n", stderr);
        return 2;
    }
    setenv("CLACT_CACHE_DIR", "disabled", 0);
    Suite *suite = suite_create("soak");
    TCase *t = tcase_create("soak");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, random_calls);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
