/* test_reduce.c: crelu and maxout against loops in plain C. */
#include "layouts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double accumulated(const array *to, double beta, double old, double g)
{
    if (beta == 0)
        return g;
    return to->operand.tensor.type == CLACT_F64 ? fma(beta, old, g) : fmaf((float)beta, (float)old, (float)g);
}

static clact_activation *made(const char *name, int axis, int64_t pieces)
{
    clact_activation *a;
    clact_parameter p[2] = {{"axis", axis, 0, 0}, {"pieces", (double)pieces, 0, 0}};
    OK(clact_activation_named(&a, name, p, pieces ? 2 : 1));
    return a;
}

/* ---- crelu ---------------------------------------------------------------------------------- */

static void check_crelu(const shape *s, clact_type type, enum layout layout, bool buffers, bool from_y, double beta)
{
    clact_context *place = buffers ? test_context() : NULL;
    array x = make_layout(type, s, 1, layout), y = make_layout(type, s, 2, (layout + 1) % LAYOUT_COUNT);
    array dy = make_layout(type, s, 2, (layout + 2) % LAYOUT_COUNT), dx = make_layout(type, s, 1, (layout + 3) % LAYOUT_COUNT);
    fill_all(&x, 1, false), fill_all(&y, 2, false), fill_all(&dy, 3, false), fill_all(&dx, 4, false);
    array want = copy_of(&y), want_dx = copy_of(&dx);
    for (int64_t i = 0; i < count_of(&x); i++) {
        int64_t first = index_behind(s, i, 2, 0), second = index_behind(s, i, 2, 1);
        double v = get(&x, i), g = v > 0 ? get(&dy, first) : v < 0 ? -get(&dy, second) : v == 0 ? 0 : NAN;
        set(&want, first, v <= 0 ? 0 : v);
        set(&want, second, v >= 0 ? 0 : -v);
        set(&want_dx, i, accumulated(&dx, beta, get(&dx, i), g));
    }
    to_device(place, &x), to_device(place, &y), to_device(place, &dy), to_device(place, &dx);
    clact_activation *crelu = made("crelu", s->axis, 0);
    OK(clact_forward(test_context(), crelu, &(clact_forward_args){.x = &x.operand, .y = &y.operand}));
    OK(clact_backward(test_context(), crelu, &(clact_backward_args){.x = from_y ? NULL : &x.operand,
        .y = from_y ? &y.operand : NULL, .dy = &dy.operand, .dx = &dx.operand, .dx_beta = beta}));
    from_device(&x), from_device(&y), from_device(&dy), from_device(&dx);
    compare_all("crelu", s, "y", &y, &want);
    compare_all("crelu", s, from_y ? "dx from y" : "dx", &dx, &want_dx);
    clact_activation_destroy(&crelu);
    free_array(&x), free_array(&y), free_array(&dy), free_array(&dx), free_array(&want), free_array(&want_dx);
}

START_TEST(both_sides)
{
    for (size_t k = 0; k < SHAPE_COUNT; k++)
        for (int c = 0; c < 16; c++)
            for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
                if (has_type(type) && (type == CLACT_F32 || (k + (size_t)c) % 4 == type))
                    check_crelu(&shapes[k], (clact_type)type, (enum layout)(c / 4), c % 2, c / 2 % 2, k % 2 ? 0.7 : 0);
    for (int64_t n = 1; n <= 5000; n += light() ? 97 : n < 1026 ? 1 : 331) {
        shape s = {2, {3, n}, 1};
        check_crelu(&s, CLACT_F32, DENSE, n % 2, n % 4 < 2, 0);
    }
}
END_TEST

/* ---- maxout --------------------------------------------------------------------------------- */

static void check_maxout(const shape *s, clact_type type, int64_t pieces, enum layout layout, bool buffers, bool few,
                         double beta)
{
    clact_context *place = buffers ? test_context() : NULL;
    array x = make_layout(type, s, pieces, layout), y = make_layout(type, s, 1, (layout + 1) % LAYOUT_COUNT);
    array dy = make_layout(type, s, 1, (layout + 2) % LAYOUT_COUNT), dx = make_layout(type, s, pieces, (layout + 3) % LAYOUT_COUNT);
    fill_all(&x, 5, few), fill_all(&y, 6, false), fill_all(&dy, 7, false), fill_all(&dx, 8, false);
    array want = copy_of(&y), want_dx = copy_of(&dx);
    for (int64_t i = 0; i < count_of(&y); i++) {
        int64_t best = 0;
        double most = get(&x, index_behind(s, i, pieces, 0));
        for (int64_t k = 1; k < pieces && !isnan(most); k++) {
            double v = get(&x, index_behind(s, i, pieces, k));
            if (v > most || isnan(v))
                most = v, best = k;
        }
        set(&want, i, most);
        for (int64_t k = 0; k < pieces; k++) {
            int64_t at = index_behind(s, i, pieces, k);
            double g = k != best ? 0 : isnan(most) ? NAN : get(&dy, i);
            set(&want_dx, at, accumulated(&dx, beta, get(&dx, at), g));
        }
    }
    to_device(place, &x), to_device(place, &y), to_device(place, &dy), to_device(place, &dx);
    clact_activation *maxout = made("maxout", s->axis, pieces);
    OK(clact_forward(test_context(), maxout, &(clact_forward_args){.x = &x.operand, .y = &y.operand}));
    OK(clact_backward(test_context(), maxout,
                      &(clact_backward_args){.x = &x.operand, .dy = &dy.operand, .dx = &dx.operand, .dx_beta = beta}));
    from_device(&x), from_device(&y), from_device(&dy), from_device(&dx);
    compare_all("maxout", s, "y", &y, &want);
    compare_all("maxout", s, "dx", &dx, &want_dx);
    clact_activation_destroy(&maxout);
    free_array(&x), free_array(&y), free_array(&dy), free_array(&dx), free_array(&want), free_array(&want_dx);
}

START_TEST(largest_pieces)
{
    static const int64_t pieces[] = {1, 2, 3, 8};
    for (size_t k = 0; k < SHAPE_COUNT; k++)
        for (int c = 0; c < 16; c++)
            for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
                if (has_type(type) && (type == CLACT_F32 || (k + (size_t)c) % 4 == type))
                    check_maxout(&shapes[k], (clact_type)type, pieces[(k + (size_t)c / 4) % 4], (enum layout)(c / 4), c % 2,
                                 c / 2 % 2, k % 2 ? -0.7 : 0);
    for (int64_t n = 1; n <= 5000; n += light() ? 97 : n < 1026 ? 1 : 331) {
        shape s = {1, {n}, 0};
        check_maxout(&s, CLACT_F32, 1 + n % 5, DENSE, n % 2, n % 3 == 0, 0);
    }
    shape one = {2, {2, 1}, 1}; /* one unit of many pieces */
    check_maxout(&one, CLACT_F32, 3000, DENSE, false, true, 0);
    check_maxout(&one, CLACT_F32, 3000, DENSE, true, false, 1);
}
END_TEST

START_TEST(zeros_are_equal)
{
    float x[6] = {-0.0f, 0.0f, -1, 0.0f, -0.0f, -0.0f}, y[3], dy[3] = {1, 2, 3}, dx[6];
    const float want[6] = {1, 2, 0, 0, 0, 3};
    clact_activation *maxout = made("maxout", 0, 2);
    clact_operand ox = clact_array(CLACT_F32, x, 6), oy = clact_array(CLACT_F32, y, 3), ody = clact_array(CLACT_F32, dy, 3);
    clact_operand odx = clact_array(CLACT_F32, dx, 6);
    OK(clact_forward(test_context(), maxout, &(clact_forward_args){.x = &ox, .y = &oy}));
    OK(clact_backward(test_context(), maxout, &(clact_backward_args){.x = &ox, .dy = &ody, .dx = &odx}));
    ck_assert_mem_eq(dx, want, sizeof dx);
    if (!device_flushes())
        ck_assert(signbit(y[0]) && !signbit(y[1]) && signbit(y[2]));
    clact_activation_destroy(&maxout);
}
END_TEST

/* ---- Both ----------------------------------------------------------------------------------- */

/* crelu's y over x where it begins, dx over x or y's half; maxout's dx over x. */
START_TEST(in_place)
{
    enum { N = 1500 };
    static float both[2 * N], x[2 * N], y[2 * N], dy[2 * N], dx[2 * N];
    uint64_t seed = 9;
    clact_activation *crelu = made("crelu", 0, 0), *maxout = made("maxout", 0, 2);
    for (int i = 0; i < 2 * N; i++)
        x[i] = (float)((double)(int64_t)next_random(&seed) * 0x1p-60), dy[i] = x[i] + 1;
    clact_operand in = clact_array(CLACT_F32, x, N), wide = clact_array(CLACT_F32, y, 2 * N), up = clact_array(CLACT_F32, dy, 2 * N);
    clact_operand here = clact_array(CLACT_F32, both, N), over = clact_array(CLACT_F32, both, 2 * N), to = clact_array(CLACT_F32, dx, N);
    OK(clact_forward(test_context(), crelu, &(clact_forward_args){.x = &in, .y = &wide}));
    memcpy(both, x, sizeof both);
    OK(clact_forward(test_context(), crelu, &(clact_forward_args){.x = &here, .y = &over}));
    ck_assert_mem_eq(both, y, sizeof y);
    OK(clact_backward(test_context(), crelu, &(clact_backward_args){.x = &in, .dy = &up, .dx = &to}));
    memcpy(both, x, sizeof both);
    OK(clact_backward(test_context(), crelu, &(clact_backward_args){.x = &here, .dy = &up, .dx = &here}));
    ck_assert_mem_eq(both, dx, N * sizeof *dx);
    memcpy(both, y, sizeof both);
    OK(clact_backward(test_context(), crelu, &(clact_backward_args){.y = &over, .dy = &up, .dx = &here}));
    ck_assert_mem_eq(both, dx, N * sizeof *dx);
    ck_assert_mem_eq(both + N, y + N, N * sizeof *dx);
    in.tensor.dims[0] = to.tensor.dims[0] = 2 * N, up.tensor.dims[0] = N;
    OK(clact_backward(test_context(), maxout, &(clact_backward_args){.x = &in, .dy = &up, .dx = &to}));
    memcpy(both, x, sizeof both);
    OK(clact_backward(test_context(), maxout, &(clact_backward_args){.x = &over, .dy = &up, .dx = &over}));
    ck_assert_mem_eq(both, dx, sizeof dx);
    clact_activation_destroy(&crelu);
    clact_activation_destroy(&maxout);
}
END_TEST

START_TEST(the_same_bits)
{
    static const char *const sets[] = {NULL, NULL, "baseline", "avx2", "avx512", "neon"};
    shape s = {2, {300, 700}, 1};
    for (int which = 0; which < 2; which++) {
        clact_activation *a = which ? made("maxout", 1, 4) : made("crelu", 1, 0);
        array x = make_layout(CLACT_F32, &s, which ? 4 : 1, DENSE), dy = make_layout(CLACT_F32, &s, which ? 1 : 2, DENSE);
        array first = {0}, first_dx = {0};
        fill_all(&x, 20, false), fill_all(&dy, 21, false);
        for (size_t k = 0; k <= COUNT_OF(sets); k++) {
            clact_context *c = NULL;
            clact_options options = {.device = "cpu", .cpu = k < COUNT_OF(sets) ? sets[k] : NULL, .threads = k == 1 ? 5 : 1};
            if (k < COUNT_OF(sets) && clact_open(&c, &options) != CLACT_OK)
                continue; /* not on this processor */
            clact_context *place = k < COUNT_OF(sets) ? NULL : test_context();
            array y = make_layout(CLACT_F32, &s, which ? 1 : 2, DENSE), dx = make_layout(CLACT_F32, &s, which ? 4 : 1, DENSE);
            to_device(place, &x), to_device(place, &dy), to_device(place, &y), to_device(place, &dx);
            OK(clact_forward(c ? c : place, a, &(clact_forward_args){.x = &x.operand, .y = &y.operand}));
            OK(clact_backward(c ? c : place, a, &(clact_backward_args){.x = &x.operand, .dy = &dy.operand, .dx = &dx.operand}));
            from_device(&x), from_device(&dy), from_device(&y), from_device(&dx);
            if (k) {
                compare_all(which ? "maxout" : "crelu", &s, "here and there", &y, &first);
                compare_all(which ? "maxout" : "crelu", &s, "gradient here and there", &dx, &first_dx);
                free_array(&y), free_array(&dx);
            } else {
                first = y, first_dx = dx;
            }
            clact_close(&c);
        }
        free_array(&x), free_array(&dy), free_array(&first), free_array(&first_dx);
        clact_activation_destroy(&a);
    }
}
END_TEST

START_TEST(operands_that_do_not_fit)
{
    static float v[64], w[64];
    clact_context *c = test_context();
    clact_activation *crelu = made("crelu", -1, 0), *maxout = made("maxout", -1, 3), *far = made("maxout", 2, 3);
    clact_operand x = clact_array(CLACT_F32, v, 6), y2 = clact_array(CLACT_F32, w, 2), y12 = clact_array(CLACT_F32, w, 12);
    clact_operand x7 = clact_array(CLACT_F32, v, 7), y6 = clact_array(CLACT_F32, w, 6);
    REFUSED(clact_forward(c, crelu, &(clact_forward_args){.x = &x, .y = &y6}), CLACT_E_ARGUMENT, "twice the elements");
    REFUSED(clact_forward(c, crelu, &(clact_forward_args){.x = &x, .y = &y12, .gate = &x}), CLACT_E_ARGUMENT, "gate is for gated activations, and crelu is reducing");
    REFUSED(clact_forward(c, maxout, &(clact_forward_args){.x = &x7, .y = &y2}), CLACT_E_ARGUMENT,
            "x has 7 elements along axis 0, which cannot be cut in 3 pieces");
    REFUSED(clact_forward(c, maxout, &(clact_forward_args){.x = &x, .y = &y6}), CLACT_E_ARGUMENT, "one element for each unit");
    REFUSED(clact_forward(c, far, &(clact_forward_args){.x = &x, .y = &y2}), CLACT_E_ARGUMENT, "no axis 2 in an x of 1 dimensions");
    REFUSED(clact_forward(c, maxout, &(clact_forward_args){.x = &x, .y = &x}), CLACT_E_ARGUMENT, "one element for each unit");
    y2.data = v;
    REFUSED(clact_forward(c, maxout, &(clact_forward_args){.x = &x, .y = &y2}), CLACT_E_OVERLAP, "x overlaps the output");
    y2.data = w;
    REFUSED(clact_backward(c, maxout, &(clact_backward_args){.y = &y2, .dy = &y2, .dx = &x}), CLACT_E_UNSUPPORTED, "maxout needs x");
    REFUSED(clact_backward(c, maxout, &(clact_backward_args){.x = &x, .dy = &y2, .dx = &x, .dx_beta = 1}), CLACT_E_OVERLAP,
            "dx is x, and with dx_beta");
    REFUSED(clact_backward(c, maxout, &(clact_backward_args){.x = &x, .dy = &y2}), CLACT_E_ARGUMENT, "dx must not be NULL");
    REFUSED(clact_backward(c, crelu, &(clact_backward_args){.dy = &y12, .dx = &x}), CLACT_E_ARGUMENT, "crelu needs x or y");
    REFUSED(clact_backward(c, crelu, &(clact_backward_args){.x = &x, .y = &y12, .dy = &y12, .dx = &x}), CLACT_E_ARGUMENT, "not both");
    REFUSED(clact_backward(c, crelu, &(clact_backward_args){.y = &x7, .dy = &y12, .dx = &x}), CLACT_E_ARGUMENT,
            "y has 7 elements along axis 0, which cannot be halved");
    y12.data = v;
    x.tensor.offset = 3; /* across the halves of y */
    REFUSED(clact_forward(c, crelu, &(clact_forward_args){.x = &x, .y = &y12}), CLACT_E_OVERLAP, "x overlaps the output");
    clact_operand none = {.tensor = {.rank = 2, .dims = {0, 6}}}, units = {.tensor = {.rank = 2, .dims = {0, 2}}};
    OK(clact_forward(c, maxout, &(clact_forward_args){.x = &none, .y = &units}));
    none.tensor.dims[0] = units.tensor.dims[0] = 4, none.tensor.dims[1] = units.tensor.dims[1] = 0;
    OK(clact_forward(c, maxout, &(clact_forward_args){.x = &none, .y = &units}));
    OK(clact_forward(c, crelu, &(clact_forward_args){.x = &none, .y = &units}));
    clact_activation *a;
    clact_parameter p = {"pieces", 0, 0, 0};
    REFUSED(clact_activation_named(&a, "maxout", &p, 1), CLACT_E_RANGE, "pieces of maxout must be at least 1");
    p.value = 2.5;
    REFUSED(clact_activation_named(&a, "maxout", &p, 1), CLACT_E_RANGE, "must be an integer");
    clact_activation_destroy(&crelu);
    clact_activation_destroy(&maxout);
    clact_activation_destroy(&far);
}
END_TEST

Suite *reduce_suite(void)
{
    Suite *s = suite_create("reduce");
    TCase *t = tcase_create("reduce");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, both_sides);
    tcase_add_test(t, largest_pieces);
    tcase_add_test(t, zeros_are_equal);
    tcase_add_test(t, in_place);
    tcase_add_test(t, the_same_bits);
    tcase_add_test(t, operands_that_do_not_fit);
    suite_add_tcase(s, t);
    return s;
}
