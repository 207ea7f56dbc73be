/* bench.h: what the files of `clact bench` share. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "common.h"
#include "report.h"
#include "timing.h"

#include <jansson.h>

enum { BENCH_SIZES = 32, BENCH_THREADS = 16, BENCH_ROUNDS = 1001 /* at most */ };

typedef struct bench_options {
    context_options context;
    const char **names;
    size_t name_count;
    size_t sizes[BENCH_SIZES];
    size_t size_count;
    clact_type types[CLACT_TYPE_COUNT];
    size_t type_count;
    uint32_t threads[BENCH_THREADS];
    size_t thread_count;
    int64_t rounds;
    bool in_place;
    output_format format;
    const char *compare; /* a file; may be NULL */
} bench_options;

typedef struct bench_result {
    const char *name;
    clact_type type;
    bool gradient, in_place;
    size_t count; /* elements */
    uint32_t threads; /* as asked for */
    size_t bytes;     /* read and written by a pass */
    timing work, copy; /* seconds of a pass, and of one that only reads and writes as much */
    const char *copy_by; /* what made the latter */
    unsigned copy_threads; /* 0: as many as clact took */
} bench_result;

/* ---- Measuring: bench_passes.c -------------------------------------------------------------- */

typedef struct bench bench;

/* With room for the largest size in the widest type, on so many threads. */
bench *bench_open(const bench_options *options, uint32_t threads);
void bench_close(bench *b);
clact_caps bench_caps(const bench *b);
/* Sets the measurements of result, the rest of which says what to measure. */
void bench_measure(bench *b, bench_result *result, size_t rounds);

/* ---- The report: bench_report.c ------------------------------------------------------------- */

/* What `clact bench --json` printed; ends the program where the file is anything else. */
json_t *bench_read(const char *path);

/* old: from bench_read, or NULL; it is released. */
void bench_report(const bench_options *options, const clact_caps *caps, const bench_result *results, size_t count,
                  json_t *old);

#endif
