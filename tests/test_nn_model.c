/* test_nn_model.c: sequential models: gradients against differences, training to the bit, files, rules. */
#include "suites.h"

#include <clact/nn.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clact_operand matrix(clact_type type, const void *data, int64_t rows, int64_t columns)
{
    clact_operand m = clact_array(type, data, 0);
    m.tensor.rank = 2;
    m.tensor.dims[0] = rows;
    m.tensor.dims[1] = columns;
    return m;
}

static void random_numbers(clact_type type, void *out, int64_t n, uint64_t seed)
{
    clact_operand o = clact_array(type, out, n);
    OK(clact_nn_initialize(NULL, &o, &(clact_nn_initializer){.id = CLACT_NN_NORMAL, .value = 1, .seed = seed}));
}

static clact_nn_optimizer descent(double rate)
{
    clact_nn_optimizer o;
    OK(clact_nn_optimizer_default(&o, CLACT_NN_SGD));
    o.rate = rate;
    return o;
}

/* ---- Gradients ------------------------------------------------------------------------------ */

enum { SAMPLES = 6, INPUTS = 3, OUTPUTS = 2 };

struct problem {
    clact_nn_model *model;
    clact_nn_data data;
    uint32_t loss;
};

static int take_loss(void *data, const clact_nn_progress *p)
{
    if (p->epoch_done)
        *(double *)data = p->loss;
    return 0;
}

/* One step of the whole batch: the loss before it, penalties and dropout included. */
static double step(struct problem *p, double rate)
{
    double loss = NAN;
    clact_nn_optimizer o = descent(rate);
    OK(clact_nn_model_fit(p->model, &(clact_nn_fit_args){
        .train = p->data, .loss = p->loss, .in_order = 1, .optimizer = &o, .batch = SAMPLES, .seed = 11,
        .progress = take_loss, .progress_data = &loss}));
    return loss;
}

static double *read_array(const clact_nn_model *m, size_t layer, int which, int64_t *n)
{
    clact_operand o;
    *n = 0;
    if (clact_nn_model_array(m, layer, (clact_nn_layer_array)which, &o) != CLACT_OK)
        return NULL;
    *n = o.tensor.dims[0] * (o.tensor.rank == 2 ? o.tensor.dims[1] : 1);
    double *values = malloc((size_t)*n * sizeof *values);
    OK(clact_buffer_read(o.buffer, 0, (size_t)*n * sizeof *values, values));
    return values;
}

static void write_array(const clact_nn_model *m, size_t layer, int which, int64_t n, const double *values)
{
    clact_operand o;
    OK(clact_nn_model_array(m, layer, (clact_nn_layer_array)which, &o));
    OK(clact_buffer_write(o.buffer, 0, (size_t)n * sizeof *values, values));
}

/* With the rate 1 a step moves the weights by their gradient. */
static void check_gradients(struct problem *p, const char *what)
{
    const double h = 1e-5;
    double *before[4][3], *after[4][3];
    int64_t n[4][3];
    for (size_t i = 0; i < clact_nn_model_layers(p->model); i++)
        for (int k = 0; k < 3; k++)
            before[i][k] = read_array(p->model, i, k, &n[i][k]);
    step(p, 1);
    for (size_t i = 0; i < clact_nn_model_layers(p->model); i++)
        for (int k = 0; k < 3; k++) {
            int64_t same;
            after[i][k] = read_array(p->model, i, k, &same);
            if (n[i][k])
                write_array(p->model, i, k, n[i][k], before[i][k]);
        }
    for (size_t i = 0; i < clact_nn_model_layers(p->model); i++)
        for (int k = 0; k < 3; k++) {
            for (int64_t j = 0; j < n[i][k]; j += light() ? 5 : 1) {
                double kept = before[i][k][j], gradient = kept - after[i][k][j];
                before[i][k][j] = kept + h;
                write_array(p->model, i, k, n[i][k], before[i][k]);
                double up = step(p, 0);
                before[i][k][j] = kept - h;
                write_array(p->model, i, k, n[i][k], before[i][k]);
                double down = step(p, 0), difference = (up - down) / (2 * h);
                before[i][k][j] = kept;
                write_array(p->model, i, k, n[i][k], before[i][k]);
                ck_assert_msg(fabs(difference - gradient) <= 1e-7 * (1 + fabs(gradient)),
                              "%s: layer %zu, array %d, element %d: %.12g, by differences %.12g", what, i, k, (int)j, gradient,
                              difference);
            }
            free(before[i][k]);
            free(after[i][k]);
        }
}

START_TEST(gradients_are_differences)
{
    static const clact_parameter pieces = {"pieces", 3, 0, 0};
    const struct { const char *name; clact_nn_layer layer; } cases[] = {
        {"identity", {.units = 4}},
        {"tanh", {.units = 4, .activation = "tanh"}},
        {"gelu", {.units = 4, .activation = "gelu", .no_bias = 1}},
        {"elu, penalties", {.units = 4, .activation = "elu", .l1 = 0.03, .l2 = 0.02, .activity_l1 = 0.01, .activity_l2 = 0.02}},
        {"prelu, learned", {.units = 4, .activation = "prelu", .learn = 1}},
        {"swish, learned, dropped", {.units = 4, .activation = "swish", .learn = 1, .dropout = 0.4}},
        {"rrelu, drawn", {.units = 4, .activation = "rrelu"}},
        {"maxout", {.units = 6, .activation = "maxout", .parameters = &pieces, .parameter_count = 1, .activity_l2 = 0.1}},
        {"swiglu", {.units = 6, .activation = "swiglu"}},
        {"crelu", {.units = 3, .activation = "crelu"}},
        {"softmax", {.units = 4, .activation = "softmax", .dropout = 0.3}},
    };
    if (!has_type(CLACT_F64))
        return;
    double x[SAMPLES * INPUTS], targets[SAMPLES * OUTPUTS];
    const int32_t labels[SAMPLES] = {0, 1, 1, 0, 1, 0};
    random_numbers(CLACT_F64, x, SAMPLES * INPUTS, 1);
    for (int i = 0; i < SAMPLES * OUTPUTS; i++)
        targets[i] = i % 3 * 0.4;
    clact_operand at = matrix(CLACT_F64, x, SAMPLES, INPUTS), to = matrix(CLACT_F64, targets, SAMPLES, OUTPUTS);
    clact_operand classes = clact_array(CLACT_I32, labels, SAMPLES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (light() && i % 4)
            continue;
        struct problem p = {NULL, {&at, &to, NULL, {0}}, CLACT_NN_SQUARED_ERROR + i % 2};
        if (i % 3 == 2)
            p.data = (clact_nn_data){&at, NULL, &classes, {0}}, p.loss = CLACT_NN_CROSS_ENTROPY;
        clact_nn_layer first = cases[i].layer, last = {.units = OUTPUTS};
        first.weights.id = last.weights.id = CLACT_NN_GLOROT_UNIFORM;
        first.bias = last.bias = (clact_nn_initializer){.id = CLACT_NN_NORMAL, .value = 0.3};
        OK(clact_nn_model_create(&p.model, test_context(), INPUTS, &(clact_nn_model_options){.type = CLACT_F64, .seed = i}));
        OK(clact_nn_model_add(p.model, &first));
        OK(clact_nn_model_add(p.model, &(clact_nn_layer){.units = 3, .activation = "sigmoid", .weights = last.weights}));
        OK(clact_nn_model_add(p.model, &last));
        check_gradients(&p, cases[i].name);
        clact_nn_model_destroy(&p.model);
    }
}
END_TEST

/* ---- Training ------------------------------------------------------------------------------- */

enum { POINTS = 400 };

/* Two circles, one within the other. */
static void circles(float x[POINTS][2], float t[POINTS][1])
{
    static double u[POINTS][2], e[POINTS][2];
    random_numbers(CLACT_F64, u, 2 * POINTS, 7);
    random_numbers(CLACT_F64, e, 2 * POINTS, 8);
    for (int i = 0; i < POINTS; i++) {
        double h = sqrt(u[i][0] * u[i][0] + u[i][1] * u[i][1]), radius = i % 2 ? 1 : 0.5;
        for (int k = 0; k < 2; k++)
            x[i][k] = (float)(u[i][k] / h * radius + 0.1 * e[i][k]);
        t[i][0] = (float)(i % 2);
    }
}

static clact_nn_model *deep_in(clact_context *context, uint32_t mode, const char *activation, clact_nn_initializer how,
                               double dropout)
{
    clact_nn_model *m;
    OK(clact_nn_model_create(&m, context, 2, &(clact_nn_model_options){.mode = mode, .seed = 1}));
    for (int i = 0; i < 5; i++)
        OK(clact_nn_model_add(m, &(clact_nn_layer){.units = 10, .activation = activation, .weights = how, .dropout = dropout,
                                                   .l2 = dropout / 100}));
    OK(clact_nn_model_add(m, &(clact_nn_layer){.units = 1, .weights = {.id = CLACT_NN_GLOROT_UNIFORM}}));
    return m;
}

static clact_nn_model *deep(clact_context *context, const char *activation, clact_nn_initializer how, double dropout)
{
    return deep_in(context, CLACT_NN_EXACT, activation, how, dropout);
}

static void train(clact_nn_model *m, clact_nn_optimizer *o, uint64_t epochs, uint32_t in_order, double max_norm)
{
    static float x[POINTS][2], t[POINTS][1];
    circles(x, t);
    clact_operand at = matrix(CLACT_F32, x, POINTS / 2, 2), to = matrix(CLACT_F32, t, POINTS / 2, 1);
    OK(clact_nn_model_fit(m, &(clact_nn_fit_args){.train = {&at, &to, NULL, {0}}, .loss = CLACT_NN_BINARY_CROSS_ENTROPY,
                                                  .optimizer = o, .epochs = epochs, .batch = 30, .seed = 3,
                                                  .in_order = in_order, .max_norm = max_norm}));
}

static double tested(clact_nn_model *m)
{
    static float x[POINTS][2], t[POINTS][1];
    clact_nn_score score;
    circles(x, t);
    clact_operand at = matrix(CLACT_F32, x[POINTS / 2], POINTS / 2, 2), to = matrix(CLACT_F32, t[POINTS / 2], POINTS / 2, 1);
    OK(clact_nn_model_evaluate(m, &(clact_nn_data){&at, &to, NULL, {0}}, CLACT_NN_BINARY_CROSS_ENTROPY, &score));
    return score.accuracy;
}

START_TEST(relu_learns_where_sigmoid_does_not)
{
    clact_context *c = cpu_context(NULL, 1);
    clact_nn_optimizer o = descent(0.01), p;
    o.momentum = 0.9;
    p = o;
    clact_nn_model *relu = deep(c, "relu", (clact_nn_initializer){.id = CLACT_NN_HE_UNIFORM}, 0);
    clact_nn_model *sigmoid = deep(c, "sigmoid", (clact_nn_initializer){.id = CLACT_NN_NORMAL, .value = 0.05}, 0);
    train(relu, &o, 200, 0, 0);
    train(sigmoid, &p, 200, 0, 0);
    ck_assert_msg(tested(relu) >= 0.95 && tested(sigmoid) <= 0.6, "relu %g, sigmoid %g", tested(relu), tested(sigmoid));
    clact_nn_model_destroy(&relu);
    clact_nn_model_destroy(&sigmoid);
    clact_close(&c);
}
END_TEST

static void same_weights(const clact_nn_model *a, const clact_nn_model *b)
{
    for (size_t i = 0; i < clact_nn_model_layers(a); i++)
        for (int k = 0; k < 2; k++) {
            clact_operand x, y;
            static float u[200], v[200];
            OK(clact_nn_model_array(a, i, (clact_nn_layer_array)k, &x));
            OK(clact_nn_model_array(b, i, (clact_nn_layer_array)k, &y));
            size_t bytes = clact_buffer_bytes(x.buffer);
            ck_assert(bytes <= sizeof u && bytes == clact_buffer_bytes(y.buffer));
            OK(clact_buffer_read(x.buffer, 0, bytes, u));
            OK(clact_buffer_read(y.buffer, 0, bytes, v));
            ck_assert_msg(memcmp(u, v, bytes) == 0, "layer %zu, array %d: %a and %a", i, k, u[0], v[0]);
        }
}

START_TEST(training_has_the_same_bits_everywhere)
{
    if (test_caps()->exact != CLACT_EXACT_ALL)
        return;
    for (int rule = CLACT_NN_SGD; rule <= CLACT_NN_ADAMW; rule++) {
        clact_context *c = cpu_context("baseline", 3);
        clact_nn_model *here = deep(test_context(), "relu", (clact_nn_initializer){.id = CLACT_NN_HE_NORMAL}, 0.2);
        clact_nn_model *there = deep(c, "relu", (clact_nn_initializer){.id = CLACT_NN_HE_NORMAL}, 0.2);
        clact_nn_optimizer o, p;
        OK(clact_nn_optimizer_default(&o, (clact_nn_rule)rule));
        o.momentum = 0.9;
        p = o;
        train(here, &o, light() ? 1 : 4, 0, rule == CLACT_NN_ADAM ? 0.5 : 0);
        train(there, &p, light() ? 1 : 4, 0, rule == CLACT_NN_ADAM ? 0.5 : 0);
        same_weights(here, there);
        clact_nn_model_destroy(&here);
        clact_nn_model_destroy(&there);
        clact_close(&c);
    }
}
END_TEST

/* OpenBLAS, where it is there, adds in another order. */
START_TEST(fast_training_is_close)
{
    clact_nn_model *models[2];
    for (uint32_t mode = CLACT_NN_EXACT; mode <= CLACT_NN_FAST; mode++) {
        clact_nn_optimizer o = descent(0.01);
        o.momentum = 0.9;
        models[mode] = deep_in(test_context(), mode, "relu", (clact_nn_initializer){.id = CLACT_NN_HE_NORMAL}, 0);
        train(models[mode], &o, 2, 0, 0);
    }
    for (size_t i = 0; i < clact_nn_model_layers(models[0]); i++) {
        clact_operand x, y;
        float u[100], v[100];
        OK(clact_nn_model_array(models[0], i, CLACT_NN_WEIGHTS, &x));
        OK(clact_nn_model_array(models[1], i, CLACT_NN_WEIGHTS, &y));
        OK(clact_buffer_read(x.buffer, 0, clact_buffer_bytes(x.buffer), u));
        OK(clact_buffer_read(y.buffer, 0, clact_buffer_bytes(y.buffer), v));
        for (size_t k = 0; k < clact_buffer_bytes(x.buffer) / sizeof *u; k++)
            ck_assert_msg(fabsf(u[k] - v[k]) <= 1e-4f, "layer %zu, weight %zu: %g, fast %g", i, k, u[k], v[k]);
    }
    clact_nn_model_destroy(&models[0]);
    clact_nn_model_destroy(&models[1]);
}
END_TEST

START_TEST(training_can_go_on)
{
    clact_context *c = cpu_context(NULL, 1);
    clact_nn_model *once = deep(c, "tanh", (clact_nn_initializer){.id = CLACT_NN_GLOROT_NORMAL}, 0);
    clact_nn_model *twice = deep(c, "tanh", (clact_nn_initializer){.id = CLACT_NN_GLOROT_NORMAL}, 0);
    clact_nn_optimizer o, p;
    OK(clact_nn_optimizer_default(&o, CLACT_NN_ADAM));
    p = o;
    train(once, &o, 5, 1, 0);
    train(twice, &p, 2, 1, 0);
    train(twice, &p, 3, 1, 0);
    same_weights(once, twice);
    ck_assert_uint_eq(o.steps, p.steps);
    clact_nn_model *fresh = deep(c, "tanh", (clact_nn_initializer){.id = CLACT_NN_GLOROT_NORMAL}, 0);
    float x[2] = {0}, t[1] = {0};
    clact_operand at = matrix(CLACT_F32, x, 1, 2), to = matrix(CLACT_F32, t, 1, 1);
    clact_nn_fit_args args = {.train = {&at, &to, NULL, {0}}, .loss = CLACT_NN_SQUARED_ERROR, .optimizer = &p};
    REFUSED(clact_nn_model_fit(fresh, &args), CLACT_E_ARGUMENT, "has no state of it");
    clact_nn_model_destroy(&once);
    clact_nn_model_destroy(&twice);
    clact_nn_model_destroy(&fresh);
    clact_close(&c);
}
END_TEST

/* ---- Progress and health -------------------------------------------------------------------- */

struct seen {
    int calls, epochs;
    clact_nn_layer_health health;
    clact_nn_score validation;
};

static int look(void *data, const clact_nn_progress *p)
{
    struct seen *s = data;
    s->calls++;
    s->epochs += (int)p->epoch_done;
    ck_assert(p->batch >= 1 && p->batch <= p->batches && p->epochs == 3);
    if (p->epoch_done) {
        s->health = p->layers[0];
        s->validation = p->validation;
    }
    return s->epochs == 2;
}

START_TEST(health_counts_units)
{
    enum { ROWS = 10, UNITS = 4 };
    /* The first unit is always off, the second always on, the others follow x. */
    const float w[2][UNITS] = {{0, 0, 1, -1}, {0, 0, 0, 0}}, b[UNITS] = {-1, 1, 0, 0};
    float x[ROWS][2] = {{0}}, y[ROWS][UNITS] = {{0}};
    clact_nn_model *m;
    clact_operand part, at = matrix(CLACT_F32, x, ROWS, 2), to = matrix(CLACT_F32, y, ROWS, UNITS);
    for (int r = 0; r < ROWS; r++)
        x[r][0] = (float)(r - 2); /* 2 below zero, 1 zero, 7 above */
    OK(clact_nn_model_create(&m, test_context(), 2, NULL));
    OK(clact_nn_model_add(m, &(clact_nn_layer){.units = UNITS, .activation = "relu"}));
    OK(clact_nn_model_array(m, 0, CLACT_NN_WEIGHTS, &part));
    OK(clact_buffer_write(part.buffer, 0, sizeof w, w));
    OK(clact_nn_model_array(m, 0, CLACT_NN_BIAS, &part));
    OK(clact_buffer_write(part.buffer, 0, sizeof b, b));
    struct seen s = {0};
    clact_nn_optimizer o = descent(0);
    OK(clact_nn_model_fit(m, &(clact_nn_fit_args){.train = {&at, &to, NULL, {0}}, .validation = {&at, &to, NULL, {0}},
                                                  .loss = CLACT_NN_SQUARED_ERROR, .optimizer = &o, .batch = 4, .epochs = 3,
                                                  .health = 1, .progress = look, .progress_data = &s}));
    ck_assert_int_eq(s.calls, 6);
    ck_assert_int_eq(s.epochs, 2);
    ck_assert_uint_eq(s.health.dead, 1);
    ck_assert_uint_eq(s.health.outputs, UNITS);
    ck_assert_double_eq(s.health.zeros, (10 + 0 + 3 + 8) / 40.0);
    ck_assert(s.health.nans == 0 && s.health.infinities == 0 && s.health.gradient_norm > 0);
    /* 1 each time of the second, and the squares of 1 to 7 and of 1 and 2. */
    ck_assert_msg(fabs(s.validation.loss - (10 + 140 + 5) / 40.0) < 1e-6, "%g", s.validation.loss);
    ck_assert(isnan(s.validation.accuracy));
    clact_nn_model_destroy(&m);
}
END_TEST

/* ---- Files ---------------------------------------------------------------------------------- */

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static size_t read_bytes(const char *path, char *bytes, size_t most)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(bytes, 1, most, f);
    fclose(f);
    return n;
}

START_TEST(files_keep_models)
{
    enum { N = 5 };
    static char whole[20000], other[20000];
    const char *path = "test_nn_model.clactnet";
    const clact_parameter parameters[] = {{"max_value", 0, 1, 0}, {"alpha", 0.125, 0, 0}};
    float x[N][3], y[N][2], z[N][2];
    clact_nn_model *m, *n = NULL;
    clact_operand at = matrix(CLACT_F32, x, N, 3), to = matrix(CLACT_F32, y, N, 2), too = matrix(CLACT_F32, z, N, 2), part;
    random_numbers(CLACT_F32, x, N * 3, 1);
    OK(clact_nn_model_create(&m, test_context(), 3, &(clact_nn_model_options){.seed = 2}));
    OK(clact_nn_model_add(m, &(clact_nn_layer){.units = 8, .activation = "relu", .parameters = parameters, .parameter_count = 2,
                                               .weights = {.id = CLACT_NN_HE_NORMAL}, .dropout = 0.5, .l2 = 0.1}));
    OK(clact_nn_model_add(m, &(clact_nn_layer){.units = 4, .activation = "prelu", .learn = 1, .no_bias = 1,
                                               .weights = {.id = CLACT_NN_LECUN_NORMAL}}));
    OK(clact_nn_model_add(m, &(clact_nn_layer){.units = 2, .weights = {.id = CLACT_NN_LECUN_NORMAL}}));
    OK(clact_nn_model_predict(m, &at, &to));
    OK(clact_nn_model_save(m, path));
    OK(clact_nn_model_load(&n, test_context(), path, NULL));
    OK(clact_nn_model_predict(n, &at, &too));
    ck_assert_mem_eq(y, z, sizeof y);
    ck_assert_uint_eq(clact_nn_model_parameters(n), 3 * 8 + 8 + 8 * 4 + 4 + 4 * 2 + 2);
    ck_assert_uint_eq(clact_nn_model_outputs(n), 2);
    OK(clact_nn_model_save(n, path));
    clact_nn_model_destroy(&n);
    /* A bad model does not take the place of a good one. */
    size_t length = read_bytes(path, whole, sizeof whole);
    const float bad = NAN;
    OK(clact_nn_model_array(m, 1, CLACT_NN_WEIGHTS, &part));
    OK(clact_buffer_write(part.buffer, 8, sizeof bad, &bad));
    REFUSED(clact_nn_model_save(m, path), CLACT_E_RANGE, "layer 1 has weights that are not finite");
    ck_assert_uint_eq(read_bytes(path, other, sizeof other), length);
    ck_assert_mem_eq(whole, other, length);
    /* Damage is seen wherever it is. */
    for (size_t i = 0; i < length; i += 7) {
        memcpy(other, whole, length);
        other[i] ^= 1 << i % 8;
        write_bytes(path, other, length);
        REFUSED(clact_nn_model_load(&n, test_context(), path, NULL), CLACT_E_FILE, path);
        write_bytes(path, whole, i);
        REFUSED(clact_nn_model_load(&n, test_context(), path, NULL), CLACT_E_FILE, path);
    }
    ck_assert_ptr_null(n);
    remove(path);
    REFUSED(clact_nn_model_load(&n, test_context(), path, NULL), CLACT_E_FILE, "No such file");
    REFUSED(clact_nn_model_load(&n, test_context(), "/", NULL), CLACT_E_FILE, "no file");
    REFUSED(clact_nn_model_save(m, "/no/such/folder/x"), CLACT_E_RANGE, "not finite");
    clact_nn_model_destroy(&m);
}
END_TEST

/* ---- Rules ---------------------------------------------------------------------------------- */

START_TEST(layers_have_rules)
{
    clact_nn_model *m = NULL;
    static const clact_parameter pieces = {"pieces", 4, 0, 0}, axis = {"axis", 0, 0, 0};
    static const clact_parameter large = {"max_value", 1e300, 0, 0};
    REFUSED(clact_nn_model_create(&m, test_context(), 0, NULL), CLACT_E_ARGUMENT, "inputs");
    REFUSED(clact_nn_model_create(&m, test_context(), 1, &(clact_nn_model_options){.type = CLACT_F16}), CLACT_E_ARGUMENT,
            "f32 or f64");
    REFUSED(clact_nn_model_create(&m, NULL, 1, NULL), CLACT_E_ARGUMENT, "NULL");
    OK(clact_nn_model_create(&m, test_context(), 3, NULL));
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 0}), CLACT_E_ARGUMENT, "units");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 4, .activation = "rely"}), CLACT_E_NAME, "rely");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 4, .dropout = 1}), CLACT_E_RANGE, "below 1");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 4, .l2 = -1}), CLACT_E_RANGE, "not negative");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 4, .activation = "relu", .learn = 1}), CLACT_E_UNSUPPORTED,
            "no learnable parameter");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 6, .activation = "maxout", .parameters = &pieces,
                                                    .parameter_count = 1}), CLACT_E_ARGUMENT, "no multiple");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 6, .activation = "softmax", .parameters = &axis,
                                                    .parameter_count = 1}), CLACT_E_ARGUMENT, "along the units");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 6, .activation = "relu", .parameters = &large,
                                                    .parameter_count = 1}), CLACT_E_RANGE, "not finite in f32");
    REFUSED(clact_nn_model_add(m, &(clact_nn_layer){.units = 6, .weights = {.id = 77}}), CLACT_E_NAME, "77");
    ck_assert_uint_eq(clact_nn_model_layers(m), 0);
    ck_assert_uint_eq(clact_nn_model_inputs(m), 3);
    ck_assert_uint_eq(clact_nn_model_outputs(m), 3);
    ck_assert_uint_eq(clact_nn_model_inputs(NULL), 0);
    ck_assert_str_eq(clact_nn_version()->text, clact_version()->text);
    clact_nn_model_destroy(&m);
    clact_nn_model_destroy(&m);
}
END_TEST

START_TEST(data_has_rules)
{
    float x[4][3] = {{0}}, y[4][2] = {{0}};
    int32_t labels[4] = {0, 1, 2, 0};
    clact_nn_model *m;
    clact_operand at = matrix(CLACT_F32, x, 4, 3), to = matrix(CLACT_F32, y, 4, 2), none = matrix(CLACT_F32, x, 0, 3);
    clact_operand narrow = matrix(CLACT_F32, x, 4, 2), wide = matrix(CLACT_F64, x, 2, 3), few = matrix(CLACT_F32, y, 3, 2);
    clact_operand classes = clact_array(CLACT_I32, labels, 4), fewer = clact_array(CLACT_I32, labels, 3);
    clact_nn_optimizer o = descent(0.1);
    clact_nn_fit_args f = {.train = {&at, &to, NULL, {0}}, .loss = CLACT_NN_SQUARED_ERROR, .optimizer = &o};
    OK(clact_nn_model_create(&m, test_context(), 3, NULL));
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "no layers");
    REFUSED(clact_nn_model_predict(m, &at, &to), CLACT_E_ARGUMENT, "must have layers");
    REFUSED(clact_nn_model_save(m, "x"), CLACT_E_ARGUMENT, "no layers");
    OK(clact_nn_model_add(m, &(clact_nn_layer){.units = 2}));
    f.train.x = &none;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "no samples");
    f.train.x = &narrow;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "x has 2 columns, not 3");
    f.train.x = &wide;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "f32");
    f.train.x = &at, f.train.targets = &few;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "3 targets for 4 samples");
    f.train.targets = &to, f.train.labels = &classes;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "either");
    f.train.targets = NULL;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "labels are for");
    f.loss = CLACT_NN_CROSS_ENTROPY;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "label 2 is 2: the model has 2 classes");
    labels[2] = -1;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "label 2 is -1");
    labels[2] = 1;
    f.train.labels = &fewer;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "3 labels for 4 samples");
    f.train.labels = &classes;
    OK(clact_nn_model_fit(m, &f));
    x[2][1] = NAN;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "row 2, column 1 of x is not finite");
    x[2][1] = 0, y[3][0] = INFINITY;
    f.train.labels = NULL, f.train.targets = &to, f.loss = CLACT_NN_SQUARED_ERROR;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "row 3, column 0 of targets");
    y[3][0] = 1e30f, o.steps = 0;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_RANGE, "the loss of epoch 1 is infinite");
    f.loss = 9;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "no loss of the number 9");
    f.loss = CLACT_NN_SQUARED_ERROR, f.optimizer = NULL;
    REFUSED(clact_nn_model_fit(m, &f), CLACT_E_ARGUMENT, "optimizer");
    REFUSED(clact_nn_model_predict(m, &at, &few), CLACT_E_ARGUMENT, "y has 3 rows for 4 samples");
    clact_nn_model_destroy(&m);
}
END_TEST

Suite *nn_model_suite(void)
{
    Suite *s = suite_create("nn_model");
    TCase *t = tcase_create("models");
    tcase_set_timeout(t, 900);
    tcase_add_test(t, gradients_are_differences);
    tcase_add_test(t, relu_learns_where_sigmoid_does_not);
    tcase_add_test(t, training_has_the_same_bits_everywhere);
    tcase_add_test(t, fast_training_is_close);
    tcase_add_test(t, training_can_go_on);
    tcase_add_test(t, health_counts_units);
    tcase_add_test(t, files_keep_models);
    tcase_add_test(t, layers_have_rules);
    tcase_add_test(t, data_has_rules);
    suite_add_tcase(s, t);
    return s;
}
