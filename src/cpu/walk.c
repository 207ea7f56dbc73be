/* walk.c: walks over views, and work split over threads. */
#include "walk.h"
#include "../fpenv.h"

#include <string.h>
#include <unistd.h>

/* ---- Cursors -------------------------------------------------------------------------------- */

enum { INNER = CLACT_MAX_RANK - 1 };

void clact_cursor_set(struct clact_cursor *c, const struct clact_walk *w, uint64_t index)
{
    for (int v = 0; v < w->count; v++)
        c->offset[v] = w->views[v].offset + (w->dense ? (int64_t)index : 0);
    if (w->dense) { /* one axis: nothing to divide */
        memset(c->at, 0, sizeof c->at);
        c->at[INNER] = (int64_t)index;
        return;
    }
    for (int k = INNER; k >= 0; k--) {
        c->at[k] = (int64_t)(index % (uint64_t)w->dims[k]);
        index /= (uint64_t)w->dims[k];
        for (int v = 0; v < w->count; v++)
            c->offset[v] += c->at[k] * w->views[v].strides[k];
    }
}

void clact_cursor_move(struct clact_cursor *c, const struct clact_walk *w, int64_t n)
{
    c->at[INNER] += n;
    for (int v = 0; v < w->count; v++)
        c->offset[v] += n * w->views[v].strides[INNER];
    for (int k = INNER; k > 0 && c->at[k] == w->dims[k]; k--) {
        c->at[k] = 0;
        c->at[k - 1]++;
        for (int v = 0; v < w->count; v++)
            c->offset[v] += w->views[v].strides[k - 1] - w->dims[k] * w->views[v].strides[k];
    }
}

/* How many of n elements come before the end of the inner axis. */
static size_t run_length(const struct clact_walk *w, const struct clact_cursor *c, size_t n)
{
    size_t run = (size_t)(w->dims[INNER] - c->at[INNER]);
    return run < n ? run : n;
}

void clact_walk_load(const struct clact_walk *w, struct clact_cursor c, int v, const struct clact_cpu_kernels *kernels,
                     const char *base, size_t n, void *to)
{
    const struct clact_view *view = &w->views[v];
    int64_t size = (int64_t)clact_type_bytes((clact_type)view->type);
    size_t real_size = view->type == CLACT_F64 ? sizeof(double) : sizeof(float);
    for (size_t done = 0, run; done < n; done += run) {
        run = run_length(w, &c, n - done);
        kernels->load[view->type](run, base + c.offset[v] * size, view->strides[INNER], (char *)to + done * real_size);
        clact_cursor_move(&c, w, (int64_t)run);
    }
}

void clact_walk_store(const struct clact_walk *w, struct clact_cursor c, int v, const struct clact_cpu_kernels *kernels,
                      char *base, size_t n, const void *from)
{
    const struct clact_view *view = &w->views[v];
    int64_t size = (int64_t)clact_type_bytes((clact_type)view->type);
    size_t real_size = view->type == CLACT_F64 ? sizeof(double) : sizeof(float);
    for (size_t done = 0, run; done < n; done += run) {
        run = run_length(w, &c, n - done);
        kernels->store[view->type](run, (const char *)from + done * real_size, base + c.offset[v] * size,
                                   view->strides[INNER]);
        clact_cursor_move(&c, w, (int64_t)run);
    }
}

/* ---- Threads -------------------------------------------------------------------------------- */

#define GRAIN 4096      /* work is split at multiples of this */
#define ALONE_ASLEEP 262144 /* elements that one does sooner than several asleep: waking takes some 50 microseconds */

struct split {
    void (*range)(const void *job, uint64_t first, uint64_t end);
    const void *job;
    uint64_t count, share; /* elements of all tasks, of one */
};

static void run_share(void *work, uint32_t i)
{
    const struct split *s = work;
    uint64_t first = i * s->share, end = first + s->share;
    clact_fpenv env = clact_fpenv_enter();
    s->range(s->job, first, end < s->count ? end : s->count);
    clact_fpenv_leave(env);
}

clact_status clact_cpu_split(clact_context *context, uint64_t count, uint64_t work,
                             void (*range)(const void *job, uint64_t first, uint64_t end), const void *job)
{
    return clact_cpu_split_at(context, count, work, GRAIN, range, job);
}

clact_status clact_cpu_split_at(clact_context *context, uint64_t count, uint64_t work, uint64_t grain,
                                void (*range)(const void *job, uint64_t first, uint64_t end), const void *job)
{
    struct clact_cpu *cpu = context->cpu;
    struct split s = {range, job, count, 0};
    uint32_t tasks = 1;
    if (cpu->threads > 1 && count * work >= CLACT_FEW) {
        bool awake = cpu->pool && context->pid == getpid() && clact_pool_awake(cpu->pool);
        if (awake || count * work >= ALONE_ASLEEP)
            tasks = cpu->threads;
    }
    s.share = ((count + tasks - 1) / tasks + grain - 1) / grain * grain;
    tasks = (uint32_t)((count + s.share - 1) / s.share);
    if (tasks <= 1) {
        s.share = count;
        run_share(&s, 0);
        return CLACT_OK;
    }
    REQUIRE(context->pid == getpid(), CLACT_E_FORKED,
            "the context was opened before fork(): its threads are not in this process");
    if (cpu->parallel_for)
        cpu->parallel_for(cpu->parallel_data, run_share, &s, tasks);
    else
        clact_pool_run(cpu->pool, run_share, &s, tasks);
    return CLACT_OK;
}
