/* streams.c: loops that only read and write memory. */
#include "streams.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

const char *const stream_names[STREAM_KINDS] = {"memcpy", "vectors", "past the cache"};

enum { LINE = 64, MOST_THREADS = 256 };

typedef uint64_t line __attribute__((vector_size(LINE), may_alias));

/* With all bits set in mask what is written is a. The compiler does not know that: it reads b, and writes a where it
 * came from. */
static volatile uint64_t all_bits = UINT64_MAX;

/* Inlined into functions for several instruction sets. */
static inline __attribute__((always_inline)) void vectors(line *to, const line *a, const line *b, size_t lines)
{
    const uint64_t bits = all_bits;
    const line mask = {bits, bits, bits, bits, bits, bits, bits, bits};
    if (b)
        for (size_t i = 0; i < lines; i++)
            to[i] = (a[i] & mask) | (b[i] & ~mask);
    else
        for (size_t i = 0; i < lines; i++)
            to[i] = a[i] & mask;
}

static void vectors_of_any(line *to, const line *a, const line *b, size_t lines)
{
    vectors(to, a, b, lines);
}

#if defined(__x86_64__)
static __attribute__((target("avx2"))) void vectors_of_avx2(line *to, const line *a, const line *b, size_t lines)
{
    vectors(to, a, b, lines);
}

static __attribute__((target("avx512f"))) void vectors_of_avx512(line *to, const line *a, const line *b, size_t lines)
{
    vectors(to, a, b, lines);
}

static void plain(line *to, const line *a, const line *b, size_t lines)
{
    if (__builtin_cpu_supports("avx512f"))
        vectors_of_avx512(to, a, b, lines);
    else if (__builtin_cpu_supports("avx2"))
        vectors_of_avx2(to, a, b, lines);
    else
        vectors_of_any(to, a, b, lines);
}

static void past_cache(line *to, const line *a, const line *b, size_t lines)
{
    const __m128i mask = _mm_set1_epi64x((long long)all_bits);
    __m128i *out = (__m128i *)to;
    const __m128i *first = (const __m128i *)a, *second = (const __m128i *)b;
    for (size_t i = 0; i < lines * 4; i++) {
        __m128i value = _mm_and_si128(first[i], mask);
        _mm_stream_si128(out + i, second ? _mm_or_si128(value, _mm_andnot_si128(mask, second[i])) : value);
    }
    _mm_sfence();
}
#else
static void plain(line *to, const line *a, const line *b, size_t lines)
{
    vectors_of_any(to, a, b, lines);
}

static void past_cache(line *to, const line *a, const line *b, size_t lines)
{
    vectors_of_any(to, a, b, lines);
}
#endif

struct part {
    stream_kind kind;
    size_t bytes;
    char *to;
    const char *a, *b;
    pthread_t thread;
    bool started;
};

static void *run_part(void *argument)
{
    const struct part *p = argument;
    if (p->kind == STREAM_MEMCPY) {
        if (p->to != p->a)
            memcpy(p->to, p->a, p->bytes);
        return NULL;
    }
    const size_t lines = p->bytes / LINE;
    (p->kind == STREAM_VECTORS ? plain : past_cache)((line *)p->to, (const line *)p->a, (const line *)p->b, lines);
    memmove(p->to + lines * LINE, p->a + lines * LINE, p->bytes % LINE);
    return NULL;
}

void stream_run(stream_kind kind, unsigned threads, size_t bytes, void *to, const void *a, const void *b)
{
    static _Thread_local struct part parts[MOST_THREADS];
    const unsigned count = threads < MOST_THREADS ? threads : MOST_THREADS;
    const size_t share = bytes / count / LINE * LINE;
    for (unsigned i = 0; i < count; i++) {
        const size_t first = i * share;
        parts[i] = (struct part){.kind = kind, .bytes = i + 1 < count ? share : bytes - first, .to = (char *)to + first,
                                 .a = (const char *)a + first, .b = b ? (const char *)b + first : NULL};
        parts[i].started = i + 1 < count && pthread_create(&parts[i].thread, NULL, run_part, &parts[i]) == 0;
        if (!parts[i].started)
            run_part(&parts[i]);
    }
    for (unsigned i = 0; i < count; i++)
        if (parts[i].started)
            pthread_join(parts[i].thread, NULL);
}
