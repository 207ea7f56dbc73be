/* kernels.c: kernels asked for ahead of the calls that need them: their recipes, and their text for other compilers. */
#include "opencl.h"
#include "../custom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LOCAL 256 /* REDUCTION_LANES of cl/reduction.h */

/* ---- Signatures ----------------------------------------------------------------------------- */

void clact_opencl_sign(struct clact_opencl_signature *s, const char *part)
{
    s->part = part;
    s->arguments[0] = 0;
}

void clact_opencl_sign_rest(struct clact_opencl_signature *s, const char *arguments)
{
    size_t length = strlen(s->arguments);
    if (*arguments)
        snprintf(s->arguments + length, sizeof s->arguments - length, "%s%s", length ? ", " : "", arguments);
}

void clact_opencl_sign_views(struct clact_opencl_signature *s, const char *names, const char *suffixes)
{
    char argument[64];
    for (const char *name = names; *name; name += strspn(name, " ")) {
        int length = (int)strcspn(name, " ");
        snprintf(argument, sizeof argument, "%.*s", length, name);
        clact_opencl_sign_rest(s, argument);
        for (const char *suffix = suffixes; *suffix; suffix += strspn(suffix, " ")) {
            int end = (int)strcspn(suffix, " ");
            snprintf(argument, sizeof argument, "%.*s_%.*s", length, name, end, suffix);
            clact_opencl_sign_rest(s, argument);
            suffix += end;
        }
        name += length;
    }
}

/* ---- Recipes -------------------------------------------------------------------------------- */

static bool is_zero(const uint64_t *reserved, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (reserved[i])
            return false;
    return true;
}

static uint32_t types_of(const clact_kernels *k)
{
    if (k->activation->kind == KIND_QUANTISED)
        return 1u << k->activation->x_type;
    return k->types ? k->types : 1u << CLACT_F32;
}

static clact_status check_request(const clact_kernels *k)
{
    REQUIRE(k->activation, CLACT_E_ARGUMENT, "the kernels' activation is NULL");
    REQUIRE(is_zero(k->reserved, 2), CLACT_E_ARGUMENT, "the reserved words of clact_kernels must be zero");
    REQUIRE(k->types < 1u << CLACT_TYPE_COUNT, CLACT_E_ARGUMENT, "kernels are of the types f32, f16, bf16 and f64");
    REQUIRE(!(k->calls & ~(uint32_t)CLACT_CALLS_ALL), CLACT_E_ARGUMENT, "the kernels' calls are bits of clact_calls");
    for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
        if (types_of(k) >> type & 1)
            TRY(clact_definition_type(k->activation, type));
    return CLACT_OK;
}

static void add_all(struct clact_opencl_recipes *list, const clact_kernels *kernels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t type = 0; type <= CLACT_U8; type++)
            if (types_of(&kernels[i]) >> type & 1)
                clact_opencl_recipes_of(list, kernels[i].activation, type,
                                        kernels[i].calls ? kernels[i].calls : CLACT_CALLS_DENSE);
}

static bool same_program(const struct clact_opencl_recipe *a, const struct clact_opencl_recipe *b)
{
    return memcmp(&a->key, &b->key, sizeof a->key) == 0 &&
           clact_definition_same(clact_opencl_own(a), clact_opencl_own(b));
}

/* Leaves each once. Two activations of the program's own may not share a name. */
static clact_status remove_repeated(struct clact_opencl_recipes *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct clact_definition *own = clact_opencl_own(&list->recipes[i]), *other;
        bool repeated = false;
        for (size_t k = 0; k < kept && !repeated; k++) {
            repeated = same_program(&list->recipes[k], &list->recipes[i]);
            other = clact_opencl_own(&list->recipes[k]);
            REQUIRE(!own || !other || clact_definition_same(own, other) || strcmp(own->name, other->name) != 0,
                    CLACT_E_ARGUMENT, "two activations of your own have the name %s: they take a text each", own->name);
        }
        if (!repeated)
            list->recipes[kept++] = list->recipes[i];
    }
    list->count = kept;
    return CLACT_OK;
}

clact_status clact_opencl_recipes_for(const clact_kernels *kernels, size_t count, struct clact_opencl_recipe **out,
                                      size_t *recipe_count)
{
    uint32_t types = 0;
    struct clact_opencl_recipes list = {0};
    REQUIRE(kernels && count, CLACT_E_ARGUMENT, "no kernels are asked for");
    for (size_t i = 0; i < count; i++) {
        TRY(check_request(&kernels[i]));
        types |= kernels[i].activation->kind == KIND_QUANTISED ? 0 : types_of(&kernels[i]);
    }
    REQUIRE(!(types >> CLACT_F64 & 1) || types == 1u << CLACT_F64, CLACT_E_ARGUMENT,
            "f64 is computed in double and the other types in float: they take a text each");
    add_all(&list, kernels, count);
    REQUIRE(list.count, CLACT_E_ARGUMENT, "the activations asked for have no kernels for such calls");
    list.recipes = calloc(list.count, sizeof *list.recipes);
    REQUIRE(list.recipes, CLACT_E_MEMORY, "out of memory");
    list.capacity = list.count;
    list.count = 0;
    add_all(&list, kernels, count);
    clact_status status = remove_repeated(&list);
    if (status != CLACT_OK) {
        free(list.recipes);
        return status;
    }
    *out = list.recipes;
    *recipe_count = list.count;
    return CLACT_OK;
}

/* ---- The text ------------------------------------------------------------------------------- */

static clact_status target_of(const clact_kernels_options *o, struct clact_opencl_target *target)
{
    static const clact_kernels_options none;
    o = o ? o : &none;
    REQUIRE(o->reserved0 == 0 && is_zero(o->reserved, 5), CLACT_E_ARGUMENT,
            "the reserved words of clact_kernels_options must be zero");
    REQUIRE(o->task <= 1 && o->rounds_to_zero <= 1 && o->correct_division <= 1, CLACT_E_ARGUMENT,
            "task, rounds_to_zero and correct_division are 0 or 1");
    REQUIRE(!o->task || (o->local <= 1 && o->per_item <= 1), CLACT_E_ARGUMENT,
            "kernels of one work-item have no other local size, and no elements for each work-item");
    REQUIRE(o->local <= MOST_LOCAL && (o->local & (o->local - 1)) == 0, CLACT_E_ARGUMENT,
            "the local size is a power of two to %d, not %u", MOST_LOCAL, (unsigned)o->local);
    REQUIRE(o->per_item <= 1024, CLACT_E_ARGUMENT, "elements for each work-item are at most 1024, not %u",
            (unsigned)o->per_item);
    *target = (struct clact_opencl_target){
        .local = o->task ? 1 : o->local ? o->local : MOST_LOCAL,
        .per_item = o->task ? 1 : o->per_item ? o->per_item : 4,
        .rounds_to_nearest = !o->rounds_to_zero,
        .divides = o->correct_division,
        .task = o->task,
    };
    return CLACT_OK;
}

clact_status clact_kernels_text(char *out, size_t capacity, size_t *length, const clact_kernels *kernels, size_t count,
                                const clact_kernels_options *options)
{
    struct clact_opencl_target target;
    struct clact_opencl_recipe *recipes;
    size_t recipe_count, bytes;
    char *text;
    REQUIRE(length && (out || !capacity), CLACT_E_ARGUMENT, "the text or its length has no place to go");
    TRY(target_of(options, &target));
    TRY(clact_opencl_recipes_for(kernels, count, &recipes, &recipe_count));
    clact_status status = clact_opencl_compose(&target, recipes, recipe_count, false, &text, &bytes);
    free(recipes);
    TRY(status);
    if (capacity) {
        size_t written = bytes < capacity ? bytes : capacity - 1;
        memcpy(out, text, written);
        out[written] = 0;
    }
    *length = bytes;
    free(text);
    return CLACT_OK;
}
