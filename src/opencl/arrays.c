/* arrays.c: operations over arrays on an OpenCL device: a program for each operation and type, and launches of a call's
 * steps one after the other. */
#include "opencl.h"
#include "../arrays.h"

#include <stdio.h>

#define GROUPS 16 /* for each compute unit: as many as keep a device busy */

/* ---- Programs ------------------------------------------------------------------------------- */

/* ", x0, x1, parameters.s0": the arguments of the operation's function. */
static void arguments_of(const struct clact_array_info *info, char *out, size_t size)
{
    size_t length = 0;
    for (int k = 0; k < info->inputs; k++)
        length += (size_t)snprintf(out + length, size - length, "%sx%d", k ? ", " : "", k);
    for (int k = 0; k < info->parameters; k++)
        length += (size_t)snprintf(out + length, size - length, ", parameters.s%d", k);
}

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    static const char *const forms[] = {[ARRAY_MAP] = "MAP", [ARRAY_SUM] = "SUM", [ARRAY_TALLY] = "TALLY"};
    static const char *const functions[] = {[ARRAY_MAP] = "m(", [ARRAY_SUM] = "s(sum, ", [ARRAY_TALLY] = "t("};
    const struct clact_array_info *info = &clact_array_infos[r->key.row];
    char arguments[CLACT_OPENCL_PARAMETERS + 64];
    arguments_of(info, arguments, sizeof arguments);
    clact_opencl_line(t, "#define PER_ITEM %u\n#define %s\n#define INPUTS %d\n#define OUTPUTS %d\n",
                      (unsigned)target->per_item, forms[info->form], info->inputs, info->outputs);
    clact_opencl_line(t, "#define APPLY %s_%s%s)\n%s", info->name, functions[info->form], arguments,
                      info->labelled ? "#define LABELLED\n" : "");
}

static struct clact_opencl_recipe recipe_of(const struct clact_array_step *s)
{
    struct clact_opencl_recipe r = {"arrays.cl", {0}, NULL, prologue, NULL, NULL, clact_array_infos[s->operation].name};
    r.key.kind = KIND_ARRAYS;
    r.key.row = (uint16_t)s->operation;
    r.key.type = (uint16_t)clact_array_type(s);
    return r;
}

/* ---- Launches ------------------------------------------------------------------------------- */

/* A launch that is being prepared; a call of set() adds an argument. */
struct launch {
    const struct clact_array_step *step;
    struct clact_opencl_kernel *kernel;
    struct clact_opencl_arguments arguments;
};

static clact_status begin(clact_context *context, const struct clact_array_step *s, int slot, const char *part,
                          struct launch *l)
{
    struct clact_opencl_recipe recipe = recipe_of(s);
    l->step = s;
    TRY(clact_opencl_kernel_take(context, &recipe, slot, part, &l->kernel));
    l->arguments = (struct clact_opencl_arguments){context->ocl, l->kernel->kernel, 0, CL_SUCCESS};
    return CLACT_OK;
}

/* Over so many elements, or groups of as many work-items each. */
static clact_status run(clact_context *context, struct launch *l, uint64_t count, struct clact_chain *chain)
{
    clact_status status = clact_opencl_result(l->arguments.code, "clSetKernelArg");
    clact_enqueue q = clact_chain_link(chain);
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(context->ocl, l->kernel->kernel, count, 1, &q);
    clact_chain_linked(chain);
    clact_opencl_kernel_put(context, l->kernel);
    return status;
}

static void set_u64(struct launch *l, cl_ulong value)
{
    clact_opencl_set(&l->arguments, sizeof value, &value);
}

static void set_u32(struct launch *l, cl_uint value)
{
    clact_opencl_set(&l->arguments, sizeof value, &value);
}

static void set_real(struct launch *l, const struct clact_beta *number)
{
    clact_opencl_set_beta(&l->arguments, number, clact_array_type(l->step) == CLACT_F64);
}

/* The view, and its last four strides, of which the first is not looked at. */
static void set_view(struct launch *l, const struct clact_view *v)
{
    clact_opencl_set_view(&l->arguments, v, false);
    clact_opencl_set(&l->arguments, 4 * sizeof(cl_long), v->strides + CLACT_MAX_RANK - 4);
}

/* An input that is missing is a null pointer. The column has no memory. */
static void set_inputs(struct launch *l)
{
    const struct clact_array_info *info = &clact_array_infos[l->step->operation];
    for (int k = 0; k < info->inputs; k++)
        if (!info->labelled || k != ARRAY_COLUMN)
            set_view(l, &l->step->inputs[k]);
}

static void set_parameters(struct launch *l)
{
    _Static_assert(ARRAY_PARAMETERS == 8, "as PARAMETERS of walk.cl");
    double p64[ARRAY_PARAMETERS];
    float p32[ARRAY_PARAMETERS];
    for (int k = 0; k < ARRAY_PARAMETERS; k++) {
        p64[k] = l->step->rounded[k].f64;
        p32[k] = l->step->rounded[k].f32;
    }
    if (clact_array_type(l->step) == CLACT_F64)
        clact_opencl_set(&l->arguments, sizeof p64, p64);
    else
        clact_opencl_set(&l->arguments, sizeof p32, p32);
}

static void set_value(struct launch *l)
{
    const struct clact_array_step *s = l->step;
    clact_opencl_set_view(&l->arguments, &s->outputs[0], false);
    set_u64(l, (cl_ulong)s->outputs[0].strides[ARRAY_SEGMENT]);
    set_real(l, &s->rounded_factor);
    set_real(l, &s->rounded_beta);
    set_u32(l, s->rounded_beta.f64 != 0);
}

static clact_status map(clact_context *context, const struct clact_array_step *s, struct clact_chain *chain)
{
    struct launch l;
    TRY(begin(context, s, 0, "map", &l));
    set_inputs(&l);
    for (int k = 0; k < clact_array_infos[s->operation].outputs; k++)
        set_view(&l, &s->outputs[k]);
    set_u64(&l, clact_array_length(s));
    set_u64(&l, s->columns);
    set_u32(&l, s->missing);
    set_parameters(&l);
    return run(context, &l, clact_array_length(s), chain);
}

static uint64_t chunks_of(const clact_context *context, const struct clact_array_step *s)
{
    return clact_opencl_sum_chunks(context->ocl, clact_array_length(s), s->segments);
}

static clact_status sum(clact_context *context, const struct clact_array_step *s, cl_mem parts,
                        struct clact_chain *chain)
{
    struct launch l;
    uint64_t chunks = chunks_of(context, s);
    TRY(begin(context, s, 0, "sum", &l));
    set_inputs(&l);
    set_u64(&l, clact_array_length(s));
    set_u64(&l, s->columns);
    set_u32(&l, s->missing);
    set_u64(&l, s->segments);
    set_u64(&l, clact_opencl_sum_chunk(context->ocl, clact_array_length(s), s->segments));
    set_u64(&l, chunks);
    clact_opencl_set(&l.arguments, sizeof parts, &parts);
    set_value(&l);
    set_parameters(&l);
    return run(context, &l, s->segments * chunks * context->ocl->target.local, chain);
}

static clact_status sum_fold(clact_context *context, const struct clact_array_step *s, cl_mem parts,
                             struct clact_chain *chain)
{
    struct launch l;
    TRY(begin(context, s, 1, "sum_fold", &l));
    clact_opencl_set(&l.arguments, sizeof parts, &parts);
    set_u64(&l, chunks_of(context, s));
    set_u64(&l, s->segments);
    set_value(&l);
    return run(context, &l, s->segments * context->ocl->target.local, chain);
}

/* Work-items for each segment: a device is kept busy, and neighbours go on to neighbours. */
static uint64_t strips_of(const clact_context *context, const struct clact_array_step *s)
{
    const struct clact_ocl *ocl = context->ocl;
    uint64_t items = (uint64_t)ocl->device.info.compute_units * GROUPS * ocl->target.local;
    uint64_t length = clact_array_length(s);
    uint64_t strips = (items + s->segments - 1) / s->segments;
    return strips == 0 ? 1 : strips < length ? strips : length;
}

static clact_status tally(clact_context *context, const struct clact_array_step *s, cl_mem parts,
                          struct clact_chain *chain)
{
    struct launch l;
    uint64_t strips = strips_of(context, s);
    TRY(begin(context, s, 0, "tally", &l));
    set_inputs(&l);
    set_u64(&l, clact_array_length(s));
    set_u64(&l, s->columns);
    set_u64(&l, s->segments);
    set_u64(&l, strips);
    clact_opencl_set(&l.arguments, sizeof parts, &parts);
    set_parameters(&l);
    return run(context, &l, s->segments * strips, chain);
}

static clact_status tally_fold(clact_context *context, const struct clact_array_step *s, cl_mem parts,
                               struct clact_chain *chain)
{
    struct launch l;
    struct clact_view counts = s->outputs[0];
    TRY(begin(context, s, 1, "tally_fold", &l));
    counts.offset /= (int64_t)sizeof(cl_ulong);
    clact_opencl_set(&l.arguments, sizeof parts, &parts);
    set_u64(&l, clact_array_length(s));
    set_u64(&l, s->segments);
    set_u64(&l, strips_of(context, s));
    clact_opencl_set_view(&l.arguments, &counts, false);
    set_u32(&l, s->add);
    return run(context, &l, s->segments * ARRAY_TALLIES, chain);
}

/* ---- Steps ---------------------------------------------------------------------------------- */

typedef clact_status part_function(clact_context *context, const struct clact_array_step *s, cl_mem parts,
                                   struct clact_chain *chain);

/* Two launches, with memory for what passes between them. */
static clact_status in_parts(clact_context *context, const struct clact_array_step *s, uint64_t bytes,
                             part_function *first, part_function *second, struct clact_chain *chain)
{
    struct clact_ocl *ocl = context->ocl;
    cl_int code;
    cl_mem parts = ocl->api.clCreateBuffer(ocl->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    TRY(clact_opencl_result(code, "clCreateBuffer"));
    clact_status status = first(context, s, parts, chain);
    if (status == CLACT_OK)
        status = second(context, s, parts, chain);
    ocl->api.clReleaseMemObject(parts); /* it lives until what was enqueued is done */
    return status;
}

static int launches_of(const clact_context *context, const struct clact_array_step *s)
{
    if (s->rows_of || clact_array_infos[s->operation].form == ARRAY_MAP)
        return 1;
    return clact_array_infos[s->operation].form == ARRAY_SUM && chunks_of(context, s) == 1 ? 1 : 2;
}

static clact_status rows(clact_context *context, const struct clact_array_step *s, struct clact_chain *chain)
{
    clact_enqueue q = clact_chain_link(chain);
    clact_status status = clact_opencl_rowwise_launch(context, s->rows_of, &q);
    clact_chain_linked(chain);
    return status;
}

static clact_status launch(clact_context *context, const struct clact_array_step *s, struct clact_chain *chain)
{
    const size_t size = clact_array_type(s) == CLACT_F64 ? sizeof(double) : sizeof(float);
    if (s->rows_of)
        return rows(context, s, chain);
    switch (clact_array_infos[s->operation].form) {
    case ARRAY_MAP:
        return map(context, s, chain);
    case ARRAY_SUM:
        return launches_of(context, s) == 1
                   ? sum(context, s, NULL, chain)
                   : in_parts(context, s, s->segments * chunks_of(context, s) * size, sum, sum_fold, chain);
    default:
        return in_parts(context, s, s->segments * strips_of(context, s) * (ARRAY_TALLIES - 1) * sizeof(cl_ulong), tally,
                        tally_fold, chain);
    }
}

/* Of several programs, none is to run where another does not build. */
static clact_status make_ready(clact_context *context, const struct clact_array_step *s)
{
    struct clact_opencl_recipe recipe;
    if (s->rows_of)
        return clact_opencl_rowwise_ready(context, s->rows_of);
    recipe = recipe_of(s);
    return clact_opencl_program_ready(context, &recipe);
}

static clact_status on_device(clact_context *context, const struct clact_arrays *a)
{
    clact_enqueue q;
    TRY(clact_opencl_triple(context, a->enqueue, &q));
    struct clact_chain chain = {.context = context, .whole = q};
    for (int i = 0; i < a->count; i++) {
        TRY(make_ready(context, &a->steps[i]));
        chain.left += launches_of(context, &a->steps[i]);
    }
    if (!chain.left)
        return clact_opencl_nothing(context, &q);
    clact_status status = CLACT_OK;
    for (int i = 0; i < a->count && status == CLACT_OK; i++)
        status = launch(context, &a->steps[i], &chain);
    clact_chain_release(&chain);
    return status;
}

clact_status clact_ocl_arrays(clact_context *context, const struct clact_arrays *a)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, a);
    return clact_opencl_elsewhere(context, status, a->enqueue) ? clact_opencl_arrays_elsewhere(context, a) : status;
}
