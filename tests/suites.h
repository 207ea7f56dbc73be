/* suites.h: the suites of tests/main.c, and what they share. */
#ifndef CLACT_TESTS_SUITES_H
#define CLACT_TESTS_SUITES_H

#include <check.h>
#include <clact/clact.h>

#include <stdbool.h>

Suite *activation_suite(void);
Suite *seeds_suite(void);
Suite *tensorflow_suite(void);
Suite *bits_suite(void);
Suite *types_suite(void);
Suite *tensor_suite(void);
Suite *environment_suite(void);
Suite *threads_suite(void);
Suite *device_suite(void);
Suite *interop_suite(void);
Suite *special_suite(void);
Suite *properties_suite(void);
Suite *golden_suite(void);
Suite *npy_suite(void);
Suite *gradients_suite(void);
Suite *noise_suite(void);
Suite *custom_suite(void);
Suite *rowwise_suite(void);
Suite *gated_suite(void);
Suite *reduce_suite(void);
Suite *quantised_suite(void);
Suite *large_suite(void);
Suite *memory_suite(void);
Suite *several_suite(void);
Suite *cache_suite(void);
Suite *pack_suite(void);
Suite *kernels_suite(void);
/* Of libclact-nn, where it is built. */
Suite *nn_init_suite(void);
Suite *matmul_suite(void);
Suite *dense_suite(void);
Suite *nn_interop_suite(void);
Suite *nn_model_suite(void);
Suite *nn_loss_suite(void);
Suite *nn_optimizer_suite(void);
Suite *nn_health_suite(void);

/* The context that all suites use: options.device as $CLACT_DEVICE says, opened once. */
clact_context *test_context(void);
/* The same device with a pack of identity alone: what is done in buffers is done by the CPU backend. NULL without a device,
 * or where it cannot be packed. */
clact_context *context_beside_pack(void);
void close_contexts(void);
const clact_caps *test_caps(void);
/* Whether $CLACT_TEST_LIGHT asks for small samples: where a device is a simulator, or compiles for seconds. */
bool light(void);
/* Whether the device has a type; and whether a test tries it: all, but where it is to be light f32 and, by turns, one
 * of the others. */
bool has_type(uint32_t type);
bool tries_type(uint32_t type, size_t turn);
/* The CPU backend with an instruction set (NULL: the best) and a number of threads. */
clact_context *cpu_context(const char *isa, uint32_t threads);

/* Fails the test with the library's sentence unless the call succeeds. */
#define OK(call)                                                                                    \
    do {                                                                                            \
        clact_status ok_status = (call);                                                            \
        ck_assert_msg(ok_status == CLACT_OK, "%s: %s: %s", #call, clact_status_name(ok_status), clact_error()); \
    } while (0)
/* Fails the test unless the call fails with this status and a sentence that contains part. */
#define REFUSED(call, expected, part)                                                               \
    do {                                                                                            \
        clact_status refused_status = (call);                                                       \
        ck_assert_msg(refused_status == (expected), "%s: %s, expected %s", #call,                   \
                      clact_status_name(refused_status), #expected);                                \
        ck_assert_msg(strstr(clact_error(), part) != NULL, "%s: '%s' lacks '%s'", #call, clact_error(), part); \
    } while (0)

/* The element-wise rows, which stand first in the list; other kinds have suites of their own. */
const clact_activation_info *elementwise_list(size_t *count);
clact_activation *named(const char *name);
clact_activation *with_semantics(const char *name, uint32_t semantics);

/* One call, forward (dy NULL) or backward, on arrays of n elements of a type in host memory: through
 * buffers where the context has a device of its own, so that its kernels run. */
void run_array(clact_context *context, const clact_activation *activation, clact_type type, size_t n, const void *x,
               const void *dy, void *out);

/* A tensor in host memory, of which extent elements belong to it, that can be moved into a buffer of a context. */
typedef struct array {
    clact_operand operand;
    int64_t extent;
    void *memory;
} array;

/* A dense tensor with memory for its elements, all zero; then the same with other strides. */
array make_array(clact_type type, uint32_t rank, const int64_t *dims);
array make_strided(clact_type type, uint32_t rank, const int64_t *dims, const int64_t *strides);
void free_array(array *a);
int64_t count_of(const array *a);
/* Element i of a tensor in row-major order, where it lies in its memory, and an element there; rounded to nearest when
 * set. Not of i8 and u8. */
int64_t place_of(const array *a, int64_t i);
double get(const array *a, int64_t i);
void set(array *a, int64_t i, double value);
double memory_get(const array *a, int64_t place);
void memory_set(array *a, int64_t place, double value);
/* Moves the memory into a buffer of the context (NULL: leaves it on the host), and back. */
void to_device(clact_context *context, array *a);
void from_device(array *a);

/* Whether a row is element-wise. */
bool is_elementwise(const clact_activation_info *info);

/* n floats: every exponent and sign, zeros, infinities, NaN, kinks, and random bits. */
void fill_strata(float *x, size_t n, uint64_t seed);
uint64_t next_random(uint64_t *state);

uint32_t bits_of(float x);
float float_of(uint32_t bits);

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#endif
