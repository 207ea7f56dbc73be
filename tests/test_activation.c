/* test_activation.c: activations are found, validated and refused as the header says. */
#include "suites.h"

#include <float.h>
#include <math.h>
#include <string.h>

START_TEST(list_is_complete)
{
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    ck_assert_uint_ge(count, 10);
    for (size_t i = 0; i < count; i++) {
        ck_assert(i == 0 || list[i].id > list[i - 1].id);
        ck_assert_ptr_eq(clact_activation_find(list[i].name), &list[i]);
        ck_assert(strlen(list[i].formula) && strlen(list[i].derivative) && strlen(list[i].source));
        clact_activation *a;
        clact_activation_desc desc = {.id = list[i].id};
        OK(clact_activation_create(&a, &desc));
        ck_assert_ptr_eq(clact_activation_info_of(a), &list[i]);
        clact_activation_destroy(&a);
        ck_assert_ptr_null(a);
    }
}
END_TEST

/* Some of them; words.sh compares all enumerators of clact.h with the rows of activations.def. */
START_TEST(ids_are_those_of_the_header)
{
    static const struct { uint32_t id; const char *name; } ids[] = {
        {CLACT_IDENTITY, "identity"}, {CLACT_RELU, "relu"}, {CLACT_RELU6, "relu6"},
        {CLACT_THRESHOLDED_RELU, "thresholded_relu"}, {CLACT_THRESHOLD, "threshold"},
        {CLACT_LEAKY_RELU, "leaky_relu"}, {CLACT_PRELU, "prelu"}, {CLACT_ELU, "elu"}, {CLACT_SIGMOID, "sigmoid"},
        {CLACT_TANH, "tanh"}, {CLACT_LINEAR, "linear"}, {CLACT_CLIP, "clip"}, {CLACT_HARD_TANH, "hard_tanh"},
        {CLACT_HARD_SIGMOID, "hard_sigmoid"}, {CLACT_HARD_SIGMOID_ONNX, "hard_sigmoid_onnx"},
        {CLACT_SPARSE_SIGMOID, "sparse_sigmoid"}, {CLACT_SPARSE_PLUS, "sparse_plus"},
        {CLACT_HARD_SWISH, "hard_swish"}, {CLACT_SOFT_SHRINK, "soft_shrink"}, {CLACT_HARD_SHRINK, "hard_shrink"},
        {CLACT_SHRINK, "shrink"}, {CLACT_ABS, "abs"}, {CLACT_SIGN, "sign"}, {CLACT_STEP, "step"},
        {CLACT_ROUND, "round"},
    };
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ck_assert_uint_eq(clact_activation_find(ids[i].name)->id, ids[i].id);
}
END_TEST

START_TEST(names_and_aliases)
{
    ck_assert_str_eq(clact_activation_find("logistic")->name, "sigmoid");
    ck_assert_str_eq(clact_activation_find("lrelu")->name, "leaky_relu");
    ck_assert_ptr_null(clact_activation_find("relu7"));
    ck_assert_ptr_null(clact_activation_find(""));
    ck_assert_ptr_null(clact_activation_find("passthru "));
    ck_assert_ptr_null(clact_activation_find(NULL));
    clact_activation *a = NULL;
    REFUSED(clact_activation_named(&a, "relu7", NULL, 0), CLACT_E_NAME, "no activation named 'relu7'");
    clact_activation_desc desc = {.id = 999};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_NAME, "no activation with id 999");
    desc.name = "relu";
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_ARGUMENT, "two activations");
    ck_assert_ptr_null(a);
}
END_TEST

static clact_status make(const char *name, const char *parameter, double value, uint32_t none, uint32_t unchecked)
{
    clact_activation *a;
    clact_parameter p = {parameter, value, none, 0};
    clact_activation_desc desc = {.name = name, .parameters = &p, .parameter_count = 1, .unchecked = unchecked};
    clact_status status = clact_activation_create(&a, &desc);
    if (status == CLACT_OK)
        clact_activation_destroy(&a);
    return status;
}

START_TEST(ranges_are_those_of_keras)
{
    REFUSED(make("relu", "max_value", -1, 0, 0), CLACT_E_RANGE, "max_value of relu must be at least 0, and is -1");
    REFUSED(make("relu", "negative_slope", -0.1, 0, 0), CLACT_E_RANGE, "negative_slope");
    REFUSED(make("relu", "alpha", -0.1, 0, 0), CLACT_E_RANGE, "negative_slope");
    REFUSED(make("relu", "threshold", -2, 0, 0), CLACT_E_RANGE, "threshold");
    REFUSED(make("thresholded_relu", "theta", -1, 0, 0), CLACT_E_RANGE, "theta");
    OK(make("relu", "max_value", -1, 0, 1));
    OK(make("relu", "negative_slope", -0.1, 0, 1));
    OK(make("thresholded_relu", "theta", -1, 0, 1));
    OK(make("leaky_relu", "negative_slope", -2, 0, 0));
    OK(make("relu", "max_value", 0, 1, 0));
    OK(make("relu", "negative_slope", -0.0, 0, 0));
}
END_TEST

START_TEST(parameters_are_finite_and_known)
{
    REFUSED(make("elu", "alpha", NAN, 0, 0), CLACT_E_RANGE, "must be finite");
    REFUSED(make("elu", "alpha", INFINITY, 0, 1), CLACT_E_RANGE, "must be finite");
    REFUSED(make("relu", "max_value", INFINITY, 0, 0), CLACT_E_RANGE, "no limit is 'none'");
    REFUSED(make("relu", "threshold", 0, 1, 0), CLACT_E_RANGE, "must be a number");
    REFUSED(make("relu", "theta", 1, 0, 0), CLACT_E_NAME, "relu has no parameter 'theta'");
    REFUSED(make("sigmoid", "beta", 1, 0, 0), CLACT_E_NAME, "sigmoid has no parameter 'beta'");
    REFUSED(make("relu", "max_value", 1, 2, 0), CLACT_E_ARGUMENT, "none must be 0 or 1");
    REFUSED(make("relu", NULL, 1, 0, 0), CLACT_E_ARGUMENT, "has no name");
    clact_activation *a;
    clact_parameter twice[] = {{"negative_slope", 1, 0, 0}, {"alpha", 1, 0, 0}};
    REFUSED(clact_activation_named(&a, "relu", twice, 2), CLACT_E_ARGUMENT, "given twice");
    REFUSED(clact_activation_named(&a, "relu", NULL, 1), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_activation_named(NULL, "relu", NULL, 0), CLACT_E_ARGUMENT, "must not be NULL");
    clact_activation_desc desc = {.name = "relu", .reserved = {0, 1}};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_ARGUMENT, "reserved");
}
END_TEST

/* In units in the last place of f32; b is finite and not zero. */
static double ulps(float a, float b)
{
    int e;
    frexpf(b, &e);
    return fabs((double)a - (double)b) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static bool same_special(float a, float b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

/* Exact results are within an ulp, fast ones within four, and it is seen that they are other ones. */
START_TEST(fast_forms_are_close)
{
    static const char *const names[] = {"sigmoid", "tanh", "silu", "elu"};
    static const float specials[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f, FLT_MAX, -FLT_MAX};
    enum { N = 8192, SPECIALS = COUNT_OF(specials) };
    static float x[N], exact[N], fast[N];
    clact_context *context = test_context();
    for (int i = 0; i < N; i++)
        x[i] = i < (int)SPECIALS ? specials[i] : (float)(i - N / 2) * 0.0037f;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        clact_activation *a, *b;
        clact_activation_desc desc = {.name = names[i], .mode = CLACT_FAST};
        OK(clact_activation_create(&a, &desc));
        OK(clact_activation_named(&b, names[i], NULL, 0));
        OK(clact_apply(context, a, N, x, fast));
        OK(clact_apply(context, b, N, x, exact));
        int differing = 0;
        for (int k = 0; k < N; k++) {
            if (k < (int)SPECIALS)
                ck_assert_msg(same_special(fast[k], exact[k]), "%s(%a) is %a, not %a", names[i], (double)x[k],
                              (double)fast[k], (double)exact[k]);
            else if (exact[k] != 0)
                ck_assert_msg(ulps(fast[k], exact[k]) <= 5, "%s(%a) is %a, not near %a", names[i], (double)x[k],
                              (double)fast[k], (double)exact[k]);
            differing += k >= (int)SPECIALS && fast[k] != exact[k]; /* a NaN is not equal to itself */
        }
        ck_assert_int_gt(differing, 0);
        OK(clact_apply_gradient(context, a, N, x, x, fast));
        OK(clact_apply_gradient(context, b, N, x, x, exact));
        ck_assert_mem_eq(fast, exact, sizeof fast);
        clact_activation_destroy(&a);
        clact_activation_destroy(&b);
    }
}
END_TEST

START_TEST(modes_are_checked)
{
    clact_activation *a;
    clact_activation_desc desc = {.name = "tanh", .mode = 2};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_ARGUMENT, "mode");
    desc = (clact_activation_desc){.name = "relu", .semantics = CLACT_TENSORFLOW, .mode = CLACT_FAST};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_UNSUPPORTED, "exact");
}
END_TEST

START_TEST(tensorflow_semantics_only_where_stated)
{
    static const char *const twins[] = {"relu", "relu6", "leaky_relu", "thresholded_relu", "threshold", "clip",
                                        "hard_sigmoid"};
    size_t count, has = 0;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++) {
        clact_activation *a;
        clact_activation_desc desc = {.name = list[i].name, .semantics = CLACT_TENSORFLOW};
        if (list[i].tensorflow) {
            OK(clact_activation_create(&a, &desc));
            clact_activation_destroy(&a);
            has++;
        } else {
            REFUSED(clact_activation_create(&a, &desc), CLACT_E_UNSUPPORTED, list[i].name);
        }
    }
    ck_assert_uint_eq(has, COUNT_OF(twins));
    for (size_t i = 0; i < COUNT_OF(twins); i++)
        ck_assert_uint_eq(clact_activation_find(twins[i])->tensorflow, 1);
    clact_activation *a;
    clact_activation_desc desc = {.name = "relu", .semantics = 2};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_ARGUMENT, "semantics");
}
END_TEST

START_TEST(version_and_status)
{
    const clact_version_info *v = clact_version();
    ck_assert_uint_eq(v->major, CLACT_VERSION_MAJOR);
    ck_assert_uint_eq(v->numerics, CLACT_NUMERICS);
    ck_assert_str_eq(v->text, "0.1.0");
    ck_assert_str_eq(clact_status_name(CLACT_OK), "CLACT_OK");
    for (int s = CLACT_E_DERIVATIVE; s <= CLACT_E_ARGUMENT; s++)
        ck_assert_int_eq(strncmp(clact_status_name((clact_status)s), "CLACT_E_", 8), 0);
    ck_assert_str_eq(clact_status_name((clact_status)1), "unknown status");
    ck_assert_str_eq(clact_type_name(CLACT_BF16), "bf16");
    ck_assert_ptr_null(clact_type_name((clact_type)99));
    ck_assert_uint_eq(clact_type_bytes((clact_type)99), 0);
}
END_TEST

Suite *activation_suite(void)
{
    Suite *s = suite_create("activation");
    TCase *t = tcase_create("activation");
    tcase_add_test(t, list_is_complete);
    tcase_add_test(t, ids_are_those_of_the_header);
    tcase_add_test(t, names_and_aliases);
    tcase_add_test(t, ranges_are_those_of_keras);
    tcase_add_test(t, parameters_are_finite_and_known);
    tcase_add_test(t, tensorflow_semantics_only_where_stated);
    tcase_add_test(t, fast_forms_are_close);
    tcase_add_test(t, modes_are_checked);
    tcase_add_test(t, version_and_status);
    suite_add_tcase(s, t);
    return s;
}
