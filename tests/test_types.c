/* test_types.c: f16 and bf16 are the f32 result rounded, for all 65,536 inputs; f64 has its own precision. */
#include "measure.h"
#include "special.h"
#include "suites.h"

#include <math.h>
#include <string.h>

#define ALL 65536

/* The value of a half or bfloat16, by its definition. */
static float value_of(clact_type type, uint16_t h)
{
    if (type == CLACT_BF16)
        return float_of((uint32_t)h << 16);
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    float m = exponent == 31 ? (mantissa ? NAN : INFINITY)
              : exponent ? ldexpf((float)(1024 + mantissa), exponent - 25) : ldexpf((float)mantissa, -24);
    return h & 0x8000 ? -m : m;
}

/* The nearest half or bfloat16, found by comparing with its neighbours; ties go to the even one. */
static uint16_t nearest(clact_type type, float v)
{
    uint16_t infinity = type == CLACT_BF16 ? 0x7f80 : 0x7c00, sign = signbit(v) ? 0x8000 : 0;
    if (isnan(v))
        return type == CLACT_BF16 ? 0x7fc0 : 0x7e00;
    uint16_t low = 0, high = infinity; /* value_of(low) <= |v|, |v| < value_of(high) unless v is infinite */
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (value_of(type, middle) <= fabsf(v))
            low = middle;
        else
            high = middle;
    }
    if (isinf(v))
        return sign | infinity;
    /* Beyond the largest finite value, rounding goes by the value that the next exponent would have. */
    double above = high == infinity ? 2.0 * value_of(type, (uint16_t)(infinity - (type == CLACT_BF16 ? 128 : 1024)))
                                    : value_of(type, high);
    double middle = ((double)value_of(type, low) + above) / 2, magnitude = fabs((double)v);
    bool up = magnitude > middle || (magnitude == middle && (low & 1));
    return sign | (up ? high : low);
}

static uint16_t in[ALL], up[ALL], out[ALL];
static float in32[ALL], up32[ALL], out32[ALL];

static uint32_t all = ALL; /* inputs; on a simulator a sixteenth, evenly spread */

static void check_type(clact_context *context, clact_type type, const clact_activation *f, const char *name, bool backward)
{
    for (uint32_t i = 0; i < all; i++) {
        in[i] = (uint16_t)(i * (ALL / all) + (light() ? i % 16 : 0));
        up[i] = (uint16_t)(i * 40503u + 7);
        in32[i] = value_of(type, in[i]);
        up32[i] = value_of(type, up[i]);
    }
    run_array(context, f, CLACT_F32, all, in32, backward ? up32 : NULL, out32);
    run_array(context, f, type, all, in, backward ? up : NULL, out);
    for (uint32_t i = 0; i < all; i++)
        ck_assert_msg(out[i] == nearest(type, out32[i]), "%s %s of %s 0x%04x: 0x%04x, f32 has %a", name,
                      backward ? "gradient" : "forward", clact_type_name(type), in[i], out[i], out32[i]);
}

START_TEST(halves_are_rounded_f32)
{
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    all = light() ? ALL / 16 : ALL;
    for (size_t i = 0; i < count; i++)
        for (uint32_t semantics = 0; semantics <= list[i].tensorflow; semantics++) {
            clact_activation *f = with_semantics(list[i].name, semantics);
            for (int k = 0; k < 4; k++) { /* both types, both directions */
                clact_type type = k / 2 ? CLACT_BF16 : CLACT_F16;
                if (tries_type(type, i))
                    check_type(test_context(), type, f, list[i].name, k % 2);
            }
            clact_activation_destroy(&f);
        }
}
END_TEST

/* Vectors and what is left behind them: of each length the same elements, and nothing beyond. */
START_TEST(halves_of_any_length)
{
    enum { MOST = 70 };
    static uint16_t x[MOST], whole[MOST], part[MOST];
    clact_operand from, to;
    clact_activation *f = named("sigmoid");
    for (int k = 0; k < 2; k++) {
        clact_type type = k ? CLACT_BF16 : CLACT_F16;
        for (uint32_t i = 0; i < MOST; i++)
            x[i] = (uint16_t)(i * 1009u);
        run_array(test_context(), f, type, MOST, x, NULL, whole);
        for (size_t n = 1; n < MOST; n++) {
            memset(part, 0x55, sizeof part);
            from = clact_array(type, x, (int64_t)n), to = clact_array(type, part, (int64_t)n);
            OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &from, .y = &to}));
            ck_assert_int_eq(memcmp(part, whole, n * sizeof *part), 0);
            ck_assert_uint_eq(part[n], 0x5555);
        }
    }
    clact_activation_destroy(&f);
}
END_TEST

/* ---- f64 ------------------------------------------------------------------------------------ */

static clact_context *cpu;
static runner checked, reference;

static void open_runners(void)
{
    cpu = cpu_context(NULL, 1);
    OK(runner_open(&checked, test_context(), test_caps()->backend == CLACT_BACKEND_OPENCL));
    OK(runner_open(&reference, cpu, false));
}

static void close_runners(void)
{
    runner_close(&checked);
    runner_close(&reference);
    clact_close(&cpu);
}

/* The error against the oracle, and the bits against the CPU backend, of a sample of what `clact check --dtype=f64'
 * measures. */
static void measure_f64(const special_set *set, uint64_t inputs)
{
    const clact_activation_info *info = clact_activation_find(set->activation);
    clact_activation *f;
    oracle o;
    strata s;
    OK(special_activation(&f, set));
    ck_assert_int_eq(oracle_make(&o, info, set->parameters, set->parameter_count, CLACT_F64), 0);
    strata_make(&s, CLACT_F64, o.p, info->parameter_count);
    for (int d = FORWARD; d <= DERIVATIVE; d++) {
        measured found;
        measurement m = {.type = CLACT_F64, .activation = f, .oracle = &o, .direction = (direction)d,
                         .checked = &checked, .reference = &reference, .strata = &s, .inputs = inputs};
        m.bound = stated_bound(info, m.direction, CLACT_F64);
        OK(measure(&found, &m));
        ck_assert_msg(found.beyond == 0, "%s %s in f64: %g ulp at %a, or %g at %a where terms cancel", info->name,
                      direction_names[d], found.worst.error, found.worst.x, found.cancelled.error, found.cancelled.x);
        ck_assert_msg(found.differing == 0, "%s %s in f64 differs from the CPU backend at %a", info->name,
                      direction_names[d], found.differing_x);
    }
    clact_activation_destroy(&f);
}

START_TEST(f64_is_within_its_bound)
{
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    for (size_t i = 0; i < count; i++)
        if (tries_type(CLACT_F64, i))
            measure_f64(&(special_set){list[i].name, NULL, 0, NULL, 0}, light() ? 1024 : 8192);
    for (size_t i = 0; i < grid_set_count && !light(); i++)
        measure_f64(&grid_sets[i], 1024);
}
END_TEST

START_TEST(f64_bits_agree)
{
    const size_t M = light() ? 2000 : 20000;
    static double v[20000], dy[20000], a[20000], b[20000];
    static const char *const names[] = {"baseline", "avx2", "avx512"};
    uint64_t seed = 4;
    for (size_t i = 0; i < M; i++) {
        uint64_t r = next_random(&seed);
        v[i] = i % 2 ? (double)(int64_t)r * 0x1p-63 * 50 : 0;
        if (i % 2 == 0)
            memcpy(&v[i], &r, sizeof r);
        dy[i] = (double)(int64_t)next_random(&seed) * 0x1p-60;
    }
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    clact_context *best = cpu_context(NULL, 1);
    for (size_t i = 0; i < count; i++) {
        if (!tries_type(CLACT_F64, i))
            continue;
        clact_activation *f = named(list[i].name);
        for (int backward = 0; backward < 2; backward++) {
            run_array(best, f, CLACT_F64, M, v, backward ? dy : NULL, a);
            for (size_t k = 0; k <= COUNT_OF(names); k++) {
                clact_context *other = test_context();
                clact_options options = {.device = "cpu", .cpu = k ? names[k - 1] : NULL, .threads = 1};
                if (k && clact_open(&other, &options) != CLACT_OK)
                    continue;
                run_array(other, f, CLACT_F64, M, v, backward ? dy : NULL, b);
                ck_assert_msg(memcmp(a, b, M * sizeof *a) == 0, "%s %s in f64 differs on %s", list[i].name,
                              backward ? "gradient" : "forward", k ? names[k - 1] : "the device");
                if (k)
                    clact_close(&other);
            }
        }
        clact_activation_destroy(&f);
    }
    clact_close(&best);
}
END_TEST

START_TEST(f64_is_refused_where_it_is_not)
{
    double v = 1, y = 0;
    clact_operand from = clact_array(CLACT_F64, NULL, 1), to = from;
    OK(clact_buffer_create(&from.buffer, test_context(), sizeof v));
    OK(clact_buffer_create(&to.buffer, test_context(), sizeof y));
    clact_activation *f = named("relu");
    REFUSED(clact_forward(test_context(), f, &(clact_forward_args){.x = &from, .y = &to}), CLACT_E_UNSUPPORTED, "no f64");
    clact_activation_destroy(&f);
    clact_buffer_destroy(&from.buffer);
    clact_buffer_destroy(&to.buffer);
}
END_TEST

Suite *types_suite(void)
{
    Suite *s = suite_create("types");
    TCase *t = tcase_create("types");
    tcase_set_timeout(t, 600);
    tcase_add_unchecked_fixture(t, open_runners, close_runners);
    tcase_add_test(t, halves_are_rounded_f32);
    tcase_add_test(t, halves_of_any_length);
    if (test_caps()->types & 1u << CLACT_F64) {
        tcase_add_test(t, f64_is_within_its_bound);
        tcase_add_test(t, f64_bits_agree);
    } else {
        tcase_add_test(t, f64_is_refused_where_it_is_not);
    }
    suite_add_tcase(s, t);
    return s;
}
