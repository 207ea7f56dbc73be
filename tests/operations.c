/* operations.c: operations on arrays: how they are tried, and those of libclact. */
#include "operations.h"
#ifdef CLACT_TEST_OPENCL
#include "handles.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MOST_BYTES = 40000, COUNT = 1000, TERMS = 9000 }; /* TERMS: of a sum in chunks, which takes two kernels */

typedef struct {
    _Alignas(64) unsigned char bytes[MOST_ARRAYS][MOST_BYTES];
} memory;
static memory initial, expected, now;

const struct operation *operation_at(int i)
{
    static const struct operation *const tables[] = {
        array_operations, whole_operations,
#ifdef CLACT_TEST_NN
        nn_operations, nn_whole_operations,
#endif
    };
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) {
        const struct operation *o = tables[k];
        while (o->name && i > 0)
            o++, i--;
        if (o->name)
            return o;
    }
    return NULL;
}

bool operation_is_named(const struct operation *o, int count, char **beginnings)
{
    bool named = count == 0;
    for (int i = 0; i < count; i++)
        named |= strncmp(o->name, beginnings[i], strlen(beginnings[i])) == 0;
    return named;
}

/* ---- Arrays --------------------------------------------------------------------------------- */

static size_t count_of(const struct array *a)
{
    return (size_t)(a->rows ? a->rows : 1) * (size_t)a->columns;
}

static size_t bytes_of(const struct array *a)
{
    return count_of(a) * clact_type_bytes(a->type);
}

/* Small numbers, of which products and short sums are exact; labels are below 3. */
static void fill(const struct array *a, int which, unsigned char *bytes)
{
    for (size_t i = 0; i < count_of(a); i++) {
        const int value = (int)((i * 7 + (size_t)which * 3) % 41) - 20;
        if (a->type == CLACT_F32)
            ((float *)bytes)[i] = (float)value * 0.125f;
        else if (a->type == CLACT_I32)
            ((int32_t *)bytes)[i] = (int32_t)(i % 3);
        else
            bytes[i] = (unsigned char)value;
    }
}

static void begin(const struct operation *o, memory *m)
{
    for (int k = 0; k < MOST_ARRAYS && o->arrays[k].use; k++) {
        const struct array *a = &o->arrays[k];
        memset(m->bytes[k], a->use == OUT ? 0x5a : 0, bytes_of(a));
        if (a->use == IN || a->use == INOUT)
            fill(a, k, m->bytes[k]);
    }
}

static clact_operand operand_of(const struct array *a, void *data, clact_buffer *buffer)
{
    clact_operand o = clact_array(a->type, data, a->columns);
    o.buffer = buffer;
    if (a->rows) {
        o.tensor.rank = 2;
        o.tensor.dims[0] = a->rows;
        o.tensor.dims[1] = a->columns;
    }
    return o;
}

/* Of a call that failed, each output is as it was or whole. */
static void judge(struct trial *t, clact_status status)
{
    for (int k = 0; k < MOST_ARRAYS && t->operation->arrays[k].use; k++) {
        const struct array *a = &t->operation->arrays[k];
        const bool same = memcmp(now.bytes[k], initial.bytes[k], bytes_of(a)) == 0;
        const bool whole = memcmp(now.bytes[k], expected.bytes[k], bytes_of(a)) == 0;
        if (a->use == IN)
            trial_expect(t, same, "an input was written");
        else if (status == CLACT_OK)
            trial_expect(t, whole, "succeeded with a wrong result");
        else
            trial_expect(t, same || whole || t->operation->steps, "an output was written in part");
        t->touched += a->use != IN && status != CLACT_OK && !same;
    }
}

/* ---- Places --------------------------------------------------------------------------------- */

static clact_status try_host(struct trial *t)
{
    clact_operand o[MOST_ARRAYS];
    now = initial;
    for (int k = 0; k < MOST_ARRAYS && t->operation->arrays[k].use; k++)
        o[k] = operand_of(&t->operation->arrays[k], now.bytes[k], NULL);
    trial_arm(t);
    clact_status status = t->operation->call(t->context, o, NULL);
    trial_disarm(t);
    judge(t, status);
    return status;
}

static clact_status make_buffers(struct trial *t, clact_operand *o)
{
    for (int k = 0; k < MOST_ARRAYS && t->operation->arrays[k].use; k++) {
        const struct array *a = &t->operation->arrays[k];
        clact_buffer *buffer;
        clact_status status = clact_buffer_create(&buffer, t->context, bytes_of(a));
        if (status != CLACT_OK)
            return status;
        o[k] = operand_of(a, NULL, buffer);
        status = clact_buffer_write(buffer, 0, bytes_of(a), initial.bytes[k]);
        if (status != CLACT_OK)
            return status;
    }
    return CLACT_OK;
}

static clact_status read_buffers(struct trial *t, const clact_operand *o)
{
    for (int k = 0; k < MOST_ARRAYS && t->operation->arrays[k].use; k++) {
        clact_status status = clact_buffer_read(o[k].buffer, 0, bytes_of(&t->operation->arrays[k]), now.bytes[k]);
        if (status != CLACT_OK)
            return status;
    }
    return CLACT_OK;
}

static clact_status call_on_buffers(struct trial *t, const clact_operand *o)
{
    trial_arm(t);
    clact_status status = t->operation->call(t->context, o, NULL);
    if (status == CLACT_OK)
        status = clact_finish(t->context);
    trial_disarm(t);
    return status;
}

#ifdef CLACT_TEST_OPENCL
/* Behind an event of the program's own, and with one for the end. */
static clact_status call_enqueued(struct trial *t, const clact_operand *o)
{
    cl_int code;
    cl_event before = p_clCreateUserEvent(clact_opencl_context(t->context), &code), after = NULL;
    if (code != CL_SUCCESS)
        return CLACT_E_OPENCL;
    trial_arm(t);
    clact_status status = t->operation->call(t->context, o, &(clact_enqueue){.waits = &before, .num_waits = 1, .event = &after});
    trial_disarm(t);
    trial_expect(t, (status == CLACT_OK) == (after != NULL), "an event is there only, and always, where the call succeeded");
    p_clSetUserEventStatus(before, t->wait_fails ? CL_OUT_OF_RESOURCES : CL_COMPLETE);
    p_clReleaseEvent(before);
    if (after) {
        status = p_clWaitForEvents(1, &after) == CL_SUCCESS ? CLACT_OK : CLACT_E_OPENCL;
        p_clReleaseEvent(after);
    }
    clact_finish(t->context);
    return status;
}
#else
static clact_status call_enqueued(struct trial *t, const clact_operand *o)
{
    (void)t;
    (void)o;
    return CLACT_E_UNSUPPORTED;
}
#endif

static clact_status try_buffers(struct trial *t)
{
    clact_operand o[MOST_ARRAYS] = {0};
    if (make_buffers(t, o) != CLACT_OK) {
        trial_expect(t, false, "buffers are made where nothing fails");
        return CLACT_OK;
    }
    clact_status status = t->place == ENQUEUED ? call_enqueued(t, o) : call_on_buffers(t, o);
    const char *wrong = t->wrong;
    const clact_status read = read_buffers(t, o);
    judge(t, status);
    if (read != CLACT_OK)
        t->wrong = wrong ? wrong : "buffers are read where nothing fails";
    for (int k = 0; k < MOST_ARRAYS; k++)
        clact_buffer_destroy(&o[k].buffer);
    return status;
}

clact_status operation_try(struct trial *t)
{
    if (t->operation->whole)
        return t->operation->whole(t);
    return t->place == ON_HOST ? try_host(t) : try_buffers(t);
}

bool operation_expect(const struct operation *o, clact_context *cpu)
{
    if (o->whole)
        return true;
    begin(o, &initial);
    expected = initial;
    clact_operand operands[MOST_ARRAYS];
    for (int k = 0; k < MOST_ARRAYS && o->arrays[k].use; k++)
        operands[k] = operand_of(&o->arrays[k], expected.bytes[k], NULL);
    return o->call(cpu, operands, NULL) == CLACT_OK && memcmp(&expected, &initial, sizeof expected) != 0;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status forward(clact_context *c, const clact_activation_desc *desc, const clact_forward_args *args,
                            const clact_enqueue *q)
{
    clact_activation *f;
    clact_status status = clact_activation_create(&f, desc);
    if (status != CLACT_OK)
        return status;
    status = q ? clact_forward_enqueue(c, f, args, q) : clact_forward(c, f, args);
    clact_activation_destroy(&f);
    return status;
}

static clact_status backward(clact_context *c, const clact_activation_desc *desc, const clact_backward_args *args,
                             const clact_enqueue *q)
{
    clact_activation *f;
    clact_status status = clact_activation_create(&f, desc);
    if (status != CLACT_OK)
        return status;
    status = q ? clact_backward_enqueue(c, f, args, q) : clact_backward(c, f, args);
    clact_activation_destroy(&f);
    return status;
}

#define NAMED(text) &(clact_activation_desc){.name = text}
#define FORWARD(function, row, ...)                                                                           \
    static clact_status function(clact_context *c, const clact_operand *o, const clact_enqueue *q)            \
    {                                                                                                         \
        return forward(c, NAMED(row), &(clact_forward_args){.x = &o[0], .y = &o[1], __VA_ARGS__}, q);         \
    }
#define BACKWARD(function, row, ...)                                                                          \
    static clact_status function(clact_context *c, const clact_operand *o, const clact_enqueue *q)            \
    {                                                                                                         \
        return backward(c, NAMED(row), &(clact_backward_args){.dy = &o[1], .dx = &o[2], __VA_ARGS__}, q);     \
    }

FORWARD(elu, "elu", .seed = 0)
BACKWARD(elu_backward, "elu", .x = &o[0])
BACKWARD(elu_added, "elu", .x = &o[0], .dx_beta = 1)
FORWARD(dropout, "dropout", .seed = 7, .training = 1)
FORWARD(prelu_slopes, "prelu", .parameters = &(clact_parameter_tensor){"slope", &o[2]}, .parameter_count = 1)
BACKWARD(prelu_gradient, "prelu", .x = &o[0], .gradient_count = 1,
         .gradients = &(clact_parameter_gradient){.name = "slope", .value = &o[3]})
FORWARD(softmax, "softmax", .mask = &o[2])
BACKWARD(softmax_backward, "softmax", .y = &o[0])
FORWARD(sparsemax, "sparsemax", .seed = 0)
FORWARD(glu, "glu", .seed = 0)
BACKWARD(glu_backward, "glu", .x = &o[0])
FORWARD(swiglu, "swiglu", .gate = &o[2])
BACKWARD(swiglu_backward, "swiglu", .x = &o[0], .gate = &o[3], .dgate = &o[4])
FORWARD(crelu, "crelu", .seed = 0)
BACKWARD(crelu_backward, "crelu", .x = &o[0])
FORWARD(maxout, "maxout", .seed = 0)
BACKWARD(maxout_backward, "maxout", .x = &o[0])

/* Every other element. */
static clact_status elu_view(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    clact_operand v[2] = {o[0], o[1]};
    for (int k = 0; k < 2; k++) {
        v[k].tensor.dims[0] /= 2;
        v[k].tensor.strided = 1;
        v[k].tensor.strides[0] = 2;
    }
    return forward(c, NAMED("elu"), &(clact_forward_args){.x = &v[0], .y = &v[1]}, q);
}

static clact_status quantised(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    static const clact_quantization how = {.x_scale = 0.5, .y_scale = 0.25, .x_type = CLACT_I8, .y_type = CLACT_U8};
    return forward(c, &(clact_activation_desc){.name = "sigmoid", .quantization = &how},
                   &(clact_forward_args){.x = &o[0], .y = &o[1]}, q);
}

/* The short forms, which take host memory alone. */
static clact_status apply(clact_context *c, const clact_operand *o, const clact_enqueue *q)
{
    clact_activation *f;
    clact_status status = clact_activation_named(&f, "tanh", NULL, 0);
    (void)q;
    if (status != CLACT_OK)
        return status;
    status = clact_apply(c, f, COUNT, o[0].data, o[2].data);
    if (status == CLACT_OK)
        status = clact_apply_gradient(c, f, COUNT, o[0].data, o[1].data, o[3].data);
    clact_activation_destroy(&f);
    return status;
}

#define F32(use, count) {use, CLACT_F32, 0, count}
#define MATRIX(use, rows, columns) {use, CLACT_F32, rows, columns}

const struct operation array_operations[] = {
    {"apply", AT(ON_HOST), false, {F32(IN, COUNT), F32(IN, COUNT), F32(OUT, COUNT), F32(OUT, COUNT)}, apply, NULL},
    {"elu", ANYWHERE, false, {F32(IN, COUNT), F32(OUT, COUNT)}, elu, NULL},
    {"elu of a view", ANYWHERE, false, {F32(IN, COUNT), F32(OUT, COUNT)}, elu_view, NULL},
    {"elu backward", ANYWHERE, false, {F32(IN, COUNT), F32(IN, COUNT), F32(OUT, COUNT)}, elu_backward, NULL},
    {"elu backward, added", ANYWHERE, false, {F32(IN, COUNT), F32(IN, COUNT), F32(INOUT, COUNT)}, elu_added, NULL},
    {"dropout in training", ANYWHERE, false, {F32(IN, COUNT), F32(OUT, COUNT)}, dropout, NULL},
    {"prelu with slopes", ANYWHERE, false, {MATRIX(IN, 10, 100), MATRIX(OUT, 10, 100), F32(IN, 100)}, prelu_slopes, NULL},
    {"prelu's gradient", ANYWHERE, false, {F32(IN, TERMS), F32(IN, TERMS), F32(OUT, TERMS), F32(OUT, 1)}, prelu_gradient, NULL},
    {"softmax with a mask", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(OUT, 8, 100), {IN, CLACT_U8, 0, 100}}, softmax, NULL},
    {"softmax backward", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(IN, 8, 100), MATRIX(OUT, 8, 100)}, softmax_backward, NULL},
    {"sparsemax", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(OUT, 8, 100)}, sparsemax, NULL},
    {"glu", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(OUT, 8, 50)}, glu, NULL},
    {"glu backward", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(IN, 8, 50), MATRIX(OUT, 8, 100)}, glu_backward, NULL},
    {"swiglu of two arrays", ANYWHERE, false, {F32(IN, COUNT), F32(OUT, COUNT), F32(IN, COUNT)}, swiglu, NULL},
    {"swiglu of two arrays, backward", ANYWHERE, false,
     {F32(IN, COUNT), F32(IN, COUNT), F32(OUT, COUNT), F32(IN, COUNT), F32(OUT, COUNT)}, swiglu_backward, NULL},
    {"crelu", ANYWHERE, false, {MATRIX(IN, 8, 50), MATRIX(OUT, 8, 100)}, crelu, NULL},
    {"crelu backward", ANYWHERE, false, {MATRIX(IN, 8, 50), MATRIX(IN, 8, 100), MATRIX(OUT, 8, 50)}, crelu_backward, NULL},
    {"maxout", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(OUT, 8, 50)}, maxout, NULL},
    {"maxout backward", ANYWHERE, false, {MATRIX(IN, 8, 100), MATRIX(IN, 8, 50), MATRIX(OUT, 8, 100)}, maxout_backward, NULL},
    {"quantised sigmoid", ANYWHERE, false, {{IN, CLACT_I8, 0, COUNT}, {OUT, CLACT_U8, 0, COUNT}}, quantised, NULL},
    {.name = NULL},
};
