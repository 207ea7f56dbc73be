/* rowwise.c: a row-wise call on the CPU: its rows are split over threads. */
#include "cpu.h"
#include "walk.h"

/* What an element of a row costs, in elements of an element-wise call. */
#define WORK 4

static void run_rows(const void *work, uint64_t first, uint64_t end)
{
    const struct clact_cpu_rows *rows = work;
    rows->run(rows, first, end);
}

clact_status clact_cpu_rowwise(clact_context *context, const struct clact_rowwise_launch *l)
{
    const struct clact_cpu_isa *isa = context->cpu->isa;
    bool f64 = l->views[ROWWISE_X].type == CLACT_F64;
    struct clact_cpu_rows rows = {.launch = l, .kernels = f64 ? isa->f64 : isa->f32, .run = isa->rowwise[f64]};
    for (int v = 0; v < ROWWISE_VIEW_COUNT; v++)
        rows.base[v] = l->views[v].buffer ? l->views[v].buffer->memory : l->views[v].data;
    return clact_cpu_split_at(context, l->rows, l->length * WORK, 1, run_rows, &rows);
}
