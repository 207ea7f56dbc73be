/* model.c: a sequential model: its layers, and what they train. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Operands ------------------------------------------------------------------------------- */

clact_operand clact_nn_operand_of(clact_type type, uint64_t rows, uint64_t columns, clact_buffer *buffer, void *data)
{
    clact_operand o = clact_array(type, data, (int64_t)columns);
    o.buffer = buffer;
    if (rows) {
        o.tensor.rank = 2;
        o.tensor.dims[0] = (int64_t)rows;
        o.tensor.dims[1] = (int64_t)columns;
    }
    return o;
}

clact_operand clact_nn_part(const clact_nn_model *m, const struct clact_nn_trained *a, clact_buffer *buffer)
{
    return clact_nn_operand_of(m->type, a->rows, a->columns, buffer, NULL);
}

clact_status clact_nn_zeros(clact_buffer **out, const clact_nn_model *m, uint64_t count)
{
    clact_buffer *buffer;
    TRY(clact_buffer_create(&buffer, m->context, clact_nn_bytes(m, count)));
    clact_operand o = clact_nn_operand_of(m->type, 0, count, buffer, NULL);
    clact_status status = clact_nn_initialize(m->context, &o, &(clact_nn_initializer){.id = CLACT_NN_ZEROS});
    if (status == CLACT_OK)
        *out = buffer;
    else
        clact_buffer_destroy(&buffer);
    return status;
}

clact_status clact_nn_check_samples(const clact_nn_model *m, const clact_operand *x, const char *what, uint64_t columns,
                                    uint64_t *samples)
{
    REQUIRE(x, CLACT_E_ARGUMENT, "%s must not be NULL", what);
    const clact_tensor *t = &x->tensor;
    REQUIRE(t->rank == 2 && !t->strided && t->dims[0] >= 0 && t->offset >= 0, CLACT_E_ARGUMENT,
            "%s must be a dense matrix, [samples, %llu]", what, (unsigned long long)columns);
    REQUIRE(t->type == m->type, CLACT_E_ARGUMENT, "%s is not of the model's type, %s", what, clact_type_name(m->type));
    REQUIRE(t->dims[1] >= 0 && (uint64_t)t->dims[1] == columns, CLACT_E_ARGUMENT, "%s has %lld columns, not %llu", what,
            (long long)t->dims[1], (unsigned long long)columns);
    REQUIRE(x->data && !x->buffer && !x->mem, CLACT_E_ARGUMENT, "%s must lie in host memory", what);
    REQUIRE(t->dims[0] > 0, CLACT_E_ARGUMENT, "%s has no samples", what);
    *samples = (uint64_t)t->dims[0];
    return CLACT_OK;
}

/* ---- Models --------------------------------------------------------------------------------- */

clact_status clact_nn_model_create(clact_nn_model **out, clact_context *context, uint64_t inputs,
                                   const clact_nn_model_options *options)
{
    static const clact_nn_model_options usual;
    const clact_nn_model_options *o = options ? options : &usual;
    REQUIRE(out && context, CLACT_E_ARGUMENT, "out and context must not be NULL");
    REQUIRE(!(o->reserved[0] | o->reserved[1] | o->reserved[2] | o->reserved[3]), CLACT_E_ARGUMENT,
            "the reserved words of clact_nn_model_options must be zero");
    REQUIRE(o->type == CLACT_F32 || o->type == CLACT_F64, CLACT_E_ARGUMENT, "a model is of type f32 or f64");
    REQUIRE(o->mode <= CLACT_NN_FAST, CLACT_E_ARGUMENT, "mode is CLACT_NN_EXACT or CLACT_NN_FAST");
    REQUIRE(inputs > 0 && inputs <= INT32_MAX, CLACT_E_ARGUMENT, "a model has 1 to 2^31 - 1 inputs");
    if (o->type == CLACT_F64) {
        clact_caps caps;
        TRY(clact_context_caps(context, &caps));
        REQUIRE(caps.types >> CLACT_F64 & 1, CLACT_E_UNSUPPORTED, "the device has no f64");
    }
    clact_nn_model *m = calloc(1, sizeof *m);
    REQUIRE(m, CLACT_E_MEMORY, "out of memory");
    m->context = context;
    m->type = (clact_type)o->type;
    m->mode = o->mode;
    m->seed = o->seed;
    m->inputs = inputs;
    *out = m;
    return CLACT_OK;
}

static void destroy_layer(struct clact_nn_dense *l)
{
    clact_activation_destroy(&l->activation);
    clact_activation_destroy(&l->dropout);
    for (int a = 0; a < ARRAYS; a++) {
        clact_buffer_destroy(&l->arrays[a].values);
        clact_buffer_destroy(&l->arrays[a].gradient);
        for (int s = 0; s < STATES; s++)
            clact_buffer_destroy(&l->arrays[a].states[s]);
    }
}

void clact_nn_model_destroy(clact_nn_model **model)
{
    if (!model || !*model)
        return;
    for (size_t i = 0; i < (*model)->count; i++)
        destroy_layer(&(*model)->layers[i]);
    free((*model)->layers);
    free(*model);
    *model = NULL;
}

size_t clact_nn_model_layers(const clact_nn_model *model)
{
    return model ? model->count : 0;
}

uint64_t clact_nn_model_inputs(const clact_nn_model *model)
{
    return model ? model->inputs : 0;
}

uint64_t clact_nn_model_outputs(const clact_nn_model *model)
{
    return model ? clact_nn_outputs(model) : 0;
}

uint64_t clact_nn_model_parameters(const clact_nn_model *model)
{
    uint64_t n = 0;
    for (size_t i = 0; model && i < model->count; i++)
        for (int a = 0; a < ARRAYS; a++)
            n += clact_nn_count(&model->layers[i].arrays[a]);
    return n;
}

clact_status clact_nn_model_array(const clact_nn_model *model, size_t layer, clact_nn_layer_array which, clact_operand *out)
{
    REQUIRE(model && out, CLACT_E_ARGUMENT, "model and out must not be NULL");
    REQUIRE(layer < model->count, CLACT_E_ARGUMENT, "layer %zu of a model of %zu", layer, model->count);
    REQUIRE((unsigned)which < ARRAYS && model->layers[layer].arrays[which].values, CLACT_E_ARGUMENT,
            "layer %zu has no such array", layer);
    const struct clact_nn_trained *a = &model->layers[layer].arrays[which];
    *out = clact_nn_part(model, a, a->values);
    return CLACT_OK;
}

/* ---- Layers --------------------------------------------------------------------------------- */

/* How many outputs f makes of a row of units. */
static clact_status outputs_of(const clact_activation *f, uint64_t units, uint64_t *outputs)
{
    *outputs = units;
    if (!f || f->kind == KIND_ELEMENTWISE)
        return CLACT_OK;
    REQUIRE(f->kind != KIND_QUANTISED && (f->axis == -1 || f->axis == 1), CLACT_E_ARGUMENT,
            "%s must run along the units: its axis is -1 or 1", f->info->name);
    uint64_t pieces = 1;
    if (f->info->id == CLACT_CRELU)
        *outputs = 2 * units;
    else if (f->kind == KIND_GATED)
        pieces = 2;
    else if (f->kind == KIND_REDUCE)
        pieces = (uint64_t)f->p64[clact_parameter_find(f->info, "pieces")];
    REQUIRE(units % pieces == 0, CLACT_E_ARGUMENT, "%s takes units by %llu, and %llu is no multiple of that",
            f->info->name, (unsigned long long)pieces, (unsigned long long)units);
    *outputs /= pieces;
    return CLACT_OK;
}

static clact_status make_activation(struct clact_nn_dense *l, clact_type type, const clact_nn_layer *given)
{
    REQUIRE(given->parameters || given->parameter_count == 0, CLACT_E_ARGUMENT,
            "parameters must not be NULL where parameter_count is not 0");
    REQUIRE(given->activation || (given->parameter_count == 0 && !given->learn), CLACT_E_ARGUMENT,
            "a layer without an activation has no parameters of one");
    if (!given->activation)
        return CLACT_OK;
    TRY(clact_activation_named(&l->activation, given->activation, given->parameters, given->parameter_count));
    const clact_activation_info *info = l->activation->info;
    REQUIRE(type == CLACT_F64 || l->activation->fits_f32, CLACT_E_RANGE,
            "a parameter of %s is not finite in f32, or zero where it must not be", info->name);
    REQUIRE(given->parameter_count <= CLACT_MAX_PARAMETERS, CLACT_E_ARGUMENT, "a parameter is given twice");
    l->parameter_count = (uint32_t)given->parameter_count;
    for (size_t i = 0; i < given->parameter_count; i++) {
        l->parameters[i] = given->parameters[i];
        l->parameters[i].name = info->parameters[clact_parameter_find(info, given->parameters[i].name)].name;
    }
    if (!given->learn)
        return CLACT_OK;
    int k = l->activation->tensor;
    REQUIRE(l->activation->kind == KIND_ELEMENTWISE && k >= 0 && (uint32_t)k < info->learnable_count, CLACT_E_UNSUPPORTED,
            "%s has no learnable parameter that may be a tensor", info->name);
    l->learned = info->parameters[k].name;
    return CLACT_OK;
}

static clact_status check_layer(const clact_nn_layer *g)
{
    uint64_t any = 0;
    for (int i = 0; i < 8; i++)
        any |= g->reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "the reserved words of clact_nn_layer must be zero");
    REQUIRE(g->units > 0 && g->units <= INT32_MAX, CLACT_E_ARGUMENT, "a layer has 1 to 2^31 - 1 units");
    REQUIRE(g->learn <= 1 && g->no_bias <= 1, CLACT_E_ARGUMENT, "learn and no_bias must be 0 or 1");
    REQUIRE(g->dropout >= 0 && g->dropout < 1, CLACT_E_RANGE, "dropout is from 0 to below 1, not %g", g->dropout);
    const double penalties[] = {g->l1, g->l2, g->activity_l1, g->activity_l2};
    for (int i = 0; i < 4; i++)
        REQUIRE(isfinite(penalties[i]) && penalties[i] >= 0, CLACT_E_RANGE, "a penalty is finite and not negative, not %g",
                penalties[i]);
    return CLACT_OK;
}

/* Makes an array, from random numbers of its own. */
static clact_status make_array(clact_nn_model *m, struct clact_nn_trained *a, uint64_t rows, uint64_t columns,
                               clact_nn_initializer how)
{
    a->rows = rows;
    a->columns = columns;
    how.seed = m->seed;
    how.offset = m->offset;
    m->offset += (clact_nn_count(a) + 3) / 4;
    TRY(clact_buffer_create(&a->values, m->context, clact_nn_bytes(m, clact_nn_count(a))));
    clact_operand o = clact_nn_part(m, a, a->values);
    return clact_nn_initialize(m->context, &o, &how);
}

static clact_status make_layer(clact_nn_model *m, struct clact_nn_dense *l, const clact_nn_layer *given)
{
    TRY(make_activation(l, m->type, given));
    l->inputs = clact_nn_outputs(m);
    l->units = given->units;
    l->rate = given->dropout;
    l->l1 = given->l1, l->l2 = given->l2;
    l->activity_l1 = given->activity_l1, l->activity_l2 = given->activity_l2;
    TRY(outputs_of(l->activation, l->units, &l->outputs));
    TRY(clact_nn_dense_needs(m->context, l->activation, m->type, &l->needs));
    if (given->dropout > 0) {
        clact_parameter rate = {"rate", given->dropout, 0, 0};
        TRY(clact_activation_named(&l->dropout, "dropout", &rate, 1));
    }
    clact_nn_initializer weights = given->weights, bias = given->bias;
    weights.fan_in = weights.fan_in ? weights.fan_in : l->inputs;
    weights.fan_out = weights.fan_out ? weights.fan_out : l->units;
    bias.fan_in = bias.fan_in ? bias.fan_in : l->inputs;
    bias.fan_out = bias.fan_out ? bias.fan_out : l->units;
    TRY(make_array(m, &l->arrays[CLACT_NN_WEIGHTS], l->inputs, l->units, weights));
    if (!given->no_bias)
        TRY(make_array(m, &l->arrays[CLACT_NN_BIAS], 0, l->units, bias));
    if (l->learned) {
        clact_nn_initializer value = {.id = CLACT_NN_CONSTANT, .value = l->activation->p64[l->activation->tensor]};
        TRY(make_array(m, &l->arrays[CLACT_NN_PARAMETER], 0, l->units, value));
    }
    return CLACT_OK;
}

clact_status clact_nn_model_add(clact_nn_model *model, const clact_nn_layer *layer)
{
    REQUIRE(model && layer, CLACT_E_ARGUMENT, "model and layer must not be NULL");
    TRY(check_layer(layer));
    struct clact_nn_dense made = {0}, *layers = realloc(model->layers, (model->count + 1) * sizeof *layers);
    REQUIRE(layers, CLACT_E_MEMORY, "out of memory");
    model->layers = layers;
    const uint64_t offset = model->offset;
    clact_status status = make_layer(model, &made, layer);
    if (status == CLACT_OK) {
        model->layers[model->count++] = made;
        model->rule = 0; /* the new layer has no state */
    } else {
        destroy_layer(&made);
        model->offset = offset;
    }
    return status;
}
