/* matmul.c: a product of matrices on the CPU: blocks of C, whose sums stand in memory of their own while pieces of A
 * and B are brought into the order in which the innermost loop reads them. What a block is changes no bits. */
#include "walk.h"
#include "../matmul.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH 256                /* of a piece: a panel of B then fills the first cache */
#define MOST_ROWS 144            /* of a block: all its memory is to stay in the second cache */
#define MOST_COLUMN_BYTES 1536
#define PER_THREAD 2             /* blocks, where there are several threads */
#define PIECE 64                 /* elements of a line that are packed at once */
#define ALIGNMENT 64

struct job {
    const struct clact_matmul *m;
    const struct clact_cpu_kernels *kernels;
    const struct clact_cpu_tile *tile;
    const void *beta;            /* NULL where C is overwritten */
    size_t size, real_size;      /* bytes of a stored element and of a real */
    size_t rows, columns, depth; /* of a block: whole tiles; of a piece */
    size_t room;                 /* for the depth: what stands behind a piece is aligned */
    uint64_t down, across;       /* blocks */
    char *base[MATMUL_VIEW_COUNT];
    char *memory;                /* for each part of the work that runs beside others */
    size_t share;
    atomic_uint *taken;
};

/* A part's memory. */
struct scratch {
    char *left, *right; /* panels of a piece of A, of the tile's rows, and of B, of the tile's columns */
    char *sums;         /* of a block, row by row */
    char *line;         /* a row of old, or what is packed */
};

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t least(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

/* ---- Packing -------------------------------------------------------------------------------- */

/* Puts n reals into every width-th place. */
static void spread(const struct job *j, size_t n, const void *from, size_t width, void *to)
{
    if (j->real_size == sizeof(double))
        for (size_t p = 0; p < n; p++)
            ((double *)to)[p * width] = ((const double *)from)[p];
    else
        for (size_t p = 0; p < n; p++)
            ((float *)to)[p * width] = ((const float *)from)[p];
}

/* Lines of a matrix that are to stand in panels of width lines, an element of each line behind the other; zeros stand
 * for lines that are missing. */
struct lines {
    const char *from;      /* the first element */
    clact_cpu_load load;
    int64_t across, along; /* bytes from line to line, and along one */
    int64_t stride;        /* elements along one */
    size_t count, depth, width;
};

/* Lines that are neighbours in memory: a few places of all of them at a time, so that few pages are in use. */
static void pack_neighbours(const struct job *j, const struct lines *l, char *to)
{
    enum { SOME = 8 };
    for (size_t start = 0; start < l->depth; start += SOME)
        for (size_t first = 0; first < l->count; first += l->width)
            for (size_t p = start; p < start + SOME && p < l->depth; p++)
                l->load(least(l->width, l->count - first), l->from + (int64_t)first * l->across + (int64_t)p * l->along,
                        1, to + (first * l->depth + p * l->width) * j->real_size);
}

/* Others: some of a line at a time, so that its places in a panel stay in the first cache. */
static void pack_apart(const struct job *j, const struct lines *l, char *line, char *to)
{
    for (size_t first = 0; first < l->count; first += l->width)
        for (size_t p = 0; p < l->depth; p += PIECE)
            for (size_t i = first; i < first + l->width && i < l->count; i++) {
                const size_t n = least(PIECE, l->depth - p);
                l->load(n, l->from + (int64_t)i * l->across + (int64_t)p * l->along, l->stride, line);
                spread(j, n, line, l->width, to + (first * l->depth + p * l->width + i - first) * j->real_size);
            }
}

static void pack(const struct job *j, int v, int64_t from, size_t count, int across, size_t depth, size_t width,
                 char *line, char *to)
{
    const struct clact_view *view = &j->m->views[v];
    const int64_t size = (int64_t)j->size, stride = view->strides[across == ROW_STRIDE ? COLUMN_STRIDE : ROW_STRIDE];
    const struct lines l = {j->base[v] + from * size,
                            j->kernels->load[view->type],
                            view->strides[across] * size,
                            stride * size,
                            stride,
                            count,
                            depth,
                            width};
    if (count % width)
        memset(to + count / width * width * depth * j->real_size, 0, width * depth * j->real_size);
    if (view->strides[across] == 1)
        pack_neighbours(j, &l, to);
    else
        pack_apart(j, &l, line, to);
}

/* ---- Blocks --------------------------------------------------------------------------------- */

/* C's rows from their sums. */
static void finish(const struct job *j, const struct scratch *s, uint64_t row, uint64_t column, size_t rows,
                   size_t columns)
{
    const struct clact_view *c = &j->m->views[MATMUL_C];
    for (size_t i = 0; i < rows; i++) {
        char *sums = s->sums + i * j->columns * j->real_size;
        int64_t at =
            c->offset + (int64_t)(row + i) * c->strides[ROW_STRIDE] + (int64_t)column * c->strides[COLUMN_STRIDE];
        char *to = j->base[MATMUL_C] + at * (int64_t)j->size;
        if (j->beta) {
            j->kernels->load[c->type](columns, to, c->strides[COLUMN_STRIDE], s->line);
            j->kernels->accumulate(columns, s->line, j->beta, sums);
        }
        j->kernels->store[c->type](columns, sums, to, c->strides[COLUMN_STRIDE]);
    }
}

static void run_block(const struct job *j, const struct scratch *s, uint64_t block)
{
    const struct clact_matmul *m = j->m;
    const struct clact_view *a = &m->views[MATMUL_A], *b = &m->views[MATMUL_B];
    const uint64_t row = block / j->across * j->rows, column = block % j->across * j->columns;
    const size_t rows = least(j->rows, m->rows - row), columns = least(j->columns, m->columns - column);
    memset(s->sums, 0, round_up(rows, j->tile->rows) * j->columns * j->real_size);
    for (uint64_t k = 0; k < m->depth; k += j->depth) {
        const size_t depth = least(j->depth, m->depth - k);
        pack(j, MATMUL_A, a->offset + (int64_t)row * a->strides[ROW_STRIDE] + (int64_t)k * a->strides[COLUMN_STRIDE],
             rows, ROW_STRIDE, depth, j->tile->rows, s->line, s->left);
        pack(j, MATMUL_B, b->offset + (int64_t)k * b->strides[ROW_STRIDE] + (int64_t)column * b->strides[COLUMN_STRIDE],
             columns, COLUMN_STRIDE, depth, j->tile->columns, s->line, s->right);
        for (size_t y = 0; y < columns; y += j->tile->columns)
            for (size_t x = 0; x < rows; x += j->tile->rows)
                j->tile->multiply(depth, s->left + x * depth * j->real_size, s->right + y * depth * j->real_size,
                                  s->sums + (x * j->columns + y) * j->real_size, j->columns);
    }
    finish(j, s, row, column, rows, columns);
}

static void run_blocks(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    struct scratch s;
    s.left = j->memory + atomic_fetch_add(j->taken, 1) * j->share;
    s.right = s.left + j->rows * j->room * j->real_size;
    s.sums = s.right + j->columns * j->room * j->real_size;
    s.line = s.sums + j->rows * j->columns * j->real_size;
    for (; first < end; first++)
        run_block(j, &s, first);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static uint64_t blocks_along(uint64_t n, size_t most, size_t tile, size_t *block)
{
    uint64_t count = (n + most - 1) / most;
    *block = round_up((size_t)((n + count - 1) / count), tile);
    return (n + *block - 1) / *block;
}

/* As large as the caches have room for, and smaller where there are not enough of them for the threads. */
static void choose_blocks(struct job *j, uint32_t threads)
{
    const struct clact_matmul *m = j->m;
    const uint64_t wanted = threads > 1 ? (uint64_t)threads * PER_THREAD : 1;
    size_t most_rows = MOST_ROWS, most_columns = MOST_COLUMN_BYTES / j->real_size;
    j->depth = least(DEPTH, m->depth);
    j->room = round_up(j->depth, ALIGNMENT);
    for (;;) {
        j->down = blocks_along(m->rows, most_rows, j->tile->rows, &j->rows);
        j->across = blocks_along(m->columns, most_columns, j->tile->columns, &j->columns);
        if (j->down * j->across >= wanted || (j->rows == j->tile->rows && j->columns == j->tile->columns))
            return;
        if (j->columns / j->tile->columns > j->rows / j->tile->rows)
            most_columns = round_up(j->columns / 2, j->tile->columns);
        else
            most_rows = round_up(j->rows / 2, j->tile->rows);
    }
}

static clact_status run(clact_context *context, struct job *j)
{
    const struct clact_matmul *m = j->m;
    const uint64_t blocks = j->down * j->across;
    const size_t parts = least(context->cpu->threads, blocks);
    const size_t line = j->columns > PIECE ? j->columns : PIECE;
    atomic_uint taken = 0;
    j->taken = &taken;
    j->share = round_up(((j->rows + j->columns) * j->room + j->rows * j->columns + line) * j->real_size, ALIGNMENT);
    j->memory = j->share > SIZE_MAX / parts ? NULL : aligned_alloc(ALIGNMENT, parts * j->share);
    REQUIRE(j->memory, CLACT_E_MEMORY, "out of memory for %zu parts of %zu bytes of a product of matrices", parts,
            j->share);
    uint64_t work = j->rows * j->columns * (m->depth / 16 + 1);
    clact_status status = clact_cpu_split_at(context, blocks, work, 1, run_blocks, j);
    free(j->memory);
    return status;
}

clact_status clact_cpu_matmul(clact_context *context, const struct clact_matmul *m)
{
    const struct clact_cpu_isa *isa = context->cpu->isa;
    const bool f64 = m->views[MATMUL_C].type == CLACT_F64;
    if (!m->rows || !m->columns)
        return CLACT_OK;
    struct job j = {.m = m, .kernels = f64 ? isa->f64 : isa->f32, .tile = isa->tile[f64]};
    j.beta = m->beta.f64 == 0 ? NULL : f64 ? (const void *)&m->beta.f64 : &m->beta.f32;
    j.size = clact_type_bytes((clact_type)m->views[MATMUL_C].type);
    j.real_size = f64 ? sizeof(double) : sizeof(float);
    for (int v = 0; v < MATMUL_VIEW_COUNT; v++)
        j.base[v] = m->views[v].buffer ? m->views[v].buffer->memory : m->views[v].data;
    choose_blocks(&j, context->cpu->threads);
    return run(context, &j);
}
