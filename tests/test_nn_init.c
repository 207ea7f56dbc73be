/* test_nn_init.c: initialisers, gains and input scaling, against distributions and sums computed otherwise. */
#include "suites.h"

#include "convert.h"

#include <clact/nn.h>

#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Initialisers --------------------------------------------------------------------------- */

/* Philox4x32-10 as its authors describe it (Salmon et al., 2011); tests/test_noise.c has its known answers. */
static uint32_t word_of(uint64_t seed, uint64_t offset, uint64_t i)
{
    uint64_t counter = offset + i / 4;
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), counter < offset, 0};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = 0xD2511F53u * (uint64_t)c[0], b = 0xCD9E8D57u * (uint64_t)c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        memcpy(c, next, sizeof next);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c[i % 4];
}

static long double p_of(uint32_t word)
{
    return (word + 0.5L) * 0x1p-32L;
}

static clact_operand matrix(uint32_t type, void *data, int64_t rows, int64_t columns)
{
    clact_operand m = clact_array((clact_type)type, data, 0);
    m.tensor.rank = 2;
    m.tensor.dims[0] = rows;
    m.tensor.dims[1] = columns;
    return m;
}

static void fill(double *out, int64_t rows, int64_t columns, clact_nn_initializer how)
{
    clact_operand m = matrix(CLACT_F64, out, rows, columns);
    OK(clact_nn_initialize(NULL, &m, &how));
}

/* The distribution function, from the C library. */
static long double normal_below(long double x)
{
    return erfcl(-x / sqrtl(2)) / 2;
}

static long double density(long double x)
{
    return expl(-x * x / 2) / sqrtl(2 * 3.14159265358979323846264338327950288L);
}

/* How many units in the last place x is from the quantile of p. */
static long double quantile_error(double x, long double p)
{
    long double error = x < 0 ? (normal_below(x) - p) / density(x) : ((1 - p) - normal_below(-x)) / density(x);
    return fabsl(error) / (nextafter(fabs(x), INFINITY) - fabs(x));
}

START_TEST(normal_numbers_are_quantiles)
{
    enum { ROWS = 100, COLUMNS = 999 };
    static double x[ROWS * COLUMNS];
    const uint64_t seed = 0x123456789abcdef0, offset = UINT64_MAX - 5; /* the counter's upper half counts too */
    long double most = 0;
    fill(x, ROWS, COLUMNS, (clact_nn_initializer){.id = CLACT_NN_NORMAL, .value = 1, .seed = seed, .offset = offset});
    for (uint64_t i = 0; i < ROWS * COLUMNS; i++) {
        long double p = p_of(word_of(seed, offset, i));
        if (fabsl(p - 0.5L) < 1e-3L) /* near zero the C library's own sums are not good enough */
            continue;
        long double error = quantile_error(x[i], p);
        most = error > most ? error : most;
    }
    ck_assert_msg(most < 6, "a quantile is off by %.2Lf ulp", most);
}
END_TEST

START_TEST(uniform_numbers_are_spread)
{
    static double x[1001];
    fill(x, 7, 143, (clact_nn_initializer){.id = CLACT_NN_UNIFORM, .value = 0.25, .seed = 3, .offset = 9});
    for (uint64_t i = 0; i < COUNT_OF(x); i++) {
        double expected = (double)(0.25L * (2 * p_of(word_of(3, 9, i)) - 1));
        ck_assert_double_eq(x[i], expected);
    }
}
END_TEST

/* The mean, the standard deviation and the largest magnitude of many numbers. */
static void moments(const double *x, size_t n, double *mean, double *deviation, double *largest)
{
    long double sum = 0, squares = 0;
    *largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
        squares += (long double)x[i] * x[i];
        *largest = fabs(x[i]) > *largest ? fabs(x[i]) : *largest;
    }
    *mean = (double)(sum / n);
    *deviation = (double)sqrtl(squares / n - sum / n * (sum / n));
}

START_TEST(spreads_are_those_of_the_papers)
{
    enum { IN = 300, OUT = 500 };
    static double x[IN * OUT];
    const double both = 2.0 / (IN + OUT), sd = sqrt(2.0 / IN), tail = 2 / 0.87962566103423978;
    const struct { uint32_t id; double value, gain, deviation, limit; } known[] = {
        {CLACT_NN_ZEROS, 5, 0, 0, 0},
        {CLACT_NN_UNIFORM, 0.5, 0, 0.5 / sqrt(3), 0.5},
        {CLACT_NN_NORMAL, 0.5, 0, 0.5, 6},
        {CLACT_NN_TRUNCATED_NORMAL, 0.5, 0, 0.5 * 0.87962566103423978, 1},
        {CLACT_NN_HE_NORMAL, 0, 0, sd, 6},
        {CLACT_NN_HE_NORMAL, 0, 3, 3 / sqrt(IN), 6},
        {CLACT_NN_HE_TRUNCATED_NORMAL, 0, 0, sd, sd * tail},
        {CLACT_NN_HE_UNIFORM, 0, 0, sd, sd * sqrt(3)},
        {CLACT_NN_GLOROT_NORMAL, 0, 0, sqrt(both), 6},
        {CLACT_NN_GLOROT_TRUNCATED_NORMAL, 0, 0, sqrt(both), sqrt(both) * tail},
        {CLACT_NN_GLOROT_UNIFORM, 0, 0, sqrt(both), sqrt(6.0 / (IN + OUT))},
        {CLACT_NN_LECUN_NORMAL, 0, 0, sqrt(1.0 / IN), 6},
        {CLACT_NN_LECUN_TRUNCATED_NORMAL, 0, 0, sqrt(1.0 / IN), sqrt(1.0 / IN) * tail},
        {CLACT_NN_LECUN_UNIFORM, 0, 2, 2 * sqrt(1.0 / IN), 2 * sqrt(3.0 / IN)},
        {CLACT_NN_SQRT_2_N, 0, 0, sqrt(2.0 / IN / 3), sqrt(2.0 / IN)},
        {CLACT_NN_1_SQRT_N, 0, 0, sqrt(1.0 / IN / 3), sqrt(1.0 / IN)},
    };
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        double mean, deviation, largest;
        fill(x, IN, OUT, (clact_nn_initializer){.id = known[k].id, .value = known[k].value, .gain = known[k].gain, .seed = 42});
        moments(x, IN * OUT, &mean, &deviation, &largest);
        double error = known[k].deviation / sqrt(IN * OUT);
        ck_assert_msg(fabs(mean) <= 5 * error && fabs(deviation - known[k].deviation) <= 5 * error, "%s: mean %g, deviation %g",
                      clact_nn_initializer_name((clact_nn_initializer_id)known[k].id), mean, deviation);
        ck_assert_msg(largest <= known[k].limit && (known[k].limit == 6 || largest >= 0.999 * known[k].limit),
                      "%s: as far as %g, not %g", clact_nn_initializer_name((clact_nn_initializer_id)known[k].id), largest,
                      known[k].limit);
    }
}
END_TEST

/* Parts of a tensor are what the whole has there; f32, f16 and bf16 are the f64 numbers, rounded. */
START_TEST(types_and_parts_agree)
{
    enum { N = 10000 };
    static double whole[N], part[N];
    static float f32[N], rounded[N], narrow[N];
    static uint16_t half[N];
    clact_nn_initializer how = {.id = CLACT_NN_HE_NORMAL, .fan_in = 77, .seed = 5, .offset = 1};
    fill(whole, 1, N, how);
    for (int i = 0; i < N; i++)
        rounded[i] = (float)whole[i];
    clact_operand m = clact_array(CLACT_F32, f32, N);
    OK(clact_nn_initialize(NULL, &m, &how));
    ck_assert_mem_eq(f32, rounded, sizeof rounded);
    how.offset += 1000;
    fill(part, 1, N - 4000, how);
    ck_assert_mem_eq(part, whole + 4000, (N - 4000) * sizeof *part);
    how.offset -= 1000;
    for (uint32_t type = CLACT_F16; type <= CLACT_BF16; type++) {
        m = clact_array((clact_type)type, half, N);
        OK(clact_nn_initialize(NULL, &m, &how));
        convert_elements(narrow, CLACT_F32, half, (clact_type)type, N);
        double last = type == CLACT_F16 ? 0x1p-11 : 0x1p-8;
        for (int i = 0; i < N; i++)
            ck_assert_msg(fabs(narrow[i] - rounded[i]) <= last * fabs(rounded[i]) + 0x1p-25, "%g as %g", rounded[i], narrow[i]);
    }
}
END_TEST

START_TEST(buffers_and_modes_have_the_same_bits)
{
    enum { N = 9001, START = 3 };
    static float host[N], device[N + START + 2];
    clact_nn_initializer how = {.id = CLACT_NN_GLOROT_TRUNCATED_NORMAL, .fan_in = 30, .fan_out = 40, .seed = 8};
    clact_operand m = clact_array(CLACT_F32, host, N);
    OK(clact_nn_initialize(NULL, &m, &how));
    const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD};
    for (size_t k = 0; k < COUNT_OF(modes); k++) {
        clact_buffer *buffer;
        for (size_t i = 0; i < COUNT_OF(device); i++)
            device[i] = 7;
        OK(clact_buffer_create(&buffer, test_context(), sizeof device));
        OK(clact_buffer_write(buffer, 0, sizeof device, device));
        m = clact_array(CLACT_F32, NULL, N);
        m.buffer = buffer;
        m.tensor.offset = START;
        fesetround(modes[k]);
        clact_status status = clact_nn_initialize(test_context(), &m, &how);
        int after = fegetround();
        fesetround(FE_TONEAREST);
        OK(status);
        ck_assert_int_eq(after, modes[k]);
        OK(clact_buffer_read(buffer, 0, sizeof device, device));
        clact_buffer_destroy(&buffer);
        ck_assert_mem_eq(device + START, host, sizeof host);
        ck_assert(device[START - 1] == 7 && device[START + N] == 7);
    }
}
END_TEST

/* The numbers of a seed are for ever: models are made from them. */
START_TEST(numbers_do_not_change)
{
    static const double expected[3][4] = {
        {-0x1.38a2b08d933ecp-2, 0x1.044ce4576f14ap-4, 0x1.019e4f15f9f09p-2, 0x1.443059ed0c6e5p-1},
        {-0x1.50b620f02402cp-2, 0x1.1a5f5592eec9bp-4, 0x1.1629e57097c6bp-2, 0x1.5132bfceb3168p-1},
        {-0x1.5f73712cebe81p-2, 0x1.3a71d0e73f32ap-4, 0x1.288948f354da3p-2, 0x1.25496a548570fp-1},
    };
    static const uint32_t ids[3] = {CLACT_NN_HE_NORMAL, CLACT_NN_HE_TRUNCATED_NORMAL, CLACT_NN_GLOROT_UNIFORM};
    for (size_t k = 0; k < COUNT_OF(ids); k++) {
        double x[4];
        fill(x, 2, 2, (clact_nn_initializer){.id = ids[k], .fan_in = 10, .fan_out = 3, .seed = 1, .offset = 2});
        for (int i = 0; i < 4; i++)
            ck_assert_msg(x[i] == expected[k][i], "%s, element %d: %a", clact_nn_initializer_name((clact_nn_initializer_id)ids[k]),
                          i, x[i]);
    }
}
END_TEST

START_TEST(initializers_have_names)
{
    clact_nn_initializer_id id;
    for (int k = 0; clact_nn_initializer_name((clact_nn_initializer_id)k); k++) {
        OK(clact_nn_initializer_named(&id, clact_nn_initializer_name((clact_nn_initializer_id)k)));
        ck_assert_int_eq((int)id, k);
    }
    ck_assert_str_eq(clact_nn_initializer_name(CLACT_NN_1_SQRT_N), "1_sqrt_n");
    ck_assert_ptr_null(clact_nn_initializer_name((clact_nn_initializer_id)(CLACT_NN_1_SQRT_N + 1)));
    REFUSED(clact_nn_initializer_named(&id, "he"), CLACT_E_NAME, "'he' is no initialiser");
}
END_TEST

START_TEST(initializers_have_rules)
{
    float x[8];
    clact_operand m = clact_array(CLACT_F32, x, 8), bytes = clact_array(CLACT_U8, x, 8), strided = m, cube = m;
    clact_nn_initializer how = {.id = CLACT_NN_HE_NORMAL};
    strided.tensor.strided = 1, strided.tensor.strides[0] = 1;
    cube.tensor.rank = 3, cube.tensor.dims[0] = cube.tensor.dims[1] = cube.tensor.dims[2] = 2;
    REFUSED(clact_nn_initialize(NULL, NULL, &how), CLACT_E_ARGUMENT, "out must not be NULL");
    REFUSED(clact_nn_initialize(NULL, &m, NULL), CLACT_E_ARGUMENT, "initializer must not be NULL");
    REFUSED(clact_nn_initialize(NULL, &strided, &how), CLACT_E_ARGUMENT, "dense");
    REFUSED(clact_nn_initialize(NULL, &bytes, &how), CLACT_E_ARGUMENT, "weights are of type");
    REFUSED(clact_nn_initialize(NULL, &cube, &how), CLACT_E_ARGUMENT, "needs fan_in");
    REFUSED(clact_nn_initialize(NULL, &m, &(clact_nn_initializer){.id = 99}), CLACT_E_NAME, "number 99");
    REFUSED(clact_nn_initialize(NULL, &m, &(clact_nn_initializer){.value = NAN}), CLACT_E_ARGUMENT, "finite");
    REFUSED(clact_nn_initialize(NULL, &m, &(clact_nn_initializer){.reserved = {0, 0, 0, 1}}), CLACT_E_ARGUMENT, "reserved");
    how.fan_in = 4;
    OK(clact_nn_initialize(NULL, &cube, &how));
    m = clact_array(CLACT_F32, NULL, 0);
    OK(clact_nn_initialize(NULL, &m, &how));
    clact_buffer *buffer;
    clact_context *other = cpu_context(NULL, 1);
    OK(clact_buffer_create(&buffer, other, 16));
    m = clact_array(CLACT_F32, NULL, 5);
    m.buffer = buffer;
    REFUSED(clact_nn_initialize(other, &m, &how), CLACT_E_BOUNDS, "out");
    REFUSED(clact_nn_initialize(test_context(), &m, &how), CLACT_E_ARGUMENT, "another context");
    clact_buffer_destroy(&buffer);
    clact_close(&other);
}
END_TEST

/* ---- Gains ---------------------------------------------------------------------------------- */

START_TEST(gains_keep_the_second_moment)
{
    /* Integrals of f(z)^2 over the normal density: closed forms, and for tanh and sigmoid mpmath's quadrature. */
    const struct { const char *name; double gain, error; } known[] = {
        {"identity", 1, 1e-12}, {"relu", M_SQRT2, 1e-6}, {"abs", 1, 1e-12}, {"square", 0.57735026918962576, 1e-12},
        {"leaky_relu", sqrt(2 / (1 + 0.2 * 0.2)), 1e-6}, {"tanh", 1.5925374197228312, 1e-9},
        {"sigmoid", 1.846228545338605413, 1e-9}, {"step", M_SQRT2, 1e-6},
    };
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        clact_parameter slope = {"negative_slope", 0.2, 0, 0};
        clact_activation *f;
        double gain;
        OK(clact_activation_named(&f, known[k].name, &slope, strcmp(known[k].name, "leaky_relu") == 0));
        OK(clact_nn_gain(&gain, f));
        ck_assert_msg(fabs(gain - known[k].gain) <= known[k].error, "%s: %.12g", known[k].name, gain);
        clact_activation_destroy(&f);
    }
    clact_activation *f = named("log"), *softmax = named("softmax");
    double gain;
    REFUSED(clact_nn_gain(&gain, f), CLACT_E_UNSUPPORTED, "not finite");
    REFUSED(clact_nn_gain(&gain, softmax), CLACT_E_UNSUPPORTED, "not element-wise");
    REFUSED(clact_nn_gain(NULL, f), CLACT_E_ARGUMENT, "NULL");
    clact_activation_destroy(&f);
    clact_activation_destroy(&softmax);
}
END_TEST

/* ---- Scaling -------------------------------------------------------------------------------- */

enum { SAMPLES = 500, COLUMNS = 5 };

/* Columns of sizes far apart, one constant, one far from zero. */
static void make_data(double x[SAMPLES][COLUMNS])
{
    for (int r = 0; r < SAMPLES; r++) {
        double u = (double)p_of(word_of(1, 0, (uint64_t)r)), v = (double)p_of(word_of(2, 0, (uint64_t)r));
        double row[COLUMNS] = {u, -1e-200 * v, 3.25, 1e8 + u, 1e150 * (u - v)};
        memcpy(x[r], row, sizeof row);
    }
}

START_TEST(scaling_has_the_moments)
{
    static double x[SAMPLES][COLUMNS], y[SAMPLES][COLUMNS];
    make_data(x);
    for (int scaling = CLACT_NN_STANDARDIZE; scaling <= CLACT_NN_NORMALIZE; scaling++) {
        clact_operand from = matrix(CLACT_F64, x, SAMPLES, COLUMNS), to = matrix(CLACT_F64, y, SAMPLES, COLUMNS);
        clact_nn_scaler *s;
        OK(clact_nn_scaler_fit(&s, &from, (clact_nn_scaling)scaling));
        OK(clact_nn_scaler_apply(s, &from, &to));
        for (int c = 0; c < COLUMNS; c++) {
            long double sum = 0, squares = 0, least = INFINITY, most = -INFINITY;
            for (int r = 0; r < SAMPLES; r++) {
                sum += y[r][c];
                squares += (long double)y[r][c] * y[r][c];
                least = y[r][c] < least ? y[r][c] : least;
                most = y[r][c] > most ? y[r][c] : most;
            }
            if (c == 2)
                ck_assert(least == 0 && most == 0);
            else if (scaling == CLACT_NN_NORMALIZE)
                ck_assert(least == 0 && fabsl(most - 1) < 1e-15L);
            else
                ck_assert_msg(fabsl(sum / SAMPLES) < 1e-7L && fabsl(squares / SAMPLES - 1) < 1e-12L, "column %d: %Lg, %Lg", c,
                              sum / SAMPLES, squares / SAMPLES);
        }
        OK(clact_nn_scaler_invert(s, &to, &to));
        for (int c = 0; c < COLUMNS; c++) {
            double shift, factor;
            OK(clact_nn_scaler_get(s, (size_t)c, &shift, &factor));
            for (int r = 0; r < SAMPLES; r++)
                ck_assert(fabs(y[r][c] - x[r][c]) <= 1e-15 * (fabs(x[r][c]) + fabs(shift) + 1 / factor));
        }
        clact_nn_scaler_destroy(&s);
    }
}
END_TEST

START_TEST(scalers_can_be_kept)
{
    static double x[SAMPLES][COLUMNS];
    double shifts[COLUMNS], factors[COLUMNS];
    float a[2][COLUMNS] = {{1, 2, 3, 4, 5}, {NAN, INFINITY, 0, -1, 1}}, b[2][COLUMNS], c[2][COLUMNS];
    clact_nn_scaler *s, *t;
    clact_operand from = matrix(CLACT_F64, x, SAMPLES, COLUMNS);
    make_data(x);
    OK(clact_nn_scaler_fit(&s, &from, CLACT_NN_STANDARDIZE));
    ck_assert_uint_eq(clact_nn_scaler_columns(s), COLUMNS);
    for (size_t k = 0; k < COLUMNS; k++)
        OK(clact_nn_scaler_get(s, k, &shifts[k], &factors[k]));
    OK(clact_nn_scaler_create(&t, COLUMNS, shifts, factors));
    clact_operand in = matrix(CLACT_F32, a, 2, COLUMNS), out = matrix(CLACT_F32, b, 2, COLUMNS);
    OK(clact_nn_scaler_apply(s, &in, &out));
    out = matrix(CLACT_F32, c, 2, COLUMNS);
    OK(clact_nn_scaler_apply(t, &in, &out));
    ck_assert_mem_eq(b, c, sizeof b);
    ck_assert(isnan(b[1][0]) && isinf(b[1][1]));
    ck_assert(b[0][0] == (float)((1 - shifts[0]) * factors[0]));
    clact_nn_scaler_destroy(&s);
    clact_nn_scaler_destroy(&t);
    clact_nn_scaler_destroy(&t);
    clact_nn_scaler_destroy(NULL);
}
END_TEST

START_TEST(scaling_has_rules)
{
    float x[] = {1, 2, 3, NAN, 5, 6}, y[6];
    double wide[] = {-1.7e308, 1.7e308}, zero = 0;
    clact_nn_scaler *s = NULL;
    clact_operand m = matrix(CLACT_F32, x, 3, 2), flat = clact_array(CLACT_F32, x, 6), none = matrix(CLACT_F32, x, 0, 2);
    clact_operand range = matrix(CLACT_F64, wide, 2, 1), bytes = matrix(CLACT_U8, x, 3, 2);
    REFUSED(clact_nn_scaler_fit(&s, &m, CLACT_NN_STANDARDIZE), CLACT_E_ARGUMENT, "row 1, column 1 of x is NaN");
    x[3] = INFINITY;
    REFUSED(clact_nn_scaler_fit(&s, &m, CLACT_NN_NORMALIZE), CLACT_E_ARGUMENT, "row 1, column 1 of x is infinite");
    REFUSED(clact_nn_scaler_fit(&s, &flat, CLACT_NN_NORMALIZE), CLACT_E_ARGUMENT, "dense matrix");
    REFUSED(clact_nn_scaler_fit(&s, &none, CLACT_NN_NORMALIZE), CLACT_E_ARGUMENT, "no samples");
    REFUSED(clact_nn_scaler_fit(&s, &bytes, CLACT_NN_NORMALIZE), CLACT_E_ARGUMENT, "f32, f16, bf16 or f64");
    REFUSED(clact_nn_scaler_fit(&s, &range, CLACT_NN_NORMALIZE), CLACT_E_RANGE, "the spread of column 0");
    REFUSED(clact_nn_scaler_fit(&s, &m, (clact_nn_scaling)0), CLACT_E_ARGUMENT, "STANDARDIZE or");
    REFUSED(clact_nn_scaler_fit(NULL, &m, CLACT_NN_NORMALIZE), CLACT_E_ARGUMENT, "NULL");
    REFUSED(clact_nn_scaler_create(&s, 1, &zero, &zero), CLACT_E_ARGUMENT, "not zero");
    REFUSED(clact_nn_scaler_create(&s, 0, &zero, &zero), CLACT_E_ARGUMENT, "at least one column");
    ck_assert_ptr_null(s);
    x[3] = 4;
    OK(clact_nn_scaler_fit(&s, &m, CLACT_NN_NORMALIZE));
    clact_operand out = matrix(CLACT_F32, y, 2, 3), meets = matrix(CLACT_F32, x + 1, 3, 2);
    meets.tensor.dims[0] = m.tensor.dims[0] = 2;
    REFUSED(clact_nn_scaler_apply(s, &m, &out), CLACT_E_ARGUMENT, "shape and type");
    REFUSED(clact_nn_scaler_apply(s, &out, &out), CLACT_E_ARGUMENT, "3 columns, the scaler 2");
    REFUSED(clact_nn_scaler_apply(s, &m, &meets), CLACT_E_OVERLAP, "overlaps");
    REFUSED(clact_nn_scaler_get(s, 2, &zero, NULL), CLACT_E_BOUNDS, "column 2 of a scaler of 2");
    clact_nn_scaler_destroy(&s);
    REFUSED(clact_nn_scaler_apply(s, &m, &m), CLACT_E_ARGUMENT, "scaler must not be NULL");
    ck_assert_uint_eq(clact_nn_scaler_columns(s), 0);
}
END_TEST

Suite *nn_init_suite(void)
{
    Suite *s = suite_create("nn_init");
    TCase *t = tcase_create("initialisers, gains and scaling");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, normal_numbers_are_quantiles);
    tcase_add_test(t, uniform_numbers_are_spread);
    tcase_add_test(t, spreads_are_those_of_the_papers);
    tcase_add_test(t, types_and_parts_agree);
    tcase_add_test(t, buffers_and_modes_have_the_same_bits);
    tcase_add_test(t, numbers_do_not_change);
    tcase_add_test(t, initializers_have_names);
    tcase_add_test(t, initializers_have_rules);
    tcase_add_test(t, gains_keep_the_second_moment);
    tcase_add_test(t, scaling_has_the_moments);
    tcase_add_test(t, scalers_can_be_kept);
    tcase_add_test(t, scaling_has_rules);
    suite_add_tcase(s, t);
    return s;
}
