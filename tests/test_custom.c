/* test_custom.c: activations of one's own: the same bits everywhere, the check of the derivative, what is refused. */
#include "suites.h"

#define CLACT_CUSTOM_DECLARATIONS
#include <clact/custom.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tests/custom_rows.h as each build made it. */
#define BUILD(name) const clact_custom *custom_rows_##name(size_t i);
CUSTOM_BUILDS(BUILD)
#undef BUILD

#define N 20000

static float x[N], dy[N], first[N], second[N], derivative[N];
static size_t n = N;

static const struct {
    const char *name;
    const clact_custom *(*row)(size_t);
} builds[] = {
#define BUILD(name) {#name, custom_rows_##name},
    CUSTOM_BUILDS(BUILD)
};

/* Whether the processor can run a build: its name says what it was compiled for. */
static bool can_run(const char *name)
{
#if defined __x86_64__
    __builtin_cpu_init();
    return !strstr(name, "fma") || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#else
    return true;
#endif
}

static void fill(void)
{
    n = light() ? N / 8 : N;
    fill_strata(x, n, 11);
    fill_strata(dy, n, 12);
    for (size_t i = 0; i < n / 2; i++)
        dy[2 * i] = 1.0f;
}

static clact_activation *make(const clact_custom *custom, const char *name, double value)
{
    clact_activation *f;
    clact_parameter p = {name, value, 0, 0};
    OK(clact_activation_create_custom(&f, custom, &p, name != NULL));
    return f;
}

static bool subnormal(float v)
{
    return v != 0 && fabsf(v) < 0x1p-126f;
}

static bool tiny(float v)
{
    return v == 0 || subnormal(v);
}

/* Bit for bit; on a device that flushes subnormals, where nothing is one, and but for signs of zero. */
static void compare(const char *what, const char *name, bool backward, bool normal_only)
{
    for (size_t i = 0; i < n; i++) {
        bool excused = normal_only && (subnormal(x[i]) || tiny(first[i]) ||
                                       (backward && (subnormal(dy[i]) || subnormal(derivative[i]))));
        ck_assert_msg(bits_of(first[i]) == bits_of(second[i]) || excused, "%s, %s %s, x = %a, dy = %a: 0x%08x and 0x%08x",
                      what, name, backward ? "backward" : "forward", x[i], dy[i], bits_of(first[i]), bits_of(second[i]));
    }
}

static void compare_on(const char *what, clact_context *a, const clact_activation *f, clact_context *b,
                       const clact_activation *g, bool normal_only)
{
    static float ones[N];
    for (size_t i = 0; i < n; i++)
        ones[i] = 1.0f;
    run_array(a, f, CLACT_F32, n, x, ones, derivative);
    for (int backward = 0; backward < 2; backward++) {
        run_array(a, f, CLACT_F32, n, x, backward ? dy : NULL, first);
        run_array(b, g, CLACT_F32, n, x, backward ? dy : NULL, second);
        compare(what, clact_activation_info_of(f)->name, backward, normal_only);
    }
}

static bool flushes(void)
{
    return test_caps()->exact == CLACT_EXACT_NORMAL;
}

START_TEST(device_agrees_with_the_cpu)
{
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t i = 0; custom_rows_plain(i); i++) {
        clact_activation *f = make(custom_rows_plain(i), NULL, 0);
        compare_on("device", cpu, f, test_context(), f, flushes());
        clact_activation_destroy(&f);
    }
    clact_activation *f = make(custom_rows_plain(0), "a", -0.7);
    compare_on("device, a = -0.7", cpu, f, test_context(), f, flushes());
    clact_activation_destroy(&f);
    clact_close(&cpu);
}
END_TEST

/* Compiled without optimisation, with it, for a processor that contracts, in C++: one result. */
START_TEST(builds_agree)
{
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t k = 1; k < COUNT_OF(builds); k++)
        for (size_t i = 0; can_run(builds[k].name) && custom_rows_plain(i); i++) {
            clact_activation *f = make(custom_rows_plain(i), NULL, 0), *g = make(builds[k].row(i), NULL, 0);
            compare_on(builds[k].name, cpu, f, cpu, g, false);
            clact_activation_destroy(&f);
            clact_activation_destroy(&g);
        }
    clact_close(&cpu);
}
END_TEST

START_TEST(a_row_written_again_has_its_bits)
{
    static const double alphas[] = {1.0, 1.7, -0.3, 0.0};
    for (size_t i = 0; i < COUNT_OF(alphas); i++) {
        clact_activation *own = make(custom_rows_plain(2), "alpha", alphas[i]), *elu;
        OK(clact_activation_named(&elu, "elu", &(clact_parameter){"alpha", alphas[i], 0, 0}, 1));
        compare_on("elu", test_context(), elu, test_context(), own, false);
        clact_activation_destroy(&own);
        clact_activation_destroy(&elu);
    }
}
END_TEST

/* What is not consecutive f32: each type's result on the device is the CPU's. */
START_TEST(types_agree)
{
    static uint64_t in[N], up[N], a[N], b[N];
    uint64_t seed = 7;
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t i = 0; i < N; i++) {
        in[i] = next_random(&seed);
        up[i] = next_random(&seed);
    }
    for (uint32_t type = CLACT_F16; type <= CLACT_F64; type++)
        for (size_t i = 0; (test_caps()->types >> type & 1) && i < 2; i++) {
            clact_activation *f = make(custom_rows_plain(i), NULL, 0);
            for (int backward = 0; backward < 2; backward++) {
                if (flushes() && type != CLACT_F64)
                    continue;
                run_array(cpu, f, (clact_type)type, n, in, backward ? up : NULL, a);
                run_array(test_context(), f, (clact_type)type, n, in, backward ? up : NULL, b);
                ck_assert_msg(memcmp(a, b, n * clact_type_bytes((clact_type)type)) == 0, "%s of %s differs on the device",
                              clact_activation_info_of(f)->name, clact_type_name((clact_type)type));
            }
            clact_activation_destroy(&f);
        }
    clact_close(&cpu);
}
END_TEST

/* Views with strides, and the output in the place of an input, in buffers and in host memory. */
START_TEST(views_and_places_agree)
{
    enum { ROWS = 40, COLUMNS = 50 };
    static float y[ROWS * COLUMNS], z[ROWS * COLUMNS];
    clact_activation *f = make(custom_rows_plain(1), NULL, 0);
    OK(clact_apply(test_context(), f, ROWS * COLUMNS, x, y));
    clact_operand from = clact_array(CLACT_F32, NULL, ROWS * COLUMNS), to = from;
    OK(clact_buffer_create(&from.buffer, test_context(), sizeof y));
    OK(clact_buffer_create(&to.buffer, test_context(), sizeof y));
    OK(clact_buffer_write(from.buffer, 0, sizeof y, x));
    from.tensor.rank = to.tensor.rank = 2;
    from.tensor.dims[0] = to.tensor.dims[0] = COLUMNS;
    from.tensor.dims[1] = to.tensor.dims[1] = ROWS;
    from.tensor.strided = 1; /* transposed */
    from.tensor.strides[0] = 1;
    from.tensor.strides[1] = COLUMNS;
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &from, .y = &to}));
    OK(clact_buffer_read(to.buffer, 0, sizeof z, z));
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        ck_assert_uint_eq(bits_of(z[i % COLUMNS * ROWS + i / COLUMNS]), bits_of(y[i]));
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &from, .y = &from}));
    OK(clact_buffer_read(from.buffer, 0, sizeof z, z));
    ck_assert_int_eq(memcmp(y, z, sizeof y), 0);
    memcpy(z, x, sizeof z);
    OK(clact_apply(test_context(), f, ROWS * COLUMNS, z, z));
    ck_assert_int_eq(memcmp(y, z, sizeof y), 0);
    clact_buffer_destroy(&from.buffer);
    clact_buffer_destroy(&to.buffer);
    clact_activation_destroy(&f);
}
END_TEST

/* u * f(v) of one's own elu is that of the row, both ways, in f32 and f64. */
START_TEST(it_gates)
{
    enum { M = 1000 };
    static double in[2][M], out[2][M], up[M];
    clact_activation *f[2];
    clact_activation_desc desc = {.custom = custom_rows_plain(2), .gated = 1}, row = {.name = "elu", .gated = 1};
    OK(clact_activation_create(&f[0], &desc));
    OK(clact_activation_create(&f[1], &row));
    for (uint32_t type = CLACT_F32; type <= CLACT_F64; type += CLACT_F64) {
        if (!(test_caps()->types >> type & 1))
            continue;
        uint64_t seed = 5;
        for (size_t i = 0; i < M; i++) {
            double v = (double)(int64_t)next_random(&seed) * 0x1p-60;
            float v32 = (float)v;
            memcpy((char *)in[0] + i * (type ? 8 : 4), type ? (void *)&v : (void *)&v32, type ? 8 : 4);
        }
        memcpy(up, in[0], sizeof up);
        for (int backward = 0; backward < 2; backward++) {
            for (int k = 0; k < 2; k++) {
                size_t bytes = M * clact_type_bytes((clact_type)type);
                clact_operand x1 = clact_array((clact_type)type, NULL, M), dy1 = clact_array((clact_type)type, NULL, M / 2);
                clact_operand to = backward ? x1 : dy1;
                OK(clact_buffer_create(&x1.buffer, test_context(), bytes));
                OK(clact_buffer_create(&dy1.buffer, test_context(), bytes / 2));
                OK(clact_buffer_create(&to.buffer, test_context(), bytes));
                OK(clact_buffer_write(x1.buffer, 0, bytes, in[0]));
                OK(clact_buffer_write(dy1.buffer, 0, bytes / 2, up));
                if (backward)
                    OK(clact_backward(test_context(), f[k], &(clact_backward_args){.x = &x1, .dy = &dy1, .dx = &to}));
                else
                    OK(clact_forward(test_context(), f[k], &(clact_forward_args){.x = &x1, .y = &to}));
                OK(clact_buffer_read(to.buffer, 0, backward ? bytes : bytes / 2, out[k]));
                clact_buffer_destroy(&x1.buffer);
                clact_buffer_destroy(&dy1.buffer);
                clact_buffer_destroy(&to.buffer);
            }
            ck_assert_msg(memcmp(out[0], out[1], sizeof out[0]) == 0, "%s %s differs", clact_type_name((clact_type)type),
                          backward ? "backward" : "forward");
        }
    }
    clact_activation_destroy(&f[0]);
    clact_activation_destroy(&f[1]);
}
END_TEST

START_TEST(a_dead_segment_passes_nothing_on)
{
    const float at[] = {-5.0f, 5.0f, -1.0f, 1.0f, NAN}, up[] = {INFINITY, NAN, INFINITY, INFINITY, 1.0f};
    const uint32_t expected[] = {0, 0, 0x7f800000u, 0x7f800000u, 0x7fc00000u};
    float out[COUNT_OF(at)];
    clact_activation *f = make(custom_rows_plain(1), NULL, 0);
    run_array(test_context(), f, CLACT_F32, COUNT_OF(at), at, up, out);
    for (size_t i = 0; i < COUNT_OF(at); i++)
        ck_assert_uint_eq(bits_of(out[i]), expected[i]);
    run_array(test_context(), f, CLACT_F32, 1, &at[4], NULL, out);
    ck_assert_uint_eq(bits_of(out[0]), 0x7fc00000u);
    clact_activation_destroy(&f);
}
END_TEST

/* ---- Definitions ---------------------------------------------------------------------------- */

static void twice(size_t count, const void *xs, const void *up, const void *tensor, const void *p, void *out)
{
    for (size_t i = 0; i < count; i++)
        ((float *)out)[i] = 2 * ((const float *)xs)[i];
}

static void thrice(size_t count, const void *xs, const void *up, const void *tensor, const void *p, void *out)
{
    for (size_t i = 0; i < count; i++)
        ((float *)out)[i] = 3 * ((const float *)xs)[i];
}

static void two(size_t count, const void *xs, const void *up, const void *tensor, const void *p, void *out)
{
    for (size_t i = 0; i < count; i++)
        ((float *)out)[i] = 2 * ((const float *)up)[i];
}

static const clact_custom_loops twice_loops = {twice, two, {0}}, thrice_loops = {thrice, two, {0}};

/* A definition made by hand. */
static clact_custom by_hand(const char *name, const char *text, const clact_custom_loops *loops)
{
    return (clact_custom){.version = CLACT_CUSTOM_VERSION, .numerics = CLACT_NUMERICS, .name = name, .text = text,
                          .f32 = loops};
}

/* Of two with one name each has its own program; a text by hand may have lines, comments and directives; a name may be
 * a row's. */
START_TEST(programs_go_by_the_text)
{
    char text[200] = "#define TWO C(2.0)\n// a comment; with one\nINLINE real relu_f(real x) { return TWO * x; }\n"
                     "INLINE real relu_d(real x) { return TWO; }\n", name[] = "relu";
    clact_custom a = by_hand(name, text, &twice_loops);
    clact_custom b = by_hand("relu", "INLINE real relu_f(real x) { return C(3.0) * x; } INLINE real relu_d(real x) "
                             "{ return C(3.0); }", &thrice_loops);
    float in[] = {-1, 2, 3}, out[3];
    clact_activation *f = make(&a, NULL, 0), *g = make(&b, NULL, 0), *h = make(&a, NULL, 0), *relu = named("relu");
    memset(text, '?', sizeof text - 1); /* all was copied */
    memset(name, '?', sizeof name - 1);
    memset(&a, 0, sizeof a);
    for (int k = 0; k < 2; k++) {
        run_array(test_context(), f, CLACT_F32, 3, in, NULL, out);
        ck_assert_float_eq(out[1], 4);
        run_array(test_context(), g, CLACT_F32, 3, in, NULL, out);
        ck_assert_float_eq(out[1], 6);
        run_array(test_context(), relu, CLACT_F32, 3, in, NULL, out);
        ck_assert_float_eq(out[0], 0);
        clact_activation_destroy(&f); /* its program stays, and serves its twin */
        f = h;
        h = NULL;
    }
    clact_activation_destroy(&g);
    clact_activation_destroy(&relu);
}
END_TEST

static void keep_log(void *data, int level, const char *message)
{
    char *log = data;
    size_t length = strlen(log);
    if (level == CLACT_LOG_ERROR)
        snprintf(log + length, 20000 - length, "%s\n", message);
}

START_TEST(a_text_that_does_not_build_says_where)
{
    static char log[20000];
    clact_custom bad = by_hand("bad", "INLINE real bad_f(real x) { return no_such_thing(x); } INLINE real bad_d(real x) "
                               "{ return C(2.0); }", &twice_loops);
    clact_options options = {.log = keep_log, .log_data = log};
    clact_context *context;
    OK(clact_open(&context, &options));
    clact_activation *f = make(&bad, NULL, 0);
    float one = 1, y = 7;
    clact_operand from = clact_array(CLACT_F32, NULL, 1), to = from;
    OK(clact_buffer_create(&from.buffer, context, 4));
    OK(clact_buffer_create(&to.buffer, context, 4));
    OK(clact_buffer_write(from.buffer, 0, 4, &one));
    OK(clact_buffer_write(to.buffer, 0, 4, &y));
    clact_forward_args args = {.x = &from, .y = &to};
    if (test_caps()->backend == CLACT_BACKEND_OPENCL) {
        REFUSED(clact_forward(context, f, &args), CLACT_E_BUILD, "bad did not build");
        ck_assert_msg(strstr(log, "no_such_thing") != NULL, "the log is '%s'", log);
        OK(clact_buffer_read(to.buffer, 0, 4, &y));
        ck_assert_float_eq(y, 7);
    } else {
        OK(clact_forward(context, f, &args));
    }
    clact_buffer_destroy(&from.buffer);
    clact_buffer_destroy(&to.buffer);
    clact_activation_destroy(&f);
    clact_close(&context);
}
END_TEST

START_TEST(parameters_are_checked)
{
    clact_activation *f = NULL;
    const clact_custom *leash = custom_rows_plain(1);
    REFUSED(clact_activation_create_custom(&f, leash, &(clact_parameter){"slope", 2, 0, 0}, 1), CLACT_E_RANGE, "at most 1");
    REFUSED(clact_activation_create_custom(&f, leash, &(clact_parameter){"nope", 2, 0, 0}, 1), CLACT_E_NAME, "nope");
    REFUSED(clact_activation_create_custom(&f, leash, &(clact_parameter){"slope", NAN, 0, 0}, 1), CLACT_E_RANGE, "finite");
    REFUSED(clact_activation_create_custom(&f, leash, &(clact_parameter){"slope", 0, 1, 0}, 1), CLACT_E_RANGE, "number");
    REFUSED(clact_activation_create_custom(&f, leash, NULL, 1), CLACT_E_ARGUMENT, "NULL");
    REFUSED(clact_activation_create_custom(&f, NULL, NULL, 0), CLACT_E_ARGUMENT, "NULL");
    REFUSED(clact_activation_create_custom(NULL, leash, NULL, 0), CLACT_E_ARGUMENT, "NULL");
    clact_activation_desc desc = {.custom = leash, .name = "relu"};
    REFUSED(clact_activation_create(&f, &desc), CLACT_E_ARGUMENT, "instead of name and id");
    desc = (clact_activation_desc){.custom = leash, .semantics = CLACT_TENSORFLOW};
    REFUSED(clact_activation_create(&f, &desc), CLACT_E_UNSUPPORTED, "leash has no TensorFlow");
    ck_assert_ptr_null(f);
    f = make(leash, "length", 3);
    const clact_activation_info *info = clact_activation_info_of(f);
    ck_assert_str_eq(info->name, "leash");
    ck_assert_uint_eq(info->id, 0);
    ck_assert_uint_eq(info->parameter_count, 2);
    ck_assert_str_eq(info->parameters[1].name, "length");
    ck_assert_ptr_null(clact_activation_find("leash"));
    clact_operand one = clact_array(CLACT_F32, x, 1), two_of_them = clact_array(CLACT_F32, dy, 1);
    REFUSED(clact_backward(test_context(), f, &(clact_backward_args){.y = &one, .dy = &two_of_them, .dx = &two_of_them}),
            CLACT_E_UNSUPPORTED, "needs x");
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(definitions_are_checked)
{
    clact_activation *f = NULL;
    clact_parameter_info p[2] = {{.name = "a", .maximum = 1}, {.name = "b", .maximum = 1}};
    clact_custom_loops half = {twice, NULL, {0}}, reserved = twice_loops;
    reserved.reserved[5] = 1;
    clact_custom good = by_hand("good", "text", &twice_loops), c;
    good.parameters = p;
    good.parameter_count = 2;
#define WRONG(change, status, part)                                        \
    c = good;                                                              \
    change;                                                                \
    REFUSED(clact_activation_create_custom(&f, &c, NULL, 0), status, part)
    WRONG(c.version = 2, CLACT_E_UNSUPPORTED, "version 2");
    WRONG(c.numerics++, CLACT_E_UNSUPPORTED, "compile it again");
    WRONG(c.name = NULL, CLACT_E_ARGUMENT, "name");
    WRONG(c.name = "Good", CLACT_E_ARGUMENT, "[a-z][a-z0-9_]*");
    WRONG(c.name = "1good", CLACT_E_ARGUMENT, "name");
    WRONG(c.name = "go\"od", CLACT_E_ARGUMENT, "name");
    WRONG(c.name = "a_name_of_thirty_two_characters_", CLACT_E_ARGUMENT, "31");
    WRONG(c.text = "", CLACT_E_ARGUMENT, "no text");
    WRONG(c.parameters = NULL, CLACT_E_ARGUMENT, "NULL");
    WRONG(c.parameter_count = 9, CLACT_E_ARGUMENT, "more than 8");
    WRONG(c.f32 = NULL, CLACT_E_ARGUMENT, "no loops");
    WRONG(c.f32 = &half, CLACT_E_ARGUMENT, "lacks a loop in f32");
    WRONG(c.f64 = &half, CLACT_E_ARGUMENT, "lacks a loop in f64");
    WRONG(c.f32 = &reserved, CLACT_E_ARGUMENT, "reserved");
    WRONG(c.reserved[7] = 1, CLACT_E_ARGUMENT, "reserved");
    WRONG(c.reserved0 = 1, CLACT_E_ARGUMENT, "reserved");
#undef WRONG
#define WRONG(change, status, part)                                                                              \
    p[1] = (clact_parameter_info){.name = "b", .maximum = 1};                                                    \
    change;                                                                                                      \
    REFUSED(clact_activation_create_custom(&f, &good, NULL, 0), status, part)
    WRONG(p[1].name = NULL, CLACT_E_ARGUMENT, "a name that is not");
    WRONG(p[1].name = "a b", CLACT_E_ARGUMENT, "a name that is not");
    WRONG(p[1].name = "axis", CLACT_E_ARGUMENT, "axis");
    WRONG(p[1].name = "a", CLACT_E_ARGUMENT, "two parameters");
    WRONG(p[1].alias = "a", CLACT_E_ARGUMENT, "two parameters");
    WRONG(p[1].kind = CLACT_PARAMETER_TENSOR, CLACT_E_UNSUPPORTED, "neither a scalar");
    WRONG(p[1].minimum = 2, CLACT_E_ARGUMENT, "empty");
    WRONG(p[1].default_value = 2, CLACT_E_RANGE, "default");
    WRONG(p[1].not_zero = 1, CLACT_E_RANGE, "default");
    WRONG((p[1].kind = CLACT_PARAMETER_INTEGER, p[1].default_value = 0.5), CLACT_E_RANGE, "default");
    WRONG(p[1].default_none = 1, CLACT_E_ARGUMENT, "default_none");
    WRONG(p[1].lifted = 1, CLACT_E_ARGUMENT, "lifted");
    WRONG(p[1].reserved[0] = 1, CLACT_E_ARGUMENT, "reserved");
#undef WRONG
    ck_assert_ptr_null(f);
}
END_TEST

START_TEST(f64_wants_its_loops)
{
    clact_custom c = *custom_rows_plain(0);
    double v = 1;
    c.f64 = NULL;
    clact_activation *f = make(&c, NULL, 0);
    clact_operand one = clact_array(CLACT_F64, &v, 1);
    REFUSED(clact_forward(test_context(), f, &(clact_forward_args){.x = &one, .y = &one}), CLACT_E_UNSUPPORTED, "no f64");
    clact_activation_destroy(&f);
}
END_TEST

/* ---- The check of the derivative ------------------------------------------------------------ */

START_TEST(right_derivatives_pass)
{
    for (int f64 = 0; f64 < 2; f64++)
        for (size_t i = 0; custom_rows_plain(i); i++) {
            clact_custom c = *custom_rows_plain(i);
            clact_custom_report report;
            c.f64 = f64 ? c.f64 : NULL;
            clact_activation *f = make(&c, NULL, 0);
            OK(clact_custom_check(f, NULL, &report));
            ck_assert_uint_eq(report.wrong, 0);
            ck_assert_msg(report.points > (f64 ? 1900 : 950), "%s: only %llu points", c.name, (unsigned long long)report.points);
            OK(clact_custom_check(f, &(clact_custom_range){.first = -3, .last = 9, .points = 100}, NULL));
            clact_activation_destroy(&f);
        }
}
END_TEST

#define DERIVATIVE(name, f, d)                                                                                     \
    static void name##_forward(size_t count, const void *xs, const void *up, const void *t, const void *p, void *out) \
    {                                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                                       \
            const float v = ((const float *)xs)[i];                                                                \
            (void)v;                                                                                               \
            ((float *)out)[i] = (float)(f);                                                                        \
        }                                                                                                          \
    }                                                                                                              \
    static void name##_backward(size_t count, const void *xs, const void *up, const void *t, const void *p, void *out) \
    {                                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                                       \
            const float v = ((const float *)xs)[i];                                                                \
            (void)v;                                                                                               \
            ((float *)out)[i] = (float)(d) * ((const float *)up)[i];                                               \
        }                                                                                                          \
    }                                                                                                              \
    static const clact_custom_loops name = {name##_forward, name##_backward, {0}};

/* Right: kinks, jumps, poles, edges of what f is defined for, slopes of any size, tails, and terms that cancel. */
DERIVATIVE(relu_at_most, v <= 0 ? 0 : v, v < 0 ? 0 : 1)
DERIVATIVE(relu_less, v <= 0 ? 0 : v, v <= 0 ? 0 : 1)
DERIVATIVE(far_kink, v < 0.7f ? 0 : v - 0.7f, v < 0.7f ? 0 : 1)
DERIVATIVE(many_kinks, fabsf(v - rintf(v)), v - rintf(v) < 0 ? -1 : 1)
DERIVATIVE(smooth_kink, v > 0 ? v : v + v * v / 4, v > 0 ? 1 : 1 + v / 2)
DERIVATIVE(stairs, rintf(v), 0)
DERIVATIVE(jump, v > 0.3f ? 5 : -5, 0)
DERIVATIVE(pole, 1 / v, -1 / v / v)
DERIVATIVE(edge, log((double)v), v < 0 ? NAN : 1 / v)
DERIVATIVE(root, cbrt((double)v), v == 0 ? INFINITY : 1 / cbrt((double)v) / cbrt((double)v) / 3)
DERIVATIVE(steep, exp((double)v), exp((double)v))
DERIVATIVE(small, 1e-6f * v, 1e-6f)
DERIVATIVE(large, 1e20f * v, 1e20f)
DERIVATIVE(tail, 1 / (1 + exp(-(double)v)), exp(-fabs((double)v)) / pow(1 + exp(-fabs((double)v)), 2))
DERIVATIVE(cancels, v - tanhf(v), tanhf(v) * tanhf(v))
DERIVATIVE(wave, sin(20 * (double)v), 20 * cos(20 * (double)v))
DERIVATIVE(constant, 3, 0)
DERIVATIVE(offset, 1000 + v * v, 2 * v)

START_TEST(kinks_and_the_like_pass)
{
    static const struct { const char *name; const clact_custom_loops *loops; } cases[] = {
#define CASE(name) {#name, &name}
        CASE(relu_at_most), CASE(relu_less), CASE(far_kink), CASE(many_kinks), CASE(smooth_kink), CASE(stairs), CASE(jump),
        CASE(pole), CASE(edge), CASE(root), CASE(steep), CASE(small), CASE(large), CASE(tail), CASE(cancels), CASE(wave),
        CASE(constant), CASE(offset),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clact_custom c = by_hand(cases[i].name, "none", cases[i].loops);
        clact_custom_report report;
        clact_activation *f = make(&c, NULL, 0);
        OK(clact_custom_check(f, NULL, &report));
        ck_assert_msg(report.points >= 300, "%s: %llu points", c.name, (unsigned long long)report.points);
        OK(clact_custom_check(f, &(clact_custom_range){.first = 0.01, .last = 8, .points = 5000}, NULL));
        clact_activation_destroy(&f);
    }
}
END_TEST

/* Wrong: a sign, a factor, a term left out, a kink in another place, a constant a little off, NaN. */
DERIVATIVE(sign, (double)v * v, -2 * v)
DERIVATIVE(factor, (double)v * v, v)
DERIVATIVE(inner, tanh(1.5 * (double)v), 1 - pow(tanh(1.5 * (double)v), 2))
DERIVATIVE(product, v / (1 + exp(-(double)v)), 1 / (1 + exp(-(double)v)))
DERIVATIVE(kink_elsewhere, v < 0.7f ? 0 : v - 0.7f, v < 0.5f ? 0 : 1)
DERIVATIVE(side, v < 0 ? 0 : v, v < 0 ? 1 : 0)
DERIVATIVE(nearly, v * 1.702f, 1.7f)
DERIVATIVE(undefined, v, v < 1 ? 1 : NAN)
DERIVATIVE(small_wrong, 1e-6f * v, -1e-6f)
DERIVATIVE(in_the_tail, v < 40 ? v : 2 * v, 1)

START_TEST(wrong_derivatives_fail)
{
    static const struct { const char *name; const clact_custom_loops *loops; } cases[] = {
        CASE(sign), CASE(factor), CASE(inner), CASE(product), CASE(kink_elsewhere), CASE(side), CASE(nearly), CASE(undefined),
        CASE(small_wrong), CASE(in_the_tail),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clact_custom c = by_hand(cases[i].name, "none", cases[i].loops);
        clact_custom_report report = {0};
        clact_activation *f = make(&c, NULL, 0);
        REFUSED(clact_custom_check(f, NULL, &report), CLACT_E_DERIVATIVE, cases[i].name);
        ck_assert_uint_ge(report.wrong, 2);
        ck_assert(!(fabs(report.derivative - report.estimate) <= report.tolerance));
        clact_activation_destroy(&f);
    }
    clact_custom c = by_hand("in_the_tail", "none", &in_the_tail);
    clact_activation *f = make(&c, NULL, 0);
    OK(clact_custom_check(f, &(clact_custom_range){.first = -16, .last = 16}, NULL));
    clact_activation_destroy(&f);
}
END_TEST

DERIVATIVE(nowhere, NAN, 0)

START_TEST(the_check_has_rules_of_its_own)
{
    clact_custom c = by_hand("nowhere", "none", &nowhere);
    clact_activation *f = make(&c, NULL, 0), *relu = named("relu");
    REFUSED(clact_custom_check(f, NULL, NULL), CLACT_E_RANGE, "at no point");
    REFUSED(clact_custom_check(NULL, NULL, NULL), CLACT_E_ARGUMENT, "NULL");
    REFUSED(clact_custom_check(relu, NULL, NULL), CLACT_E_ARGUMENT, "relu");
    REFUSED(clact_custom_check(f, &(clact_custom_range){.first = 2, .last = 1}, NULL), CLACT_E_ARGUMENT, "none");
    REFUSED(clact_custom_check(f, &(clact_custom_range){.last = INFINITY}, NULL), CLACT_E_ARGUMENT, "none");
    REFUSED(clact_custom_check(f, &(clact_custom_range){.points = 2000000}, NULL), CLACT_E_ARGUMENT, "points");
    REFUSED(clact_custom_check(f, &(clact_custom_range){.reserved0 = 1}, NULL), CLACT_E_ARGUMENT, "reserved");
    clact_activation_destroy(&relu);
    clact_activation_destroy(&f);
}
END_TEST

Suite *custom_suite(void)
{
    Suite *s = suite_create("custom");
    TCase *t = tcase_create("custom");
    tcase_set_timeout(t, 600);
    tcase_add_unchecked_fixture(t, fill, NULL);
    tcase_add_test(t, device_agrees_with_the_cpu);
    tcase_add_test(t, builds_agree);
    tcase_add_test(t, a_row_written_again_has_its_bits);
    tcase_add_test(t, types_agree);
    tcase_add_test(t, views_and_places_agree);
    tcase_add_test(t, it_gates);
    tcase_add_test(t, a_dead_segment_passes_nothing_on);
    tcase_add_test(t, programs_go_by_the_text);
    tcase_add_test(t, a_text_that_does_not_build_says_where);
    tcase_add_test(t, parameters_are_checked);
    tcase_add_test(t, definitions_are_checked);
    tcase_add_test(t, f64_wants_its_loops);
    tcase_add_test(t, right_derivatives_pass);
    tcase_add_test(t, kinks_and_the_like_pass);
    tcase_add_test(t, wrong_derivatives_fail);
    tcase_add_test(t, the_check_has_rules_of_its_own);
    suite_add_tcase(s, t);
    return s;
}
