/* test_bits.c: the same bits from every instruction set, thread count and device. */
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 40000

static float x[N], dy[N], first[N], second[N], derivative[N];
static size_t n = N; /* fewer on a simulator */

static void fill(void)
{
    n = light() ? N / 8 : N;
    fill_strata(x, n, 1);
    fill_strata(dy, n, 2);
    for (size_t i = 0; i < n / 2; i++)
        dy[2 * i] = 1.0f;
}

static bool subnormal(float v)
{
    return v != 0 && fabsf(v) < 0x1p-126f;
}

/* Every place; with normal_only, those in which no operand, derivative or result is subnormal. */
static void compare(const char *what, const char *name, bool backward, bool normal_only)
{
    for (size_t i = 0; i < n; i++) {
        if (bits_of(first[i]) == bits_of(second[i]))
            continue;
        if (normal_only && (subnormal(x[i]) || subnormal(first[i]) ||
                            (backward && (subnormal(dy[i]) || subnormal(derivative[i])))))
            continue;
        ck_abort_msg("%s, %s %s, x = %a, dy = %a: 0x%08x and 0x%08x", what, name, backward ? "backward" : "forward",
                     x[i], dy[i], bits_of(first[i]), bits_of(second[i]));
    }
}

static void compare_activation(const char *what, const clact_activation *f, clact_context *a, clact_context *b,
                               bool normal_only)
{
    static float ones[N];
    for (size_t i = 0; i < n; i++)
        ones[i] = 1.0f;
    run_array(a, f, CLACT_F32, n, x, ones, derivative);
    for (int backward = 0; backward < 2; backward++) {
        run_array(a, f, CLACT_F32, n, x, backward ? dy : NULL, first);
        run_array(b, f, CLACT_F32, n, x, backward ? dy : NULL, second);
        compare(what, clact_activation_info_of(f)->name, backward, normal_only);
    }
}

/* Every row and twin on two contexts, a CPU first. */
static void compare_contexts(const char *what, clact_context *a, clact_context *b, bool normal_only)
{
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    for (size_t i = 0; i < count; i++)
        for (uint32_t semantics = 0; semantics <= list[i].tensorflow; semantics++) {
            clact_activation *f = with_semantics(list[i].name, semantics);
            compare_activation(what, f, a, b, normal_only);
            clact_activation_destroy(&f);
        }
}

START_TEST(instruction_sets_agree)
{
    static const char *const names[] = {"baseline", "avx2", "avx512", "neon"};
    clact_context *best = cpu_context(NULL, 1);
    size_t found = 0;
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        clact_context *other;
        clact_options options = {.device = "cpu", .cpu = names[k], .threads = 1};
        if (clact_open(&other, &options) != CLACT_OK)
            continue;
        found++;
        compare_contexts(names[k], best, other, false);
        clact_close(&other);
    }
    ck_assert_uint_ge(found, 1);
    clact_close(&best);
}
END_TEST

START_TEST(device_agrees_with_the_cpu)
{
    ck_assert_uint_ne(test_caps()->exact, CLACT_EXACT_NONE);
    clact_context *cpu = cpu_context(NULL, 1);
    compare_contexts("device", cpu, test_context(), test_caps()->exact == CLACT_EXACT_NORMAL);
    clact_close(&cpu);
}
END_TEST

/* Parameters away from the defaults, where a fused form has more to lose. */
START_TEST(device_agrees_at_other_parameters)
{
    static const struct { const char *name, *parameter; double value; } cases[] = {
        {"elu", "alpha", 1.7}, {"elu", "alpha", -0.3}, {"elu", "alpha", 1.8e19}, {"elu", "alpha", 1e-38},
        {"relu", "negative_slope", 0.1}, {"relu", "max_value", 6}, {"relu", "threshold", 2.5},
        {"leaky_relu", "negative_slope", -0.5}, {"prelu", "slope", 0}, {"threshold", "value", 20},
    };
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clact_activation *f;
        clact_parameter p = {cases[i].parameter, cases[i].value, 0, 0};
        OK(clact_activation_named(&f, cases[i].name, &p, 1));
        compare_activation(cases[i].parameter, f, cpu, test_context(), test_caps()->exact == CLACT_EXACT_NORMAL);
        clact_activation_destroy(&f);
    }
    clact_close(&cpu);
}
END_TEST

/* Host pointers or buffers, one thread or several, in place or not, streamed or not: one result. */
START_TEST(ways_of_calling_agree)
{
    enum { LARGE = 32 << 20 };
    clact_activation *f = named("sigmoid");
    float *in = malloc(LARGE * sizeof *in), *one = malloc(LARGE * sizeof *one), *two = malloc(LARGE * sizeof *two);
    ck_assert(in && one && two);
    for (size_t i = 0; i < LARGE; i++)
        in[i] = x[i % N];
    clact_context *serial = cpu_context(NULL, 1), *parallel = cpu_context(NULL, 5);
    OK(clact_apply(serial, f, LARGE, in, one));
    for (size_t i = 0; i < LARGE; i += N) {
        size_t part = LARGE - i < N ? LARGE - i : N;
        OK(clact_apply(serial, f, part, in, second));
        ck_assert_int_eq(memcmp(one + i, second, part * sizeof *one), 0);
    }
    OK(clact_apply(parallel, f, LARGE - 3, in + 1, two + 1)); /* odd addresses */
    ck_assert_int_eq(memcmp(one + 1, two + 1, (LARGE - 3) * sizeof *one), 0);
    OK(clact_apply_gradient(parallel, f, LARGE - 3, in + 1, one + 1, two + 1));
    for (size_t i = 1; i + N < LARGE; i += N) {
        OK(clact_apply_gradient(serial, f, N, in + i, one + i, second));
        ck_assert_int_eq(memcmp(two + i, second, N * sizeof *one), 0);
    }
    const uint16_t *halves = (const uint16_t *)(const void *)in + 1; /* of any bits */
    uint16_t *results = (uint16_t *)(void *)two + 1;
    clact_operand from = clact_array(CLACT_F16, halves, LARGE), to = clact_array(CLACT_F16, results, LARGE);
    OK(clact_forward(parallel, f, &(clact_forward_args){.x = &from, .y = &to}));
    for (size_t i = 0; i + N <= LARGE; i += N) {
        from = clact_array(CLACT_F16, halves + i, N), to = clact_array(CLACT_F16, second, N);
        OK(clact_forward(serial, f, &(clact_forward_args){.x = &from, .y = &to}));
        ck_assert_int_eq(memcmp(results + i, second, N * sizeof *results), 0);
    }
    OK(clact_apply(parallel, f, LARGE, in, in));
    ck_assert_int_eq(memcmp(one, in, LARGE * sizeof *one), 0);
    clact_close(&serial);
    clact_close(&parallel);
    clact_activation_destroy(&f);
    free(in);
    free(one);
    free(two);
}
END_TEST

enum { ROOM = 40 }; /* elements before, between and behind the operands of one buffer */

/* f or its gradient of size elements that lie in a buffer, at odd places; nothing else of it is written. */
static void compare_in_buffer(const clact_activation *f, size_t size, bool backward, bool in_place, float *expected)
{
    const size_t total = 3 * ROOM + 2 * size, in = ROOM + 1, out = in_place ? in : size + 2 * ROOM - 1;
    float *all = malloc(total * sizeof *all), *got = malloc(total * sizeof *got);
    ck_assert(all && got);
    for (size_t i = 0; i < total; i++)
        all[i] = (float)(i % 97) - 48.5f;
    memcpy(all + in, x, size * sizeof *all);
    clact_buffer *buffer;
    OK(clact_buffer_create(&buffer, test_context(), total * sizeof *all));
    OK(clact_buffer_write(buffer, 0, total * sizeof *all, all));
    clact_operand from = clact_array(CLACT_F32, NULL, (int64_t)size), to = from;
    from.buffer = to.buffer = buffer;
    from.tensor.offset = (int64_t)in;
    to.tensor.offset = (int64_t)out;
    if (backward)
        OK(clact_backward(test_context(), f, &(clact_backward_args){.x = &from, .dy = &from, .dx = &to}));
    else
        OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &from, .y = &to}));
    OK(clact_buffer_read(buffer, 0, total * sizeof *got, got));
    memcpy(all + out, expected, size * sizeof *all);
    for (size_t i = 0; i < total; i++)
        ck_assert_msg(bits_of(all[i]) == bits_of(got[i]), "%zu elements%s, place %zu: %a and %a", size,
                      in_place ? " in place" : "", i, all[i], got[i]);
    clact_buffer_destroy(&buffer);
    free(all);
    free(got);
}

/* Around what a work-item and a group take, whatever the device. */
START_TEST(sizes_around_tiles)
{
    static const size_t sizes[] = {1, 3, 4, 15, 63, 64, 65, 127, 255, 256, 257, 1023, 1025, 4095, 16383, 16385, 32769};
    clact_activation *f = named("sigmoid");
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t k = 0; k < COUNT_OF(sizes) && sizes[k] <= n; k++)
        for (int backward = 0; backward < 2; backward++) {
            run_array(cpu, f, CLACT_F32, sizes[k], x, backward ? x : NULL, first);
            compare_in_buffer(f, sizes[k], backward, false, first);
            compare_in_buffer(f, sizes[k], backward, true, first);
        }
    clact_close(&cpu);
    clact_activation_destroy(&f);
}
END_TEST

Suite *bits_suite(void)
{
    Suite *s = suite_create("bits");
    TCase *t = tcase_create("bits");
    tcase_set_timeout(t, 600);
    tcase_add_unchecked_fixture(t, fill, NULL);
    tcase_add_test(t, instruction_sets_agree);
    tcase_add_test(t, device_agrees_with_the_cpu);
    tcase_add_test(t, device_agrees_at_other_parameters);
    tcase_add_test(t, ways_of_calling_agree);
    tcase_add_test(t, sizes_around_tiles);
    suite_add_tcase(s, t);
    return s;
}
