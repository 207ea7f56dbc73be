/* test_threads.c: many threads on one context, the pool, a host program's pool, and forked children. */
#include "suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Many callers --------------------------------------------------------------------------- */

#define THREADS 8
#define ROUNDS 60
#define LARGEST 300000 /* enough to start the pool */

struct worker {
    clact_context *context;
    unsigned seed;
    const char *failure;
};

/* A call of a random row on a random size, on host memory or in buffers, against the CPU backend. */
static void *mixed_calls(void *argument)
{
    struct worker *w = argument;
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    uint64_t seed = w->seed;
    float *x = malloc(LARGEST * sizeof *x), *y = malloc(LARGEST * sizeof *y), *z = malloc(LARGEST * sizeof *z);
    clact_context *alone = NULL;
    clact_options options = {.device = "cpu", .threads = 1};
    if (!x || !y || !z || clact_open(&alone, &options) != CLACT_OK)
        w->failure = "set-up";
    for (int round = 0; !w->failure && round < ROUNDS; round++) {
        size_t n = round % 8 ? 1 + next_random(&seed) % 30000 : LARGEST;
        clact_activation *f = NULL;
        fill_strata(x, n, seed);
        if (clact_activation_named(&f, list[next_random(&seed) % count].name, NULL, 0) != CLACT_OK ||
            clact_apply(alone, f, n, x, z) != CLACT_OK)
            w->failure = "reference";
        else if (round % 2)
            run_array(w->context, f, CLACT_F32, n, x, NULL, y);
        else if (clact_apply(w->context, f, n, x, y) != CLACT_OK)
            w->failure = "call";
        if (!w->failure && memcmp(y, z, n * sizeof *y) != 0)
            w->failure = "wrong result";
        clact_activation_destroy(&f);
    }
    clact_close(&alone);
    free(x);
    free(y);
    free(z);
    return NULL;
}

static void run_workers(clact_context *context)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){context, 100 + i, NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, mixed_calls, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(!workers[i].failure, "thread %u: %s", i, workers[i].failure);
    }
}

START_TEST(many_threads_on_one_context)
{
    if (strstr(test_caps()->platform, "Oclgrind")) /* its clCreateBuffer is not safe to call from two threads */
        return;
    if (test_caps()->exact == CLACT_EXACT_ALL)
        run_workers(test_context());
}
END_TEST

START_TEST(many_threads_on_the_cpu)
{
    clact_context *context = cpu_context(NULL, 3);
    run_workers(context);
    clact_close(&context);
}
END_TEST

/* ---- The host program's pool ---------------------------------------------------------------- */

static atomic_uint tasks_run;

static void backwards(void *data, void (*task)(void *work, uint32_t i), void *work, uint32_t count)
{
    (void)data;
    for (uint32_t i = count; i-- > 0; atomic_fetch_add(&tasks_run, 1))
        task(work, i);
}

START_TEST(parallel_for_of_the_caller)
{
    enum { N = 1000003 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), *z = malloc(N * sizeof *z);
    clact_context *context, *alone = cpu_context(NULL, 1);
    clact_options options = {.device = "cpu", .threads = 7, .parallel_for = backwards};
    clact_activation *f = named("tanh");
    ck_assert(x && y && z);
    fill_strata(x, N, 8);
    OK(clact_open(&context, &options));
    OK(clact_apply(context, f, N, x, y));
    OK(clact_apply(alone, f, N, x, z));
    ck_assert_uint_ge(atomic_load(&tasks_run), 7);
    ck_assert_int_eq(memcmp(y, z, N * sizeof *y), 0);
    clact_activation_destroy(&f);
    clact_close(&context);
    clact_close(&alone);
    free(x);
    free(y);
    free(z);
}
END_TEST

/* ---- Forked children ------------------------------------------------------------------------ */

static int in_child(clact_context *context, clact_activation *f, float *x, float *y, size_t n, clact_status expected)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        clact_status status = clact_apply(context, f, n, x, y);
        bool sentence = status == CLACT_OK || strstr(clact_error(), "fork") != NULL;
        clact_close(&context);
        _exit(status == expected && sentence ? 0 : 1);
    }
    int status;
    ck_assert(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(forked_child)
{
    enum { N = 2000000 };
    float *x = calloc(N, sizeof *x), *y = calloc(N, sizeof *y);
    clact_context *context = cpu_context(NULL, 4);
    clact_activation *f = named("sigmoid");
    ck_assert(x && y);
    OK(clact_apply(context, f, N, x, y)); /* starts the pool */
    ck_assert_int_eq(in_child(context, f, x, y, 100, CLACT_OK), 0);
    ck_assert_int_eq(in_child(context, f, x, y, N, CLACT_E_FORKED), 0);
    OK(clact_apply(context, f, N, x, y));
    clact_close(&context);
    clact_activation_destroy(&f);
    free(x);
    free(y);
}
END_TEST

START_TEST(forked_child_of_a_device)
{
    float x[4] = {1, 2, 3, 4}, y[4];
    clact_activation *f = named("relu");
    if (test_caps()->host_backend == CLACT_BACKEND_OPENCL)
        ck_assert_int_eq(in_child(test_context(), f, x, y, 4, CLACT_E_FORKED), 0);
    clact_activation_destroy(&f);
}
END_TEST

Suite *threads_suite(void)
{
    Suite *s = suite_create("threads");
    TCase *t = tcase_create("threads");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, many_threads_on_the_cpu);
    tcase_add_test(t, many_threads_on_one_context);
    tcase_add_test(t, parallel_for_of_the_caller);
    tcase_add_test(t, forked_child);
    tcase_add_test(t, forked_child_of_a_device);
    suite_add_tcase(s, t);
    return s;
}
