/* test_dlpack.c: tests of clact/dlpack.h, in C99 and, by test_dlpack_cpp.cc, in C++. */
#include <clact/dlpack.h>

#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            printf("%s:%d: not %s (%s)\n", __FILE__, __LINE__, #condition, clact_error()); \
            failures++; \
        } \
    } while (0)

static DLTensor tensor_of(void *data, int code, int bits, int ndim, int64_t *shape, int64_t *strides)
{
    DLTensor t;
    memset(&t, 0, sizeof t);
    t.data = data;
    t.device.device_type = kDLCPU;
    t.dtype.code = (uint8_t)code;
    t.dtype.bits = (uint8_t)bits;
    t.dtype.lanes = 1;
    t.ndim = ndim;
    t.shape = shape;
    t.strides = strides;
    return t;
}

static void test_types(void)
{
    static const int cases[][3] = {{kDLFloat, 32, CLACT_F32}, {kDLFloat, 16, CLACT_F16}, {4, 16, CLACT_BF16},
                                   {kDLFloat, 64, CLACT_F64}, {kDLInt, 8, CLACT_I8},     {kDLUInt, 8, CLACT_U8},
                                   {6, 8, CLACT_U8},          {kDLInt, 32, CLACT_I32},   {kDLFloat, 8, -1},
                                   {kDLInt, 64, -1},          {kDLUInt, 32, -1},         {5, 64, -1},
                                   {4, 32, -1}};
    double data[2] = {0, 0};
    int64_t shape[1] = {1};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DLTensor t = tensor_of(data, cases[i][0], cases[i][1], 1, shape, NULL);
        clact_operand o;
        clact_status status = clact_operand_from_dlpack(&o, &t, NULL);
        CHECK(status == (cases[i][2] < 0 ? CLACT_E_UNSUPPORTED : CLACT_OK));
        CHECK(status != CLACT_OK || (int)o.tensor.type == cases[i][2]);
        t.dtype.lanes = 4;
        CHECK(clact_operand_from_dlpack(&o, &t, NULL) == CLACT_E_UNSUPPORTED);
    }
}

/* y = |x| of two DLTensors. */
static clact_status magnitudes(clact_context *context, const DLTensor *x, const DLTensor *y)
{
    clact_operand from, to;
    clact_forward_args args;
    clact_enqueue enqueue;
    clact_activation *magnitude;
    const char *why = "";
    clact_status status = clact_activation_named(&magnitude, "abs", NULL, 0);
    CHECK(status == CLACT_OK);
    CHECK(clact_operand_from_dlpack(&from, x, &why) == CLACT_OK && clact_operand_from_dlpack(&to, y, &why) == CLACT_OK);
    memset(&args, 0, sizeof args);
    memset(&enqueue, 0, sizeof enqueue);
    args.x = &from;
    args.y = &to;
    status = from.mem ? clact_forward_enqueue(context, magnitude, &args, &enqueue)
                      : clact_forward(context, magnitude, &args);
    clact_activation_destroy(&magnitude);
    return status;
}

static void test_cpu(clact_context *context)
{
    float x[] = {-1, -2, -3, -4, -5, -6, -7}, y[6] = {0};
    static const float dense[] = {1, 2, 3, 4, 5, 6}, turned[] = {7, 5, 3, 6, 4, 2};
    int64_t shape[] = {2, 3}, strides[] = {-1, -2};
    DLTensor from = tensor_of(x, kDLFloat, 32, 2, shape, NULL), to = tensor_of(y, kDLFloat, 32, 2, shape, NULL);
    CHECK(magnitudes(context, &from, &to) == CLACT_OK);
    CHECK(memcmp(y, dense, sizeof y) == 0);
    from.strides = strides;
    from.byte_offset = 6 * sizeof(float);
    CHECK(magnitudes(context, &from, &to) == CLACT_OK);
    CHECK(memcmp(y, turned, sizeof y) == 0);
    shape[0] = 0;
    from.data = to.data = NULL;
    from.byte_offset = 0;
    CHECK(magnitudes(context, &from, &to) == CLACT_OK);
    from = tensor_of(&x[3], kDLFloat, 32, 0, NULL, NULL);
    to = tensor_of(&y[0], kDLFloat, 32, 0, NULL, NULL);
    CHECK(magnitudes(context, &from, &to) == CLACT_OK && y[0] == 4 && y[1] == turned[1]);
}

/* A refusal with this status; the operand is left as it was. */
static void check_refused(const DLTensor *t, clact_status status, const char *text)
{
    clact_operand o = clact_array(CLACT_F32, NULL, 77);
    const char *why = "";
    CHECK(clact_operand_from_dlpack(&o, t, &why) == status);
    CHECK(strstr(why, text) != NULL);
    CHECK(o.tensor.dims[0] == 77);
}

static void test_refusals(void)
{
    float x[4] = {0};
    int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, strides[2] = {1, 1};
    DLTensor t = tensor_of(x, kDLFloat, 32, 9, shape, NULL);
    check_refused(&t, CLACT_E_ARGUMENT, "8 dimensions");
    t.ndim = -1;
    check_refused(&t, CLACT_E_ARGUMENT, "8 dimensions");
    t.ndim = 1;
    t.byte_offset = 2;
    check_refused(&t, CLACT_E_ARGUMENT, "aligned");
    t.byte_offset = 0;
    t.data = (char *)x + 1;
    check_refused(&t, CLACT_E_ARGUMENT, "aligned");
    t = tensor_of(x, kDLFloat, 32, 1, shape, NULL);
    t.device.device_type = kDLCUDA;
    check_refused(&t, CLACT_E_UNSUPPORTED, "neither on the CPU");
    t.dtype.lanes = 2;
    check_refused(&t, CLACT_E_UNSUPPORTED, "vectors");
    t = tensor_of(x, kDLFloat, 32, 2, shape, strides);
    shape[0] = shape[1] = 3;
    strides[0] = strides[1] = -INT64_MAX / 40;
    check_refused(&t, CLACT_E_BOUNDS, "overflow");
    strides[0] = INT64_MIN;
    check_refused(&t, CLACT_E_BOUNDS, "overflow");
}

/* In the memory of a buffer, as some other library would give it. */
static void test_opencl(clact_context *context)
{
    float x[] = {-1, -2, -3, -4, -5, -6, -7}, y[7];
    int64_t shape[] = {3}, strides[] = {-2};
    clact_buffer *buffer = NULL, *imported = NULL;
    CHECK(clact_buffer_create(&buffer, context, sizeof x) == CLACT_OK);
    CHECK(clact_buffer_write(buffer, 0, sizeof x, x) == CLACT_OK);
    struct _cl_mem *mem = clact_buffer_mem(buffer);
    DLTensor t = tensor_of(mem, kDLFloat, 32, 1, shape, strides);
    t.device.device_type = kDLOpenCL;
    t.byte_offset = 5 * sizeof(float);
    CHECK(magnitudes(context, &t, &t) == CLACT_OK);
    CHECK(clact_buffer_import(&imported, context, mem) == CLACT_OK);
    CHECK(clact_buffer_read(imported, 0, sizeof y, y) == CLACT_OK);
    CHECK(y[0] == -1 && y[1] == 2 && y[2] == -3 && y[3] == 4 && y[4] == -5 && y[5] == 6 && y[6] == -7);
    t.byte_offset = 6;
    check_refused(&t, CLACT_E_ARGUMENT, "aligned");
    clact_buffer_destroy(&imported);
    clact_buffer_destroy(&buffer);
}

int main(void)
{
    clact_context *context;
    clact_caps caps;
    if (clact_open(&context, NULL) != CLACT_OK || clact_context_caps(context, &caps) != CLACT_OK) {
        printf("%s\n", clact_error());
        return 1;
    }
    test_types();
    test_cpu(context);
    test_refusals();
    if (caps.backend == CLACT_BACKEND_OPENCL)
        test_opencl(context);
    clact_close(&context);
    printf("%d failures\n", failures);
    return failures != 0;
}
