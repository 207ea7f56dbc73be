/* fit.c: training a sequential model, and what it says of new data. */
#include "model.h"

#define CLACT_REAL_BITS 64
#include "dialect.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>

/* ---- Data ----------------------------------------------------------------------------------- */

static bool is_finite_at(const clact_operand *x, uint64_t i)
{
    i += (uint64_t)x->tensor.offset;
    return isfinite(x->tensor.type == CLACT_F64 ? ((const double *)x->data)[i] : (double)((const float *)x->data)[i]);
}

static clact_status check_finite(const clact_operand *x, const char *what)
{
    const uint64_t columns = (uint64_t)x->tensor.dims[1], n = (uint64_t)x->tensor.dims[0] * columns;
    for (uint64_t i = 0; i < n; i++)
        REQUIRE(is_finite_at(x, i), CLACT_E_ARGUMENT, "row %llu, column %llu of %s is not finite",
                (unsigned long long)(i / columns), (unsigned long long)(i % columns), what);
    return CLACT_OK;
}

static const int32_t *labels_of(const clact_nn_data *data)
{
    return data->labels ? (const int32_t *)data->labels->data + data->labels->tensor.offset : NULL;
}

static clact_status check_labels(const clact_nn_model *m, const clact_nn_data *data, uint64_t samples)
{
    const clact_tensor *t = &data->labels->tensor;
    const uint64_t classes = clact_nn_outputs(m);
    REQUIRE(t->type == CLACT_I32 && t->rank == 1 && !t->strided && t->offset >= 0 && data->labels->data &&
                !data->labels->buffer && !data->labels->mem,
            CLACT_E_ARGUMENT, "labels must be a dense vector of i32 in host memory");
    REQUIRE(t->dims[0] >= 0 && (uint64_t)t->dims[0] == samples, CLACT_E_ARGUMENT, "there are %lld labels for %llu samples",
            (long long)t->dims[0], (unsigned long long)samples);
    for (uint64_t i = 0; i < samples; i++)
        REQUIRE(labels_of(data)[i] >= 0 && (uint64_t)labels_of(data)[i] < classes, CLACT_E_ARGUMENT,
                "label %llu is %ld: the model has %llu classes", (unsigned long long)i, (long)labels_of(data)[i],
                (unsigned long long)classes);
    return CLACT_OK;
}

static clact_status check_data(const clact_nn_model *m, const clact_nn_data *data, uint32_t loss, uint64_t *samples)
{
    uint64_t targets;
    REQUIRE(!(data->reserved[0] | data->reserved[1]), CLACT_E_ARGUMENT, "the reserved words of clact_nn_data must be zero");
    REQUIRE(m->count, CLACT_E_ARGUMENT, "the model has no layers");
    REQUIRE(loss >= CLACT_NN_SQUARED_ERROR && loss <= CLACT_NN_CROSS_ENTROPY, CLACT_E_ARGUMENT,
            "there is no loss of the number %u", (unsigned)loss);
    TRY(clact_nn_check_samples(m, data->x, "x", m->inputs, samples));
    REQUIRE((data->targets != NULL) != (data->labels != NULL), CLACT_E_ARGUMENT, "data has either targets or labels");
    REQUIRE(!data->labels || loss == CLACT_NN_CROSS_ENTROPY, CLACT_E_ARGUMENT, "labels are for cross-entropy");
    TRY(check_finite(data->x, "x"));
    if (data->labels)
        return check_labels(m, data, *samples);
    TRY(clact_nn_check_samples(m, data->targets, "targets", clact_nn_outputs(m), &targets));
    REQUIRE(targets == *samples, CLACT_E_ARGUMENT, "there are %llu targets for %llu samples", (unsigned long long)targets,
            (unsigned long long)*samples);
    return check_finite(data->targets, "targets");
}

/* Rows of a host matrix, in an order (NULL: as they lie), to a buffer by way of staging. */
static clact_status send(clact_buffer *to, const void *from, size_t row_bytes, uint64_t first, uint64_t rows,
                         const uint64_t *order, char *staging)
{
    if (!to)
        return CLACT_OK;
    if (!order)
        return clact_buffer_write(to, 0, (size_t)rows * row_bytes, (const char *)from + first * row_bytes);
    for (uint64_t r = 0; r < rows; r++)
        memcpy(staging + r * row_bytes, (const char *)from + order[first + r] * row_bytes, row_bytes);
    return clact_buffer_write(to, 0, (size_t)rows * row_bytes, staging);
}

/* Data as it is sent to the device, batch by batch. */
struct feed {
    const clact_nn_data *data;
    uint64_t samples, batch;
    uint64_t *order; /* NULL: as they lie */
    char *staging;   /* of one batch; NULL without an order */
};

static const void *rows_of(const clact_operand *o)
{
    return o ? (const char *)o->data + (size_t)o->tensor.offset * clact_type_bytes((clact_type)o->tensor.type) : NULL;
}

static uint64_t rows_at(const struct feed *f, uint64_t first)
{
    return f->samples - first < f->batch ? f->samples - first : f->batch;
}

static clact_status send_batch(const clact_nn_model *m, const struct clact_nn_memory *memory, const struct feed *f, uint64_t first)
{
    const uint64_t rows = rows_at(f, first);
    const size_t x = clact_nn_bytes(m, m->inputs), targets = clact_nn_bytes(m, clact_nn_outputs(m));
    TRY(send(memory->x, rows_of(f->data->x), x, first, rows, f->order, f->staging));
    TRY(send(memory->targets, rows_of(f->data->targets), targets, first, rows, f->order, f->staging));
    return send(memory->labels, rows_of(f->data->labels), sizeof(int32_t), first, rows, f->order, f->staging);
}

/* The mean of the batches' losses, each by its number of samples. */
static clact_status read_loss(const clact_nn_model *m, const struct clact_nn_memory *memory, const struct feed *f, double *out)
{
    const uint64_t batches = (f->samples + f->batch - 1) / f->batch;
    void *losses = malloc(clact_nn_bytes(m, batches));
    REQUIRE(losses, CLACT_E_MEMORY, "out of memory");
    clact_status status = clact_buffer_read(memory->losses, 0, clact_nn_bytes(m, batches), losses);
    double sum = 0;
    for (uint64_t b = 0; b < batches && status == CLACT_OK; b++)
        sum += (m->type == CLACT_F64 ? ((double *)losses)[b] : (double)((float *)losses)[b]) * (double)rows_at(f, b * f->batch);
    free(losses);
    *out = sum / (double)f->samples;
    return status;
}

/* ---- Prediction and evaluation -------------------------------------------------------------- */

enum { ROWS = 256 }; /* of a batch, where nothing is learned */

clact_status clact_nn_model_predict(clact_nn_model *model, const clact_operand *x, const clact_operand *y)
{
    uint64_t samples, rows;
    struct clact_nn_memory memory;
    REQUIRE(model && model->count, CLACT_E_ARGUMENT, "model must not be NULL, and must have layers");
    TRY(clact_nn_check_samples(model, x, "x", model->inputs, &samples));
    TRY(clact_nn_check_samples(model, y, "y", clact_nn_outputs(model), &rows));
    REQUIRE(rows == samples, CLACT_E_ARGUMENT, "y has %llu rows for %llu samples", (unsigned long long)rows,
            (unsigned long long)samples);
    clact_nn_data data = {.x = x};
    struct feed f = {.data = &data, .samples = samples, .batch = ROWS};
    TRY(clact_nn_memory_make(&memory, model, samples < ROWS ? samples : ROWS, 0, NULL, false));
    clact_status status = CLACT_OK;
    const size_t bytes = clact_nn_bytes(model, clact_nn_outputs(model));
    for (uint64_t first = 0; first < samples && status == CLACT_OK; first += ROWS) {
        rows = rows_at(&f, first);
        status = send_batch(model, &memory, &f, first);
        if (status == CLACT_OK)
            status = clact_nn_pass_forward(model, &memory, rows, NULL);
        if (status == CLACT_OK)
            status = clact_buffer_read(clact_nn_pass_output(model, &memory), 0, rows * bytes,
                                       (char *)(uintptr_t)rows_of(y) + first * bytes);
    }
    clact_nn_memory_free(&memory, model);
    return status;
}

static double value_at(clact_type type, const void *values, uint64_t i)
{
    return type == CLACT_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

static uint64_t greatest(clact_type type, const void *values, uint64_t first, uint64_t n)
{
    uint64_t best = 0;
    for (uint64_t i = 1; i < n; i++)
        if (value_at(type, values, first + i) > value_at(type, values, first + best))
            best = i;
    return best;
}

/* How many of a batch's outputs (of cross-entropy: samples) are right. */
static uint64_t count_right(const clact_nn_model *m, const struct feed *f, uint32_t loss, uint64_t first, uint64_t rows, const void *y)
{
    const uint64_t n = clact_nn_outputs(m);
    const void *targets = rows_of(f->data->targets);
    uint64_t right = 0;
    for (uint64_t r = 0; r < rows && loss == CLACT_NN_CROSS_ENTROPY; r++) {
        uint64_t expected = f->data->labels ? (uint64_t)labels_of(f->data)[first + r] : greatest(m->type, targets, (first + r) * n, n);
        right += greatest(m->type, y, r * n, n) == expected;
    }
    for (uint64_t i = 0; i < rows * n && loss == CLACT_NN_BINARY_CROSS_ENTROPY; i++)
        right += (value_at(m->type, y, i) > 0) == (value_at(m->type, targets, first * n + i) > 0.5);
    return right;
}

static clact_status evaluate(clact_nn_model *m, const struct feed *f, uint32_t loss, clact_nn_score *out)
{
    struct clact_nn_memory memory;
    const uint64_t columns = clact_nn_outputs(m);
    uint64_t right = 0;
    TRY(clact_nn_memory_make(&memory, m, f->batch, (f->samples + f->batch - 1) / f->batch, f->data, false));
    void *y = malloc(clact_nn_bytes(m, f->batch * columns));
    clact_status status = y ? CLACT_OK : clact_fail(CLACT_E_MEMORY, "out of memory");
    for (uint64_t first = 0; first < f->samples && status == CLACT_OK; first += f->batch) {
        const uint64_t rows = rows_at(f, first);
        status = send_batch(m, &memory, f, first);
        if (status == CLACT_OK)
            status = clact_nn_pass_forward(m, &memory, rows, NULL);
        if (status == CLACT_OK)
            status = clact_buffer_read(clact_nn_pass_output(m, &memory), 0, clact_nn_bytes(m, rows * columns), y);
        if (status == CLACT_OK)
            status = clact_nn_pass_loss(m, &memory, rows, loss, first / f->batch, false);
        if (status == CLACT_OK)
            right += count_right(m, f, loss, first, rows, y);
    }
    if (status == CLACT_OK)
        status = read_loss(m, &memory, f, &out->loss);
    const double judged = (double)f->samples * (loss == CLACT_NN_CROSS_ENTROPY ? 1 : (double)columns);
    out->accuracy = loss == CLACT_NN_SQUARED_ERROR ? NAN : (double)right / judged;
    free(y);
    clact_nn_memory_free(&memory, m);
    return status;
}

clact_status clact_nn_model_evaluate(clact_nn_model *model, const clact_nn_data *data, uint32_t loss, clact_nn_score *out)
{
    uint64_t samples;
    clact_nn_score score;
    REQUIRE(model && data && out, CLACT_E_ARGUMENT, "model, data and out must not be NULL");
    TRY(check_data(model, data, loss, &samples));
    struct feed f = {.data = data, .samples = samples, .batch = samples < ROWS ? samples : ROWS};
    TRY(evaluate(model, &f, loss, &score));
    *out = score;
    return CLACT_OK;
}

/* ---- Training ------------------------------------------------------------------------------- */

struct fit {
    clact_nn_model *model;
    const clact_nn_fit_args *args;
    struct clact_nn_memory memory;
    struct feed train, validation;
    uint64_t batches, epochs;
    struct clact_nn_noise noise;
    clact_operand *gradients; /* of all arrays, in their order */
    size_t gradient_count;
    clact_buffer **records;   /* of each layer's health; NULL where it is not asked for */
    clact_nn_layer_health *health;
};

/* The arrays of a model as one list: for (array *a = NULL; (a = next_array(m, a));). */
static struct clact_nn_trained *next_array(const clact_nn_model *m, struct clact_nn_trained *a, size_t *layer, int *which)
{
    for (*which = a ? *which + 1 : 0, *layer = a ? *layer : 0; *layer < m->count; ++*layer, *which = 0)
        for (; *which < ARRAYS; ++*which)
            if (m->layers[*layer].arrays[*which].values)
                return &m->layers[*layer].arrays[*which];
    return NULL;
}

/* Gradients, and the state of the optimiser's rule, zero where it begins. */
static clact_status make_states(clact_nn_model *m, const clact_nn_optimizer *o)
{
    const uint32_t states = clact_nn_optimizer_states(o);
    size_t layer;
    int which;
    REQUIRE(o->steps == 0 || m->rule == o->rule || !states, CLACT_E_ARGUMENT,
            "the optimiser has begun, and the model has no state of it: set its steps to 0");
    if (o->steps == 0)
        m->rule = 0; /* until the first step: who began earlier is not to go on with zeros, or half of them */
    for (struct clact_nn_trained *a = NULL; (a = next_array(m, a, &layer, &which));) {
        if (!a->gradient)
            TRY(clact_nn_zeros(&a->gradient, m, clact_nn_count(a)));
        for (uint32_t s = 0; s < STATES; s++) {
            if (o->steps == 0 || s >= states)
                clact_buffer_destroy(&a->states[s]);
            if (s < states && !a->states[s])
                TRY(clact_nn_zeros(&a->states[s], m, clact_nn_count(a)));
        }
    }
    return CLACT_OK;
}

static clact_status list_gradients(struct fit *f)
{
    const clact_nn_model *m = f->model;
    size_t layer;
    int which;
    f->gradients = calloc(m->count * ARRAYS, sizeof *f->gradients);
    REQUIRE(f->gradients, CLACT_E_MEMORY, "out of memory");
    for (struct clact_nn_trained *a = NULL; (a = next_array(m, a, &layer, &which));)
        f->gradients[f->gradient_count++] = clact_nn_part(m, a, a->gradient);
    return CLACT_OK;
}

static clact_status update(struct fit *f)
{
    clact_nn_model *m = f->model;
    const clact_nn_optimizer *o = f->args->optimizer;
    size_t layer;
    int which;
    for (struct clact_nn_trained *a = NULL; (a = next_array(m, a, &layer, &which));) {
        clact_operand weights = clact_nn_part(m, a, a->values), gradient = clact_nn_part(m, a, a->gradient);
        clact_operand states[STATES] = {clact_nn_part(m, a, a->states[0]), clact_nn_part(m, a, a->states[1])};
        TRY(clact_nn_update(m->context, &(clact_nn_update_args){
            .optimizer = o, .weights = &weights, .gradient = &gradient,
            .states = {a->states[0] ? &states[0] : NULL, a->states[1] ? &states[1] : NULL}}, NULL));
    }
    return CLACT_OK;
}

static clact_status norm_of(struct fit *f, const clact_operand *gradients, size_t count, double max)
{
    clact_operand norm = clact_nn_operand_of(f->model->type, 0, 4, f->memory.norm, NULL);
    return clact_nn_clip(f->model->context, &(clact_nn_clip_args){
        .gradients = gradients, .count = count, .max_norm = max, .norm = &norm}, NULL);
}

/* ---- Health --------------------------------------------------------------------------------- */

/* The limits of an activation that has two. */
static bool limits_of(const clact_activation *f, double *low, double *high)
{
    if (!f || f->own)
        return false;
    switch (f->info->id) {
    case CLACT_SIGMOID: case CLACT_HARD_SIGMOID: case CLACT_HARD_SIGMOID_ONNX: case CLACT_SPARSE_SIGMOID:
        *low = 0, *high = 1;
        return true;
    case CLACT_TANH: case CLACT_SOFTSIGN: case CLACT_ERF:
        *low = -1, *high = 1;
        return true;
    case CLACT_RELU6:
        *low = 0, *high = 6;
        return true;
    case CLACT_CLIP: case CLACT_HARD_TANH:
        *low = f->p64[clact_parameter_find(f->info, "min")];
        *high = f->p64[clact_parameter_find(f->info, "max")];
        return true;
    default:
        return false;
    }
}

static clact_operand record_of(const struct fit *f, size_t i)
{
    const size_t bytes = clact_nn_health_bytes(f->model->layers[i].outputs);
    return clact_nn_operand_of(CLACT_U8, 0, bytes, f->records[i], NULL);
}

static clact_status make_records(struct fit *f)
{
    const clact_nn_model *m = f->model;
    if (!f->args->health)
        return CLACT_OK;
    f->health = calloc(m->count, sizeof *f->health);
    f->records = calloc(m->count, sizeof(clact_buffer *));
    REQUIRE(f->health && f->records, CLACT_E_MEMORY, "out of memory");
    for (size_t i = 0; i < m->count; i++)
        TRY(clact_buffer_create(&f->records[i], m->context, clact_nn_health_bytes(m->layers[i].outputs)));
    return CLACT_OK;
}

static clact_status count_health(struct fit *f, uint64_t rows, bool add)
{
    const clact_nn_model *m = f->model;
    for (size_t i = 0; f->records && i < m->count; i++) {
        const struct clact_nn_dense *l = &m->layers[i];
        clact_operand y = clact_nn_operand_of(m->type, rows, l->outputs, f->memory.layers[i].y, NULL), record = record_of(f, i);
        double low = 0, high = 0;
        bool limits = limits_of(l->activation, &low, &high);
        double margin = (high - low) / 20;
        TRY(clact_nn_health(m->context, &(clact_nn_health_args){
            .x = &y, .record = &record, .by_unit = 1, .add = add, .saturation = limits, .low = limits ? low + margin : 0,
            .high = limits ? high - margin : 0}, NULL));
    }
    return CLACT_OK;
}

/* The norms of the gradients that stand there, before they are clipped. */
static clact_status read_norms(struct fit *f)
{
    const clact_nn_model *m = f->model;
    size_t at = 0;
    for (size_t i = 0; f->records && i < m->count; i++) {
        size_t n = 0;
        double norm[4];
        for (int a = 0; a < ARRAYS; a++)
            n += m->layers[i].arrays[a].values != NULL;
        TRY(norm_of(f, &f->gradients[at], n, 0));
        TRY(clact_buffer_read(f->memory.norm, 0, clact_nn_bytes(m, 4), norm));
        f->health[i].gradient_norm = value_at(m->type, norm, 0);
        at += n;
    }
    return CLACT_OK;
}

static clact_status read_health(struct fit *f)
{
    const clact_nn_model *m = f->model;
    for (size_t i = 0; f->records && i < m->count; i++) {
        clact_nn_health_summary s;
        clact_operand record = record_of(f, i);
        clact_nn_layer_health *h = &f->health[i];
        TRY(clact_nn_health_read(&s, NULL, m->context, &record));
        h->zeros = (double)s.total.zeros / (double)s.total.seen;
        h->saturated = (double)s.total.saturated / (double)s.total.seen;
        h->dead = s.dead;
        h->outputs = s.units;
        h->nans = s.total.nans;
        h->infinities = s.total.infinities;
    }
    return CLACT_OK;
}

/* ---- Epochs --------------------------------------------------------------------------------- */

/* A random order of the samples for an epoch, by Fisher and Yates; the numbers are those of the seed at counters of its own. */
static void shuffle(struct fit *f, uint64_t epoch)
{
    uint64_t *order = f->train.order;
    if (!order)
        return;
    for (uint64_t i = 0; i < f->train.samples; i++)
        order[i] = i;
    for (uint64_t i = f->train.samples; i-- > 1;) {
        words w = philox((u32)i, (u32)(i >> 32), (u32)epoch, 1, (u32)f->args->seed, (u32)(f->args->seed >> 32));
        uint64_t k = (uint64_t)((unsigned __int128)((uint64_t)w.b << 32 | w.a) * (i + 1) >> 64), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
}

static clact_status train_batch(struct fit *f, uint64_t batch)
{
    clact_nn_model *m = f->model;
    const uint64_t first = batch * f->train.batch, rows = rows_at(&f->train, first);
    const struct clact_nn_noise noise = f->noise;
    TRY(send_batch(m, &f->memory, &f->train, first));
    TRY(clact_nn_pass_forward(m, &f->memory, rows, &f->noise));
    TRY(count_health(f, rows, batch > 0));
    TRY(clact_nn_pass_loss(m, &f->memory, rows, f->args->loss, batch, true));
    TRY(clact_nn_pass_backward(m, &f->memory, rows, batch, noise));
    if (batch + 1 == f->batches)
        TRY(read_norms(f));
    if (f->args->max_norm > 0)
        TRY(norm_of(f, f->gradients, f->gradient_count, f->args->max_norm));
    TRY(clact_nn_step_begin(f->args->optimizer));
    m->rule = f->args->optimizer->rule;
    return update(f);
}

static bool told_to_stop(const struct fit *f, const clact_nn_progress *p)
{
    return f->args->progress && f->args->progress(f->args->progress_data, p) != 0;
}

static clact_status train_epoch(struct fit *f, uint64_t epoch, bool *stop)
{
    clact_nn_progress p = {.epoch = epoch, .epochs = f->epochs, .batches = f->batches, .loss = NAN,
                           .validation = {NAN, NAN}, .layers = f->health};
    shuffle(f, epoch);
    for (uint64_t b = 0; b < f->batches && !*stop; b++) {
        TRY(train_batch(f, b));
        p.batch = b + 1;
        if (p.batch < f->batches)
            *stop = told_to_stop(f, &p);
    }
    if (*stop)
        return CLACT_OK;
    TRY(read_loss(f->model, &f->memory, &f->train, &p.loss));
    TRY(read_health(f));
    if (f->validation.data)
        TRY(evaluate(f->model, &f->validation, f->args->loss, &p.validation));
    p.epoch_done = 1;
    *stop = told_to_stop(f, &p);
    REQUIRE(isfinite(p.loss), CLACT_E_RANGE, "the loss of epoch %llu is %s: a lower rate, scaled data or clipped gradients may help",
            (unsigned long long)epoch, isnan(p.loss) ? "NaN" : "infinite");
    return CLACT_OK;
}

static clact_status run(struct fit *f)
{
    bool stop = false;
    clact_nn_model *m = f->model;
    if (!f->args->in_order) {
        size_t row = clact_nn_bytes(m, m->inputs > clact_nn_outputs(m) ? m->inputs : clact_nn_outputs(m));
        row = row > sizeof(int32_t) ? row : sizeof(int32_t);
        f->train.order = malloc((size_t)f->train.samples * sizeof *f->train.order);
        f->train.staging = malloc((size_t)f->train.batch * row);
        REQUIRE(f->train.order && f->train.staging, CLACT_E_MEMORY, "out of memory");
    }
    TRY(make_states(m, f->args->optimizer));
    TRY(list_gradients(f));
    TRY(make_records(f));
    for (uint64_t epoch = 1; epoch <= f->epochs && !stop; epoch++)
        TRY(train_epoch(f, epoch, &stop));
    return clact_finish(m->context);
}

static void release(struct fit *f)
{
    for (size_t i = 0; f->records && i < f->model->count; i++)
        clact_buffer_destroy(&f->records[i]);
    free(f->records);
    free(f->health);
    free(f->gradients);
    free(f->train.order);
    free(f->train.staging);
    clact_nn_memory_free(&f->memory, f->model);
}

static clact_status check_fit(const clact_nn_fit_args *a)
{
    uint64_t any = a->reserved0;
    for (int i = 0; i < 8; i++)
        any |= a->reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "the reserved words of clact_nn_fit_args must be zero");
    REQUIRE(a->optimizer, CLACT_E_ARGUMENT, "optimizer must not be NULL");
    REQUIRE(a->in_order <= 1 && a->health <= 1, CLACT_E_ARGUMENT, "in_order and health must be 0 or 1");
    REQUIRE(isfinite(a->max_norm) && a->max_norm >= 0, CLACT_E_RANGE, "max_norm is finite and not negative, not %g", a->max_norm);
    return CLACT_OK;
}

clact_status clact_nn_model_fit(clact_nn_model *model, const clact_nn_fit_args *args)
{
    REQUIRE(model && args, CLACT_E_ARGUMENT, "model and args must not be NULL");
    TRY(check_fit(args));
    struct fit f = {.model = model, .args = args, .epochs = args->epochs ? args->epochs : 1,
                    .noise = {args->seed, 0}};
    const uint64_t batch = args->batch ? args->batch : 32;
    f.train.data = &args->train;
    TRY(check_data(model, &args->train, args->loss, &f.train.samples));
    f.train.batch = batch < f.train.samples ? batch : f.train.samples;
    f.batches = (f.train.samples + f.train.batch - 1) / f.train.batch;
    if (args->validation.x || args->validation.targets || args->validation.labels) {
        f.validation.data = &args->validation;
        TRY(check_data(model, &args->validation, args->loss, &f.validation.samples));
        f.validation.batch = f.validation.samples < ROWS ? f.validation.samples : ROWS;
    }
    clact_status status = clact_nn_memory_make(&f.memory, model, f.train.batch, f.batches, &args->train, true);
    if (status == CLACT_OK)
        status = run(&f);
    release(&f);
    return status;
}
