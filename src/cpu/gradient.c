/* gradient.c: the gradient of a learnable parameter on the CPU: lanes of the terms of a block, or of the blocks of
 * several sums that lie side by side, folded as reduction.h says.
 *
 * A tile is a sum, or several whose elements are neighbours in memory; a unit is a tile's chunk: blocks, a power of
 * two of them. Units are split over threads. What a unit is changes no bits. */
#include "sums.h"
#include "walk.h"
#include "../fpenv.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 1024                 /* terms computed at once */
#define ROOM (LANES * 16)          /* reals that stand in lanes */

enum { INNER = CLACT_MAX_RANK - 1 };

struct job {
    const struct clact_launch *launch;
    const struct clact_gradient *gradient;
    const struct clact_cpu_kernels *kernels;
    clact_cpu_loop loop; /* NULL: the terms are dy's elements */
    const void *parameters, *beta;
    size_t size, real_size;
    bool direct;
    char *base[VIEW_INDEX];
    struct clact_view kept_views[VIEW_INDEX], along_views[VIEW_INDEX];
    struct clact_walk kept, along;
    uint64_t width;       /* sums in a tile, but the last one along the inner axis */
    uint64_t per_axis;    /* tiles along the inner axis */
    uint64_t chunk, chunks; /* terms of a chunk; chunks of a sum */
    char *parts;          /* the sums of chunks, where there are several: those of a tile together */
};

struct scratch {
    _Alignas(64) char lanes[ROOM * sizeof(double)];
    _Alignas(64) char in[VIEW_INDEX][PIECE * sizeof(double)];
    _Alignas(64) char counter[LEVELS][16 * sizeof(double)];
};

static struct clact_cpu_sums sums_of(const struct job *j, size_t width)
{
    return (struct clact_cpu_sums){j->kernels, j->real_size, width};
}

/* ---- Tiles ---------------------------------------------------------------------------------- */

/* Where a tile begins, and how many sums it has. */
static uint64_t tile_at(const struct job *j, uint64_t tile, struct clact_cursor *c)
{
    uint64_t inner = (uint64_t)j->gradient->kept[INNER], first = tile % j->per_axis * j->width;
    clact_cursor_set(c, &j->kept, tile / j->per_axis * inner + first);
    return inner - first < j->width ? inner - first : j->width;
}

/* rows terms of each of the tile's sums from where c stands: neighbours in memory where they are so already. */
static const void *load(const struct job *j, int v, const struct clact_cursor *tile, struct clact_cursor c, size_t rows,
                        size_t width, char *to)
{
    int64_t size = (int64_t)j->size, stride = j->gradient->along[v][INNER];
    const clact_cpu_load function = j->kernels->load[j->launch->views[v].type];
    const char *from = j->base[v] + tile->offset[v] * size;
    if (width == 1 && j->direct && stride == 1 && (uint64_t)(j->gradient->reduced[INNER] - c.at[INNER]) >= rows)
        return from + c.offset[v] * size;
    char *at = to;
    for (size_t run; rows; rows -= run) {
        run = (size_t)(j->gradient->reduced[INNER] - c.at[INNER]);
        run = width > 1 ? 1 : run < rows ? run : rows;
        if (width > 1)
            function(width, from + c.offset[v] * size, j->gradient->kept_strides[v][INNER], at);
        else
            function(run, from + c.offset[v] * size, stride, at);
        at += run * width * j->real_size;
        clact_cursor_move(&c, &j->along, (int64_t)run);
    }
    return to;
}

/* The sums of a block of count terms, left in the first of the lanes. */
static void sum_block(const struct job *j, struct scratch *s, const struct clact_cursor *tile, uint64_t first,
                      size_t count, size_t width)
{
    struct clact_cursor c;
    const struct clact_cpu_sums sums = sums_of(j, width);
    size_t most = 1, left = count < LANES ? count : LANES, rows;
    while (2 * most * width <= PIECE && most < LANES)
        most *= 2;
    clact_cpu_set_each(j->real_size, s->lanes, (left ? left : 1) * width, -0.0);
    if (!count)
        return;
    clact_cursor_set(&c, &j->along, first);
    for (size_t done = 0; done < count; done += rows) {
        const void *in[VIEW_INDEX];
        rows = count - done < most ? count - done : most;
        for (int v = 0; v < VIEW_INDEX; v++)
            in[v] = clact_launch_reads(j->launch, v) ? load(j, v, tile, c, rows, width, s->in[v]) : s->in[v];
        char *lanes = s->lanes + done % LANES * width * j->real_size;
        if (j->loop)
            j->loop(rows * width, in[VIEW_X], in[VIEW_DY], in[VIEW_TENSOR], j->parameters, lanes);
        else
            j->kernels->add(rows * width, in[VIEW_DY], lanes);
        for (size_t moved = 0, run; moved < rows; moved += run) {
            run = (size_t)(j->gradient->reduced[INNER] - c.at[INNER]);
            run = run < rows - moved ? run : rows - moved;
            clact_cursor_move(&c, &j->along, (int64_t)run);
        }
    }
    clact_cpu_sums_fold(&sums, s->lanes, count);
}

/* The sums of a chunk, left in the first of the lanes. */
static void sum_chunk(const struct job *j, struct scratch *s, const struct clact_cursor *tile, uint64_t chunk, size_t width)
{
    uint64_t first = chunk * j->chunk, blocks = 0, length = j->gradient->length;
    uint64_t end = length - first < j->chunk ? length : first + j->chunk;
    const struct clact_cpu_sums sums = sums_of(j, width);
    if (end - first <= BLOCK) {
        sum_block(j, s, tile, first, (size_t)(end - first), width);
        return;
    }
    for (; first < end; first += BLOCK, blocks++) {
        sum_block(j, s, tile, first, (size_t)(end - first < BLOCK ? end - first : BLOCK), width);
        clact_cpu_sums_push(&sums, s->counter[0], sizeof s->counter[0], blocks, s->lanes);
    }
    clact_cpu_sums_total(&sums, s->counter[0], sizeof s->counter[0], blocks, s->lanes);
}

/* Stores a tile's sums. */
static void finish(const struct job *j, const struct clact_cursor *tile, size_t width, char *sums, char *old)
{
    const struct clact_view *value = &j->gradient->value;
    char *base = value->buffer ? value->buffer->memory : value->data;
    char *to = base + tile->offset[VIEW_OUT] * (int64_t)clact_type_bytes((clact_type)value->type);
    const struct clact_cpu_sums of = sums_of(j, width);
    clact_cpu_sums_without_minus_zero(&of, sums);
    if (j->beta) {
        j->kernels->load[value->type](width, to, value->strides[INNER], old);
        j->kernels->accumulate(width, old, j->beta, sums);
    }
    j->kernels->store[value->type](width, sums, to, value->strides[INNER]);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static void run_units(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    const clact_activation *a = j->launch->activation;
    struct scratch s;
    if (a->tensor >= 0 && !j->launch->has_tensor) /* the number stands for a tensor in the loops */
        clact_cpu_set_each(j->real_size, s.in[VIEW_TENSOR], PIECE,
                           j->real_size == sizeof(double) ? a->p64[a->tensor] : a->p32[a->tensor]);
    for (; first < end; first++) {
        struct clact_cursor tile;
        size_t width = (size_t)tile_at(j, first / j->chunks, &tile);
        sum_chunk(j, &s, &tile, first % j->chunks, width);
        if (j->chunks > 1)
            memcpy(j->parts + first * j->width * j->real_size, s.lanes, width * j->real_size);
        else
            finish(j, &tile, width, s.lanes, s.in[VIEW_X]);
    }
}

/* The chunks of each sum, pairwise. */
static void fold_parts(const struct job *j, uint64_t tiles)
{
    char old[16 * sizeof(double)];
    size_t bytes = j->width * j->real_size;
    clact_fpenv env = clact_fpenv_enter();
    for (uint64_t t = 0; t < tiles; t++) {
        struct clact_cursor tile;
        const struct clact_cpu_sums sums = sums_of(j, j->width);
        char *parts = j->parts + t * j->chunks * bytes;
        size_t width = (size_t)tile_at(j, t, &tile);
        clact_cpu_sums_join(&sums, parts, j->chunks);
        finish(j, &tile, width, parts, old);
    }
    clact_fpenv_leave(env);
}

/* Sums whose elements are neighbours go together where the terms of one are not. */
static void choose_tiles(struct job *j, uint32_t threads)
{
    const struct clact_gradient *g = j->gradient;
    uint64_t inner = (uint64_t)g->kept[INNER], lanes = 1;
    int64_t across = g->kept_strides[VIEW_X][INNER], along = g->along[VIEW_X][INNER];
    while (lanes < g->length && lanes < LANES)
        lanes *= 2;
    j->width = g->length == 1 || llabs(across) < llabs(along) ? ROOM / lanes : 1;
    j->width = j->width < PIECE ? j->width : PIECE;
    j->width = j->width < inner ? j->width : inner;
    j->per_axis = (inner + j->width - 1) / j->width;
    uint64_t tiles = g->segments / inner * j->per_axis, blocks = (g->length + BLOCK - 1) / BLOCK;
    uint64_t chunk = clact_cpu_sums_chunk(blocks, tiles, threads);
    j->chunk = chunk * BLOCK;
    j->chunks = blocks > chunk ? (blocks + chunk - 1) / chunk : 1;
}

static void make_walks(struct job *j)
{
    const struct clact_gradient *g = j->gradient;
    for (int v = 0; v < VIEW_INDEX; v++) {
        j->kept_views[v] = j->along_views[v] = v == VIEW_OUT ? g->value : j->launch->views[v];
        j->along_views[v].offset = 0;
        memcpy(j->kept_views[v].strides, g->kept_strides[v], sizeof g->kept_strides[v]);
        memcpy(j->along_views[v].strides, g->along[v], sizeof g->along[v]);
        const struct clact_view *view = &j->launch->views[v];
        j->base[v] = view->buffer ? view->buffer->memory : view->data;
    }
    j->kept = (struct clact_walk){g->kept, j->kept_views, VIEW_INDEX, false};
    j->along = (struct clact_walk){g->reduced, j->along_views, VIEW_INDEX, false};
}

clact_status clact_cpu_gradient(clact_context *context, const struct clact_launch *l, const struct clact_gradient *g)
{
    const struct clact_activation *a = l->activation;
    bool f64 = l->views[VIEW_X].type == CLACT_F64;
    struct job j = {.launch = l, .gradient = g};
    if (g->segments == 0)
        return CLACT_OK;
    j.kernels = f64 ? context->cpu->isa->f64 : context->cpu->isa->f32;
    j.loop = g->parameter == GRADIENT_SUM ? NULL : j.kernels->learn[a->row][g->parameter];
    j.parameters = f64 ? (const void *)a->p64 : a->p32;
    j.beta = g->beta.f64 == 0 ? NULL : f64 ? (const void *)&g->beta.f64 : &g->beta.f32;
    j.size = clact_type_bytes((clact_type)l->views[VIEW_X].type);
    j.real_size = f64 ? sizeof(double) : sizeof(float);
    j.direct = j.size == j.real_size;
    make_walks(&j);
    choose_tiles(&j, context->cpu->threads);
    uint64_t tiles = g->segments / (uint64_t)g->kept[INNER] * j.per_axis, units = tiles * j.chunks;
    if (j.chunks > 1) {
        j.parts = calloc(units * j.width, j.real_size);
        REQUIRE(j.parts, CLACT_E_MEMORY, "out of memory");
    }
    uint64_t work = j.width * (g->length < j.chunk ? g->length : j.chunk);
    clact_status status = clact_cpu_split_at(context, units, work ? work : 1, 1, run_units, &j);
    if (j.chunks > 1 && status == CLACT_OK)
        fold_parts(&j, tiles);
    free(j.parts);
    return status;
}
