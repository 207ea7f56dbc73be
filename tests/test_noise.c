/* test_noise.c: random numbers by place: against a Philox of its own, from any shape, thread count and device. */
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Philox4x32-10 as its authors describe it (Salmon et al., 2011) -------------------------- */

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        uint64_t a = 0xD2511F53u * (uint64_t)c[0], b = 0xCD9E8D57u * (uint64_t)c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        memcpy(c, next, sizeof next);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

static double u_of(uint64_t seed, uint64_t offset, uint64_t i)
{
    unsigned __int128 counter = (unsigned __int128)offset + i / 4;
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)(counter >> 64), (uint32_t)(counter >> 96)};
    philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    return (c[i % 4] >> 8) * 0x1p-24;
}

/* Random123's kat_vectors. */
START_TEST(known_answers)
{
    static const struct { uint32_t counter[4], key[2], expected[4]; } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        uint32_t c[4];
        memcpy(c, known[i].counter, sizeof c);
        philox(c, known[i].key[0], known[i].key[1]);
        for (int k = 0; k < 4; k++)
            ck_assert_uint_eq(c[k], known[i].expected[k]);
    }
}
END_TEST

/* ---- The numbers ---------------------------------------------------------------------------- */

/* rrelu whose slope is the noise itself: -1 becomes -u. */
static clact_activation *bare_noise(void)
{
    clact_activation *f;
    clact_parameter p[] = {{"lower", 0, 0, 0}, {"upper", 1, 0, 0}};
    OK(clact_activation_named(&f, "rrelu", p, 2));
    return f;
}

static clact_activation *dropout(double rate)
{
    clact_activation *f;
    clact_parameter p = {"rate", rate, 0, 0};
    OK(clact_activation_named(&f, "dropout", &p, 1));
    return f;
}

static void forward(clact_context *context, bool buffers, const clact_activation *f, array *x, array *y, uint64_t seed,
                    uint64_t offset)
{
    clact_context *where = buffers ? context : NULL;
    to_device(where, x), to_device(where, y);
    OK(clact_forward(context, f, &(clact_forward_args){.x = &x->operand, .y = &y->operand, .seed = seed,
                                                       .offset = offset, .training = 1}));
    from_device(x), from_device(y);
}

static void check_numbers(uint32_t type, uint32_t rank, const int64_t *dims, const int64_t *xs, const int64_t *ys,
                          uint64_t seed, uint64_t offset, bool buffers)
{
    clact_activation *f = bare_noise();
    array x = xs ? make_strided((clact_type)type, rank, dims, xs) : make_array((clact_type)type, rank, dims);
    array y = ys ? make_strided((clact_type)type, rank, dims, ys) : make_array((clact_type)type, rank, dims);
    array expected = make_array((clact_type)type, 0, NULL);
    for (int64_t i = 0; i < x.extent; i++)
        memory_set(&x, i, -1);
    forward(test_context(), buffers, f, &x, &y, seed, offset);
    for (int64_t i = 0; i < count_of(&y); i++) {
        set(&expected, 0, -u_of(seed, offset, (uint64_t)i));
        ck_assert_msg(get(&y, i) == get(&expected, 0), "%s, seed %llx, offset %llx, element %lld of %lld: %a, expected %a",
                      clact_type_name((clact_type)type), (unsigned long long)seed, (unsigned long long)offset,
                      (long long)i, (long long)count_of(&y), get(&y, i), get(&expected, 0));
    }
    free_array(&x), free_array(&y), free_array(&expected);
    clact_activation_destroy(&f);
}

START_TEST(numbers_go_by_the_index)
{
    static const struct { uint64_t seed, offset; } keys[] = {
        {0, 0}, {1, 0}, {0, 1}, {0x299f31d0a4093822, 0x85a308d3243f6a88}, {UINT64_MAX, UINT64_MAX - 2},
        {0x100000000, 0xfffffffe},
    };
    for (size_t k = 0; k < COUNT_OF(keys); k++)
        for (int64_t n = 1; n <= 1025; n += n < 20 ? 1 : light() ? 335 : 67)
            check_numbers(CLACT_F32, 1, &n, NULL, NULL, keys[k].seed, keys[k].offset, (n + (int64_t)k) % 2);
    int64_t n = 1000;
    for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
        if (test_caps()->types >> type & 1)
            check_numbers(type, 1, &n, NULL, NULL, 7, 9, true);
}
END_TEST

/* Wherever the elements lie, and in whatever order the call walks them. */
START_TEST(numbers_do_not_go_by_the_place)
{
    static const struct { uint32_t rank; int64_t dims[4], xs[4], ys[4]; } shapes[] = {
        {1, {1000}, {2}, {1}}, {1, {1000}, {1}, {-1}}, {1, {1000}, {0}, {3}},
        {2, {30, 40}, {1, 30}, {1, 30}}, {2, {30, 40}, {40, 1}, {1, 30}}, {2, {30, 40}, {0, 1}, {64, 1}},
        {3, {3, 5, 7}, {35, 7, 1}, {100, -7, 1}}, {3, {7, 1, 33}, {1, 5, 7}, {33, 9, 1}},
        {4, {2, 3, 50, 2}, {300, 100, 2, 1}, {-1, 2, 6, 300}}, {0, {0}, {0}, {0}},
        {4, {5, 1, 4, 100}, {400, 0, 100, 1}, {400, 0, 100, 1}},
    };
    for (size_t k = 0; k < COUNT_OF(shapes); k++)
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
            if (test_caps()->types >> type & 1 && (type == CLACT_F32 || k % 4 == 0))
                check_numbers(type, shapes[k].rank, shapes[k].dims, shapes[k].xs, shapes[k].ys, 11, 12, k % 2);
}
END_TEST

/* Threads, parts and devices do not change them. */
START_TEST(numbers_do_not_go_by_the_call)
{
    int64_t n = light() ? 20000 : 1000001;
    clact_activation *f = bare_noise();
    array x = make_array(CLACT_F32, 1, &n), y = make_array(CLACT_F32, 1, &n), z = make_array(CLACT_F32, 1, &n);
    size_t bytes = (size_t)n * sizeof(float);
    for (int64_t i = 0; i < n; i++)
        ((float *)x.memory)[i] = -1;
    clact_context *one = cpu_context(NULL, 1), *five = cpu_context(NULL, 5), *plain = cpu_context("baseline", 1);
    forward(one, false, f, &x, &y, 3, 4);
    for (int64_t i = 0; i < n; i += 997)
        ck_assert(get(&y, i) == -u_of(3, 4, (uint64_t)i));
    forward(five, false, f, &x, &z, 3, 4);
    ck_assert_mem_eq(y.memory, z.memory, bytes);
    forward(plain, false, f, &x, &z, 3, 4);
    ck_assert_mem_eq(y.memory, z.memory, bytes);
    forward(test_context(), true, f, &x, &z, 3, 4);
    ck_assert_mem_eq(y.memory, z.memory, bytes);
    memset(z.memory, 0, bytes); /* in two parts, the second with an offset of its own */
    int64_t half = 4 * (n / 8);
    clact_operand in = clact_array(CLACT_F32, x.memory, half), out = clact_array(CLACT_F32, z.memory, half);
    clact_forward_args args = {.x = &in, .y = &out, .seed = 3, .offset = 4, .training = 1};
    OK(clact_forward(test_context(), f, &args));
    in = clact_array(CLACT_F32, (float *)x.memory + half, n - half);
    out = clact_array(CLACT_F32, (float *)z.memory + half, n - half);
    args.offset += (uint64_t)half / 4;
    OK(clact_forward(test_context(), f, &args));
    ck_assert_mem_eq(y.memory, z.memory, bytes);
    forward(test_context(), true, f, &x, &z, 4, 4); /* another seed */
    int64_t equal = 0;
    for (int64_t i = 0; i < n; i++)
        equal += get(&y, i) == get(&z, i);
    ck_assert_int_lt(equal, 10);
    clact_close(&one), clact_close(&five), clact_close(&plain);
    clact_activation_destroy(&f);
    free_array(&x), free_array(&y), free_array(&z);
}
END_TEST

/* ---- The rows ------------------------------------------------------------------------------- */

static double ulps(clact_type type, double got, long double exact)
{
    int digits = type == CLACT_F64 ? 53 : 24, e, least = type == CLACT_F64 ? -1021 : -125;
    if (isnan(exact) || isinf(exact) || isnan(got) || isinf(got))
        return isnan(exact) ? (isnan(got) ? 0 : 1e9) : (long double)got == exact ? 0 : 1e9;
    frexpl(exact, &e);
    return (double)(fabsl((long double)got - exact) / ldexpl(1, (e < least ? least : e) - digits));
}

static long double rounded_to(clact_type type, double p)
{
    return type == CLACT_F64 ? p : (double)(float)p;
}

/* Both directions of a row in training, against its definition: dy is 1. */
static void check_row(const clact_activation *f, clact_type type, bool drops, double p0, double p1, double *worst)
{
    int64_t n = 4000;
    array x = make_array(type, 1, &n), y = make_array(type, 1, &n), dy = make_array(type, 1, &n);
    array dx = make_array(type, 1, &n);
    float *v = malloc((size_t)n * sizeof *v);
    ck_assert_ptr_nonnull(v);
    fill_strata(v, (size_t)n, 3);
    for (int64_t i = 0; i < n; i++)
        set(&x, i, type == CLACT_F64 && i % 2 ? v[i] * (1 + (double)i * 0x1p-40) : v[i]), set(&dy, i, 1);
    forward(test_context(), true, f, &x, &y, 1, 2);
    clact_backward_args args = {.x = &x.operand, .dy = &dy.operand, .dx = &dx.operand, .seed = 1, .offset = 2, .training = 1};
    to_device(test_context(), &x), to_device(test_context(), &dy), to_device(test_context(), &dx);
    OK(clact_backward(test_context(), f, &args));
    from_device(&x), from_device(&dy), from_device(&dx);
    long double a0 = rounded_to(type, p0), a1 = rounded_to(type, p1);
    for (int64_t i = 0; i < n; i++) {
        long double u = u_of(1, 2, (uint64_t)i), in = get(&x, i), a = drops ? (u < a0 ? 0 : 1 / (1 - a0)) : a0 + u * (a1 - a0);
        bool passes = !drops && !(in <= 0); /* NaN too */
        long double slope = passes ? (isnan(in) ? in : 1) : a;
        long double value = isnan(in) ? in : passes ? in : a == 0 ? 0 : drops ? in / (1 - a0) : a * in;
        bool flushed = test_caps()->exact == CLACT_EXACT_NORMAL && fabsl(value) < 0x1p-126L;
        if (type != CLACT_F64 && fabsl(value) >= 0x1.ffffffp127L && !isinf(in))
            value = (float)value;
        double forward_error = flushed ? 0 : ulps(type, get(&y, i), value), error = ulps(type, get(&dx, i), slope);
        ck_assert_msg(forward_error <= 1 && error <= 1, "%s(%g, %g) of %Lg with u = %Lg: %a, %g ulp; derivative %a, %g ulp",
                      clact_activation_info_of(f)->name, p0, p1, in, u, get(&y, i), forward_error, get(&dx, i), error);
        ck_assert_msg(!signbit(get(&y, i)) == !signbit(value) || isnan(in) || flushed, "%s(%g, %g) of %Lg with u = %Lg: %a",
                      clact_activation_info_of(f)->name, p0, p1, in, u, get(&y, i));
        if (fabsl(value) >= (type == CLACT_F64 ? 0x1p-1022L : 0x1p-126L)) /* a subnormal is rounded twice */
            *worst = forward_error > *worst ? forward_error : *worst;
        *worst = error > *worst ? error : *worst;
    }
    free(v);
    free_array(&x), free_array(&y), free_array(&dy), free_array(&dx);
}

START_TEST(rows_are_within_their_bound)
{
    static const double rates[] = {0, 0.1, 0.25, 0.5, 0.3, 0.9, 0.99999, 0x1.fffffep-1, 1e-9, 1e-30};
    static const double slopes[][2] = {{0.125, 1.0 / 3}, {0, 1}, {-1, 1}, {0.1, 0.1000001}, {5, -3}, {0, 0}, {1e-20, 1e15}};
    double worst[2] = {0, 0};
    for (int t = 0; t < 2; t++) {
        clact_type type = t ? CLACT_F64 : CLACT_F32;
        if (!(test_caps()->types >> type & 1))
            continue;
        for (size_t k = 0; k < COUNT_OF(rates); k++) {
            clact_activation *f = dropout(rates[k]);
            check_row(f, type, true, rates[k], 0, &worst[0]);
            clact_activation_destroy(&f);
        }
        for (size_t k = 0; k < COUNT_OF(slopes); k++) {
            clact_activation *f;
            clact_parameter p[] = {{"lower", slopes[k][0], 0, 0}, {"upper", slopes[k][1], 0, 0}};
            OK(clact_activation_named(&f, "rrelu", p, 2));
            check_row(f, type, false, slopes[k][0], slopes[k][1], &worst[1]);
            clact_activation_destroy(&f);
        }
    }
    ck_assert_msg(worst[0] < 0.52 && worst[1] < 0.52, "dropout %g ulp, rrelu %g", worst[0], worst[1]);
}
END_TEST

/* At inference: rrelu's mean slope, and nothing at all. */
START_TEST(nothing_is_drawn_outside_training)
{
    float x[1000], y[1000], dx[1000];
    fill_strata(x, 1000, 1);
    clact_activation *f = dropout(0.9), *g = named("rrelu");
    run_array(test_context(), f, CLACT_F32, 1000, x, NULL, y);
    run_array(test_context(), f, CLACT_F32, 1000, x, x, dx);
    for (int i = 0; i < 1000; i++) {
        uint32_t expected = isnan(x[i]) ? 0x7fc00000u : bits_of(x[i]);
        bool flushed = test_caps()->exact == CLACT_EXACT_NORMAL && fabsf(x[i]) < 0x1p-126f;
        ck_assert(bits_of(y[i]) == expected && (bits_of(dx[i]) == expected || flushed));
    }
    run_array(test_context(), g, CLACT_F32, 1000, (float[1000]){-48}, NULL, y);
    ck_assert(y[0] == -48 * (0.125f + 1 / 3.0f) / 2);
    clact_activation_destroy(&f);
    clact_activation_destroy(&g);
}
END_TEST

/* What is dropped, how many are, and the same again backward, without x. */
START_TEST(dropout_drops_its_share)
{
    int64_t n = light() ? 20000 : 1000000;
    static const double rates[] = {0.1, 0.5, 0.9};
    array x = make_array(CLACT_F32, 1, &n), y = make_array(CLACT_F32, 1, &n), dx = make_array(CLACT_F32, 1, &n);
    for (size_t k = 0; k < COUNT_OF(rates); k++) {
        clact_activation *f = dropout(rates[k]);
        for (int64_t i = 0; i < n; i++)
            ((float *)x.memory)[i] = i % 7 == 0 ? INFINITY : 1.0f + (float)(i % 100);
        forward(test_context(), true, f, &x, &y, 77, 5);
        to_device(test_context(), &x), to_device(test_context(), &dx);
        OK(clact_backward(test_context(), f, &(clact_backward_args){.dy = &x.operand, .dx = &dx.operand, .seed = 77,
                                                                    .offset = 5, .training = 1}));
        from_device(&x), from_device(&dx);
        double dropped = 0;
        for (int64_t i = 0; i < n; i++) {
            float a = ((float *)y.memory)[i], b = ((float *)dx.memory)[i];
            bool drops = u_of(77, 5, (uint64_t)i) < (double)(float)rates[k];
            ck_assert_msg(drops ? bits_of(a) == 0 && bits_of(b) == 0 : a > 0 && (a == b || fabsf(a - b) < a * 0x1p-22f),
                          "rate %g, element %lld: %a and %a", rates[k], (long long)i, a, b);
            dropped += drops;
        }
        double expected = rates[k] * (double)n, sigma = sqrt(expected * (1 - rates[k]));
        ck_assert_msg(fabs(dropped - expected) < 5 * sigma, "rate %g: %g of %g", rates[k], dropped, (double)n);
        clact_activation_destroy(&f);
    }
    free_array(&x), free_array(&y), free_array(&dx);
}
END_TEST

/* The CPU and the device, bit for bit, at the parameters' defaults. */
START_TEST(device_draws_as_the_cpu)
{
    static const char *const names[] = {"rrelu", "dropout"};
    clact_context *cpu = cpu_context(NULL, 1);
    int64_t n = light() ? 3000 : 40000;
    for (size_t k = 0; k < COUNT_OF(names); k++)
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++) {
            if (!(test_caps()->types >> type & 1))
                continue;
            clact_activation *f = named(names[k]);
            array x = make_array((clact_type)type, 1, &n), y = make_array((clact_type)type, 1, &n);
            array z = make_array((clact_type)type, 1, &n);
            float *v = malloc((size_t)n * sizeof *v);
            ck_assert_ptr_nonnull(v);
            fill_strata(v, (size_t)n, 9);
            for (int64_t i = 0; i < n; i++)
                set(&x, i, v[i]);
            free(v);
            forward(cpu, false, f, &x, &y, 1, 1);
            forward(test_context(), true, f, &x, &z, 1, 1);
            for (int64_t i = 0; i < n; i++) {
                double a = get(&y, i), b = get(&z, i);
                bool flushed = test_caps()->exact == CLACT_EXACT_NORMAL && (fabs(get(&x, i)) < 0x1p-126 || fabs(a) < 0x1p-126);
                ck_assert_msg(isnan(a) ? isnan(b) != 0 : memcmp(&a, &b, sizeof a) == 0 || flushed, "%s %s of %a: %a and %a",
                              names[k], clact_type_name((clact_type)type), get(&x, i), a, b);
            }
            free_array(&x), free_array(&y), free_array(&z);
            clact_activation_destroy(&f);
        }
    clact_close(&cpu);
}
END_TEST

START_TEST(training_is_harmless_without_noise)
{
    float x[300], y[300], z[300];
    fill_strata(x, 300, 1);
    clact_activation *f = named("leaky_relu"), *g;
    ck_assert_uint_eq(clact_activation_info_of(f)->noise, 0);
    ck_assert_uint_eq(clact_activation_find("rrelu")->noise, 1);
    ck_assert_uint_eq(clact_activation_find("dropout")->noise, 1);
    clact_operand in = clact_array(CLACT_F32, x, 300), out = clact_array(CLACT_F32, y, 300);
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &in, .y = &out, .training = 1, .seed = 5}));
    OK(clact_apply(test_context(), f, 300, x, z));
    ck_assert_mem_eq(y, z, sizeof y);
    REFUSED(clact_forward(test_context(), f, &(clact_forward_args){.x = &in, .y = &out, .training = 2}), CLACT_E_ARGUMENT, "training");
    clact_parameter p = {"rate", 1, 0, 0};
    REFUSED(clact_activation_named(&g, "dropout", &p, 1), CLACT_E_RANGE, "rate of dropout must be at most 0.99999994, and is 1");
    clact_activation_destroy(&f);
}
END_TEST

Suite *noise_suite(void)
{
    Suite *s = suite_create("noise");
    TCase *t = tcase_create("noise");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, known_answers);
    tcase_add_test(t, numbers_go_by_the_index);
    tcase_add_test(t, numbers_do_not_go_by_the_place);
    tcase_add_test(t, numbers_do_not_go_by_the_call);
    tcase_add_test(t, rows_are_within_their_bound);
    tcase_add_test(t, nothing_is_drawn_outside_training);
    tcase_add_test(t, dropout_drops_its_share);
    tcase_add_test(t, device_draws_as_the_cpu);
    tcase_add_test(t, training_is_harmless_without_noise);
    suite_add_tcase(s, t);
    return s;
}
