/* dense.c: products of matrices and the dense layer against OpenBLAS, in turn with it.
 *
 *   bench_dense [SIZE ...]      256 1024 2048
 *
 * Prints, for square f32 matrices, medians of rounds: OpenBLAS's product on one thread and clact's exact one;
 * OpenBLAS's product followed by one pass over the result and the layer y = relu(x w + b) that uses it; and the layer's
 * whole step in buffers of the best OpenCL device against the product that it uses. */
#include "../src/cli/timing.h"

#include <clact/nn.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 9, WAYS = 6 };

typedef void gemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                  int a_row, const float *b, int b_row, float beta, float *c, int c_row);

struct bench {
    clact_context *one, *all, *device; /* one thread; all; NULL without a device */
    clact_activation *relu;
    gemm *openblas;
    void (*threads)(int);
    int cores;
    int64_t n;
    float *memory[4]; /* x, w, y and b */
    clact_operand host[4], there[4];
};

/* ---- Ways ----------------------------------------------------------------------------------- */

static clact_status openblas_product(struct bench *b)
{
    const int n = (int)b->n;
    b->openblas(101, 111, 111, n, n, n, 1, b->memory[0], n, b->memory[1], n, 0, b->memory[2], n);
    return CLACT_OK;
}

static clact_status one_openblas(struct bench *b)
{
    b->threads(1);
    clact_status status = openblas_product(b);
    b->threads(b->cores);
    return status;
}

static clact_status one_exact(struct bench *b)
{
    return clact_nn_matmul(b->one, &(clact_nn_matmul_args){.a = &b->host[0], .b = &b->host[1], .c = &b->host[2]}, NULL);
}

static clact_status openblas_and_pass(struct bench *b)
{
    openblas_product(b);
    return clact_apply(b->all, b->relu, (size_t)(b->n * b->n), b->memory[2], b->memory[2]);
}

static clact_status layer(clact_context *context, const struct bench *b, const clact_operand *o)
{
    return clact_nn_dense_forward(context, &(clact_nn_dense_args){.x = &o[0], .w = &o[1], .y = &o[2], .b = &o[3],
                                                                  .activation = b->relu, .mode = CLACT_NN_FAST}, NULL);
}

static clact_status fast_layer(struct bench *b)
{
    return layer(b->all, b, b->host);
}

static clact_status device_product(struct bench *b)
{
    if (!b->device)
        return CLACT_OK;
    const clact_nn_matmul_args args = {.a = &b->there[0], .b = &b->there[1], .c = &b->there[2], .mode = CLACT_NN_FAST};
    clact_status status = clact_nn_matmul(b->device, &args, NULL);
    const clact_forward_args pass = {.x = &b->there[2], .y = &b->there[2]};
    if (status == CLACT_OK)
        status = clact_forward(b->device, b->relu, &pass);
    return status == CLACT_OK ? clact_finish(b->device) : status;
}

static clact_status device_layer(struct bench *b)
{
    if (!b->device)
        return CLACT_OK;
    clact_status status = layer(b->device, b, b->there);
    return status == CLACT_OK ? clact_finish(b->device) : status;
}

static clact_status (*const ways[WAYS])(struct bench *) = {one_openblas, one_exact,      openblas_and_pass,
                                                           fast_layer,   device_product, device_layer};

/* ---- Measurements --------------------------------------------------------------------------- */

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

static clact_status make_operands(struct bench *b, int64_t n)
{
    clact_status status = CLACT_OK;
    b->n = n;
    for (int i = 0; i < 4 && status == CLACT_OK; i++) {
        size_t count = (size_t)(i == 3 ? n : n * n), bytes = count * sizeof(float);
        b->memory[i] = malloc(bytes);
        if (!b->memory[i])
            return CLACT_E_MEMORY;
        for (size_t k = 0; k < count; k++)
            b->memory[i][k] = (float)(k % 1000) * 0.002f - 1.0f;
        b->host[i] = clact_array(CLACT_F32, b->memory[i], n);
        b->host[i].tensor.rank = i == 3 ? 1 : 2;
        b->host[i].tensor.dims[1] = n;
        b->there[i] = b->host[i];
        b->there[i].data = NULL;
        if (b->device)
            status = clact_buffer_create(&b->there[i].buffer, b->device, bytes);
        if (b->device && status == CLACT_OK)
            status = clact_buffer_write(b->there[i].buffer, 0, bytes, b->memory[i]);
    }
    return status;
}

static clact_status run(struct bench *b, int64_t n)
{
    double medians[WAYS]; /* in milliseconds */
    clact_status status = make_operands(b, n);
    if (status == CLACT_OK)
        status = measure(b, medians);
    if (status == CLACT_OK) {
        printf("%5lld: one thread: OpenBLAS %.3f ms, exact %.3f ms: %.2f of its speed; "
               "all: OpenBLAS and a pass %.3f ms, layer %.3f ms: %.2f",
               (long long)n, medians[0], medians[1], medians[0] / medians[1], medians[2],
               medians[3], medians[3] / medians[2]);
        if (b->device)
            printf("; device: product and a pass %.3f ms, layer %.3f ms: %.2f", medians[4], medians[5],
                   medians[5] / medians[4]);
        printf("\n");
    }
    for (int i = 0; i < 4; i++) {
        clact_buffer_destroy(&b->there[i].buffer);
        free(b->memory[i]);
        b->memory[i] = NULL;
    }
    return status;
}

static bool find_openblas(struct bench *b)
{
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *product = library ? dlsym(library, "cblas_sgemm") : NULL,
         *threads = library ? dlsym(library, "openblas_set_num_threads") : NULL;
    memcpy(&b->openblas, &product, sizeof product);
    memcpy(&b->threads, &threads, sizeof threads);
    return product && threads;
}

int main(int argc, char **argv)
{
    static char *usual[] = {"256", "1024", "2048"};
    struct bench b = {0};
    clact_nn_products products;
    clact_caps caps;
    if (!find_openblas(&b)) {
        fputs("bench_dense: there is no OpenBLAS to compare with\n", stderr);
        return 77;
    }
    clact_status status = clact_open(&b.one, &(clact_options){.device = "cpu", .threads = 1});
    if (status == CLACT_OK)
        status = clact_open(&b.all, &(clact_options){.device = "cpu"});
    if (status == CLACT_OK && clact_open(&b.device, &(clact_options){.device = "opencl"}) != CLACT_OK)
        b.device = NULL;
    if (status == CLACT_OK)
        status = clact_activation_named(&b.relu, "relu", NULL, 0);
    if (status == CLACT_OK)
        status = clact_context_caps(b.all, &caps);
    if (status == CLACT_OK)
        status = clact_nn_products_of(b.device ? b.device : b.all, &products);
    if (status == CLACT_OK) {
        b.cores = (int)caps.compute_units;
        printf("host: %s; device: %s\n", products.host_reason, b.device ? products.device_reason : "none");
    }
    char **sizes = argc > 1 ? argv + 1 : usual;
    for (int i = 0; i < (argc > 1 ? argc - 1 : 3) && status == CLACT_OK; i++)
        status = run(&b, strtoll(sizes[i], NULL, 0));
    if (status != CLACT_OK)
        fprintf(stderr, "bench_dense: %s: %s\n", clact_status_name(status), clact_error());
    clact_activation_destroy(&b.relu);
    clact_close(&b.device);
    clact_close(&b.all);
    clact_close(&b.one);
    return status != CLACT_OK;
}
