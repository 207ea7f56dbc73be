/* timing.h: the clock, and what rounds of measurements come to; for `clact bench` and the programs of bench/. */
#ifndef CLI_TIMING_H
#define CLI_TIMING_H

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

static inline double clock_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double now(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

/* The median of rounds, and their spread: the distance of the quartiles as a share of the median. */
typedef struct timing {
    double median, spread;
} timing;

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the rounds. */
static inline timing timing_of(double *rounds, size_t count)
{
    qsort(rounds, count, sizeof *rounds, compare_doubles);
    double median = rounds[count / 2], width = rounds[count - 1 - count / 4] - rounds[count / 4];
    return (timing){median, median > 0 ? width / median : 0};
}

/* Waits, for a fifth of a second at most, until no other thread of the process is busy: those of pools spin for a while
 * after a call, and would take a processor from whoever is measured next. The kernel brings the times of threads that
 * run up to date with every tick, so a pause is longer than one. */
static inline void wait_for_idle_threads(void)
{
    static const struct timespec pause = {0, 5000000};
    for (int i = 0; i < 40; i++) {
        double start = now(), busy = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        nanosleep(&pause, NULL);
        if (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - busy < 0.1 * (now() - start))
            return;
    }
}

#endif
