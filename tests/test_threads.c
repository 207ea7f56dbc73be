/* test_threads.c: many threads on one context, the pool, a host program's pool, and forked children. */
#include "mixed.h"
#include "suites.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
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
    bool oclgrind = strstr(test_caps()->platform, "Oclgrind") != NULL; /* its clCreateBuffer is not thread-safe */
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

/* The pool keeps its own threads off the caller's processor, when it wakes them; the caller's stay as they are. */
START_TEST(the_caller_keeps_its_processors)
{
    enum { SIZE = 1 << 20 };
    cpu_set_t before, after;
    float *x = calloc(SIZE, sizeof *x);
    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    clact_context *context = cpu_context(NULL, 3);
    clact_activation *f = named("sigmoid");
    for (int k = 0; k < 3; k++) {
        OK(clact_apply(context, f, SIZE, x, x));
        usleep(5000); /* they fall asleep */
    }
    ck_assert_int_eq(sched_getaffinity(0, sizeof after, &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
    clact_activation_destroy(&f);
    clact_close(&context);
    free(x);
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

#define FORK_N 2000000 /* more than one thread computes alone */

struct family {
    clact_context *context;
    clact_activation *f;
    clact_buffer *buffer; /* of the context */
    float *x, *y;
};

static struct family start_family(clact_context *context)
{
    struct family a = {context, named("sigmoid"), NULL, calloc(FORK_N, sizeof(float)), calloc(FORK_N, sizeof(float))};
    ck_assert(a.x && a.y);
    OK(clact_buffer_create(&a.buffer, context, 64));
    OK(clact_apply(context, a.f, FORK_N, a.x, a.y)); /* starts the pool */
    return a;
}

static void end_family(struct family *a)
{
    clact_buffer_destroy(&a->buffer);
    clact_activation_destroy(&a->f);
    free(a->x);
    free(a->y);
}

/* What a child does may not hang, and no assertion may leave it: checks return 0, or the number of the one that
 * failed. Returns the child's status. */
static int in_child(struct family *a, int (*checks)(struct family *))
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check's handler would kill the whole process group */
        alarm(20);
        _exit(checks(a));
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static bool forked(clact_status status)
{
    return status == CLACT_E_FORKED && strstr(clact_error(), "fork()") != NULL;
}

/* Everything but threads works, and so does closing. */
static int cpu_checks(struct family *a)
{
    float v[4] = {1, 2, 3, 4}, back[4] = {0};
    void *mapped;
    clact_context *fresh;
    clact_activation *relu;
    clact_buffer *own;
    if (clact_apply(a->context, a->f, 100, a->x, a->y) != CLACT_OK || a->y[99] != 0.5f)
        return 1;
    if (!forked(clact_apply(a->context, a->f, FORK_N, a->x, a->y)))
        return 2;
    if (clact_buffer_write(a->buffer, 0, sizeof v, v) != CLACT_OK ||
        clact_buffer_read(a->buffer, 0, sizeof v, back) != CLACT_OK || memcmp(v, back, sizeof v) != 0)
        return 3;
    if (clact_buffer_map(&mapped, a->buffer, 0, 4, CLACT_MAP_READ) != CLACT_OK ||
        clact_buffer_unmap(a->buffer, mapped) != CLACT_OK)
        return 4;
    if (clact_buffer_create(&own, a->context, 8) != CLACT_OK)
        return 5;
    clact_buffer_destroy(&own);
    if (clact_activation_named(&relu, "relu", NULL, 0) != CLACT_OK ||
        clact_open(&fresh, &(clact_options){.device = "cpu"}) != CLACT_OK)
        return 6;
    if (clact_apply(fresh, relu, 4, v, back) != CLACT_OK || back[3] != 4)
        return 7;
    clact_activation_destroy(&relu);
    clact_close(&fresh);
    clact_buffer_destroy(&a->buffer);
    clact_close(&a->context);
    return a->context || a->buffer ? 8 : 0;
}

/* Nothing reaches the device. */
static int device_checks(struct family *a)
{
    float v[4] = {0};
    void *mapped;
    clact_caps caps;
    clact_buffer *own;
    clact_operand x = clact_array(CLACT_F32, NULL, 4), host = clact_array(CLACT_F32, v, 4);
    clact_activation *kinds[] = {NULL, NULL, NULL};
    if (clact_activation_named(&kinds[0], "relu", NULL, 0) != CLACT_OK ||
        clact_activation_named(&kinds[1], "softmax", NULL, 0) != CLACT_OK ||
        clact_activation_named(&kinds[2], "crelu", NULL, 0) != CLACT_OK)
        return 1;
    x.buffer = a->buffer;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        clact_operand y = x;
        y.tensor.dims[0] = k == 2 ? 8 : 4;
        y.tensor.offset = 4 * (k > 0);
        if (!forked(clact_forward(a->context, kinds[k], &(clact_forward_args){.x = &x, .y = &y})))
            return 2;
        clact_activation_destroy(&kinds[k]);
    }
    clact_status status = clact_forward(a->context, a->f, &(clact_forward_args){.x = &host, .y = &host});
    if (test_caps()->host_backend == CLACT_BACKEND_OPENCL ? !forked(status) : status != CLACT_OK)
        return 3;
    if (!forked(clact_buffer_write(a->buffer, 0, sizeof v, v)) || !forked(clact_buffer_read(a->buffer, 0, sizeof v, v)))
        return 4;
    if (!forked(clact_buffer_map(&mapped, a->buffer, 0, 4, CLACT_MAP_READ)) ||
        !forked(clact_buffer_create(&own, a->context, 8)))
        return 5;
    if (!forked(clact_finish(a->context)) || !forked(clact_context_caps(a->context, &caps)))
        return 6;
    clact_buffer_destroy(&a->buffer);
    clact_close(&a->context);
    return a->context || a->buffer ? 7 : 0;
}

START_TEST(forked_child)
{
    clact_context *context = cpu_context(NULL, 4);
    struct family a = start_family(context);
    ck_assert_int_eq(in_child(&a, cpu_checks), 0);
    OK(clact_apply(context, a.f, FORK_N, a.x, a.y)); /* the parent goes on */
    end_family(&a);
    clact_close(&context);
}
END_TEST

START_TEST(forked_child_of_a_device)
{
    if (test_caps()->backend != CLACT_BACKEND_OPENCL)
        return;
    struct family a = start_family(test_context());
    ck_assert_int_eq(in_child(&a, device_checks), 0);
    OK(clact_apply(test_context(), a.f, 100, a.x, a.y));
    end_family(&a);
}
END_TEST

struct busy {
    struct family *family;
    atomic_bool *stop;
    clact_status status;
};

static void *call_until_stopped(void *argument)
{
    struct busy *b = argument;
    float *y = malloc(FORK_N * sizeof *y);
    while (y && b->status == CLACT_OK && !atomic_load(b->stop))
        b->status = clact_apply(b->family->context, b->family->f, FORK_N / 4, b->family->x, y);
    free(y);
    return NULL;
}

/* Forks while two threads are inside calls: what they hold must hold up nothing in the child. */
static void fork_among_calls(clact_context *context, int (*checks)(struct family *))
{
    atomic_bool stop = false;
    struct family a = start_family(context);
    struct busy busy[2] = {{&a, &stop, CLACT_OK}, {&a, &stop, CLACT_OK}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_until_stopped, &busy[i]), 0);
    int child = 0;
    for (int i = 0; child == 0 && i < (light() ? 4 : 12); i++)
        child = in_child(&a, checks);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    end_family(&a);
    ck_assert_int_eq(child, 0);
    ck_assert_int_eq(busy[0].status, CLACT_OK);
    ck_assert_int_eq(busy[1].status, CLACT_OK);
}

START_TEST(forked_among_calls)
{
    clact_context *context = cpu_context(NULL, 4);
    fork_among_calls(context, cpu_checks);
    clact_close(&context);
}
END_TEST

START_TEST(forked_among_calls_of_a_device)
{
    if (test_caps()->backend == CLACT_BACKEND_OPENCL && takes_threads())
        fork_among_calls(test_context(), device_checks);
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
    tcase_add_test(t, the_caller_keeps_its_processors);
    tcase_add_test(t, parallel_for_of_the_caller);
    tcase_add_test(t, forked_child);
    tcase_add_test(t, forked_child_of_a_device);
    tcase_add_test(t, forked_among_calls);
    tcase_add_test(t, forked_among_calls_of_a_device);
    suite_add_tcase(s, t);
    return s;
}
