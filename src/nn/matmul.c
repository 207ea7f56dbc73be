/* matmul.c: products of matrices: the rules of their operands. */
#include "matmul.h"

#include <string.h>

/* ---- Operands ------------------------------------------------------------------------------- */

clact_tensor clact_nn_matrix(uint32_t type, int64_t rows, int64_t columns)
{
    return (clact_tensor){.type = type, .rank = 2, .dims = {rows, columns}};
}

/* Checks that an operand is dense, and aligns its view's strides to the right. */
static clact_status finish_view(const clact_operand *operand, const char *what, struct clact_view *view)
{
    const clact_tensor *t = &operand->tensor;
    REQUIRE(!t->strided, CLACT_E_ARGUMENT, "%s must be dense: strided must be 0", what);
    for (int k = 0; k < CLACT_MAX_RANK; k++)
        view->strides[k] = 0;
    view->strides[COLUMN_STRIDE] = 1;
    view->strides[ROW_STRIDE] = t->rank >= 2 ? t->dims[t->rank - 1] : 0;
    return CLACT_OK;
}

clact_status clact_nn_first(struct clact_call *call, const clact_operand *operand, const char *what,
                            struct clact_view *view)
{
    uint64_t n;
    TRY(clact_call_first(call, operand, what, view, &n));
    REQUIRE(operand->tensor.rank == 2, CLACT_E_ARGUMENT, "%s must be a matrix, and has %u dimensions", what,
            (unsigned)operand->tensor.rank);
    return finish_view(operand, what, view);
}

clact_status clact_nn_operand(struct clact_call *call, const clact_operand *operand, const clact_tensor *shape,
                              const char *what, struct clact_view *view)
{
    uint64_t n;
    TRY(clact_call_operand(call, operand, what, view, &n));
    const clact_tensor *t = &operand->tensor;
    TRY(clact_call_same_type(operand, shape, what));
    REQUIRE(t->rank == shape->rank, CLACT_E_ARGUMENT, "%s must have %u dimensions, and has %u", what,
            (unsigned)shape->rank, (unsigned)t->rank);
    for (uint32_t k = 0; k < t->rank; k++)
        REQUIRE(t->dims[k] == shape->dims[k], CLACT_E_ARGUMENT, "%s must have %lld %s, and has %lld", what,
                (long long)shape->dims[k], k + 1 == t->rank ? t->rank == 1 ? "elements" : "columns" : "rows",
                (long long)t->dims[k]);
    return finish_view(operand, what, view);
}

void clact_nn_transpose(struct clact_view *view)
{
    int64_t stride = view->strides[ROW_STRIDE];
    view->strides[ROW_STRIDE] = view->strides[COLUMN_STRIDE];
    view->strides[COLUMN_STRIDE] = stride;
}

clact_status clact_nn_apart(clact_context *context, const clact_operand *in, const char *in_name,
                            const clact_operand *out, const char *out_name)
{
    struct clact_view views[2];
    uint64_t n, m;
    bool same = false;
    TRY(clact_view_of(in, in_name, &views[0], &n));
    TRY(clact_view_of(out, out_name, &views[1], &m));
    if (n && m)
        TRY(clact_views_overlap(context, &in->tensor, &views[0], &out->tensor, &views[1], in_name, &same));
    REQUIRE(!same, CLACT_E_OVERLAP, "%s is %s", out_name, in_name);
    return CLACT_OK;
}

clact_status clact_nn_enqueue(const clact_context *context, const clact_enqueue *enqueue)
{
    REQUIRE(!enqueue || context->ocl, CLACT_E_ARGUMENT, "the context has no OpenCL device to enqueue on");
    return clact_call_enqueue(enqueue);
}

clact_status clact_nn_mode_of(uint32_t mode)
{
    REQUIRE(mode <= CLACT_NN_FAST, CLACT_E_ARGUMENT, "mode must be CLACT_NN_EXACT or CLACT_NN_FAST");
    return CLACT_OK;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status check_args(const clact_nn_matmul_args *args)
{
    uint64_t any = args->reserved0;
    for (int i = 0; i < 8; i++)
        any |= args->reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of the arguments must be zero");
    REQUIRE(args->transpose_a <= 1 && args->transpose_b <= 1, CLACT_E_ARGUMENT,
            "transpose_a and transpose_b must be 0 or 1");
    return clact_nn_mode_of(args->mode);
}

static clact_status read_operands(struct clact_call *call, const clact_nn_matmul_args *args, struct clact_matmul *m)
{
    TRY(clact_nn_first(call, args->a, "a", &m->views[MATMUL_A]));
    const clact_tensor *a = &args->a->tensor;
    const int64_t rows = a->dims[args->transpose_a], depth = a->dims[!args->transpose_a];
    REQUIRE(args->b, CLACT_E_ARGUMENT, "b must not be NULL");
    const int64_t columns = args->b->tensor.rank == 2 ? args->b->tensor.dims[!args->transpose_b] : 0;
    clact_tensor b =
        args->transpose_b ? clact_nn_matrix(a->type, columns, depth) : clact_nn_matrix(a->type, depth, columns);
    clact_tensor c = clact_nn_matrix(a->type, rows, columns);
    TRY(clact_nn_operand(call, args->b, &b, "b", &m->views[MATMUL_B]));
    TRY(clact_nn_operand(call, args->c, &c, "c", &m->views[MATMUL_C]));
    if (args->transpose_a)
        clact_nn_transpose(&m->views[MATMUL_A]);
    if (args->transpose_b)
        clact_nn_transpose(&m->views[MATMUL_B]);
    m->rows = (uint64_t)rows;
    m->columns = (uint64_t)columns;
    m->depth = (uint64_t)depth;
    m->host = call->host;
    return clact_call_beta(args->beta, a->type, "beta", &m->beta);
}

clact_status clact_nn_matmul(clact_context *context, const clact_nn_matmul_args *args, const clact_enqueue *enqueue)
{
    REQUIRE(context && args, CLACT_E_ARGUMENT, "context and args must not be NULL");
    struct clact_call call = {.context = context, .enqueue = enqueue};
    struct clact_matmul m = {.enqueue = enqueue};
    TRY(check_args(args));
    TRY(clact_nn_enqueue(context, enqueue));
    TRY(read_operands(&call, args, &m));
    TRY(clact_nn_apart(context, args->a, "a", args->c, "c"));
    TRY(clact_nn_apart(context, args->b, "b", args->c, "c"));
    TRY(clact_nn_product_check(context, &m, args->mode));
    return clact_nn_product_run(context, &m, args->mode);
}
