/* test_quantised.c: int8 and uint8 through a table: its entries against a computation of the test's own, calls on every
 * layout, and what is refused. */
#include "layouts.h"

#define CLACT_CUSTOM_DECLARATIONS
#include <clact/custom.h>

#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

const clact_custom *custom_rows_plain(size_t i);

/* ---- The table ------------------------------------------------------------------------------ */

/* Zeros at either end and between, scales that make no f32 product exact, saturate, underflow and overflow. */
static const clact_quantization quantizations[] = {
    {0.05, 0.04, -3, -128, CLACT_I8, CLACT_I8, {0}},
    {0.1, 1.0 / 3, 128, 7, CLACT_U8, CLACT_U8, {0}},
    {1, 2, 0, 255, CLACT_U8, CLACT_U8, {0}},
    {0.7, 0.011, 127, 0, CLACT_I8, CLACT_U8, {0}},
    {0.023, 0x1p-5, 255, -1, CLACT_U8, CLACT_I8, {0}},
    {0x1.8p127, 1e-30, -128, 127, CLACT_I8, CLACT_I8, {0}},
    {0x1p-149, 0x1p-149, 100, 100, CLACT_I8, CLACT_I8, {0}},
    {0x1p-3, 0x1.fffffep127, 17, 17, CLACT_I8, CLACT_U8, {0}},
};

static clact_activation *quantised(const char *name, const clact_quantization *q)
{
    clact_activation *f;
    clact_activation_desc desc = {.name = name, .quantization = q};
    OK(clact_activation_create(&f, &desc));
    return f;
}

static double number_of(uint32_t type, uint8_t byte)
{
    return type == CLACT_U8 ? byte : byte < 128 ? byte : byte - 256;
}

/* Half to even. */
static double rounded(double v)
{
    double below = floor(v), rest = v - below;
    return rest > 0.5 || (rest == 0.5 && fmod(below, 2) != 0) ? below + 1 : below;
}

/* The byte for a result v in f32. In double the quotient of two floats is close enough that rounding it to float is
 * rounding once. */
static uint8_t byte_of(const clact_quantization *q, float v)
{
    double least = q->y_type == CLACT_U8 ? 0 : -128, greatest = least + 255;
    float quotient = (float)((double)v / (double)(float)q->y_scale);
    double y = isnan(v) ? q->y_zero : rounded((double)quotient) + q->y_zero;
    y = y < least ? least : y > greatest ? greatest : y;
    return (uint8_t)(int)y;
}

/* What y must be of every byte, by the activation that is not quantised. */
static void expect_all(const clact_activation *plain, const clact_quantization *q, uint8_t *expected)
{
    float x[256], y[256];
    clact_context *cpu = cpu_context(NULL, 1);
    for (int i = 0; i < 256; i++) /* the product is exact in double */
        x[i] = (float)((number_of(q->x_type, (uint8_t)i) - q->x_zero) * (double)(float)q->x_scale);
    OK(clact_apply(cpu, plain, 256, x, y));
    for (int i = 0; i < 256; i++)
        expected[i] = byte_of(q, y[i]);
    clact_close(&cpu);
}

/* One call on n consecutive bytes; buffers: as run_array() does it. */
static void run_bytes(clact_context *context, const clact_activation *f, const clact_quantization *q, bool buffers, size_t n,
                      const uint8_t *x, uint8_t *y)
{
    clact_operand in = clact_array((clact_type)q->x_type, x, (int64_t)n), out = clact_array((clact_type)q->y_type, y, (int64_t)n);
    if (buffers) {
        in.data = out.data = NULL;
        OK(clact_buffer_create(&in.buffer, context, n));
        OK(clact_buffer_create(&out.buffer, context, n));
        OK(clact_buffer_write(in.buffer, 0, n, x));
    }
    OK(clact_forward(context, f, &(clact_forward_args){.x = &in, .y = &out}));
    if (buffers)
        OK(clact_buffer_read(out.buffer, 0, n, y));
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&out.buffer);
}

static void check_table(const char *name, const clact_activation *plain, const clact_activation *f,
                        const clact_quantization *q)
{
    uint8_t all[256], expected[256], y[256];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    expect_all(plain, q, expected);
    for (int buffers = 0; buffers < 2; buffers++) {
        memset(y, 0xaa, sizeof y);
        run_bytes(test_context(), f, q, buffers, 256, all, y);
        for (int i = 0; i < 256; i++)
            ck_assert_msg(y[i] == expected[i], "%s, quantization %d: %d gives %d, expected %d", name,
                          (int)(q - quantizations), i, y[i], expected[i]);
    }
}

START_TEST(every_row_every_byte)
{
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    for (size_t i = 0; i < count; i++)
        for (uint32_t semantics = 0; semantics <= list[i].tensorflow; semantics++) {
            clact_activation *plain = with_semantics(list[i].name, semantics), *f;
            for (size_t k = 0; k < COUNT_OF(quantizations); k++) {
                clact_activation_desc desc = {.id = list[i].id, .semantics = semantics, .quantization = &quantizations[k]};
                if (light() && (i + k) % 4)
                    continue;
                OK(clact_activation_create(&f, &desc));
                ck_assert_ptr_eq(clact_activation_info_of(f), &list[i]);
                check_table(list[i].name, plain, f, &quantizations[k]);
                clact_activation_destroy(&f);
            }
            clact_activation_destroy(&plain);
        }
}
END_TEST

START_TEST(parameters_and_custom_rows)
{
    const clact_quantization *q = &quantizations[0];
    const clact_parameter slope = {.name = "slope", .value = 0.3};
    clact_activation *plain, *f;
    OK(clact_activation_named(&plain, "prelu", &slope, 1));
    OK(clact_activation_create(&f, &(clact_activation_desc){.name = "prelu", .parameters = &slope, .parameter_count = 1,
                                                            .quantization = q}));
    check_table("prelu", plain, f, q);
    clact_activation_destroy(&plain);
    clact_activation_destroy(&f);
    for (size_t i = 0; custom_rows_plain(i); i++) {
        OK(clact_activation_create_custom(&plain, custom_rows_plain(i), NULL, 0));
        OK(clact_activation_create(&f, &(clact_activation_desc){.custom = custom_rows_plain(i), .quantization = q}));
        check_table(custom_rows_plain(i)->name, plain, f, q);
        clact_activation_destroy(&plain);
        clact_activation_destroy(&f);
    }
}
END_TEST

/* By hand. */
static const struct {
    const char *name;
    clact_quantization q;
    int x, y;
} by_hand[] = {
    {"identity", {1, 2, 0, 0, CLACT_I8, CLACT_I8, {0}}, 1, 0}, /* 0.5 */
    {"identity", {1, 2, 0, 0, CLACT_I8, CLACT_I8, {0}}, 3, 2}, /* 1.5 */
    {"identity", {1, 2, 0, 0, CLACT_I8, CLACT_I8, {0}}, 5, 2}, /* 2.5 */
    {"identity", {1, 2, 0, 0, CLACT_I8, CLACT_I8, {0}}, -1, 0},
    {"identity", {1, 2, 0, 0, CLACT_I8, CLACT_I8, {0}}, -3, -2},
    {"identity", {1, 2, 0, 0, CLACT_I8, CLACT_I8, {0}}, -5, -2},
    {"identity", {1, 2, 0, 1, CLACT_I8, CLACT_I8, {0}}, 5, 3},  /* 2 + 1: rounded before the zero is added */
    {"identity", {1, 2, 0, 1, CLACT_I8, CLACT_I8, {0}}, 3, 3},
    {"identity", {1, 2, 0, 128, CLACT_I8, CLACT_U8, {0}}, -128, 64},
    {"identity", {1, 1, 10, -20, CLACT_U8, CLACT_I8, {0}}, 0, -30},
    {"identity", {1, 1, 10, -20, CLACT_U8, CLACT_I8, {0}}, 157, 127},
    {"identity", {1, 1, 10, -20, CLACT_U8, CLACT_I8, {0}}, 158, 127}, /* saturates */
    {"identity", {1, 1, 255, -20, CLACT_U8, CLACT_I8, {0}}, 0, -128},
    {"relu", {0.1, 0.1, 3, 4, CLACT_I8, CLACT_I8, {0}}, -7, 4},
    {"relu", {0.1, 0.1, 3, 4, CLACT_I8, CLACT_I8, {0}}, 9, 10},
    {"log", {1, 1, 0, 5, CLACT_I8, CLACT_I8, {0}}, -1, 5}, /* NaN */
    {"log", {1, 1, 0, 5, CLACT_I8, CLACT_I8, {0}}, 0, -128}, /* -infinity */
    {"log", {1, 1, 0, 250, CLACT_I8, CLACT_U8, {0}}, -128, 250},
    {"log", {1, 1, 0, 250, CLACT_I8, CLACT_U8, {0}}, 0, 0},
    {"exp", {1, 1, 0, 5, CLACT_I8, CLACT_I8, {0}}, 127, 127}, /* infinity */
    {"exp", {1, 1, 0, 200, CLACT_I8, CLACT_U8, {0}}, 127, 255},
    {"exp", {1, 0x1p-149, 0, 0, CLACT_I8, CLACT_U8, {0}}, 0, 255}, /* the quotient overflows */
    {"sigmoid", {0.125, 1.0 / 256, 0, -128, CLACT_I8, CLACT_I8, {0}}, 0, 0},
};

START_TEST(results_by_hand)
{
    for (size_t i = 0; i < COUNT_OF(by_hand); i++) {
        clact_activation *f = quantised(by_hand[i].name, &by_hand[i].q);
        uint8_t x = (uint8_t)by_hand[i].x, y = 0xaa;
        run_bytes(test_context(), f, &by_hand[i].q, true, 1, &x, &y);
        ck_assert_msg((int)number_of(by_hand[i].q.y_type, y) == by_hand[i].y, "line %d: %d gives %d, expected %d", (int)i,
                      by_hand[i].x, (int)number_of(by_hand[i].q.y_type, y), by_hand[i].y);
        clact_activation_destroy(&f);
    }
}
END_TEST

/* A rounding mode of the caller's, or 0: subnormals are flushed where the processor can. */
static void set_mode(int mode)
{
#ifdef __SSE2__
    if (mode == 0)
        _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
    if (mode)
        fesetround(mode);
}

START_TEST(the_callers_environment_changes_nothing)
{
    static const int modes[] = {FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD, 0};
    for (size_t k = 0; k < COUNT_OF(quantizations); k++)
        for (size_t m = 0; m < COUNT_OF(modes); m++) {
            clact_activation *plain = named("silu"), *f = NULL;
            clact_activation_desc desc = {.name = "silu", .quantization = &quantizations[k]};
            fenv_t saved;
            fegetenv(&saved);
            set_mode(modes[m]);
            clact_status status = clact_activation_create(&f, &desc);
            bool kept = !modes[m] || fegetround() == modes[m];
            fesetenv(&saved);
            ck_assert(status == CLACT_OK && kept);
            check_table("silu", plain, f, &quantizations[k]);
            clact_activation_destroy(&plain);
            clact_activation_destroy(&f);
        }
}
END_TEST

/* ---- Calls ---------------------------------------------------------------------------------- */

static const clact_quantization mixed = {0.031, 0.017, 11, 101, CLACT_U8, CLACT_I8, {0}};

static clact_activation *make_mixed(uint8_t *expected)
{
    clact_activation *plain = named("gelu"), *f = quantised("gelu", &mixed);
    expect_all(plain, &mixed, expected);
    clact_activation_destroy(&plain);
    return f;
}

static void fill_bytes(uint8_t *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (uint8_t)(next_random(&seed) >> 32);
}

/* Every length around those of vectors and words, at every alignment, beside bytes that must stay. */
START_TEST(lengths_on_every_cpu)
{
    static const char *const names[] = {"baseline", "avx2", "avx512", "neon"};
    uint8_t table[256], x[256], y[256];
    clact_activation *f = make_mixed(table);
    fill_bytes(x, sizeof x, 1);
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        clact_context *cpu;
        clact_options options = {.device = "cpu", .cpu = names[k], .threads = 1};
        if (clact_open(&cpu, &options) != CLACT_OK)
            continue;
        for (size_t n = 1; n < 200; n++) {
            size_t first = n % 9, to = n % 7;
            memset(y, 0xaa, sizeof y);
            run_bytes(cpu, f, &mixed, false, n, x + first, y + to);
            for (size_t i = 0; i < sizeof y; i++)
                ck_assert_msg(y[i] == (i >= to && i < to + n ? table[x[first + i - to]] : 0xaa), "%s, n = %d, byte %d", names[k],
                              (int)n, (int)i);
        }
        clact_close(&cpu);
    }
    clact_activation_destroy(&f);
}
END_TEST

/* In one or more threads, in the place of x and elsewhere. */
START_TEST(long_arrays_on_threads)
{
    const size_t n = 1000003;
    uint8_t table[256], *x = malloc(n), *y = malloc(n);
    clact_activation *f = make_mixed(table);
    ck_assert(x && y);
    for (uint32_t threads = 1; threads < 4; threads += 2) {
        clact_context *cpu = cpu_context(NULL, threads);
        fill_bytes(x, n, threads);
        run_bytes(cpu, f, &mixed, false, n, x, y);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(y[i] == table[x[i]], "%u threads: byte %d", threads, (int)i);
        run_bytes(cpu, f, &mixed, false, n, x, x);
        ck_assert_int_eq(memcmp(x, y, n), 0);
        clact_close(&cpu);
    }
    clact_activation_destroy(&f);
    free(x);
    free(y);
}
END_TEST

/* y of x element by element; the rest of y's memory is as it was. */
static void check_views(const clact_activation *f, const uint8_t *table, array *x, array *y, bool buffers)
{
    array before = copy_of(y);
    uint8_t *in = x->memory, *out = y->memory, *expected = before.memory;
    for (int64_t i = 0; i < count_of(y); i++)
        expected[place_of(y, i)] = table[in[place_of(x, i)]];
    if (buffers) {
        to_device(test_context(), x);
        to_device(test_context(), y);
    }
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x->operand, .y = &y->operand}));
    from_device(x);
    from_device(y);
    ck_assert_int_eq(memcmp(out, expected, (size_t)y->extent), 0);
    free_array(&before);
}

START_TEST(views)
{
    uint8_t table[256];
    clact_activation *f = make_mixed(table);
    for (size_t s = 0; s < SHAPE_COUNT; s++)
        for (int k = 0; k < 2 * LAYOUT_COUNT * LAYOUT_COUNT; k++) {
            if (light() && (s + (size_t)k) % 5)
                continue;
            array x = make_layout(CLACT_U8, &shapes[s], 1, (enum layout)(k / 2 % LAYOUT_COUNT));
            array y = make_layout(CLACT_I8, &shapes[s], 1, (enum layout)(k / 2 / LAYOUT_COUNT));
            fill_bytes(x.memory, (size_t)x.extent, s + 1);
            fill_bytes(y.memory, (size_t)y.extent, s + 2);
            check_views(f, table, &x, &y, k % 2);
            free_array(&x);
            free_array(&y);
        }
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(repeated_and_empty)
{
    static const int64_t dims[] = {5, 300}, along[] = {0, 1}, across[] = {1, 0};
    uint8_t table[256];
    clact_activation *f = make_mixed(table);
    for (int k = 0; k < 4; k++) {
        array x = make_strided(CLACT_U8, 2, dims, k / 2 ? along : across), y = make_array(CLACT_I8, 2, dims);
        fill_bytes(x.memory, (size_t)x.extent, 3);
        check_views(f, table, &x, &y, k % 2);
        free_array(&x);
        free_array(&y);
    }
    clact_operand none = clact_array(CLACT_U8, NULL, 0), nothing = clact_array(CLACT_I8, NULL, 0);
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &none, .y = &nothing}));
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(in_place_in_buffers)
{
    static const int64_t dims[] = {3, 70}, strides[] = {2, 7};
    uint8_t table[256];
    clact_activation *f = make_mixed(table);
    for (int strided = 0; strided < 2; strided++) {
        array x = strided ? make_strided(CLACT_U8, 2, dims, strides) : make_array(CLACT_U8, 2, dims);
        fill_bytes(x.memory, (size_t)x.extent, 4);
        array expected = copy_of(&x);
        uint8_t *bytes = expected.memory;
        for (int64_t i = 0; i < count_of(&x); i++)
            bytes[place_of(&x, i)] = table[bytes[place_of(&x, i)]];
        to_device(test_context(), &x);
        clact_operand y = x.operand;
        y.tensor.type = CLACT_I8;
        OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x.operand, .y = &y}));
        from_device(&x);
        ck_assert_int_eq(memcmp(x.memory, expected.memory, (size_t)x.extent), 0);
        free_array(&x);
        free_array(&expected);
    }
    clact_activation_destroy(&f);
}
END_TEST

struct worker {
    const clact_activation *f;
    const uint8_t *table;
    uint64_t seed;
    const char *failure;
};

static void *work(void *argument)
{
    enum { MOST = 200000 };
    struct worker *w = argument;
    uint8_t *x = malloc(MOST), *y = malloc(MOST);
    if (!x || !y)
        w->failure = "memory";
    for (int round = 0; !w->failure && round < 20; round++) {
        size_t n = round % 5 ? 1 + next_random(&w->seed) % 5000 : MOST;
        clact_operand in = clact_array(CLACT_U8, x, (int64_t)n), out = clact_array(CLACT_I8, y, (int64_t)n);
        fill_bytes(x, n, w->seed);
        if (clact_forward(test_context(), w->f, &(clact_forward_args){.x = &in, .y = &out}) != CLACT_OK)
            w->failure = clact_error();
        for (size_t i = 0; !w->failure && i < n; i++)
            w->failure = y[i] == w->table[x[i]] ? NULL : "a wrong byte";
    }
    free(x);
    free(y);
    return NULL;
}

START_TEST(many_threads)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    uint8_t table[256];
    if (strstr(test_caps()->platform, "Oclgrind")) /* its clCreateBuffer is not safe to call from two threads */
        return;
    clact_activation *f = make_mixed(table);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){f, table, i + 1, NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_msg(!workers[i].failure, "thread %u: %s", i, workers[i].failure);
    clact_activation_destroy(&f);
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------ */

static clact_status create(clact_activation_desc desc, clact_quantization q)
{
    clact_activation *untouched = (clact_activation *)&desc, *f = untouched;
    desc.quantization = &q;
    clact_status status = clact_activation_create(&f, &desc);
    ck_assert(status == CLACT_OK || f == untouched);
    if (status == CLACT_OK)
        clact_activation_destroy(&f);
    return status;
}

static void refuse_values(void)
{
    const clact_activation_desc relu = {.name = "relu"};
    static const double scales[] = {0, -1, -0.0, 1e-46, 0x1p-150, 1e39, INFINITY, NAN};
    static const uint32_t types[] = {CLACT_F32, CLACT_F16, CLACT_F64, 6, 0xffffffff};
    for (size_t i = 0; i < COUNT_OF(scales); i++) {
        REFUSED(create(relu, (clact_quantization){scales[i], 1, 0, 0, CLACT_I8, CLACT_I8, {0}}), CLACT_E_RANGE, "x_scale");
        REFUSED(create(relu, (clact_quantization){1, scales[i], 0, 0, CLACT_I8, CLACT_I8, {0}}), CLACT_E_RANGE, "y_scale");
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        REFUSED(create(relu, (clact_quantization){1, 1, 0, 0, types[i], CLACT_I8, {0}}), CLACT_E_ARGUMENT, "x_type");
        REFUSED(create(relu, (clact_quantization){1, 1, 0, 0, CLACT_I8, types[i], {0}}), CLACT_E_ARGUMENT, "y_type");
    }
    REFUSED(create(relu, (clact_quantization){1, 1, 128, 0, CLACT_I8, CLACT_U8, {0}}), CLACT_E_RANGE, "x_zero must be from -128 to 127");
    REFUSED(create(relu, (clact_quantization){1, 1, -129, 0, CLACT_I8, CLACT_U8, {0}}), CLACT_E_RANGE, "x_zero");
    REFUSED(create(relu, (clact_quantization){1, 1, 0, -1, CLACT_I8, CLACT_U8, {0}}), CLACT_E_RANGE, "y_zero must be from 0 to 255");
    REFUSED(create(relu, (clact_quantization){1, 1, 0, 256, CLACT_I8, CLACT_U8, {0}}), CLACT_E_RANGE, "y_zero");
    REFUSED(create(relu, (clact_quantization){1, 1, 0, 0, CLACT_I8, CLACT_U8, {0, 0, 0, 1}}), CLACT_E_ARGUMENT, "reserved");
    OK(create(relu, (clact_quantization){0x1p-149, 0x1.fffffep127, -128, 255, CLACT_I8, CLACT_U8, {0}}));
}

START_TEST(activations_that_are_refused)
{
    const clact_quantization q = {1, 1, 0, 0, CLACT_I8, CLACT_U8, {0}};
    const clact_parameter large = {.name = "negative_slope", .value = 1e300};
    static const char *const others[] = {"glu", "swiglu", "softmax", "hardmax", "maxout", "crelu"};
    refuse_values();
    for (size_t i = 0; i < COUNT_OF(others); i++)
        REFUSED(create((clact_activation_desc){.name = others[i]}, q), CLACT_E_UNSUPPORTED, "only element-wise");
    REFUSED(create((clact_activation_desc){.name = "silu", .gated = 1}, q), CLACT_E_UNSUPPORTED, "gated, silu");
    REFUSED(create((clact_activation_desc){.name = "leaky_relu", .parameters = &large, .parameter_count = 1}, q), CLACT_E_RANGE,
            "not finite in f32");
    REFUSED(create((clact_activation_desc){.name = "no_such"}, q), CLACT_E_NAME, "no activation");
}
END_TEST

static clact_operand of_type(clact_operand o, uint32_t type)
{
    o.tensor.type = type;
    return o;
}

START_TEST(operands_that_are_refused)
{
    uint8_t memory[64] = {0}, to[64];
    float f32[64] = {0};
    clact_activation *f = quantised("prelu", &mixed), *plain = named("prelu");
    clact_operand x = clact_array(CLACT_U8, memory, 16), y = clact_array(CLACT_I8, to, 16);
    clact_operand wrong[] = {of_type(x, CLACT_I8), clact_array(CLACT_F32, f32, 16), clact_array(CLACT_I8, to, 8), y, y, y};
    clact_context *c = test_context();
    memset(to, 0xaa, sizeof to);
    wrong[3].tensor.offset = 15;
    wrong[3].data = memory;
    wrong[4].tensor.strided = 1;
    wrong[5].tensor.offset = -1;
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &wrong[0], .y = &y}), CLACT_E_ARGUMENT, "x is of type i8, and prelu is quantised for u8");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &wrong[1], .y = &y}), CLACT_E_ARGUMENT, "x is of type f32");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &x}), CLACT_E_ARGUMENT, "y is of type u8, and prelu is quantised for i8");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &wrong[1]}), CLACT_E_ARGUMENT, "y is of type f32");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &wrong[2]}), CLACT_E_ARGUMENT, "another shape");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &wrong[3]}), CLACT_E_OVERLAP, "without being the same view");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &wrong[4]}), CLACT_E_OVERLAP, "share memory");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &wrong[5]}), CLACT_E_BOUNDS, "offset of y");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x}), CLACT_E_ARGUMENT, "y must not be NULL");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.y = &y}), CLACT_E_ARGUMENT, "x must not be NULL");
    REFUSED(clact_apply(c, f, 16, f32, f32), CLACT_E_ARGUMENT, "x is of type f32");
    REFUSED(clact_apply_gradient(c, f, 16, f32, f32, f32), CLACT_E_UNSUPPORTED, "no backward");
    REFUSED(clact_backward(c, f, &(clact_backward_args){.x = &x, .dy = &x, .dx = &y}), CLACT_E_UNSUPPORTED, "no backward");
    REFUSED(clact_forward(c, plain, &(clact_forward_args){.x = &x, .y = &x}), CLACT_E_ARGUMENT, "for masks and quantised activations only");
    REFUSED(clact_forward(c, plain, &(clact_forward_args){.x = &y, .y = &y}), CLACT_E_ARGUMENT, "i8, which is for quantised activations only");
    for (size_t i = 0; i < sizeof to; i++)
        ck_assert_uint_eq(to[i], 0xaa);
    clact_activation_destroy(&f);
    clact_activation_destroy(&plain);
}
END_TEST

START_TEST(arguments_that_are_refused)
{
    uint8_t memory[16] = {0}, to[16];
    clact_operand x = clact_array(CLACT_U8, memory, 16), y = clact_array(CLACT_I8, to, 16), slope = clact_array(CLACT_U8, memory, 1);
    clact_parameter_tensor tensor = {"slope", &slope};
    clact_parameter_gradient gradient = {.name = "slope", .value = &slope};
    static const char *const noisy[] = {"rrelu", "dropout"};
    clact_context *c = test_context();
    clact_activation *f = quantised("prelu", &mixed);
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &y, .parameters = &tensor, .parameter_count = 1}),
            CLACT_E_UNSUPPORTED, "prelu is quantised");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &y, .gate = &x}), CLACT_E_ARGUMENT, "prelu is quantised");
    REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &y, .mask = &x}), CLACT_E_ARGUMENT, "prelu is quantised");
    REFUSED(clact_backward(c, f, &(clact_backward_args){.x = &x, .dy = &x, .gradients = &gradient, .gradient_count = 1}),
            CLACT_E_UNSUPPORTED, "prelu is quantised");
    OK(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &y, .training = 1})); /* without noise nothing is drawn */
    clact_activation_destroy(&f);
    for (size_t i = 0; i < COUNT_OF(noisy); i++) {
        f = quantised(noisy[i], &mixed);
        REFUSED(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &y, .training = 1}), CLACT_E_UNSUPPORTED, "training must be 0");
        OK(clact_forward(c, f, &(clact_forward_args){.x = &x, .y = &y}));
        clact_activation_destroy(&f);
    }
}
END_TEST

START_TEST(types_are_described)
{
    ck_assert_str_eq(clact_type_name(CLACT_I8), "i8");
    ck_assert_uint_eq(clact_type_bytes(CLACT_I8), 1);
    ck_assert(has_type(CLACT_I8) && has_type(CLACT_U8));
}
END_TEST

Suite *quantised_suite(void)
{
    Suite *s = suite_create("quantised");
    TCase *t = tcase_create("quantised");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, types_are_described);
    tcase_add_test(t, every_row_every_byte);
    tcase_add_test(t, parameters_and_custom_rows);
    tcase_add_test(t, results_by_hand);
    tcase_add_test(t, the_callers_environment_changes_nothing);
    tcase_add_test(t, lengths_on_every_cpu);
    tcase_add_test(t, long_arrays_on_threads);
    tcase_add_test(t, views);
    tcase_add_test(t, repeated_and_empty);
    tcase_add_test(t, in_place_in_buffers);
    tcase_add_test(t, many_threads);
    tcase_add_test(t, activations_that_are_refused);
    tcase_add_test(t, operands_that_are_refused);
    tcase_add_test(t, arguments_that_are_refused);
    suite_add_tcase(s, t);
    return s;
}
