/* test_seeds.c: the examples of the texts that clact comes from, signs of zero included. */
#include "suites.h"

#include <math.h>
#include <string.h>

#define NO 1e9 /* parameter not given */

/* From tf.keras.backend.relu, tf.keras.layers.ReLU and tf.keras.layers.ThresholdedReLU. */
static const struct example {
    const char *name;
    uint32_t semantics;
    double negative_slope, max_value, threshold;
    float x[4], y[4];
} examples[] = {
    {"relu", CLACT_DOCUMENTED, NO, NO, NO, {-5, -2, 0, 3}, {0, 0, 0, 3}},
    {"relu", CLACT_TENSORFLOW, NO, NO, NO, {-5, -2, 0, 3}, {0, 0, 0, 3}},
    {"relu", CLACT_DOCUMENTED, NO, 2, NO, {-5, -2, 0, 3}, {0, 0, 0, 2}},
    {"relu", CLACT_TENSORFLOW, NO, 2, NO, {-5, -2, 0, 3}, {0, 0, 0, 2}},
    {"relu", CLACT_DOCUMENTED, 2, NO, NO, {-5, -2, 0, 3}, {-10, -4, 0, 3}},
    {"relu", CLACT_TENSORFLOW, 2, NO, NO, {-5, -2, 0, 3}, {-10, -4, 0, 3}},
    {"relu", CLACT_DOCUMENTED, NO, NO, 2.5, {-5, -1.5f, 2.5f, 3}, {0, 0, 2.5f, 3}},
    {"relu", CLACT_TENSORFLOW, NO, NO, 2.5, {-5, -1.5f, 2.5f, 3}, {-0.0f, -0.0f, 0, 3}},
    {"relu", CLACT_DOCUMENTED, NO, NO, 1.5, {-3, -1, 1, 2}, {0, 0, 0, 2}},
    {"relu", CLACT_DOCUMENTED, NO, NO, NO, {-3, -1, 0, 2}, {0, 0, 0, 2}},
    {"relu", CLACT_DOCUMENTED, NO, 1, NO, {-3, -1, 0, 2}, {0, 0, 0, 1}},
    {"relu", CLACT_DOCUMENTED, 1, NO, NO, {-3, -1, 0, 2}, {-3, -1, 0, 2}},
};

static clact_activation *activation_of(const struct example *e)
{
    clact_parameter all[] = {{"negative_slope", e->negative_slope, 0, 0},
                             {"max_value", e->max_value, 0, 0},
                             {"threshold", e->threshold, 0, 0}}, given[3];
    clact_activation_desc desc = {.name = e->name, .semantics = e->semantics, .parameters = given};
    for (size_t i = 0; i < 3; i++)
        if (all[i].value != NO)
            given[desc.parameter_count++] = all[i];
    clact_activation *a;
    OK(clact_activation_create(&a, &desc));
    return a;
}

START_TEST(examples_on_host_memory)
{
    const struct example *e = &examples[_i];
    clact_activation *a = activation_of(e);
    float y[4];
    OK(clact_apply(test_context(), a, 4, e->x, y));
    for (int i = 0; i < 4; i++)
        ck_assert_msg(bits_of(y[i]) == bits_of(e->y[i]), "example %d, x = %g: %g, expected %g", _i, e->x[i], y[i], e->y[i]);
    clact_activation_destroy(&a);
}
END_TEST

START_TEST(examples_in_buffers)
{
    const struct example *e = &examples[_i];
    clact_activation *a = activation_of(e);
    float y[4];
    run_array(test_context(), a, CLACT_F32, 4, e->x, NULL, y);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(bits_of(y[i]) == bits_of(e->y[i]), "example %d, x = %g: %g, expected %g", _i, e->x[i], y[i], e->y[i]);
    clact_activation_destroy(&a);
}
END_TEST

/* x for x > theta, else 0: strict. */
START_TEST(thresholded_relu_is_strict)
{
    const float x[] = {-1, 0, 1, nextafterf(1, 2), 3}, expected[] = {0, 0, 0, nextafterf(1, 2), 3};
    float y[5];
    clact_activation *a = named("thresholded_relu");
    OK(clact_apply(test_context(), a, 5, x, y));
    ck_assert_mem_eq(y, expected, sizeof y);
    clact_activation_destroy(&a);
}
END_TEST

Suite *seeds_suite(void)
{
    Suite *s = suite_create("seeds");
    TCase *t = tcase_create("seeds");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, examples_on_host_memory, 0, COUNT_OF(examples));
    tcase_add_loop_test(t, examples_in_buffers, 0, COUNT_OF(examples));
    tcase_add_test(t, thresholded_relu_is_strict);
    suite_add_tcase(s, t);
    return s;
}
