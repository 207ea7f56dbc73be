/* peers_xnnpack.c: XNNPACK's operators, each made and set up once. It has no gradients. */
#include "peers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

typedef enum xnn_status create(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                               xnn_operator_t *out);
typedef enum xnn_status set_up(xnn_operator_t op, size_t batch, const float *input, float *output, pthreadpool_t pool);

static enum xnn_status create_relu(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                                   xnn_operator_t *out)
{
    return xnn_create_clamp_nc_f32(channels, input_stride, output_stride, 0, INFINITY, flags, out);
}

static enum xnn_status create_relu6(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                                    xnn_operator_t *out)
{
    return xnn_create_clamp_nc_f32(channels, input_stride, output_stride, 0, 6, flags, out);
}

static enum xnn_status create_hard_tanh(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                                        xnn_operator_t *out)
{
    return xnn_create_clamp_nc_f32(channels, input_stride, output_stride, -1, 1, flags, out);
}

static enum xnn_status create_elu(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                                  xnn_operator_t *out)
{
    return xnn_create_elu_nc_f32(channels, input_stride, output_stride, 1, flags, out);
}

static enum xnn_status create_leaky_relu(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                                         xnn_operator_t *out)
{
    return xnn_create_leaky_relu_nc_f32(channels, input_stride, output_stride, 0.01f, flags, out);
}

static enum xnn_status set_up_copy(xnn_operator_t op, size_t batch, const float *input, float *output,
                                   pthreadpool_t pool)
{
    return xnn_setup_copy_nc_x32(op, batch, input, output, pool);
}

static const struct operator {
    const char *name;
    create *create;
    set_up *set_up;
} operators[] = {
    {"identity", xnn_create_copy_nc_x32, set_up_copy},
    {"relu", create_relu, xnn_setup_clamp_nc_f32},
    {"relu6", create_relu6, xnn_setup_clamp_nc_f32},
    {"hard_tanh", create_hard_tanh, xnn_setup_clamp_nc_f32},
    {"leaky_relu", create_leaky_relu, xnn_setup_leaky_relu_nc_f32},
    {"elu", create_elu, xnn_setup_elu_nc_f32},
    {"sigmoid", xnn_create_sigmoid_nc_f32, xnn_setup_sigmoid_nc_f32},
    {"hard_swish", xnn_create_hardswish_nc_f32, xnn_setup_hardswish_nc_f32},
    {"abs", xnn_create_abs_nc_f32, xnn_setup_abs_nc_f32},
    {"square", xnn_create_square_nc_f32, xnn_setup_square_nc_f32},
    {"sqrt", xnn_create_square_root_nc_f32, xnn_setup_square_root_nc_f32},
    {"round", xnn_create_bankers_rounding_nc_f32, xnn_setup_bankers_rounding_nc_f32},
    {"softmax", xnn_create_softmax_nc_f32, xnn_setup_softmax_nc_f32},
};

struct prepared {
    xnn_operator_t op;
    pthreadpool_t pool;
};

static void version(char *out, size_t size)
{
    snprintf(out, size, "(operators; it has no version numbers)");
}

static void release(void *prepared)
{
    struct prepared *p = prepared;
    xnn_delete_operator(p->op);
    pthreadpool_destroy(p->pool);
    free(p);
}

static void *prepare(const peer_job *job)
{
    const struct operator *found = NULL;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strcmp(operators[i].name, job->name) == 0)
            found = &operators[i];
    struct prepared *p = found && !job->gradient ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    const bool rowwise = strcmp(job->name, "softmax") == 0;
    const size_t channels = rowwise ? job->columns : 1, batch = rowwise ? job->rows : peer_elements(job);
    p->pool = job->threads > 1 ? pthreadpool_create(job->threads) : NULL;
    if (xnn_initialize(NULL) == xnn_status_success &&
        found->create(channels, channels, channels, 0, &p->op) == xnn_status_success &&
        found->set_up(p->op, batch, job->x, job->out, p->pool) == xnn_status_success)
        return p;
    release(p);
    return NULL;
}

static void run(void *prepared)
{
    const struct prepared *p = prepared;
    if (xnn_run_operator(p->op, p->pool) != xnn_status_success) {
        fputs("bench_peers: XNNPACK failed\n", stderr);
        exit(1);
    }
}

const peer peer_xnnpack = {"XNNPACK", version, prepare, run, release};
