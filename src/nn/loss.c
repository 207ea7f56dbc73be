/* loss.c: losses, as a mean over a batch, and their gradients. */
#include "operands.h"

#include <math.h>

#define MOST_CLASSES_F32 (1 << 24) /* that f32 tells from one another */

struct loss {
    struct clact_nn_call call;
    const clact_nn_loss_args *args;
    struct clact_nn_array z, targets, labels, weights, value, dz;
    uint64_t samples, columns; /* rows of z, and their length */
    uint64_t terms;            /* of the mean */
};

/* ---- Rules ---------------------------------------------------------------------------------- */

static clact_status check_kind(const clact_nn_loss_args *args)
{
    REQUIRE(args->kind >= CLACT_NN_SQUARED_ERROR && args->kind <= CLACT_NN_CROSS_ENTROPY, CLACT_E_NAME,
            "%u is not a clact_nn_loss_kind", (unsigned)args->kind);
    REQUIRE(args->reserved0 == 0, CLACT_E_ARGUMENT, "reserved words of the arguments must be zero");
    REQUIRE((args->targets != NULL) != (args->labels != NULL), CLACT_E_ARGUMENT,
            "a loss takes targets or labels, and just one of them");
    REQUIRE(!args->labels || args->kind == CLACT_NN_CROSS_ENTROPY, CLACT_E_ARGUMENT,
            "labels are for cross-entropy only");
    REQUIRE(args->dz || args->kind != CLACT_NN_CROSS_ENTROPY, CLACT_E_ARGUMENT,
            "dz of cross-entropy must be given: its value is made there");
    REQUIRE(args->value || args->dz, CLACT_E_ARGUMENT, "neither the value nor the gradient is asked for");
    REQUIRE(isfinite(args->value_beta), CLACT_E_ARGUMENT, "value_beta must be finite, and is %g", args->value_beta);
    return CLACT_OK;
}

static clact_status check_labels(struct loss *l)
{
    TRY(clact_nn_any(&l->call, l->args->labels, "labels", &l->labels));
    if (!l->labels.tensor)
        return CLACT_OK;
    REQUIRE(l->labels.tensor->type == CLACT_I32, CLACT_E_ARGUMENT, "labels are of type %s, and must be of type i32",
            clact_type_name((clact_type)l->labels.tensor->type));
    TRY(clact_nn_is_vector(&l->labels, l->samples));
    REQUIRE(l->columns <= MOST_CLASSES_F32 || l->z.tensor->type == CLACT_F64, CLACT_E_UNSUPPORTED,
            "labels in f32 are of at most %d classes, and there are %llu", MOST_CLASSES_F32,
            (unsigned long long)l->columns);
    if (!l->labels.view.data) /* on a device */
        return CLACT_OK;
    const int32_t *label = (const int32_t *)l->labels.view.data + l->labels.view.offset;
    for (uint64_t i = 0; i < l->samples; i++)
        REQUIRE(label[i] >= 0 && (uint64_t)label[i] < l->columns, CLACT_E_RANGE,
                "the label of sample %llu is %d, and there are %llu classes", (unsigned long long)i, (int)label[i],
                (unsigned long long)l->columns);
    return CLACT_OK;
}

static clact_status check_overlaps(const struct loss *l)
{
    const struct clact_nn_array *const inputs[] = {&l->z, &l->targets, &l->labels, &l->weights};
    for (int i = 0; i < 4; i++) {
        TRY(clact_nn_arrays_apart(&l->call, &l->value, inputs[i], false));
        TRY(clact_nn_arrays_apart(&l->call, &l->dz, inputs[i], i == 0 && l->args->kind != CLACT_NN_CROSS_ENTROPY));
    }
    return clact_nn_arrays_apart(&l->call, &l->value, &l->dz, false);
}

static clact_status check(struct loss *l)
{
    const clact_nn_loss_args *args = l->args;
    TRY(clact_nn_needed(&l->call, args->z, "z", &l->z));
    const clact_tensor *t = l->z.tensor;
    const bool of_classes = args->kind == CLACT_NN_CROSS_ENTROPY;
    REQUIRE(of_classes ? t->rank == 2 : t->rank > 0, CLACT_E_ARGUMENT, "z has %u dimensions: %s", (unsigned)t->rank,
            of_classes ? "it must be [samples, classes]" : "the first is that of the samples");
    l->samples = (uint64_t)t->dims[0];
    l->columns = l->z.count / l->samples;
    l->terms = of_classes ? l->samples : l->z.count;
    TRY(clact_nn_like(&l->call, args->targets, &l->z, "targets", &l->targets));
    TRY(clact_nn_vector(&l->call, args->weights, l->samples, "weights", &l->weights));
    TRY(clact_nn_vector(&l->call, args->value, 1, "value", &l->value));
    TRY(clact_nn_like(&l->call, args->dz, &l->z, "dz", &l->dz));
    TRY(check_labels(l));
    return check_overlaps(l);
}

/* ---- Steps ---------------------------------------------------------------------------------- */

/* The shares of the classes, or their logarithms, in the place of dz. */
static struct clact_rowwise_launch shares(const struct loss *l, const clact_activation *activation)
{
    struct clact_rowwise_launch r = {.activation = activation, .host = l->call.call.host, .rows = l->samples};
    r.length = l->columns;
    for (int k = 0; k < CLACT_MAX_RANK - 2; k++)
        r.dims[k] = 1;
    r.dims[CLACT_MAX_RANK - 2] = (int64_t)l->samples;
    r.dims[CLACT_MAX_RANK - 1] = (int64_t)l->columns;
    r.views[ROWWISE_X] = clact_nn_rows(&l->z, l->columns);
    r.views[ROWWISE_OUT] = clact_nn_rows(&l->dz, l->columns);
    return r;
}

/* An operation on z, or what it became, with the targets and the weights. Without operands of rows all is one row. */
static struct clact_array_step step_of(const struct loss *l, enum clact_array_operation operation,
                                       const struct clact_nn_array *z)
{
    const bool flat = !l->weights.tensor && !l->labels.tensor;
    const int weights = l->labels.tensor ? 3 : 2;
    struct clact_array_step s = {.operation = operation, .segments = 1};
    s.rows = flat ? 1 : l->samples;
    s.columns = flat ? l->z.count : l->columns;
    s.inputs[0] = clact_nn_rows(z, s.columns);
    s.inputs[1] = l->labels.tensor ? clact_nn_for_rows(&l->labels) : clact_nn_rows(&l->targets, s.columns);
    if (l->weights.tensor)
        s.inputs[weights] = clact_nn_for_rows(&l->weights);
    else
        s.missing = 1u << weights;
    return s;
}

static struct clact_array_step value_of(const struct loss *l, enum clact_array_operation operation,
                                        const struct clact_nn_array *z)
{
    struct clact_array_step s = step_of(l, operation, z);
    s.outputs[0] = clact_nn_element(&l->value, 0);
    s.factor = clact_nn_quotient(1, (double)l->terms);
    s.beta = l->args->value_beta;
    s.parameters[0] = (double)l->columns; /* of labels alone */
    return s;
}

static struct clact_array_step gradient_of(const struct loss *l, enum clact_array_operation operation,
                                           const struct clact_nn_array *z, double slope)
{
    struct clact_array_step s = step_of(l, operation, z);
    s.outputs[0] = clact_nn_rows(&l->dz, s.columns);
    s.parameters[0] = clact_nn_quotient(slope, (double)l->terms);
    s.parameters[1] = (double)l->columns;
    return s;
}

static clact_status run_cross_entropy(struct loss *l, const clact_activation *softmax,
                                      const clact_activation *log_softmax)
{
    const struct clact_rowwise_launch logs = shares(l, log_softmax), parts = shares(l, softmax);
    const bool labelled = l->labels.tensor;
    const enum clact_array_operation value = labelled ? ARRAY_label_cross_entropy : ARRAY_cross_entropy;
    const enum clact_array_operation gradient = labelled ? ARRAY_label_cross_entropy_gradient
                                                         : ARRAY_cross_entropy_gradient;
    struct clact_array_step steps[4] = {{0}};
    int count = 0;
    if (l->value.tensor) {
        steps[count++].rows_of = &logs;
        steps[count++] = value_of(l, value, &l->dz);
    }
    steps[count++].rows_of = &parts;
    steps[count++] = gradient_of(l, gradient, &l->dz, 1);
    return clact_arrays_run(&l->call.call, steps, count);
}

static clact_status cross_entropy(struct loss *l)
{
    clact_activation *softmax = NULL, *log_softmax = NULL;
    clact_status status = clact_activation_named(&softmax, "softmax", NULL, 0);
    if (status == CLACT_OK)
        status = clact_activation_named(&log_softmax, "log_softmax", NULL, 0);
    if (status == CLACT_OK)
        status = run_cross_entropy(l, softmax, log_softmax);
    clact_activation_destroy(&softmax);
    clact_activation_destroy(&log_softmax);
    return status;
}

static clact_status elementwise(struct loss *l)
{
    const bool squared = l->args->kind == CLACT_NN_SQUARED_ERROR;
    struct clact_array_step steps[2];
    int count = 0;
    if (l->value.tensor)
        steps[count++] = value_of(l, squared ? ARRAY_squared_error : ARRAY_binary_cross_entropy, &l->z);
    if (l->dz.tensor)
        steps[count++] = gradient_of(l, squared ? ARRAY_squared_error_gradient : ARRAY_binary_cross_entropy_gradient,
                                     &l->z, squared ? 2 : 1);
    return clact_arrays_run(&l->call.call, steps, count);
}

clact_status clact_nn_loss(clact_context *context, const clact_nn_loss_args *args, const clact_enqueue *enqueue)
{
    struct loss l = {.args = args};
    TRY(clact_nn_begin(&l.call, context, args, args ? args->reserved : NULL, enqueue));
    TRY(check_kind(args));
    TRY(check(&l));
    return args->kind == CLACT_NN_CROSS_ENTROPY ? cross_entropy(&l) : elementwise(&l);
}
