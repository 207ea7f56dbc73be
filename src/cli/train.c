/* train.c: `clact train`: a network of dense layers on one of two data sets, and what becomes of it. */
#include "activation.h"
#include "array.h"
#include "commands.h"
#include "common.h"
#include "report.h"
#include "suggest.h"
#include "train_data.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_LAYERS = 64, MOST_RUNS = 8 };

/* ---- Options -------------------------------------------------------------------------------- */

typedef struct train_options {
    context_options context;
    const char *data, *output, *weights;
    const char *activations[MOST_RUNS]; /* one, or those to compare */
    size_t runs;
    uint64_t units[MOST_LAYERS];
    size_t layers;
    const char *initializer, *rule;
    double value, bias, rate, momentum, dropout, l1, l2, max_norm; /* NaN: the usual */
    int64_t epochs, batch, seed;
    uint32_t mode;
    bool json, compare;
} train_options;

enum {
    KEY_JSON = 0x200, KEY_ACTIVATION, KEY_COMPARE, KEY_LAYERS, KEY_INIT, KEY_VALUE, KEY_BIAS, KEY_RULE, KEY_RATE, KEY_MOMENTUM,
    KEY_EPOCHS, KEY_BATCH, KEY_DROPOUT, KEY_L1, KEY_L2, KEY_NORM, KEY_SEED, KEY_MODE, KEY_WEIGHTS,
};

/* In the order of clact_nn_rule, from 1. */
#define RULE_WORDS "sgd|rmsprop|adam|adamw"
#define MODE_WORDS "exact|fast"

static const struct argp_option options_table[] = {
    {"activation", KEY_ACTIVATION, "NAME", 0, "Of the hidden layers; default relu", 0},
    {"compare", KEY_COMPARE, "NAME,...", 0, "Train once with each, and show the gradients of every layer side by side", 0},
    {"layers", KEY_LAYERS, "N,...", 0, "Units of the hidden layers; default 10,10,10,10,10 for circles, 64,32 for digits", 0},
    {"init", KEY_INIT, "INITIALISER", 0,
     "he_uniform (the default), he_normal, glorot_uniform, normal, 1_sqrt_n, ...", 0},
    {"init-value", KEY_VALUE, "X", 0, "The spread of normal and uniform; default 0.05", 0},
    {"bias", KEY_BIAS, "X", 0, "What biases begin with; default 0", 0},
    {"optimizer", KEY_RULE, RULE_WORDS, 0, "Default: sgd for circles, adam for digits", 0},
    {"rate", KEY_RATE, "X", 0, "The learning rate; default 0.01 for sgd, 0.001 for the others", 0},
    {"momentum", KEY_MOMENTUM, "X", 0, "Of sgd; default 0.9", 0},
    {"epochs", KEY_EPOCHS, "N", 0, "Default 100 for circles, 20 for digits", 0},
    {"batch", KEY_BATCH, "N", 0, "Samples of a batch; default 32", 0},
    {"dropout", KEY_DROPOUT, "X", 0, "The fraction of hidden outputs that is dropped; default 0", 0},
    {"l1", KEY_L1, "X", 0, "Penalty of the weights; default 0", 0},
    {"l2", KEY_L2, "X", 0, "The same, of their squares", 0},
    {"max-norm", KEY_NORM, "X", 0, "Clip the gradients' norm; default: do not", 0},
    {"seed", KEY_SEED, "N", 0, "Of weights, orders and dropout; default 1", 0},
    {"mode", KEY_MODE, MODE_WORDS, 0, "exact (the default): the same weights on every device; or fast", 0},
    {"output", 'o', "FILE", 0,
     "Where the model goes; default: nowhere; - is standard output, and the words then go to standard error", 0},
    {"weights", KEY_WEIGHTS, "PREFIX", 0, "Also write PREFIX1-weights.npy, PREFIX1-bias.npy and so on, one for each array", 0},
    {"json", KEY_JSON, NULL, 0, "Print a JSON document", 0},
    {0},
};

static double parse_positive(const char *option, const char *value)
{
    double x;
    if (!parse_number(&x, value) || x < 0)
        usage_error("--%s is a number from 0 on, not '%s'", option, value);
    return x;
}

static int64_t parse_whole(const char *option, const char *value, int64_t least)
{
    int64_t n;
    if (!parse_integer(&n, value, least, INT32_MAX))
        usage_error("--%s is a number from %" PRId64 " to 2147483647, not '%s'", option, least, value);
    return n;
}

/* Cuts a list at its commas. */
static size_t split(char *list, const char **words, size_t most, const char *option)
{
    size_t count = 0;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        if (count == most)
            usage_error("--%s takes at most %zu", option, most);
        words[count++] = word;
    }
    if (!count)
        usage_error("--%s is empty", option);
    return count;
}

static void parse_layers(train_options *o, char *value)
{
    const char *words[MOST_LAYERS];
    o->layers = split(value, words, MOST_LAYERS, "layers");
    for (size_t i = 0; i < o->layers; i++)
        o->units[i] = (uint64_t)parse_whole("layers", words[i], 1);
}

static void parse_mode(train_options *o, const char *value)
{
    o->mode = parse_choice("--mode", value, MODE_WORDS) == 0 ? CLACT_NN_EXACT : CLACT_NN_FAST;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    train_options *o = state->input;
    switch (key) {
    case KEY_ACTIVATION: o->runs = split(value, o->activations, 1, "activation"); return 0;
    case KEY_COMPARE: o->runs = split(value, o->activations, MOST_RUNS, "compare"), o->compare = true; return 0;
    case KEY_LAYERS: parse_layers(o, value); return 0;
    case KEY_INIT: o->initializer = value; return 0;
    case KEY_VALUE: o->value = parse_positive("init-value", value); return 0;
    case KEY_BIAS:
        if (!parse_number(&o->bias, value))
            usage_error("--bias is a number, not '%s'", value);
        return 0;
    case KEY_RULE: o->rule = value; return 0;
    case KEY_RATE: o->rate = parse_positive("rate", value); return 0;
    case KEY_MOMENTUM: o->momentum = parse_positive("momentum", value); return 0;
    case KEY_EPOCHS: o->epochs = parse_whole("epochs", value, 1); return 0;
    case KEY_BATCH: o->batch = parse_whole("batch", value, 1); return 0;
    case KEY_DROPOUT: o->dropout = parse_positive("dropout", value); return 0;
    case KEY_L1: o->l1 = parse_positive("l1", value); return 0;
    case KEY_L2: o->l2 = parse_positive("l2", value); return 0;
    case KEY_NORM: o->max_norm = parse_positive("max-norm", value); return 0;
    case KEY_SEED: o->seed = parse_whole("seed", value, 0); return 0;
    case KEY_MODE: parse_mode(o, value); return 0;
    case KEY_JSON: o->json = true; return 0;
    case KEY_WEIGHTS: o->weights = value; return 0;
    case 'o': o->output = value; return 0;
    case ARGP_KEY_ARG:
        if (o->data)
            usage_error("'%s' is not expected after %s", value, o->data);
        o->data = value;
        return 0;
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->context; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void fill_in(train_options *o, const data_set *set)
{
    static const uint64_t digits[] = {64, 32};
    const bool is_digits = strcmp(set->name, "digits") == 0;
    if (o->compare && (o->output || o->weights))
        usage_error("--compare trains several models: which one should be written?");
    if (o->json && o->output && is_standard(o->output))
        usage_error("standard output cannot take both the model and --json");
    for (size_t i = 0; !o->layers && i < 5; i++)
        o->units[i] = 10;
    if (!o->layers && is_digits)
        memcpy(o->units, digits, sizeof digits);
    o->layers = o->layers ? o->layers : is_digits ? 2 : 5;
    o->runs = o->runs ? o->runs : 1;
    o->activations[0] = o->activations[0] ? o->activations[0] : "relu";
    for (size_t i = 0; i < o->runs; i++)
        find_activation(o->activations[i]);
    o->rule = o->rule ? o->rule : is_digits ? "adam" : "sgd";
    o->epochs = o->epochs ? o->epochs : is_digits ? 20 : 100;
}

/* ---- Training ------------------------------------------------------------------------------- */

/* What is kept of an epoch. */
typedef struct epoch {
    double loss;
    clact_nn_score test;
    clact_nn_layer_health layers[MOST_LAYERS + 1];
} epoch;

typedef struct run {
    const train_options *options;
    const char *activation;
    epoch *epochs;
    size_t count, layers;
    time_t start;
    bool rows; /* epochs are printed as they end */
} run;

static void show_epoch(const run *r, const clact_nn_progress *p)
{
    double done = ((double)(p->epoch - 1) + (double)p->batch / (double)p->batches) / (double)p->epochs;
    progress_show(r->start, done, "%s, epoch %" PRIu64 " of %" PRIu64, r->activation, p->epoch, p->epochs);
    if (p->epoch_done)
        progress_clear();
}

static double mean_zeros(const epoch *e, size_t hidden)
{
    double sum = 0;
    for (size_t i = 0; i < hidden; i++)
        sum += e->layers[i].zeros;
    return sum / (double)hidden;
}

static uint64_t all_dead(const epoch *e, size_t hidden)
{
    uint64_t dead = 0;
    for (size_t i = 0; i < hidden; i++)
        dead += e->layers[i].dead;
    return dead;
}

/* The first ones, and then every so often. */
static bool is_shown(uint64_t n, uint64_t of)
{
    return n == 1 || n == of || n % (of > 10 ? of / 10 : 1) == 0;
}

static int on_progress(void *data, const clact_nn_progress *p)
{
    run *r = data;
    show_epoch(r, p);
    if (!p->epoch_done)
        return 0;
    epoch *e = &r->epochs[r->count++];
    e->loss = p->loss;
    e->test = p->validation;
    memcpy(e->layers, p->layers, r->layers * sizeof *e->layers);
    if (r->rows && is_shown(p->epoch, p->epochs)) {
        printf("%5" PRIu64 "  %9.6f  %9.6f  %8.4f  %5.2f  %4" PRIu64 "  %9.2e  %9.2e\n", p->epoch, e->loss, e->test.loss,
               e->test.accuracy, mean_zeros(e, r->layers - 1), all_dead(e, r->layers - 1), e->layers[0].gradient_norm,
               e->layers[r->layers - 1].gradient_norm);
        fflush(stdout);
    }
    return 0;
}

static clact_nn_optimizer make_optimizer(const train_options *o)
{
    clact_nn_optimizer made;
    int rule = parse_choice("--optimizer", o->rule, RULE_WORDS) + 1;
    require_ok(clact_nn_optimizer_default(&made, (clact_nn_rule)rule));
    made.momentum = isnan(o->momentum) ? 0.9 : o->momentum;
    made.rate = isnan(o->rate) ? made.rate : o->rate;
    return made;
}

static clact_nn_model *make_model(const train_options *o, const char *activation, clact_context *context, const data_set *set)
{
    clact_nn_model *model;
    clact_nn_initializer_id id = CLACT_NN_HE_UNIFORM;
    if (o->initializer && clact_nn_initializer_named(&id, o->initializer) != CLACT_OK)
        usage_error("%s", clact_error());
    clact_nn_initializer weights = {.id = id, .value = o->value}, bias = {.id = CLACT_NN_CONSTANT, .value = o->bias};
    clact_nn_model_options options = {.mode = o->mode, .seed = (uint64_t)o->seed};
    require_ok(clact_nn_model_create(&model, context, (uint64_t)set->train.inputs, &options));
    for (size_t i = 0; i < o->layers; i++) {
        clact_nn_layer layer = {.units = o->units[i], .activation = activation, .weights = weights, .bias = bias,
                                .dropout = o->dropout, .l1 = o->l1, .l2 = o->l2};
        clact_status status = clact_nn_model_add(model, &layer);
        if (status == CLACT_E_NAME || status == CLACT_E_ARGUMENT || status == CLACT_E_RANGE)
            usage_error("%s", clact_error());
        require_ok(status);
    }
    require_ok(clact_nn_model_add(model, &(clact_nn_layer){.units = (uint64_t)set->classes, .weights = weights, .bias = bias,
                                                           .l1 = o->l1, .l2 = o->l2}));
    return model;
}

/* What is wrong with the options is said before anything is printed. */
static void try_options(const train_options *o, clact_context *context, const data_set *set)
{
    make_optimizer(o);
    for (size_t k = 0; k < o->runs; k++) {
        clact_nn_model *model = make_model(o, o->activations[k], context, set);
        clact_nn_model_destroy(&model);
    }
}

static clact_nn_model *train(run *r, clact_context *context, const data_set *set)
{
    const train_options *o = r->options;
    clact_nn_optimizer optimizer = make_optimizer(o);
    clact_nn_model *model = make_model(o, r->activation, context, set);
    r->layers = o->layers + 1;
    r->epochs = allocate((size_t)o->epochs, sizeof *r->epochs);
    r->start = time(NULL);
    clact_status status = clact_nn_model_fit(model, &(clact_nn_fit_args){
        .train = data_of(&set->train), .validation = data_of(&set->test), .loss = set->loss, .optimizer = &optimizer,
        .batch = (uint64_t)o->batch, .epochs = (uint64_t)o->epochs, .seed = (uint64_t)o->seed, .max_norm = o->max_norm,
        .health = 1, .progress = on_progress, .progress_data = r});
    if (status != CLACT_E_RANGE || !r->count) /* a loss that is no number is a result, too */
        require_ok(status);
    else
        warn("%s: %s", r->activation, clact_error());
    return model;
}

/* The arrays of a model, each in a file of its own. */
static void write_weights(const clact_nn_model *model, const char *prefix)
{
    static const char *const names[] = {[CLACT_NN_WEIGHTS] = "weights", [CLACT_NN_BIAS] = "bias"};
    for (size_t i = 0; i < clact_nn_model_layers(model); i++)
        for (int which = CLACT_NN_WEIGHTS; which <= CLACT_NN_BIAS; which++) {
            clact_operand from;
            array to = {0};
            require_ok(clact_nn_model_array(model, i, (clact_nn_layer_array)which, &from));
            array_make(&to, &from.tensor);
            require_ok(clact_buffer_read(from.buffer, 0, clact_buffer_bytes(from.buffer), to.memory));
            char *path = text_of("%s%zu-%s.npy", prefix, i + 1, names[which]);
            array_write(&to, path);
            free(path);
            free(to.memory);
        }
}

/* ---- What is shown -------------------------------------------------------------------------- */

static const epoch *last(const run *r)
{
    return &r->epochs[r->count - 1];
}

/* The losses as a line of blocks, one for each of at most 60 stretches of epochs; from 0 to the greatest. */
static void print_curve(const char *what, const run *r, bool of_test)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t width = r->count < 60 ? r->count : 60;
    double most = 0;
    for (size_t i = 0; i < r->count; i++) {
        double loss = of_test ? r->epochs[i].test.loss : r->epochs[i].loss;
        most = loss > most ? loss : most;
    }
    printf("%-9s  ", what);
    for (size_t i = 0; i < width; i++) {
        const epoch *e = &r->epochs[i * r->count / width];
        double share = (of_test ? e->test.loss : e->loss) / most * 8;
        fputs(blocks[!(share >= 0) ? 7 : share > 7 ? 7 : (int)share], stdout);
    }
    printf("  from %.3g to %.3g\n", of_test ? r->epochs[0].test.loss : r->epochs[0].loss,
           of_test ? last(r)->test.loss : last(r)->loss);
}

static void print_layers(const run *r)
{
    table t = {.columns = "lrrrrr"};
    const char *const heads[] = {"layer", "outputs", "zeros", "dead", "saturated", "gradient norm"};
    for (int i = 0; i < 6; i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < r->layers; i++) {
        const clact_nn_layer_health *h = &last(r)->layers[i];
        table_add(&t, i + 1 < r->layers ? "%zu, %s" : "%zu", i + 1, r->activation);
        table_add(&t, "%" PRIu64, h->outputs);
        table_add(&t, "%.1f %%", 100 * h->zeros);
        table_add(&t, "%" PRIu64, h->dead);
        table_add(&t, "%.1f %%", 100 * h->saturated);
        table_add(&t, "%.2e", h->gradient_norm);
    }
    putchar('\n');
    table_print(&t);
}

static void print_head(const train_options *o, const data_set *set, const clact_caps *caps)
{
    printf("%s (%s): %" PRId64 " samples to train, %" PRId64 " to test. Hidden layers of", set->name, set->about,
           set->train.samples, set->test.samples);
    for (size_t i = 0; i < o->layers; i++)
        printf("%s %" PRIu64, i ? "," : "", o->units[i]);
    printf(" units, %s, %s, %s, on %s.\n\n", o->initializer ? o->initializer : "he_uniform", o->rule,
           o->mode == CLACT_NN_FAST ? "fast" : "exact", caps->device);
}

static void print_one(const run *r, const clact_nn_model *model)
{
    print_layers(r);
    putchar('\n');
    print_curve("loss", r, false);
    print_curve("test loss", r, true);
    printf("\n%" PRIu64 " weights; test accuracy %.4f\n", clact_nn_model_parameters(model), last(r)->test.accuracy);
}

/* A bar for every power of ten above the least norm of all. */
static void print_comparison(const run *runs, size_t count)
{
    double least = INFINITY;
    char columns[MOST_RUNS + 2] = "l";
    memset(columns + 1, 'r', count);
    table t = {.columns = columns};
    table_add(&t, "gradient norms of the first epoch");
    for (size_t k = 0; k < count; k++)
        table_add(&t, "%s", runs[k].activation);
    for (size_t i = 0; i < runs->layers; i++) {
        table_add(&t, i + 1 < runs->layers ? "layer %zu" : "layer %zu, the last", i + 1);
        for (size_t k = 0; k < count; k++) {
            double norm = runs[k].epochs[0].layers[i].gradient_norm;
            least = norm > 0 && norm < least ? norm : least;
            table_add(&t, "%.2e", norm);
        }
    }
    table_add(&t, "test accuracy in the end");
    for (size_t k = 0; k < count; k++)
        table_add(&t, "%.4f", last(&runs[k])->test.accuracy);
    table_print(&t);
    printf("\nA block for every power of ten above %.0e:\n", least);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < runs->layers; i++) {
            double norm = runs[k].epochs[0].layers[i].gradient_norm;
            printf("%-10s %2zu  ", i ? "" : runs[k].activation, i + 1);
            for (double bar = least; norm > 0 && bar <= norm * 1.0000001; bar *= 10)
                fputs("██", stdout);
            putchar('\n');
        }
}

/* What is no number becomes null. */
static json_t *number_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *epoch_json(const run *r, const epoch *e)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < r->layers; i++) {
        const clact_nn_layer_health *h = &e->layers[i];
        json_array_append_new(layers, json_pack("{so so so sI sI}", "gradient_norm", number_json(h->gradient_norm), "zeros",
                                                number_json(h->zeros), "saturated", number_json(h->saturated), "dead",
                                                (json_int_t)h->dead, "outputs", (json_int_t)h->outputs));
    }
    return json_pack("{so so so so}", "loss", number_json(e->loss), "test_loss", number_json(e->test.loss), "test_accuracy",
                     number_json(e->test.accuracy), "layers", layers);
}

static json_t *run_json(const run *r)
{
    json_t *epochs = json_array();
    for (size_t i = 0; i < r->count; i++)
        json_array_append_new(epochs, epoch_json(r, &r->epochs[i]));
    return json_pack("{ss so so}", "activation", r->activation, "test_accuracy", number_json(last(r)->test.accuracy), "epochs",
                     epochs);
}

/* ---- The command ---------------------------------------------------------------------------- */

/* Whole or not at all, though the program be stopped. */
static void save_model(const train_options *o, const clact_nn_model *model)
{
    const char *path = stage_output(o->output);
    file_hold_signals(true);
    clact_status status = clact_nn_model_save(model, path);
    file_hold_signals(false);
    require_ok(status);
    if (is_standard(o->output))
        divert_words(false);
    deliver_output(o->output);
    if (is_standard(o->output))
        divert_words(true);
}

static void train_all(const train_options *o, clact_context *context, const data_set *set, run *runs)
{
    for (size_t k = 0; k < o->runs; k++) {
        runs[k] = (run){.options = o, .activation = o->activations[k], .rows = !o->compare && !o->json};
        if (runs[k].rows)
            puts("epoch       loss  test loss  accuracy  zeros  dead  gradients: first, last layer");
        clact_nn_model *model = train(&runs[k], context, set);
        if (o->output)
            save_model(o, model);
        if (o->weights)
            write_weights(model, o->weights);
        if (runs[k].rows)
            print_one(&runs[k], model);
        clact_nn_model_destroy(&model);
    }
}

int command_train(int argc, char **argv)
{
    static const struct argp_child children[] = {{&context_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options_table, parse_option, "[circles|digits]",
        "Trains a network of dense layers to tell two rings of points apart, or handwritten digits, and shows how it "
        "learns: losses, accuracy on samples that it has not seen, true zeros, dead units, and the gradients of the layers.\v"
        "Examples:\n"
        "  clact train digits -o digits.clactnet\n"
        "  clact train --compare=relu,tanh,sigmoid --init=normal",
        children, NULL, NULL};
    train_options o = {.seed = 1, .batch = 32, .value = 0.05, .rate = NAN, .momentum = NAN};
    run runs[MOST_RUNS];
    parse_arguments(argv[0], &argp, argc, argv, &o);
    data_set set = data_named(o.data ? o.data : "circles");
    fill_in(&o, &set);
    if (o.output && is_standard(o.output))
        divert_words(true);
    clact_context *context = open_context(&o.context);
    clact_caps caps = context_caps(context);
    try_options(&o, context, &set);
    if (!o.json)
        print_head(&o, &set, &caps);
    train_all(&o, context, &set, runs);
    if (o.compare && !o.json)
        print_comparison(runs, o.runs);
    if (o.json) {
        json_t *all = json_array();
        for (size_t k = 0; k < o.runs; k++)
            json_array_append_new(all, run_json(&runs[k]));
        print_json(json_pack("{si ss so so}", "schema", 1, "data", set.name, "device", caps_json(&caps), "runs", all));
    }
    for (size_t k = 0; k < o.runs; k++)
        free(runs[k].epochs);
    data_free(&set);
    clact_close(&context);
    return CLI_DONE;
}
