/* copy.c: an activation on a large array against memcpy and a streaming copy on as many threads, interleaved.
 *
 *   bench_copy [NAME] [ELEMENTS] [THREADS]      relu, 64 Mi, 2
 *
 * Prints medians of rounds that are taken in turn, in ns an element, and the ratio to the faster copy. */
#include <clact/clact.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { ROUNDS = 21, MOST_THREADS = 64, WAYS = 3 };

struct part {
    float *to;
    const float *from;
    size_t n;
    int streaming;
};

static void stream(float *to, const float *from, size_t n)
{
#ifdef __SSE2__
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k += 4)
            _mm_stream_ps(to + i + k, _mm_loadu_ps(from + i + k));
    memcpy(to + i, from + i, (n - i) * sizeof *to);
    _mm_sfence();
#else
    memcpy(to, from, n * sizeof *to);
#endif
}

static void *copy_part(void *argument)
{
    struct part *p = argument;
    if (p->streaming)
        stream(p->to, p->from, p->n);
    else
        memcpy(p->to, p->from, p->n * sizeof *p->to);
    return NULL;
}

static void copy(float *to, const float *from, size_t n, unsigned threads, int streaming)
{
    pthread_t handles[MOST_THREADS];
    struct part parts[MOST_THREADS];
    size_t share = n / threads / 16 * 16;
    for (unsigned i = 0; i < threads; i++) {
        parts[i] = (struct part){to + i * share, from + i * share, i + 1 < threads ? share : n - i * share, streaming};
        if (i + 1 == threads || pthread_create(&handles[i], NULL, copy_part, &parts[i]) != 0)
            copy_part(&parts[i]), handles[i] = pthread_self();
    }
    for (unsigned i = 0; i + 1 < threads; i++)
        if (!pthread_equal(handles[i], pthread_self()))
            pthread_join(handles[i], NULL);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "relu";
    size_t n = argc > 2 ? strtoull(argv[2], NULL, 0) : (size_t)64 << 20;
    unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 0) : 2;
    static double times[WAYS][ROUNDS];
    clact_context *context;
    clact_activation *f;
    clact_options options = {.device = "cpu", .threads = threads};
    float *x = aligned_alloc(64, n * sizeof *x), *y = aligned_alloc(64, n * sizeof *y);
    if (!x || !y || n < 1 || threads < 1 || threads > MOST_THREADS || clact_open(&context, &options) != CLACT_OK ||
        clact_activation_named(&f, name, NULL, 0) != CLACT_OK) {
        fprintf(stderr, "bench_copy: %s\n", clact_error());
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 1000) * 0.01f - 5.0f, y[i] = 0;
    for (int r = -1; r < ROUNDS; r++) /* the first round warms up */
        for (int way = 0; way < WAYS; way++) {
            double start = seconds();
            if (way == 0)
                clact_apply(context, f, n, x, y);
            else
                copy(y, x, n, threads, way == 2);
            if (r >= 0)
                times[way][r] = (seconds() - start) / (double)n * 1e9;
        }
    for (int way = 0; way < WAYS; way++)
        qsort(times[way], ROUNDS, sizeof **times, by_value);
    double own = times[0][ROUNDS / 2], plain = times[1][ROUNDS / 2], streaming = times[2][ROUNDS / 2];
    printf("%s, %zu elements, %u threads: %.4f ns; memcpy %.4f; streaming copy %.4f; ratio to the faster %.2f\n", name, n,
           threads, own, plain, streaming, own / (plain < streaming ? plain : streaming));
    clact_activation_destroy(&f);
    clact_close(&context);
    free(x);
    free(y);
    return 0;
}
