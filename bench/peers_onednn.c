/* peers_onednn.c: oneDNN's element-wise and softmax primitives, each made once and executed with a wait. Two peers: where
 * a gradient can be computed from y that is another primitive. */
#include "peers.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where oneDNN was built with another run time, the number of threads is that run time's. */
void omp_set_num_threads(int) __attribute__((weak));

#define NOT_FROM_Y dnnl_alg_kind_undef

static const struct algorithm {
    const char *name;
    dnnl_alg_kind_t from_x, from_y;
    float alpha, beta;
} algorithms[] = {
    {"relu", dnnl_eltwise_relu, dnnl_eltwise_relu_use_dst_for_bwd, 0, 0},
    {"leaky_relu", dnnl_eltwise_relu, dnnl_eltwise_relu_use_dst_for_bwd, 0.01f, 0},
    {"relu6", dnnl_eltwise_clip_v2, dnnl_eltwise_clip_v2_use_dst_for_bwd, 0, 6},
    {"hard_tanh", dnnl_eltwise_clip_v2, dnnl_eltwise_clip_v2_use_dst_for_bwd, -1, 1},
    {"sigmoid", dnnl_eltwise_logistic, dnnl_eltwise_logistic_use_dst_for_bwd, 0, 0},
    {"tanh", dnnl_eltwise_tanh, dnnl_eltwise_tanh_use_dst_for_bwd, 0, 0},
    {"elu", dnnl_eltwise_elu, dnnl_eltwise_elu_use_dst_for_bwd, 1, 0},
    {"softplus", dnnl_eltwise_soft_relu, NOT_FROM_Y, 1, 0},
    {"log_sigmoid", dnnl_eltwise_logsigmoid, NOT_FROM_Y, 0, 0},
    {"gelu", dnnl_eltwise_gelu_erf, NOT_FROM_Y, 0, 0},
    {"gelu_tanh", dnnl_eltwise_gelu_tanh, NOT_FROM_Y, 0, 0},
    {"silu", dnnl_eltwise_swish, NOT_FROM_Y, 1, 0},
    {"gelu_quick", dnnl_eltwise_swish, NOT_FROM_Y, 1.702f, 0},
    {"mish", dnnl_eltwise_mish, NOT_FROM_Y, 0, 0},
    {"hard_swish", dnnl_eltwise_hardswish, NOT_FROM_Y, 0, 0},
    {"abs", dnnl_eltwise_abs, NOT_FROM_Y, 0, 0},
    {"sqrt", dnnl_eltwise_sqrt, dnnl_eltwise_sqrt_use_dst_for_bwd, 0, 0},
    {"square", dnnl_eltwise_square, NOT_FROM_Y, 0, 0},
    {"exp", dnnl_eltwise_exp, dnnl_eltwise_exp_use_dst_for_bwd, 0, 0},
    {"log", dnnl_eltwise_log, NOT_FROM_Y, 0, 0},
    {"round", dnnl_eltwise_round, NOT_FROM_Y, 0, 0},
    {"linear", dnnl_eltwise_linear, NOT_FROM_Y, 1, 0},
};

enum { MOST_ARGUMENTS = 3 };

struct prepared {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t forward, description;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[MOST_ARGUMENTS];
    int argument_count;
};

static void version(char *out, size_t size)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(out, size, "%d.%d.%d", v->major, v->minor, v->patch);
}

static void release(void *prepared)
{
    struct prepared *p = prepared;
    for (int i = 0; i < p->argument_count; i++)
        dnnl_memory_destroy(p->arguments[i].memory);
    dnnl_primitive_destroy(p->primitive);
    dnnl_primitive_desc_destroy(p->description);
    dnnl_primitive_desc_destroy(p->forward);
    dnnl_stream_destroy(p->stream);
    dnnl_engine_destroy(p->engine);
    free(p);
}

static bool add_argument(struct prepared *p, int argument, const dnnl_memory_desc_t *memory, const float *data)
{
    dnnl_exec_arg_t *a = &p->arguments[p->argument_count];
    a->arg = argument;
    if (dnnl_memory_create(&a->memory, memory, p->engine, (void *)(size_t)data) != dnnl_success)
        return false;
    p->argument_count++;
    return true;
}

/* Makes p->description, and of a gradient p->forward, a hint that oneDNN asks for. */
static bool describe(struct prepared *p, const void *forward, const void *backward)
{
    dnnl_primitive_desc_t *out = backward ? &p->forward : &p->description;
    return dnnl_primitive_desc_create(out, forward, NULL, p->engine, NULL) == dnnl_success &&
           (!backward ||
            dnnl_primitive_desc_create(&p->description, backward, NULL, p->engine, p->forward) == dnnl_success);
}

static bool describe_elementwise(struct prepared *p, const peer_job *job, const dnnl_memory_desc_t *memory, bool from_y)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        const struct algorithm *a = &algorithms[i];
        dnnl_eltwise_desc_t forward, backward;
        dnnl_alg_kind_t kind = from_y ? a->from_y : a->from_x;
        if (strcmp(a->name, job->name) != 0)
            continue;
        if (kind == NOT_FROM_Y ||
            dnnl_eltwise_forward_desc_init(&forward, job->gradient ? dnnl_forward_training : dnnl_forward_inference,
                                           kind, memory, a->alpha, a->beta) != dnnl_success ||
            (job->gradient &&
             dnnl_eltwise_backward_desc_init(&backward, kind, memory, memory, a->alpha, a->beta) != dnnl_success))
            return false;
        return describe(p, &forward, job->gradient ? &backward : NULL);
    }
    return false;
}

static bool describe_rowwise(struct prepared *p, const peer_job *job, const dnnl_memory_desc_t *memory, bool log)
{
    const dnnl_alg_kind_t kind = log ? dnnl_softmax_log : dnnl_softmax_accurate;
    dnnl_softmax_v2_desc_t forward, backward;
    if (dnnl_softmax_v2_forward_desc_init(&forward, job->gradient ? dnnl_forward_training : dnnl_forward_inference,
                                          kind, memory, memory, 1) != dnnl_success ||
        (job->gradient &&
         dnnl_softmax_v2_backward_desc_init(&backward, kind, memory, memory, memory, 1) != dnnl_success))
        return false;
    return describe(p, &forward, job->gradient ? &backward : NULL);
}

static bool make(struct prepared *p, const peer_job *job, bool from_y)
{
    const bool log = strcmp(job->name, "log_softmax") == 0, rowwise = log || strcmp(job->name, "softmax") == 0;
    const dnnl_dims_t dims = {rowwise ? (int64_t)job->rows : (int64_t)peer_elements(job), (int64_t)job->columns};
    dnnl_memory_desc_t memory;
    if (dnnl_engine_create(&p->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&memory, rowwise ? 2 : 1, dims, dnnl_f32, rowwise ? dnnl_ab : dnnl_a) !=
            dnnl_success)
        return false;
    if (!(rowwise ? describe_rowwise(p, job, &memory, log) : describe_elementwise(p, job, &memory, from_y)) ||
        dnnl_primitive_create(&p->primitive, p->description) != dnnl_success)
        return false;
    if (!job->gradient)
        return add_argument(p, DNNL_ARG_SRC, &memory, job->x) && add_argument(p, DNNL_ARG_DST, &memory, job->out);
    return (from_y || rowwise ? add_argument(p, DNNL_ARG_DST, &memory, job->y)
                              : add_argument(p, DNNL_ARG_SRC, &memory, job->x)) &&
           add_argument(p, DNNL_ARG_DIFF_DST, &memory, job->dy) &&
           add_argument(p, DNNL_ARG_DIFF_SRC, &memory, job->out);
}

static void *prepare_from(const peer_job *job, bool from_y)
{
    struct prepared *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    if (omp_set_num_threads)
        omp_set_num_threads((int)job->threads); /* a primitive is made for a number of threads */
    if (make(p, job, from_y))
        return p;
    release(p);
    return NULL;
}

static void *prepare(const peer_job *job)
{
    return prepare_from(job, false);
}

static void *prepare_from_y(const peer_job *job)
{
    return job->gradient && strstr(job->name, "softmax") == NULL ? prepare_from(job, true) : NULL;
}

static void run(void *prepared)
{
    const struct prepared *p = prepared;
    if (dnnl_primitive_execute(p->primitive, p->stream, p->argument_count, p->arguments) != dnnl_success ||
        dnnl_stream_wait(p->stream) != dnnl_success) {
        fputs("bench_peers: oneDNN failed\n", stderr);
        exit(1);
    }
}

const peer peer_onednn = {"oneDNN", version, prepare, run, release};
const peer peer_onednn_from_y = {"oneDNN from y", version, prepare_from_y, run, release};
