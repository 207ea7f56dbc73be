/* peers.h: what bench_peers asks of each library that it measures, clact being one of them. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One activation over dense f32 arrays of rows * columns elements, aligned to 64 bytes, that outlive it. Only softmax
 * and log_softmax tell rows from columns; elsewhere there is one row. */
typedef struct peer_job {
    const char *name; /* as clact has it; parameters are clact's defaults */
    bool gradient;    /* out = f'(x) dy; else out = f(x) */
    size_t rows, columns;
    unsigned threads; /* that may work on it, the caller's included */
    const float *x, *y, *dy;
    float *out;
} peer_job;

typedef struct peer {
    const char *name;
    void (*version)(char *out, size_t size);
    /* NULL: it has no such function, or it failed. Everything that can be done once for many calls is done here. */
    void *(*prepare)(const peer_job *job);
    void (*run)(void *prepared); /* returns when out is written */
    void (*release)(void *prepared);
} peer;

#define PEER(name) extern const peer peer_##name;
PEER(clact)
PEERS
#undef PEER

static inline size_t peer_elements(const peer_job *job)
{
    return job->rows * job->columns;
}

#ifdef __cplusplus
}
#endif

#endif
