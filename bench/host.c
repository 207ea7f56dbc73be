/* host.c: a call on host memory on a device that shares it, against writing to a buffer, the kernel and reading back.
 *
 *   bench_host [NAME] [ELEMENTS] [RATIO]      relu, 16 Mi, 0
 *
 * On $CLACT_DEVICE, by default the best OpenCL device. Prints medians of rounds that are taken in turn, and what the
 * copies cost; fails where that is less than RATIO. */
#include "../src/cli/timing.h"

#include <clact/clact.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 21, WAYS = 3 };

struct bench {
    clact_context *context;
    clact_activation *f;
    size_t n;
    float *x, *y;
    clact_operand in, out; /* buffers */
};

static clact_status on_host_memory(struct bench *b)
{
    return clact_apply(b->context, b->f, b->n, b->x, b->y);
}

static clact_status forward(struct bench *b)
{
    return clact_forward(b->context, b->f, &(clact_forward_args){.x = &b->in, .y = &b->out});
}

static clact_status by_copies(struct bench *b)
{
    size_t bytes = b->n * sizeof *b->x;
    clact_status status = clact_buffer_write(b->in.buffer, 0, bytes, b->x);
    if (status == CLACT_OK)
        status = forward(b);
    return status == CLACT_OK ? clact_buffer_read(b->out.buffer, 0, bytes, b->y) : status;
}

static clact_status kernel_alone(struct bench *b)
{
    clact_status status = forward(b);
    return status == CLACT_OK ? clact_finish(b->context) : status;
}

static clact_status (*const ways[WAYS])(struct bench *) = {on_host_memory, by_copies, kernel_alone};

static clact_status measure(struct bench *b, double medians[WAYS])
{
    static double times[WAYS][ROUNDS];
    for (int r = -1; r < ROUNDS; r++) /* the first round warms up */
        for (int way = 0; way < WAYS; way++) {
            double start = now();
            clact_status status = ways[way](b);
            if (status != CLACT_OK)
                return status;
            if (r >= 0)
                times[way][r] = 1e3 * (now() - start);
        }
    for (int way = 0; way < WAYS; way++)
        medians[way] = timing_of(times[way], ROUNDS).median;
    return CLACT_OK;
}

static clact_status set_up(struct bench *b, const char *name)
{
    clact_options options = {.device = getenv("CLACT_DEVICE") ? NULL : "opencl"};
    size_t bytes = b->n * sizeof *b->x;
    clact_status status = clact_open(&b->context, &options);
    if (status == CLACT_OK)
        status = clact_activation_named(&b->f, name, NULL, 0);
    if (status == CLACT_OK)
        status = clact_buffer_create(&b->in.buffer, b->context, bytes);
    if (status == CLACT_OK)
        status = clact_buffer_create(&b->out.buffer, b->context, bytes);
    b->x = malloc(bytes);
    b->y = malloc(bytes);
    if (status != CLACT_OK || !b->x || !b->y)
        return status == CLACT_OK ? CLACT_E_MEMORY : status;
    b->in.tensor = b->out.tensor = clact_array(CLACT_F32, NULL, (int64_t)b->n).tensor;
    for (size_t i = 0; i < b->n; i++)
        b->x[i] = (float)(i % 1000) * 0.01f - 5.0f;
    memset(b->y, 0, bytes);
    return CLACT_OK;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "relu";
    double least = argc > 3 ? strtod(argv[3], NULL) : 0;
    struct bench b = {.n = argc > 2 ? strtoull(argv[2], NULL, 0) : (size_t)16 << 20};
    double medians[WAYS] = {0}; /* in milliseconds */
    clact_status status = set_up(&b, name);
    if (status == CLACT_OK)
        status = measure(&b, medians);
    if (status != CLACT_OK)
        fprintf(stderr, "bench_host: %s: %s\n", clact_status_name(status), clact_error());
    double host = medians[0], copies = medians[1], kernel = medians[2];
    if (status == CLACT_OK)
        printf("%s, %zu elements: on host memory %.3f ms; write, kernel, read %.3f; kernel %.3f; ratio %.2f\n", name,
               b.n, host, copies, kernel, copies / host);
    clact_buffer_destroy(&b.in.buffer);
    clact_buffer_destroy(&b.out.buffer);
    clact_activation_destroy(&b.f);
    clact_close(&b.context);
    free(b.x);
    free(b.y);
    return status == CLACT_E_NO_DEVICE ? 77 : status != CLACT_OK || copies < least * host;
}
