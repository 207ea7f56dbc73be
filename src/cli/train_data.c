/* train_data.c: the data sets of `clact train`. */
#include "train_data.h"

#include "common.h"
#include "digits.h"
#include "suggest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static clact_operand matrix(clact_type type, void *data, int64_t rows, int64_t columns)
{
    clact_operand m = clact_array(type, data, 0);
    m.tensor.rank = 2;
    m.tensor.dims[0] = rows;
    m.tensor.dims[1] = columns;
    return m;
}

static void part_allocate(data_part *p, int64_t samples, int64_t inputs, bool classes)
{
    p->samples = samples;
    p->inputs = inputs;
    p->x = allocate((size_t)(samples * inputs), sizeof *p->x);
    p->x_operand = matrix(CLACT_F32, p->x, samples, inputs);
    if (classes)
        p->labels = allocate((size_t)samples, sizeof *p->labels);
    else
        p->targets = allocate((size_t)samples, sizeof *p->targets);
    p->targets_operand = matrix(CLACT_F32, p->targets, samples, 1);
    p->labels_operand = clact_array(CLACT_I32, p->labels, samples);
}

clact_nn_data data_of(const data_part *part)
{
    return (clact_nn_data){.x = &part->x_operand, .targets = part->targets ? &part->targets_operand : NULL,
                           .labels = part->labels ? &part->labels_operand : NULL};
}

void data_free(data_set *set)
{
    data_part *parts[] = {&set->train, &set->test};
    for (int i = 0; i < 2; i++) {
        free(parts[i]->x);
        free(parts[i]->targets);
        free(parts[i]->labels);
    }
}

/* By what is known of the samples to train on. */
static void scale(data_set *set)
{
    clact_nn_scaler *scaler;
    require_ok(clact_nn_scaler_fit(&scaler, &set->train.x_operand, CLACT_NN_STANDARDIZE));
    require_ok(clact_nn_scaler_apply(scaler, &set->train.x_operand, &set->train.x_operand));
    require_ok(clact_nn_scaler_apply(scaler, &set->test.x_operand, &set->test.x_operand));
    clact_nn_scaler_destroy(&scaler);
}

/* ---- Two circles ---------------------------------------------------------------------------- */

enum { POINTS = 500 };

static void normal_numbers(double *out, int64_t n, uint64_t seed)
{
    clact_operand o = clact_array(CLACT_F64, out, n);
    require_ok(clact_nn_initialize(NULL, &o, &(clact_nn_initializer){.id = CLACT_NN_NORMAL, .value = 1, .seed = seed}));
}

/* A direction is a normal vector made short: no sine is needed, so that the points are the same everywhere. */
static void make_circles(data_part *p, uint64_t seed)
{
    double direction[POINTS][2], noise[POINTS][2];
    part_allocate(p, POINTS, 2, false);
    normal_numbers(&direction[0][0], 2 * POINTS, seed);
    normal_numbers(&noise[0][0], 2 * POINTS, seed + 1);
    for (int i = 0; i < POINTS; i++) {
        const double *d = direction[i];
        double length = sqrt(d[0] * d[0] + d[1] * d[1]), radius = i % 2 ? 1 : 0.5;
        for (int k = 0; k < 2; k++)
            p->x[2 * i + k] = (float)(d[k] / length * radius + 0.1 * noise[i][k]);
        p->targets[i] = (float)(i % 2);
    }
}

static void circles(data_set *set)
{
    make_circles(&set->train, 1);
    make_circles(&set->test, 3);
}

/* ---- Digits --------------------------------------------------------------------------------- */

/* Every fifth is for the test. */
static void digits(data_set *set)
{
    const int64_t test = (DIGITS_ROWS + 4) / 5;
    part_allocate(&set->train, DIGITS_ROWS - test, DIGITS_COLUMNS - 1, true);
    part_allocate(&set->test, test, DIGITS_COLUMNS - 1, true);
    int64_t counts[2] = {0, 0};
    for (int64_t i = 0; i < DIGITS_ROWS; i++) {
        data_part *p = i % 5 ? &set->train : &set->test;
        int64_t at = counts[i % 5 == 0]++;
        const unsigned char *row = digits_rows + i * DIGITS_COLUMNS;
        for (int64_t k = 0; k < p->inputs; k++)
            p->x[at * p->inputs + k] = row[k];
        p->labels[at] = row[p->inputs];
    }
}

data_set data_named(const char *name)
{
    data_set set = {.name = "circles", .about = "two rings", .classes = 1, .loss = CLACT_NN_BINARY_CROSS_ENTROPY};
    if (strcmp(name, "digits") == 0) {
        set = (data_set){.name = "digits", .about = "handwritten digits, 8 x 8", .classes = 10, .loss = CLACT_NN_CROSS_ENTROPY};
        digits(&set);
    } else if (strcmp(name, "circles") == 0) {
        circles(&set);
    } else {
        suggestion best = {name, NULL, 0};
        suggest_each(&best, "circles digits", " ");
        usage_error("'%s' is neither circles nor digits%s", name, suggested(&best));
    }
    scale(&set);
    return set;
}
