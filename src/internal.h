/* internal.h: what the parts of the library share: errors, rules, activations, contexts. */
#ifndef CLACT_INTERNAL_H
#define CLACT_INTERNAL_H

#include <clact/clact.h>
#include <clact/opencl.h>

#include "private.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define CLACT_MAX_PARAMETERS 8

_Static_assert(sizeof(void *) == 8, "clact needs a 64-bit machine");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "clact needs a little-endian machine");

/* Sets the thread's message, and returns status. */
__attribute__((format(printf, 2, 3)))
CLACT_PRIVATE clact_status clact_fail(clact_status status, const char *format, ...);
/* Also sets what clact_opencl_code() returns. */
CLACT_PRIVATE void clact_set_opencl_code(int32_t code);

/* REQUIRE states a rule: where it does not hold, the rule's sentence is the error. */
#define REQUIRE(condition, status, ...)               \
    do {                                              \
        if (!(condition))                             \
            return clact_fail((status), __VA_ARGS__); \
    } while (0)

#define TRY(call)                          \
    do {                                   \
        clact_status try_status = (call);  \
        if (try_status != CLACT_OK)        \
            return try_status;             \
    } while (0)

/* ---- Rows: the data of activations.def ------------------------------------------------------ */

/* One function pair: a row in documented semantics, its TensorFlow twin, or its fast one. */
enum clact_row {
#define DOCUMENTED(name, ...)
#define TENSORFLOW(name, ...) ROW_##name##_tf,
#define FAST(name, ...) ROW_##name##_fast,
#define ACTIVATION(id, name, twin, ...) ROW_##name, twin(name)
#include "activations.def"
#undef ACTIVATION
#undef TENSORFLOW
#undef FAST
#undef DOCUMENTED
    ROW_COUNT
};

/* Row-wise activations: those that have functions of their name in cl/rowwise.h. */
enum clact_rowwise {
#define OF_GATED(name)
#define OF_REDUCE(name)
#define OF_ROWWISE(name) ROWWISE_##name,
#define ACTIVATION(...)
#define COMPOSED(id, name, kind, ...) OF_##kind(name)
#include "activations.def"
#undef ACTIVATION
#undef COMPOSED
#undef OF_GATED
#undef OF_REDUCE
#undef OF_ROWWISE
    ROWWISE_COUNT
};

/* Quantised is no row's kind, but that of an element-wise activation that was made so. */
enum clact_kind { KIND_ELEMENTWISE, KIND_GATED, KIND_ROWWISE, KIND_REDUCE, KIND_QUANTISED, KIND_COUNT };

/* What an activation has besides its clact_activation_info. */
struct clact_row_info {
    enum clact_kind kind;
    int row, tensorflow_row, fast_row; /* of f, or a clact_rowwise; -1 where there is none */
    uint32_t half;           /* that f is applied to, a clact_half, in a gated unit */
    bool (*from_y)(const double *p, const double *s, bool narrow);
    double noise; /* what the noise is outside training; 0: the row takes none */
};

/* How cl/ names a row's functions. */
struct clact_row_functions {
    const char *name; /* "relu", "relu_tf", "tanh_fast" */
    bool whole;       /* NAME_g(x, dy) instead of NAME_d(x) */
    bool own_y;       /* NAME_y(y) exists */
};
extern const struct clact_row_functions clact_row_functions[ROW_COUNT];

/* The index of a parameter by name or alias; -1 if there is none. */
CLACT_PRIVATE int clact_parameter_find(const clact_activation_info *info, const char *name);

struct clact_definition;

#define CLACT_TABLE_SIZE 256

struct clact_activation {
    const clact_activation_info *info;
    struct clact_definition *own; /* of the program, from clact/custom.h; NULL for a row of the list */
    enum clact_kind kind;
    int row;       /* of f, or a clact_rowwise; -1 where kind has neither, and where f is the program's own */
    int loops_row; /* whose loops the CPU backend takes: row, or one of the same results that is simpler */
    uint32_t row_parameters; /* that f takes: the first ones of p64 and p32, noise among them */
    int tensor;    /* the parameter of kind TENSOR, or -1 */
    int noise;     /* the place behind the parameters of what stands for the noise outside training, or -1 */
    int axis;      /* of a kind that has one; counted from the last where negative */
    uint32_t half; /* clact_half */
    /* Whether y serves instead of x, at parameters p that read s once stored; narrow: y is f16 or bf16. NULL: never. */
    bool (*from_y)(const double *p, const double *s, bool narrow);
    bool fits_f32; /* every parameter is finite in f32 */
    bool few;      /* element-wise, fits_f32, and no parameter has a value for each element */
    double p64[CLACT_MAX_PARAMETERS]; /* "none" is NaN */
    float p32[CLACT_MAX_PARAMETERS];
    uint32_t x_type, y_type;         /* quantised: of x and y */
    uint8_t table[CLACT_TABLE_SIZE]; /* and y's bytes by those of x */
};

/* Makes a filled element-wise activation a quantised one, in an environment that rounds to nearest. */
clact_status clact_quantise(clact_activation *activation, const clact_quantization *quantization);

/* ---- Context -------------------------------------------------------------------------------- */

struct clact_backend_functions;
struct clact_cpu;
struct clact_ocl;

struct clact_context {
    const struct clact_backend_functions *device; /* where buffers live */
    const struct clact_backend_functions *host;   /* where calls on host pointers run */
    struct clact_cpu *cpu;
    struct clact_ocl *ocl; /* NULL on the CPU backend */
    clact_log log;
    void *log_data;
    atomic_uint calls;       /* in flight */
    pid_t pid;               /* that opened it */
    char reason[256];
};

struct clact_buffer {
    clact_context *context;
    size_t bytes;
    void *memory;         /* on the CPU backend */
    struct _cl_mem *mem;  /* on OpenCL */
    const void *root;     /* what it lies within: a cl_mem, or NULL for the host's memory */
    size_t first;         /* from which byte of that on */
    _Atomic(void *) mapped; /* what clact_buffer_map gave; NULL while it is not mapped */
};

/* Around every call that uses a context; closing waits until all have left. */
static inline void clact_enter(clact_context *context)
{
    atomic_fetch_add(&context->calls, 1);
}

static inline clact_status clact_leave(clact_context *context, clact_status status)
{
    atomic_fetch_sub(&context->calls, 1);
    return status;
}

__attribute__((format(printf, 3, 4)))
void clact_log_message(const clact_context *context, int level, const char *format, ...);

/* The value of an environment variable, or NULL where the program runs with more rights than its user. */
CLACT_PRIVATE const char *clact_environment(const char *name);

#endif
