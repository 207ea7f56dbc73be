/* passes.c: a batch through the layers of a model: forward, its loss, and backward. */
#include "model.h"

#include <stdlib.h>

/* ---- Memory --------------------------------------------------------------------------------- */

static clact_status make(clact_buffer **out, const clact_nn_model *m, uint64_t rows, uint64_t columns)
{
    return clact_buffer_create(out, m->context, clact_nn_bytes(m, rows * columns));
}

static bool keeps_z(const struct clact_nn_dense *l)
{
    return l->activation && (l->needs == CLACT_BACKWARD_X || l->activation->kind != KIND_ELEMENTWISE);
}

static clact_status make_layer(struct clact_nn_layer_memory *out, const clact_nn_model *m, const struct clact_nn_dense *l,
                               uint64_t rows, bool training)
{
    if (keeps_z(l))
        TRY(make(&out->z, m, rows, l->units));
    TRY(make(&out->y, m, rows, l->outputs));
    if (l->dropout && training)
        TRY(make(&out->kept, m, rows, l->outputs));
    if (training || l == &m->layers[m->count - 1])
        TRY(make(&out->dy, m, rows, l->outputs));
    return CLACT_OK;
}

static clact_status make_all(struct clact_nn_memory *out, const clact_nn_model *m, uint64_t batches,
                             const clact_nn_data *data, bool training)
{
    out->layers = calloc(m->count, sizeof *out->layers);
    REQUIRE(out->layers, CLACT_E_MEMORY, "out of memory");
    TRY(make(&out->x, m, out->rows, m->inputs));
    if (data && data->targets)
        TRY(make(&out->targets, m, out->rows, clact_nn_outputs(m)));
    if (data && data->labels)
        TRY(clact_buffer_create(&out->labels, m->context, (size_t)out->rows * sizeof(int32_t)));
    if (data)
        TRY(make(&out->losses, m, 1, batches));
    if (training)
        TRY(make(&out->norm, m, 1, 4));
    for (size_t i = 0; i < m->count; i++)
        TRY(make_layer(&out->layers[i], m, &m->layers[i], out->rows, training));
    return CLACT_OK;
}

clact_status clact_nn_memory_make(struct clact_nn_memory *out, const clact_nn_model *m, uint64_t rows, uint64_t batches,
                                  const clact_nn_data *data, bool training)
{
    *out = (struct clact_nn_memory){.rows = rows};
    clact_status status = make_all(out, m, batches, data, training);
    if (status != CLACT_OK)
        clact_nn_memory_free(out, m);
    return status;
}

void clact_nn_memory_free(struct clact_nn_memory *memory, const clact_nn_model *m)
{
    for (size_t i = 0; memory->layers && i < m->count; i++) {
        clact_buffer_destroy(&memory->layers[i].z);
        clact_buffer_destroy(&memory->layers[i].y);
        clact_buffer_destroy(&memory->layers[i].kept);
        clact_buffer_destroy(&memory->layers[i].dy);
    }
    free(memory->layers);
    clact_buffer_destroy(&memory->x);
    clact_buffer_destroy(&memory->targets);
    clact_buffer_destroy(&memory->labels);
    clact_buffer_destroy(&memory->losses);
    clact_buffer_destroy(&memory->norm);
    *memory = (struct clact_nn_memory){0};
}

/* ---- Layers --------------------------------------------------------------------------------- */

/* The operands of a layer in a pass; those without a buffer take no part. */
struct operands {
    clact_operand x, w, b, z, y, kept, dy, slopes, dw, db, dslopes;
};

static struct operands operands_of(const clact_nn_model *m, const struct clact_nn_memory *memory, size_t i, uint64_t rows)
{
    const struct clact_nn_dense *l = &m->layers[i];
    const struct clact_nn_layer_memory *own = &memory->layers[i], *before = i ? own - 1 : NULL;
    const struct clact_nn_trained *w = &l->arrays[CLACT_NN_WEIGHTS], *b = &l->arrays[CLACT_NN_BIAS],
                                  *p = &l->arrays[CLACT_NN_PARAMETER];
    clact_buffer *x = !before ? memory->x : before->kept ? before->kept : before->y;
    return (struct operands){
        .x = clact_nn_operand_of(m->type, rows, l->inputs, x, NULL),
        .z = clact_nn_operand_of(m->type, rows, l->units, own->z, NULL),
        .y = clact_nn_operand_of(m->type, rows, l->outputs, own->y, NULL),
        .kept = clact_nn_operand_of(m->type, rows, l->outputs, own->kept, NULL),
        .dy = clact_nn_operand_of(m->type, rows, l->outputs, own->dy, NULL),
        .w = clact_nn_part(m, w, w->values),
        .b = clact_nn_part(m, b, b->values),
        .slopes = clact_nn_part(m, p, p->values),
        .dw = clact_nn_part(m, w, w->gradient),
        .db = clact_nn_part(m, b, b->gradient),
        .dslopes = clact_nn_part(m, p, p->gradient),
    };
}

static const clact_operand *given(const clact_operand *o)
{
    return o->buffer ? o : NULL;
}

/* Where the random numbers of a layer begin: those of its activation, and of its dropout. */
struct draws {
    uint64_t activation, dropout;
};

static struct draws draw(struct clact_nn_noise *noise, const struct clact_nn_dense *l, uint64_t rows)
{
    struct draws d = {noise->offset, noise->offset + (rows * l->units + 3) / 4};
    noise->offset = d.dropout + (rows * l->outputs + 3) / 4;
    return d;
}

static bool draws_noise(const struct clact_nn_dense *l, bool training)
{
    return training && l->activation && l->activation->noise >= 0;
}

static clact_status layer_forward(clact_nn_model *m, struct clact_nn_memory *memory, size_t i, uint64_t rows,
                                  struct clact_nn_noise *noise)
{
    const struct clact_nn_dense *l = &m->layers[i];
    struct operands o = operands_of(m, memory, i, rows);
    struct draws d = noise ? draw(noise, l, rows) : (struct draws){0, 0};
    clact_parameter_tensor slopes = {l->learned, &o.slopes};
    TRY(clact_nn_dense_forward(m->context, &(clact_nn_dense_args){
        .x = &o.x, .w = &o.w, .b = given(&o.b), .z = given(&o.z), .y = &o.y, .activation = l->activation,
        .parameters = l->learned ? &slopes : NULL, .parameter_count = l->learned ? 1 : 0, .mode = m->mode,
        .seed = noise ? noise->seed : 0, .offset = d.activation, .training = draws_noise(l, noise)}, NULL));
    if (!noise || !l->dropout)
        return CLACT_OK;
    return clact_forward(m->context, l->dropout, &(clact_forward_args){
        .x = &o.y, .y = &o.kept, .seed = noise->seed, .offset = d.dropout, .training = 1});
}

clact_status clact_nn_pass_forward(clact_nn_model *m, struct clact_nn_memory *memory, uint64_t rows,
                                   struct clact_nn_noise *noise)
{
    for (size_t i = 0; i < m->count; i++)
        TRY(layer_forward(m, memory, i, rows, noise));
    return CLACT_OK;
}

clact_buffer *clact_nn_pass_output(const clact_nn_model *m, const struct clact_nn_memory *memory)
{
    const struct clact_nn_layer_memory *last = &memory->layers[m->count - 1];
    return last->kept ? last->kept : last->y;
}

/* The element of a buffer of losses. */
static clact_operand loss_at(const clact_nn_model *m, const struct clact_nn_memory *memory, uint64_t index)
{
    clact_operand o = clact_nn_operand_of(m->type, 0, 1, memory->losses, NULL);
    o.tensor.offset = (int64_t)index;
    return o;
}

clact_status clact_nn_pass_loss(clact_nn_model *m, struct clact_nn_memory *memory, uint64_t rows, uint32_t loss,
                                uint64_t index, bool gradient)
{
    const uint64_t columns = clact_nn_outputs(m);
    clact_operand z = clact_nn_operand_of(m->type, rows, columns, clact_nn_pass_output(m, memory), NULL);
    clact_operand dz = clact_nn_operand_of(m->type, rows, columns, memory->layers[m->count - 1].dy, NULL);
    clact_operand targets = clact_nn_operand_of(m->type, rows, columns, memory->targets, NULL);
    clact_operand labels = clact_nn_operand_of(CLACT_I32, 0, rows, memory->labels, NULL);
    clact_operand value = loss_at(m, memory, index);
    bool needs_dz = gradient || loss == CLACT_NN_CROSS_ENTROPY;
    return clact_nn_loss(m->context, &(clact_nn_loss_args){
        .kind = loss, .z = &z, .targets = given(&targets), .labels = given(&labels), .value = &value,
        .dz = needs_dz ? &dz : NULL}, NULL);
}

/* Adds penalties to the gradients of what they are on, and to the batch's loss. */
static clact_status penalise(clact_nn_model *m, double l1, double l2, bool activity, const clact_operand *x,
                             const clact_operand *gradient, const clact_operand *loss)
{
    if (l1 == 0 && l2 == 0)
        return CLACT_OK;
    return clact_nn_penalty(m->context, &(clact_nn_penalty_args){
        .l1 = l1, .l2 = l2, .activity = activity, .x = x, .value = loss, .value_beta = 1, .gradient = gradient}, NULL);
}

static clact_status layer_backward(clact_nn_model *m, struct clact_nn_memory *memory, size_t i, uint64_t rows,
                                   uint64_t index, uint64_t seed, struct draws d)
{
    const struct clact_nn_dense *l = &m->layers[i];
    struct operands o = operands_of(m, memory, i, rows);
    clact_operand loss = loss_at(m, memory, index), dx;
    if (i > 0)
        dx = clact_nn_operand_of(m->type, rows, l->inputs, memory->layers[i - 1].dy, NULL);
    if (l->dropout)
        TRY(clact_backward(m->context, l->dropout, &(clact_backward_args){
            .dy = &o.dy, .dx = &o.dy, .seed = seed, .offset = d.dropout, .training = 1}));
    TRY(penalise(m, l->activity_l1, l->activity_l2, true, &o.y, &o.dy, &loss));
    clact_parameter_tensor slopes = {l->learned, &o.slopes};
    clact_parameter_gradient dslopes = {.name = l->learned, .value = &o.dslopes};
    const bool learns = l->learned != NULL;
    TRY(clact_nn_dense_backward(m->context, &(clact_nn_dense_backward_args){
        .x = &o.x, .w = &o.w, .dy = &o.dy, .dw = &o.dw, .db = given(&o.db), .dx = i > 0 ? &dx : NULL,
        .z = l->needs == CLACT_BACKWARD_X && l->activation ? &o.z : NULL, .y = l->needs == CLACT_BACKWARD_Y ? &o.y : NULL,
        .dz = !l->activation ? NULL : l->units == l->outputs ? &o.dy : &o.z, .activation = l->activation,
        .parameters = learns ? &slopes : NULL, .parameter_count = learns, .gradients = learns ? &dslopes : NULL,
        .gradient_count = learns, .mode = m->mode, .seed = seed, .offset = d.activation,
        .training = draws_noise(l, true)}, NULL));
    return penalise(m, l->l1, l->l2, false, &o.w, &o.dw, &loss);
}

clact_status clact_nn_pass_backward(clact_nn_model *m, struct clact_nn_memory *memory, uint64_t rows, uint64_t index,
                                    struct clact_nn_noise noise)
{
    struct draws *draws = malloc(m->count * sizeof *draws);
    clact_status status = CLACT_OK;
    REQUIRE(draws, CLACT_E_MEMORY, "out of memory");
    for (size_t i = 0; i < m->count; i++)
        draws[i] = draw(&noise, &m->layers[i], rows);
    for (size_t i = m->count; i-- > 0 && status == CLACT_OK;)
        status = layer_backward(m, memory, i, rows, index, noise.seed, draws[i]);
    free(draws);
    return status;
}
