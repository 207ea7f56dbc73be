/* map.c: maps on the CPU, in blocks. A gated unit is composed of the rows' own loops, which compute f(v) and
 * f's gradient into memory, and of products: no row has loops for it. */
#include "walk.h"

#include <string.h>

#define BLOCK 512 /* elements computed at once */

struct block;

struct job {
    const struct clact_map *map;
    const struct clact_cpu_kernels *kernels;
    const struct clact_cpu_map_loops *loops;
    const void *parameters;
    const void *beta[2]; /* of what the outputs hold; NULL where they are overwritten */
    size_t size, real_size; /* bytes of a stored element and of a real */
    bool direct;            /* consecutive elements that are reals: inputs are read where they are */
    char *base[MAP_VIEWS];
    struct clact_walk walk;
    void (*block)(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n);
};

struct block {
    _Alignas(64) char memory[MAP_VIEWS][BLOCK * sizeof(double)];
    _Alignas(64) char first[BLOCK * sizeof(double)], second[BLOCK * sizeof(double)];
    _Alignas(64) char tensor[BLOCK * sizeof(double)];
    _Alignas(64) uint32_t best[BLOCK];
};

/* ---- Elements in and out -------------------------------------------------------------------- */

static const void *load(const struct job *j, const struct clact_cursor *c, struct block *b, int v, size_t n)
{
    if (j->direct)
        return j->base[v] + c->offset[v] * (int64_t)j->size;
    clact_walk_load(&j->walk, *c, v, j->kernels, j->base[v], n, b->memory[v]);
    return b->memory[v];
}

/* Stores reals, in g, into an output; adds beta times what is there where the call says so. */
static void store(const struct job *j, const struct clact_cursor *c, struct block *b, int v, size_t n, void *g)
{
    int out = v - MAP_OUT;
    if (j->beta[out]) {
        clact_walk_load(&j->walk, *c, v, j->kernels, j->base[v], n, b->memory[v]);
        j->kernels->accumulate(n, b->memory[v], j->beta[out], g);
    }
    clact_walk_store(&j->walk, *c, v, j->kernels, j->base[v], n, g);
}

/* The cursor of a piece of each unit. */
static struct clact_cursor at_piece(const struct job *j, const struct clact_cursor *c, int64_t piece)
{
    struct clact_cursor there = *c;
    for (int v = 0; v < MAP_VIEWS; v++)
        there.offset[v] += piece * j->map->piece_strides[v];
    return there;
}

/* ---- Operations ----------------------------------------------------------------------------- */

static clact_cpu_loop loop_of(const struct job *j, enum clact_direction direction)
{
    return clact_cpu_loop_of(j->kernels, j->map->activation, j->real_size == sizeof(double), direction);
}

static void gated(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    const void *u = load(j, c, b, MAP_A, n), *v = load(j, c, b, MAP_B, n);
    void *y = j->direct ? j->base[MAP_OUT] + c->offset[MAP_OUT] * (int64_t)j->size : b->first;
    loop_of(j, CLACT_FORWARD)(n, v, NULL, b->tensor, j->parameters, b->second);
    j->loops->multiply(n, u, b->second, y);
    if (!j->direct)
        store(j, c, b, MAP_OUT, n, y);
}

/* Both gradients are computed before either is stored: an output may be an input. */
static void gated_backward(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    const void *u = load(j, c, b, MAP_A, n), *v = load(j, c, b, MAP_B, n), *dy = load(j, c, b, MAP_DY, n);
    if (clact_map_uses(j->map, MAP_OUT)) {
        loop_of(j, CLACT_FORWARD)(n, v, NULL, b->tensor, j->parameters, b->first);
        j->loops->pass_on(n, b->first, dy, b->first);
    }
    if (clact_map_uses(j->map, MAP_OUT2)) {
        j->loops->pass_on(n, u, dy, b->second);
        loop_of(j, CLACT_BACKWARD)(n, v, b->second, b->tensor, j->parameters, b->second);
        store(j, c, b, MAP_OUT2, n, b->second);
    }
    if (clact_map_uses(j->map, MAP_OUT))
        store(j, c, b, MAP_OUT, n, b->first);
}

static void crelu(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    j->loops->crelu(n, load(j, c, b, MAP_A, n), b->first, b->second);
    store(j, c, b, MAP_OUT, n, b->first);
    store(j, c, b, MAP_OUT2, n, b->second);
}

static void crelu_backward(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    const void *dy1 = load(j, c, b, MAP_DY, n), *dy2 = load(j, c, b, MAP_DY2, n), *a = load(j, c, b, MAP_A, n);
    if (j->map->operation == MAP_CRELU_BACKWARD_Y)
        j->loops->crelu_backward_y(n, a, load(j, c, b, MAP_B, n), dy1, dy2, b->first);
    else
        j->loops->crelu_backward(n, a, dy1, dy2, b->first);
    store(j, c, b, MAP_OUT, n, b->first);
}

/* The largest piece of each unit into first, which one it is into best. */
static void find_largest(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    memset(b->best, 0, n * sizeof *b->best);
    memcpy(b->first, load(j, c, b, MAP_A, n), n * j->real_size);
    for (int64_t piece = 1; piece < j->map->pieces; piece++) {
        struct clact_cursor there = at_piece(j, c, piece);
        j->loops->maxout(n, (uint32_t)piece, load(j, &there, b, MAP_A, n), b->first, b->best);
    }
}

static void maxout(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    find_largest(j, c, b, n);
    store(j, c, b, MAP_OUT, n, b->first);
}

static void maxout_backward(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
{
    find_largest(j, c, b, n);
    const void *dy = load(j, c, b, MAP_DY, n);
    for (int64_t piece = 0; piece < j->map->pieces; piece++) {
        struct clact_cursor there = at_piece(j, c, piece);
        j->loops->maxout_backward(n, (uint32_t)piece, b->first, b->best, dy, b->second);
        store(j, &there, b, MAP_OUT, n, b->second);
    }
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* A tensor parameter, which is a scalar here, stands in every place of its block; so does what stands for noise. */
static void fill_tensor(const struct job *j, struct block *b)
{
    int slot = clact_cpu_array_of(j->map->activation);
    for (size_t k = 0; slot >= 0 && k < BLOCK; k++)
        memcpy(b->tensor + k * j->real_size, (const char *)j->parameters + (size_t)slot * j->real_size, j->real_size);
}

static void run_range(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    struct block b;
    struct clact_cursor c;
    fill_tensor(j, &b);
    clact_cursor_set(&c, &j->walk, first);
    for (uint64_t n; first < end; first += n) {
        n = end - first < BLOCK ? end - first : BLOCK;
        if (j->walk.dense)
            clact_cursor_set(&c, &j->walk, first);
        j->block(j, &c, &b, (size_t)n);
        for (uint64_t left = n; !j->walk.dense && left > 0;) {
            uint64_t run = (uint64_t)(j->walk.dims[CLACT_MAX_RANK - 1] - c.at[CLACT_MAX_RANK - 1]);
            run = run < left ? run : left;
            clact_cursor_move(&c, &j->walk, (int64_t)run);
            left -= run;
        }
    }
}

clact_status clact_cpu_map(clact_context *context, const struct clact_map *m)
{
    static void (*const blocks[])(const struct job *, const struct clact_cursor *, struct block *, size_t) = {
        [MAP_GATED] = gated, [MAP_GATED_BACKWARD] = gated_backward, [MAP_CRELU] = crelu,
        [MAP_CRELU_BACKWARD] = crelu_backward, [MAP_CRELU_BACKWARD_Y] = crelu_backward, [MAP_MAXOUT] = maxout,
        [MAP_MAXOUT_BACKWARD] = maxout_backward,
    };
    const struct clact_cpu_isa *isa = context->cpu->isa;
    bool f64 = m->views[MAP_A].type == CLACT_F64;
    struct job j = {.map = m, .walk = {m->dims, m->views, MAP_VIEWS, m->dense}, .block = blocks[m->operation]};
    j.kernels = f64 ? isa->f64 : isa->f32;
    j.loops = f64 ? isa->map64 : isa->map32;
    j.parameters = f64 ? (const void *)m->activation->p64 : m->activation->p32;
    for (int i = 0; i < 2; i++)
        j.beta[i] = m->beta[i].f64 == 0 ? NULL : f64 ? (const void *)&m->beta[i].f64 : &m->beta[i].f32;
    j.size = clact_type_bytes((clact_type)m->views[MAP_A].type);
    j.real_size = f64 ? sizeof(double) : sizeof(float);
    j.direct = m->dense && j.size == j.real_size;
    for (int v = 0; v < MAP_VIEWS; v++)
        j.base[v] = m->views[v].buffer ? m->views[v].buffer->memory : m->views[v].data;
    return clact_cpu_split(context, m->count, (uint64_t)m->pieces, run_range, &j);
}
