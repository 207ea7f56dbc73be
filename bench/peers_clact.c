/* peers_clact.c: clact's own CPU backend as bench_peers measures it. */
#include "peers.h"

#include <clact/clact.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prepared {
    peer_job job;
    clact_context *context;
    clact_activation *activation;
    clact_operand x, y, dy, out;
    bool rowwise, from_y;
};

static void version(char *out, size_t size)
{
    clact_context *context = NULL;
    clact_caps caps = {0};
    if (clact_open(&context, &(clact_options){.device = "cpu"}) == CLACT_OK)
        (void)clact_context_caps(context, &caps);
    clact_close(&context);
    snprintf(out, size, "%s %s", clact_version()->text, caps.cpu);
}

static void release(void *prepared)
{
    struct prepared *p = prepared;
    clact_activation_destroy(&p->activation);
    clact_close(&p->context);
    free(p);
}

static clact_operand operand(const peer_job *job, const float *data)
{
    clact_operand a = clact_array(CLACT_F32, data, (int64_t)job->rows);
    a.tensor.rank = 2;
    a.tensor.dims[1] = (int64_t)job->columns;
    return a;
}

static void *prepare(const peer_job *job)
{
    struct prepared *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    clact_options options = {.device = "cpu", .threads = job->threads};
    if (clact_open(&p->context, &options) != CLACT_OK ||
        clact_activation_named(&p->activation, job->name, NULL, 0) != CLACT_OK) {
        release(p);
        return NULL;
    }
    const clact_activation_info *info = clact_activation_info_of(p->activation);
    p->job = *job;
    p->rowwise = strcmp(info->kind, "rowwise") == 0;
    p->from_y = info->needs == CLACT_BACKWARD_Y;
    p->x = operand(job, job->x);
    p->y = operand(job, job->y);
    p->dy = operand(job, job->dy);
    p->out = operand(job, job->out);
    return p;
}

static void run(void *prepared)
{
    const struct prepared *p = prepared;
    const peer_job *job = &p->job;
    clact_status status;
    if (p->rowwise && job->gradient)
        status = clact_backward(p->context, p->activation,
                                &(clact_backward_args){.y = &p->y, .dy = &p->dy, .dx = &p->out});
    else if (p->rowwise)
        status = clact_forward(p->context, p->activation, &(clact_forward_args){.x = &p->x, .y = &p->out});
    else if (job->gradient)
        status = clact_apply_gradient(p->context, p->activation, peer_elements(job), p->from_y ? job->y : job->x,
                                      job->dy, job->out);
    else
        status = clact_apply(p->context, p->activation, peer_elements(job), job->x, job->out);
    if (status != CLACT_OK) {
        fprintf(stderr, "bench_peers: %s: %s\n", job->name, clact_error());
        exit(1);
    }
}

const peer peer_clact = {"clact", version, prepare, run, release};
