/* operations_nn.c: the operations of libclact-nn, for the tests that make what is below the library fail. */
#include "operations.h"

#include <clact/nn.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- Calls on arrays ------------------------------------------------------------------------ */

enum { SIDE = 16, ROWS = 8, CLASSES = 3, LENGTH = 9000 }; /* LENGTH: of a sum in chunks */

static clact_status initialize(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    (void)q;
    return clact_nn_initialize(c, &o[0], &(clact_nn_initializer){.id = CLACT_NN_HE_NORMAL, .seed = 1});
}

static clact_status matmul(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_matmul(c, &(clact_nn_matmul_args){.a = &o[0], .b = &o[1], .c = &o[2]}, q);
}

/* By OpenBLAS, where it is: on numbers of which no order of the terms rounds anything. Enqueued it would wait for the
 * event that the trial sets when the call has returned. */
static clact_status matmul_fast(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_matmul(c, &(clact_nn_matmul_args){.a = &o[0], .b = &o[1], .c = &o[2], .beta = 1, .mode = CLACT_NN_FAST}, q);
}

static clact_status dense_of(const char *name, clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    clact_activation *f;
    clact_status status = clact_activation_named(&f, name, NULL, 0);
    if (status != CLACT_OK)
        return status;
    status = clact_nn_dense_forward(c, &(clact_nn_dense_args){.x = &o[0], .w = &o[1], .b = &o[2], .z = &o[3], .y = &o[4],
                                                              .activation = f}, q);
    clact_activation_destroy(&f);
    return status;
}

static clact_status dense(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return dense_of("gelu", c, o, q);
}

static clact_status dense_softmax(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return dense_of("softmax", c, o, q);
}

static clact_status dense_backward(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    clact_activation *f;
    clact_status status = clact_activation_named(&f, "relu", NULL, 0);
    if (status != CLACT_OK)
        return status;
    status = clact_nn_dense_backward(c, &(clact_nn_dense_backward_args){
        .x = &o[0], .w = &o[1], .y = &o[2], .dy = &o[3], .dz = &o[4], .dx = &o[5], .dw = &o[6], .db = &o[7],
        .activation = f}, q);
    clact_activation_destroy(&f);
    return status;
}

static clact_status squared_error(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_loss(c, &(clact_nn_loss_args){.kind = CLACT_NN_SQUARED_ERROR, .z = &o[0], .targets = &o[1],
                                                  .value = &o[2], .dz = &o[3]}, q);
}

static clact_status binary_cross_entropy(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_loss(c, &(clact_nn_loss_args){.kind = CLACT_NN_BINARY_CROSS_ENTROPY, .z = &o[0], .targets = &o[1],
                                                  .value = &o[2], .dz = &o[3]}, q);
}

static clact_status cross_entropy(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_loss(c, &(clact_nn_loss_args){.kind = CLACT_NN_CROSS_ENTROPY, .z = &o[0], .labels = &o[1],
                                                  .value = &o[2], .dz = &o[3]}, q);
}

static clact_status penalty(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_penalty(c, &(clact_nn_penalty_args){.l1 = 0.5, .l2 = 0.25, .x = &o[0], .value = &o[1],
                                                        .gradient = &o[2]}, q);
}

static clact_status adam(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    clact_nn_optimizer optimizer;
    clact_status status = clact_nn_optimizer_default(&optimizer, CLACT_NN_ADAM);
    if (status == CLACT_OK)
        status = clact_nn_step_begin(&optimizer);
    if (status != CLACT_OK)
        return status;
    return clact_nn_update(c, &(clact_nn_update_args){.optimizer = &optimizer, .weights = &o[0], .gradient = &o[1],
                                                      .states = {&o[2], &o[3]}}, q);
}

static clact_status clip(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_clip(c, &(clact_nn_clip_args){.gradients = o, .count = 2, .max_norm = 1, .norm = &o[2]}, q);
}

static clact_status health(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    return clact_nn_health(c, &(clact_nn_health_args){.x = &o[0], .record = &o[1], .by_unit = 1}, q);
}

#define F32(use, count) {use, CLACT_F32, 0, count}
#define MATRIX(use, rows, columns) {use, CLACT_F32, rows, columns}
#define SQUARE(use) MATRIX(use, SIDE, SIDE)

const struct operation nn_operations[] = {
    {"initialiser", AT(ON_HOST) | AT(IN_BUFFERS), false, {SQUARE(OUT)}, initialize, NULL},
    {"product", ANYWHERE, false, {SQUARE(IN), SQUARE(IN), SQUARE(OUT)}, matmul, NULL},
    {"fast product", AT(ON_HOST) | AT(IN_BUFFERS), false, {SQUARE(IN), SQUARE(IN), SQUARE(INOUT)}, matmul_fast, NULL},
    {"dense layer", ANYWHERE, true, {SQUARE(IN), SQUARE(IN), F32(IN, SIDE), SQUARE(OUT), SQUARE(OUT)}, dense, NULL},
    {"dense layer of softmax", ANYWHERE, true, {SQUARE(IN), SQUARE(IN), F32(IN, SIDE), SQUARE(OUT), SQUARE(OUT)},
     dense_softmax, NULL},
    {"dense layer, backward", ANYWHERE, false,
     {SQUARE(IN), SQUARE(IN), SQUARE(IN), SQUARE(IN), SQUARE(OUT), SQUARE(OUT), SQUARE(OUT), F32(OUT, SIDE)},
     dense_backward, NULL},
    {"squared error", ANYWHERE, false, {F32(IN, LENGTH), F32(IN, LENGTH), F32(OUT, 1), F32(OUT, LENGTH)}, squared_error, NULL},
    {"binary cross-entropy", ANYWHERE, false, {SQUARE(IN), SQUARE(IN), F32(OUT, 1), SQUARE(OUT)}, binary_cross_entropy, NULL},
    {"cross-entropy", ANYWHERE, true,
     {MATRIX(IN, ROWS, CLASSES), {IN, CLACT_I32, 0, ROWS}, F32(OUT, 1), MATRIX(OUT, ROWS, CLASSES)}, cross_entropy, NULL},
    {"penalty", ANYWHERE, true, {SQUARE(IN), F32(OUT, 1), SQUARE(INOUT)}, penalty, NULL},
    {"Adam", ANYWHERE, false, {SQUARE(INOUT), SQUARE(IN), SQUARE(STATE), SQUARE(STATE)}, adam, NULL},
    {"clipping", ANYWHERE, true, {SQUARE(INOUT), F32(INOUT, LENGTH), F32(OUT, 4)}, clip, NULL},
    {"health", ANYWHERE, false, {SQUARE(IN), {OUT, CLACT_U8, 0, SIDE * sizeof(clact_nn_counts)}}, health, NULL},
    {.name = NULL},
};

/* ---- Models --------------------------------------------------------------------------------- */

enum { SAMPLES = 24, INPUTS = 4 };

static float samples[SAMPLES * INPUTS];
static int32_t labels[SAMPLES];

static clact_operand matrix(float *values, int64_t rows, int64_t columns)
{
    clact_operand o = clact_array(CLACT_F32, values, columns);
    o.tensor.rank = 2;
    o.tensor.dims[0] = rows;
    o.tensor.dims[1] = columns;
    return o;
}

/* A model of three layers, whose epoch has two steps; or, where each point of failure takes several trainings, the first
 * and the last of these, in one step. */
enum model_size { SMALL, WHOLE };

static clact_status add_layers(clact_nn_model *m, enum model_size size)
{
    const clact_nn_layer layers[] = {
        {.units = 8, .activation = "prelu", .learn = 1, .weights = {.id = CLACT_NN_HE_NORMAL}, .dropout = 0.25, .l2 = 0.5},
        {.units = 8, .activation = "glu", .weights = {.id = CLACT_NN_GLOROT_UNIFORM}},
        {.units = CLASSES, .weights = {.id = CLACT_NN_GLOROT_UNIFORM}},
    };
    clact_status status = CLACT_OK;
    for (int i = 0; i < 3 && status == CLACT_OK; i += size == WHOLE ? 1 : 2)
        status = clact_nn_model_add(m, &layers[i]);
    return status;
}

static clact_nn_data data_of(const clact_operand *x, const clact_operand *classes)
{
    return (clact_nn_data){.x = x, .labels = classes};
}

static clact_status fit(clact_nn_model *m, enum model_size size, clact_nn_optimizer *optimizer)
{
    const clact_operand x = matrix(samples, SAMPLES, INPUTS), classes = clact_array(CLACT_I32, labels, SAMPLES);
    const clact_nn_data data = data_of(&x, &classes);
    clact_nn_fit_args args = {.train = data, .loss = CLACT_NN_CROSS_ENTROPY, .optimizer = optimizer, .batch = SAMPLES,
                              .max_norm = 1};
    if (size == WHOLE)
        args.validation = data, args.batch = 16, args.health = 1;
    return clact_nn_model_fit(m, &args);
}

static clact_status train(clact_nn_model *m, clact_nn_score *score)
{
    clact_nn_optimizer optimizer;
    const clact_operand x = matrix(samples, SAMPLES, INPUTS), classes = clact_array(CLACT_I32, labels, SAMPLES);
    const clact_nn_data data = data_of(&x, &classes);
    clact_status status = clact_nn_optimizer_default(&optimizer, CLACT_NN_ADAM);
    if (status == CLACT_OK)
        status = fit(m, WHOLE, &optimizer);
    return status == CLACT_OK ? clact_nn_model_evaluate(m, &data, CLACT_NN_CROSS_ENTROPY, score) : status;
}

static clact_status predict(clact_nn_model *m, float *y)
{
    const clact_operand x = matrix(samples, SAMPLES, INPUTS), out = matrix(y, SAMPLES, CLASSES);
    return clact_nn_model_predict(m, &x, &out);
}

static clact_status made(clact_nn_model **out, clact_context *context, enum model_size size)
{
    for (int i = 0; i < SAMPLES * INPUTS; i++)
        samples[i] = (float)(i * 7 % 11 - 5) * 0.25f;
    for (int i = 0; i < SAMPLES; i++)
        labels[i] = i % CLASSES;
    clact_status status = clact_nn_model_create(out, context, INPUTS, &(clact_nn_model_options){.seed = 3});
    if (status == CLACT_OK)
        status = add_layers(*out, size);
    return status;
}

/* What a model of the CPU backend gives, untrained and trained: made once, by a trial without faults. */
static struct {
    bool known;
    float untrained[SAMPLES * CLASSES], trained[SAMPLES * CLASSES];
    clact_nn_score score;
} reference;

static bool know(void)
{
    clact_context *cpu = NULL;
    clact_nn_model *m = NULL;
    if (reference.known)
        return true;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) == CLACT_OK && made(&m, cpu, WHOLE) == CLACT_OK)
        reference.known = predict(m, reference.untrained) == CLACT_OK && train(m, &reference.score) == CLACT_OK &&
                          predict(m, reference.trained) == CLACT_OK;
    clact_nn_model_destroy(&m);
    clact_close(&cpu);
    return reference.known;
}

static clact_status whole_training(struct trial *t)
{
    float y[SAMPLES * CLASSES];
    clact_nn_model *m = NULL;
    clact_nn_score score = {0};
    trial_expect(t, know(), "a model is trained where nothing fails");
    trial_arm(t);
    clact_status status = made(&m, t->context, WHOLE);
    if (status == CLACT_OK)
        status = train(m, &score);
    if (status == CLACT_OK)
        status = predict(m, y);
    trial_disarm(t);
    if (status == CLACT_OK)
        trial_expect(t, memcmp(y, reference.trained, sizeof y) == 0 && score.loss == reference.score.loss &&
                            score.accuracy == reference.score.accuracy, "succeeded with another model");
    clact_nn_model_destroy(&m);
    return status;
}

/* Training that failed leaves a model that can be trained: after a new start it is another one of course. */
static clact_status whole_fit(struct trial *t)
{
    clact_nn_model *m = NULL;
    clact_nn_optimizer optimizer, anew;
    float y[SAMPLES * CLASSES];
    trial_expect(t, clact_nn_optimizer_default(&optimizer, CLACT_NN_ADAM) == CLACT_OK, "an optimiser is set up");
    anew = optimizer;
    if (made(&m, t->context, SMALL) != CLACT_OK) {
        trial_expect(t, false, "a model is made where nothing fails");
        return CLACT_OK;
    }
    trial_arm(t);
    clact_status status = fit(m, SMALL, &optimizer);
    trial_disarm(t);
    trial_expect(t, clact_nn_model_layers(m) == 2 && predict(m, y) == CLACT_OK && fit(m, SMALL, &anew) == CLACT_OK,
                 "a model can be used, and trained, after its training failed");
    clact_nn_model_destroy(&m);
    return status;
}

/* What two epochs by one optimiser give, with or without a third one, by another, that fails before it begins between. */
static bool two_epochs(clact_nn_model *m, struct trial *between, clact_status *failure, float *y)
{
    clact_nn_optimizer one, other;
    if (clact_nn_optimizer_default(&one, CLACT_NN_ADAM) != CLACT_OK || fit(m, SMALL, &one) != CLACT_OK ||
        clact_nn_optimizer_default(&other, CLACT_NN_ADAM) != CLACT_OK)
        return false;
    if (between) {
        trial_arm(between);
        *failure = fit(m, SMALL, &other);
        trial_disarm(between);
    }
    if (between && (*failure == CLACT_OK || other.steps > 0))
        return false; /* another model by then */
    clact_status status = fit(m, SMALL, &one);
    trial_expect(between ? between : &(struct trial){0}, status == CLACT_OK || status == CLACT_E_ARGUMENT,
                 "training goes on, or is refused");
    return status == CLACT_OK && predict(m, y) == CLACT_OK;
}

/* An optimiser goes on with its own state, or is told that it is gone. */
static clact_status whole_states(struct trial *t)
{
    static float expected[SAMPLES * CLASSES];
    static bool known;
    float y[SAMPLES * CLASSES];
    clact_nn_model *m = NULL;
    clact_status status = CLACT_OK;
    if (!known) {
        known = made(&m, t->context, SMALL) == CLACT_OK && two_epochs(m, NULL, NULL, expected);
        clact_nn_model_destroy(&m);
    }
    trial_expect(t, known && made(&m, t->context, SMALL) == CLACT_OK, "a model is trained where nothing fails");
    if (!t->wrong && two_epochs(m, t, &status, y))
        trial_expect(t, memcmp(y, expected, sizeof y) == 0, "training went on with half of a state");
    clact_nn_model_destroy(&m);
    return status;
}

static clact_status whole_predict(struct trial *t)
{
    float y[SAMPLES * CLASSES], before[SAMPLES * CLASSES];
    clact_nn_model *m = NULL;
    memset(before, 0x5a, sizeof before);
    memcpy(y, before, sizeof y);
    trial_expect(t, know() && made(&m, t->context, WHOLE) == CLACT_OK, "a model is made where nothing fails");
    if (t->wrong)
        return CLACT_OK;
    trial_arm(t);
    clact_status status = predict(m, y);
    trial_disarm(t);
    const bool whole = memcmp(y, reference.untrained, sizeof y) == 0;
    trial_expect(t, whole || (status != CLACT_OK && memcmp(y, before, sizeof y) == 0), "an output is whole or untouched");
    clact_nn_model_destroy(&m);
    return status;
}

/* Written over a good file: that is there until the new one is whole. */
static clact_status whole_file(struct trial *t)
{
    char path[300];
    float y[SAMPLES * CLASSES];
    clact_nn_model *m = NULL, *loaded = NULL;
    snprintf(path, sizeof path, "%s/model", t->folder);
    trial_expect(t, know() && made(&m, t->context, WHOLE) == CLACT_OK, "a model is made where nothing fails");
    if (!t->wrong)
        trial_expect(t, clact_nn_model_save(m, path) == CLACT_OK, "a model is saved where nothing fails");
    if (t->wrong)
        return CLACT_OK;
    trial_arm(t);
    clact_status status = clact_nn_model_save(m, path);
    if (status == CLACT_OK)
        status = clact_nn_model_load(&loaded, t->context, path, NULL);
    trial_disarm(t);
    trial_expect(t, (status == CLACT_OK) == (loaded != NULL), "a model is there only where it was loaded");
    if (!loaded)
        trial_expect(t, clact_nn_model_load(&loaded, t->context, path, NULL) == CLACT_OK, "the file is good after all");
    trial_expect(t, loaded && predict(loaded, y) == CLACT_OK && memcmp(y, reference.untrained, sizeof y) == 0,
                 "the model loaded is the one that was saved");
    clact_nn_model_destroy(&loaded);
    clact_nn_model_destroy(&m);
    remove(path);
    return status;
}

/* ---- Others --------------------------------------------------------------------------------- */

static clact_status whole_record(struct trial *t)
{
    static float x[2] = {0, 1};
    _Alignas(8) unsigned char bytes[512];
    clact_operand values = matrix(x, 1, 2), record = clact_array(CLACT_U8, bytes, (int64_t)clact_nn_health_bytes(2));
    clact_nn_health_summary summary;
    clact_nn_counts units[2];
    clact_status status = clact_nn_health(t->context, &(clact_nn_health_args){.x = &values, .record = &record, .by_unit = 1}, NULL);
    trial_expect(t, status == CLACT_OK, "elements are counted where nothing fails");
    trial_arm(t);
    status = clact_nn_health_read(&summary, units, t->context, &record);
    trial_disarm(t);
    if (status == CLACT_OK)
        trial_expect(t, summary.units == 2 && summary.dead == 1 && units[0].zeros == 1, "succeeded with wrong counts");
    return status;
}

static clact_status whole_scaler(struct trial *t)
{
    static float x[] = {1, 2, 3, 6}, y[4];
    clact_nn_scaler *s = NULL;
    double gain = 0;
    const clact_operand in = matrix(x, 2, 2), out = matrix(y, 2, 2);
    clact_activation *f = NULL;
    trial_arm(t);
    clact_status status = clact_nn_scaler_fit(&s, &in, CLACT_NN_NORMALIZE);
    if (status == CLACT_OK)
        status = clact_nn_scaler_apply(s, &in, &out);
    if (status == CLACT_OK)
        trial_expect(t, y[0] == 0 && y[3] == 1, "succeeded with other scales");
    if (status == CLACT_OK)
        status = clact_activation_named(&f, "relu", NULL, 0);
    if (status == CLACT_OK)
        status = clact_nn_gain(&gain, f);
    trial_disarm(t);
    trial_expect(t, status != CLACT_OK || (gain > 1.414 && gain < 1.415), "succeeded with another gain");
    clact_activation_destroy(&f);
    clact_nn_scaler_destroy(&s);
    return status;
}

const struct operation nn_whole_operations[] = {
    {.name = "a model from its layers to its predictions", .whole = whole_training},
    {.name = "training", .whole = whole_fit},
    {.name = "training begun anew", .whole = whole_states},
    {.name = "prediction", .whole = whole_predict},
    {.name = "a model's file", .whole = whole_file},
    {.name = "a record of health", .whole = whole_record},
    {.name = "scaler and gain", .whole = whole_scaler},
    {.name = NULL},
};
