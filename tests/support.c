/* support.c: what the suites share: contexts, calls on arrays, samples. */
#include "suites.h"

#include "convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Outside a test nothing can be asserted: without a context there is nothing to run. */
static void must(clact_status status)
{
    if (status != CLACT_OK) {
        fprintf(stderr, "no context to test: %s\n", clact_error());
        exit(1);
    }
}

static clact_context *tested, *beside_pack;

clact_context *test_context(void)
{
    if (!tested)
        must(clact_open(&tested, NULL));
    return tested;
}

clact_context *context_beside_pack(void)
{
    static bool tried;
    char path[] = "/tmp/clact-tests-XXXXXX";
    if (tried || test_caps()->backend != CLACT_BACKEND_OPENCL)
        return beside_pack;
    tried = true;
    clact_context *device = test_context();
    clact_activation *identity = named("identity");
    const clact_kernels kernels = {.activation = identity};
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && close(fd) == 0);
    if (clact_pack_write(&device, 1, &kernels, 1, path) == CLACT_OK)
        OK(clact_open(&beside_pack, &(clact_options){.pack = path, .pack_or_cpu = 1}));
    clact_activation_destroy(&identity);
    unlink(path);
    return beside_pack;
}

void close_contexts(void)
{
    clact_close(&beside_pack);
    clact_close(&tested);
}

const clact_caps *test_caps(void)
{
    static clact_caps caps;
    if (!caps.backend)
        must(clact_context_caps(test_context(), &caps));
    return &caps;
}

bool light(void)
{
    return getenv("CLACT_TEST_LIGHT") != NULL;
}

bool has_type(uint32_t type)
{
    return test_caps()->types >> type & 1;
}

bool tries_type(uint32_t type, size_t turn)
{
    return has_type(type) && (!light() || type == CLACT_F32 || type == CLACT_F16 + turn % 3);
}

clact_context *cpu_context(const char *isa, uint32_t threads)
{
    clact_context *context;
    clact_options options = {.device = "cpu", .cpu = isa, .threads = threads};
    OK(clact_open(&context, &options));
    return context;
}

const clact_activation_info *elementwise_list(size_t *count)
{
    size_t all;
    const clact_activation_info *list = clact_activation_list(&all);
    for (*count = 0; *count < all && strcmp(list[*count].kind, "elementwise") == 0; ++*count)
        ;
    return list;
}

clact_activation *named(const char *name)
{
    return with_semantics(name, CLACT_DOCUMENTED);
}

clact_activation *with_semantics(const char *name, uint32_t semantics)
{
    clact_activation *activation;
    clact_activation_desc desc = {.name = name, .semantics = semantics};
    OK(clact_activation_create(&activation, &desc));
    return activation;
}

static clact_operand buffer_of(clact_context *context, clact_type type, size_t n, const void *from)
{
    clact_operand o = clact_array(type, NULL, (int64_t)n);
    size_t bytes = n * clact_type_bytes(type);
    OK(clact_buffer_create(&o.buffer, context, bytes));
    if (from)
        OK(clact_buffer_write(o.buffer, 0, bytes, from));
    return o;
}

void run_array(clact_context *context, const clact_activation *activation, clact_type type, size_t n, const void *x,
               const void *dy, void *out)
{
    clact_operand in = buffer_of(context, type, n, x), to = buffer_of(context, type, n, NULL), up = {0};
    if (dy) {
        up = buffer_of(context, type, n, dy);
        OK(clact_backward(context, activation, &(clact_backward_args){.x = &in, .dy = &up, .dx = &to}));
    } else {
        OK(clact_forward(context, activation, &(clact_forward_args){.x = &in, .y = &to}));
    }
    OK(clact_buffer_read(to.buffer, 0, n * clact_type_bytes(type), out));
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&to.buffer);
    clact_buffer_destroy(&up.buffer);
}

/* ---- Tensors -------------------------------------------------------------------------------- */

array make_strided(clact_type type, uint32_t rank, const int64_t *dims, const int64_t *strides)
{
    array a = {.operand.tensor = {.type = type, .rank = rank, .strided = 1}};
    int64_t least = 0, greatest = 0;
    for (uint32_t k = 0; k < rank; k++) {
        int64_t reach = (dims[k] - 1) * strides[k];
        a.operand.tensor.dims[k] = dims[k];
        a.operand.tensor.strides[k] = strides[k];
        *(reach < 0 ? &least : &greatest) += dims[k] ? reach : 0;
    }
    a.operand.tensor.offset = -least;
    a.extent = greatest - least + 1;
    a.memory = calloc((size_t)a.extent, clact_type_bytes(type));
    ck_assert_ptr_nonnull(a.memory);
    a.operand.data = a.memory;
    return a;
}

array make_array(clact_type type, uint32_t rank, const int64_t *dims)
{
    int64_t strides[CLACT_MAX_RANK], next = 1;
    for (uint32_t k = rank; k-- > 0; next *= dims[k])
        strides[k] = next;
    return make_strided(type, rank, dims, strides);
}

void free_array(array *a)
{
    clact_buffer_destroy(&a->operand.buffer);
    free(a->memory);
    *a = (array){0};
}

int64_t count_of(const array *a)
{
    int64_t n = 1;
    for (uint32_t k = 0; k < a->operand.tensor.rank; k++)
        n *= a->operand.tensor.dims[k];
    return n;
}

int64_t place_of(const array *a, int64_t i)
{
    const clact_tensor *t = &a->operand.tensor;
    int64_t place = t->offset;
    for (uint32_t k = t->rank; k-- > 0; i /= t->dims[k])
        place += i % t->dims[k] * t->strides[k];
    return place;
}

double memory_get(const array *a, int64_t place)
{
    double value;
    clact_type type = (clact_type)a->operand.tensor.type;
    convert_elements(&value, CLACT_F64, (const char *)a->memory + (size_t)place * clact_type_bytes(type), type, 1);
    return value;
}

void memory_set(array *a, int64_t place, double value)
{
    clact_type type = (clact_type)a->operand.tensor.type;
    convert_elements((char *)a->memory + (size_t)place * clact_type_bytes(type), type, &value, CLACT_F64, 1);
}

double get(const array *a, int64_t i)
{
    return memory_get(a, place_of(a, i));
}

void set(array *a, int64_t i, double value)
{
    memory_set(a, place_of(a, i), value);
}

static size_t bytes_of(const array *a)
{
    return (size_t)a->extent * clact_type_bytes((clact_type)a->operand.tensor.type);
}

void to_device(clact_context *context, array *a)
{
    if (!context || a->operand.buffer) /* it is there: both input and output */
        return;
    OK(clact_buffer_create(&a->operand.buffer, context, bytes_of(a)));
    OK(clact_buffer_write(a->operand.buffer, 0, bytes_of(a), a->memory));
    a->operand.data = NULL;
}

void from_device(array *a)
{
    if (!a->operand.buffer)
        return;
    OK(clact_buffer_read(a->operand.buffer, 0, bytes_of(a), a->memory));
    clact_buffer_destroy(&a->operand.buffer);
    a->operand.data = a->memory;
}

bool is_elementwise(const clact_activation_info *info)
{
    return strcmp(info->kind, "elementwise") == 0;
}

/* ---- Samples -------------------------------------------------------------------------------- */

uint32_t bits_of(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* SplitMix64 (Steele et al., 2014). */
uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void fill_strata(float *x, size_t n, uint64_t seed)
{
    static const float special[] = {0.0f, 0x1p-149f, 0x1.fffffcp-127f, 0x1p-126f, 0x1.fffffep127f, INFINITY, NAN, 1.0f, 2.5f,
                                    3.0f, 6.0f, 9.0109f, 17.3287f, 20.0f, 88.7228f, 89.0f, 103.97f, 104.0f};
    size_t i = 0;
    for (size_t k = 0; k < COUNT_OF(special); k++)
        for (uint32_t step = 0; step < 3; step++) /* the value and its neighbours */
            for (uint32_t sign = 0; sign < 2 && i < n; sign++)
                x[i++] = float_of((bits_of(special[k]) + step - 1) ^ sign << 31);
    for (uint32_t k = 0; i < n; k++) {
        uint64_t r = next_random(&seed);
        uint32_t exponent = k % 3 == 0 ? k / 3 % 256 : (uint32_t)(r >> 32) % 256;
        x[i++] = k % 3 == 1 ? (float)((double)(int64_t)r * 0x1p-63 * 20.0)
                            : float_of(((uint32_t)r & 0x807fffffu) | exponent << 23);
    }
}
