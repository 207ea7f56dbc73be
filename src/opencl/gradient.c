/* gradient.c: the gradient of a learnable parameter on an OpenCL device: one launch, or one for the chunks of long
 * sums and one that folds them. */
#include "opencl.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 4096       /* that of cl/reduction.h */
#define MOST_CHUNKS 1024 /* that of cl/sums.cl */
#define GROUPS 16        /* for each compute unit: as many as keep a device busy */

/* The form is made of these, and the type of the sums. */
enum { FORM_GRADIENT = 0x100, FORM_TENSOR = 0x200, FORM_ACCUMULATE = 0x400, FORM_FLAT = 0x800, FORM_P1 = 0x1000 };

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    char p[CLACT_OPENCL_PARAMETERS];
    unsigned form = r->key.form, type = form & 0xff;
    const char *name = clact_type_name((clact_type)type);
    (void)target;
    clact_opencl_row_parameters(r->activation, form & FORM_TENSOR ? r->activation->tensor : -1, p, sizeof p);
    clact_opencl_line(t, "#define VALUE %s\n#define LOAD_VALUE(v) load_%s(v)\n#define STORE_VALUE(v) store_%s(v)\n",
                      clact_opencl_element(type), name, name);
    if (form / FORM_P1 == GRADIENT_SUM)
        clact_opencl_line(t, "#define ROW_P(x) C(1.0)\n");
    else
        clact_opencl_line(t, "#define ROW_P(x) %s_p%u(x%s)\n", clact_row_functions[r->activation->row].name,
                          form / FORM_P1, p);
    if (form & FORM_TENSOR)
        clact_opencl_line(t, "#define TENSOR\n");
    if (form & FORM_ACCUMULATE)
        clact_opencl_line(t, "#define ACCUMULATE\n");
    if (form & FORM_FLAT)
        clact_opencl_line(t, "#define FLAT\n");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    unsigned form = r->key.form;
    snprintf(out, size, "_%s_p%u%s%s%s", clact_type_name((clact_type)(form & 0xff)), form / FORM_P1,
             form & FORM_TENSOR ? "_tensor" : "", form & FORM_FLAT ? "_flat" : "", form & FORM_ACCUMULATE ? "_add" : "");
}

static bool signature(const struct clact_opencl_recipe *r, int slot, struct clact_opencl_signature *s)
{
    if (slot > 1)
        return false;
    clact_opencl_sign(s, slot ? "gradient_fold" : "gradient_sum");
    if (slot == 0) {
        clact_opencl_sign_views(s, "x dy", "first kept along");
        clact_opencl_sign_rest(s, "reduced, length, chunk_blocks");
    }
    clact_opencl_sign_rest(s, slot ? "parts, chunks" : "chunks, parts");
    clact_opencl_sign_views(s, "value", "first kept");
    clact_opencl_sign_rest(s, slot ? "kept, beta" : "kept, beta, parameters");
    if (slot == 0 && r->key.form & FORM_TENSOR)
        clact_opencl_sign_views(s, "t", "first kept along");
    return true;
}

static struct clact_opencl_recipe recipe(const clact_activation *a, uint32_t type, unsigned form)
{
    struct clact_opencl_recipe r = {"gradient.cl", {0}, a, prologue, words, signature, NULL};
    r.key.kind = KIND_ELEMENTWISE;
    r.key.row = (uint16_t)a->row;
    r.key.type = (uint16_t)type;
    r.key.form = (uint16_t)(FORM_GRADIENT | form);
    return r;
}

static struct clact_opencl_recipe recipe_of(const struct clact_launch *l, const struct clact_gradient *g)
{
    bool flat = true;
    for (int k = 0; k < CLACT_MAX_RANK - 1; k++)
        flat &= g->reduced[k] == 1;
    return recipe(l->activation, l->views[VIEW_X].type,
                  g->value.type | (l->has_tensor ? FORM_TENSOR : 0) | (flat ? FORM_FLAT : 0) |
                      (g->beta.f64 != 0 ? FORM_ACCUMULATE : 0) | FORM_P1 * (unsigned)g->parameter);
}

clact_status clact_opencl_gradient_ready(clact_context *context, const struct clact_launch *l, const struct clact_gradient *g)
{
    struct clact_opencl_recipe r = recipe_of(l, g);
    return clact_opencl_program_ready(context, &r);
}

/* Sums of the operands' own type and, where that is narrower, of f32. */
void clact_opencl_gradient_recipes(struct clact_opencl_recipes *list, const clact_activation *a, uint32_t type,
                                   uint32_t calls)
{
    const bool narrow = type == CLACT_F16 || type == CLACT_BF16;
    for (unsigned k = 0; k < a->info->learnable_count; k++)
        for (unsigned more = 0; more < FORM_P1 / FORM_TENSOR; more++) {
            unsigned form = more * FORM_TENSOR + k * FORM_P1;
            if ((form & FORM_TENSOR && !(calls & CLACT_CALLS_TENSOR && a->tensor >= 0)) ||
                (form & FORM_ACCUMULATE && !(calls & CLACT_CALLS_ACCUMULATE)))
                continue;
            clact_opencl_add_recipe(list, recipe(a, type, form | type));
            if (narrow)
                clact_opencl_add_recipe(list, recipe(a, type, form | CLACT_F32));
        }
}

/* One sum alone is split, many are not. */
uint64_t clact_opencl_sum_chunk(const struct clact_ocl *ocl, uint64_t length, uint64_t segments)
{
    uint64_t blocks = (length + BLOCK - 1) / BLOCK, chunk = 1, groups = (uint64_t)ocl->device.info.compute_units * GROUPS;
    while ((blocks + chunk - 1) / chunk > MOST_CHUNKS ||
           (chunk < blocks && (blocks + chunk - 1) / chunk * segments > (groups > 1 ? groups : 1)))
        chunk *= 2;
    return chunk;
}

uint64_t clact_opencl_sum_chunks(const struct clact_ocl *ocl, uint64_t length, uint64_t segments)
{
    uint64_t most = clact_opencl_sum_chunk(ocl, length, segments) * BLOCK;
    return length > most ? (length + most - 1) / most : 1;
}

static uint64_t chunks_of(const struct clact_ocl *ocl, const struct clact_gradient *g)
{
    return clact_opencl_sum_chunks(ocl, g->length, g->segments);
}

int clact_opencl_gradient_launches(const struct clact_ocl *ocl, const struct clact_gradient *g)
{
    return g->segments == 0 ? 0 : chunks_of(ocl, g) > 1 ? 2 : 1;
}

static void set_terms(struct clact_opencl_arguments *a, const struct clact_launch *l, const struct clact_gradient *g, int v)
{
    clact_opencl_set_view(a, &l->views[v], false);
    clact_opencl_set(a, sizeof g->kept_strides[v], g->kept_strides[v]);
    clact_opencl_set(a, sizeof g->along[v], g->along[v]);
}

static void set_result(struct clact_opencl_arguments *a, const struct clact_launch *l, const struct clact_gradient *g)
{
    clact_opencl_set_view(a, &g->value, true);
    clact_opencl_set(a, sizeof g->kept, g->kept);
    clact_opencl_set_beta(a, &g->beta, l->views[VIEW_X].type == CLACT_F64);
}

static clact_status run(clact_context *context, const struct clact_opencl_arguments *a, uint64_t groups,
                        struct clact_chain *chain)
{
    TRY(clact_opencl_result(a->code, "clSetKernelArg"));
    clact_enqueue q = clact_chain_link(chain);
    clact_status status = clact_opencl_enqueue(context->ocl, a->kernel, groups * context->ocl->target.local, 1, &q);
    clact_chain_linked(chain);
    return status;
}

static clact_status sum(clact_context *context, const struct clact_launch *l, const struct clact_gradient *g, cl_mem parts,
                        struct clact_chain *chain)
{
    struct clact_opencl_recipe r = recipe_of(l, g);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &r, 0, "gradient_sum", &k));
    struct clact_opencl_arguments a = {context->ocl, k->kernel, 0, CL_SUCCESS};
    cl_ulong chunk = clact_opencl_sum_chunk(context->ocl, g->length, g->segments), chunks = chunks_of(context->ocl, g);
    cl_ulong length = g->length;
    set_terms(&a, l, g, VIEW_X);
    set_terms(&a, l, g, VIEW_DY);
    clact_opencl_set(&a, sizeof g->reduced, g->reduced);
    clact_opencl_set(&a, sizeof length, &length);
    clact_opencl_set(&a, sizeof chunk, &chunk);
    clact_opencl_set(&a, sizeof chunks, &chunks);
    clact_opencl_set(&a, sizeof parts, &parts);
    set_result(&a, l, g);
    clact_opencl_set_parameters(&a, l->activation, l->views[VIEW_X].type == CLACT_F64);
    if (l->has_tensor)
        set_terms(&a, l, g, VIEW_TENSOR);
    clact_status status = run(context, &a, g->segments * chunks, chain);
    clact_opencl_kernel_put(context, k);
    return status;
}

static clact_status fold(clact_context *context, const struct clact_launch *l, const struct clact_gradient *g, cl_mem parts,
                         struct clact_chain *chain)
{
    struct clact_opencl_recipe r = recipe_of(l, g);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &r, 1, "gradient_fold", &k));
    struct clact_opencl_arguments a = {context->ocl, k->kernel, 0, CL_SUCCESS};
    cl_ulong chunks = chunks_of(context->ocl, g);
    clact_opencl_set(&a, sizeof parts, &parts);
    clact_opencl_set(&a, sizeof chunks, &chunks);
    set_result(&a, l, g);
    clact_status status = run(context, &a, g->segments, chain);
    clact_opencl_kernel_put(context, k);
    return status;
}

clact_status clact_opencl_gradient(clact_context *context, const struct clact_launch *l, const struct clact_gradient *g,
                                   struct clact_chain *chain)
{
    struct clact_ocl *ocl = context->ocl;
    uint64_t chunks = chunks_of(ocl, g);
    if (chunks == 1)
        return sum(context, l, g, NULL, chain);
    size_t size = l->views[VIEW_X].type == CLACT_F64 ? sizeof(double) : sizeof(float);
    cl_int code;
    cl_mem parts = ocl->api.clCreateBuffer(ocl->context, CL_MEM_READ_WRITE, g->segments * chunks * size, NULL, &code);
    TRY(clact_opencl_result(code, "clCreateBuffer"));
    clact_status status = sum(context, l, g, parts, chain);
    if (status == CLACT_OK)
        status = fold(context, l, g, parts, chain);
    ocl->api.clReleaseMemObject(parts); /* it lives until what was enqueued is done */
    return status;
}
