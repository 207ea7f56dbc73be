/* test_kernels.c: the kernels as text, and kernels of one work-item, which give the bits of all others. */
#include "layouts.h"

#include <stdlib.h>
#include <string.h>

#ifdef CLACT_TEST_OPENCL

/* ---- The text ------------------------------------------------------------------------------- */

/* To be freed. */
static char *text_of(const clact_kernels *kernels, size_t count, const clact_kernels_options *options)
{
    size_t length, again;
    OK(clact_kernels_text(NULL, 0, &length, kernels, count, options));
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    OK(clact_kernels_text(text, length + 1, &again, kernels, count, options));
    ck_assert_uint_eq(again, length);
    ck_assert_uint_eq(strlen(text), length);
    return text;
}

static size_t count_lines(const char *text, const char *with)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, with)); at += strlen(with))
        n++;
    return n;
}

START_TEST(a_text_stands_alone)
{
    clact_activation *f = named("prelu"), *g = named("swiglu");
    const clact_kernels asked[] = {{.activation = f, .calls = CLACT_CALLS_ALL}, {.activation = g}};
    char *text = text_of(asked, 2, NULL);
    ck_assert_ptr_null(strstr(text, "\n#include \"")); /* the headers of C are not for compilers of OpenCL C */
    ck_assert_ptr_null(strstr(text, "\n#line"));
    ck_assert_ptr_null(strstr(text, "\n#define CLACT_TASK"));
    ck_assert_ptr_nonnull(strstr(text, "\n#define CLACT_DIVIDE_BY_FMA\n"));
    ck_assert_ptr_nonnull(strstr(text, "ROW_forward_f32(x, y, at, parameters)\n *       prelu\n"));
    ck_assert_ptr_nonnull(strstr(text, "swiglu, kernels silu_gated..."));
    ck_assert_ptr_nonnull(strstr(text, "prelu, kernels prelu_...: s0 = slope (0.25)"));
    ck_assert_ptr_nonnull(strstr(text, "the local size 256"));
    ck_assert_ptr_null(strstr(text, "The composer"));
    free(text);
    clact_activation_destroy(&f);
    clact_activation_destroy(&g);
}
END_TEST

START_TEST(options_choose_the_form)
{
    clact_activation *f = named("relu");
    const clact_kernels asked = {.activation = f};
    const clact_kernels_options small = {.local = 64, .per_item = 2, .rounds_to_zero = 1, .correct_division = 1};
    char *text = text_of(&asked, 1, &small);
    ck_assert_ptr_nonnull(strstr(text, "\n#define LOCAL 64\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n#define PER_ITEM 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n#define CLACT_ROUNDS_TO_ZERO\n"));
    ck_assert_ptr_null(strstr(text, "\n#define CLACT_DIVIDE_BY_FMA\n"));
    ck_assert_ptr_nonnull(strstr(text, "n / 128, rounded up, times 64 "));
    ck_assert_ptr_nonnull(strstr(text, "-cl-fp32-correctly-rounded-divide-sqrt"));
    free(text);
    text = text_of(&asked, 1, &(clact_kernels_options){.task = 1});
    ck_assert_ptr_nonnull(strstr(text, "\n#define CLACT_TASK\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n#define LOCAL 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "one work-item: clEnqueueTask"));
    free(text);
    clact_activation_destroy(&f);
}
END_TEST

/* What is asked for twice stands in a text once, by whatever name. */
START_TEST(nothing_stands_twice)
{
    clact_activation *relu = named("relu"), *reglu = named("reglu"), *gated;
    OK(clact_activation_create(&gated, &(clact_activation_desc){.name = "relu", .gated = 1}));
    const clact_kernels once[] = {{.activation = relu, .types = 3}, {.activation = reglu}};
    const clact_kernels twice[] = {{.activation = relu}, {.activation = relu, .types = 2}, {.activation = reglu},
                                   {.activation = gated}, {.activation = relu, .calls = CLACT_CALLS_DENSE}};
    char *a = text_of(once, 2, NULL), *b = text_of(twice, 5, NULL);
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(count_lines(a, "\nvoid KERNEL(forward)"), 4); /* of each type for dense operands and for views */
    free(a);
    free(b);
    clact_activation_destroy(&relu);
    clact_activation_destroy(&reglu);
    clact_activation_destroy(&gated);
}
END_TEST

/* That of quantised activations, beside any type. */
START_TEST(a_table_goes_with_all)
{
    const clact_quantization bytes = {.x_scale = 1, .y_scale = 1, .x_type = CLACT_I8, .y_type = CLACT_U8};
    const clact_quantization others = {.x_scale = 1, .y_scale = 2, .x_type = CLACT_U8, .y_type = CLACT_U8};
    clact_activation *f = named("relu"), *q, *r;
    OK(clact_activation_create(&q, &(clact_activation_desc){.name = "tanh", .quantization = &bytes}));
    OK(clact_activation_create(&r, &(clact_activation_desc){.name = "relu", .quantization = &others}));
    const clact_kernels asked[] = {{.activation = q}, {.activation = f, .types = 1u << CLACT_F64}, {.activation = r}};
    char *text = text_of(asked, 3, NULL);
    ck_assert_ptr_nonnull(strstr(text, "\n#define CLACT_REAL_BITS 64\n"));
    ck_assert_ptr_nonnull(strstr(text, "ROW_forward_u8(x, x_first, y, y_first, n, first_half, second_half)\n *       table\n"));
    ck_assert_uint_eq(count_lines(text, "ulong16 first_half"), 1);
    free(text);
    clact_activation_destroy(&f);
    clact_activation_destroy(&q);
    clact_activation_destroy(&r);
}
END_TEST

START_TEST(a_text_is_cut_to_its_room)
{
    clact_activation *f = named("relu");
    const clact_kernels asked = {.activation = f};
    char *text = text_of(&asked, 1, NULL), part[100];
    size_t length;
    memset(part, 'x', sizeof part);
    OK(clact_kernels_text(part, 50, &length, &asked, 1, NULL));
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_uint_eq(strlen(part), 49);
    ck_assert_mem_eq(part, text, 49);
    ck_assert_int_eq(part[50], 'x');
    free(text);
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(rules_have_sentences)
{
    clact_activation *f = named("relu");
    const clact_kernels asked = {.activation = f};
    size_t length = 7;
    char one;
#define TEXT(kernels, count, ...) clact_kernels_text(NULL, 0, &length, kernels, count, __VA_ARGS__)
#define OPTIONS(...) (&(clact_kernels_options){__VA_ARGS__})
#define ASKED(...) (&(clact_kernels){__VA_ARGS__})
    REFUSED(clact_kernels_text(&one, 1, NULL, &asked, 1, NULL), CLACT_E_ARGUMENT, "no place to go");
    REFUSED(clact_kernels_text(NULL, 1, &length, &asked, 1, NULL), CLACT_E_ARGUMENT, "no place to go");
    REFUSED(TEXT(NULL, 1, NULL), CLACT_E_ARGUMENT, "no kernels are asked for");
    REFUSED(TEXT(&asked, 0, NULL), CLACT_E_ARGUMENT, "no kernels are asked for");
    REFUSED(TEXT(ASKED(.types = 1), 1, NULL), CLACT_E_ARGUMENT, "kernels 0 have no activation");
    REFUSED(TEXT(ASKED(.activation = f, .types = 16), 1, NULL), CLACT_E_ARGUMENT, "types that are not computed on");
    REFUSED(TEXT(ASKED(.activation = f, .types = 9), 1, NULL), CLACT_E_ARGUMENT, "a text each");
    REFUSED(TEXT(ASKED(.activation = f, .calls = 128), 1, NULL), CLACT_E_ARGUMENT, "calls that there are not");
    REFUSED(TEXT(ASKED(.activation = f, .calls = CLACT_CALLS_MASK), 1, NULL), CLACT_E_ARGUMENT, "no kernels for such");
    REFUSED(TEXT(ASKED(.activation = f, .reserved = {0, 1}), 1, NULL), CLACT_E_ARGUMENT, "words of clact_kernels ");
    REFUSED(TEXT(&asked, 1, OPTIONS(.reserved = {0, 0, 0, 0, 1})), CLACT_E_ARGUMENT, "words of clact_kernels_options");
    REFUSED(TEXT(&asked, 1, OPTIONS(.reserved0 = 1)), CLACT_E_ARGUMENT, "words of clact_kernels_options");
    REFUSED(TEXT(&asked, 1, OPTIONS(.task = 2)), CLACT_E_ARGUMENT, "0 or 1");
    REFUSED(TEXT(&asked, 1, OPTIONS(.task = 1, .local = 2)), CLACT_E_ARGUMENT, "one work-item");
    REFUSED(TEXT(&asked, 1, OPTIONS(.local = 96)), CLACT_E_ARGUMENT, "power of two to 256, not 96");
    REFUSED(TEXT(&asked, 1, OPTIONS(.local = 512)), CLACT_E_ARGUMENT, "power of two to 256, not 512");
    REFUSED(TEXT(&asked, 1, OPTIONS(.per_item = 1025)), CLACT_E_ARGUMENT, "at most 1024");
    ck_assert_uint_eq(length, 7);
    clact_activation_destroy(&f);
}
END_TEST

/* ---- Kernels of one work-item --------------------------------------------------------------- */

/* SUMMING: nothing but numbers behind the first row, so that the order of sums shows in the bits. */
enum { ADDING = 1, MASKED = 2, NOISY = 4, WITH_TENSOR = 8, LEARNING = 16, FROM_Y = 32, SUMMING = 64 };

static const struct kind {
    const char *name;
    int x_times, y_times; /* how long the axis of x and y is, in lengths */
    uint32_t type;
    enum layout layout;
    int has;
} kinds[] = {
    {"sigmoid", 1, 1, CLACT_F32, DENSE, 0},
    {"sigmoid", 1, 1, CLACT_F64, SPREAD, ADDING},
    {"log_sigmoid", 1, 1, CLACT_BF16, DENSE, 0},
    {"log_sigmoid", 1, 1, CLACT_F32, DENSE, FROM_Y},
    {"rrelu", 1, 1, CLACT_F32, DENSE, NOISY},
    {"dropout", 1, 1, CLACT_F16, TRANSPOSED, NOISY},
    {"prelu", 1, 1, CLACT_F32, REVERSED, LEARNING | ADDING | SUMMING},
    {"prelu", 1, 1, CLACT_F16, DENSE, WITH_TENSOR | LEARNING | SUMMING},
    {"swiglu", 2, 1, CLACT_F32, DENSE, 0},
    {"reglu", 2, 1, CLACT_BF16, SPREAD, ADDING},
    {"crelu", 1, 2, CLACT_F32, DENSE, 0},
    {"maxout", 2, 1, CLACT_F32, SPREAD, ADDING},
    {"softmax", 1, 1, CLACT_F32, DENSE, SUMMING},
    {"softmin", 1, 1, CLACT_F64, SPREAD, MASKED | SUMMING},
    {"log_softmax", 1, 1, CLACT_F32, SPREAD, MASKED | SUMMING},
    {"sparsemax", 1, 1, CLACT_F32, TRANSPOSED, ADDING | SUMMING},
    {"hardmax", 1, 1, CLACT_F16, DENSE, MASKED},
};

struct operands {
    array x, y, dy, dx, slopes, value, mask;
};

static struct operands make_operands(const struct kind *k, const shape *s)
{
    const shape one = {1, {1}, 0}, row = {1, {s->dims[1]}, 0};
    const clact_type type = (clact_type)k->type;
    struct operands o = {
        .x = make_layout(type, s, k->x_times, k->layout), .y = make_layout(type, s, k->y_times, k->layout),
        .dy = make_layout(type, s, k->y_times, DENSE), .dx = make_layout(type, s, k->x_times, k->layout),
        .slopes = make_layout(type, &row, 1, DENSE), .mask = make_layout(CLACT_U8, s, 1, DENSE),
        .value = make_layout(type, k->has & WITH_TENSOR ? &row : &one, 1, DENSE),
    };
    array *filled[] = {&o.x, &o.dy, &o.dx, &o.slopes, &o.value};
    for (size_t i = 0; i < COUNT_OF(filled); i++)
        fill_all(filled[i], i + 1, false);
    uint64_t seed = 9;
    const int64_t first = k->has & LEARNING ? 0 : s->dims[1]; /* a gradient's sums are of all rows */
    for (int64_t i = first; i < s->dims[0] * s->dims[1] && k->has & SUMMING; i++) {
        set(&o.x, i, (double)(int64_t)next_random(&seed) * 0x1p-61);
        set(&o.dy, i, (double)(int64_t)next_random(&seed) * 0x1p-62);
    }
    for (int64_t i = 0; i < o.mask.extent; i++)
        ((uint8_t *)o.mask.memory)[i] = i % 3 != 0;
    return o;
}

static void call_both(clact_context *context, bool on_device, const clact_activation *f, const struct kind *k,
                      struct operands *o)
{
    array *all[] = {&o->x, &o->y, &o->dy, &o->dx, &o->slopes, &o->value, &o->mask};
    for (size_t i = 0; i < COUNT_OF(all) && on_device; i++)
        to_device(context, all[i]);
    const clact_parameter_tensor tensor = {"slope", &o->slopes.operand};
    const clact_parameter_gradient gradient = {"slope", &o->value.operand, k->has & ADDING ? 0.5 : 0, {0}};
    const clact_operand *mask = k->has & MASKED ? &o->mask.operand : NULL;
    const bool takes_y = k->has & FROM_Y || clact_activation_info_of(f)->needs == CLACT_BACKWARD_Y;
    OK(clact_forward(context, f, &(clact_forward_args){
        .x = &o->x.operand, .y = &o->y.operand, .mask = mask, .parameters = &tensor,
        .parameter_count = k->has & WITH_TENSOR ? 1 : 0, .seed = 5, .offset = 77, .training = k->has & NOISY ? 1 : 0}));
    OK(clact_backward(context, f, &(clact_backward_args){
        .x = takes_y ? NULL : &o->x.operand, .y = takes_y ? &o->y.operand : NULL, .dy = &o->dy.operand,
        .dx = &o->dx.operand, .mask = mask, .parameters = &tensor, .parameter_count = k->has & WITH_TENSOR ? 1 : 0,
        .gradients = &gradient, .gradient_count = k->has & LEARNING ? 1 : 0, .dx_beta = k->has & ADDING ? -0.75 : 0,
        .seed = 5, .offset = 77, .training = k->has & NOISY ? 1 : 0}));
    for (size_t i = 0; i < COUNT_OF(all); i++)
        from_device(all[i]);
}

static void free_operands(struct operands *o)
{
    array *all[] = {&o->x, &o->y, &o->dy, &o->dx, &o->slopes, &o->value, &o->mask};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        free_array(all[i]);
}

/* Three rows of each length; 5000 elements are two blocks of a sum, and chunks of a gradient. */
START_TEST(one_work_item_gives_the_same_bits)
{
    static const int64_t lengths[] = {0, 1, 255, 256, 257, 5000};
    const struct kind *k = &kinds[_i];
    if (test_caps()->backend != CLACT_BACKEND_OPENCL || !tries_type(k->type, (size_t)_i))
        return;
    clact_context *task, *cpu = cpu_context(NULL, 1);
    ck_assert_int_eq(setenv("CLACT_KERNEL_FORM", "task", 1), 0);
    OK(clact_open(&task, NULL));
    unsetenv("CLACT_KERNEL_FORM");
    clact_activation *f = named(k->name);
    for (size_t n = 0; n < COUNT_OF(lengths) - (light() && !(k->has & SUMMING)); n++) {
        const shape s = {2, {3, lengths[n]}, 1};
        struct operands here = make_operands(k, &s), there = make_operands(k, &s);
        call_both(task, true, f, k, &there);
        call_both(cpu, false, f, k, &here);
        compare_all(k->name, &s, "y", &there.y, &here.y);
        compare_all(k->name, &s, "dx", &there.dx, &here.dx);
        compare_all(k->name, &s, "gradient", &there.value, &here.value);
        free_operands(&here);
        free_operands(&there);
    }
    clact_activation_destroy(&f);
    clact_close(&task);
    clact_close(&cpu);
}
END_TEST

START_TEST(the_form_is_one_of_two)
{
    clact_context *context;
    if (test_caps()->backend != CLACT_BACKEND_OPENCL)
        return;
    ck_assert_int_eq(setenv("CLACT_KERNEL_FORM", "tsk", 1), 0);
    REFUSED(clact_open(&context, NULL), CLACT_E_NAME, "CLACT_KERNEL_FORM is ndrange or task, not 'tsk'");
    unsetenv("CLACT_KERNEL_FORM");
}
END_TEST

#else

START_TEST(without_opencl_there_is_no_text)
{
    clact_activation *f = named("relu");
    size_t length;
    REFUSED(clact_kernels_text(NULL, 0, &length, &(clact_kernels){.activation = f}, 1, NULL), CLACT_E_UNSUPPORTED,
            "without OpenCL");
    clact_activation_destroy(&f);
}
END_TEST

#endif

Suite *kernels_suite(void)
{
    Suite *suite = suite_create("kernels");
    TCase *tests = tcase_create("kernels");
    tcase_set_timeout(tests, 0);
#ifdef CLACT_TEST_OPENCL
    tcase_add_test(tests, a_text_stands_alone);
    tcase_add_test(tests, options_choose_the_form);
    tcase_add_test(tests, nothing_stands_twice);
    tcase_add_test(tests, a_table_goes_with_all);
    tcase_add_test(tests, a_text_is_cut_to_its_room);
    tcase_add_test(tests, rules_have_sentences);
    tcase_add_test(tests, the_form_is_one_of_two);
    tcase_add_loop_test(tests, one_work_item_gives_the_same_bits, 0, COUNT_OF(kinds));
#else
    tcase_add_test(tests, without_opencl_there_is_no_text);
#endif
    suite_add_tcase(suite, tests);
    return suite;
}
