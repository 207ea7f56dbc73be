/* test_threads.c: many threads on one context, the pool, a host program's pool, and forked children. */
#include "mixed.h"
#include "suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Many callers --------------------------------------------------------------------------- */

#define THREADS 8

/* Of each thread: $CLACT_TEST_CALLS where set. */
static int calls(void)
{
    const char *given = getenv("CLACT_TEST_CALLS");
    return given ? atoi(given) : light() ? 40 : 120;
}

/* Whether several threads may use the device, and have the same bits on it. */
static bool takes_threads(void)
{
    bool oclgrind = strstr(test_caps()->platform, "Oclgrind") != NULL; /* its clCreateBuffer is not safe in two threads */
    return !oclgrind && test_caps()->exact == CLACT_EXACT_ALL;
}

START_TEST(many_threads_on_one_context)
{
    clact_context *context = test_context();
    if (takes_threads())
        run_mixed_calls(&context, 1, THREADS, calls());
}
END_TEST

START_TEST(many_threads_on_several_contexts)
{
    clact_context *contexts[3];
    if (!takes_threads())
        return;
    for (size_t i = 0; i < COUNT_OF(contexts); i++)
        OK(clact_open(&contexts[i], NULL));
    run_mixed_calls(contexts, COUNT_OF(contexts), THREADS, calls());
    for (size_t i = 0; i < COUNT_OF(contexts); i++)
        clact_close(&contexts[i]);
}
END_TEST

START_TEST(many_threads_on_the_cpu)
{
    clact_context *context = cpu_context(NULL, 3);
    run_mixed_calls(&context, 1, THREADS, calls());
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
    tcase_add_test(t, many_threads_on_several_contexts);
    tcase_add_test(t, parallel_for_of_the_caller);
    tcase_add_test(t, forked_child);
    tcase_add_test(t, forked_child_of_a_device);
    suite_add_tcase(s, t);
    return s;
}
