/* backend.h: the table of functions through which the front calls a backend, and what it passes. */
#ifndef CLACT_BACKEND_H
#define CLACT_BACKEND_H

#include "internal.h"

/* CLACT_BACKWARD_OWN_Y: VIEW_X holds y, and the row has a derivative of its own from y. */
enum clact_direction { CLACT_FORWARD = 0, CLACT_BACKWARD = 1, CLACT_BACKWARD_OWN_Y = 2, DIRECTION_COUNT };

/* A checked operand. The element at coordinates c is at offset + sum of c[k] * strides[k]. */
struct clact_view {
    uint32_t type;
    void *data; /* host memory, or NULL */
    clact_buffer *buffer;
    struct _cl_mem *mem;
    int64_t offset;
    int64_t strides[CLACT_MAX_RANK]; /* right-aligned with launch.dims */
};

/* VIEW_INDEX has no memory: its offsets are the row-major indices of the elements as the caller shaped them. */
enum { VIEW_X, VIEW_DY, VIEW_OUT, VIEW_TENSOR, VIEW_INDEX, VIEW_COUNT };

/* A factor of what an output holds, as rounded to either type; both are 0 where the output is overwritten. */
struct clact_beta {
    double f64;
    float f32;
};

/* The gradient of a learnable parameter: sums of terms, one for each element that shares an element of the
 * parameter. Axes are right-aligned; those reduced stand in row-major order. */
struct clact_gradient {
    int parameter;                     /* k of NAME_pK, or GRADIENT_SUM */
    uint64_t segments, length;         /* sums, and terms of each */
    int64_t kept[CLACT_MAX_RANK], reduced[CLACT_MAX_RANK];
    int64_t kept_strides[VIEW_INDEX][CLACT_MAX_RANK], along[VIEW_INDEX][CLACT_MAX_RANK]; /* of the launch's inputs */
    struct clact_view value;           /* with strides for the axes kept */
    struct clact_beta beta;
};
#define CLACT_MAX_GRADIENTS 4
#define GRADIENT_SUM CLACT_MAX_GRADIENTS /* the terms are those of dy alone, whatever the row */

/* One checked call. */
struct clact_launch {
    const clact_activation *activation;
    enum clact_direction direction;
    uint64_t count;                /* elements */
    int64_t dims[CLACT_MAX_RANK];  /* right-aligned, padded with ones */
    bool dense;                    /* x, dy and out are consecutive; no tensor parameter */
    bool host;                     /* operands are host pointers */
    bool has_tensor;               /* views[VIEW_TENSOR] stands for parameter activation->tensor */
    bool in_place;                 /* out is one of the inputs */
    bool noise;                    /* drawn from seed, noise_offset and VIEW_INDEX */
    uint64_t seed, noise_offset;
    struct clact_beta beta;        /* backward: of what out holds */
    struct clact_view views[VIEW_COUNT]; /* VIEW_DY only backward */
    bool no_out;                   /* backward: gradients alone */
    const struct clact_gradient *gradients; /* which are computed first: out may be x or dy */
    int gradient_count;
    const clact_enqueue *enqueue;  /* NULL: the context's own queue, no waits, no event */
};

enum { ROWWISE_X, ROWWISE_DY, ROWWISE_OUT, ROWWISE_MASK, ROWWISE_VIEW_COUNT };

/* One checked row-wise call. */
struct clact_rowwise_launch {
    const clact_activation *activation;
    bool backward;                /* views[ROWWISE_X] holds y then, or where that is not needed anything */
    bool host, has_mask;
    uint64_t rows, length;        /* none or both are 0 */
    int64_t dims[CLACT_MAX_RANK]; /* right-aligned; the last is length, the others make up the rows */
    struct clact_beta beta;
    struct clact_view views[ROWWISE_VIEW_COUNT]; /* their last strides step along a row; ROWWISE_DY only backward */
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
};

static inline bool clact_rowwise_reads(const struct clact_rowwise_launch *l, int view)
{
    return view == ROWWISE_X || (view == ROWWISE_DY && l->backward) || (view == ROWWISE_MASK && l->has_mask) ||
           (view == ROWWISE_OUT && l->beta.f64 != 0);
}

/* ---- Maps: calls of other kinds, each output's element from the inputs' elements at its place ---- */

enum clact_map_operation {
    MAP_GATED,            /* A: u, B: v, OUT: y */
    MAP_GATED_BACKWARD,   /* A: u, B: v, DY, OUT: du, OUT2: dv; one of the two may be missing */
    MAP_CRELU,            /* A: x, OUT and OUT2: the halves of y */
    MAP_CRELU_BACKWARD,   /* A: x, DY and DY2: the halves of dy, OUT: dx */
    MAP_CRELU_BACKWARD_Y, /* A and B: the halves of y, DY and DY2, OUT: dx */
    MAP_MAXOUT,           /* A: the first piece of x, OUT: y */
    MAP_MAXOUT_BACKWARD,  /* A: the first piece of x, DY, OUT: that of dx */
};

enum { MAP_A, MAP_B, MAP_DY, MAP_DY2, MAP_OUT, MAP_OUT2, MAP_VIEWS };

/* One checked call. */
struct clact_map {
    const clact_activation *activation;
    enum clact_map_operation operation;
    uint64_t count;                    /* elements of each view */
    int64_t dims[CLACT_MAX_RANK];      /* right-aligned, padded with ones */
    bool dense;                        /* the used views are consecutive */
    bool host;                         /* operands are host pointers */
    uint32_t used;                     /* bit v: views[v] takes part */
    struct clact_view views[MAP_VIEWS];
    struct clact_beta beta[2];         /* of what OUT and OUT2 hold */
    int64_t pieces;                    /* of maxout; else 1 */
    int64_t piece_strides[MAP_VIEWS];  /* from one piece to the next */
    const clact_enqueue *enqueue;      /* NULL: the context's own queue, no waits, no event */
};

static inline bool clact_map_uses(const struct clact_map *m, int view)
{
    return m->used >> view & 1;
}

/* ---- Tables: y's byte by that of x, for quantised activations --------------------------------- */

enum { TABLE_X, TABLE_Y, TABLE_VIEW_COUNT };

/* One checked call. */
struct clact_table_launch {
    const uint8_t *table;         /* CLACT_TABLE_SIZE bytes */
    uint64_t count;               /* elements */
    int64_t dims[CLACT_MAX_RANK]; /* right-aligned, padded with ones */
    bool dense;                   /* both views are consecutive */
    bool host;                    /* operands are host pointers */
    struct clact_view views[TABLE_VIEW_COUNT];
    const clact_enqueue *enqueue; /* NULL: the context's own queue, no waits, no event */
};

struct clact_matmul; /* of matmul.h */
struct clact_dense;  /* of dense.h */
struct clact_arrays; /* of arrays.h */

#define CLACT_FEW 16384 /* elements that one thread does sooner than several that are awake */

struct clact_backend_functions {
    clact_status (*caps)(clact_context *, clact_caps *);
    clact_status (*elementwise)(clact_context *, const struct clact_launch *);
    /* An element-wise call on at most CLACT_FEW consecutive floats by an activation that is for it. May be NULL. */
    clact_status (*few)(const clact_context *context, const clact_activation *activation, size_t n, const float *x,
                        const float *dy, float *out);
    clact_status (*rowwise)(clact_context *, const struct clact_rowwise_launch *);
    clact_status (*map)(clact_context *, const struct clact_map *);
    clact_status (*table)(clact_context *, const struct clact_table_launch *);
    clact_status (*matmul)(clact_context *, const struct clact_matmul *);
    clact_status (*dense)(clact_context *, const struct clact_dense *);
    clact_status (*arrays)(clact_context *, const struct clact_arrays *);
    clact_status (*buffer_create)(clact_buffer *);
    void (*buffer_destroy)(clact_buffer *);
    clact_status (*buffer_write)(clact_buffer *, size_t offset, size_t bytes, const void *from);
    clact_status (*buffer_read)(const clact_buffer *, size_t offset, size_t bytes, void *to);
    /* Of at least one byte. */
    clact_status (*buffer_map)(void **out, clact_buffer *, size_t offset, size_t bytes, uint32_t access);
    clact_status (*buffer_unmap)(clact_buffer *, void *mapped);
    clact_status (*finish)(clact_context *);
    void (*close)(clact_context *);
    /* Whether the device is the host's processor, on the host's memory. */
    bool (*is_host)(const clact_context *);
    /* Whether the device's own arithmetic has f32, f64 or f16. */
    bool (*has_arithmetic)(const clact_context *, uint32_t type);
    /* Runs what computes in host memory on views of the device's, whose data is set for it, on enqueue and as part of
     * its order; returns when that is done. Bit v of written: views[v] is. CLACT_E_PACK: one is part of a larger
     * memory, which is not mapped beside others. */
    clact_status (*on_host)(clact_context *, struct clact_view *const *views, int count, uint32_t written,
                            const clact_enqueue *enqueue,
                            clact_status (*run)(clact_context *, const void *work), const void *work);
    /* Of OpenCL: makes what is enqueued next wait for enqueue's waits; q is enqueue with its queue. */
    clact_status (*barrier)(clact_context *, const clact_enqueue *enqueue, clact_enqueue *q);
    void (*event_release)(clact_context *, struct _cl_event *);
    /* The memory that mem is part of, where it begins there and how long it is, in bytes. */
    clact_status (*mem_info)(clact_context *, struct _cl_mem *mem, const void **root, size_t *first, size_t *bytes);
};

/* Whether the call reads this view. */
static inline bool clact_launch_reads(const struct clact_launch *l, int view)
{
    return view == VIEW_X || (view == VIEW_DY && l->direction != CLACT_FORWARD) ||
           (view == VIEW_TENSOR && l->has_tensor);
}

extern const struct clact_backend_functions clact_cpu_functions;
extern const struct clact_backend_functions clact_ocl_functions;

/* Each sets its own pointer in the context. The CPU backend is always opened, first. */
clact_status clact_cpu_open(clact_context *context, const clact_options *options);

/* Opens the device that which names. On CLACT_OK with context->ocl NULL there is no OpenCL device,
 * and context->reason says why; only "auto" ends so. */
clact_status clact_ocl_open(clact_context *context, const clact_options *options, const char *which);
clact_status clact_ocl_open_handles(clact_context *context, struct _cl_context *handle,
                                    struct _cl_device_id *device, struct _cl_command_queue *queue,
                                    const clact_options *options);
/* As clact_device_list, OpenCL's devices only. */
clact_status clact_ocl_list(clact_device_info *out, size_t capacity, size_t *count,
                            const clact_options *options, char *reason);

/* The rules of clact_kernels. */
clact_status clact_kernels_check(const clact_kernels *kernels, size_t count);
/* Builds the programs of the kernels; stores what the cache has not. */
clact_status clact_ocl_prepare(clact_context *context, const clact_kernels *kernels, size_t count);
void clact_ocl_save(clact_context *context);
bool clact_ocl_computes_f64(const clact_context *context, const clact_activation *activation);

/* The probe of cl/probe.h on the CPU backend: PROBE_COLUMNS * PROBE_ITEMS words. */
void clact_cpu_probe(const clact_context *context, uint32_t *out);
/* What is read back of a value that was stored as f16 or bf16. */
float clact_cpu_stored(const clact_context *context, uint32_t type, float value);
/* f of CLACT_TABLE_SIZE floats, by the loops that any processor has, in an environment that rounds to nearest. */
void clact_cpu_table_values(const clact_activation *activation, const float *x, float *y);

#endif
