/* special.c: the table of results at special values, as cases to run. */
#include "special.h"

#include <math.h>
#include <string.h>

#define DEFAULT NULL, 0
#define P(name, value) {name, value, 0, 0},
#define NONE(name) {name, 0, 1, 0},
#define WITH(...) \
    (const clact_parameter[]){__VA_ARGS__}, \
        sizeof(const clact_parameter[]){__VA_ARGS__} / sizeof(clact_parameter)
#define PAIR(x, f, d, minus_f, minus_d) {(float)(x), {f, d}}, {-(float)(x), {minus_f, minus_d}},
#define AT(x, f, d) {(float)(x), {f, d}},
#define NANS NANS_BUT(NAN)
#define NANS_BUT(d) PAIR(NAN, NAN, d, NAN, d)
#define SET(name, parameters, nans, rows) \
    {#name, parameters, (const special_row[]){nans rows}, \
     sizeof(const special_row[]){nans rows} / sizeof(special_row)},

const special_set special_sets[] = {
#include "special.def"
};
const size_t special_set_count = sizeof special_sets / sizeof special_sets[0];

#define GRID(name, parameters) {#name, WITH(parameters), NULL, 0},

const special_set grid_sets[] = {
#include "grid.def"
};
const size_t grid_set_count = sizeof grid_sets / sizeof grid_sets[0];

void special_print_parameters(FILE *to, const special_set *set)
{
    for (size_t i = 0; i < set->parameter_count; i++) {
        const clact_parameter *p = &set->parameters[i];
        if (p->none)
            fprintf(to, " %s=none", p->name);
        else
            fprintf(to, " %s=%g", p->name, p->value);
    }
}

clact_status special_activation(clact_activation **out, const special_set *set)
{
    clact_activation_desc desc = {.name = set->activation, .unchecked = 1};
    desc.parameters = set->parameters;
    desc.parameter_count = set->parameter_count;
    return clact_activation_create(out, &desc);
}

/* Zero, infinite or NaN: the same in every type. */
static int is_limit(float x)
{
    return x == 0 || !isfinite(x);
}

size_t special_cases(const special_set *set, direction d, clact_type type, int subnormals, special_case *cases)
{
    const float gradients[] = {1, -1, INFINITY, -INFINITY, NAN};
    const size_t all = sizeof gradients / sizeof gradients[0];
    size_t count = 0;
    for (size_t i = 0; i < set->row_count; i++) {
        float x = set->rows[i].x, expected = set->rows[i].results[d];
        size_t tried = d == DERIVATIVE && expected == 0 ? all : 1;
        if (!subnormals && (fpclassify(x) == FP_SUBNORMAL || fpclassify(expected) == FP_SUBNORMAL))
            continue;
        if (type != CLACT_F32 && !(is_limit(x) && is_limit(expected)))
            continue;
        for (size_t j = 0; j < tried && count < SPECIAL_CASES; j++)
            cases[count++] = (special_case){x, gradients[j], expected};
    }
    return count;
}

int special_same(float got, float expected)
{
    return memcmp(&got, &expected, sizeof got) == 0;
}
