/* support.c: what the suites share: contexts, calls on arrays, samples. */
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Outside a test nothing can be asserted: without a context there is nothing to run. */
static void must(clact_status status)
{
    if (status != CLACT_OK) {
        fprintf(stderr, "no context to test: %s\n", clact_error());
        exit(1);
    }
}

clact_context *test_context(void)
{
    static clact_context *context;
    if (!context)
        must(clact_open(&context, NULL));
    return context;
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
