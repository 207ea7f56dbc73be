/* opencl.h: the OpenCL backend's parts: the entry points, devices, programs. */
#ifndef CLACT_OPENCL_BACKEND_H
#define CLACT_OPENCL_BACKEND_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "../backend.h"
#include "../chain.h"
#include "cache.h"

#include <pthread.h>

/* ---- Entry points: OpenCL 1.2 core, loaded at run time -------------------------------------- */

#define CLACT_ENTRY_POINTS(X)                                                                       \
    X(clGetPlatformIDs) X(clGetPlatformInfo) X(clGetDeviceIDs) X(clGetDeviceInfo)                   \
    X(clCreateContext) X(clRetainContext) X(clReleaseContext)                   \
    X(clCreateCommandQueue) X(clRetainCommandQueue) X(clReleaseCommandQueue) X(clGetCommandQueueInfo) \
    X(clCreateBuffer) X(clRetainMemObject) X(clReleaseMemObject) X(clGetMemObjectInfo)              \
    X(clCreateProgramWithSource) X(clCreateProgramWithBinary) X(clBuildProgram) X(clGetProgramBuildInfo) \
    X(clGetProgramInfo) X(clRetainProgram) X(clReleaseProgram)                                      \
    X(clCreateKernel) X(clCreateKernelsInProgram) X(clGetKernelInfo) X(clReleaseKernel) X(clSetKernelArg)                                          \
    X(clEnqueueNDRangeKernel) X(clEnqueueReadBuffer) X(clEnqueueWriteBuffer)                        \
    X(clEnqueueMapBuffer) X(clEnqueueUnmapMemObject)                                                \
    X(clEnqueueMarkerWithWaitList) X(clEnqueueBarrierWithWaitList) X(clWaitForEvents) X(clGetEventInfo) X(clReleaseEvent) X(clFinish)

struct clact_opencl_api {
#define X(name) __typeof__(name) *name;
    CLACT_ENTRY_POINTS(X)
#undef X
};

/* Opens the loader (library: a path, "disabled", or NULL for the environment and the usual names) and
 * never closes it. On failure reason, of 256 bytes, says why. */
bool clact_opencl_load(struct clact_opencl_api *api, const char *library, char *reason);

/* "CL_OUT_OF_RESOURCES" for -5; "unknown code". */
const char *clact_opencl_code_name(cl_int code);

/* Sets the error "call: CL_..." and returns CLACT_E_OPENCL, or CLACT_OK for CL_SUCCESS. */
clact_status clact_opencl_result(cl_int code, const char *call);
/* For a call in a function that has a local ocl. */
#define CL_TRY(call) TRY(clact_opencl_result(ocl->api.call, #call))

/* Refuses a process forked from the one that opened the context. */
clact_status clact_opencl_same_process(const clact_context *context);

/* ---- Devices -------------------------------------------------------------------------------- */

struct clact_opencl_device {
    cl_platform_id platform;
    cl_device_id id;
    clact_device_info info;
    cl_device_fp_config single_config;
    size_t max_local; /* work-items in a group */
    cl_uint vector;   /* floats of the vectors that it prefers; 1: single ones */
    bool available;
    bool usable;      /* available, with a compiler or, where there is a pack, a part of it */
};

/* All devices of all platforms in an array to free. No device is no error: reason then says why. */
clact_status clact_opencl_devices(const struct clact_opencl_api *api, struct clact_opencl_device **out, size_t *count,
                                  char *reason);
/* Fills what is known of one device. */
clact_status clact_opencl_describe(const struct clact_opencl_api *api, struct clact_opencl_device *device);

/* The lines that a device's programs are known by: what must be the same for its binaries to be of use. */
#define CLACT_OPENCL_IDENTITY 1024
void clact_opencl_identity(const struct clact_opencl_api *api, const struct clact_opencl_device *device,
                           char out[CLACT_OPENCL_IDENTITY]);

/* ---- Programs ------------------------------------------------------------------------------- */

/* What the text of programs depends on, of the device. */
struct clact_opencl_target {
    uint32_t local, per_item; /* work-items in a group, elements for each in dense kernels */
    uint32_t vector; /* floats of a vector, of which element-wise kernels are to be made; 0: made over work-items */
    bool rounds_to_nearest, divides; /* in f32; division is correctly rounded */
    bool task; /* kernels are of one work-item; local and per_item are 1 */
};

struct clact_opencl_text;
#define CLACT_OPENCL_NAME 256 /* bytes of a kernel's name, the final zero included */

/* A kernel as it is told to people: its file's KERNEL(part), and the names of its arguments in their order. */
struct clact_opencl_signature {
    const char *part;
    char arguments[384]; /* "x, x_first, y, y_first, n, parameters" */
};

/* What a program is made from. Two of equal keys, and of one text of the program's own if any, are the same. */
struct clact_opencl_recipe {
    const char *file; /* the kernels' file in cl/ */
    struct {
        uint16_t kind; /* clact_kind, or one of those behind */
        uint16_t row;
        uint16_t type;
        uint16_t form; /* as the kind counts its forms */
    } key;
    const clact_activation *activation; /* may be NULL */
    /* Writes the lines that stand before the file, those for the type apart. */
    void (*prologue)(const struct clact_opencl_recipe *recipe, const struct clact_opencl_target *target,
                     struct clact_opencl_text *text);
    /* Writes what tells its kernels' names from those of other forms: "", "_view". NULL: nothing. */
    void (*words)(const struct clact_opencl_recipe *recipe, char *out, size_t size);
    /* Tells of the kernel that is slot in its program; false where there is none. */
    bool (*signature)(const struct clact_opencl_recipe *recipe, int slot, struct clact_opencl_signature *out);
    const char *name; /* what kernels are named by where there is no activation; NULL for the probe */
};

/* Kinds of recipes that no activation has. */
enum { KIND_MATMUL = KIND_COUNT, KIND_DENSE, KIND_ARRAYS };

/* What names its own kernel, and what is not kept: its verdict is. */
static inline bool clact_opencl_is_probe(const struct clact_opencl_recipe *r)
{
    return !r->activation && !r->name;
}

/* ---- Recipes of an activation --------------------------------------------------------------- */

/* Recipes, of which the first capacity are written and all counted. */
struct clact_opencl_recipes {
    struct clact_opencl_recipe *recipes;
    size_t count, capacity;
};

static inline void clact_opencl_add_recipe(struct clact_opencl_recipes *list, struct clact_opencl_recipe r)
{
    if (list->count < list->capacity)
        list->recipes[list->count] = r;
    list->count++;
}

/* Adds those for one type that calls, bits of clact_calls, take. */
void clact_opencl_recipes_of(struct clact_opencl_recipes *list, const clact_activation *activation, uint32_t type,
                             uint32_t calls);
/* Those of kernels that the context's device has the types for (NULL: of all), in an array to free, with room for one
 * more. */
clact_status clact_opencl_recipes_of_kernels(clact_context *context, const clact_kernels *kernels, size_t count,
                                             struct clact_opencl_recipes *out);
/* Its parts, each in a file of its name. */
void clact_opencl_elementwise_recipes(struct clact_opencl_recipes *list, const clact_activation *activation, uint32_t type,
                                      uint32_t calls);
void clact_opencl_gradient_recipes(struct clact_opencl_recipes *list, const clact_activation *activation, uint32_t type,
                                   uint32_t calls);
void clact_opencl_rowwise_recipes(struct clact_opencl_recipes *list, const clact_activation *activation, uint32_t type,
                                  uint32_t calls);
void clact_opencl_map_recipes(struct clact_opencl_recipes *list, const clact_activation *activation, uint32_t type,
                              uint32_t calls);
/* Where type is that of x; the same for all quantised activations. */
void clact_opencl_table_recipes(struct clact_opencl_recipes *list, const clact_activation *activation, uint32_t type,
                                uint32_t calls);

/* Begins a signature, and adds arguments to it: views, whose names are separated by blanks, each with what is told of it
 * behind its memory ("first strides"); and other arguments. */
void clact_opencl_sign(struct clact_opencl_signature *signature, const char *part);
void clact_opencl_sign_views(struct clact_opencl_signature *signature, const char *names, const char *suffixes);
void clact_opencl_sign_rest(struct clact_opencl_signature *signature, const char *arguments);

/* The text of a program of several recipes, none twice, all of one width of reals. numbered: with #line, for the
 * messages of drivers; else it opens with what clact_opencl_tell() has to say. *out is to be freed. */
clact_status clact_opencl_compose(const struct clact_opencl_target *target, const struct clact_opencl_recipe *recipes,
                                  size_t count, bool numbered, char **out, size_t *length);
/* Adds a comment for people: what the kernels are, how to build and to call them. */
void clact_opencl_tell(struct clact_opencl_text *text, const struct clact_opencl_target *target,
                       const struct clact_opencl_recipe *recipes, size_t count);
/* Adds lines to the text. */
__attribute__((format(printf, 2, 3)))
void clact_opencl_line(struct clact_opencl_text *text, const char *format, ...);
/* Notes that there was no memory for it. */
void clact_opencl_fail(struct clact_opencl_text *text);
/* A row's functions and their parameters as calls: ROW_F(x), ROW_G(x, dy), and ROW_Y(y, dy) where the row has
 * a derivative of its own from y. The parameter varying is another one for each element; or -1. */
void clact_opencl_row_lines(const clact_activation *activation, int varying, struct clact_opencl_text *text);
/* ", parameters.s0, varying": the parameters of a row's function. */
#define CLACT_OPENCL_PARAMETERS (CLACT_MAX_PARAMETERS * sizeof ", parameters.s0")
void clact_opencl_row_parameters(const clact_activation *activation, int varying, char *out, size_t size);
/* The type of a stored element in OpenCL C. */
const char *clact_opencl_element(uint32_t type);
/* The activation of the program's own that takes part; NULL. */
struct clact_definition *clact_opencl_own(const struct clact_opencl_recipe *recipe);
/* What stands before and behind the part in the names of a recipe's kernels: "relu_", "_f32_view". */
void clact_opencl_name_ends(const struct clact_opencl_recipe *recipe, char before[CLACT_OPENCL_NAME / 4],
                            char behind[CLACT_OPENCL_NAME / 4]);
/* Defines what element-wise kernels of a type walk by; and the elements that each work-item takes of them. */
void clact_opencl_walk_lines(const struct clact_opencl_target *target, uint32_t type, struct clact_opencl_text *text);
uint32_t clact_opencl_walk_elements(const struct clact_opencl_target *target);
/* "relu_forward_f32_view": the name in a program of the kernel that its file calls KERNEL(part). */
void clact_opencl_kernel_name(const struct clact_opencl_recipe *recipe, const char *part, char out[CLACT_OPENCL_NAME]);

struct clact_opencl_program;
struct clact_opencl_built;
struct clact_opencl_pack;
#define CLACT_OPENCL_KERNELS 4 /* that a recipe has at most */

/* Where programs are kept between runs. */
struct clact_opencl_cache {
    char *path; /* NULL: not on the disk */
    clact_cache_load load; /* both, or NULL */
    clact_cache_store store;
    void *data;
    atomic_bool warned; /* that it is of no use: once is enough */
};

struct clact_ocl {
    struct clact_opencl_api api;
    struct clact_opencl_device device;
    cl_context context;
    cl_command_queue queue;
    char *mark; /* a byte that is 0 in a forked child, or NULL */
    struct clact_opencl_target target;
    char identity[CLACT_OPENCL_IDENTITY];
    struct clact_opencl_cache cache;
    struct clact_opencl_pack *pack; /* NULL: there is none */
    bool runs_elsewhere;      /* what the pack lacks, on the CPU backend */
    pthread_mutex_t lock;     /* guards programs, their kernels and built; held while no driver builds */
    pthread_cond_t ready;     /* a program is built, or is not going to be */
    struct clact_opencl_program *programs[64]; /* by row modulo 64, linked */
    atomic_bool maps_elsewhere; /* host memory was not mapped where it lies: calls on it take copies */
    struct clact_opencl_built *built; /* what may be stored */
    pthread_mutex_t probing;  /* guards the probe's verdict */
    bool probed;
    uint32_t exact, keeps_subnormals, rounds_to_nearest;
    char verdict[160];
};

/* A kernel ready for arguments, for the caller alone until it is put back. */
struct clact_opencl_kernel {
    struct clact_opencl_kernel *next;
    struct clact_opencl_program *program;
    int slot;
    cl_kernel kernel;
};

/* The kernel that the recipe's file calls KERNEL(part), of which slot is the number in its program. Builds the
 * program where there is none. */
clact_status clact_opencl_kernel_take(clact_context *context, const struct clact_opencl_recipe *recipe, int slot,
                                      const char *part, struct clact_opencl_kernel **out);
void clact_opencl_kernel_put(clact_context *context, struct clact_opencl_kernel *kernel);
/* Makes sure of the program of a launch to come: of several, none is to run where one cannot. */
clact_status clact_opencl_program_ready(clact_context *context, const struct clact_opencl_recipe *recipe);
void clact_opencl_programs_release(struct clact_ocl *ocl);
/* Builds those of the recipes that have no program yet, as one. */
clact_status clact_opencl_programs_join(clact_context *context, const struct clact_opencl_recipe *recipes, size_t count);
/* The program of a recipe, retained; NULL where it has not been built. */
cl_program clact_opencl_program_of(clact_context *context, const struct clact_opencl_recipe *recipe);

/* ---- Where programs come from: the pack, the cache, or their text --------------------------- */

/* A program of the recipes, to be released. */
clact_status clact_opencl_build(clact_context *context, const struct clact_opencl_recipe *recipes, size_t count,
                                cl_program *out);
/* A program from a binary, of which every kernel can be made; NULL, and the code says why. */
cl_program clact_opencl_from_binary(struct clact_ocl *ocl, const void *binary, size_t length, cl_int *code);
/* Recipes of a program. More make PoCL slower for each: to compile one kernel it reads the whole program. */
#define CLACT_OPENCL_MOST_JOINED 128
#define CLACT_OPENCL_MOST_KERNELS (CLACT_OPENCL_MOST_JOINED * CLACT_OPENCL_KERNELS)
/* Every kernel of a program, each to be released. */
cl_int clact_opencl_kernels(struct clact_ocl *ocl, cl_program program, cl_kernel out[CLACT_OPENCL_MOST_KERNELS], cl_uint *count);
/* What the driver makes of a program for our device, to be freed. */
clact_status clact_opencl_binary(struct clact_ocl *ocl, cl_program program, unsigned char **out, size_t *length);
/* The text of recipes' program as a hash. */
clact_status clact_opencl_text_hash(const struct clact_ocl *ocl, const struct clact_opencl_recipe *recipes, size_t count,
                                    char out[CLACT_HASH]);
extern const struct clact_opencl_recipe clact_opencl_probe_recipe;

clact_status clact_opencl_cache_open(clact_context *context, struct clact_ocl *ocl, const clact_options *options);
/* What is kept for the text of a hash: its program, or the verdict of it. */
unsigned char *clact_opencl_cache_get(clact_context *context, const char *what, const char *hash, size_t *length);
void clact_opencl_cache_put(clact_context *context, const char *what, const char *hash, const void *bytes, size_t length);
/* An entry that the driver has no use for. */
void clact_opencl_cache_drop(clact_context *context, const char *what, const char *hash);
/* Notes a program that was built from its text. */
void clact_opencl_cache_note(struct clact_ocl *ocl, cl_program program, const char *hash);
/* Stores those noted. seconds: begins no other after so long; 0: stores them all. */
void clact_opencl_cache_save(clact_context *context, double seconds);
void clact_opencl_cache_release(struct clact_ocl *ocl);

/* ---- Packs ---------------------------------------------------------------------------------- */

/* Opens the pack that option or the environment names, if any: *out is NULL where none is. */
clact_status clact_opencl_pack_open(struct clact_opencl_pack **out, const char *option);
/* Whether it has a part for a device of this identity. */
bool clact_opencl_pack_fits(const struct clact_opencl_pack *pack, const char *identity);
/* Makes that part the one that is used; refuses a device that it has none for. */
clact_status clact_opencl_pack_use(struct clact_opencl_pack *pack, const char *identity, const char *device);
const char *clact_opencl_pack_path(const struct clact_opencl_pack *pack);
/* Bits 1 << clact_type of what it has kernels for. */
uint32_t clact_opencl_pack_types(const struct clact_opencl_pack *pack);
/* Its program for a recipe, to be released. */
clact_status clact_opencl_pack_program(clact_context *context, const struct clact_opencl_recipe *recipe, cl_program *out);
/* api may be NULL where no program of it was used. */
void clact_opencl_pack_close(struct clact_opencl_pack *pack, const struct clact_opencl_api *api);

/* Runs the probe once and keeps its verdict in the context. */
clact_status clact_opencl_probe(clact_context *context);

/* ---- Launches ------------------------------------------------------------------------------- */

/* Sets arguments one after the other; the first failure stays in code. */
struct clact_opencl_arguments {
    const struct clact_ocl *ocl;
    cl_kernel kernel;
    cl_uint index;
    cl_int code;
};

void clact_opencl_set(struct clact_opencl_arguments *a, size_t size, const void *value);
/* Its memory alone. */
void clact_opencl_set_mem(struct clact_opencl_arguments *a, const struct clact_view *view);
/* The memory, the first element and, where strided, the strides. */
void clact_opencl_set_view(struct clact_opencl_arguments *a, const struct clact_view *view, bool strided);
/* In f64 or in f32. */
void clact_opencl_set_beta(struct clact_opencl_arguments *a, const struct clact_beta *beta, bool f64);
/* All eight, in f64 or in f32. */
void clact_opencl_set_parameters(struct clact_opencl_arguments *a, const clact_activation *activation, bool f64);

/* A view in host memory that takes part in a call. */
struct clact_opencl_staged {
    struct clact_view *view; /* NULL: takes no part */
    const int64_t *dims;     /* CLACT_MAX_RANK of them */
    bool read, written;
};

/* Runs a call on what lies in host memory: run gets the views put onto buffers, which are that memory where the
 * device shares it, and copies elsewhere, and a queue triple; the outputs are then the host's. Those of a buffer
 * must leave no gaps together: what lies in them is not ours to write. */
clact_status clact_opencl_on_host_memory(clact_context *context, const struct clact_opencl_staged *staged, int count,
                                         clact_status (*run)(clact_context *context, const void *work,
                                                             const clact_enqueue *q),
                                         const void *work);
/* Whether the elements of an output have others between them that are not of it. */
bool clact_opencl_has_gaps(const struct clact_view *view, const int64_t *dims);

/* Refuses a queue that is not of the context's cl_context and device. */
clact_status clact_opencl_check_queue(const struct clact_ocl *ocl, cl_command_queue queue);
/* The queue triple of a call: what the caller gave, checked, or the context's own queue. */
clact_status clact_opencl_triple(const clact_context *context, const clact_enqueue *given, clact_enqueue *q);

/* What a call without elements enqueues: its event must still be set. */
clact_status clact_opencl_nothing(clact_context *context, const clact_enqueue *q);

/* One kernel over count elements, per_item for each work-item. */
clact_status clact_opencl_enqueue(const struct clact_ocl *ocl, cl_kernel kernel, uint64_t count, uint32_t per_item,
                                  const clact_enqueue *q);
/* Whether the command of an event, which what has returned stood behind in a queue in order, ended well. One that was
 * terminated is told of by its event alone; what is enqueued behind it may run all the same. */
clact_status clact_opencl_ended(const struct clact_ocl *ocl, cl_event kernels);

/* Members of the backend's table: see src/backend.h. */
clact_status clact_opencl_barrier(clact_context *context, const clact_enqueue *enqueue, clact_enqueue *q);
clact_status clact_opencl_on_host(clact_context *context, struct clact_view *const *views, int count, uint32_t written,
                                  const clact_enqueue *enqueue,
                                  clact_status (*run)(clact_context *context, const void *work), const void *work);

/* Whether a call that ended so runs on the CPU backend, as options.pack_or_cpu allows; then each kind does. */
bool clact_opencl_elsewhere(const clact_context *context, clact_status status, const clact_enqueue *enqueue);
clact_status clact_opencl_elementwise_elsewhere(clact_context *context, const struct clact_launch *launch);
clact_status clact_opencl_rowwise_elsewhere(clact_context *context, const struct clact_rowwise_launch *launch);
clact_status clact_opencl_map_elsewhere(clact_context *context, const struct clact_map *map);
clact_status clact_opencl_table_elsewhere(clact_context *context, const struct clact_table_launch *launch);
clact_status clact_opencl_matmul_elsewhere(clact_context *context, const struct clact_matmul *product);
clact_status clact_opencl_arrays_elsewhere(clact_context *context, const struct clact_arrays *arrays);
clact_status clact_opencl_dense_elsewhere(clact_context *context, const struct clact_dense *dense);

clact_status clact_ocl_elementwise(clact_context *context, const struct clact_launch *launch);
/* A part of it: how many launches the gradient of one learnable parameter takes, and these. */
int clact_opencl_gradient_launches(const struct clact_ocl *ocl, const struct clact_gradient *gradient);
clact_status clact_opencl_gradient_ready(clact_context *context, const struct clact_launch *launch,
                                         const struct clact_gradient *gradient);
clact_status clact_opencl_gradient(clact_context *context, const struct clact_launch *launch,
                                   const struct clact_gradient *gradient, struct clact_chain *chain);
/* How sums of so many terms are cut, segments of them being there: blocks of a chunk, a power of two, and chunks. */
uint64_t clact_opencl_sum_chunk(const struct clact_ocl *ocl, uint64_t length, uint64_t segments);
uint64_t clact_opencl_sum_chunks(const struct clact_ocl *ocl, uint64_t length, uint64_t segments);
clact_status clact_ocl_rowwise(clact_context *context, const struct clact_rowwise_launch *launch);
/* A part of it, on memory of the device: makes sure of the program, and launches it. */
clact_status clact_opencl_rowwise_ready(clact_context *context, const struct clact_rowwise_launch *launch);
clact_status clact_opencl_rowwise_launch(clact_context *context, const void *launch, const clact_enqueue *q);
clact_status clact_ocl_map(clact_context *context, const struct clact_map *map);
clact_status clact_ocl_table(clact_context *context, const struct clact_table_launch *launch);
clact_status clact_ocl_matmul(clact_context *context, const struct clact_matmul *product);
clact_status clact_ocl_dense(clact_context *context, const struct clact_dense *dense);
clact_status clact_ocl_arrays(clact_context *context, const struct clact_arrays *arrays);

#endif
