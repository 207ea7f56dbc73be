/* dense.c: y = f(x + b) on the CPU: rows split over threads, each walked in blocks. */
#include "cpu.h"
#include "walk.h"
#include "../dense.h"

#include <string.h>

#define BLOCK 1024 /* elements computed at once */

struct job {
    const struct clact_dense *d;
    const struct clact_cpu_kernels *kernels;
    clact_cpu_loop loop; /* NULL: the identity */
    const void *parameters;
    clact_cpu_load load;
    clact_cpu_store store;
    size_t size;
    bool f64;
    char *base[DENSE_VIEW_COUNT];
};

struct block {
    _Alignas(64) char sum[BLOCK * sizeof(double)], bias[BLOCK * sizeof(double)], array[BLOCK * sizeof(double)];
};

static char *place(const struct job *j, int v, uint64_t index)
{
    return j->base[v] + (j->d->views[v].offset + (int64_t)index) * (int64_t)j->size;
}

static void run_block(const struct job *j, struct block *b, uint64_t row, uint64_t column, size_t n)
{
    const uint64_t at = row * j->d->columns + column;
    j->load(n, place(j, DENSE_X, at), 1, b->sum);
    j->load(n, place(j, DENSE_BIAS, column), 1, b->bias);
    j->kernels->add(n, b->bias, b->sum);
    if (j->d->has_z)
        j->store(n, b->sum, place(j, DENSE_Z, at), 1);
    if (j->loop)
        j->loop(n, b->sum, NULL, b->array, j->parameters, b->sum);
    j->store(n, b->sum, place(j, DENSE_Y, at), 1);
}

static void run_rows(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    struct block b;
    if (j->loop)
        clact_cpu_fill_array(j->d->activation, j->f64, BLOCK, b.array);
    for (uint64_t row = first; row < end; row++)
        for (uint64_t column = 0; column < j->d->columns; column += BLOCK)
            run_block(j, &b, row, column, (size_t)(j->d->columns - column < BLOCK ? j->d->columns - column : BLOCK));
}

clact_status clact_cpu_dense(clact_context *context, const struct clact_dense *d)
{
    const clact_activation *a = d->activation;
    const uint32_t type = d->views[DENSE_X].type;
    struct job j = {.d = d, .f64 = type == CLACT_F64};
    if (!d->rows || !d->columns)
        return CLACT_OK;
    j.kernels = j.f64 ? context->cpu->isa->f64 : context->cpu->isa->f32;
    j.loop = a ? clact_cpu_loop_of(j.kernels, a, j.f64, CLACT_FORWARD) : NULL;
    j.parameters = !a ? NULL : j.f64 ? (const void *)a->p64 : a->p32;
    j.load = j.kernels->load[type];
    j.store = j.kernels->store[type];
    j.size = clact_type_bytes((clact_type)type);
    for (int v = 0; v < DENSE_VIEW_COUNT; v++)
        j.base[v] = d->views[v].buffer ? d->views[v].buffer->memory : d->views[v].data;
    return clact_cpu_split_at(context, d->rows, d->columns, 1, run_rows, &j);
}
