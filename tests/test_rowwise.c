/* test_rowwise.c: softmax and its family against sums in long double, along any axis, masked, strided and in place;
 * the same bits on the device, on every instruction set and for any number of threads. */
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum which { SOFTMAX, LOG_SOFTMAX, SOFTMIN, SPARSEMAX, HARDMAX, WHICH_COUNT };
static const char *const names[WHICH_COUNT] = {"softmax", "log_softmax", "softmin", "sparsemax", "hardmax"};

static bool flushes(void)
{
    return test_caps()->exact == CLACT_EXACT_NORMAL;
}

static clact_activation *scaled(const char *name, int axis, double scale)
{
    clact_activation *f;
    const clact_parameter p[] = {{"axis", axis, 0, 0}, {"scale", scale, 0, 0}};
    OK(clact_activation_named(&f, name, p, 2));
    return f;
}

/* ---- The reference -------------------------------------------------------------------------- */

/* One row: y and, where dy is given, dx from y; unit: the magnitudes that are added up. */
struct reference {
    int64_t n;
    long double *z, *y, *dx, *unit;
};

static struct reference make_reference(int64_t n)
{
    struct reference r = {n, malloc(4 * (size_t)n * sizeof(long double)), NULL, NULL, NULL};
    ck_assert_ptr_nonnull(r.z);
    r.y = r.z + n, r.dx = r.y + n, r.unit = r.dx + n;
    return r;
}

static int descending(const void *a, const void *b)
{
    long double x = *(const long double *)a, y = *(const long double *)b;
    return (x < y) - (x > y);
}

/* A sum and what its additions lost, by Neumaier's method: 10^7 equal terms in one long double would be off by more
 * than an f64 may be. */
struct exact_sum { long double high, low; };

static void add_to(struct exact_sum *s, long double x)
{
    long double t = s->high + x;
    s->low += fabsl(s->high) >= fabsl(x) ? s->high - t + x : x - t + s->high;
    s->high = t;
}

static long double total_of(struct exact_sum s)
{
    return s.high + s.low;
}

/* tau by sorting, as Martins and Astudillo have it: another algorithm than the library's. */
static long double tau_of(const long double *z, int64_t n)
{
    long double *sorted = malloc((size_t)n * sizeof *sorted), tau = 0;
    struct exact_sum sum = {0, 0};
    memcpy(sorted, z, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, descending);
    for (int64_t k = 0; k < n && sorted[k] > -INFINITY; k++) {
        add_to(&sum, sorted[k]);
        if (1 + (long double)(k + 1) * sorted[k] > total_of(sum))
            tau = (total_of(sum) - 1) / (long double)(k + 1);
    }
    free(sorted);
    return tau;
}

/* Of finite x with one that takes part at least; what takes no part is -infinity. */
static void forward_reference(struct reference *r, enum which which, const double *x, double scale)
{
    long double most = -INFINITY, tau = 0;
    struct exact_sum sum = {0, 0}, others = {0, 0};
    int64_t first = -1;
    for (int64_t i = 0; i < r->n; i++) {
        r->z[i] = isinf(x[i]) ? -INFINITY : (long double)x[i] * (which == SOFTMIN ? -scale : scale);
        if (r->z[i] > most)
            most = r->z[i], first = i;
    }
    for (int64_t i = 0; i < r->n; i++) {
        r->z[i] -= most;
        add_to(&sum, expl(r->z[i]));
        if (i != first)
            add_to(&others, expl(r->z[i]));
    }
    if (which == SPARSEMAX)
        tau = tau_of(r->z, r->n);
    for (int64_t i = 0; i < r->n; i++) {
        long double z = r->z[i];
        switch (which) {
        case SOFTMAX:
        case SOFTMIN: r->y[i] = r->unit[i] = expl(z) / total_of(sum); break;
        case LOG_SOFTMAX: r->y[i] = z - log1pl(total_of(others)); r->unit[i] = -r->y[i]; break;
        case SPARSEMAX: r->y[i] = z > tau ? z - tau : 0; r->unit[i] = -z - tau; break;
        default: r->y[i] = r->unit[i] = i == first; break;
        }
    }
}

static void backward_reference(struct reference *r, enum which which, const double *y, const double *dy, double scale)
{
    struct exact_sum products = {0, 0}, all = {0, 0}, supported = {0, 0};
    long double magnitude = 0, absolute = 0, mean_magnitude = 0, support = 0;
    for (int64_t i = 0; i < r->n; i++) {
        add_to(&products, (long double)y[i] * dy[i]);
        magnitude += fabsl((long double)y[i] * dy[i]);
        add_to(&all, isinf(y[i]) ? 0 : dy[i]);
        absolute += isinf(y[i]) ? 0 : fabs(dy[i]);
        add_to(&supported, y[i] > 0 ? dy[i] : 0);
        mean_magnitude += y[i] > 0 ? fabs(dy[i]) : 0;
        support += y[i] > 0;
    }
    const long double dot = total_of(products), total = total_of(all), mean = total_of(supported);
    scale = which == SOFTMIN ? -scale : scale;
    for (int64_t i = 0; i < r->n; i++) {
        long double e = expl(y[i]);
        switch (which) {
        case SOFTMAX:
        case SOFTMIN:
            r->dx[i] = scale * y[i] * (dy[i] - dot);
            r->unit[i] = fabs(scale) * y[i] * (fabs(dy[i]) + magnitude);
            break;
        case LOG_SOFTMAX:
            r->dx[i] = isinf(y[i]) ? 0 : scale * (dy[i] - e * total);
            r->unit[i] = fabs(scale) * (fabs(dy[i]) + e * absolute);
            break;
        case SPARSEMAX:
            r->dx[i] = y[i] > 0 ? scale * (dy[i] - mean / support) : 0;
            r->unit[i] = fabs(scale) * (fabs(dy[i]) + mean_magnitude / support);
            break;
        default: r->dx[i] = 0; r->unit[i] = 1; break;
        }
    }
}

/* The error in units in the last place of the magnitude, in f32 or f64. */
static double error_in(clact_type type, double got, long double exact, long double unit)
{
    int digits = type == CLACT_F64 ? 53 : 24, least = type == CLACT_F64 ? -1021 : -125, exponent;
    if (got == exact)
        return 0;
    frexpl(unit, &exponent);
    exponent = exponent < least ? least : exponent;
    return (double)fabsl(ldexpl(got - exact, digits - exponent));
}

/* ---- Accuracy ------------------------------------------------------------------------------- */

enum { KINDS_OF_ROWS = 7 };

static double uniform(uint64_t *seed)
{
    return (double)(next_random(seed) >> 11) * 0x1p-53;
}

/* By turns: logits, equal numbers, far apart, close together, one far above the others, of all exponents, below 512. */
static double element(int kind, uint64_t *seed, int64_t i)
{
    double u = uniform(seed);
    switch (kind) {
    case 0: return 20 * u - 10;
    case 1: return 0.3;
    case 2: return 200 * u - 100;
    case 3: return 1000 + u * 0x1p-6;
    case 4: return i == 3 ? 17.25 : u;
    case 6: return 640 * u - 128;
    default: return ldexp(u - 0.5, (int)(next_random(seed) % 40) - 30);
    }
}

struct error { double forward, backward; };

static void fill_row(array *a, int kind, uint64_t seed)
{
    for (int64_t i = 0; i < count_of(a); i++)
        set(a, i, element(kind, &seed, i));
}

static double *values_of(const array *a)
{
    double *v = malloc((size_t)count_of(a) * sizeof *v);
    ck_assert_ptr_nonnull(v);
    for (int64_t i = 0; i < count_of(a); i++)
        v[i] = get(a, i);
    return v;
}

static void forward(clact_context *context, const clact_activation *f, array *x, array *mask, array *y)
{
    to_device(context, x), to_device(context, y);
    if (mask)
        to_device(context, mask);
    OK(clact_forward(context ? context : test_context(), f,
                     &(clact_forward_args){.x = &x->operand, .y = &y->operand, .mask = mask ? &mask->operand : NULL}));
    from_device(x), from_device(y);
    if (mask)
        from_device(mask);
}

static void backward(clact_context *context, const clact_activation *f, array *y, array *mask, array *dy, array *dx,
                     double beta)
{
    clact_backward_args args = {.y = &y->operand, .dy = &dy->operand, .dx = &dx->operand, .dx_beta = beta,
                                .mask = mask ? &mask->operand : NULL};
    to_device(context, y), to_device(context, dy), to_device(context, dx);
    if (mask)
        to_device(context, mask);
    OK(clact_backward(context ? context : test_context(), f, &args));
    from_device(y), from_device(dy), from_device(dx);
    if (mask)
        from_device(mask);
}

static void measure_row(struct error *worst, enum which which, clact_type type, int64_t n, int kind, double scale)
{
    array x = make_array(type, 1, &n), y = make_array(type, 1, &n), dy = make_array(type, 1, &n);
    array dx = make_array(type, 1, &n);
    struct reference r = make_reference(n);
    clact_activation *f = scaled(names[which], -1, scale);
    fill_row(&x, kind, (uint64_t)n);
    fill_row(&dy, kind == 1 || kind == 6 ? 0 : kind, (uint64_t)n + 1);
    forward(test_context(), f, &x, NULL, &y);
    backward(test_context(), f, &y, NULL, &dy, &dx, 0);
    double *vx = values_of(&x), *vy = values_of(&y), *vdy = values_of(&dy);
    forward_reference(&r, which, vx, scale);
    for (int64_t i = 0; i < n; i++)
        worst->forward = fmax(worst->forward, error_in(type, vy[i], r.y[i], r.unit[i]));
    backward_reference(&r, which, vy, vdy, scale);
    for (int64_t i = 0; i < n; i++)
        worst->backward = fmax(worst->backward, error_in(type, get(&dx, i), r.dx[i], r.unit[i]));
    clact_activation_destroy(&f);
    free(vx), free(vy), free(vdy), free(r.z);
    free_array(&x), free_array(&y), free_array(&dy), free_array(&dx);
}

static const int64_t more_sizes[] = {4095, 4096, 4097, 8192, 8193, 12289, 100000, 1000000, 10000000};

static void measure(enum which which, clact_type type)
{
    const char *largest = getenv("CLACT_TEST_LONGEST_ROW");
    int64_t limit = largest ? atoll(largest) : light() ? 4097 : 100000;
    static const double scales[] = {1, -0.75, 2.5};
    struct error worst = {0, 0};
    for (int64_t n = 1; n <= 1025; n += light() ? (n < 5 ? 1 : 255) : (n < 40 ? 1 : 3))
        measure_row(&worst, which, type, n, (int)(n % 6), scales[n / 6 % 3]);
    for (size_t k = 0; k < COUNT_OF(more_sizes) && more_sizes[k] <= limit; k++)
        for (int kind = 0; kind < KINDS_OF_ROWS; kind += light() ? 4 : 1)
            measure_row(&worst, which, type, more_sizes[k], kind, 1);
    const clact_activation_info *info = clact_activation_find(names[which]);
    if (largest)
        printf("%s %s: %.3f ulp, %.3f backward\n", names[which], clact_type_name(type), worst.forward, worst.backward);
    ck_assert_msg(worst.forward <= info->ulp_forward && worst.backward <= info->ulp_derivative,
                  "%s in %s is %g ulp off, its gradient %g", names[which], clact_type_name(type), worst.forward,
                  worst.backward);
}

START_TEST(error_is_within_the_bound)
{
    measure((enum which)_i, CLACT_F32);
    if (tries_type(CLACT_F64, (size_t)_i))
        measure((enum which)_i, CLACT_F64);
}
END_TEST

/* Neighbours differ by less than an exponential's error; none may be taken for greater than the greatest. */
START_TEST(the_greatest_has_the_greatest_share)
{
    static const float greatest[] = {-3, 0, 0x1p-20f, 0.1f, 1, 1.5f, 100, 512, 513};
    const int64_t n = 100;
    array x = make_array(CLACT_F32, 1, &n), y = make_array(CLACT_F32, 1, &n);
    clact_activation *f = scaled("softmax", 0, 1);
    for (size_t k = 0; k < COUNT_OF(greatest); k++) {
        float v = greatest[k];
        for (int64_t i = 0; i < n; i++, v = nextafterf(v, -INFINITY))
            set(&x, i, v);
        forward(test_context(), f, &x, NULL, &y);
        for (int64_t i = 1; i < n; i++)
            ck_assert_msg(get(&y, i) <= get(&y, 0), "of %g, element %d", greatest[k], (int)i);
    }
    clact_activation_destroy(&f);
    free_array(&x), free_array(&y);
}
END_TEST

/* ---- Special values, by hand ---------------------------------------------------------------- */

#define INF INFINITY
static const struct {
    enum which which;
    double scale;
    float x[4], y[4];
} special[] = {
    {SOFTMAX, 1, {INF, 1, INF, -INF}, {0.5f, 0, 0.5f, 0}},
    {SOFTMAX, 1, {-INF, -INF, -INF, -INF}, {0, 0, 0, 0}},
    {SOFTMAX, 1, {-INF, 3, -INF, -INF}, {0, 1, 0, 0}},
    {SOFTMAX, 1, {NAN, 3, 4, -INF}, {NAN, NAN, NAN, NAN}},
    {SOFTMAX, 1, {3e38f, 3e38f, -3e38f, -INF}, {0.5f, 0.5f, 0, 0}},
    {SOFTMAX, -1, {INF, -INF, INF, -INF}, {0, 0.5f, 0, 0.5f}},
    {SOFTMAX, 0x1p-127, {0x1p127f, 0x1p127f, -0x1p127f, -INF}, {0x1.df8cccp-2f, 0x1.df8cccp-2f, 0x1.0399a2p-4f, 0}},
    {SOFTMIN, 1, {INF, 1, INF, 1}, {0, 0.5f, 0, 0.5f}},
    {SOFTMIN, 1, {INF, INF, INF, INF}, {0, 0, 0, 0}},
    {LOG_SOFTMAX, 1, {INF, 1, INF, -INF}, {-0x1.62e430p-1f, -INF, -0x1.62e430p-1f, -INF}},
    {LOG_SOFTMAX, 1, {-INF, -INF, -INF, -INF}, {-INF, -INF, -INF, -INF}},
    {LOG_SOFTMAX, 1, {-INF, 3, -INF, -INF}, {-INF, 0, -INF, -INF}},
    {LOG_SOFTMAX, 1, {0, NAN, -INF, 2}, {NAN, NAN, NAN, NAN}},
    {SPARSEMAX, 1, {INF, 1, INF, -INF}, {0.5f, 0, 0.5f, 0}},
    {SPARSEMAX, 1, {0, 1, -0.0f, 0.5f}, {0, 0.75f, 0, 0.25f}},
    {SPARSEMAX, 1, {-INF, -INF, -INF, -INF}, {0, 0, 0, 0}},
    {SPARSEMAX, 1, {2, NAN, 0, 0}, {NAN, NAN, NAN, NAN}},
    {HARDMAX, 1, {1, 3, 3, -INF}, {0, 1, 0, 0}},
    {HARDMAX, 1, {-0.0f, 0, -1, 0}, {1, 0, 0, 0}},
    {HARDMAX, -2, {1, 3, 3, 0}, {0, 0, 0, 1}},
    {HARDMAX, 1, {1, INF, INF, 0}, {0, 1, 0, 0}},
    {HARDMAX, 1, {-INF, -INF, -INF, -INF}, {0, 0, 0, 0}},
    {HARDMAX, 1, {NAN, 1, 2, 3}, {NAN, NAN, NAN, NAN}},
};

/* The bits; any NaN is one. */
static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) != 0 : memcmp(&a, &b, sizeof a) == 0;
}

START_TEST(special_rows)
{
    const int64_t n = 4;
    array x = make_array(CLACT_F32, 1, &n), y = make_array(CLACT_F32, 1, &n);
    clact_activation *f = scaled(names[special[_i].which], 0, special[_i].scale);
    for (int i = 0; i < n; i++)
        set(&x, i, special[_i].x[i]);
    if (flushes() && special[_i].scale == 0x1p-127)
        return;
    forward(test_context(), f, &x, NULL, &y);
    for (int i = 0; i < n; i++)
        ck_assert_msg(same(get(&y, i), special[_i].y[i]), "%s of row %d: element %d is %a, not %a",
                      names[special[_i].which], _i, i, get(&y, i), special[_i].y[i]);
    clact_activation_destroy(&f);
    free_array(&x), free_array(&y);
}
END_TEST

/* A dy that meets a zero reaches nothing, whatever it is. */
START_TEST(dead_elements_have_no_gradient)
{
    const int64_t n = 4;
    array y = make_array(CLACT_F32, 1, &n), dy = make_array(CLACT_F32, 1, &n), dx = make_array(CLACT_F32, 1, &n);
    for (int w = 0; w < WHICH_COUNT; w++) {
        clact_activation *f = scaled(names[w], 0, 1);
        for (int i = 0; i < n; i++) {
            set(&y, i, i < 2 ? (w == LOG_SOFTMAX ? -INFINITY : 0) : w == LOG_SOFTMAX ? -0x1.62e430p-1f : 0.5);
            set(&dy, i, i == 0 ? INFINITY : i == 1 ? NAN : i);
        }
        backward(test_context(), f, &y, NULL, &dy, &dx, 0);
        for (int i = 0; i < 2; i++)
            ck_assert_msg(same(get(&dx, i), 0), "%s: dx[%d] is %g", names[w], i, get(&dx, i));
        ck_assert(isfinite(get(&dx, 2)) && isfinite(get(&dx, 3)));
        clact_activation_destroy(&f);
    }
    free_array(&y), free_array(&dy), free_array(&dx);
}
END_TEST

/* ---- Axes, strides, masks, types ------------------------------------------------------------ */

static int64_t dims[3] = {5, 7, 37};

/* Compares every row along the axis with the same elements computed as an array of their own. */
static void compare_rows(clact_context *context, const char *name, int axis, const array *x, const array *dy,
                         const array *mask, const array *y, const array *dx)
{
    int64_t n = dims[axis], step = 1;
    for (int k = axis + 1; k < 3; k++)
        step *= dims[k];
    clact_type type = (clact_type)x->operand.tensor.type;
    clact_activation *f = scaled(name, 0, -1.5);
    array row = make_array(type, 1, &n), up = make_array(type, 1, &n), part = make_array(CLACT_U8, 1, &n);
    array out = make_array(type, 1, &n), down = make_array(type, 1, &n);
    for (int64_t i = 0; i < count_of(x); i++) {
        if (i / step % n != 0)
            continue;
        for (int64_t k = 0; k < n; k++) {
            set(&row, k, get(x, i + k * step));
            set(&up, k, get(dy, i + k * step));
            ((uint8_t *)part.memory)[k] = mask ? ((const uint8_t *)mask->memory)[(i + k * step) % count_of(mask)] : 1;
        }
        forward(context, f, &row, mask ? &part : NULL, &out);
        backward(context, f, &out, mask ? &part : NULL, &up, &down, 0);
        for (int64_t k = 0; k < n; k++)
            ck_assert_msg(same(get(&out, k), get(y, i + k * step)) && same(get(&down, k), get(dx, i + k * step)),
                          "%s along axis %d: element %lld of row %lld is %a, not %a; its gradient %a, not %a", name, axis,
                          (long long)k, (long long)i, get(y, i + k * step), get(&out, k), get(dx, i + k * step), get(&down, k));
    }
    clact_activation_destroy(&f);
    free_array(&row), free_array(&up), free_array(&part), free_array(&out), free_array(&down);
}

/* x on a view of odd strides, y and dx on others; the gaps keep what they hold. */
START_TEST(rows_lie_along_any_axis_of_any_view)
{
    static const int64_t strides[][3] = {{259, 37, 1}, {-1, 5, 35}, {600, -80, 2}, {111, 3, 600}};
    clact_type type = _i % 5 == 4 && has_type(CLACT_F64) ? CLACT_F64 : CLACT_F32;
    if (light())
        dims[0] = 3, dims[1] = 4, dims[2] = 11;
    for (int axis = 0; axis < 3; axis++)
        for (int masked = 0; masked < (light() ? 1 + axis % 2 : 2); masked++) {
            array x = make_strided(type, 3, dims, strides[(axis + 1) % 4]), y = make_strided(type, 3, dims, strides[2]);
            array dy = make_strided(type, 3, dims, strides[axis]), dx = make_strided(type, 3, dims, strides[3]);
            array mask = make_array(CLACT_U8, axis == 1 ? 3 : 1, axis == 1 ? dims : dims + 2); /* of all, or repeated */
            uint64_t seed = (uint64_t)axis + 5;
            clact_activation *f = scaled(names[_i], axis - (masked ? 3 : 0), -1.5);
            for (int64_t i = 0; i < count_of(&x); i++) {
                set(&x, i, element(i % 97 ? 0 : 5, &seed, i));
                set(&dy, i, element(0, &seed, i));
            }
            for (int64_t i = 0; i < count_of(&mask); i++)
                ((uint8_t *)mask.memory)[i] = (uint8_t)(i < 45 ? i % 2 * 3 : i < 50 ? 0 : (int)(next_random(&seed) % 3));
            for (int64_t i = 0; i < y.extent; i++)
                memory_set(&y, i, 77);
            forward(test_context(), f, &x, masked ? &mask : NULL, &y);
            backward(test_context(), f, &y, masked ? &mask : NULL, &dy, &dx, 0);
            compare_rows(test_context(), names[_i], axis, &x, &dy, masked ? &mask : NULL, &y, &dx);
            int64_t kept = 0;
            for (int64_t i = 0; i < y.extent; i++)
                kept += memory_get(&y, i) == 77;
            ck_assert_int_eq(kept, y.extent - count_of(&y));
            clact_activation_destroy(&f);
            free_array(&x), free_array(&y), free_array(&dy), free_array(&dx), free_array(&mask);
        }
}
END_TEST

/* Short rows are computed many together: each is what it is alone, and what one holds changes no other. */
START_TEST(many_short_rows_are_as_each_alone)
{
    static const int64_t lengths[] = {1, 2, 3, 10, 17, 48, 64, 65, 100, 127, 128, 129, 200};
    static const double scales[] = {1, 0.7, -3};
    const int64_t rows = 37;
    for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
        for (size_t k = 0; k < COUNT_OF(lengths) * COUNT_OF(scales); k++) {
            const int64_t n = lengths[k % COUNT_OF(lengths)], shape[2] = {rows, n};
            if (!tries_type(type, _i) || (light() && k % 3 != type % 3))
                continue;
            array x = make_array(type, 2, shape), y = make_array(type, 2, shape), dy = make_array(type, 2, shape);
            array dx = make_array(type, 2, shape), row = make_array(type, 1, &n), up = make_array(type, 1, &n);
            array out = make_array(type, 1, &n), down = make_array(type, 1, &n);
            clact_activation *f = scaled(names[_i], 1, scales[k / COUNT_OF(lengths)]);
            clact_activation *alone = scaled(names[_i], 0, scales[k / COUNT_OF(lengths)]);
            uint64_t seed = k;
            for (int64_t i = 0; i < count_of(&x); i++) {
                const int64_t at = i / n;
                const double outside = _i == SOFTMIN ? INFINITY : -INFINITY;
                const double number = element(at > 32 ? (int)(at % KINDS_OF_ROWS) : 0, &seed, i);
                const double none = at % 3 ? outside : NAN; /* with this throughout a row has no sums */
                set(&x, i, k % 5 == 4 ? none : at == 20 && i % 2 ? NAN : number);
                set(&dy, i, element(0, &seed, i));
            }
            forward(test_context(), f, &x, NULL, &y);
            backward(test_context(), f, &y, NULL, &dy, &dx, 0);
            for (int64_t i = 0; i < rows; i++) {
                for (int64_t j = 0; j < n; j++) {
                    set(&row, j, get(&x, i * n + j));
                    set(&up, j, get(&dy, i * n + j));
                }
                forward(test_context(), alone, &row, NULL, &out);
                backward(test_context(), alone, &out, NULL, &up, &down, 0);
                for (int64_t j = 0; j < n; j++)
                    ck_assert_msg(same(get(&out, j), get(&y, i * n + j)) && same(get(&down, j), get(&dx, i * n + j)),
                                  "%s of %s, %lld elements: row %lld, element %lld: %a, alone %a; gradient %a, alone %a",
                                  names[_i], clact_type_name((clact_type)type), (long long)n, (long long)i, (long long)j,
                                  get(&y, i * n + j), get(&out, j), get(&dx, i * n + j), get(&down, j));
            }
            forward(test_context(), f, &x, NULL, &x);
            ck_assert_mem_eq(x.memory, y.memory, (size_t)count_of(&x) * clact_type_bytes((clact_type)type));
            backward(test_context(), f, &y, NULL, &dy, &dy, 0);
            ck_assert_mem_eq(dy.memory, dx.memory, (size_t)count_of(&x) * clact_type_bytes((clact_type)type));
            clact_activation_destroy(&f), clact_activation_destroy(&alone);
            free_array(&x), free_array(&y), free_array(&dy), free_array(&dx);
            free_array(&row), free_array(&up), free_array(&out), free_array(&down);
        }
}
END_TEST

/* What is masked takes no part: the others are as if it were -infinity, itself it gives 0, log_softmax -infinity. */
START_TEST(masked_elements_take_no_part)
{
    const int64_t n = 1300; /* more than is loaded at once */
    const double none = _i == LOG_SOFTMAX ? -INFINITY : 0;
    array x = make_array(CLACT_F32, 1, &n), y = make_array(CLACT_F32, 1, &n), z = make_array(CLACT_F32, 1, &n);
    array mask = make_array(CLACT_U8, 1, &n), dy = make_array(CLACT_F32, 1, &n), dx = make_array(CLACT_F32, 1, &n);
    clact_activation *f = scaled(names[_i], 0, 1);
    fill_row(&x, 0, 3);
    fill_row(&dy, 0, 4);
    for (int64_t i = 0; i < n; i++)
        ((uint8_t *)mask.memory)[i] = i % 3 != 1;
    set(&x, 1, NAN), set(&x, 4, INFINITY), set(&dy, 7, NAN);
    forward(test_context(), f, &x, &mask, &y);
    backward(test_context(), f, &y, &mask, &dy, &dx, 0);
    for (int64_t i = 1; i < n; i += 3) {
        ck_assert(same(get(&y, i), none) && same(get(&dx, i), 0));
        set(&x, i, _i == SOFTMIN ? INFINITY : -INFINITY);
    }
    forward(test_context(), f, &x, NULL, &z);
    for (int64_t i = 0; i < n; i++)
        ck_assert(same(get(&y, i), get(&z, i)) && isfinite(get(&dx, i)));
    set(&x, 0, NAN);
    forward(test_context(), f, &x, &mask, &y);
    for (int64_t i = 0; i < n; i++)
        ck_assert(i % 3 == 1 ? same(get(&y, i), none) : isnan(get(&y, i)));
    memset(mask.memory, 0, (size_t)n);
    forward(test_context(), f, &x, &mask, &y);
    for (int64_t i = 0; i < n; i++)
        ck_assert(same(get(&y, i), none));
    clact_activation_destroy(&f);
    free_array(&x), free_array(&y), free_array(&z), free_array(&mask), free_array(&dy), free_array(&dx);
}
END_TEST

/* f16 and bf16 are the f32 result rounded once. */
START_TEST(stored_types_round_once)
{
    const int64_t n = 1500;
    for (clact_type type = CLACT_F16; type <= CLACT_BF16; type = (clact_type)(type + 1)) {
        if (!tries_type(type, (size_t)_i))
            continue;
        array x = make_array(type, 1, &n), y = make_array(type, 1, &n), dy = make_array(type, 1, &n);
        array dx = make_array(type, 1, &n), wide = make_array(CLACT_F32, 1, &n), out = make_array(CLACT_F32, 1, &n);
        array up = make_array(CLACT_F32, 1, &n), rounded = make_array(type, 1, &n);
        clact_activation *f = scaled(names[_i], 0, 1.5);
        fill_row(&x, 0, 8);
        fill_row(&dy, 0, 9);
        for (int64_t i = 0; i < n; i++)
            set(&wide, i, get(&x, i)), set(&up, i, get(&dy, i));
        forward(test_context(), f, &x, NULL, &y);
        forward(test_context(), f, &wide, NULL, &out);
        for (int64_t i = 0; i < n; i++)
            set(&rounded, i, get(&out, i));
        ck_assert_mem_eq(rounded.memory, y.memory, (size_t)n * 2);
        for (int64_t i = 0; i < n; i++)
            set(&wide, i, get(&y, i));
        backward(test_context(), f, &y, NULL, &dy, &dx, 0);
        backward(test_context(), f, &wide, NULL, &up, &out, 0);
        for (int64_t i = 0; i < n; i++)
            set(&rounded, i, get(&out, i));
        ck_assert_mem_eq(rounded.memory, dx.memory, (size_t)n * 2);
        clact_activation_destroy(&f);
        free_array(&x), free_array(&y), free_array(&dy), free_array(&dx);
        free_array(&wide), free_array(&out), free_array(&up), free_array(&rounded);
    }
}
END_TEST

/* ---- The same bits -------------------------------------------------------------------------- */

/* Rows of every kind of number, forward and backward, on a context; to is what both gave. */
static void run_strata(clact_context *context, enum which which, clact_type type, int64_t rows, int64_t n, char *to)
{
    const int64_t shape[2] = {rows, n};
    array x = make_array(type, 2, shape), y = make_array(type, 2, shape), dx = make_array(type, 2, shape);
    array dy = make_array(type, 2, shape);
    clact_activation *f = scaled(names[which], 1, n % 2 ? 1 : 0.7);
    uint64_t seed = (uint64_t)n;
    for (int64_t i = 0; i < count_of(&x); i++) {
        int kind = (int)(i / n % (KINDS_OF_ROWS + 1));
        set(&x, i, element(kind % KINDS_OF_ROWS, &seed, i));
        set(&dy, i, element(0, &seed, i));
        if (kind == KINDS_OF_ROWS && i % 5 == 0)
            set(&x, i, i % 2 ? -INFINITY : NAN);
    }
    size_t bytes = (size_t)count_of(&x) * clact_type_bytes(type);
    forward(context, f, &x, NULL, &y);
    backward(context, f, &y, NULL, &dy, &dx, 0);
    memcpy(to, y.memory, bytes);
    memcpy(to + bytes, dx.memory, bytes);
    clact_activation_destroy(&f);
    free_array(&x), free_array(&y), free_array(&dx), free_array(&dy);
}

static void compare_contexts(const char *what, clact_context *a, clact_context *b, enum which which, clact_type type,
                             int64_t rows, int64_t n)
{
    size_t bytes = 2 * (size_t)(rows * n) * clact_type_bytes(type);
    char *one = malloc(bytes), *two = malloc(bytes);
    ck_assert(one && two);
    run_strata(a, which, type, rows, n, one);
    run_strata(b, which, type, rows, n, two);
    ck_assert_msg(memcmp(one, two, bytes) == 0, "%s in %s, %lld rows of %lld: %s differs", names[which],
                  clact_type_name(type), (long long)rows, (long long)n, what);
    free(one), free(two);
}

static const int64_t shapes[][2] = {{9, 1}, {40, 3}, {7, 100}, {7, 256}, {7, 1025}, {7, 4099}, {2, 20000}};

static void compare_all(const char *what, clact_context *a, clact_context *b, enum which which)
{
    for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
        for (size_t k = 0; k < COUNT_OF(shapes) - light() * 2; k++)
            if (tries_type(type, which) && !(light() && k % 2 && type != CLACT_F32))
                compare_contexts(what, a, b, which, (clact_type)type, shapes[k][0], shapes[k][1]);
}

START_TEST(device_has_the_bits_of_the_cpu)
{
    clact_context *cpu = cpu_context(NULL, 1);
    if (test_caps()->exact == CLACT_EXACT_ALL)
        compare_all("the device", cpu, test_context(), (enum which)_i);
    clact_close(&cpu);
}
END_TEST

START_TEST(instruction_sets_have_the_same_bits)
{
    static const char *const sets[] = {"baseline", "avx2", "avx512", "neon"};
    clact_context *best = cpu_context(NULL, 1);
    for (size_t k = 0; k < COUNT_OF(sets); k++) {
        clact_context *other;
        clact_options options = {.device = "cpu", .cpu = sets[k], .threads = 1};
        if (clact_open(&other, &options) != CLACT_OK)
            continue;
        compare_all(sets[k], best, other, (enum which)_i);
        clact_close(&other);
    }
    clact_close(&best);
}
END_TEST

START_TEST(threads_do_not_change_bits)
{
    clact_context *one = cpu_context(NULL, 1), *five = cpu_context(NULL, 5);
    compare_contexts("with 5 threads", one, five, (enum which)_i, CLACT_F32, 301, 1001);
    compare_contexts("with 5 threads", one, five, (enum which)_i, CLACT_F32, 3, 100000);
    clact_close(&one);
    clact_close(&five);
}
END_TEST

/* ---- Gradients ------------------------------------------------------------------------------ */

/* sum(dy y(x + h e)) - sum(dy y(x - h e)) over 2 h, in f64. */
START_TEST(gradients_are_those_of_finite_differences)
{
    const int64_t n = 9;
    const double h = 0x1p-18;
    clact_context *cpu = cpu_context(NULL, 1);
    clact_activation *f = scaled(names[_i], 0, -1.25);
    array x = make_array(CLACT_F64, 1, &n), y = make_array(CLACT_F64, 1, &n), dy = make_array(CLACT_F64, 1, &n);
    array dx = make_array(CLACT_F64, 1, &n), moved = make_array(CLACT_F64, 1, &n);
    for (int64_t i = 0; i < n; i++) {
        set(&x, i, 0.3 * sin(3.0 * (double)i));
        set(&dy, i, cos(2.0 * (double)i));
    }
    forward(cpu, f, &x, NULL, &y);
    backward(cpu, f, &y, NULL, &dy, &dx, 0);
    for (int64_t i = 0; i < n; i++) {
        double slope = 0, at = get(&x, i);
        for (int side = -1; side <= 1; side += 2) {
            set(&x, i, at + side * h);
            forward(cpu, f, &x, NULL, &moved);
            for (int64_t k = 0; k < n; k++)
                slope += side * get(&dy, k) * get(&moved, k) / (2 * h);
        }
        set(&x, i, at);
        ck_assert_msg(fabs(slope - get(&dx, i)) < 1e-8, "%s: dx[%d] is %.12g, by differences %.12g", names[_i], (int)i,
                      get(&dx, i), slope);
    }
    clact_activation_destroy(&f);
    clact_close(&cpu);
    free_array(&x), free_array(&y), free_array(&dy), free_array(&dx), free_array(&moved);
}
END_TEST

START_TEST(outputs_may_be_inputs_and_may_be_added_to)
{
    const int64_t n = 5000;
    array x = make_array(CLACT_F32, 1, &n), y = make_array(CLACT_F32, 1, &n), dy = make_array(CLACT_F32, 1, &n);
    array dx = make_array(CLACT_F32, 1, &n), old = make_array(CLACT_F32, 1, &n);
    clact_activation *f = scaled(names[_i], 0, 1);
    fill_row(&x, 0, 11), fill_row(&dy, 0, 12), fill_row(&old, 0, 13);
    for (int64_t i = 0; i < n; i++)
        set(&dx, i, NAN); /* overwritten */
    forward(test_context(), f, &x, NULL, &y);
    backward(test_context(), f, &y, NULL, &dy, &dx, 0);
    backward(test_context(), f, &y, NULL, &dy, &old, -0.75);
    uint64_t seed = 13;
    for (int64_t i = 0; i < n; i++) {
        float was = (float)element(0, &seed, i);
        ck_assert(same(get(&old, i), fmaf(-0.75f, was, (float)get(&dx, i))));
    }
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &x.operand, .y = &x.operand}));
    ck_assert_mem_eq(x.memory, y.memory, (size_t)n * 4);
    OK(clact_backward(test_context(), f, &(clact_backward_args){.y = &y.operand, .dy = &dy.operand, .dx = &dy.operand}));
    ck_assert_mem_eq(dy.memory, dx.memory, (size_t)n * 4);
    fill_row(&dy, 0, 12);
    OK(clact_backward(test_context(), f, &(clact_backward_args){.y = &y.operand, .dy = &dy.operand, .dx = &y.operand}));
    ck_assert_mem_eq(y.memory, dx.memory, (size_t)n * 4);
    clact_activation_destroy(&f);
    free_array(&x), free_array(&y), free_array(&dy), free_array(&dx), free_array(&old);
}
END_TEST

/* ---- Arguments ------------------------------------------------------------------------------ */

START_TEST(rules_are_kept)
{
    const int64_t shape[2] = {2, 3}, none[2] = {0, 3}, empty[2] = {3, 0};
    float x[6] = {1, 2, 3, 4, 5, 6}, y[7];
    uint8_t part[6] = {1, 1, 0, 1, 1, 1};
    array a = make_array(CLACT_F32, 2, shape), b = make_array(CLACT_F32, 2, shape), c = make_array(CLACT_F32, 2, shape);
    clact_activation *f = named("softmax"), *h = named("hardmax"), *far = scaled("softmin", 2, 1);
    clact_context *context = test_context();
    clact_forward_args args = {.x = &a.operand, .y = &b.operand};
    REFUSED(clact_forward(context, far, &args), CLACT_E_ARGUMENT, "the axis of softmin is 2, and x has 2 dimensions");
    clact_backward_args back = {.x = &a.operand, .dy = &b.operand, .dx = &c.operand};
    REFUSED(clact_backward(context, f, &back), CLACT_E_UNSUPPORTED, "made from y, not from x");
    back.x = NULL;
    REFUSED(clact_backward(context, f, &back), CLACT_E_ARGUMENT, "needs y");
    OK(clact_backward(context, h, &back));
    back.y = &a.operand, back.dx_beta = INFINITY;
    REFUSED(clact_backward(context, f, &back), CLACT_E_ARGUMENT, "dx_beta must be finite");
    back.dx_beta = 1, back.dx = &b.operand;
    REFUSED(clact_backward(context, f, &back), CLACT_E_OVERLAP, "dx is dy");
    back.dgate = &a.operand;
    REFUSED(clact_backward(context, f, &back), CLACT_E_ARGUMENT, "dgate");
    clact_operand mask = clact_array(CLACT_U8, part, 6), wrong = clact_array(CLACT_F32, x, 3);
    args.mask = &mask;
    REFUSED(clact_forward(context, f, &args), CLACT_E_ARGUMENT, "mask has 6 elements along an axis where x has 3");
    args.mask = &wrong;
    REFUSED(clact_forward(context, f, &args), CLACT_E_ARGUMENT, "mask is of type f32");
    args.mask = NULL, args.gate = &b.operand;
    REFUSED(clact_forward(context, f, &args), CLACT_E_ARGUMENT, "gate");
    clact_operand in = clact_array(CLACT_F32, y, 6), out = clact_array(CLACT_F32, y + 1, 6);
    clact_forward_args meeting = {.x = &in, .y = &out};
    REFUSED(clact_forward(context, f, &meeting), CLACT_E_OVERLAP, "without being the same view");
    REFUSED(clact_activation_named(&far, "softmax", &(clact_parameter){"scale", 0, 0, 0}, 1), CLACT_E_RANGE, "must not be 0");
    for (int k = 0; k < 2; k++) { /* no rows, rows without elements */
        clact_tensor t = {.type = CLACT_F32, .rank = 2};
        memcpy(t.dims, k ? empty : none, sizeof none);
        clact_operand nothing = {.tensor = t};
        OK(clact_forward(context, f, &(clact_forward_args){.x = &nothing, .y = &nothing}));
        OK(clact_backward(context, f, &(clact_backward_args){.y = &nothing, .dy = &nothing, .dx = &nothing}));
    }
    OK(clact_apply(context, f, 3, x, y));
    ck_assert_float_eq_tol(y[2], 0.66524096f, 1e-7f);
    OK(clact_apply_gradient(context, f, 3, y, x, y));
    clact_activation_destroy(&f), clact_activation_destroy(&h), clact_activation_destroy(&far);
    free_array(&a), free_array(&b), free_array(&c);
}
END_TEST

Suite *rowwise_suite(void)
{
    Suite *suite = suite_create("rowwise");
    TCase *t = tcase_create("rowwise"), *processor = tcase_create("with a processor's own arithmetic");
    tcase_set_timeout(t, 0);
    tcase_set_timeout(processor, 0);
    tcase_set_tags(processor, "processor");
    tcase_add_loop_test(processor, error_is_within_the_bound, 0, WHICH_COUNT);
    tcase_add_loop_test(processor, instruction_sets_have_the_same_bits, 0, WHICH_COUNT);
    tcase_add_test(t, the_greatest_has_the_greatest_share);
    tcase_add_loop_test(t, special_rows, 0, (int)COUNT_OF(special));
    tcase_add_test(t, dead_elements_have_no_gradient);
    tcase_add_loop_test(t, rows_lie_along_any_axis_of_any_view, 0, WHICH_COUNT);
    tcase_add_loop_test(t, many_short_rows_are_as_each_alone, 0, WHICH_COUNT);
    tcase_add_loop_test(t, masked_elements_take_no_part, 0, WHICH_COUNT);
    tcase_add_loop_test(t, stored_types_round_once, 0, WHICH_COUNT);
    tcase_add_loop_test(t, device_has_the_bits_of_the_cpu, 0, WHICH_COUNT);
    tcase_add_loop_test(t, threads_do_not_change_bits, 0, WHICH_COUNT);
    tcase_add_loop_test(t, gradients_are_those_of_finite_differences, 0, WHICH_COUNT);
    tcase_add_loop_test(t, outputs_may_be_inputs_and_may_be_added_to, 0, WHICH_COUNT);
    tcase_add_test(t, rules_are_kept);
    suite_add_tcase(suite, t);
    suite_add_tcase(suite, processor);
    return suite;
}
