/* prepare.c: the programs of a list of kernels, built before their calls. */
#include "opencl.h"
#include "../custom.h"

#include <stdlib.h>
#include <string.h>

bool clact_ocl_computes_f64(const clact_context *context, const clact_activation *a)
{
    return context->ocl->device.info.fp64 && !(a->own && !a->own->f64.forward);
}

static void list_recipes(const clact_context *context, const clact_kernels *kernels, size_t count,
                         struct clact_opencl_recipes *list)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t types = kernels[i].types ? kernels[i].types : 1u << CLACT_F32;
        uint32_t calls = kernels[i].calls ? kernels[i].calls : CLACT_CALLS_DENSE;
        if (kernels[i].activation->kind == KIND_QUANTISED)
            types = 1u << kernels[i].activation->x_type;
        for (uint32_t t = 0; t <= CLACT_U8; t++)
            if (types >> t & 1 && (t != CLACT_F64 || !context || clact_ocl_computes_f64(context, kernels[i].activation)))
                clact_opencl_recipes_of(list, kernels[i].activation, t, calls);
    }
}

clact_status clact_opencl_recipes_of_kernels(clact_context *context, const clact_kernels *kernels, size_t count,
                                             struct clact_opencl_recipes *out)
{
    struct clact_opencl_recipes list = {NULL, 0, 0};
    list_recipes(context, kernels, count, &list);
    out->capacity = list.count;
    out->count = 0;
    out->recipes = calloc(list.count + 1, sizeof *out->recipes);
    REQUIRE(out->recipes, CLACT_E_MEMORY, "out of memory");
    list_recipes(context, kernels, count, out);
    return CLACT_OK;
}

/* Whether two recipes may share a program: one width of reals, and an activation of the program's own is alone. */
static bool go_together(const struct clact_opencl_recipe *a, const struct clact_opencl_recipe *b)
{
    return (a->key.type == CLACT_F64) == (b->key.type == CLACT_F64) &&
           clact_definition_same(clact_opencl_own(a), clact_opencl_own(b));
}

static clact_status join(clact_context *context, struct clact_opencl_recipe *left, size_t count)
{
    struct clact_opencl_recipe *together = calloc(CLACT_OPENCL_MOST_JOINED, sizeof *together);
    clact_status status = together ? CLACT_OK : clact_fail(CLACT_E_MEMORY, "out of memory");
    while (count && status == CLACT_OK) {
        const struct clact_opencl_recipe first = left[0];
        size_t n = 0, kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (n < CLACT_OPENCL_MOST_JOINED && go_together(&first, &left[i]))
                together[n++] = left[i];
            else
                left[kept++] = left[i];
        }
        count = kept;
        status = clact_opencl_programs_join(context, together, n);
    }
    free(together);
    return status;
}

clact_status clact_ocl_prepare(clact_context *context, const clact_kernels *kernels, size_t count)
{
    struct clact_opencl_recipes list;
    TRY(clact_opencl_same_process(context));
    if (context->ocl->pack) /* each call finds its program there */
        return CLACT_OK;
    TRY(clact_opencl_recipes_of_kernels(context, kernels, count, &list));
    clact_status status = join(context, list.recipes, list.count);
    free(list.recipes);
    return status;
}

void clact_ocl_save(clact_context *context)
{
    clact_opencl_cache_save(context, 0);
}
