/* product.c: which implementation computes a product of matrices, and how the fast ones are called. */
#include "blas.h"
#include "matmul.h"

#include "../cpu/cpu.h"
#include "../fpenv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- The choice ----------------------------------------------------------------------------- */

/* Of f32 and f64, where there is something to compute. */
static clact_nn_product fast_product(const clact_context *context, bool host)
{
    if ((host || context->device->is_host(context)) && clact_nn_blas()->loaded)
        return CLACT_NN_PRODUCT_BLAS;
    return !host && context->ocl && clact_nn_clblast()->loaded ? CLACT_NN_PRODUCT_CLBLAST : CLACT_NN_PRODUCT_EXACT;
}

/* A matrix as BLAS is told of it. */
struct stored {
    int transposed; /* BLAS_PLAIN or BLAS_TRANSPOSED */
    uint64_t row;   /* from row to row in memory */
};

static struct stored stored(const struct clact_view *v, uint64_t columns)
{
    const bool plain = v->strides[COLUMN_STRIDE] == 1 && v->strides[ROW_STRIDE] == (int64_t)columns;
    return (struct stored){plain ? BLAS_PLAIN : BLAS_TRANSPOSED,
                           (uint64_t)v->strides[plain ? ROW_STRIDE : COLUMN_STRIDE]};
}

/* Both libraries count in 32 bits: OpenBLAS sizes, CLBlast elements of the memory. */
static bool fits(const struct clact_matmul *m, clact_nn_product product)
{
    const uint64_t sizes[MATMUL_VIEW_COUNT][2] = {{m->rows, m->depth}, {m->depth, m->columns}, {m->rows, m->columns}};
    for (int v = 0; v < MATMUL_VIEW_COUNT; v++) {
        uint64_t most =
            product == CLACT_NN_PRODUCT_CLBLAST ? sizes[v][0] * sizes[v][1] + (uint64_t)m->views[v].offset : 0;
        if (most > INT_MAX || sizes[v][0] > INT_MAX || sizes[v][1] > INT_MAX)
            return false;
    }
    return true;
}

static bool is_narrow(const struct clact_matmul *m)
{
    return m->views[MATMUL_C].type == CLACT_F16 || m->views[MATMUL_C].type == CLACT_BF16;
}

static clact_nn_product product_of(const clact_context *context, const struct clact_matmul *m, uint32_t mode)
{
    if (mode == CLACT_NN_EXACT || !m->rows || !m->columns || !m->depth)
        return CLACT_NN_PRODUCT_EXACT;
    if (is_narrow(m))
        return CLACT_NN_PRODUCT_CLBLAST;
    clact_nn_product product = fast_product(context, m->host);
    bool can = product != CLACT_NN_PRODUCT_CLBLAST || context->device->has_arithmetic(context, m->views[MATMUL_C].type);
    return can && fits(m, product) ? product : CLACT_NN_PRODUCT_EXACT; /* which refuses an f64 that is not there */
}

clact_status clact_nn_product_check(clact_context *context, const struct clact_matmul *m, uint32_t mode)
{
    if (mode == CLACT_NN_EXACT || !is_narrow(m))
        return CLACT_OK;
    const char *type = clact_type_name((clact_type)m->views[MATMUL_C].type);
    REQUIRE(m->views[MATMUL_C].type == CLACT_F16, CLACT_E_UNSUPPORTED, "no library computes fast products of %s", type);
    REQUIRE(!m->host && context->ocl, CLACT_E_UNSUPPORTED, "fast products of %s are for operands on an OpenCL device",
            type);
    REQUIRE(clact_nn_clblast()->loaded, CLACT_E_UNSUPPORTED, "fast products of %s need CLBlast: %s", type,
            clact_nn_clblast()->reason);
    REQUIRE(context->device->has_arithmetic(context, m->views[MATMUL_C].type), CLACT_E_UNSUPPORTED,
            "the device has no arithmetic in %s, which fast products of it need", type);
    REQUIRE(fits(m, CLACT_NN_PRODUCT_CLBLAST), CLACT_E_UNSUPPORTED, "CLBlast counts no more than 2^31 elements");
    return CLACT_OK;
}

/* ---- OpenBLAS ------------------------------------------------------------------------------- */

static void *place(const struct clact_view *v)
{
    return (char *)v->data + (size_t)v->offset * clact_type_bytes((clact_type)v->type);
}

/* On views whose data is set. */
static clact_status run_blas(clact_context *context, const void *work)
{
    const struct clact_matmul *m = work;
    const struct clact_view *a = &m->views[MATMUL_A], *b = &m->views[MATMUL_B], *c = &m->views[MATMUL_C];
    const struct stored sa = stored(a, m->depth), sb = stored(b, m->columns);
    const int rows = (int)m->rows, columns = (int)m->columns, depth = (int)m->depth;
    clact_fpenv env = clact_fpenv_enter();
    (void)context;
    if (c->type == CLACT_F64)
        clact_nn_blas()->dgemm(BLAS_ROW_MAJOR, sa.transposed, sb.transposed, rows, columns, depth, 1, place(a),
                               (int)sa.row, place(b), (int)sb.row, m->beta.f64, place(c), columns);
    else
        clact_nn_blas()->sgemm(BLAS_ROW_MAJOR, sa.transposed, sb.transposed, rows, columns, depth, 1, place(a),
                               (int)sa.row, place(b), (int)sb.row, m->beta.f32, place(c), columns);
    clact_fpenv_leave(env);
    return CLACT_OK;
}

/* What is not mapped, a part of a larger memory, takes the exact product in its place. */
static clact_status blas_product(clact_context *context, const struct clact_matmul *given)
{
    struct clact_matmul m = *given;
    struct clact_view *const views[] = {&m.views[MATMUL_A], &m.views[MATMUL_B], &m.views[MATMUL_C]};
    REQUIRE(context->pid == getpid(), CLACT_E_FORKED,
            "the context was opened before fork(): the threads of OpenBLAS may not be in this process");
    if (m.host)
        return run_blas(context, &m);
    clact_status status =
        context->device->on_host(context, views, MATMUL_VIEW_COUNT, 1u << MATMUL_C, m.enqueue, run_blas, &m);
    return status == CLACT_E_PACK ? clact_matmul_run(context, given) : status;
}

/* ---- CLBlast -------------------------------------------------------------------------------- */

static int call_clblast(const clact_context *context, const struct clact_matmul *m, clact_enqueue *q)
{
    const struct clact_nn_clblast *clblast = clact_nn_clblast();
    const struct clact_view *a = &m->views[MATMUL_A], *b = &m->views[MATMUL_B], *c = &m->views[MATMUL_C];
    const struct stored sa = stored(a, m->depth), sb = stored(b, m->columns);
    struct _cl_mem *ma = a->buffer ? a->buffer->mem : a->mem, *mb = b->buffer ? b->buffer->mem : b->mem;
    struct _cl_mem *mc = c->buffer ? c->buffer->mem : c->mem;
    const size_t fa = (size_t)a->offset, fb = (size_t)b->offset, fc = (size_t)c->offset;
    if (c->type == CLACT_F64)
        return clblast->dgemm(BLAS_ROW_MAJOR, sa.transposed, sb.transposed, m->rows, m->columns, m->depth, 1, ma, fa,
                              sa.row, mb, fb, sb.row, m->beta.f64, mc, fc, m->columns, &q->queue, q->event);
    if (c->type == CLACT_F32)
        return clblast->sgemm(BLAS_ROW_MAJOR, sa.transposed, sb.transposed, m->rows, m->columns, m->depth, 1, ma, fa,
                              sa.row, mb, fb, sb.row, m->beta.f32, mc, fc, m->columns, &q->queue, q->event);
    uint16_t factors[2];
    context->cpu->isa->f32->store[CLACT_F16](2, (const float[]){1, m->beta.f32}, factors, 1);
    return clblast->hgemm(BLAS_ROW_MAJOR, sa.transposed, sb.transposed, m->rows, m->columns, m->depth, factors[0], ma,
                          fa, sa.row, mb, fb, sb.row, factors[1], mc, fc, m->columns, &q->queue, q->event);
}

/* It takes no wait list: a barrier stands before it, for which its kernels wait in a queue that is out of order, too. */
static clact_status clblast_product(clact_context *context, const struct clact_matmul *m)
{
    clact_enqueue q;
    clact_nn_clblast_lock();
    clact_status status = context->device->barrier(context, m->enqueue, &q);
    int code = status == CLACT_OK ? call_clblast(context, m, &q) : 0;
    clact_nn_clblast_unlock();
    TRY(status);
    if (code != 0)
        clact_set_opencl_code(code);
    REQUIRE(code == 0, CLACT_E_OPENCL, "CLBlast failed with its code %d", code);
    return CLACT_OK;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

clact_status clact_nn_product_run(clact_context *context, const struct clact_matmul *m, uint32_t mode)
{
    const clact_nn_product product = product_of(context, m, mode);
    if (product == CLACT_NN_PRODUCT_EXACT)
        return clact_matmul_run(context, m);
    clact_enter(context);
    return clact_leave(context,
                       product == CLACT_NN_PRODUCT_BLAS ? blas_product(context, m) : clblast_product(context, m));
}

clact_status clact_nn_products_of(clact_context *context, clact_nn_products *out)
{
    REQUIRE(context && out, CLACT_E_ARGUMENT, "context and out must not be NULL");
    const bool is_host = context->device->is_host(context);
    const char *blas = clact_nn_blas()->reason, *clblast = clact_nn_clblast()->reason;
    clact_nn_products p = {.host = fast_product(context, true), .device = fast_product(context, false)};
    snprintf(p.host_reason, sizeof p.host_reason, "%s", blas);
    if (p.device == CLACT_NN_PRODUCT_BLAS)
        snprintf(p.device_reason, sizeof p.device_reason, "the device is the host's processor; %.200s", blas);
    else
        snprintf(p.device_reason, sizeof p.device_reason, "%.120s%s%.120s", is_host ? blas : "",
                 is_host && context->ocl ? "; " : "", context->ocl ? clblast : "");
    *out = p;
    return CLACT_OK;
}

clact_status clact_nn_clear_cache(void)
{
    if (!clact_nn_clblast()->loaded)
        return CLACT_OK;
    clact_nn_clblast_lock();
    int code = clact_nn_clblast()->clear_cache();
    clact_nn_clblast_unlock();
    REQUIRE(code == 0, CLACT_E_OPENCL, "CLBlast failed with its code %d", code);
    return CLACT_OK;
}
