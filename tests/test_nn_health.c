/* test_nn_health.c: counts of zeros, NaN, infinities and what is saturated, by unit and over a window, beyond 2^24. */
#include "nn.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct health {
    uint32_t by_unit, add, saturation;
    double low, high;
};

static clact_status run_health(clact_context *context, const struct nn_case *c)
{
    const struct health *h = c->what;
    const clact_nn_health_args args = {.x = nn_operand(c, 0), .record = nn_operand(c, 1), .by_unit = h->by_unit,
        .add = h->add, .saturation = h->saturation, .low = h->low, .high = h->high};
    return clact_nn_health(context, &args, NULL);
}

static struct nn_case make_health(const struct health *h, clact_type type, int64_t rows, int64_t units)
{
    const int64_t dims[2] = {rows, units}, bytes = (int64_t)clact_nn_health_bytes(h->by_unit ? (uint64_t)units : 1);
    return (struct nn_case){.arrays = {make_array(type, 2, dims), make_array(CLACT_U8, 1, &bytes)}, .count = 2,
                            .outputs = 1, .what = h};
}

/* Values of every kind; the last unit is dead. */
static void fill(array *x)
{
    static const double values[] = {0, -0.0, 1, -1, 0.5, NAN, INFINITY, -INFINITY, 0.96875, -0.25, 0x1p-24};
    int64_t units = x->operand.tensor.dims[1];
    uint64_t seed = 1;
    for (int64_t i = 0; i < count_of(x); i++)
        set(x, i, i % units == units - 1 ? 0 : values[next_random(&seed) % COUNT_OF(values)]);
}

static void count(const array *x, const struct health *h, clact_nn_counts *counts, uint64_t times)
{
    int64_t units = h->by_unit ? x->operand.tensor.dims[1] : 1;
    memset(counts, 0, (size_t)units * sizeof *counts);
    for (int64_t i = 0; i < count_of(x); i++) {
        double value = get(x, i);
        clact_nn_counts *c = &counts[i % units];
        c->seen += times;
        c->zeros += value == 0 ? times : 0;
        c->nans += isnan(value) ? times : 0;
        c->infinities += isinf(value) ? times : 0;
        c->saturated += h->saturation && (value <= h->low || value >= h->high) ? times : 0;
    }
}

static void check_counts(const struct nn_case *c, const clact_nn_counts *expected, int64_t units)
{
    clact_nn_health_summary summary;
    clact_nn_counts got[512];
    uint64_t zeros = 0, dead = 0;
    OK(clact_nn_health_read(&summary, got, test_context(), nn_operand(c, 1)));
    ck_assert_uint_eq(summary.units, (uint64_t)units);
    for (int64_t u = 0; u < units; u++) {
        ck_assert_msg(memcmp(&got[u], &expected[u], sizeof *got) == 0,
                      "unit %d: %llu zeros, %llu NaN, %llu infinite, %llu saturated of %llu", (int)u,
                      (unsigned long long)got[u].zeros, (unsigned long long)got[u].nans,
                      (unsigned long long)got[u].infinities, (unsigned long long)got[u].saturated, (unsigned long long)got[u].seen);
        zeros += expected[u].zeros;
        dead += expected[u].zeros == expected[u].seen;
    }
    ck_assert_uint_eq(summary.total.zeros, zeros);
    ck_assert_uint_eq(summary.dead, dead);
}

START_TEST(counts_are_those_of_the_elements)
{
    static const struct health cases[] = {{0, 0, 0, 0, 0}, {1, 0, 1, -0.9375, 0.9375}, {1, 1, 1, 0.25, INFINITY}};
    static const int64_t shapes[][2] = {{1, 1}, {1, 9}, {19, 3}, {300, 70}, {7, 512}, {5000, 2}};
    for (size_t k = 0; k < COUNT_OF(cases); k++)
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
            for (size_t s = 0; s < COUNT_OF(shapes) - (light() ? 2 : 0); s++) {
                if (!tries_type(type, k))
                    continue;
                struct health h = cases[k], first = cases[k];
                struct nn_case c = make_health(&h, (clact_type)type, shapes[s][0], shapes[s][1]);
                clact_nn_counts expected[512];
                fill(&c.arrays[0]);
                first.add = 0;
                memset(c.arrays[1].memory, 0x55, (size_t)c.arrays[1].extent);
                for (int buffers = 0; buffers < 2; buffers++) {
                    c.what = &first;
                    nn_call(test_context(), buffers, &c, run_health);
                    c.what = &h;
                    nn_call(test_context(), buffers, &c, run_health);
                    count(&c.arrays[0], &h, expected, h.add ? 2 : 1);
                    check_counts(&c, expected, h.by_unit ? shapes[s][1] : 1);
                }
                nn_same_bits(&c, run_health, "counts");
                nn_free(&c);
            }
}
END_TEST

/* One unit of many elements; many rows of two units; and a window that grows beyond. */
START_TEST(counts_beyond_2_24)
{
    const int64_t many = (1 << 24) + 4099;
    struct health h = {0, 0, 1, -1, 0};
    for (h.by_unit = 0; h.by_unit < 2 && !light(); h.by_unit++) {
        struct nn_case c = make_health(&h, CLACT_BF16, many, h.by_unit ? 2 : 1);
        uint16_t *x = c.arrays[0].memory;
        for (int64_t i = 0; h.by_unit && i < many; i++)
            x[2 * i] = 0x7fc0;
        OK(run_health(test_context(), &c));
        const clact_nn_counts zero = {(uint64_t)many, (uint64_t)many, 0, 0, (uint64_t)many};
        const clact_nn_counts nan = {(uint64_t)many, 0, (uint64_t)many, 0, 0}, both[2] = {nan, zero};
        check_counts(&c, h.by_unit ? both : &zero, h.by_unit ? 2 : 1);
        nn_free(&c);
    }
    const uint64_t times = light() ? 3 : 40;
    const int64_t n = light() ? 4099 : (1 << 19) + 1;
    struct health window = {0, 1, 0, 0, 0};
    struct nn_case c = make_health(&window, CLACT_F32, n, 1);
    to_device(test_context(), &c.arrays[0]);
    to_device(test_context(), &c.arrays[1]);
    for (uint64_t i = 0; i < times; i++)
        OK(run_health(test_context(), &c));
    const clact_nn_counts zeros = {(uint64_t)n * times, (uint64_t)n * times, 0, 0, 0};
    check_counts(&c, &zeros, 1);
    nn_free(&c);
}
END_TEST

/* ---- Threads -------------------------------------------------------------------------------- */

static void *count_often(void *argument)
{
    const struct health h = {1, 0, 1, -0.5, 0.5};
    const bool device = !strstr(test_caps()->platform, "Oclgrind"); /* which must not be called from two threads */
    struct nn_case c = make_health(&h, CLACT_F32, 40, 33);
    clact_nn_counts expected[33];
    (void)argument;
    fill(&c.arrays[0]);
    count(&c.arrays[0], &h, expected, 1);
    for (int i = 0; i < (light() ? 3 : 20); i++) {
        memset(c.arrays[1].memory, 0, (size_t)c.arrays[1].extent);
        nn_call(test_context(), device && i % 2, &c, run_health);
        if (memcmp(c.arrays[1].memory, expected, sizeof expected) != 0)
            return "other counts";
    }
    nn_free(&c);
    return NULL;
}

START_TEST(threads_count_beside_each_other)
{
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_often, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

START_TEST(health_refused)
{
    struct health h = {1, 0, 1, -1, 1};
    struct nn_case c = make_health(&h, CLACT_F32, 2, 3);
    clact_context *context = test_context();
    clact_nn_health_args good = {.x = nn_operand(&c, 0), .record = nn_operand(&c, 1), .by_unit = 1}, a = good;
    clact_nn_health_summary summary;
    OK(clact_nn_health(context, &good, NULL));
    a.by_unit = 0;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_ARGUMENT, "record has room for 3 units, and x has 1");
    a = good;
    a.x = NULL;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_ARGUMENT, "x must not be NULL");
    a = good;
    a.record = a.x;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_ARGUMENT, "record must be of type u8");
    a = good;
    a.x = a.record;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_UNSUPPORTED, "x is of type u8");
    a = good;
    a.saturation = 1;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_RANGE, "low must be below high");
    a = good;
    a.add = 2;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_ARGUMENT, "must be 0 or 1");
    clact_operand odd = *good.record;
    odd.data = (char *)odd.data + 4;
    a.add = 0;
    a.record = &odd;
    REFUSED(clact_nn_health(context, &a, NULL), CLACT_E_ARGUMENT, "record is not aligned to 8 bytes");
    odd = *good.record;
    odd.tensor.dims[0] -= 1;
    REFUSED(clact_nn_health_read(&summary, NULL, context, &odd), CLACT_E_ARGUMENT, "a unit takes 40");
    ck_assert_uint_eq(clact_nn_health_bytes(UINT64_MAX / 2), 0);
    nn_free(&c);
}
END_TEST

Suite *nn_health_suite(void)
{
    Suite *s = suite_create("nn_health");
    TCase *c = tcase_create("health");
    tcase_set_timeout(c, 0);
    tcase_add_test(c, counts_are_those_of_the_elements);
    tcase_add_test(c, counts_beyond_2_24);
    tcase_add_test(c, threads_count_beside_each_other);
    tcase_add_test(c, health_refused);
    suite_add_tcase(s, c);
    return s;
}
