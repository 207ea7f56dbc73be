/* test_gradients.c: gradients that are added to what stood there. */
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a device that flushes subnormals may differ. */
static bool small(double v)
{
    return v != 0 && fabs(v) < 0x1p-100;
}

static bool flushes(void)
{
    return test_caps()->exact == CLACT_EXACT_NORMAL;
}

/* Both NaN, or the same value; the sign of zero counts. */
static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) != 0 : memcmp(&a, &b, sizeof a) == 0;
}

static bool has_type(uint32_t type)
{
    return test_caps()->types >> type & 1;
}

/* ---- dx_beta -------------------------------------------------------------------------------- */

static const struct layout {
    uint32_t rank;
    int64_t dims[3], x[3], dy[3], dx[3];
} layouts[] = {
    {1, {1}, {1}, {1}, {1}},
    {1, {1023}, {1}, {1}, {1}},
    {1, {2050}, {2}, {-1}, {3}},
    {3, {3, 7, 50}, {350, 50, 1}, {1, 3, 21}, {400, 55, -1}},
};

/* x, dy and what dx holds: every exponent, infinities and NaN. */
static void fill_array(array *a, uint64_t seed, bool everywhere)
{
    int64_t n = everywhere ? a->extent : count_of(a);
    float *v = malloc((size_t)n * sizeof *v);
    ck_assert_ptr_nonnull(v);
    fill_strata(v, (size_t)n, seed);
    for (int64_t i = 0; i < n; i++) {
        int64_t from = (int64_t)((uint64_t)i * 7919 % (uint64_t)n); /* so that the special values do not meet */
        if (everywhere)
            memory_set(a, i, v[from]);
        else
            set(a, i, v[seed % 2 ? i : from]);
    }
    free(v);
}

static void backward(clact_context *context, const clact_activation *f, array *x, array *dy, array *dx, double beta)
{
    to_device(context, x), to_device(context, dy), to_device(context, dx);
    OK(clact_backward(context ? context : test_context(), f,
                      &(clact_backward_args){.x = &x->operand, .dy = &dy->operand, .dx = &dx->operand, .dx_beta = beta}));
    from_device(x), from_device(dy), from_device(dx);
}

/* The gradient in the type computed in: that of a dense call which overwrites. */
static array gradient_of(const clact_activation *f, const array *x, const array *dy)
{
    const clact_tensor *t = &x->operand.tensor;
    clact_type type = t->type == CLACT_F64 ? CLACT_F64 : CLACT_F32;
    array wide_x = make_array(type, t->rank, t->dims), wide_dy = make_array(type, t->rank, t->dims);
    array g = make_array(type, t->rank, t->dims);
    for (int64_t i = 0; i < count_of(x); i++) {
        set(&wide_x, i, get(x, i));
        set(&wide_dy, i, get(dy, i));
        set(&g, i, NAN); /* overwritten */
    }
    backward(test_context(), f, &wide_x, &wide_dy, &g, 0);
    free_array(&wide_x);
    free_array(&wide_dy);
    return g;
}

static void check_added(const clact_activation *f, clact_type type, const struct layout *l, double beta, bool buffers)
{
    array x = make_strided(type, l->rank, l->dims, l->x), dy = make_strided(type, l->rank, l->dims, l->dy);
    array dx = make_strided(type, l->rank, l->dims, l->dx), old = make_strided(type, l->rank, l->dims, l->dx);
    array expected = make_strided(type, l->rank, l->dims, l->dx);
    fill_array(&x, 1, false), fill_array(&dy, 2, false);
    fill_array(&old, 3, true);
    size_t bytes = (size_t)old.extent * clact_type_bytes(type);
    memcpy(dx.memory, old.memory, bytes);
    memcpy(expected.memory, old.memory, bytes); /* between the elements too */
    array g = gradient_of(f, &x, &dy);
    for (int64_t i = 0; i < count_of(&x); i++) {
        double a = type == CLACT_F64 ? fma(beta, get(&old, i), get(&g, i)) : 0;
        float b = fmaf((float)beta, (float)get(&old, i), (float)get(&g, i));
        set(&expected, i, type == CLACT_F64 ? a : b);
    }
    backward(buffers ? test_context() : NULL, f, &x, &dy, &dx, beta);
    for (int64_t i = 0; i < dx.extent; i++) {
        double got = memory_get(&dx, i), want = memory_get(&expected, i);
        bool left_out = flushes() && (small(want) || small(memory_get(&old, i)) || want == 0);
        ck_assert_msg(same(got, want) || left_out, "%s %s, beta %g, layout %d, at %d: %a, expected %a, was %a",
                      clact_activation_info_of(f)->name, clact_type_name(type), beta, (int)(l - layouts), (int)i, got,
                      want, memory_get(&old, i));
    }
    free_array(&x), free_array(&dy), free_array(&dx), free_array(&old), free_array(&expected), free_array(&g);
}

/* Some of the rows: what adds does not depend on them. */
START_TEST(dx_is_added)
{
    static const double betas[] = {1, -0.5, 0.1, 1e-30};
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++) {
        if (!is_elementwise(&list[i]) || i % 6 != 1)
            continue;
        clact_activation *f = named(list[i].name);
        for (uint32_t type = 0; type < (i == 1 ? CLACT_TYPE_COUNT : 1); type++)
            for (size_t k = 0; k < COUNT_OF(layouts) && has_type(type); k++)
                check_added(f, (clact_type)type, &layouts[k], betas[(i + k + type) % COUNT_OF(betas)], (i + k) % 2);
        clact_activation_destroy(&f);
    }
}
END_TEST

/* 0 overwrites, also as -0 and where f32 has 0 for it. */
START_TEST(dx_is_overwritten)
{
    static const double betas[] = {0, -0.0, 1e-60};
    clact_activation *f = named("elu");
    int64_t n = 5000;
    for (size_t k = 0; k < COUNT_OF(betas); k++)
        for (int buffers = 0; buffers < 2; buffers++) {
            array x = make_array(CLACT_F32, 1, &n), dy = make_array(CLACT_F32, 1, &n), dx = make_array(CLACT_F32, 1, &n);
            fill_array(&x, 5, false), fill_array(&dy, 6, false);
            array g = gradient_of(f, &x, &dy);
            for (int64_t i = 0; i < n; i++)
                set(&dx, i, i % 2 ? NAN : INFINITY);
            backward(buffers ? test_context() : NULL, f, &x, &dy, &dx, betas[k]);
            ck_assert_mem_eq(dx.memory, g.memory, (size_t)n * sizeof(float));
            free_array(&x), free_array(&dy), free_array(&dx), free_array(&g);
        }
    clact_activation_destroy(&f);
}
END_TEST

/* Several threads and streaming sizes: the same as one thread. */
START_TEST(dx_is_added_by_any_number_of_threads)
{
    enum { LARGE = 1 << 20 };
    clact_activation *f = named("tanh");
    float *x = malloc(LARGE * sizeof *x), *dy = malloc(LARGE * sizeof *dy);
    float *one = malloc(LARGE * sizeof *one), *five = malloc(LARGE * sizeof *five);
    ck_assert(x && dy && one && five);
    fill_strata(x, LARGE, 1), fill_strata(dy, LARGE, 2), fill_strata(one, LARGE, 3);
    memcpy(five, one, LARGE * sizeof *one);
    for (int k = 0; k < 2; k++) {
        clact_context *context = cpu_context(NULL, k ? 5 : 1);
        clact_operand ox = clact_array(CLACT_F32, x, LARGE), ody = clact_array(CLACT_F32, dy, LARGE);
        clact_operand odx = clact_array(CLACT_F32, k ? five : one, LARGE);
        OK(clact_backward(context, f, &(clact_backward_args){.x = &ox, .dy = &ody, .dx = &odx, .dx_beta = 0.75}));
        clact_close(&context);
    }
    ck_assert_mem_eq(one, five, LARGE * sizeof *one);
    clact_activation_destroy(&f);
    free(x), free(dy), free(one), free(five);
}
END_TEST

START_TEST(dx_beta_that_does_not_fit)
{
    float v[4] = {1, 2, 3, 4}, w[4] = {0};
    clact_activation *f = named("tanh");
    clact_operand x = clact_array(CLACT_F32, v, 4), dx = clact_array(CLACT_F32, w, 4);
    clact_backward_args args = {.x = &x, .dy = &x, .dx = &dx, .dx_beta = NAN};
    REFUSED(clact_backward(test_context(), f, &args), CLACT_E_ARGUMENT, "dx_beta must be finite, and is nan");
    args.dx_beta = -INFINITY;
    REFUSED(clact_backward(test_context(), f, &args), CLACT_E_ARGUMENT, "dx_beta must be finite, and is -inf");
    args.dx_beta = 1e39;
    REFUSED(clact_backward(test_context(), f, &args), CLACT_E_ARGUMENT, "dx_beta must be finite in f32, and is 1e+39");
    args.dx_beta = 1;
    args.dx = &x;
    REFUSED(clact_backward(test_context(), f, &args), CLACT_E_OVERLAP, "dx is x, and with dx_beta it holds a value of its own");
    args.x = &dx;
    REFUSED(clact_backward(test_context(), f, &args), CLACT_E_OVERLAP, "dx is dy");
    args.dx_beta = 0;
    OK(clact_backward(test_context(), f, &args));
    clact_activation_destroy(&f);
}
END_TEST

Suite *gradients_suite(void)
{
    Suite *s = suite_create("gradients");
    TCase *t = tcase_create("dx_beta");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, dx_is_added);
    tcase_add_test(t, dx_is_overwritten);
    tcase_add_test(t, dx_is_added_by_any_number_of_threads);
    tcase_add_test(t, dx_beta_that_does_not_fit);
    suite_add_tcase(s, t);
    return s;
}
