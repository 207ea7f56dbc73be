/* test_nn_matmul.c: products of matrices: exact ones bit for bit, fast ones within the bound of any order. */
#include "suites.h"

#include "convert.h"

#include <clact/nn.h>
#include <clact/opencl.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Operands ------------------------------------------------------------------------------- */

struct product {
    int64_t m, n, k;
    uint32_t transpose_a, transpose_b;
    double beta;
    uint32_t mode;
};

struct operands {
    array a, b, c;
};

static array matrix(clact_type type, int64_t rows, int64_t columns)
{
    array a = make_array(type, 2, (const int64_t[]){rows, columns});
    a.operand.tensor.strided = 0;
    return a;
}

/* In [-1, 1), with all the digits that the type has: sums of fewer would be exact in any order. */
static void fill(array *a, uint64_t seed)
{
    for (int64_t i = 0; i < count_of(a); i++)
        set(a, i, (double)(int64_t)next_random(&seed) * 0x1p-63);
}

/* Where beta is 0 C holds NaN, which must not be read. */
static struct operands make(clact_type type, const struct product *p, uint64_t seed)
{
    struct operands o = {
        p->transpose_a ? matrix(type, p->k, p->m) : matrix(type, p->m, p->k),
        p->transpose_b ? matrix(type, p->n, p->k) : matrix(type, p->k, p->n),
        matrix(type, p->m, p->n),
    };
    fill(&o.a, seed), fill(&o.b, seed + 1), fill(&o.c, seed + 2);
    for (int64_t i = 0; p->beta == 0 && i < count_of(&o.c); i++)
        set(&o.c, i, NAN);
    return o;
}

static void free_operands(struct operands *o)
{
    free_array(&o->a), free_array(&o->b), free_array(&o->c);
}

static clact_status multiply(clact_context *context, const struct product *p, const struct operands *o)
{
    clact_nn_matmul_args args = {.a = &o->a.operand,
                                 .b = &o->b.operand,
                                 .c = &o->c.operand,
                                 .transpose_a = p->transpose_a,
                                 .transpose_b = p->transpose_b,
                                 .beta = p->beta,
                                 .mode = p->mode};
    return clact_nn_matmul(context, &args, NULL);
}

/* In buffers of place, or in host memory where it is NULL. */
static void run(clact_context *context, clact_context *place, const struct product *p, struct operands *o)
{
    to_device(place, &o->a), to_device(place, &o->b), to_device(place, &o->c);
    OK(multiply(context, p, o));
    from_device(&o->a), from_device(&o->b), from_device(&o->c);
}

static int64_t index_in(const struct product *p, bool of_b, int64_t outer, int64_t term)
{
    if (of_b)
        return p->transpose_b ? outer * p->k + term : term * p->n + outer;
    return p->transpose_a ? term * p->m + outer : outer * p->k + term;
}

/* A matrix as doubles, to be freed. */
static double *doubles_of(const array *a)
{
    double *values = malloc(((size_t)count_of(a) + 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    convert_elements(values, CLACT_F64, a->memory, (clact_type)a->operand.tensor.type, (size_t)count_of(a));
    return values;
}

struct values {
    double *a, *b;
};

static struct values values_of(const struct operands *o)
{
    return (struct values){doubles_of(&o->a), doubles_of(&o->b)};
}

static void free_values(struct values *v)
{
    free(v->a), free(v->b);
}

/* By libm, term after term. */
static double chain(const struct product *p, const struct values *v, bool f64, int64_t i, int64_t j, double old)
{
    double sum = 0;
    for (int64_t t = 0; t < p->k; t++) {
        double a = v->a[index_in(p, false, i, t)], b = v->b[index_in(p, true, j, t)];
        sum = f64 ? fma(a, b, sum) : (double)fmaf((float)a, (float)b, (float)sum);
    }
    if (p->beta != 0)
        sum = f64 ? fma(p->beta, old, sum) : (double)fmaf((float)p->beta, (float)old, (float)sum);
    return sum;
}

static void check_exact(const struct product *p, const struct operands *o, const array *before)
{
    const clact_type type = (clact_type)o->c.operand.tensor.type;
    array expected = matrix(type, p->m, p->n);
    struct values v = values_of(o);
    for (int64_t i = 0; i < count_of(&o->c); i++) {
        set(&expected, i, chain(p, &v, type == CLACT_F64, i / p->n, i % p->n, p->beta == 0 ? 0 : get(before, i)));
        double got = get(&o->c, i), wanted = get(&expected, i);
        ck_assert_msg(memcmp(&got, &wanted, sizeof got) == 0,
                      "%s %lldx%lldx%lld, transposed %u %u, beta %g: [%lld] is %a, not %a", clact_type_name(type),
                      (long long)p->m, (long long)p->n, (long long)p->k, p->transpose_a, p->transpose_b, p->beta,
                      (long long)i, got, wanted);
    }
    free_values(&v);
    free_array(&expected);
}

/* On the host, which is the CPU backend, and on the device. */
static void try_product(clact_type type, const struct product *p, uint64_t seed)
{
    for (int place = 0; place < 2; place++) {
        if (place && !has_type(type))
            continue;
        struct operands o = make(type, p, seed);
        array before = matrix(type, p->m, p->n);
        memcpy(before.memory, o.c.memory, (size_t)count_of(&o.c) * clact_type_bytes(type));
        run(test_context(), place ? test_context() : NULL, p, &o);
        check_exact(p, &o, &before);
        free_array(&before);
        free_operands(&o);
    }
}

/* ---- Exact products ------------------------------------------------------------------------- */

/* Around the sizes of tiles, of blocks and of pieces of the depth. */
static const int64_t sizes[][3] = {
    {1, 1, 1},  {0, 3, 2},    {3, 0, 2},    {3, 2, 0},      {0, 0, 0},     {2, 3, 5},       {12, 32, 16},
    {13, 33, 17}, {7, 1, 31}, {1, 47, 300}, {130, 129, 33}, {5, 131, 257}, {145, 385, 3},
};

START_TEST(every_size)
{
    static const double betas[] = {0, 1, -0.75};
    const int64_t *s = sizes[_i];
    if (light() && s[0] * s[1] * s[2] > 20000)
        return;
    for (unsigned turn = 0; turn < 12; turn++) {
        clact_type type = (clact_type)((turn + (unsigned)_i) % CLACT_TYPE_COUNT);
        struct product p = {s[0], s[1], s[2], turn & 1, turn >> 1 & 1, betas[turn % 3], CLACT_NN_EXACT};
        if (!light() || (turn < 4 && tries_type(type, turn)))
            try_product(type, &p, turn);
    }
}
END_TEST

/* Infinities, NaN, zeros of either sign and what overflows or is subnormal. */
START_TEST(special_values)
{
    static const double values[] = {0.0,      -0.0,     INFINITY,  -INFINITY, NAN, 0x1p100,
                                    -0x1p100, 0x1p-100, -0x1p-100, 0x1p-140,  1,   -3};
    enum { V = COUNT_OF(values) };
    if (test_caps()->exact != CLACT_EXACT_ALL)
        return;
    for (unsigned place = 0; place < 2; place++) { /* all pairs of pairs: a0 b0 + a1 b1 */
        struct product p = {V * V, V * V, 2, 0, 0, 0, CLACT_NN_EXACT};
        struct operands o = make(CLACT_F32, &p, 1);
        for (int64_t i = 0; i < V * V; i++) {
            set(&o.a, 2 * i, values[i % V]), set(&o.a, 2 * i + 1, values[i / V]);
            set(&o.b, i, values[i / V]), set(&o.b, V * V + i, values[i % V]);
        }
        run(test_context(), place ? test_context() : NULL, &p, &o);
        struct values v = values_of(&o);
        for (int64_t i = 0; i < p.m * p.n; i++) {
            float expected = (float)chain(&p, &v, false, i / p.n, i % p.n, 0), got = ((const float *)o.c.memory)[i];
            uint32_t bits = isnan(expected) ? 0x7fc00000u : bits_of(expected);
            ck_assert_msg(bits_of(got) == bits, "[%lld] is %a, not %a", (long long)i, (double)got, (double)expected);
        }
        free_values(&v);
        free_operands(&o);
    }
}
END_TEST

/* One thread or four, any instruction set: the same bits; the sizes are of several blocks. */
START_TEST(the_same_bits)
{
    static const char *const sets[] = {NULL, NULL, "baseline", "avx2", "avx512", "neon"};
    struct product p = {150, 400, light() ? 70 : 270, 1, 0, 0.5, CLACT_NN_EXACT};
    for (int turn = 0; turn < 2; turn++) {
        clact_type type = turn ? CLACT_F64 : CLACT_F32;
        struct operands first = make(type, &p, 8);
        size_t bytes = (size_t)count_of(&first.c) * clact_type_bytes(type);
        for (size_t k = 0; k < COUNT_OF(sets); k++) {
            clact_context *c = NULL;
            clact_options options = {.device = "cpu", .cpu = sets[k], .threads = k == 1 ? 4 : 1};
            if (clact_open(&c, &options) != CLACT_OK)
                continue; /* not on this processor */
            struct operands o = make(type, &p, 8);
            OK(multiply(c, &p, k ? &o : &first));
            ck_assert_msg(!k || memcmp(o.c.memory, first.c.memory, bytes) == 0, "other bits: %s, %zu",
                          sets[k] ? sets[k] : "threads", k);
            free_operands(&o);
            clact_close(&c);
        }
        array before = matrix(type, p.m, p.n);
        fill(&before, 10);
        check_exact(&p, &first, &before);
        free_array(&before);
        free_operands(&first);
    }
}
END_TEST

/* ---- Fast products -------------------------------------------------------------------------- */

/* Within depth + 2 half units of the sum of the magnitudes, which bounds every order of the terms. */
static void check_fast(const struct product *p, const struct operands *o, const array *before)
{
    const double unit = o->c.operand.tensor.type == CLACT_F64 ? 0x1p-53 : 0x1p-24;
    struct values v = values_of(o);
    for (int64_t i = 0; i < count_of(&o->c); i++) {
        long double sum = 0, size = 0;
        for (int64_t t = 0; t < p->k; t++) {
            long double term = (long double)v.a[index_in(p, false, i / p->n, t)] * v.b[index_in(p, true, i % p->n, t)];
            sum += term, size += fabsl(term);
        }
        if (p->beta != 0) {
            sum += (long double)p->beta * get(before, i);
            size += fabsl((long double)p->beta * get(before, i));
        }
        double got = get(&o->c, i), most = (double)(size * unit * (double)(p->k + 2) * 1.001L);
        ck_assert_msg(fabs((double)(got - sum)) <= most, "[%lld] is %a, not %La, beyond %g", (long long)i, got, sum,
                      most);
    }
    free_values(&v);
}

START_TEST(fast_products)
{
    static const int64_t fast_sizes[][3] = {{1, 1, 1},   {3, 2, 0},    {0, 2, 3},    {17, 5, 40},
                                            {1, 60, 33}, {64, 64, 64}, {70, 130, 50}};
    clact_nn_products products;
    OK(clact_nn_products_of(test_context(), &products));
    for (size_t s = 0; s < COUNT_OF(fast_sizes); s++)
        for (unsigned turn = 0; turn < (light() ? 4 : 8); turn++)
            for (int place = 0; place < 2; place++) {
                clact_type type = turn & 1 ? CLACT_F64 : CLACT_F32;
                struct product p = {fast_sizes[s][0], fast_sizes[s][1], fast_sizes[s][2], turn >> 1 & 1, turn & 1,
                                    turn & 4 ? -0.75 : 0, CLACT_NN_FAST};
                if ((place && !has_type(type)) || (light() && s > 4))
                    continue;
                struct operands o = make(type, &p, s);
                array before = matrix(type, p.m, p.n);
                memcpy(before.memory, o.c.memory, (size_t)count_of(&o.c) * clact_type_bytes(type));
                run(test_context(), place ? test_context() : NULL, &p, &o);
                if ((place ? products.device : products.host) == CLACT_NN_PRODUCT_EXACT)
                    check_exact(&p, &o, &before);
                check_fast(&p, &o, &before);
                free_array(&before);
                free_operands(&o);
            }
}
END_TEST

/* What is taken follows from the libraries and the device; a test run says which, so that a log shows what it tried. */
START_TEST(what_is_taken)
{
    clact_nn_products p;
    OK(clact_nn_products_of(test_context(), &p));
    printf("fast products: host %u (%s), device %u (%s)\n", (unsigned)p.host, p.host_reason, (unsigned)p.device,
           p.device_reason);
    const char *blas = getenv("CLACT_BLAS_LIBRARY"), *clblast = getenv("CLACT_CLBLAST_LIBRARY");
    bool no_blas = blas && strcmp(blas, "disabled") == 0, no_clblast = clblast && strcmp(clblast, "disabled") == 0;
    ck_assert_uint_ne(p.host, CLACT_NN_PRODUCT_CLBLAST);
    if (no_blas) {
        ck_assert_uint_eq(p.host, CLACT_NN_PRODUCT_EXACT);
        ck_assert_uint_ne(p.device, CLACT_NN_PRODUCT_BLAS);
        ck_assert_ptr_nonnull(strstr(p.host_reason, "disabled by CLACT_BLAS_LIBRARY"));
    }
    if (no_clblast)
        ck_assert_uint_ne(p.device, CLACT_NN_PRODUCT_CLBLAST);
    if (test_caps()->backend == CLACT_BACKEND_CPU)
        ck_assert_uint_eq(p.device, p.host);
    OK(clact_nn_clear_cache());
    REFUSED(clact_nn_products_of(NULL, &p), CLACT_E_ARGUMENT, "must not be NULL");
}
END_TEST

/* f16 is CLBlast's where it has it, and bf16 nobody's. */
START_TEST(narrow_fast_products)
{
    struct product p = {4, 5, 6, 0, 0, 0, CLACT_NN_FAST};
    struct operands bf16 = make(CLACT_BF16, &p, 1), f16 = make(CLACT_F16, &p, 1);
    REFUSED(multiply(test_context(), &p, &bf16), CLACT_E_UNSUPPORTED, "no library computes fast products of bf16");
    REFUSED(multiply(test_context(), &p, &f16), CLACT_E_UNSUPPORTED,
            "fast products of f16 are for operands on an OpenCL device");
    if (test_caps()->backend == CLACT_BACKEND_OPENCL) {
        to_device(test_context(), &f16.a), to_device(test_context(), &f16.b), to_device(test_context(), &f16.c);
        clact_status status = multiply(test_context(), &p, &f16);
        ck_assert_msg(status == CLACT_OK || status == CLACT_E_UNSUPPORTED, "%s: %s", clact_status_name(status),
                      clact_error());
        ck_assert(status == CLACT_OK || strstr(clact_error(), "f16"));
        from_device(&f16.a), from_device(&f16.b), from_device(&f16.c);
    }
    free_operands(&bf16), free_operands(&f16);
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------ */

START_TEST(operands_that_do_not_fit)
{
    struct product p = {4, 5, 6, 0, 0, 0, CLACT_NN_EXACT};
    struct operands o = make(CLACT_F32, &p, 1);
    clact_nn_matmul_args good = {.a = &o.a.operand, .b = &o.b.operand, .c = &o.c.operand}, args = good;
    clact_operand other;
    clact_context *c = test_context();
    OK(clact_nn_matmul(c, &good, NULL));
    REFUSED(clact_nn_matmul(NULL, &good, NULL), CLACT_E_ARGUMENT, "context and args must not be NULL");
    REFUSED(clact_nn_matmul(c, NULL, NULL), CLACT_E_ARGUMENT, "context and args must not be NULL");
    args.a = NULL;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "a must not be NULL");
    args = good, args.b = NULL;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "b must not be NULL");
    args = good, args.c = NULL;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "c must not be NULL");
    args = good, args.transpose_b = 1;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "b must have 6 columns, and has 5");
    args = good, args.transpose_a = 1;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "b must have 4 rows, and has 6");
    args = good, args.mode = 2;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "mode must be");
    args = good, args.transpose_a = 2;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "must be 0 or 1");
    args = good, args.reserved[7] = 1;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "reserved");
    args = good, args.beta = INFINITY;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "beta must be finite");
    args = good, args.beta = 1e300;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "beta must be finite in f32");
    args = good, args.c = &other, other = o.c.operand, other.tensor.dims[1] = 4;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "c must have 5 columns, and has 4");
    other = o.c.operand, other.tensor.type = CLACT_F16;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "c is of type f16");
    other = o.c.operand, other.tensor.rank = 1;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "c must have 2 dimensions, and has 1");
    other = o.c.operand, other.tensor.strided = 1;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "c must be dense");
    other = o.c.operand, other.data = (float *)o.a.operand.data + 3;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_OVERLAP, "a overlaps the output");
    args = good, args.a = &other, other = o.a.operand, other.tensor.type = CLACT_U8;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_ARGUMENT, "a is of type u8");
    other = o.a.operand, other.tensor.dims[0] = INT64_MAX / 3;
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_BOUNDS, "overflows");
    REFUSED(clact_nn_matmul(c, &good, &(clact_enqueue){0}), CLACT_E_ARGUMENT,
            test_caps()->backend == CLACT_BACKEND_CPU ? "no OpenCL device to enqueue on"
                                                      : "must be a buffer or a cl_mem");
    free_operands(&o);
    p.n = p.k = p.m; /* square: c could be b */
    o = make(CLACT_F32, &p, 1);
    args = (clact_nn_matmul_args){.a = &o.a.operand, .b = &o.b.operand, .c = &o.b.operand};
    REFUSED(clact_nn_matmul(c, &args, NULL), CLACT_E_OVERLAP, "c is b");
    free_operands(&o);
}
END_TEST

Suite *matmul_suite(void)
{
    Suite *s = suite_create("matmul");
    TCase *t = tcase_create("matmul");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, every_size, 0, COUNT_OF(sizes));
    tcase_add_test(t, special_values);
    tcase_add_test(t, the_same_bits);
    tcase_add_test(t, fast_products);
    tcase_add_test(t, what_is_taken);
    tcase_add_test(t, narrow_fast_products);
    tcase_add_test(t, operands_that_do_not_fit);
    suite_add_tcase(s, t);
    return s;
}
