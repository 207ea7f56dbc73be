/* cpu.h: the CPU backend's parts: kernels compiled for each instruction set, and the thread pool. */
#ifndef CLACT_CPU_H
#define CLACT_CPU_H

#include "../backend.h"
#include "../custom.h"

/* One function over n consecutive elements of the type computed in; t is the tensor parameter, dy
 * is read backward only. out may be x or dy. */
typedef void (*clact_cpu_loop)(size_t n, const void *x, const void *dy, const void *t, const void *parameters,
                               void *out);
/* n elements of a stored type with a stride, to or from consecutive ones of the type computed in. */
typedef void (*clact_cpu_load)(size_t n, const void *from, int64_t stride, void *to);
typedef void (*clact_cpu_store)(size_t n, const void *from, void *to, int64_t stride);

struct clact_cpu_kernels {
    clact_cpu_loop loops[ROW_COUNT][DIRECTION_COUNT]; /* from y: NULL where the row has none of its own */
    /* out += terms of the gradient of parameter k; the first learnable_count exist. */
    clact_cpu_loop learn[ROW_COUNT][CLACT_MAX_GRADIENTS];
    clact_cpu_load load[CLACT_TYPE_COUNT];
    clact_cpu_store store[CLACT_TYPE_COUNT];
    /* to += from for n reals, which do not overlap. */
    void (*add)(size_t n, const void *from, void *to);
    /* The noise of n elements from row-major index first on, with a stride. */
    void (*noise)(size_t n, uint64_t seed, uint64_t offset, int64_t first, int64_t stride, void *out);
    /* out = beta * old + out for n reals. */
    void (*accumulate)(size_t n, const void *old, const void *beta, void *out);
    /* y = table[x] for n bytes, with strides; y may be x. */
    void (*look_up)(size_t n, const uint8_t *table, const uint8_t *x, int64_t x_stride, uint8_t *y, int64_t y_stride);
    /* Copies past the caches; the caller ends with fence(). */
    void (*stream)(void *to, const void *from, size_t bytes);
    void (*fence)(void);
    void (*probe)(uint32_t *out);
};

struct clact_cpu_rows;
/* Rows first to end of a row-wise call. */
typedef void (*clact_cpu_rowwise_loop)(const struct clact_cpu_rows *rows, uint64_t first, uint64_t end);

struct clact_cpu_rows {
    const struct clact_rowwise_launch *launch;
    const struct clact_cpu_kernels *kernels; /* that load and store */
    clact_cpu_rowwise_loop run;
    const char *base[ROWWISE_VIEW_COUNT]; /* where the views' memory begins */
};

/* Parts of maps over n consecutive elements of the type computed in. An output may be an input. */
struct clact_cpu_map_loops {
    void (*multiply)(size_t n, const void *a, const void *b, void *out);
    void (*pass_on)(size_t n, const void *derivative, const void *dy, void *out); /* gradient() */
    void (*crelu)(size_t n, const void *x, void *y1, void *y2);
    void (*crelu_backward)(size_t n, const void *x, const void *dy1, const void *dy2, void *out);
    void (*crelu_backward_y)(size_t n, const void *y1, const void *y2, const void *dy1, const void *dy2, void *out);
    /* The piece x in the place of most where it wins; best: the number of the piece that did. */
    void (*maxout)(size_t n, uint32_t piece, const void *x, void *most, uint32_t *best);
    void (*maxout_backward)(size_t n, uint32_t piece, const void *most, const uint32_t *best, const void *dy, void *out);
};

/* The loop of an activation: a row's, or one that the program brought. */
static inline clact_cpu_loop clact_cpu_loop_of(const struct clact_cpu_kernels *kernels, const clact_activation *a,
                                               bool f64, enum clact_direction direction)
{
    if (!a->own)
        return kernels->loops[a->loops_row][direction];
    const clact_custom_loops *loops = f64 ? &a->own->f64 : &a->own->f32;
    return direction == CLACT_FORWARD ? loops->forward : loops->backward;
}

/* The parameter that a loop takes for each element, a tensor or noise; -1: none. */
static inline int clact_cpu_array_of(const clact_activation *a)
{
    return a->tensor >= 0 ? a->tensor : a->noise;
}

/* What products of matrices are made of. */
struct clact_cpu_tile {
    size_t rows, columns;
    /* c += a b, c having rows that lie stride reals apart; of a depth columns stand one behind the other, of b depth
     * rows. b and c are aligned to vectors, and so is the stride. */
    void (*multiply)(size_t depth, const void *a, const void *b, void *c, size_t stride);
};

/* n reals, each the parameter that a loop takes for each element, where it is no tensor and no noise is drawn. */
void clact_cpu_fill_array(const clact_activation *activation, bool f64, size_t n, void *to);

struct clact_cpu_arrays_loops; /* of arrays_loops.h */

struct clact_cpu_isa {
    const char *name;
    const struct clact_cpu_kernels *f32, *f64;
    const struct clact_cpu_map_loops *map32, *map64;
    bool (*available)(void);
    clact_cpu_rowwise_loop rowwise[2]; /* f32, f64 */
    const struct clact_cpu_tile *tile[2];
    const struct clact_cpu_arrays_loops *arrays[2];
};

/* Best first; ends with a NULL name. */
extern const struct clact_cpu_isa clact_cpu_isas[];

/* Members of the backend's table. */
clact_status clact_cpu_elementwise(clact_context *context, const struct clact_launch *launch);
clact_status clact_cpu_few(const clact_context *context, const clact_activation *activation, size_t n, const float *x,
                           const float *dy, float *out);
/* A part of it: the gradient of one learnable parameter. */
clact_status clact_cpu_gradient(clact_context *context, const struct clact_launch *launch,
                                const struct clact_gradient *gradient);
/* And the rowwise member. */
clact_status clact_cpu_rowwise(clact_context *context, const struct clact_rowwise_launch *launch);

clact_status clact_cpu_map(clact_context *context, const struct clact_map *map);
clact_status clact_cpu_table(clact_context *context, const struct clact_table_launch *launch);
clact_status clact_cpu_matmul(clact_context *context, const struct clact_matmul *product);
clact_status clact_cpu_dense(clact_context *context, const struct clact_dense *dense);
clact_status clact_cpu_arrays(clact_context *context, const struct clact_arrays *arrays);

struct clact_pool;

struct clact_cpu {
    const struct clact_cpu_isa *isa;
    uint32_t threads; /* the caller's included */
    uint32_t cores;
    size_t stream_bytes; /* footprint from which outputs are streamed */
    clact_parallel_for parallel_for;
    void *parallel_data;
    struct clact_pool *pool; /* NULL where threads is 1 or parallel_for is the caller's */
};

/* A pool of extra threads, started by its first run. */
struct clact_pool *clact_pool_create(uint32_t extra);
/* Joins the threads. In a forked child, where they are not, only frees. */
void clact_pool_destroy(struct clact_pool *pool);
/* Whether its threads are awake, so that a run costs little. */
bool clact_pool_awake(struct clact_pool *pool);
/* Calls task(work, i) for every i < count, here and on the pool's threads. */
void clact_pool_run(struct clact_pool *pool, void (*task)(void *, uint32_t), void *work, uint32_t count);

#endif
