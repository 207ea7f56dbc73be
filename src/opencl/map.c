/* map.c: gated units, crelu and maxout on an OpenCL device: programs, arguments and launches. */
#include "opencl.h"

#include <stdio.h>
#include <string.h>

static const struct operation {
    const char *file;
    int kind, slot; /* of the kernel in its program */
    const char *part, *views, *rest; /* of its arguments: the views, and what stands behind the size */
} operations[] = {
    [MAP_GATED] = {"gated.cl", KIND_GATED, 0, "gated", "u v y", "parameters"},
    [MAP_GATED_BACKWARD] = {"gated.cl", KIND_GATED, 1, "gated_backward", "u v dy du dv", "parameters, wanted, u_beta, v_beta"},
    [MAP_CRELU] = {"crelu.cl", KIND_REDUCE, 0, "forward", "x first second", ""},
    [MAP_CRELU_BACKWARD] = {"crelu.cl", KIND_REDUCE, 1, "backward", "x first second dx", "add, beta"},
    [MAP_CRELU_BACKWARD_Y] = {"crelu.cl", KIND_REDUCE, 2, "backward_y", "y1 y2 first second dx", "add, beta"},
    [MAP_MAXOUT] = {"maxout.cl", KIND_REDUCE, 0, "forward", "x y", "pieces, x_step"},
    [MAP_MAXOUT_BACKWARD] = {"maxout.cl", KIND_REDUCE, 1, "backward", "x dy dx", "pieces, x_step, dx_step, add, beta"},
};
enum { OPERATION_COUNT = sizeof operations / sizeof *operations };

enum form { FORM_DENSE, FORM_VIEW };

static bool is_f64(const struct clact_map *m)
{
    return m->views[MAP_A].type == CLACT_F64;
}

static bool is_gated(const struct clact_map *m)
{
    return operations[m->operation].kind == KIND_GATED;
}

/* Only gated units have kernels for consecutive elements. */
static bool strided(const struct clact_map *m)
{
    return !m->dense || !is_gated(m);
}

static void prologue(const struct clact_opencl_recipe *r, const struct clact_opencl_target *target,
                     struct clact_opencl_text *t)
{
    if (r->key.kind == KIND_GATED)
        clact_opencl_row_lines(r->activation, -1, t);
    clact_opencl_walk_lines(target, r->key.type, t);
    if (r->key.form == FORM_VIEW)
        clact_opencl_line(t, "#define VIEW\n");
}

static void words(const struct clact_opencl_recipe *r, char *out, size_t size)
{
    snprintf(out, size, "%s", r->key.kind == KIND_GATED && r->key.form == FORM_VIEW ? "_view" : "");
}

static bool signature(const struct clact_opencl_recipe *r, int slot, struct clact_opencl_signature *s)
{
    bool view = r->key.form == FORM_VIEW;
    for (const struct operation *o = operations; o < operations + OPERATION_COUNT; o++)
        if (strcmp(o->file, r->file) == 0 && o->slot == slot) {
            clact_opencl_sign(s, o->part);
            clact_opencl_sign_views(s, o->views, view ? "first strides" : "first");
            clact_opencl_sign_rest(s, view ? "n, dims" : "n");
            clact_opencl_sign_rest(s, o->rest);
            return true;
        }
    return false;
}

static struct clact_opencl_recipe recipe_of(const clact_activation *a, const char *file, uint32_t type, enum form form)
{
    struct clact_opencl_recipe r = {file, {0}, a, prologue, words, signature, NULL};
    r.key.kind = (uint16_t)a->kind;
    r.key.row = (uint16_t)(a->kind == KIND_GATED ? (uint32_t)a->row : a->info->id);
    r.key.type = (uint16_t)type;
    r.key.form = (uint16_t)form;
    return r;
}

void clact_opencl_map_recipes(struct clact_opencl_recipes *list, const clact_activation *a, uint32_t type, uint32_t calls)
{
    const char *file = a->kind == KIND_GATED ? "gated.cl" : a->info->id == CLACT_MAXOUT ? "maxout.cl" : "crelu.cl";
    if (a->kind == KIND_GATED && calls & CLACT_CALLS_DENSE)
        clact_opencl_add_recipe(list, recipe_of(a, file, type, FORM_DENSE));
    if (a->kind != KIND_GATED || calls & CLACT_CALLS_VIEW)
        clact_opencl_add_recipe(list, recipe_of(a, file, type, FORM_VIEW));
}

/* ---- Arguments ------------------------------------------------------------------------------ */

static void set_u32(struct clact_opencl_arguments *a, cl_uint value)
{
    clact_opencl_set(a, sizeof value, &value);
}

/* The views in their order. A gradient that is not asked for has an input in its place. */
static void set_views(struct clact_opencl_arguments *a, const struct clact_map *m)
{
    for (int v = 0; v < MAP_VIEWS; v++)
        if (clact_map_uses(m, v))
            clact_opencl_set_view(a, &m->views[v], strided(m));
        else if (m->operation == MAP_GATED_BACKWARD && v >= MAP_OUT)
            clact_opencl_set_view(a, &m->views[MAP_A], strided(m));
}

static void set_gated(struct clact_opencl_arguments *a, const struct clact_map *m)
{
    clact_opencl_set_parameters(a, m->activation, is_f64(m));
    if (m->operation == MAP_GATED)
        return;
    set_u32(a, (cl_uint)clact_map_uses(m, MAP_OUT) | (cl_uint)clact_map_uses(m, MAP_OUT2) << 1 |
                   (cl_uint)(m->beta[0].f64 != 0) << 2 | (cl_uint)(m->beta[1].f64 != 0) << 3);
    clact_opencl_set_beta(a, &m->beta[0], is_f64(m));
    clact_opencl_set_beta(a, &m->beta[1], is_f64(m));
}

static void set_pieces(struct clact_opencl_arguments *a, const struct clact_map *m)
{
    cl_ulong pieces = (cl_ulong)m->pieces;
    clact_opencl_set(a, sizeof pieces, &pieces);
    clact_opencl_set(a, sizeof(cl_long), &m->piece_strides[MAP_A]);
    if (m->operation == MAP_MAXOUT_BACKWARD)
        clact_opencl_set(a, sizeof(cl_long), &m->piece_strides[MAP_OUT]);
}

static cl_int set_arguments(const struct clact_ocl *ocl, cl_kernel kernel, const struct clact_map *m)
{
    struct clact_opencl_arguments a = {ocl, kernel, 0, CL_SUCCESS};
    cl_ulong n = m->count;
    set_views(&a, m);
    clact_opencl_set(&a, sizeof n, &n);
    if (strided(m))
        clact_opencl_set(&a, sizeof m->dims, m->dims);
    if (is_gated(m))
        set_gated(&a, m);
    if (m->operation == MAP_MAXOUT || m->operation == MAP_MAXOUT_BACKWARD)
        set_pieces(&a, m);
    if (operations[m->operation].kind == KIND_REDUCE && operations[m->operation].slot > 0) {
        set_u32(&a, m->beta[0].f64 != 0);
        clact_opencl_set_beta(&a, &m->beta[0], is_f64(m));
    }
    return a.code;
}

/* ---- Launches ------------------------------------------------------------------------------- */

static clact_status launch(clact_context *context, const void *work, const clact_enqueue *q)
{
    const struct clact_map *m = work;
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_recipe recipe = recipe_of(m->activation, operations[m->operation].file, m->views[MAP_A].type,
                                                  strided(m) ? FORM_VIEW : FORM_DENSE);
    struct clact_opencl_kernel *k;
    TRY(clact_opencl_kernel_take(context, &recipe, operations[m->operation].slot, operations[m->operation].part, &k));
    clact_status status = clact_opencl_result(set_arguments(ocl, k->kernel, m), "clSetKernelArg");
    if (status == CLACT_OK)
        status = clact_opencl_enqueue(ocl, k->kernel, m->count,
                                      strided(m) ? 1 : clact_opencl_walk_elements(&ocl->target), q);
    clact_opencl_kernel_put(context, k);
    return status;
}

/* ---- Host memory ---------------------------------------------------------------------------- */

/* The dims of a view for its staging: with the pieces as an axis, which dims of length 1 make room for. */
static bool all_dims(struct clact_map *m, int v, int64_t *dims)
{
    memcpy(dims, m->dims, sizeof m->dims);
    if (m->pieces == 1 || m->piece_strides[v] == 0)
        return true;
    if (dims[0] != 1)
        return false;
    dims[0] = m->pieces;
    m->views[v].strides[0] = m->piece_strides[v]; /* the kernel does not look at it: its dims[0] is 1 */
    return true;
}

/* Whether the two outputs, which are halves, fill the memory that they span. */
static bool fill_together(const struct clact_map *m)
{
    const struct clact_view *a = &m->views[MAP_OUT], *b = &m->views[MAP_OUT2];
    struct clact_view both = a->offset < b->offset ? *a : *b;
    int64_t dims[CLACT_MAX_RANK];
    if (!clact_map_uses(m, MAP_OUT) || !clact_map_uses(m, MAP_OUT2) || a->data != b->data || m->dims[0] != 1 ||
        memcmp(a->strides, b->strides, sizeof a->strides) != 0)
        return false;
    memcpy(dims, m->dims, sizeof dims);
    dims[0] = 2; /* from one half to the other */
    both.strides[0] = a->offset < b->offset ? b->offset - a->offset : a->offset - b->offset;
    return !clact_opencl_has_gaps(&both, dims);
}

static clact_status on_host_memory(clact_context *context, const struct clact_map *given)
{
    struct clact_map m = *given;
    int64_t dims[MAP_VIEWS][CLACT_MAX_RANK];
    struct clact_opencl_staged staged[MAP_VIEWS] = {{0}};
    bool together = fill_together(&m);
    for (int v = 0; v < MAP_VIEWS; v++) {
        bool out = v >= MAP_OUT;
        if (!clact_map_uses(&m, v))
            continue;
        if (!all_dims(&m, v, dims[v]) || (out && !together && clact_opencl_has_gaps(&m.views[v], dims[v])))
            return clact_cpu_functions.map(context, given);
        staged[v] = (struct clact_opencl_staged){&m.views[v], dims[v], !out || m.beta[v - MAP_OUT].f64 != 0, out};
    }
    return clact_opencl_on_host_memory(context, staged, MAP_VIEWS, launch, &m);
}

static clact_status on_device(clact_context *context, const struct clact_map *m)
{
    if (m->host)
        return on_host_memory(context, m);
    clact_enqueue q;
    TRY(clact_opencl_triple(context, m->enqueue, &q));
    return m->count ? launch(context, m, &q) : clact_opencl_nothing(context, &q);
}

clact_status clact_ocl_map(clact_context *context, const struct clact_map *m)
{
    TRY(clact_opencl_same_process(context));
    clact_status status = on_device(context, m);
    return clact_opencl_elsewhere(context, status, m->enqueue) ? clact_opencl_map_elsewhere(context, m) : status;
}
