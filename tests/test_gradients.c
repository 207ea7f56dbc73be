/* test_gradients.c: gradients that are added to what stood there, and gradients of parameters. */
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

/* ---- Gradients of parameters ---------------------------------------------------------------- */

/* The sum as the header describes it, in f32 or f64, from a term's factors. */
struct terms {
    const array *x, *dy;
    const int64_t *where; /* the elements of the sum, in row-major order */
    bool f64;
};

static double add_term(const struct terms *t, int64_t k, double sum)
{
    double x = get(t->x, t->where[k]), dy = get(t->dy, t->where[k]);
    double p = isnan(x) ? x : x <= 0 ? x : 0;
    if (p == 0 || (dy == 0 && !isnan(p)))
        return sum;
    return t->f64 ? fma(p, dy, sum) : fmaf((float)p, (float)dy, (float)sum);
}

static double plus(bool f64, double a, double b)
{
    return f64 ? a + b : (double)((float)a + (float)b);
}

static double block_sum(const struct terms *t, int64_t first, int64_t end)
{
    double lanes[256];
    for (int l = 0; l < 256; l++)
        lanes[l] = -0.0;
    for (int64_t k = first; k < end; k++)
        lanes[(k - first) % 256] = add_term(t, k, lanes[(k - first) % 256]);
    for (int half = 128; half; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] = plus(t->f64, lanes[l], lanes[l + half]);
    return lanes[0];
}

static double tree_sum(const struct terms *t, int64_t first, int64_t end)
{
    int64_t half = 4096;
    if (end - first <= half)
        return block_sum(t, first, end);
    while (2 * half < end - first)
        half *= 2;
    return plus(t->f64, tree_sum(t, first, first + half), tree_sum(t, first + half, end));
}

/* The element of the value that element i of x goes to. */
static int64_t goes_to(const clact_tensor *x, const clact_tensor *value, int64_t i)
{
    int64_t at = 0, step = 1;
    for (uint32_t k = 0; k < x->rank; k++) { /* from the last axis back */
        int64_t dim = x->dims[x->rank - 1 - k], own = k < value->rank ? value->dims[value->rank - 1 - k] : 1;
        at += own == 1 ? 0 : i % dim * step;
        step *= own;
        i /= dim;
    }
    return at;
}

/* All gradients of a call, element by element of the value. */
static void expect(const array *x, const array *dy, const array *value, double beta, const array *old, double *out)
{
    int64_t n = count_of(x), m = count_of(value), each = n / m;
    int64_t *where = calloc((size_t)n, sizeof *where), *found = calloc((size_t)m, sizeof *found);
    ck_assert(where && found);
    for (int64_t i = 0; i < n; i++) { /* every sum has as many terms */
        int64_t e = goes_to(&x->operand.tensor, &value->operand.tensor, i);
        where[e * each + found[e]++] = i;
    }
    for (int64_t e = 0; e < m; e++) {
        struct terms terms = {x, dy, where + e * each, x->operand.tensor.type == CLACT_F64};
        double sum = tree_sum(&terms, 0, each), was = beta == 0 ? 0 : get(old, e);
        sum = sum == 0 ? 0.0 : sum;
        out[e] = beta == 0 ? sum : terms.f64 ? fma(beta, was, sum) : fmaf((float)beta, (float)was, (float)sum);
    }
    free(where);
    free(found);
}

/* Numbers of either sign and several magnitudes, as the type holds them; special: with infinities, NaN and zeros. */
static void fill_terms(array *a, uint64_t seed, bool special)
{
    static const double odd[] = {0, -0.0, INFINITY, -INFINITY, NAN, -1};
    for (int64_t i = 0; i < a->extent; i++) {
        uint64_t r = next_random(&seed);
        double v = ((double)(int64_t)r * 0x1p-63) * (double)(1 << (r & 7));
        memory_set(a, i, special && r % 97 < COUNT_OF(odd) ? odd[r % 97] : v);
    }
}

struct gradient_call {
    const clact_activation *f;
    array *x, *dy, *dx, *slope, *value; /* dx, slope: may be NULL */
    double beta;
};

static void run_gradient(clact_context *context, bool buffers, const struct gradient_call *c)
{
    array *all[] = {c->x, c->dy, c->dx, c->slope, c->value};
    for (size_t k = 0; k < COUNT_OF(all); k++)
        if (all[k])
            to_device(buffers ? context : NULL, all[k]);
    clact_parameter_tensor tensor = {"slope", c->slope ? &c->slope->operand : NULL};
    clact_parameter_gradient gradient = {.name = "slope", .value = &c->value->operand, .beta = c->beta};
    OK(clact_backward(context, c->f, &(clact_backward_args){.x = &c->x->operand, .dy = &c->dy->operand,
                                                            .dx = c->dx ? &c->dx->operand : NULL, .parameters = &tensor,
                                                            .parameter_count = c->slope != NULL, .gradients = &gradient,
                                                            .gradient_count = 1}));
    for (size_t k = 0; k < COUNT_OF(all); k++)
        if (all[k])
            from_device(all[k]);
}

/* One call on views whose strides are those of a row-major shape with its axes in another order, against the
 * definition, bit for bit. */
static void check_gradient(clact_type type, clact_type value_type, uint32_t rank, const int64_t *dims, uint32_t kept,
                           uint32_t variant, bool special)
{
    int64_t xs[4], ds[4], vs[4], vdims[4], next = 1, count = 1;
    clact_activation *f = named("prelu");
    bool buffers = variant & 1, scalar = kept == 0 && (variant & 2);
    for (uint32_t k = 0; k < rank; k++)
        vdims[k] = kept >> k & 1 ? dims[k] : 1, count *= dims[k];
    for (uint32_t k = rank; k-- > 0; next *= dims[k])
        xs[k] = next, ds[variant & 4 ? k : rank - 1 - k] = 0;
    for (uint32_t k = 0, n = 1; k < rank; n *= (uint32_t)dims[k++])
        ds[k] = variant & 4 ? (int64_t)n : xs[k] * (variant & 8 ? -1 : 1);
    for (uint32_t k = 0, n = variant & 8 ? 3 : 1; k < rank; n *= (uint32_t)vdims[k++])
        vs[k] = (int64_t)n;
    array x = make_strided(type, rank, dims, xs), dy = make_strided(type, rank, dims, ds);
    array slope = make_strided(type, rank, vdims, vs), value = make_strided(value_type, scalar ? 0 : rank, vdims, vs);
    array dx = make_array(type, rank, dims), old = make_strided(value_type, scalar ? 0 : rank, vdims, vs);
    fill_terms(&x, 1 + variant, special), fill_terms(&dy, 100 + variant, special), fill_terms(&old, 7, false);
    memcpy(value.memory, old.memory, (size_t)old.extent * clact_type_bytes(value_type));
    double beta = variant % 3 == 1 ? -0.75 : 0, *expected = malloc((size_t)count_of(&value) * sizeof *expected);
    ck_assert_ptr_nonnull(expected);
    expect(&x, &dy, &value, beta, &old, expected);
    struct gradient_call c = {f, &x, &dy, variant & 2 ? NULL : &dx, scalar ? NULL : &slope, &value, beta};
    run_gradient(test_context(), buffers, &c);
    for (int64_t e = 0; e < count_of(&value); e++) {
        set(&old, e, expected[e]);
        double got = get(&value, e), want = get(&old, e);
        ck_assert_msg(same(got, want) || (flushes() && fabs(got - want) <= fabs(want) * 0x1p-20),
                      "%s, rank %u, %lld elements, kept %x, variant %u: element %lld is %a, expected %a", clact_type_name(type),
                      rank, (long long)count, kept, variant, (long long)e, got, want);
    }
    free(expected);
    free_array(&x), free_array(&dy), free_array(&slope), free_array(&value), free_array(&dx), free_array(&old);
    clact_activation_destroy(&f);
}

START_TEST(sums_of_every_length)
{
    static const int64_t longer[] = {2047, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 12289, 40000, 69633};
    uint32_t variant = 0;
    for (int64_t n = 1; n <= 1025; n += n < 20 || (n > 250 && n < 260) ? 1 : light() ? 250 : 7)
        check_gradient(CLACT_F32, CLACT_F32, 1, &n, 0, variant++ % 4, n % 5 == 0);
    for (size_t k = 0; k < COUNT_OF(longer) - 2 * light(); k++)
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
            if (has_type(type) && (!light() || type == CLACT_F32))
                check_gradient((clact_type)type, variant % 2 && type != CLACT_F64 ? CLACT_F32 : (clact_type)type, 1,
                               &longer[k], 0, variant % 4, k % 3 == 2), variant++;
}
END_TEST

START_TEST(sums_over_every_choice_of_axes)
{
    static const struct { uint32_t rank; int64_t dims[4]; } shapes[] = {
        {3, {5, 7, 33}}, {3, {1, 300, 4}}, {3, {600, 1, 17}}, {4, {2, 3, 40, 21}}, {4, {4, 1, 3, 9}}, {2, {4100, 3}}, {2, {2, 8200}},
    };
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (uint32_t kept = 0; kept < 1u << shapes[s].rank; kept++)
            for (uint32_t variant = 0; variant < 16; variant += light() ? 5 : s < 5 ? 1 : 3) {
                uint32_t type = variant % 3 == 0 && kept % 4 == 1 ? (kept / 4 + variant) % CLACT_TYPE_COUNT : CLACT_F32;
                if (has_type(type) && (!light() || s == 0 || s == 4))
                    check_gradient((clact_type)type, (clact_type)type, shapes[s].rank, shapes[s].dims, kept, variant,
                                   (kept + variant) % 4 == 0);
            }
}
END_TEST

/* x and dy in f32, dense, a single slope: through contexts. */
static float scalar_gradient(clact_context *context, bool buffers, int64_t n, const float *x, const float *dy, double beta,
                             float old)
{
    clact_activation *f = named("prelu");
    array ax = {.operand = clact_array(CLACT_F32, x, n), .extent = n, .memory = (void *)(uintptr_t)x}, ady = ax;
    ady.operand.data = ady.memory = (void *)(uintptr_t)dy;
    array value = make_array(CLACT_F32, 0, NULL);
    set(&value, 0, old);
    run_gradient(context, buffers, &(struct gradient_call){f, &ax, &ady, NULL, NULL, &value, beta});
    float got = (float)get(&value, 0);
    free_array(&value);
    clact_activation_destroy(&f);
    return got;
}

/* Ten million terms: the same from any number of threads, instruction set, device, and from two halves; near the sum. */
START_TEST(long_sums)
{
    int64_t n = light() ? 70000 : 10000000, half = light() ? 65536 : 8388608;
    float *x = malloc((size_t)n * sizeof *x), *dy = malloc((size_t)n * sizeof *dy);
    ck_assert(x && dy);
    clact_context *one = cpu_context(NULL, 1), *five = cpu_context(NULL, 5), *plain = cpu_context("baseline", 2);
    for (int equal = 0; equal < 2; equal++) {
        long double sum = 0, magnitudes = 0;
        uint64_t seed = 5;
        for (int64_t i = 0; i < n; i++) {
            x[i] = equal ? -1.0f : (float)(int64_t)next_random(&seed) * 0x1p-62f;
            dy[i] = equal ? 0.1f : (float)(int64_t)next_random(&seed) * 0x1p-62f;
            long double term = x[i] <= 0 ? (long double)x[i] * dy[i] : 0;
            sum += term;
            magnitudes += fabsl(term);
        }
        float a = scalar_gradient(one, false, n, x, dy, 0, NAN);
        int e;
        frexpl(magnitudes, &e);
        double error = (double)(fabsl(a - sum) / ldexpl(1, e - 24));
        ck_assert_msg(error <= (equal ? 1.9 : 1), "%lld %s terms: %g ulp", (long long)n, equal ? "equal" : "random", error);
        ck_assert(bits_of(a) == bits_of(scalar_gradient(five, false, n, x, dy, 0, NAN)));
        ck_assert(bits_of(a) == bits_of(scalar_gradient(plain, false, n, x, dy, 0, NAN)));
        ck_assert(bits_of(a) == bits_of(scalar_gradient(test_context(), true, n, x, dy, 0, NAN)));
        float b = scalar_gradient(five, false, half, x, dy, 0, NAN);
        b = scalar_gradient(test_context(), true, n - half, x + half, dy + half, 1, b);
        ck_assert(bits_of(a) == bits_of(b));
    }
    clact_close(&one), clact_close(&five), clact_close(&plain);
    free(x), free(dy);
}
END_TEST

/* What is dead adds nothing, whatever its other factor is; NaN comes through; 0 overwrites NaN. */
START_TEST(dead_terms)
{
    static const struct { float x, dy; double sum; } cases[] = {
        {-INFINITY, 0, 0}, {-INFINITY, -0.0f, 0}, {3, INFINITY, 0}, {3, NAN, 0}, {-0.0f, INFINITY, 0}, {0, -1, 0},
        {-INFINITY, 2, -INFINITY}, {-2, INFINITY, -INFINITY}, {NAN, 0, NAN}, {NAN, 1, NAN}, {-2, NAN, NAN},
        {INFINITY, 1, 0}, {-3, 2, -6},
    };
    for (size_t k = 0; k < COUNT_OF(cases); k++)
        for (int buffers = 0; buffers < 2; buffers++) {
            float x[300], dy[300];
            for (int i = 0; i < 300; i++)
                x[i] = i % 2 ? 1 : -1, dy[i] = i % 2 ? 5 : 0;
            x[211] = cases[k].x, dy[211] = cases[k].dy;
            float got = scalar_gradient(test_context(), buffers, 300, x, dy, 0, NAN);
            ck_assert_msg(same(got, cases[k].sum), "x = %g, dy = %g: %g", cases[k].x, cases[k].dy, got);
        }
}
END_TEST

/* d f / d parameter k of the rows with more to learn, as activations.def's formulas have it. */
static long double by_parameter(bool xielu, int k, long double x)
{
    long double s = 1 / (1 + expl(-x)), alpha_n = 0.8f, eps = (double)-1e-6f;
    if (!xielu)
        return x * x * s * (1 - s);
    return k == 0 ? (x > 0 ? x * x : 0) : k == 1 ? (x > 0 ? 0 : expm1l(x < eps ? x : eps) - x) : k == 2 ? x
           : x > eps && x <= 0 ? alpha_n * expl(eps) : 0;
}

/* Several at once, with dx, which a call without them gives too: within 4 ulp of the sum of magnitudes, and on the device
 * as on the CPU. */
START_TEST(several_gradients)
{
    for (int which = 0; which < 4; which++) {
        bool xielu = which % 2;
        int64_t n = 9001;
        clact_activation *f = named(xielu ? "xielu" : "swish");
        const clact_activation_info *info = clact_activation_info_of(f);
        ck_assert_uint_eq(info->learnable_count, xielu ? 4 : 1);
        array x = make_array(CLACT_F32, 1, &n), dy = make_array(CLACT_F32, 1, &n), dx = make_array(CLACT_F32, 1, &n);
        array alone = make_array(CLACT_F32, 1, &n), value[4], again[4];
        uint64_t seed = 3;
        for (int64_t i = 0; i < n; i++) {
            set(&x, i, i % 9 ? (double)(int64_t)next_random(&seed) * 0x1p-61 : -5e-7);
            set(&dy, i, (double)(int64_t)next_random(&seed) * 0x1p-63);
        }
        backward(test_context(), f, &x, &dy, &alone, 0);
        clact_context *cpu = cpu_context(NULL, 2);
        for (int on_cpu = 0; on_cpu < 2; on_cpu++) {
            clact_parameter_gradient gradients[4] = {{0}};
            clact_context *context = on_cpu ? cpu : test_context(), *where = which / 2 && !on_cpu ? context : NULL;
            array *v = on_cpu ? again : value;
            to_device(where, &x), to_device(where, &dy), to_device(where, &dx);
            for (uint32_t k = 0; k < info->learnable_count; k++) {
                v[k] = make_array(CLACT_F32, 0, NULL);
                to_device(where, &v[k]);
                gradients[k] = (clact_parameter_gradient){.name = info->parameters[k].name, .value = &v[k].operand};
            }
            OK(clact_backward(context, f, &(clact_backward_args){.x = &x.operand, .dy = &dy.operand, .dx = &dx.operand,
                                                                 .gradients = gradients, .gradient_count = info->learnable_count}));
            from_device(&x), from_device(&dy), from_device(&dx);
            for (uint32_t k = 0; k < info->learnable_count; k++)
                from_device(&v[k]);
            for (int64_t i = 0; i < n; i++)
                ck_assert(same(get(&dx, i), get(&alone, i)));
        }
        for (uint32_t k = 0; k < info->learnable_count; k++) {
            long double sum = 0, magnitudes = 0;
            for (int64_t i = 0; i < n; i++) {
                long double term = by_parameter(xielu, (int)k, get(&x, i)) * get(&dy, i);
                sum += term;
                magnitudes += fabsl(term);
            }
            int e;
            frexpl(magnitudes, &e);
            double error = (double)(fabsl(get(&value[k], 0) - sum) / ldexpl(1, e - 24));
            ck_assert_msg(error <= 4, "%s of %s: %g ulp", info->parameters[k].name, info->name, error);
            ck_assert(same(get(&value[k], 0), get(&again[k], 0)) || flushes());
            free_array(&value[k]), free_array(&again[k]);
        }
        clact_close(&cpu);
        free_array(&x), free_array(&dy), free_array(&dx), free_array(&alone);
        clact_activation_destroy(&f);
    }
}
END_TEST

/* dx is written after the sums have read what it replaces. */
START_TEST(gradient_in_place)
{
    for (int k = 0; k < 4; k++) {
        int64_t dims[] = {33, 129}, slopes = 129;
        clact_activation *f = named("prelu");
        array x = make_array(CLACT_F32, 2, dims), dy = make_array(CLACT_F32, 2, dims), slope = make_array(CLACT_F32, 1, &slopes);
        array dx = make_array(CLACT_F32, 2, dims), value = make_array(CLACT_F32, 1, &slopes), again = value;
        again = make_array(CLACT_F32, 1, &slopes);
        fill_terms(&x, 1, false), fill_terms(&dy, 2, false), fill_terms(&slope, 3, false);
        run_gradient(test_context(), k % 2, &(struct gradient_call){f, &x, &dy, &dx, &slope, &value, 0});
        clact_parameter_tensor tensor = {"slope", &slope.operand};
        clact_parameter_gradient gradient = {.name = "alpha", .value = &again.operand};
        array *all[] = {&x, &dy, &slope, &again}, *out = k / 2 ? &x : &dy;
        for (size_t i = 0; i < COUNT_OF(all); i++)
            to_device(k % 2 ? test_context() : NULL, all[i]);
        OK(clact_backward(test_context(), f, &(clact_backward_args){.x = &x.operand, .dy = &dy.operand, .dx = &out->operand,
                                                                    .parameters = &tensor, .parameter_count = 1,
                                                                    .gradients = &gradient, .gradient_count = 1}));
        for (size_t i = 0; i < COUNT_OF(all); i++)
            from_device(all[i]);
        ck_assert_mem_eq(out->memory, dx.memory, (size_t)dx.extent * sizeof(float));
        ck_assert_mem_eq(again.memory, value.memory, (size_t)slopes * sizeof(float));
        free_array(&x), free_array(&dy), free_array(&slope), free_array(&dx), free_array(&value), free_array(&again);
        clact_activation_destroy(&f);
    }
}
END_TEST

START_TEST(gradients_of_nothing)
{
    static const struct { int64_t dims[2], value[2]; } shapes[] = {{{0, 5}, {1, 5}}, {{4, 0}, {4, 1}}, {{0, 3}, {0, 3}}, {{0, 0}, {1, 1}}};
    for (size_t k = 0; k < COUNT_OF(shapes); k++)
        for (int buffers = 0; buffers < 2; buffers++) {
            clact_activation *f = named("prelu");
            array x = make_array(CLACT_F32, 2, shapes[k].dims), dy = make_array(CLACT_F32, 2, shapes[k].dims);
            array slope = make_array(CLACT_F32, 2, shapes[k].value), value = make_array(CLACT_F32, 2, shapes[k].value);
            int64_t m = count_of(&value);
            for (int64_t i = 0; i < m; i++)
                set(&value, i, k % 2 ? NAN : 3);
            run_gradient(test_context(), buffers, &(struct gradient_call){f, &x, &dy, NULL, &slope, &value, k % 2 ? 0 : 2});
            for (int64_t i = 0; i < m; i++)
                ck_assert(same(get(&value, i), k % 2 ? 0 : 6));
            free_array(&x), free_array(&dy), free_array(&slope), free_array(&value);
            clact_activation_destroy(&f);
        }
}
END_TEST

START_TEST(gradients_that_do_not_fit)
{
    float v[24] = {0}, w[24] = {0}, g[24] = {0};
    double d[24] = {0};
    clact_activation *f = named("prelu"), *elu = named("elu"), *softmax = named("softmax");
    clact_operand x = clact_array(CLACT_F32, v, 12), dx = clact_array(CLACT_F32, w, 12), value = clact_array(CLACT_F32, g, 1);
    clact_parameter_gradient gradients[] = {{.name = "slope", .value = &value}, {.name = "alpha", .value = &value}};
    clact_backward_args args = {.x = &x, .dy = &x, .dx = &dx, .gradients = gradients, .gradient_count = 1};
    clact_context *c = test_context();
    OK(clact_backward(c, f, &args));
    REFUSED(clact_backward(c, elu, &args), CLACT_E_NAME, "elu has no parameter 'slope'");
    gradients[0].name = "alpha";
    REFUSED(clact_backward(c, elu, &args), CLACT_E_UNSUPPORTED, "alpha of elu is not learnable");
    REFUSED(clact_backward(c, softmax, &args), CLACT_E_UNSUPPORTED, "gradient is for element-wise activations, and softmax is row-wise");
    gradients[0].name = NULL;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "has no name");
    gradients[0].name = "slope";
    gradients[0].beta = NAN;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "beta must be finite");
    gradients[0].beta = 0;
    args.gradient_count = 2;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "prelu has 1 learnable parameters, not 2");
    args.gradient_count = 1;
    value.tensor.dims[0] = 12;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "the gradient of slope has one element: the parameter is a number");
    clact_operand slopes = clact_array(CLACT_F32, d, 12);
    clact_parameter_tensor tensor = {"slope", &slopes};
    args.parameters = &tensor;
    args.parameter_count = 1;
    OK(clact_backward(c, f, &args));
    value.tensor.dims[0] = 1;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "another shape than the tensor");
    value = clact_array(CLACT_F32, d, 12);
    REFUSED(clact_backward(c, f, &args), CLACT_E_OVERLAP, "the gradient of slope is the parameter");
    value = clact_array(CLACT_F32, w, 12);
    REFUSED(clact_backward(c, f, &args), CLACT_E_OVERLAP, "the gradient of slope is dx");
    value = clact_array(CLACT_F32, v + 6, 12);
    REFUSED(clact_backward(c, f, &args), CLACT_E_OVERLAP, "x overlaps");
    value = clact_array(CLACT_F64, d + 12, 12);
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "the gradient of slope is of type f64: it must be f32");
    value = clact_array(CLACT_F32, g, 12);
    value.tensor.strided = 1;
    REFUSED(clact_backward(c, f, &args), CLACT_E_OVERLAP, "share memory");
    args.gradients = NULL;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "gradients must not be NULL");
    args.gradient_count = 0;
    args.dx = NULL;
    REFUSED(clact_backward(c, f, &args), CLACT_E_ARGUMENT, "dx must not be NULL");
    clact_activation_destroy(&f);
    clact_activation_destroy(&elu);
    clact_activation_destroy(&softmax);
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
    t = tcase_create("parameters");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, sums_of_every_length);
    tcase_add_test(t, sums_over_every_choice_of_axes);
    tcase_add_test(t, long_sums);
    tcase_add_test(t, dead_terms);
    tcase_add_test(t, several_gradients);
    tcase_add_test(t, gradient_in_place);
    tcase_add_test(t, gradients_of_nothing);
    tcase_add_test(t, gradients_that_do_not_fit);
    suite_add_tcase(s, t);
    return s;
}
