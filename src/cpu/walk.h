/* walk.h: how a call goes through its elements on the CPU: where a walk over several views stands, and work
 * split over threads. */
#ifndef CLACT_CPU_WALK_H
#define CLACT_CPU_WALK_H

#include "cpu.h"

#define CLACT_WALK_VIEWS 8 /* at most */

/* Views of one shape, walked together in row-major order; dims and strides are right-aligned. */
struct clact_walk {
    const int64_t *dims;
    const struct clact_view *views;
    int count;
    bool dense; /* consecutive elements in each: element i is at offset + i */
};

/* Where a walk stands: coordinates, and the element's offset in each view. */
struct clact_cursor {
    int64_t at[CLACT_MAX_RANK];
    int64_t offset[CLACT_WALK_VIEWS];
};

void clact_cursor_set(struct clact_cursor *c, const struct clact_walk *w, uint64_t index);
/* Moves on by n elements, which do not pass the end of the inner axis. */
void clact_cursor_move(struct clact_cursor *c, const struct clact_walk *w, int64_t n);

/* Loads into (or stores from) consecutive reals the n elements of view v from where c stands. base: where the
 * view's memory begins, of elements of size bytes. */
void clact_walk_load(const struct clact_walk *w, struct clact_cursor c, int v, const struct clact_cpu_kernels *kernels,
                     const char *base, size_t n, void *to);
void clact_walk_store(const struct clact_walk *w, struct clact_cursor c, int v, const struct clact_cpu_kernels *kernels,
                      char *base, size_t n, const void *from);

/* Calls range(job, first, end) for parts that make up 0 to count, on as many threads as pay where an element
 * is work times that of an element-wise call; each part but the last has a multiple of 4096 elements. */
clact_status clact_cpu_split(clact_context *context, uint64_t count, uint64_t work,
                             void (*range)(const void *job, uint64_t first, uint64_t end), const void *job);
/* The same where each part has a multiple of grain elements. */
clact_status clact_cpu_split_at(clact_context *context, uint64_t count, uint64_t work, uint64_t grain,
                                void (*range)(const void *job, uint64_t first, uint64_t end), const void *job);

#endif
