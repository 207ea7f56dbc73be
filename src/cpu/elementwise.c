/* elementwise.c: an element-wise call on the CPU: walked in blocks, each loaded, computed and stored by the
 * kernels of the instruction set. */
#include "walk.h"
#include "../fpenv.h"

#include <string.h>

#define BLOCK 1024      /* elements computed at once where they are converted or gathered */
#define STREAM_BLOCK 128 /* and where they are streamed: reads and writes must alternate quickly */
#define LINE 64         /* bytes of a cache line: streamed stores want whole ones */

struct job {
    const struct clact_launch *launch;
    const struct clact_cpu_kernels *kernels;
    clact_cpu_loop loop;
    const void *parameters;
    const void *beta; /* of what the output holds; NULL where it is overwritten */
    size_t size, real_size; /* bytes of a stored element and of a real */
    bool direct;            /* stored elements are reals: consecutive ones need no load and store */
    bool stream;
    bool at_once; /* consecutive reals throughout, and nothing to do beside the loop */
    char *base[VIEW_COUNT];
    struct clact_walk walk;
};

/* Places for the views that are read or written, as reals; noise stands in that of the tensor. */
struct block {
    _Alignas(64) char memory[VIEW_INDEX][BLOCK * sizeof(double)];
};

/* The noise of n elements from where c stands, run by run. */
static void draw(const struct job *j, struct clact_cursor c, size_t n, char *to)
{
    const struct clact_launch *l = j->launch;
    const int inner = CLACT_MAX_RANK - 1;
    for (size_t run; n; n -= run, to += run * j->real_size) {
        run = (size_t)(l->dims[inner] - c.at[inner]);
        run = run < n ? run : n;
        j->kernels->noise(run, l->seed, l->noise_offset, c.offset[VIEW_INDEX],
                          l->dense ? 1 : l->views[VIEW_INDEX].strides[inner], to);
        clact_cursor_move(&c, &j->walk, (int64_t)run);
    }
}

static void run_block(const struct job *j, const struct clact_cursor *c, struct block *b, size_t n)
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
            clact_walk_load(&j->walk, *c, v, j->kernels, j->base[v], n, b->memory[v]);
    }
    if (l->noise)
        draw(j, *c, n, b->memory[VIEW_TENSOR]);
    char *out = j->base[VIEW_OUT] + c->offset[VIEW_OUT] * (int64_t)j->size;
    bool in_block = !consecutive || j->stream || j->beta;
    void *to = in_block ? b->memory[VIEW_OUT] : out;
    j->loop(n, in[VIEW_X], in[VIEW_DY], in[VIEW_TENSOR], j->parameters, to);
    if (j->beta) { /* the inputs have been read: x's place is free */
        clact_walk_load(&j->walk, *c, VIEW_OUT, j->kernels, j->base[VIEW_OUT], n, b->memory[VIEW_X]);
        j->kernels->accumulate(n, b->memory[VIEW_X], j->beta, to);
    }
    if (j->stream && !j->direct) { /* the inputs have been read: x's place is free */
        j->kernels->store[l->views[VIEW_OUT].type](n, to, b->memory[VIEW_X], 1);
        to = b->memory[VIEW_X];
    }
    if (j->stream)
        j->kernels->stream(out, to, n * j->size);
    else if (in_block)
        clact_walk_store(&j->walk, *c, VIEW_OUT, j->kernels, j->base[VIEW_OUT], n, to);
}

void clact_cpu_fill_array(const clact_activation *a, bool f64, size_t n, void *to)
{
    const int slot = clact_cpu_array_of(a);
    const size_t size = f64 ? sizeof(double) : sizeof(float);
    for (size_t k = 0; slot >= 0 && k < n; k++)
        memcpy((char *)to + k * size, f64 ? (const void *)&a->p64[slot] : &a->p32[slot], size);
}

static void *place(const struct job *j, int v, uint64_t first)
{
    return j->base[v] ? j->base[v] + (j->launch->views[v].offset + (int64_t)first) * (int64_t)j->size : NULL;
}

static void run_blocks(const struct job *j, uint64_t first, uint64_t end)
{
    struct block b;
    struct clact_cursor c;
    uint64_t most = j->stream && j->direct ? STREAM_BLOCK : BLOCK, n;
    uint64_t head = j->stream ? (0 - (uintptr_t)place(j, VIEW_OUT, first)) % LINE / j->size : 0;
    if (!j->launch->has_tensor && !j->launch->noise)
        clact_cpu_fill_array(j->launch->activation, j->real_size == sizeof(double), BLOCK, b.memory[VIEW_TENSOR]);
    for (; first < end; first += n) {
        n = head ? head : most;
        n = n < end - first ? n : end - first;
        head = 0;
        clact_cursor_set(&c, &j->walk, first);
        run_block(j, &c, &b, (size_t)n);
    }
    if (j->stream)
        j->kernels->fence();
}

/* Results that leave the caches out are computed to memory that stays in them. */
static void run_streamed(const struct job *j, uint64_t first, uint64_t end)
{
    _Alignas(64) char block[STREAM_BLOCK * sizeof(double)];
    const char *x = place(j, VIEW_X, first), *dy = place(j, VIEW_DY, first);
    char *out = place(j, VIEW_OUT, first);
    size_t left = (size_t)(end - first), n = (0 - (uintptr_t)out) % LINE / j->size;
    for (n = n ? n : STREAM_BLOCK; left; left -= n, n = STREAM_BLOCK) {
        n = n < left ? n : left;
        j->loop(n, x, dy, NULL, j->parameters, block);
        j->kernels->stream(out, block, n * j->size);
        x += n * j->size, out += n * j->size;
        dy = dy ? dy + n * j->size : NULL;
    }
    j->kernels->fence();
}

static void run_range(const void *job, uint64_t first, uint64_t end)
{
    const struct job *j = job;
    if (j->at_once && j->stream)
        run_streamed(j, first, end);
    else if (j->at_once)
        j->loop((size_t)(end - first), place(j, VIEW_X, first), place(j, VIEW_DY, first), NULL, j->parameters,
                place(j, VIEW_OUT, first));
    else
        run_blocks(j, first, end);
}

/* What an element costs, in those that are moved, compared or added: what cannot be correctly rounded takes longer. */
static uint64_t work_of(const clact_activation *a)
{
    return a->info->ulp_forward > 0.5 ? 4 : 1;
}

clact_status clact_cpu_elementwise(clact_context *context, const struct clact_launch *l)
{
    for (int k = 0; k < l->gradient_count; k++)
        TRY(clact_cpu_gradient(context, l, &l->gradients[k]));
    if (l->no_out || !l->count)
        return CLACT_OK;
    const struct clact_activation *a = l->activation;
    bool f64 = l->views[VIEW_X].type == CLACT_F64;
    struct job j = {.launch = l, .walk = {l->dims, l->views, VIEW_COUNT, l->dense}};
    j.kernels = f64 ? context->cpu->isa->f64 : context->cpu->isa->f32;
    j.loop = clact_cpu_loop_of(j.kernels, a, f64, l->direction);
    j.parameters = f64 ? (const void *)a->p64 : a->p32;
    j.size = clact_type_bytes((clact_type)l->views[VIEW_X].type);
    j.beta = l->beta.f64 == 0 ? NULL : f64 ? (const void *)&l->beta.f64 : &l->beta.f32;
    j.real_size = f64 ? sizeof(double) : sizeof(float);
    j.direct = j.size == j.real_size;
    for (int v = 0; v < VIEW_COUNT; v++)
        j.base[v] = l->views[v].buffer ? l->views[v].buffer->memory : l->views[v].data;
    uint64_t footprint = l->count * j.size * (l->direction == CLACT_FORWARD ? 2 : 3);
    j.stream = l->dense && !l->in_place && !j.beta && footprint >= context->cpu->stream_bytes;
    j.at_once = l->dense && j.direct && !j.beta && clact_cpu_array_of(a) < 0;
    return clact_cpu_split(context, l->count, work_of(a), run_range, &j);
}

clact_status clact_cpu_few(const clact_context *context, const clact_activation *a, size_t n, const float *x,
                           const float *dy, float *out)
{
    clact_cpu_loop loop = clact_cpu_loop_of(context->cpu->isa->f32, a, false, dy ? CLACT_BACKWARD : CLACT_FORWARD);
    clact_fpenv env = clact_fpenv_enter();
    loop(n, x, dy, NULL, a->p32, out);
    clact_fpenv_leave(env);
    return CLACT_OK;
}
