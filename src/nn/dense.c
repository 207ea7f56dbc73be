/* dense.c: the dense layer: its rules, and its calls of products, activations and sums. */
#include "matmul.h"

#include "../chain.h"
#include "../dense.h"

#include <string.h>

static clact_status check_reserved(const uint64_t *reserved, uint32_t mode, uint32_t training)
{
    uint64_t any = 0;
    for (int i = 0; i < 8; i++)
        any |= reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of the arguments must be zero");
    REQUIRE(training <= 1, CLACT_E_ARGUMENT, "training must be 0 or 1");
    return clact_nn_mode_of(mode);
}

/* The link of a chain as calls take it: operands in host memory have no queue. */
static const clact_enqueue *link_of(struct clact_chain *chain, const struct clact_call *call, clact_enqueue *link)
{
    *link = clact_chain_link(chain);
    return call->enqueue ? link : NULL;
}

static void begin(struct clact_chain *chain, const struct clact_call *call, int launches)
{
    *chain = (struct clact_chain){.context = call->context, .left = launches};
    if (call->enqueue)
        chain->whole = *call->enqueue;
}

/* ---- Forward -------------------------------------------------------------------------------- */

struct forward {
    struct clact_call call;
    const clact_nn_dense_args *args;
    struct clact_matmul product;
    struct clact_dense bias; /* and the activation, where it can be a part of it */
    bool has_bias, apart;    /* the activation is a call of its own */
    const clact_operand *sum; /* where x w + b stands before that */
};

/* Where the product goes: to y, unless what follows needs it elsewhere. */
static clact_status read_outputs(struct forward *f, const clact_tensor *shape)
{
    const clact_nn_dense_args *args = f->args;
    const clact_activation *a = args->activation;
    REQUIRE(a || (!args->z && !args->parameter_count), CLACT_E_ARGUMENT,
            "without an activation there is no z, and no parameter");
    f->apart = a && (args->parameter_count || !f->has_bias || !clact_dense_takes(a, args->training));
    const bool same_shape = !a || a->kind == KIND_ELEMENTWISE || a->kind == KIND_ROWWISE || a->kind == KIND_QUANTISED;
    REQUIRE(same_shape || args->z, CLACT_E_ARGUMENT, "y of %s has another shape than x w: z must be given",
            a->info->name);
    f->sum = f->apart && args->z ? args->z : args->y;
    if (args->z)
        TRY(clact_nn_operand(&f->call, args->z, shape, "z", &f->bias.views[DENSE_Z]));
    if (same_shape)
        TRY(clact_nn_operand(&f->call, args->y, shape, "y", &f->bias.views[DENSE_Y]));
    f->bias.has_z = args->z && !f->apart;
    if (f->apart && args->z)
        f->bias.views[DENSE_Y] = f->bias.views[DENSE_Z];
    f->bias.views[DENSE_X] = f->product.views[MATMUL_C] = f->bias.views[DENSE_Y];
    f->bias.activation = f->apart ? NULL : a;
    return CLACT_OK;
}

static clact_status read_forward(struct forward *f)
{
    const clact_nn_dense_args *args = f->args;
    struct clact_call *call = &f->call;
    TRY(clact_nn_first(call, args->x, "x", &f->product.views[MATMUL_A]));
    const clact_tensor *x = &args->x->tensor;
    REQUIRE(args->w, CLACT_E_ARGUMENT, "w must not be NULL");
    const int64_t units = args->w->tensor.rank == 2 ? args->w->tensor.dims[1] : 0;
    const clact_tensor w = clact_nn_matrix(x->type, x->dims[1], units), z = clact_nn_matrix(x->type, x->dims[0], units);
    const clact_tensor b = {.type = x->type, .rank = 1, .dims = {units}};
    TRY(clact_nn_operand(call, args->w, &w, "w", &f->product.views[MATMUL_B]));
    f->has_bias = args->b != NULL;
    if (f->has_bias)
        TRY(clact_nn_operand(call, args->b, &b, "b", &f->bias.views[DENSE_BIAS]));
    TRY(read_outputs(f, &z));
    f->product.rows = f->bias.rows = (uint64_t)x->dims[0];
    f->product.columns = f->bias.columns = (uint64_t)units;
    f->product.depth = (uint64_t)x->dims[1];
    f->product.host = f->bias.host = call->host;
    return clact_nn_product_check(call->context, &f->product, args->mode);
}

static clact_status check_forward(const struct forward *f)
{
    const clact_nn_dense_args *args = f->args;
    const struct {
        const clact_operand *operand;
        const char *name;
    } inputs[] = {{args->x, "x"}, {args->w, "w"}, {args->b, "b"}};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (inputs[i].operand && args->y)
            TRY(clact_nn_apart(f->call.context, inputs[i].operand, inputs[i].name, args->y, "y"));
        if (inputs[i].operand && args->z)
            TRY(clact_nn_apart(f->call.context, inputs[i].operand, inputs[i].name, args->z, "z"));
    }
    return args->z && !f->apart ? clact_nn_apart(f->call.context, args->z, "z", args->y, "y") : CLACT_OK;
}

static clact_status run_activation(const struct forward *f, const clact_enqueue *link)
{
    const clact_nn_dense_args *args = f->args;
    const clact_forward_args of = {.x = f->sum, .y = args->y, .parameters = args->parameters,
                                   .parameter_count = args->parameter_count, .seed = args->seed, .offset = args->offset,
                                   .training = args->training};
    return clact_call_forward(&(struct clact_call){.context = f->call.context,
                                                   .activation = args->activation,
                                                   .enqueue = link,
                                                   .host_by_cpu = true}, &of);
}

static clact_status run_forward(struct forward *f)
{
    struct clact_chain chain;
    clact_enqueue link;
    begin(&chain, &f->call, 1 + f->has_bias + f->apart);
    f->product.enqueue = link_of(&chain, &f->call, &link);
    clact_status status = clact_nn_product_run(f->call.context, &f->product, f->args->mode);
    clact_chain_linked(&chain);
    if (f->has_bias && status == CLACT_OK) {
        f->bias.enqueue = link_of(&chain, &f->call, &link);
        status = clact_dense_run(f->call.context, &f->bias);
        clact_chain_linked(&chain);
    }
    if (f->apart && status == CLACT_OK)
        status = run_activation(f, link_of(&chain, &f->call, &link));
    clact_chain_release(&chain);
    return status;
}

clact_status clact_nn_dense_forward(clact_context *context, const clact_nn_dense_args *args,
                                    const clact_enqueue *enqueue)
{
    REQUIRE(context && args, CLACT_E_ARGUMENT, "context and args must not be NULL");
    struct forward f = {.call = {.context = context, .activation = args->activation, .enqueue = enqueue}, .args = args};
    TRY(check_reserved(args->reserved, args->mode, args->training));
    TRY(clact_nn_enqueue(context, enqueue));
    TRY(read_forward(&f));
    TRY(check_forward(&f));
    return run_forward(&f);
}

clact_status clact_nn_dense_needs(clact_context *context, const clact_activation *activation, clact_type type,
                                  uint32_t *needs)
{
    REQUIRE(context && needs, CLACT_E_ARGUMENT, "context and needs must not be NULL");
    REQUIRE((uint32_t)type < CLACT_TYPE_COUNT, CLACT_E_ARGUMENT, "type must be one that is computed on");
    *needs = !activation ? CLACT_BACKWARD_NOTHING : clact_backward_reads(context, activation, type);
    return CLACT_OK;
}

/* ---- Backward ------------------------------------------------------------------------------- */

struct backward {
    struct clact_call call;
    const clact_nn_dense_backward_args *args;
    const clact_operand *dz; /* dy where there is no activation */
    struct clact_matmul dw, dx;
    struct clact_columns db;
};

static clact_status read_db(struct backward *b, const clact_tensor *dz)
{
    const clact_nn_dense_backward_args *args = b->args;
    const clact_tensor shape = {.type = dz->type, .rank = 1, .dims = {dz->dims[1]}};
    clact_tensor wide = shape;
    const bool narrow = dz->type == CLACT_F16 || dz->type == CLACT_BF16;
    if (narrow && args->db->tensor.type == CLACT_F32)
        wide.type = CLACT_F32;
    TRY(clact_nn_operand(&b->call, args->db, &wide, "db", &b->db.sums));
    b->db.rows = (uint64_t)dz->dims[0];
    b->db.columns = (uint64_t)dz->dims[1];
    return clact_call_beta(args->db_beta, dz->type, "db_beta", &b->db.beta);
}

static clact_status read_dw(struct backward *b, const clact_tensor *dz, const struct clact_view *view)
{
    const clact_nn_dense_backward_args *args = b->args;
    REQUIRE(args->x, CLACT_E_ARGUMENT, "dw needs x");
    const clact_tensor x =
        clact_nn_matrix(dz->type, dz->dims[0], args->x->tensor.rank == 2 ? args->x->tensor.dims[1] : 0);
    const clact_tensor dw = clact_nn_matrix(dz->type, x.dims[1], dz->dims[1]);
    TRY(clact_nn_operand(&b->call, args->x, &x, "x", &b->dw.views[MATMUL_A]));
    TRY(clact_nn_operand(&b->call, args->dw, &dw, "dw", &b->dw.views[MATMUL_C]));
    clact_nn_transpose(&b->dw.views[MATMUL_A]);
    b->dw.views[MATMUL_B] = *view;
    b->dw.rows = (uint64_t)x.dims[1];
    b->dw.columns = (uint64_t)dz->dims[1];
    b->dw.depth = (uint64_t)dz->dims[0];
    TRY(clact_call_beta(args->dw_beta, dz->type, "dw_beta", &b->dw.beta));
    b->dw.host = b->call.host;
    return clact_nn_product_check(b->call.context, &b->dw, args->mode);
}

static clact_status read_dx(struct backward *b, const clact_tensor *dz, const struct clact_view *view)
{
    const clact_nn_dense_backward_args *args = b->args;
    REQUIRE(args->w, CLACT_E_ARGUMENT, "dx needs w");
    const clact_tensor w =
        clact_nn_matrix(dz->type, args->w->tensor.rank == 2 ? args->w->tensor.dims[0] : 0, dz->dims[1]);
    const clact_tensor dx = clact_nn_matrix(dz->type, dz->dims[0], w.dims[0]);
    TRY(clact_nn_operand(&b->call, args->w, &w, "w", &b->dx.views[MATMUL_B]));
    TRY(clact_nn_operand(&b->call, args->dx, &dx, "dx", &b->dx.views[MATMUL_C]));
    clact_nn_transpose(&b->dx.views[MATMUL_B]);
    b->dx.views[MATMUL_A] = *view;
    b->dx.rows = (uint64_t)dz->dims[0];
    b->dx.columns = (uint64_t)w.dims[0];
    b->dx.depth = (uint64_t)dz->dims[1];
    TRY(clact_call_beta(args->dx_beta, dz->type, "dx_beta", &b->dx.beta));
    b->dx.host = b->call.host;
    return clact_nn_product_check(b->call.context, &b->dx, args->mode);
}

/* Outputs share no memory with what is read, nor with each other; dz is compared with what lies beside f. */
static clact_status check_outputs(const struct backward *b)
{
    const clact_nn_dense_backward_args *args = b->args;
    const clact_operand *const operands[] = {args->dx, args->dw, args->db, b->dz,  args->x,
                                             args->w,  args->dy, args->z,  args->y};
    static const char *const names[] = {"dx", "dw", "db", "dz", "x", "w", "dy", "z", "y"};
    enum { DZ = 3, W = 5, COUNT = sizeof names / sizeof *names };
    const int outputs = args->activation ? DZ + 1 : DZ;
    for (int out = 0; out < outputs; out++)
        for (int other = out + 1; other < (out == DZ ? W + 1 : COUNT); other++)
            if (operands[out] && operands[other])
                TRY(clact_nn_apart(b->call.context, operands[other], names[other], operands[out], names[out]));
    for (size_t k = 0; k < args->gradient_count; k++)
        for (int other = 0; other < COUNT; other++)
            if (operands[other] && args->gradients[k].value)
                TRY(clact_nn_apart(b->call.context, operands[other], names[other], args->gradients[k].value,
                                   "a gradient"));
    return CLACT_OK;
}

static clact_status read_backward(struct backward *b)
{
    const clact_nn_dense_backward_args *args = b->args;
    const bool learns = args->gradient_count > 0;
    struct clact_view view;
    REQUIRE(args->gradients || !learns, CLACT_E_ARGUMENT, "gradients must not be NULL where gradient_count is not 0");
    REQUIRE(args->activation || (!args->z && !args->y && !args->dz && !args->parameter_count && !learns),
            CLACT_E_ARGUMENT, "without an activation there is no z, y, dz, parameter or gradient of one");
    REQUIRE(args->dy, CLACT_E_ARGUMENT, "dy must not be NULL");
    REQUIRE(!args->activation || args->dz, CLACT_E_ARGUMENT, "with an activation dz must be given");
    REQUIRE(args->dx || args->dw || args->db || args->activation, CLACT_E_ARGUMENT, "no gradient is asked for");
    b->dz = args->activation ? args->dz : args->dy;
    TRY(clact_nn_first(&b->call, b->dz, args->activation ? "dz" : "dy", &view));
    const clact_tensor *dz = &b->dz->tensor;
    if (args->db)
        TRY(read_db(b, dz));
    if (args->dw)
        TRY(read_dw(b, dz, &view));
    if (args->dx)
        TRY(read_dx(b, dz, &view));
    b->db.x = view;
    b->db.host = b->call.host;
    return check_outputs(b);
}

static clact_status run_derivative(const struct backward *b, const clact_enqueue *link)
{
    const clact_nn_dense_backward_args *args = b->args;
    const clact_backward_args of = {.x = args->z,
                                    .y = args->y,
                                    .dy = args->dy,
                                    .dx = args->dz,
                                    .parameters = args->parameters,
                                    .parameter_count = args->parameter_count,
                                    .seed = args->seed,
                                    .offset = args->offset,
                                    .training = args->training,
                                    .gradients = args->gradients,
                                    .gradient_count = args->gradient_count};
    return clact_call_backward(&(struct clact_call){.context = b->call.context,
                                                    .activation = args->activation,
                                                    .enqueue = link,
                                                    .host_by_cpu = true}, &of);
}

static clact_status run_backward(struct backward *b)
{
    const clact_nn_dense_backward_args *args = b->args;
    clact_context *context = b->call.context;
    struct clact_chain chain;
    clact_enqueue link;
    clact_status status = CLACT_OK;
    begin(&chain, &b->call, (args->activation != NULL) + (args->db != NULL) + (args->dw != NULL) + (args->dx != NULL));
    if (args->activation) {
        status = run_derivative(b, link_of(&chain, &b->call, &link));
        clact_chain_linked(&chain);
    }
    if (args->db && status == CLACT_OK) {
        b->db.enqueue = link_of(&chain, &b->call, &link);
        status = clact_columns_run(context, &b->db);
        clact_chain_linked(&chain);
    }
    if (args->dw && status == CLACT_OK) {
        b->dw.enqueue = link_of(&chain, &b->call, &link);
        status = clact_nn_product_run(context, &b->dw, args->mode);
        clact_chain_linked(&chain);
    }
    if (args->dx && status == CLACT_OK) {
        b->dx.enqueue = link_of(&chain, &b->call, &link);
        status = clact_nn_product_run(context, &b->dx, args->mode);
    }
    clact_chain_release(&chain);
    return status;
}

clact_status clact_nn_dense_backward(clact_context *context, const clact_nn_dense_backward_args *args,
                                     const clact_enqueue *enqueue)
{
    REQUIRE(context && args, CLACT_E_ARGUMENT, "context and args must not be NULL");
    struct backward b = {.call = {.context = context, .activation = args->activation, .enqueue = enqueue},
                         .args = args};
    TRY(check_reserved(args->reserved, args->mode, args->training));
    TRY(clact_nn_enqueue(context, enqueue));
    TRY(read_backward(&b));
    return run_backward(&b);
}
