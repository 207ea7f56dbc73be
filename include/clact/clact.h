/* clact.h: neural-network activation functions, forward and backward, on OpenCL devices and CPUs.
 *
 *     clact_context *context;
 *     clact_activation *relu;
 *     clact_open(&context, NULL);                         the best device, or the CPU
 *     clact_activation_named(&relu, "relu", NULL, 0);
 *     clact_apply(context, relu, n, x, y);                y[i] = relu(x[i])
 *     clact_activation_destroy(&relu);
 *     clact_close(&context);
 *
 * Rules that hold everywhere:
 *   - What a call makes comes first among its arguments and is written only on success.
 *   - Calls that can fail return a clact_status; clact_error() then has a sentence for people.
 *   - A struct that is all zero is the default. Its reserved words must be zero; it grows out of them.
 *   - Close and destroy take the address of the handle, accept NULL and a NULL handle, and set it to NULL.
 *   - Memory you pass in stays yours. Nothing is printed; the process is never ended.
 *   - Any number of threads may use one context and one activation. One buffer may be used by several
 *     threads as long as no call writes what another one uses.
 *   - After fork() the child may use its parent's contexts for calls on the CPU backend that need no other thread;
 *     all others give CLACT_E_FORKED. Closing and destroying is safe there. It should open no OpenCL device where
 *     the parent had one open: drivers do not survive a fork.
 *   - Sizes, strides and offsets are in elements, unless a name says bytes.
 * This header includes no OpenCL header; clact/opencl.h is for programs that own OpenCL objects. */
#ifndef CLACT_CLACT_H
#define CLACT_CLACT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CLACT_API __attribute__((visibility("default")))
#else
#define CLACT_API
#endif

/* ---- Version -------------------------------------------------------------------------------- */

#define CLACT_VERSION_MAJOR 0
#define CLACT_VERSION_MINOR 1
#define CLACT_VERSION_PATCH 0
/* The version of the bits: raised whenever any result of any activation changes. */
#define CLACT_NUMERICS 1

typedef struct clact_version_info {
    uint32_t major, minor, patch;
    uint32_t numerics; /* CLACT_NUMERICS of the library that runs */
    const char *text;  /* "0.1.0" */
} clact_version_info;

/* The version of the library that runs, which may be newer than this header. Static; never NULL. */
CLACT_API const clact_version_info *clact_version(void);

/* ---- Status --------------------------------------------------------------------------------- */

typedef enum clact_status {
    CLACT_OK = 0,
    CLACT_E_ARGUMENT = -3000,    /* a rule of the call is broken */
    CLACT_E_NAME = -3001,        /* no such activation, parameter or option value */
    CLACT_E_RANGE = -3002,       /* a parameter outside its range */
    CLACT_E_BOUNDS = -3003,      /* a tensor reaches past the end of its memory, or a size overflows */
    CLACT_E_OVERLAP = -3004,     /* operands overlap without being the same view */
    CLACT_E_UNSUPPORTED = -3005, /* the device or the activation does not do this */
    CLACT_E_MEMORY = -3006,      /* out of host memory */
    CLACT_E_NO_DEVICE = -3007,   /* the device asked for by name is not there */
    CLACT_E_COMPILER = -3008,    /* the device has no compiler */
    CLACT_E_BUILD = -3009,       /* a kernel did not build; its log went to the log callback */
    CLACT_E_OPENCL = -3010,      /* an OpenCL call failed; clact_error() names it and its code */
    CLACT_E_INEXACT = -3011,     /* the device does not give the bits that options.require_exact asks for */
    CLACT_E_FORKED = -3012,      /* the context was opened before fork() and holds threads or a device */
    CLACT_E_DERIVATIVE = -3013,  /* clact_custom_check: the derivative given is not that of the function */
    CLACT_E_PACK = -3014,        /* a pack is damaged, of another version or device, or lacks a kernel */
    CLACT_E_FILE = -3015         /* a file cannot be read or written, or is not what it should be */
} clact_status;

/* The calling thread's last error as one sentence; "" before the first. Valid until the thread's
 * next failing call. */
CLACT_API const char *clact_error(void);

/* "CLACT_E_ARGUMENT" and so on; "unknown status" for other numbers. Static. */
CLACT_API const char *clact_status_name(clact_status status);

/* ---- Context -------------------------------------------------------------------------------- */

typedef struct clact_context clact_context;

/* How well a device keeps to the arithmetic that the same bits need. */
typedef enum clact_exactness {
    CLACT_EXACT_UNKNOWN = 0,
    CLACT_EXACT_ALL = 1,    /* the same bits as the CPU backend */
    CLACT_EXACT_NORMAL = 2, /* the same wherever nothing computed is subnormal, but for signs of zero */
    CLACT_EXACT_NONE = 3    /* not the same bits */
} clact_exactness;

enum { CLACT_LOG_ERROR = 1, CLACT_LOG_WARNING = 2, CLACT_LOG_INFO = 3 };

/* Gets messages and build logs. May be called from any thread that calls clact; must not call clact. */
typedef void (*clact_log)(void *data, int level, const char *message);

/* The host program's thread pool: calls task(work, i) for every i < count, on any threads, and
 * returns when all have returned. */
typedef void (*clact_parallel_for)(void *data, void (*task)(void *work, uint32_t i), void *work, uint32_t count);

/* Programs kept by the caller. name: 32 hexadecimal digits, in which everything went that the program depends on.
 * load copies at most capacity bytes of what was stored under it to entry, which may be NULL where capacity is 0, and
 * returns how many there are: 0 for none. What comes back damaged, or from elsewhere, does no harm: it is not used. Both
 * may be called from any thread that calls clact, and must not call clact. */
typedef size_t (*clact_cache_load)(void *data, const char *name, void *entry, size_t capacity);
typedef void (*clact_cache_store)(void *data, const char *name, const void *entry, size_t bytes);

typedef struct clact_options {
    /* Where to run: "auto" (a GPU, else an accelerator, else an OpenCL CPU device, else the CPU
     * backend), "cpu" (the CPU backend), "opencl" (the best OpenCL device, with its kernels also for
     * host pointers, unless what lies between the elements of an output must be left alone), "gpu",
     * "accelerator", "P:D" (platform and device number) or part of a device's or platform's name.
     * NULL: $CLACT_DEVICE, else "auto". */
    const char *device;
    /* The OpenCL loader: a path, or "disabled". NULL: $CLACT_OPENCL_LIBRARY, else the usual names. */
    const char *opencl_library;
    /* Instruction set of the CPU backend: "baseline", "avx2", "avx512", "neon"; the bits are the same.
     * NULL: $CLACT_CPU, else the best one that the processor has. */
    const char *cpu;
    uint32_t require_exact; /* CLACT_EXACT_ALL or _NORMAL: opening a lesser device fails. 0: any */
    uint32_t threads;       /* CPU backend: 0 as many as pay; 1 none but the caller's; n at most n */
    clact_parallel_for parallel_for; /* may be NULL: a pool of the context's own */
    void *parallel_data;
    clact_log log; /* may be NULL */
    void *log_data;
    /* Where compiled programs are kept between runs: a folder, or "disabled". NULL: $CLACT_CACHE_DIR, else
     * $XDG_CACHE_HOME/clact, else ~/.cache/clact. A folder that belongs to another user, that others can write to or
     * that is a symbolic link is not used; the log then says so. */
    const char *cache;
    clact_cache_load cache_load; /* both, or none: programs are kept by the caller, and not in a folder */
    clact_cache_store cache_store;
    void *cache_data;
    /* A file that clact_pack_write made: its programs are used, and nothing is compiled. NULL: $CLACT_PACK, else none. */
    const char *pack;
    uint32_t pack_or_cpu; /* 1: what the pack lacks runs on the CPU backend, buffers being mapped for it, unless it is
                             enqueued on a cl_mem or with a wait list or an event; 0: it is refused by name */
    uint32_t reserved0;
    uint64_t reserved[2];
} clact_options;

/* Opens a context. options may be NULL, and need live only until the call returns (the callbacks
 * and their data until close). With "auto", finding no device is no error: the context then runs on
 * the CPU, and clact_context_caps says why. */
CLACT_API clact_status clact_open(clact_context **out, const clact_options *options);

/* Waits for calls in flight, then frees; not for a clact_apply or clact_apply_gradient of at most 16384 elements on
 * the CPU backend, which uses the context no more once it computes. Buffers of the context must have been destroyed.
 * Programs that the cache does not have yet are stored, for a second at most; clact_warmup stores them too. */
CLACT_API void clact_close(clact_context **context);

typedef enum clact_backend { CLACT_BACKEND_CPU = 1, CLACT_BACKEND_OPENCL = 2 } clact_backend;
typedef enum clact_device_kind {
    CLACT_DEVICE_CPU = 1,
    CLACT_DEVICE_GPU = 2,
    CLACT_DEVICE_ACCELERATOR = 3
} clact_device_kind;

/* Element types. f16 and bf16 are storage: arithmetic is in f32, results round to nearest even. i8 and u8
 * are for quantised activations, u8 for masks too; i32 is for the labels of libclact-nn. */
typedef enum clact_type {
    CLACT_F32 = 0,
    CLACT_F16 = 1,
    CLACT_BF16 = 2,
    CLACT_F64 = 3,
    CLACT_I8 = 4,
    CLACT_U8 = 5,
    CLACT_I32 = 6
} clact_type;
#define CLACT_TYPE_COUNT 4 /* of the types that are computed on: 0 to 3 */

/* "f32", "f16", "bf16", "f64", "i8", "u8", "i32"; NULL for other numbers. */
CLACT_API const char *clact_type_name(clact_type type);
/* Bytes of an element; 0 for other numbers. */
CLACT_API size_t clact_type_bytes(clact_type type);

typedef struct clact_caps {
    uint32_t backend;           /* clact_backend: where buffers live and kernels run */
    uint32_t host_backend;      /* clact_backend that calls on host pointers use */
    uint32_t kind;              /* clact_device_kind */
    uint32_t exact;             /* clact_exactness, measured on the device in f32 */
    uint32_t types;             /* bit 1 << clact_type for each type that works */
    uint32_t compiler;          /* 1: the device compiles kernels */
    uint32_t unified_memory;    /* 1: device and host share memory */
    uint32_t rounds_to_nearest; /* 0: the device rounds to zero */
    uint32_t keeps_subnormals;  /* 0: f32 subnormals become zero */
    uint32_t compute_units;
    uint32_t threads;           /* that calls on the CPU backend may use, the caller's included */
    uint32_t platform_index, device_index; /* of an OpenCL device: "P:D" */
    uint32_t reserved0;
    char device[128];
    char platform[128];
    char driver[128]; /* OpenCL and driver version; the CPU backend's instruction set */
    char cpu[16];     /* instruction set of the CPU backend */
    char reason[256]; /* why it runs here; why it is not exact */
    uint64_t reserved[8];
} clact_caps;

/* Where the context runs. On an OpenCL device the first call runs the probe, which compiles a kernel, unless the cache
 * has its verdict. */
CLACT_API clact_status clact_context_caps(clact_context *context, clact_caps *out);

typedef struct clact_device_info {
    uint32_t backend; /* CLACT_BACKEND_CPU for the last entry, clact's own CPU backend */
    uint32_t kind;
    uint32_t platform_index, device_index;
    uint32_t compute_units;
    uint32_t compiler, unified_memory, fp64;
    uint64_t memory_bytes;
    char device[128];
    char platform[128];
    char driver[128]; /* OpenCL and driver version; the CPU backend's instruction set */
    uint64_t reserved[4];
} clact_device_info;

/* All devices, OpenCL's in order of platform and device, then the CPU backend. Writes at most
 * capacity entries to out (NULL with 0) and the full number to *count. options: opencl_library only;
 * may be NULL. reason: why there is no OpenCL device, "" otherwise; 256 bytes, may be NULL. */
CLACT_API clact_status clact_device_list(clact_device_info *out, size_t capacity, size_t *count,
                                         const clact_options *options, char *reason);

/* ---- Activations ---------------------------------------------------------------------------- */

typedef struct clact_activation clact_activation;

/* An id is for ever. */
typedef enum clact_activation_id {
    CLACT_IDENTITY = 1,
    CLACT_RELU = 2,
    CLACT_RELU6 = 3,
    CLACT_THRESHOLDED_RELU = 4,
    CLACT_THRESHOLD = 5,
    CLACT_LEAKY_RELU = 6,
    CLACT_PRELU = 7,
    CLACT_ELU = 8,
    CLACT_SIGMOID = 9,
    CLACT_TANH = 10,
    CLACT_LINEAR = 11,
    CLACT_RRELU = 12,
    CLACT_CLIP = 13,
    CLACT_HARD_TANH = 14,
    CLACT_CELU = 15,
    CLACT_SELU = 16,
    CLACT_LOG_SIGMOID = 17,
    CLACT_HARD_SIGMOID = 18,
    CLACT_HARD_SIGMOID_ONNX = 19,
    CLACT_SPARSE_SIGMOID = 20,
    CLACT_SCALED_TANH = 21,
    CLACT_TANH_SHRINK = 22,
    CLACT_SOFTSIGN = 23,
    CLACT_SOFTPLUS = 24,
    CLACT_SQUAREPLUS = 25,
    CLACT_SPARSE_PLUS = 26,
    CLACT_GELU = 27,
    CLACT_GELU_TANH = 28,
    CLACT_GELU_QUICK = 29,
    CLACT_SILU = 30,
    CLACT_SWISH = 31,
    CLACT_HARD_SWISH = 32,
    CLACT_MISH = 33,
    CLACT_XIELU = 34,
    CLACT_SOFT_SHRINK = 35,
    CLACT_HARD_SHRINK = 36,
    CLACT_SHRINK = 37,
    CLACT_EXP = 38,
    CLACT_EXPM1 = 39,
    CLACT_LOG = 40,
    CLACT_POW = 41,
    CLACT_SQUARE = 42,
    CLACT_SQRT = 43,
    CLACT_RSQRT = 44,
    CLACT_ABS = 45,
    CLACT_SIGN = 46,
    CLACT_STEP = 47,
    CLACT_ROUND = 48,
    CLACT_RECIPROCAL = 49,
    CLACT_ERF = 50,
    CLACT_DROPOUT = 51,
    CLACT_GLU = 101,
    CLACT_REGLU = 102,
    CLACT_GEGLU = 103,
    CLACT_GEGLU_TANH = 104,
    CLACT_GEGLU_QUICK = 105,
    CLACT_SWIGLU = 106,
    CLACT_BILINEAR = 107,
    CLACT_SOFTMAX = 121,
    CLACT_LOG_SOFTMAX = 122,
    CLACT_SOFTMIN = 123,
    CLACT_SPARSEMAX = 124,
    CLACT_HARDMAX = 125,
    CLACT_MAXOUT = 141,
    CLACT_CRELU = 142
} clact_activation_id;

/* The half of x that a gated unit's function is applied to. Of two arrays it is args.gate, whatever half is. */
typedef enum clact_half { CLACT_HALF_DEFAULT = 0, CLACT_HALF_FIRST = 1, CLACT_HALF_SECOND = 2 } clact_half;

/* Which of several functions of one name. Rows without TensorFlow semantics refuse it by name. */
typedef enum clact_semantics {
    CLACT_DOCUMENTED = 0, /* the documented formula; see docs/activations.md */
    CLACT_TENSORFLOW = 1  /* what TensorFlow 2.15 computes on a CPU, signs of zero included */
} clact_semantics;

/* How much is paid for the last digits. Fast forms exist of what sigmoid, tanh, silu and elu, and gated units made of
 * them, compute in f32; everything else is exact in both modes. They are within 4 ulp, finite where the exact result is,
 * and have the special values of the exact ones; their bits are not promised: they may differ between devices and
 * releases. Gradients are the exact ones. */
typedef enum clact_mode { CLACT_EXACT = 0, CLACT_FAST = 1 } clact_mode;

typedef struct clact_parameter {
    const char *name;
    double value;  /* finite; rounded to the type computed in */
    uint32_t none; /* 1: no limit, for a parameter that has it (relu's max_value); value is not read */
    uint32_t reserved;
} clact_parameter;

/* How the numbers of a quantised activation are stored: q stands for (q - zero) * scale. All of it must be given.
 *
 * y is a function of one byte, so a table of all 256 results is made with the activation, by these steps, each
 * rounded to the nearest f32, whatever the caller's rounding mode; every call then gives those bits on any device.
 *   1. x = (q - x_zero) * x_scale, where the difference is exact
 *   2. v = f(x), what forward gives in f32 for the same parameters and semantics
 *   3. v / y_scale, correctly rounded, then rounded to an integer, half to even
 *   4. that integer + y_zero, or the limit of y_type that it lies beyond; infinities lie beyond. A NaN gives y_zero. */
typedef struct clact_quantization {
    double x_scale, y_scale;  /* rounded to f32, and then above 0 and finite */
    int32_t x_zero, y_zero;   /* within x_type and y_type: -128 to 127, or 0 to 255 */
    uint32_t x_type, y_type;  /* CLACT_I8 or CLACT_U8 each, of x and of y */
    uint64_t reserved[4];
} clact_quantization;

struct clact_custom;

typedef struct clact_activation_desc {
    const char *name; /* a name or an alias, e.g. "leaky_relu"; NULL: by id, or custom */
    uint32_t id;      /* clact_activation_id, or 0 */
    uint32_t semantics;
    const clact_parameter *parameters; /* those not given have the row's default */
    size_t parameter_count;
    uint32_t unchecked; /* 1: relu and thresholded_relu accept negative values, as backend.relu does */
    uint32_t gated;     /* 1: u * f(v) of the element-wise activation named, which then has "axis" too */
    uint32_t half;      /* clact_half, for gated units: where v stands; 0: as the row says, else second */
    uint32_t mode;      /* clact_mode; CLACT_EXACT for TensorFlow semantics and activations of your own */
    const struct clact_custom *custom; /* one of your own, from clact/custom.h; NULL: by name or id */
    /* NULL, or for an element-wise activation, not gated: x and y are then of x_type and y_type and of no other
     * type, forward only, without training's noise and with numbers for parameters. y may be x. */
    const clact_quantization *quantization;
    uint64_t reserved[2];
} clact_activation_desc;

/* Makes an immutable activation, validated once, that belongs to no context. Everything is copied. */
CLACT_API clact_status clact_activation_create(clact_activation **out, const clact_activation_desc *desc);

/* The same by name, in documented semantics. parameters may be NULL when count is 0. */
CLACT_API clact_status clact_activation_named(clact_activation **out, const char *name,
                                              const clact_parameter *parameters, size_t count);

/* Frees it; calls in flight must have returned. */
CLACT_API void clact_activation_destroy(clact_activation **activation);

typedef enum clact_parameter_kind {
    CLACT_PARAMETER_SCALAR = 0,
    CLACT_PARAMETER_TENSOR = 1, /* a scalar, or a tensor given with the call */
    CLACT_PARAMETER_INTEGER = 2
} clact_parameter_kind;

typedef struct clact_parameter_info {
    const char *name;
    const char *alias; /* another name accepted, or NULL */
    double default_value;
    double minimum, maximum;  /* inclusive; infinite where there is no limit */
    uint32_t kind;            /* clact_parameter_kind */
    uint32_t default_none;    /* 1: the default is "none" */
    uint32_t accepts_none;    /* 1: "none" is a value */
    uint32_t lifted;          /* 1: desc.unchecked lifts minimum and maximum */
    uint32_t not_zero;        /* 1: anything from minimum to maximum but 0 */
    uint32_t reserved0;
    uint64_t reserved[4];
} clact_parameter_info;

/* What backward reads besides dy. */
typedef enum clact_backward_needs {
    CLACT_BACKWARD_X = 1,
    CLACT_BACKWARD_NOTHING = 2,
    CLACT_BACKWARD_X_OR_Y = 3, /* y instead of x where the derivative is exact from y */
    CLACT_BACKWARD_Y = 4       /* y, and not x */
} clact_backward_needs;

typedef struct clact_activation_info {
    uint32_t id;
    uint32_t needs;      /* clact_backward_needs */
    uint32_t tensorflow; /* 1: has TensorFlow semantics */
    uint32_t parameter_count;
    uint32_t learnable_count; /* backward can give the gradients of so many parameters, the first ones */
    uint32_t noise;           /* 1: draws random numbers where args.training is 1 */
    const char *name;
    const char *aliases;                    /* separated by blanks; "" */
    const char *kind;                       /* "elementwise", "gated", "rowwise" or "reduce" */
    const clact_parameter_info *parameters; /* parameter_count of them */
    double ulp_forward, ulp_derivative;     /* stated bounds in f32, in units in the last place */
    const char *formula, *derivative;
    const char *kinks; /* the derivative where the function has a corner; "" */
    const char *source;
    /* Whether y serves instead of x in backward, as a condition in C: on p0, p1, ..., the parameters, NaN standing
     * for "none"; on s0, s1, ..., the same as y's type stores them; and on narrow, that y is f16 or bf16. */
    const char *from_y;
    uint64_t reserved[7];
} clact_activation_info;

/* Activations that are not element-wise. axis counts from the last one where negative, its default being -1.
 *
 * Gated units, and any element-wise activation f made with desc.gated: y = u * f(v), f(v) rounded to the type
 * computed in, then the product. Without args.gate, u and v are the halves of x along axis, whose size must be
 * even, and y has half of it; with it, u is x, v is gate, and y has their shape. f is applied to the first half
 * (ggml's and Shazeer's order), glu's to the second one (Dauphin's and PyTorch's); desc.half sets it. Scalar
 * parameters of f are taken, tensors are refused. Where u is infinite and f(v) zero, or the other way round, y
 * is NaN; it is NaN for no other u and f(v) that are numbers.
 *   Backward reads x (and gate). The gradient by u is dy f(v), that by v is f'(v) (u dy), rounded in this order;
 * +0.0 where f(v), or f'(v), is zero, whatever the other two are. dx holds both as x does, or with gate dx that
 * by u and dgate that by v, each of which may be NULL. y may be one of the halves, or one of the two arrays;
 * dx may be x, and dx and dgate may be any of x, gate and dy.
 *
 * crelu: y is relu(x), and behind it along axis relu(-x): its size there is twice that of x. Backward: dx is dy's
 * first half where x > 0, less its second half where x < 0, +0.0 where x is zero; from x or from y.
 *
 * maxout: axis has pieces * units elements, the pieces one behind the other, as tfa.layers.Maxout and Keras 1's
 * MaxoutDense have them: y[j], for j < units, is the largest of x[j], x[units + j], x[2 units + j], ... (Where the
 * pieces of a unit are neighbours, as in tf.contrib.layers.maxout, a view of x with one axis more puts them there.)
 * A NaN wins; -0.0 and +0.0 are equal; of equals the first stands. Backward, from x: the piece that y was taken
 * from has dy, or NaN where it is NaN; the others have +0.0. */

/* Every activation in order of id; *count of them. Static. */
CLACT_API const clact_activation_info *clact_activation_list(size_t *count);
/* By name or alias; NULL if there is none. Static. */
CLACT_API const clact_activation_info *clact_activation_find(const char *name);
/* Of an activation; NULL for NULL. Static; of a custom one, valid as long as the activation. */
CLACT_API const clact_activation_info *clact_activation_info_of(const clact_activation *activation);

/* ---- Data ----------------------------------------------------------------------------------- */

#define CLACT_MAX_RANK 8

typedef struct clact_tensor {
    uint32_t type;                   /* clact_type */
    uint32_t rank;                   /* 0 (a single element) to CLACT_MAX_RANK */
    int64_t dims[CLACT_MAX_RANK];    /* >= 0; the last one varies fastest */
    int64_t strides[CLACT_MAX_RANK]; /* read if strided is 1; negative allowed; 0 repeats an input */
    int64_t offset;                  /* of the element at index 0 */
    uint32_t strided;                /* 0: dense, row-major */
    uint32_t reserved0;
    uint64_t reserved[2];
} clact_tensor;

typedef struct clact_buffer clact_buffer;

/* A tensor and where it lies: exactly one of the three is set. Inputs are never written. */
typedef struct clact_operand {
    clact_tensor tensor;
    void *data;           /* host memory */
    clact_buffer *buffer; /* a buffer of the context */
    struct _cl_mem *mem;  /* your cl_mem, for the calls of clact/opencl.h */
    uint64_t reserved;
} clact_operand;

/* A dense array of n elements in host memory. */
static inline clact_operand clact_array(clact_type type, const void *data, int64_t n)
{
    clact_operand a = {{0, 0, {0}, {0}, 0, 0, 0, {0}}, NULL, NULL, NULL, 0};
    a.tensor.type = (uint32_t)type;
    a.tensor.rank = 1;
    a.tensor.dims[0] = n;
    a.data = (void *)(uintptr_t)data;
    return a;
}

/* A tensor in the place of a parameter of kind CLACT_PARAMETER_TENSOR, e.g. prelu's slope for each
 * channel. Its dims are matched with those of x from the last one back; each is equal or 1. */
typedef struct clact_parameter_tensor {
    const char *name;
    const clact_operand *value;
} clact_parameter_tensor;

/* Where the gradient of a learnable parameter goes: the sum of dy * df/dparameter over all elements that share an
 * element of it. A term is 0, by choice, where either factor is. The order of the sum depends on the shape alone:
 * row-major over the axes that are summed, in blocks of 4096 (cl/reduction.h); two halves, the first of 2^k blocks,
 * the second with beta = 1 in f32 or f64, give the bits of the whole. */
typedef struct clact_parameter_gradient {
    const char *name;
    const clact_operand *value; /* out: the shape of the parameter's tensor, or one element where the parameter is a
                                   number; of x's type, or f32 where that is f16 or bf16; shares no memory with any
                                   operand */
    double beta; /* value = gradient + beta * value, as dx_beta */
    uint64_t reserved[2];
} clact_parameter_gradient;

typedef struct clact_forward_args {
    const clact_operand *x;
    const clact_operand *y; /* out */
    const clact_parameter_tensor *parameters; /* may be NULL */
    size_t parameter_count;
    const clact_operand *gate; /* gated: v, of x's shape, x being u; NULL: x holds both, in halves along the axis */
    const clact_operand *mask; /* row-wise: CLACT_U8, its dims matched as a parameter's; an element where it
                                  is 0 takes no part; NULL: all do */
    /* Of the noise of rrelu and dropout, which is a function of seed, offset and an element's row-major index i
     * in x's shape, wherever it lies: word i mod 4 of Philox4x32-10 at counter offset + i / 4. A tensor of n
     * elements takes (n + 3) / 4 counters: that many further on is the offset of the next one. */
    uint64_t seed, offset;
    uint32_t training;         /* 1: noise is drawn, by activations that have it (gated they have none, and 1 is
                                  refused); 0: as at inference */
    uint32_t reserved0;
    uint64_t reserved[8];
} clact_forward_args;

typedef struct clact_backward_args {
    const clact_operand *x;  /* NULL where needs is CLACT_BACKWARD_NOTHING, or where y is given */
    const clact_operand *y;  /* instead of x: refused where the derivative is not exact from y */
    const clact_operand *dy; /* the gradient of what follows, by y */
    const clact_operand *dx; /* out: f'(x) * dy; +0.0 wherever f'(x) is zero, whatever dy is; NULL where only
                                gradients are asked for */
    const clact_parameter_tensor *parameters;
    size_t parameter_count;
    const clact_operand *gate;  /* gated: v, as forward had it */
    const clact_operand *dgate; /* out: the gradient by v; NULL: not asked for; without gate dx holds both */
    const clact_operand *mask;  /* row-wise: as forward had it */
    uint64_t seed, offset;      /* as forward had them, and training: the same numbers are drawn again */
    uint32_t training;
    uint32_t reserved0;
    double dx_beta, dgate_beta; /* dx = gradient + dx_beta * dx, rounded once more than the gradient; 0 overwrites,
                                   whatever dx holds. Finite; rounded to the type computed in. Where it is not 0 dx
                                   must be neither x nor y nor dy: it holds a value of its own */
    const clact_parameter_gradient *gradients; /* may be NULL */
    size_t gradient_count;
    uint64_t reserved[8];
} clact_backward_args;

/* y[i] = f(x[i]) for n floats in host memory; y may be x. Returns when y is written. */
CLACT_API clact_status clact_apply(clact_context *context, const clact_activation *activation, size_t n,
                                   const float *x, float *y);

/* dx[i] = f'(x[i]) * dy[i]; dx may be x or dy. x may be NULL where needs is CLACT_BACKWARD_NOTHING, and
 * is y where needs is CLACT_BACKWARD_Y. A row-wise activation takes the n elements for one row. */
CLACT_API clact_status clact_apply_gradient(clact_context *context, const clact_activation *activation, size_t n,
                                            const float *x, const float *dy, float *dx);

/* The general forms: any type, shape and stride, in host memory or in buffers (all operands of one
 * call alike). All operands have the same type (but see clact_quantization), and of element-wise
 * activations the same shape; an output may be the same view as an input, and must not overlap one
 * otherwise. What an activation does not take, such as a mask where it is not row-wise, is refused. With
 * host memory the call returns when the output is written. With buffers it may return before; calls on one
 * context take effect in order. On failure nothing is written, unless the device failed while it ran. */
CLACT_API clact_status clact_forward(clact_context *context, const clact_activation *activation,
                                     const clact_forward_args *args);
CLACT_API clact_status clact_backward(clact_context *context, const clact_activation *activation,
                                      const clact_backward_args *args);

/* ---- Kernels made ahead --------------------------------------------------------------------- */

/* What an activation's calls may be like; each takes a kernel of its own. */
typedef enum clact_calls {
    CLACT_CALLS_DENSE = 1,      /* operands are dense and lie in the same order */
    CLACT_CALLS_VIEW = 2,       /* other strides */
    CLACT_CALLS_ACCUMULATE = 4, /* backward with dx_beta, or a gradient with its beta */
    CLACT_CALLS_TENSOR = 8,     /* a parameter is a tensor */
    CLACT_CALLS_GRADIENT = 16,  /* the gradients of learnable parameters */
    CLACT_CALLS_NOISE = 32,     /* training, by activations that draw random numbers */
    CLACT_CALLS_MASK = 64,      /* a mask, of row-wise activations */
    CLACT_CALLS_ALL = 127
} clact_calls;

/* Kernels of an activation, of both directions. */
typedef struct clact_kernels {
    const clact_activation *activation;
    uint32_t types; /* bit 1 << clact_type; 0: f32 alone; a quantised activation has its own, whatever stands here */
    uint32_t calls; /* bits of clact_calls; what the activation does not have is passed over; 0: CLACT_CALLS_DENSE */
    uint64_t reserved[2];
} clact_kernels;

typedef struct clact_kernels_options {
    uint32_t task;             /* 1: kernels of one work-item, whose loops compilers for FPGAs make pipelines of */
    uint32_t local;            /* work-items in a group: a power of two to 256; 0: 256; with task 1 */
    uint32_t per_item;         /* elements that each computes of dense operands, to 1024; 0: 4; with task 1 */
    uint32_t rounds_to_zero;   /* 1: the device rounds to zero, not to nearest */
    uint32_t correct_division; /* 1: the device's division of floats is correctly rounded and no other is made of fma;
                                  the program is then built with -cl-fp32-correctly-rounded-divide-sqrt */
    uint32_t reserved0;
    uint64_t reserved[5];
} clact_kernels_options;

/* The kernels as one text in OpenCL C 1.2, for compilers that run ahead of the program, and for programs without clact:
 * it includes nothing, opens with the kernels' arguments and the options to build with, and gives the same bits. Writes
 * at most capacity bytes to out (NULL with 0), a final zero among them, and to *length how many there are without that.
 * Kernels asked for twice stand there once; those of all quantised activations are one. f64 takes a text without the other
 * types. options may be NULL. Needs no device, context or OpenCL library. */
CLACT_API clact_status clact_kernels_text(char *out, size_t capacity, size_t *length, const clact_kernels *kernels,
                                          size_t count, const clact_kernels_options *options);

/* Builds the kernels, as one program for f64 and one for the other types, and launches them on memory of their own, so
 * that later calls of these forms find nothing to compile; then stores them in the cache. On the CPU backend there is
 * nothing to do. kernels may be NULL where count is 0. */
CLACT_API clact_status clact_warmup(clact_context *context, const clact_kernels *kernels, size_t count);

/* Writes a pack: one file with the programs of the kernels for the device of every context, each of which has a
 * compiler, for options.pack on such a device: same device, driver and platform, and same version of clact. The file is
 * written whole or not at all. A device that cannot do one of the types (f64) is passed over for it. */
CLACT_API clact_status clact_pack_write(clact_context *const *contexts, size_t context_count, const clact_kernels *kernels,
                                        size_t count, const char *path);

/* ---- The cache on the disk ------------------------------------------------------------------ */

typedef struct clact_cache_info {
    uint32_t usable; /* 1: it is there, or will be made when there is something to store */
    uint32_t reserved0;
    uint64_t entries, bytes;
    uint64_t limit;       /* bytes; what has not been used for longest goes first */
    char directory[1024]; /* "" where there is none */
    char reason[512];     /* why it is not usable; "" */
    uint64_t reserved[8];
} clact_cache_info;

/* What is in the folder that directory names as options.cache does; NULL: the usual one. */
CLACT_API clact_status clact_cache_show(clact_cache_info *out, const char *directory);
/* Removes its entries, and nothing else; removed, how many, may be NULL. */
CLACT_API clact_status clact_cache_clear(const char *directory, uint64_t *removed);
/* Reads every entry and removes those that are damaged; each of the numbers may be NULL. */
CLACT_API clact_status clact_cache_verify(const char *directory, uint64_t *checked, uint64_t *removed);

/* ---- Buffers: memory of the context's device, or of the host on the CPU backend ------------- */

/* Not initialised. bytes may be 0. */
CLACT_API clact_status clact_buffer_create(clact_buffer **out, clact_context *context, size_t bytes);
/* Calls that use it must have returned; what they enqueued runs to its end. */
CLACT_API void clact_buffer_destroy(clact_buffer **buffer);
CLACT_API size_t clact_buffer_bytes(const clact_buffer *buffer);
/* Copy to and from host memory, after all earlier calls; return when the copy is done. */
CLACT_API clact_status clact_buffer_write(clact_buffer *buffer, size_t offset_bytes, size_t bytes, const void *from);
CLACT_API clact_status clact_buffer_read(const clact_buffer *buffer, size_t offset_bytes, size_t bytes, void *to);

/* What the host does with mapped bytes. With CLACT_MAP_WRITE alone it writes all of them: what they held is lost. */
enum { CLACT_MAP_READ = 1, CLACT_MAP_WRITE = 2 };

/* Gives the host a pointer, aligned as the buffer's memory is, to bytes of a buffer, after all earlier calls; access
 * is the sum of what it does with them. Nothing is copied on the CPU backend, nor where the device shares the host's
 * memory. A buffer is mapped once at a time; until it is unmapped, calls that are given it are refused, and calls on
 * a cl_mem that is or shares its memory must not be made. */
CLACT_API clact_status clact_buffer_map(void **out, clact_buffer *buffer, size_t offset_bytes, size_t bytes,
                                        uint32_t access);
/* Ends the mapping that gave pointer, which is then no longer valid. Later calls on the context find what was
 * written there; queues of your own do after clact_finish. Destroying a buffer ends its mapping, too, and logs a
 * warning. */
CLACT_API clact_status clact_buffer_unmap(clact_buffer *buffer, void *pointer);

/* Waits until all earlier calls on the context's buffers are done. It, and what reads or maps a buffer, fails where the
 * device was lost meanwhile. A single kernel that was terminated some drivers tell of by its event alone, and go on: who
 * must know asks for the event (clact/opencl.h). Calls on host memory look at it. */
CLACT_API clact_status clact_finish(clact_context *context);

#ifdef __cplusplus
}
#endif

#endif
