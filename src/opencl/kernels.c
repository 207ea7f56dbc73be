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

/* That of bytes goes with all. */
static clact_status check_widths(const struct clact_opencl_recipes *list)
{
    bool f32 = false, f64 = false;
    for (size_t i = 0; i < list->count; i++) {
        f64 |= list->recipes[i].key.type == CLACT_F64;
        f32 |= list->recipes[i].key.type != CLACT_F64 && list->recipes[i].key.kind != KIND_QUANTISED;
    }
    REQUIRE(!f32 || !f64, CLACT_E_ARGUMENT,
            "f64 is computed in double and the other types in float: they take a text each");
    return CLACT_OK;
}

/* The recipes asked for, each once, to be freed also on failure. */
static clact_status list_recipes(const clact_kernels *kernels, size_t count, struct clact_opencl_recipes *list)
{
    REQUIRE(kernels && count, CLACT_E_ARGUMENT, "no kernels are asked for");
    TRY(clact_kernels_check(kernels, count));
    for (size_t i = 0; i < count; i++)
        if (kernels[i].types >> CLACT_F64 & 1)
            TRY(clact_definition_type(kernels[i].activation, CLACT_F64));
    TRY(clact_opencl_recipes_of_kernels(NULL, kernels, count, list));
    REQUIRE(list->count, CLACT_E_ARGUMENT, "the activations asked for have no kernels for such calls");
    TRY(remove_repeated(list));
    return check_widths(list);
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
    struct clact_opencl_recipes list = {0};
    size_t bytes;
    char *text;
    REQUIRE(length && (out || !capacity), CLACT_E_ARGUMENT, "the text or its length has no place to go");
    TRY(target_of(options, &target));
    clact_status status = list_recipes(kernels, count, &list);
    if (status == CLACT_OK)
        status = clact_opencl_compose(&target, list.recipes, list.count, false, &text, &bytes);
    free(list.recipes);
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
