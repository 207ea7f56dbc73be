/* table.c: quantised activations on the CPU: runs of bytes, each looked up in the table. */
#include "walk.h"

struct job {
    const struct clact_table_launch *launch;
    const struct clact_cpu_kernels *kernels;
    uint8_t *base[TABLE_VIEW_COUNT];
    struct clact_walk walk;
};

static void run_range(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    const struct clact_table_launch *l = j->launch;
    const int inner = CLACT_MAX_RANK - 1;
    const struct clact_view *x = &l->views[TABLE_X], *y = &l->views[TABLE_Y];
    struct clact_cursor c;
    clact_cursor_set(&c, &j->walk, first);
    for (uint64_t n; first < end; first += n) {
        n = (uint64_t)(l->dims[inner] - c.at[inner]);
        n = n < end - first ? n : end - first;
        j->kernels->look_up((size_t)n, l->table, j->base[TABLE_X] + c.offset[TABLE_X], l->dense ? 1 : x->strides[inner],
                            j->base[TABLE_Y] + c.offset[TABLE_Y], l->dense ? 1 : y->strides[inner]);
        clact_cursor_move(&c, &j->walk, (int64_t)n);
    }
}

clact_status clact_cpu_table(clact_context *context, const struct clact_table_launch *l)
{
    struct job j = {.launch = l, .kernels = context->cpu->isa->f32, .walk = {l->dims, l->views, TABLE_VIEW_COUNT, l->dense}};
    if (!l->count)
        return CLACT_OK;
    for (int v = 0; v < TABLE_VIEW_COUNT; v++)
        j.base[v] = l->views[v].buffer ? l->views[v].buffer->memory : l->views[v].data;
    return clact_cpu_split(context, l->count, 1, run_range, &j);
}
