/* test_special.c: results at special values, bit for bit, and the tools that measure the others. */
#include "special.h"
#include "strata.h"
#include "suites.h"
#include "ulp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Special values, through the calls on host pointers ------------------------------------- */

/* Runs a set's cases in one direction and prints what is wrong; the number of wrong results. */
static size_t count_wrong(const clact_activation *activation, const special_set *set, direction d)
{
    special_case cases[SPECIAL_CASES];
    float x[SPECIAL_CASES], dy[SPECIAL_CASES], got[SPECIAL_CASES];
    size_t count = special_cases(set, d, CLACT_F32, test_caps()->keeps_subnormals, cases), wrong = 0;
    for (size_t i = 0; i < count; i++) {
        x[i] = cases[i].x;
        dy[i] = cases[i].dy;
    }
    if (d == FORWARD)
        OK(clact_apply(test_context(), activation, count, x, got));
    else
        OK(clact_apply_gradient(test_context(), activation, count, x, dy, got));
    for (size_t i = 0; i < count; i++) {
        if (special_same(got[i], cases[i].expected))
            continue;
        fprintf(stderr, "%s", set->activation);
        special_print_parameters(stderr, set);
        fprintf(stderr, ": %s at x = %a, dy = %g: %a, not %a\n", direction_names[d], x[i], dy[i],
                got[i], cases[i].expected);
        wrong++;
    }
    return wrong;
}

START_TEST(special_values)
{
    const special_set *set = &special_sets[_i];
    clact_activation *activation;
    if (!clact_activation_find(set->activation))
        return;
    OK(special_activation(&activation, set));
    size_t forward = count_wrong(activation, set, FORWARD);
    size_t derivative = count_wrong(activation, set, DERIVATIVE);
    clact_activation_destroy(&activation);
    ck_assert_msg(forward == 0 && derivative == 0, "%s: %zu and %zu results are wrong",
                  set->activation, forward, derivative);
}
END_TEST

/* ---- Units in the last place ---------------------------------------------------------------- */

START_TEST(distance_counts_in_units_of_the_exact_result)
{
    ck_assert(ulp_distance(CLACT_F32, 1, 1) == 0);
    ck_assert(ulp_distance(CLACT_F32, 0x1.000002p0, 1) == 1);
    ck_assert(ulp_distance(CLACT_F32, 1, 0x1.000002p0) == 1);
    /* Just below a power of two the unit is half as large. */
    ck_assert(ulp_distance(CLACT_F32, 1, 0x1.fffffep-1) == 1);
    ck_assert(ulp_distance(CLACT_F32, 1, 0x1.ffffffp-1) == 0.5);
    ck_assert(ulp_distance(CLACT_F32, 0, 0x1p-149) == 1);
    ck_assert(ulp_distance(CLACT_F32, 0, 0x1p-150) == 0.5);
    ck_assert(ulp_distance(CLACT_F32, 0x1p-149, 0) == 1);
    ck_assert(ulp_distance(CLACT_F32, -0.0, 0) == 0);
    ck_assert(ulp_distance(CLACT_F16, 0x1.004p0, 1) == 1);
    ck_assert(ulp_distance(CLACT_F16, 0, 0x1p-25) == 0.5);
    ck_assert(ulp_distance(CLACT_BF16, 0x1.02p0, 1) == 1);
    ck_assert(ulp_distance(CLACT_F64, 1, 1 + 0x1p-52) == 1);
    ck_assert(ulp_distance(CLACT_F64, 0, 0x1p-1074) == 1);
}
END_TEST

START_TEST(distance_knows_infinity_and_nan)
{
    const double most = 0x1.fffffep127;
    ck_assert(ulp_distance(CLACT_F32, INFINITY, INFINITY) == 0);
    ck_assert(ulp_distance(CLACT_F32, -INFINITY, INFINITY) == INFINITY);
    ck_assert(ulp_distance(CLACT_F32, most, INFINITY) == INFINITY);
    ck_assert(ulp_distance(CLACT_F32, INFINITY, 0x1p128) == 0);
    ck_assert(ulp_distance(CLACT_F32, -INFINITY, -0x1p200) == 0);
    ck_assert(ulp_distance(CLACT_F32, -INFINITY, 0x1p200) > 0x1p23);
    ck_assert(ulp_distance(CLACT_F32, INFINITY, 0x1.ffffffp127) == 0.5);
    ck_assert(ulp_distance(CLACT_F32, most, 0x1.ffffffp127) == 0.5);
    ck_assert(ulp_distance(CLACT_F32, INFINITY, most) == 1);
    ck_assert(ulp_distance(CLACT_F32, most, 0x1p128) == 1);
    ck_assert(ulp_distance(CLACT_F32, INFINITY, 1) > 0x1p100);
    ck_assert(ulp_distance(CLACT_F32, NAN, NAN) == 0);
    ck_assert(ulp_distance(CLACT_F32, NAN, 1) == INFINITY);
    ck_assert(ulp_distance(CLACT_F32, 1, NAN) == INFINITY);
}
END_TEST

START_TEST(quick_unit_is_the_unit)
{
    strata s;
    strata_make(&s, CLACT_F64, NULL, 0);
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t bits = strata_bits(&s, i);
        double exact;
        memcpy(&exact, &bits, sizeof exact);
        if (isfinite(exact))
            ck_assert(ulp_of_f32(exact) == (double)ulp_of(CLACT_F32, exact));
    }
}
END_TEST

/* ---- Samples -------------------------------------------------------------------------------- */

START_TEST(sample_has_every_class)
{
    const double kinks[] = {2.5};
    uint8_t tops[512] = {0};
    size_t moderate = 0;
    int seen = 0;
    strata s;
    strata_make(&s, CLACT_F32, kinks, 1);
    for (uint64_t i = 0; i < 1 << 14; i++) {
        uint32_t bits = (uint32_t)strata_bits(&s, i);
        float x;
        memcpy(&x, &bits, sizeof x);
        tops[bits >> 23] = 1;
        moderate += fabsf(x) > 0.125f && fabsf(x) <= 20;
        seen |= (x == 0x1.3ffffep1f) | (x == -2.5f) << 1 | (x == INFINITY) << 2
                | (bits == 0x80000000) << 3 | (bits == 0x7fc00000) << 4 | (bits == 0xff800001) << 5
                | (bits == 0x007fffff) << 6 | (bits == 0x80000001) << 7;
    }
    for (int i = 0; i < 512; i++)
        ck_assert_msg(tops[i], "no number with sign and exponent %d", i);
    ck_assert_int_eq(seen, 255);
    ck_assert_uint_gt(moderate, 1 << 12);
}
END_TEST

/* A hash of results says something only if every machine has the same inputs. */
START_TEST(sample_is_the_same_everywhere)
{
    uint64_t hash = 0xcbf29ce484222325;
    strata s;
    strata_make(&s, CLACT_F32, NULL, 0);
    for (uint64_t i = 0; i < 4096; i++)
        hash = (hash ^ strata_bits(&s, i)) * 0x100000001b3;
    ck_assert_msg(hash == 0x4c5d9005338963de, "the sample's hash is %016llx",
                  (unsigned long long)hash);
}
END_TEST

Suite *special_suite(void)
{
    Suite *suite = suite_create("special");
    TCase *values = tcase_create("special values"), *tools = tcase_create("tools");
    tcase_add_loop_test(values, special_values, 0, (int)special_set_count);
    tcase_add_test(tools, distance_counts_in_units_of_the_exact_result);
    tcase_add_test(tools, distance_knows_infinity_and_nan);
    tcase_add_test(tools, quick_unit_is_the_unit);
    tcase_add_test(tools, sample_has_every_class);
    tcase_add_test(tools, sample_is_the_same_everywhere);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, tools);
    return suite;
}
