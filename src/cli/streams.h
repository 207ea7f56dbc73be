/* streams.h: loops that only read and write memory: the limit of what an activation on the same arrays can reach. */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

#include <stddef.h>

typedef enum stream_kind {
    STREAM_MEMCPY,   /* of one array */
    STREAM_VECTORS,  /* a loop over the widest vectors that the processor has */
    STREAM_PAST_CACHE, /* the same with stores that leave the caches out, where the processor has them */
    STREAM_KINDS
} stream_kind;

/* "memcpy", "vectors", "past the cache". */
extern const char *const stream_names[STREAM_KINDS];

/* to = a; b is read too where it is not NULL. to may be a, which is then read and written. Arrays are aligned to 64
 * bytes. Each of the threads but the caller's is started for the call, which pays for megabytes. */
void stream_run(stream_kind kind, unsigned threads, size_t bytes, void *to, const void *a, const void *b);

#endif
