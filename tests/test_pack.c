/* test_pack.c: packs: what they hold runs without a compiler, what they lack is refused by name or runs elsewhere, and
 * whatever is wrong with one is said when it is opened. tests/pack.sh hides the compiler besides. */
#include "suites.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 100

static char path[64];
static unsigned char *pack; /* its bytes */
static size_t pack_length;
static float x[N];
static clact_context *cpu; /* the CPU backend */

static bool has_device(void)
{
    return test_caps()->backend == CLACT_BACKEND_OPENCL;
}

static void write_pack(const unsigned char *bytes, size_t length)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, length, f) == length && fclose(f) == 0);
}

/* relu in f32, dense and views, and in f16; softmax with masks. */
static void make_pack(void)
{
    clact_activation *relu = named("relu"), *softmax = named("softmax");
    const clact_kernels kernels[] = {
        {.activation = relu, .calls = CLACT_CALLS_DENSE | CLACT_CALLS_VIEW},
        {.activation = relu, .types = 1u << CLACT_F16},
        {.activation = softmax, .calls = CLACT_CALLS_MASK},
    };
    clact_context *c;
    OK(clact_open(&c, NULL));
    OK(clact_pack_write(&c, 1, kernels, COUNT_OF(kernels), path));
    clact_close(&c);
    clact_activation_destroy(&relu);
    clact_activation_destroy(&softmax);
}

static void setup(void)
{
    snprintf(path, sizeof path, "/tmp/clact-pack-XXXXXX");
    cpu = cpu_context(NULL, 1);
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && close(fd) == 0);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) * 0.1f;
    if (!has_device())
        return;
    make_pack();
    FILE *f = fopen(path, "rb");
    ck_assert(f && fseek(f, 0, SEEK_END) == 0);
    pack_length = (size_t)ftell(f);
    rewind(f);
    pack = malloc(pack_length);
    ck_assert(pack && fread(pack, 1, pack_length, f) == pack_length && fclose(f) == 0);
}

static void teardown(void)
{
    clact_close(&cpu);
    unlink(path);
    free(pack);
    pack = NULL;
}

static clact_status open_pack(clact_context **out, bool or_cpu)
{
    return clact_open(out, &(clact_options){.pack = path, .pack_or_cpu = or_cpu});
}

/* Compares a context's result with the CPU backend's. */
static void same_as_cpu(clact_context *c, const clact_activation *a, bool backward)
{
    float y[N], expected[N];
    run_array(cpu, a, CLACT_F32, N, x, backward ? x : NULL, expected);
    run_array(c, a, CLACT_F32, N, x, backward ? x : NULL, y);
    ck_assert_mem_eq(y, expected, sizeof y);
}

START_TEST(what_it_holds_runs)
{
    if (!has_device())
        return;
    clact_context *c;
    clact_caps caps;
    clact_activation *relu = named("relu"), *softmax = named("softmax");
    OK(open_pack(&c, false));
    OK(clact_context_caps(c, &caps));
    ck_assert_uint_eq(caps.types, 1u << CLACT_F32 | 1u << CLACT_F16);
    ck_assert_uint_eq(caps.exact, test_caps()->exact);
    same_as_cpu(c, relu, false);
    same_as_cpu(c, relu, true);
    same_as_cpu(c, softmax, false);
    float results[2][N];
    uint8_t bits[N];
    for (int i = 0; i < N; i++)
        bits[i] = i % 3 > 0;
    for (int i = 0; i < 2; i++) {
        clact_operand in = clact_array(CLACT_F32, x, N), out = clact_array(CLACT_F32, results[i], N);
        clact_operand mask = clact_array(CLACT_U8, bits, N);
        OK(clact_forward(i ? c : cpu, softmax, &(clact_forward_args){.x = &in, .y = &out, .mask = &mask}));
    }
    ck_assert_mem_eq(results[0], results[1], sizeof results[0]);
    clact_close(&c);
    clact_activation_destroy(&relu);
    clact_activation_destroy(&softmax);
}
END_TEST

/* One element's worth of a call, forward, on buffers or in host memory. */
static clact_status call(clact_context *c, const char *name, clact_type type, bool spread)
{
    clact_activation *a = named(name);
    clact_operand in = clact_array(type, NULL, 4), out = in;
    in.tensor.strided = out.tensor.strided = spread;
    in.tensor.strides[0] = out.tensor.strides[0] = 2;
    OK(clact_buffer_create(&in.buffer, c, 64));
    OK(clact_buffer_create(&out.buffer, c, 64));
    clact_status status = clact_forward(c, a, &(clact_forward_args){.x = &in, .y = &out});
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&out.buffer);
    clact_activation_destroy(&a);
    return status;
}

START_TEST(what_it_lacks_is_refused_by_name)
{
    if (!has_device())
        return;
    clact_context *c;
    OK(open_pack(&c, false));
    OK(call(c, "relu", CLACT_F16, false));
    OK(call(c, "relu", CLACT_F32, true));
    REFUSED(call(c, "elu", CLACT_F32, false), CLACT_E_PACK, "elu_*_f32, for elu");
    REFUSED(call(c, "relu", CLACT_BF16, true), CLACT_E_PACK, "relu_*_bf16_view, for relu");
    REFUSED(call(c, "hardmax", CLACT_F32, false), CLACT_E_PACK, "hardmax");
    REFUSED(call(c, "crelu", CLACT_F32, false), CLACT_E_ARGUMENT, "");
    clact_close(&c);
}
END_TEST

/* prelu's slope for each element, its gradient and dx, in one call: two programs, of which the pack has none. */
static void gradient(clact_context *c, float out[2 * N])
{
    clact_activation *prelu = named("prelu");
    clact_operand in = clact_array(CLACT_F32, NULL, N), slope = in, dx = in, value = in;
    clact_parameter_tensor tensor = {"slope", &slope};
    clact_parameter_gradient wanted = {.name = "slope", .value = &value};
    clact_operand *all[] = {&in, &slope, &dx, &value};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        OK(clact_buffer_create(&all[i]->buffer, c, sizeof x));
        OK(clact_buffer_write(all[i]->buffer, 0, sizeof x, x));
    }
    OK(clact_backward(c, prelu, &(clact_backward_args){.x = &in, .dy = &in, .dx = &dx, .parameters = &tensor,
                                                       .parameter_count = 1, .gradients = &wanted, .gradient_count = 1}));
    OK(clact_buffer_read(dx.buffer, 0, sizeof x, out));
    OK(clact_buffer_read(value.buffer, 0, sizeof x, out + N));
    for (size_t i = 0; i < COUNT_OF(all); i++)
        clact_buffer_destroy(&all[i]->buffer);
    clact_activation_destroy(&prelu);
}

/* A quantised elu of every byte. */
static void bytes_of(clact_context *c, void *out)
{
    static const clact_quantization q = {.x_scale = 0.1, .y_scale = 0.05, .x_type = CLACT_I8, .y_type = CLACT_U8};
    clact_activation *a;
    unsigned char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    OK(clact_activation_create(&a, &(clact_activation_desc){.name = "elu", .quantization = &q}));
    clact_operand in = clact_array(CLACT_I8, NULL, 256), y = clact_array(CLACT_U8, NULL, 256);
    OK(clact_buffer_create(&in.buffer, c, 256));
    OK(clact_buffer_create(&y.buffer, c, 256));
    OK(clact_buffer_write(in.buffer, 0, 256, all));
    OK(clact_forward(c, a, &(clact_forward_args){.x = &in, .y = &y}));
    OK(clact_buffer_read(y.buffer, 0, 256, out));
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&y.buffer);
    clact_activation_destroy(&a);
}

START_TEST(what_it_lacks_runs_on_the_cpu)
{
    if (!has_device())
        return;
    clact_context *c;
    clact_activation *elu = named("elu"), *softmin = named("softmin"), *swiglu = named("swiglu");
    float y[2 * N], expected[2 * N];
    OK(open_pack(&c, true));
    same_as_cpu(c, elu, false);
    same_as_cpu(c, elu, true);
    OK(clact_apply(c, elu, N, x, y)); /* host memory */
    OK(clact_apply(cpu, elu, N, x, expected));
    ck_assert_mem_eq(y, expected, sizeof x);
    same_as_cpu(c, softmin, false);
    OK(clact_apply(c, softmin, N, x, y));
    OK(clact_apply(cpu, softmin, N, x, expected));
    ck_assert_mem_eq(y, expected, sizeof x);
    gradient(c, y);
    gradient(cpu, expected);
    ck_assert_mem_eq(y, expected, sizeof y);
    for (int i = 0; i < 2; i++) {
        clact_context *on = i ? cpu : c;
        clact_operand in = clact_array(CLACT_F32, NULL, N), out = clact_array(CLACT_F32, NULL, N / 2);
        OK(clact_buffer_create(&in.buffer, on, sizeof x));
        OK(clact_buffer_create(&out.buffer, on, sizeof x));
        OK(clact_buffer_write(in.buffer, 0, sizeof x, x));
        OK(clact_forward(on, swiglu, &(clact_forward_args){.x = &in, .y = &out}));
        OK(clact_buffer_read(out.buffer, 0, sizeof x / 2, i ? expected : y));
        clact_buffer_destroy(&in.buffer);
        clact_buffer_destroy(&out.buffer);
    }
    ck_assert_mem_eq(y, expected, sizeof x / 2);
    bytes_of(c, y);
    bytes_of(cpu, expected);
    ck_assert_mem_eq(y, expected, 256);
    clact_close(&c);
    clact_activation_destroy(&elu);
    clact_activation_destroy(&softmin);
    clact_activation_destroy(&swiglu);
}
END_TEST

/* The gradient's kernel is packed and that of the elements is not: the one must not run before the other is missed. */
START_TEST(a_call_of_several_kernels_runs_whole_or_not_at_all)
{
    if (!has_device())
        return;
    clact_activation *prelu = named("prelu");
    const clact_kernels kernels = {.activation = prelu, .calls = CLACT_CALLS_GRADIENT | CLACT_CALLS_ACCUMULATE};
    float sums[3];
    clact_context *c;
    OK(clact_open(&c, NULL));
    OK(clact_pack_write(&c, 1, &kernels, 1, path));
    clact_close(&c);
    for (int i = 0; i < 3; i++) {
        float y[N], sum = 1;
        c = cpu;
        if (i > 0)
            OK(open_pack(&c, i == 2));
        clact_operand in = clact_array(CLACT_F32, NULL, N), dx = in, value = clact_array(CLACT_F32, NULL, 1);
        clact_parameter_gradient wanted = {.name = "slope", .value = &value, .beta = 1};
        clact_backward_args args = {.x = &in, .dy = &in, .gradients = &wanted, .gradient_count = 1};
        OK(clact_buffer_create(&in.buffer, c, sizeof x));
        OK(clact_buffer_create(&dx.buffer, c, sizeof x));
        OK(clact_buffer_create(&value.buffer, c, sizeof sum));
        OK(clact_buffer_write(in.buffer, 0, sizeof x, x));
        OK(clact_buffer_write(value.buffer, 0, sizeof sum, &sum));
        if (i == 1)
            OK(clact_backward(c, prelu, &args)); /* the pack's kernel alone: 1 + sum */
        args.dx = &dx;
        if (i == 1)
            REFUSED(clact_backward(c, prelu, &args), CLACT_E_PACK, "prelu_*_f32, for prelu");
        else
            OK(clact_backward(c, prelu, &args));
        OK(clact_buffer_read(value.buffer, 0, sizeof sum, &sums[i]));
        OK(clact_buffer_read(dx.buffer, 0, sizeof y, y));
        clact_buffer_destroy(&in.buffer);
        clact_buffer_destroy(&dx.buffer);
        clact_buffer_destroy(&value.buffer);
        if (i > 0)
            clact_close(&c);
    }
    ck_assert(sums[0] != 1 && sums[1] == sums[0] && sums[2] == sums[0]);
    write_pack(pack, pack_length);
    clact_activation_destroy(&prelu);
}
END_TEST

START_TEST(a_damaged_one_is_refused)
{
    if (!has_device())
        return;
    clact_context *c;
    for (size_t i = 0; i < 200; i++) {
        size_t place = i < 60 ? i : (size_t)((double)i / 200 * (double)pack_length);
        pack[place] ^= 1u << i % 8;
        write_pack(pack, pack_length);
        pack[place] ^= 1u << i % 8;
        REFUSED(open_pack(&c, true), CLACT_E_PACK, path);
        write_pack(pack, place);
        REFUSED(open_pack(&c, true), CLACT_E_PACK, path);
    }
    unlink(path);
    REFUSED(open_pack(&c, true), CLACT_E_PACK, "No such file");
    write_pack(pack, pack_length);
    OK(open_pack(&c, false));
    clact_close(&c);
}
END_TEST

/* The checksum made good, as docs/packs.md has it. */
static void write_summed(unsigned char *bytes)
{
    XXH128_hash_t sum = XXH3_128bits_withSeed(bytes + 48, pack_length - 48, XXH3_64bits(bytes, 32));
    memcpy(bytes + 32, &sum.high64, 8);
    memcpy(bytes + 40, &sum.low64, 8);
    write_pack(bytes, pack_length);
}

/* The file with a word of its manifest replaced by one as long. */
static void replace(const char *word, const char *by)
{
    unsigned char *bytes = malloc(pack_length);
    memcpy(bytes, pack, pack_length);
    unsigned char *at = memmem(bytes, pack_length, word, strlen(word));
    ck_assert_msg(at && strlen(word) == strlen(by), "%s", word);
    memcpy(at, by, strlen(by));
    write_summed(bytes);
    free(bytes);
}

START_TEST(another_version_or_device_is_refused)
{
    if (!has_device())
        return;
    clact_context *c;
    replace("numerics 1", "numerics 9");
    REFUSED(open_pack(&c, true), CLACT_E_PACK, "numerics 9");
    replace("clact 0", "clact 8");
    REFUSED(open_pack(&c, true), CLACT_E_PACK, "made by clact 8");
    replace("\ndevice ", "\ndevice_");
    REFUSED(open_pack(&c, true), CLACT_E_PACK, "no part for");
    replace("\ndriver ", "\ndriver_");
    REFUSED(open_pack(&c, true), CLACT_E_PACK, test_caps()->device);
    for (size_t i = 16; i < 32; i++) { /* lengths that are not those of what follows */
        unsigned char was = pack[i];
        pack[i] = (unsigned char)(was + 1);
        replace("clact 0", "clact 0");
        pack[i] = was;
        REFUSED(open_pack(&c, true), CLACT_E_PACK, "has not the length");
    }
    replace("\nprogram 0", "\nprogram 9"); /* past the end */
    clact_status status = open_pack(&c, false);
    ck_assert(status == CLACT_E_PACK || status == CLACT_OK); /* or within it, and no binary */
    if (status == CLACT_OK)
        clact_close(&c);
    char line[] = "\nprogram 0 1", longer[] = "\nprogram 0 9"; /* a binary that ends past the end */
    while (!memmem(pack, pack_length, line, sizeof line - 1))
        line[sizeof line - 2]++;
    ck_assert_int_lt(line[sizeof line - 2], '9');
    replace(line, longer);
    REFUSED(open_pack(&c, false), CLACT_E_PACK, "damaged");
    replace("\nprogram 0 ", "\nprogram x ");
    REFUSED(open_pack(&c, false), CLACT_E_PACK, "damaged");
    replace("\ntext ", "\ntext_");
    OK(open_pack(&c, false)); /* a line for people */
    clact_close(&c);
    replace("\ntext ", "\ntext\n");
    OK(open_pack(&c, false));
    clact_close(&c);
}
END_TEST

START_TEST(what_cannot_be_packed)
{
    clact_context *none = NULL;
    clact_activation *relu = named("relu");
    clact_kernels kernels = {.activation = relu};
    const bool built = has_device();
    REFUSED(clact_pack_write(&cpu, 1, &kernels, 1, path), built ? CLACT_E_ARGUMENT : clact_pack_write(&cpu, 1, &kernels, 1, path), "");
    if (built) {
        REFUSED(clact_pack_write(&none, 1, &kernels, 1, path), CLACT_E_ARGUMENT, "context 0");
        clact_context *c = test_context();
        REFUSED(clact_pack_write(&c, 0, &kernels, 1, path), CLACT_E_ARGUMENT, "needs contexts");
        REFUSED(clact_pack_write(&c, 1, &kernels, 1, "/no/such/folder/pack"), CLACT_E_PACK, "No such file");
        OK(open_pack(&c, false));
        REFUSED(clact_pack_write(&c, 1, &kernels, 1, path), CLACT_E_ARGUMENT, "uses a pack");
        clact_close(&c);
    }
    clact_activation_destroy(&relu);
}
END_TEST

Suite *pack_suite(void)
{
    Suite *suite = suite_create("pack");
    TCase *tests = tcase_create("packs");
    tcase_set_timeout(tests, 600);
    tcase_add_unchecked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_it_holds_runs);
    tcase_add_test(tests, what_it_lacks_is_refused_by_name);
    tcase_add_test(tests, what_it_lacks_runs_on_the_cpu);
    tcase_add_test(tests, a_call_of_several_kernels_runs_whole_or_not_at_all);
    tcase_add_test(tests, a_damaged_one_is_refused);
    tcase_add_test(tests, another_version_or_device_is_refused);
    tcase_add_test(tests, what_cannot_be_packed);
    suite_add_tcase(suite, tests);
    return suite;
}
