/* elementwise.c: one call on the CPU: split over threads, walked in blocks, each block loaded,
 * computed and stored by the kernels of the instruction set. */
#include "cpu.h"
#include "../fpenv.h"

#include <string.h>
#include <unistd.h>

#define BLOCK 1024      /* elements computed at once where they are converted or gathered */
#define STREAM_BLOCK 128 /* and where they are streamed: reads and writes must alternate quickly */
#define LINE 64         /* bytes of a cache line: streamed stores want whole ones */
#define GRAIN 4096      /* work is split at multiples of this */
#define ALONE_AWAKE 16384  /* elements that one thread does sooner than several, awake */
#define ALONE_ASLEEP 262144 /* and asleep: waking a thread takes some 50 microseconds */

struct job {
    const struct clact_launch *launch;
    const struct clact_cpu_kernels *kernels;
    clact_cpu_loop loop;
    const void *parameters;
    size_t size, real_size; /* bytes of a stored element and of a real */
    bool direct;            /* stored elements are reals: consecutive ones need no load and store */
    bool stream;
    bool at_once; /* consecutive reals throughout: one call of the loop does all */
    char *base[VIEW_COUNT];
    uint64_t share; /* elements of one task */
};

/* Where a walk over a view stands: coordinates, and the element's offset in each view. */
struct cursor {
    int64_t at[CLACT_MAX_RANK];
    int64_t offset[VIEW_COUNT];
};

enum { INNER = CLACT_MAX_RANK - 1 };

static void cursor_set(struct cursor *c, const struct clact_launch *l, uint64_t index)
{
    for (int v = 0; v < VIEW_COUNT; v++)
        c->offset[v] = l->views[v].offset + (l->dense ? (int64_t)index : 0);
    if (l->dense) { /* one axis: nothing to divide */
        memset(c->at, 0, sizeof c->at);
        c->at[INNER] = (int64_t)index;
        return;
    }
    for (int k = INNER; k >= 0; k--) {
        c->at[k] = (int64_t)(index % (uint64_t)l->dims[k]);
        index /= (uint64_t)l->dims[k];
        for (int v = 0; v < VIEW_COUNT; v++)
            c->offset[v] += c->at[k] * l->views[v].strides[k];
    }
}

/* Moves on by n elements, which do not pass the end of the inner axis. */
static void cursor_move(struct cursor *c, const struct clact_launch *l, int64_t n)
{
    c->at[INNER] += n;
    for (int v = 0; v < VIEW_COUNT; v++)
        c->offset[v] += n * l->views[v].strides[INNER];
    for (int k = INNER; k > 0 && c->at[k] == l->dims[k]; k--) {
        c->at[k] = 0;
        c->at[k - 1]++;
        for (int v = 0; v < VIEW_COUNT; v++)
            c->offset[v] += l->views[v].strides[k - 1] - l->dims[k] * l->views[v].strides[k];
    }
}

struct block {
    _Alignas(64) char memory[VIEW_COUNT][BLOCK * sizeof(double)];
};

/* Loads (or stores, for the output) n elements from where c stands, run by run. */
static void transfer(const struct job *j, struct cursor c, struct block *b, int v, size_t n)
{
    const struct clact_launch *l = j->launch;
    for (size_t done = 0; done < n;) {
        size_t run = (size_t)(l->dims[INNER] - c.at[INNER]);
        run = run < n - done ? run : n - done;
        char *there = j->base[v] + c.offset[v] * (int64_t)j->size, *here = b->memory[v] + done * j->real_size;
        int64_t stride = l->views[v].strides[INNER];
        if (v == VIEW_OUT)
            j->kernels->store[l->views[v].type](run, here, there, stride);
        else
            j->kernels->load[l->views[v].type](run, there, stride, here);
        cursor_move(&c, l, (int64_t)run);
        done += run;
    }
}

static void run_block(const struct job *j, struct cursor *c, struct block *b, size_t n)
{
    const struct clact_launch *l = j->launch;
    const bool consecutive = l->dense && j->direct;
    const void *in[VIEW_COUNT] = {b->memory[0], b->memory[1], b->memory[2], b->memory[3]};
    for (int v = 0; v < VIEW_COUNT; v++) {
        if (!clact_launch_reads(l, v))
            continue;
        if (consecutive)
            in[v] = j->base[v] + c->offset[v] * (int64_t)j->size;
        else
            transfer(j, *c, b, v, n);
    }
    char *out = j->base[VIEW_OUT] + c->offset[VIEW_OUT] * (int64_t)j->size;
    void *to = consecutive && !j->stream ? out : b->memory[VIEW_OUT];
    j->loop(n, in[VIEW_X], in[VIEW_DY], in[VIEW_TENSOR], j->parameters, to);
    if (consecutive && j->stream)
        j->kernels->stream(out, to, n * j->size);
    else if (!consecutive)
        transfer(j, *c, b, VIEW_OUT, n);
}

/* A tensor parameter that was given as a scalar stands in every place of its block. */
static void fill_tensor(const struct job *j, struct block *b)
{
    int slot = j->launch->activation->tensor;
    if (slot < 0 || j->launch->has_tensor)
        return;
    for (size_t k = 0; k < BLOCK; k++)
        memcpy(b->memory[VIEW_TENSOR] + k * j->real_size,
               (const char *)j->parameters + (size_t)slot * j->real_size, j->real_size);
}

static void *place(const struct job *j, int v, uint64_t first)
{
    return j->base[v] ? j->base[v] + (j->launch->views[v].offset + (int64_t)first) * (int64_t)j->size : NULL;
}

static void run_blocks(const struct job *j, uint64_t first, uint64_t end)
{
    struct block b;
    struct cursor c;
    uint64_t most = j->stream ? STREAM_BLOCK : BLOCK, n;
    uint64_t head = j->stream ? (0 - (uintptr_t)place(j, VIEW_OUT, first)) % LINE / j->size : 0;
    fill_tensor(j, &b);
    for (; first < end; first += n) {
        n = head ? head : most;
        n = n < end - first ? n : end - first;
        head = 0;
        cursor_set(&c, j->launch, first);
        run_block(j, &c, &b, (size_t)n);
    }
    if (j->stream)
        j->kernels->fence();
}

static void run_range(const struct job *j, uint64_t first, uint64_t end)
{
    if (j->at_once)
        j->loop((size_t)(end - first), place(j, VIEW_X, first), place(j, VIEW_DY, first), NULL, j->parameters,
                place(j, VIEW_OUT, first));
    else
        run_blocks(j, first, end);
}

static void run_share(void *work, uint32_t i)
{
    const struct job *j = work;
    uint64_t first = i * j->share, end = first + j->share;
    clact_fpenv env = clact_fpenv_enter();
    run_range(j, first, end < j->launch->count ? end : j->launch->count);
    clact_fpenv_leave(env);
}

static clact_status run_job(clact_context *context, struct job *j)
{
    struct clact_cpu *cpu = context->cpu;
    uint64_t count = j->launch->count;
    uint32_t tasks = 1;
    if (cpu->threads > 1 && count >= ALONE_AWAKE) {
        bool awake = cpu->pool && context->pid == getpid() && clact_pool_awake(cpu->pool);
        if (awake || count >= ALONE_ASLEEP)
            tasks = cpu->threads;
    }
    j->share = (count / tasks + GRAIN) / GRAIN * GRAIN;
    tasks = (uint32_t)((count + j->share - 1) / j->share);
    if (tasks <= 1) {
        j->share = count;
        run_share(j, 0);
        return CLACT_OK;
    }
    REQUIRE(context->pid == getpid(), CLACT_E_FORKED,
            "the context was opened before fork(): its threads are not in this process");
    if (cpu->parallel_for)
        cpu->parallel_for(cpu->parallel_data, run_share, j, tasks);
    else
        clact_pool_run(cpu->pool, run_share, j, tasks);
    return CLACT_OK;
}

clact_status clact_cpu_elementwise(clact_context *context, const struct clact_launch *l)
{
    const struct clact_activation *a = l->activation;
    bool f64 = l->views[VIEW_X].type == CLACT_F64;
    struct job j = {.launch = l};
    j.kernels = f64 ? context->cpu->isa->f64 : context->cpu->isa->f32;
    j.loop = j.kernels->loops[a->row][l->direction];
    j.parameters = f64 ? (const void *)a->p64 : a->p32;
    j.size = clact_type_bytes((clact_type)l->views[VIEW_X].type);
    j.real_size = f64 ? sizeof(double) : sizeof(float);
    j.direct = j.size == j.real_size;
    for (int v = 0; v < VIEW_COUNT; v++)
        j.base[v] = l->views[v].buffer ? l->views[v].buffer->memory : l->views[v].data;
    uint64_t footprint = l->count * j.size * (l->direction == CLACT_FORWARD ? 2 : 3);
    j.stream = l->dense && j.direct && !l->in_place && footprint >= context->cpu->stream_bytes;
    j.at_once = l->dense && j.direct && !j.stream && a->tensor < 0;
    return run_job(context, &j);
}
