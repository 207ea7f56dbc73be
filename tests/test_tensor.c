/* test_tensor.c: shapes, strides, offsets, broadcasting, overlap and what is refused. */
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 4096

/* A context's memory of ROOM floats, in a buffer or on the host, with known contents. */
struct memory {
    float host[ROOM];
    clact_buffer *buffer;
};

static bool in_buffers; /* the loop tests run once on host memory and once in buffers */
static struct memory mx, my, mdy, mt;

static void place(clact_operand *o, struct memory *m)
{
    if (!in_buffers) {
        o->data = m->host;
        return;
    }
    if (!m->buffer)
        OK(clact_buffer_create(&m->buffer, test_context(), sizeof m->host));
    OK(clact_buffer_write(m->buffer, 0, sizeof m->host, m->host));
    o->buffer = m->buffer;
}

static const float *contents(struct memory *m)
{
    if (in_buffers)
        OK(clact_buffer_read(m->buffer, 0, sizeof m->host, m->host));
    return m->host;
}

static clact_operand strided(uint32_t rank, const int64_t *dims, const int64_t *strides, int64_t offset)
{
    clact_operand o = {.tensor = {.type = CLACT_F32, .rank = rank, .offset = offset, .strided = 1}};
    memcpy(o.tensor.dims, dims, rank * sizeof *dims);
    memcpy(o.tensor.strides, strides, rank * sizeof *strides);
    return o;
}

static void setup(int i)
{
    in_buffers = i % 2;
    for (int k = 0; k < ROOM; k++) {
        mx.host[k] = (float)((k * 37) % 1001 - 500) * 0.01f;
        mdy.host[k] = (float)((k * 53) % 997 - 498) * 0.02f;
        mt.host[k] = (float)(k % 17) * 0.1f - 0.5f;
        my.host[k] = 12345.0f;
    }
}

static void teardown(void)
{
    clact_buffer_destroy(&mx.buffer);
    clact_buffer_destroy(&my.buffer);
    clact_buffer_destroy(&mdy.buffer);
    clact_buffer_destroy(&mt.buffer);
}

static int64_t at(const clact_tensor *t, const int64_t *c)
{
    int64_t place = t->offset;
    for (uint32_t k = 0; k < t->rank; k++)
        place += c[k] * t->strides[k];
    return place;
}

static bool next(const clact_tensor *t, int64_t *c)
{
    for (uint32_t k = t->rank; k-- > 0; c[k] = 0)
        if (++c[k] < t->dims[k])
            return true;
    return false;
}

/* Shapes with the strides of x, dy and y: transposed, sliced, reversed, broadcast. */
static const struct shape {
    uint32_t rank;
    int64_t dims[5], xs[5], ds[5], ys[5], x0, d0, y0;
} shapes[] = {
    {0, {0}, {0}, {0}, {0}, 5, 6, 7},
    {1, {1000}, {1}, {1}, {1}, 3, 0, 1},
    {1, {1000}, {2}, {1}, {3}, 1, 2, 0},
    {1, {1000}, {-1}, {1}, {-2}, 999, 0, 2000},
    {1, {700}, {0}, {1}, {1}, 9, 0, 0},
    {2, {30, 40}, {1, 30}, {40, 1}, {40, 1}, 0, 0, 0},
    {2, {30, 40}, {1, 30}, {1, 30}, {1, 30}, 0, 0, 0},
    {2, {30, 40}, {50, 1}, {60, 1}, {64, 1}, 4, 5, 6},
    {2, {30, 40}, {0, 1}, {1, 0}, {40, 1}, 4, 5, 6},
    {3, {3, 5, 7}, {35, 7, 1}, {1, 3, 15}, {100, -7, 1}, 0, 0, 50},
    {4, {2, 1, 300, 2}, {600, 0, 2, 1}, {600, 600, 2, 1}, {900, 77, 3, 1}, 0, 0, 3},
    {5, {2, 3, 4, 5, 6}, {360, 120, 30, 6, 1}, {1, 2, 6, 24, 120}, {-400, 130, 31, 6, -1}, 0, 0, 500},
};

START_TEST(views)
{
    setup(_i);
    const struct shape *s = &shapes[_i / 2];
    clact_operand x = strided(s->rank, s->dims, s->xs, s->x0), dy = strided(s->rank, s->dims, s->ds, s->d0);
    clact_operand y = strided(s->rank, s->dims, s->ys, s->y0);
    clact_activation *f = named("leaky_relu");
    for (int backward = 0; backward < 2; backward++) {
        float expected[ROOM];
        for (int k = 0; k < ROOM; k++)
            my.host[k] = expected[k] = 12345.0f;
        int64_t c[5] = {0};
        do {
            float v = mx.host[at(&x.tensor, c)], up = mdy.host[at(&dy.tensor, c)];
            expected[at(&y.tensor, c)] = backward ? (v > 0 ? 1 : 0.01f) * up : v > 0 ? v : 0.01f * v;
        } while (next(&x.tensor, c));
        place(&x, &mx), place(&dy, &mdy), place(&y, &my);
        if (backward)
            OK(clact_backward(test_context(), f, &(clact_backward_args){.x = &x, .dy = &dy, .dx = &y}));
        else
            OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}));
        const float *got = contents(&my);
        for (int k = 0; k < ROOM; k++) /* what lies between the elements is untouched */
            ck_assert_msg(bits_of(got[k]) == bits_of(expected[k] + 0.0f), "shape %d at %d: %g, expected %g", _i / 2, k, got[k], expected[k]);
    }
    clact_activation_destroy(&f);
    teardown();
}
END_TEST

/* One slope for each channel along an axis, for each element, and for all. */
START_TEST(prelu_slopes)
{
    static const int64_t dims[] = {2, 17, 11}, dense[] = {187, 11, 1};
    static const struct { uint32_t rank; int64_t dims[3]; } slopes[] = {
        {3, {1, 17, 1}}, {2, {17, 1}}, {1, {11}}, {3, {2, 17, 11}}, {3, {2, 1, 11}}, {0, {0}}, {3, {2, 1, 1}},
    };
    setup(_i);
    clact_operand x = strided(3, dims, dense, 0), y = x, dy = x, t = {.tensor = {.rank = slopes[_i / 2].rank}};
    memcpy(t.tensor.dims, slopes[_i / 2].dims, sizeof slopes[0].dims);
    clact_activation *f = named("prelu");
    place(&x, &mx), place(&dy, &mdy), place(&t, &mt);
    clact_parameter_tensor slope = {_i % 3 ? "slope" : "alpha", &t};
    for (int backward = 0; backward < 2; backward++) {
        place(&y, &my);
        if (backward)
            OK(clact_backward(test_context(), f, &(clact_backward_args){.x = &x, .dy = &dy, .dx = &y, .parameters = &slope, .parameter_count = 1}));
        else
            OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y, .parameters = &slope, .parameter_count = 1}));
        const float *got = contents(&my);
        for (int64_t k = 0; k < 2 * 17 * 11; k++) {
            int64_t c[3] = {k / 187, k / 11 % 17, k % 11}, where = 0;
            for (uint32_t a = 0; a < t.tensor.rank; a++)
                where = where * t.tensor.dims[a] + (t.tensor.dims[a] == 1 ? 0 : c[a + 3 - t.tensor.rank]);
            float v = mx.host[k], s = mt.host[where], up = mdy.host[k];
            float expected = backward ? (v > 0 ? 1 : s) * up : v > 0 ? v : s * v;
            if (backward && !(v > 0) && s == 0)
                expected = 0;
            ck_assert_msg(got[k] == expected, "slopes %d at %d: %g, expected %g", _i / 2, (int)k, got[k], expected);
        }
    }
    clact_activation_destroy(&f);
    teardown();
}
END_TEST

START_TEST(in_place_and_overlap)
{
    setup(_i);
    clact_activation *f = named("elu");
    static const int64_t dims[] = {100}, one[] = {1}, two[] = {2}, back[] = {-1};
    clact_operand x = strided(1, dims, one, 0), y = strided(1, dims, one, 0);
    float expected[100];
    OK(clact_apply(test_context(), f, 100, mx.host, expected));
    place(&x, &mx), place(&y, &mx);
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}));
    ck_assert_mem_eq(contents(&mx), expected, sizeof expected);
    y.tensor.offset = 1;
    REFUSED(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}), CLACT_E_OVERLAP, "x overlaps the output");
    float short_form[101] = {0};
    REFUSED(clact_apply(test_context(), f, 100, short_form, short_form + 1), CLACT_E_OVERLAP, "x overlaps the output");
    REFUSED(clact_apply(test_context(), f, 100, short_form + 1, short_form), CLACT_E_OVERLAP, "x overlaps the output");
    y.tensor.offset = 100;
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}));
    x = strided(1, dims, two, 0), y = strided(1, dims, two, 1); /* they interleave without meeting */
    place(&x, &mx), place(&y, &mx);
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}));
    x = strided(1, dims, one, 0), y = strided(1, dims, back, 99); /* the same memory, walked backwards */
    place(&x, &mx), place(&y, &mx);
    REFUSED(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}), CLACT_E_OVERLAP, "same view");
    clact_operand dy = strided(1, dims, one, 50);
    y = strided(1, dims, one, 0);
    place(&dy, &mdy), place(&y, &mdy);
    REFUSED(clact_backward(test_context(), f, &(clact_backward_args){.x = &x, .dy = &dy, .dx = &y}), CLACT_E_OVERLAP, "dy overlaps");
    clact_activation_destroy(&f);
    teardown();
}
END_TEST

START_TEST(outputs_do_not_repeat)
{
    setup(_i);
    clact_activation *f = named("relu");
    static const int64_t dims[] = {4, 5}, dense[] = {5, 1}, zero[] = {0, 1}, tight[] = {4, 1}, same[] = {1, 1};
    static const int64_t *const bad[] = {zero, tight, same};
    clact_operand x = strided(2, dims, dense, 0);
    place(&x, &mx);
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        clact_operand y = strided(2, dims, bad[k], 0);
        place(&y, &my);
        REFUSED(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}), CLACT_E_OVERLAP, "share memory");
    }
    clact_activation_destroy(&f);
    teardown();
}
END_TEST

START_TEST(bounds_of_buffers)
{
    setup(1);
    clact_activation *f = named("relu");
    static const int64_t dims[] = {ROOM}, one[] = {1};
    clact_operand x = strided(1, dims, one, 0), y = x;
    place(&x, &mx), place(&y, &my);
    clact_forward_args args = {.x = &x, .y = &y};
    OK(clact_forward(test_context(), f, &args));
    y.tensor.offset = 1;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_BOUNDS, "y reaches to element 4096 of memory that holds 4096");
    y.tensor.offset = -1;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_BOUNDS, "negative");
    y.tensor.offset = 0;
    y.tensor.strides[0] = -1;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_BOUNDS, "before the start");
    y.tensor.strides[0] = INT64_MAX / 2;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_BOUNDS, "overflow");
    float v[4];
    REFUSED(clact_buffer_read(mx.buffer, sizeof mx.host - 8, 12, v), CLACT_E_BOUNDS, "not in a buffer");
    REFUSED(clact_buffer_write(mx.buffer, SIZE_MAX, 8, v), CLACT_E_BOUNDS, "not in a buffer");
    REFUSED(clact_buffer_write(mx.buffer, 8, SIZE_MAX, v), CLACT_E_BOUNDS, "not in a buffer");
    clact_activation_destroy(&f);
    teardown();
}
END_TEST

START_TEST(sizes_that_overflow)
{
    float v[2] = {0};
    clact_activation *f = named("relu");
    clact_operand x = clact_array(CLACT_F32, v, 2), y = clact_array(CLACT_F32, v, 2);
    clact_forward_args args = {.x = &x, .y = &y};
    x.tensor.rank = y.tensor.rank = 3;
    for (int k = 0; k < 3; k++)
        x.tensor.dims[k] = y.tensor.dims[k] = (int64_t)1 << 31;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_BOUNDS, "overflows");
    REFUSED(clact_apply(test_context(), f, SIZE_MAX, v, v), CLACT_E_BOUNDS, "overflows");
    x.tensor.dims[0] = -1;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_ARGUMENT, "negative size");
    x.tensor.rank = 9;
    REFUSED(clact_forward(test_context(), f, &args), CLACT_E_ARGUMENT, "more than 8 dimensions");
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(arguments_that_do_not_fit)
{
    float v[8] = {0}, w[8];
    clact_activation *f = named("sigmoid");
    clact_context *c = test_context(), *other = cpu_context(NULL, 1);
    clact_operand x = clact_array(CLACT_F32, v, 4), y = clact_array(CLACT_F32, w, 4);
    clact_forward_args args = {.x = &x, .y = &y};
    clact_backward_args back = {.y = &x, .dy = &x, .dx = &y};
    REFUSED(clact_forward(NULL, f, &args), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_forward(c, NULL, &args), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_forward(c, f, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_apply(c, f, 4, NULL, w), CLACT_E_ARGUMENT, "x has no memory");
    REFUSED(clact_backward(c, f, &back), CLACT_E_UNSUPPORTED, "not exact from y");
    back = (clact_backward_args){.dy = &x, .dx = &y};
    REFUSED(clact_backward(c, f, &back), CLACT_E_ARGUMENT, "backward of sigmoid needs x");
    y.tensor.dims[0] = 3;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "another shape");
    y.tensor.dims[0] = 4;
    y.tensor.type = CLACT_F64;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "of type f64");
    y.tensor.type = 77;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "not a clact_type");
    y.tensor.type = CLACT_F32;
    y.data = (char *)w + 2;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "not aligned");
    y.data = w;
    args.reserved[3] = 1;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "reserved");
    args.reserved[3] = 0;
    OK(clact_buffer_create(&y.buffer, other, 64));
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "more than one of");
    y.data = NULL;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "must lie where x lies");
    OK(clact_buffer_create(&x.buffer, c, 64));
    x.data = NULL;
    REFUSED(clact_forward(c, f, &args), CLACT_E_ARGUMENT, "another context");
    clact_buffer_destroy(&x.buffer);
    clact_buffer_destroy(&y.buffer);
    clact_close(&other);
    clact_activation_destroy(&f);
}
END_TEST

START_TEST(parameter_tensors_that_do_not_fit)
{
    float v[12] = {0}, w[12];
    clact_activation *prelu = named("prelu"), *relu = named("relu");
    clact_operand x = clact_array(CLACT_F32, v, 12), y = clact_array(CLACT_F32, w, 12), t = clact_array(CLACT_F32, v, 5);
    clact_parameter_tensor slope = {"slope", &t};
    clact_forward_args args = {.x = &x, .y = &y, .parameters = &slope, .parameter_count = 1};
    REFUSED(clact_forward(test_context(), prelu, &args), CLACT_E_ARGUMENT, "slope has 5 elements along an axis where x has 12");
    t.tensor.dims[0] = 12;
    OK(clact_forward(test_context(), prelu, &args));
    REFUSED(clact_forward(test_context(), relu, &args), CLACT_E_NAME, "relu has no parameter 'slope'");
    args.parameter_count = 0;
    args.mask = args.x;
    REFUSED(clact_forward(test_context(), relu, &args), CLACT_E_ARGUMENT, "mask is for row-wise activations, and relu is element-wise");
    args.mask = NULL;
    args.parameter_count = 1;
    slope.name = "beta";
    REFUSED(clact_forward(test_context(), prelu, &args), CLACT_E_NAME, "prelu has no parameter 'beta'");
    slope.name = "slope";
    t.tensor.rank = 2;
    t.tensor.dims[1] = 1;
    REFUSED(clact_forward(test_context(), prelu, &args), CLACT_E_ARGUMENT, "more dimensions than x");
    t = clact_array(CLACT_F32, w, 12);
    REFUSED(clact_forward(test_context(), prelu, &args), CLACT_E_OVERLAP, "the parameter is the output");
    clact_activation_destroy(&prelu);
    clact_activation_destroy(&relu);
}
END_TEST

START_TEST(nothing_to_do)
{
    clact_activation *f = named("tanh");
    OK(clact_apply(test_context(), f, 0, NULL, NULL));
    clact_operand x = {.tensor = {.rank = 3, .dims = {4, 0, 5}}}, y = x;
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x, .y = &y}));
    clact_activation_destroy(&f);
    clact_buffer *b;
    OK(clact_buffer_create(&b, test_context(), 0));
    OK(clact_buffer_write(b, 0, 0, NULL));
    clact_buffer_destroy(&b);
    clact_buffer_destroy(&b);
    clact_buffer_destroy(NULL);
    OK(clact_finish(test_context()));
}
END_TEST

/* From y where the derivative is the same there; refused where it is not. */
START_TEST(backward_from_y)
{
    static const struct { const char *name, *parameter; double value; bool exact; } cases[] = {
        {"relu", "negative_slope", 0, true}, {"relu", "negative_slope", 0.3, true}, {"relu", "threshold", 1, true},
        {"relu", "max_value", 2, true}, {"relu", "max_value", 0, false}, {"leaky_relu", "negative_slope", 0.01, true},
        {"leaky_relu", "negative_slope", -0.1, false}, {"thresholded_relu", "theta", 1, true},
        {"threshold", "value", -1, true}, {"threshold", "value", 1, false},
    };
    enum { N = 3000 };
    static float x[N], y[N], one[N], from_x[N], from_y[N];
    fill_strata(x, N, 5);
    for (size_t i = 0; i < N; i++)
        one[i] = 1;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clact_activation *f;
        clact_parameter p = {cases[i].parameter, cases[i].value, 0, 0};
        OK(clact_activation_named(&f, cases[i].name, &p, 1));
        OK(clact_apply(test_context(), f, N, x, y));
        OK(clact_apply_gradient(test_context(), f, N, x, one, from_x));
        clact_operand saved = clact_array(CLACT_F32, y, N), up = clact_array(CLACT_F32, one, N), to = clact_array(CLACT_F32, from_y, N);
        clact_backward_args args = {.y = &saved, .dy = &up, .dx = &to};
        if (cases[i].exact) {
            OK(clact_backward(test_context(), f, &args));
            ck_assert_msg(memcmp(from_x, from_y, sizeof from_x) == 0, "%s, %s = %g", cases[i].name, cases[i].parameter, cases[i].value);
        } else {
            REFUSED(clact_backward(test_context(), f, &args), CLACT_E_UNSUPPORTED, "not exact from y");
        }
        clact_activation_destroy(&f);
    }
}
END_TEST

/* y in f16 may have rounded max_value or value to the other side of what they are compared with. */
START_TEST(backward_from_rounded_y)
{
    static const struct { const char *name, *parameter; double value; clact_type type; bool exact; } cases[] = {
        {"relu", "max_value", 0.1, CLACT_F16, false}, {"relu", "max_value", 0.1, CLACT_F32, true},
        {"relu", "max_value", 0.7, CLACT_F16, true}, /* rounds up: at and above it all is dead as well */
        {"relu", "max_value", 2, CLACT_F16, true}, {"leaky_relu", "negative_slope", 0.01, CLACT_F16, true},
        {"relu6", NULL, 0, CLACT_BF16, true},
    };
    uint16_t x[64], y[64], one[64], from_x[64], from_y[64];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clact_activation *f;
        clact_parameter p = {cases[i].parameter, cases[i].value, 0, 0};
        OK(clact_activation_named(&f, cases[i].name, &p, p.name != NULL));
        clact_type type = cases[i].type;
        if (type != CLACT_F32)
            for (uint16_t k = 0; k < 64; k++) {
                x[k] = (uint16_t)((k % 2 ? 0x8000 : 0) | (type == CLACT_F16 ? 0x2000 + k * 0x111 : 0x3d00 + k * 0x1f));
                one[k] = type == CLACT_F16 ? 0x3c00 : 0x3f80;
            }
        float x32[2] = {-1, 5}, y32[2], g32[2];
        int64_t n = type == CLACT_F32 ? 2 : 64;
        clact_operand ox = clact_array(type, n == 2 ? (void *)x32 : x, n), oy = clact_array(type, n == 2 ? (void *)y32 : y, n);
        clact_operand od = clact_array(type, n == 2 ? (void *)x32 : one, n), og = clact_array(type, n == 2 ? (void *)g32 : from_y, n);
        OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &ox, .y = &oy}));
        clact_backward_args args = {.y = &oy, .dy = &od, .dx = &og};
        if (!cases[i].exact) {
            REFUSED(clact_backward(test_context(), f, &args), CLACT_E_UNSUPPORTED, "not exact from y");
        } else {
            OK(clact_backward(test_context(), f, &args));
            clact_operand ogx = clact_array(type, from_x, n);
            if (n == 64) {
                OK(clact_backward(test_context(), f, &(clact_backward_args){.x = &ox, .dy = &od, .dx = &ogx}));
                ck_assert_mem_eq(from_x, from_y, sizeof from_x);
            }
        }
        clact_activation_destroy(&f);
    }
}
END_TEST

Suite *tensor_suite(void)
{
    Suite *s = suite_create("tensor");
    TCase *t = tcase_create("tensor");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, views, 0, 2 * COUNT_OF(shapes));
    tcase_add_loop_test(t, prelu_slopes, 0, 14);
    tcase_add_loop_test(t, in_place_and_overlap, 0, 2);
    tcase_add_loop_test(t, outputs_do_not_repeat, 0, 2);
    tcase_add_test(t, bounds_of_buffers);
    tcase_add_test(t, sizes_that_overflow);
    tcase_add_test(t, arguments_that_do_not_fit);
    tcase_add_test(t, parameter_tensors_that_do_not_fit);
    tcase_add_test(t, nothing_to_do);
    tcase_add_test(t, backward_from_y);
    tcase_add_test(t, backward_from_rounded_y);
    suite_add_tcase(s, t);
    return s;
}
