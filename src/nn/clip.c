/* clip.c: the norm of all gradients together, and gradients brought to one that is not too large. */
#include "operands.h"

#include <math.h>
#include <stdlib.h>

enum { NORM, FACTOR, SMALL, LARGE, NORM_ELEMENTS }; /* of the operand norm */

struct clip {
    struct clact_nn_call call;
    const clact_nn_clip_args *args;
    struct clact_nn_array norm, *arrays;
    struct clact_array_step *steps;
    int count;
};

static clact_status check(struct clip *c)
{
    TRY(clact_nn_needed(&c->call, c->args->norm, "norm", &c->norm));
    TRY(clact_nn_is_vector(&c->norm, NORM_ELEMENTS));
    for (size_t i = 0; i < c->args->count; i++) {
        TRY(clact_nn_needed(&c->call, &c->args->gradients[i], "a gradient", &c->arrays[i]));
        TRY(clact_nn_arrays_apart(&c->call, &c->norm, &c->arrays[i], false));
        for (size_t k = 0; k < i; k++)
            TRY(clact_nn_arrays_apart(&c->call, &c->arrays[i], &c->arrays[k], false));
    }
    return CLACT_OK;
}

/* The squares of an array's elements, added to those of the arrays before it. */
static struct clact_array_step squares_of(const struct clip *c, size_t i, enum clact_array_operation operation,
                                          int64_t sum)
{
    const struct clact_nn_array *a = &c->arrays[i];
    return (struct clact_array_step){
        .operation = operation, .segments = 1, .rows = 1, .columns = a->count, .inputs = {clact_nn_rows(a, a->count)},
        .outputs = {clact_nn_element(&c->norm, sum)}, .factor = 1, .beta = i ? 1 : 0,
    };
}

static clact_status run(struct clip *c)
{
    const double most = c->args->max_norm;
    TRY(check(c));
    for (size_t i = 0; i < c->args->count; i++) {
        c->steps[c->count++] = squares_of(c, i, ARRAY_squares, SMALL);
        c->steps[c->count++] = squares_of(c, i, ARRAY_large_squares, LARGE);
    }
    c->steps[c->count++] = (struct clact_array_step){
        .operation = ARRAY_norm, .segments = 1, .rows = 1, .columns = 1,
        .inputs = {clact_nn_element(&c->norm, SMALL), clact_nn_element(&c->norm, LARGE)},
        .outputs = {clact_nn_element(&c->norm, NORM), clact_nn_element(&c->norm, FACTOR)},
        .parameters = {most > 0 ? most : INFINITY},
    };
    for (size_t i = 0; i < c->args->count && most > 0; i++) {
        struct clact_view all = clact_nn_rows(&c->arrays[i], c->arrays[i].count);
        c->steps[c->count++] = (struct clact_array_step){
            .operation = ARRAY_scale, .segments = 1, .rows = 1, .columns = c->arrays[i].count,
            .inputs = {all, clact_nn_element(&c->norm, FACTOR)}, .outputs = {all},
        };
    }
    return clact_arrays_run(&c->call.call, c->steps, c->count);
}

clact_status clact_nn_clip(clact_context *context, const clact_nn_clip_args *args, const clact_enqueue *enqueue)
{
    struct clip c = {.args = args};
    TRY(clact_nn_begin(&c.call, context, args, args ? args->reserved : NULL, enqueue));
    TRY(clact_nn_positive(args->max_norm, "max_norm"));
    REQUIRE(args->gradients && args->count && args->count < INT32_MAX / 4, CLACT_E_ARGUMENT, "there are no gradients");
    c.arrays = calloc(args->count, sizeof *c.arrays);
    c.steps = calloc(3 * args->count + 1, sizeof *c.steps);
    clact_status status = c.arrays && c.steps ? run(&c) : clact_fail(CLACT_E_MEMORY, "out of memory");
    free(c.arrays);
    free(c.steps);
    return status;
}
