/* test_tensorflow.c: TensorFlow semantics against what TensorFlow 2.15 was measured to compute. */
#include "suites.h"

#include <math.h>
#include <string.h>

#define WORDS 38
#define NONE NAN
#define TF_INPUTS(...) static const uint32_t inputs[WORDS] = __VA_ARGS__;
#define TF_ROW(...)
#define TF_FORWARD(...)
#include "tensorflow.def"
#undef TF_INPUTS
#undef TF_ROW
#undef TF_FORWARD

static const struct row {
    const char *name;
    double p[3];
    uint32_t words[3][WORDS]; /* forward; gradient for dy = -3; gradient for dy = infinity */
} rows[] = {
#define TF_INPUTS(...)
#define TF_ROW(name, p0, p1, p2, ...) {#name, {p0, p1, p2}, {__VA_ARGS__}},
#define TF_FORWARD(...)
#include "tensorflow.def"
#undef TF_ROW
#undef TF_FORWARD
};

static const struct forward_row {
    const char *name;
    uint32_t words[2][WORDS]; /* inputs; results */
} forward_rows[] = {
#define TF_ROW(...)
#define TF_FORWARD(name, ...) {#name, {__VA_ARGS__}},
#include "tensorflow.def"
};

static clact_activation *activation_of(const struct row *r)
{
    const clact_activation_info *info = clact_activation_find(r->name);
    clact_parameter p[3];
    for (uint32_t i = 0; i < info->parameter_count; i++)
        p[i] = (clact_parameter){info->parameters[i].name, isnan(r->p[i]) ? 0 : r->p[i], isnan(r->p[i]), 0};
    clact_activation_desc desc = {.name = r->name, .semantics = CLACT_TENSORFLOW, .parameters = p,
                                  .parameter_count = info->parameter_count, .unchecked = 1};
    clact_activation *a;
    OK(clact_activation_create(&a, &desc));
    return a;
}

/* A device that is exact but for subnormals may have another sign of zero. */
static bool same(uint32_t a, uint32_t b)
{
    return a == b || (test_caps()->exact == CLACT_EXACT_NORMAL && (a | b) << 1 == 0);
}

static void compare(const struct row *r, int what, const float *out)
{
    for (int i = 0; i < WORDS; i++)
        ck_assert_msg(same(bits_of(out[i]), r->words[what][i]), "%s(%g, %g, %g) %s at %g: 0x%08x, TensorFlow has 0x%08x",
                      r->name, r->p[0], r->p[1], r->p[2], what ? "gradient" : "forward", float_of(inputs[i]),
                      bits_of(out[i]), r->words[what][i]);
}

START_TEST(bits_of_tensorflow)
{
    const struct row *r = &rows[_i];
    clact_activation *a = activation_of(r);
    float x[WORDS], dy[WORDS], out[WORDS];
    memcpy(x, inputs, sizeof x);
    run_array(test_context(), a, CLACT_F32, WORDS, x, NULL, out);
    compare(r, 0, out);
    for (int what = 1; what < 3; what++) {
        for (int i = 0; i < WORDS; i++)
            dy[i] = what == 1 ? -3.0f : INFINITY;
        run_array(test_context(), a, CLACT_F32, WORDS, x, dy, out);
        compare(r, what, out);
    }
    clact_activation_destroy(&a);
}
END_TEST

START_TEST(roundings_of_tensorflow)
{
    const struct forward_row *r = &forward_rows[_i];
    clact_activation *a = with_semantics(r->name, CLACT_TENSORFLOW);
    float x[WORDS], out[WORDS];
    memcpy(x, r->words[0], sizeof x);
    run_array(test_context(), a, CLACT_F32, WORDS, x, NULL, out);
    for (int i = 0; i < WORDS; i++)
        ck_assert_msg(bits_of(out[i]) == r->words[1][i], "%s at %a: %a, TensorFlow has %a", r->name, x[i], out[i],
                      float_of(r->words[1][i]));
    clact_activation_destroy(&a);
}
END_TEST

/* keras.activations.threshold of Keras 3: a comparison and a choice, which a NaN fails. */
START_TEST(threshold_chooses)
{
    const float x[] = {NAN, -1, 0, 1e-3f, 5}, y[] = {0, 0, 0, 1e-3f, 5}, g[] = {0, 0, 0, INFINITY, INFINITY};
    float dy[5] = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY}, out[5];
    clact_activation *a = with_semantics("threshold", CLACT_TENSORFLOW);
    run_array(test_context(), a, CLACT_F32, 5, x, NULL, out);
    ck_assert_mem_eq(out, y, sizeof y);
    run_array(test_context(), a, CLACT_F32, 5, x, dy, out);
    ck_assert_mem_eq(out, g, sizeof g);
    clact_activation_destroy(&a);
}
END_TEST

Suite *tensorflow_suite(void)
{
    Suite *s = suite_create("tensorflow");
    TCase *t = tcase_create("tensorflow");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, bits_of_tensorflow, 0, COUNT_OF(rows));
    tcase_add_loop_test(t, roundings_of_tensorflow, 0, COUNT_OF(forward_rows));
    tcase_add_test(t, threshold_chooses);
    suite_add_tcase(s, t);
    return s;
}
