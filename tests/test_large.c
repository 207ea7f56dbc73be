/* test_large.c: places and indices beyond 2^31 and 2^32, in memory of which a few pages are touched. */
#include "layouts.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GIB ((size_t)1 << 30)

/* Address space without memory behind it; NULL where there is not that much. */
static char *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        fprintf(stderr, "skipped: there is no address space of %zu GiB\n", bytes / GIB);
    return p == MAP_FAILED ? NULL : p;
}

/* ---- Views whose elements lie far apart ----------------------------------------------------- */

/* What calls read and write. LONG_X and LONG_Y have twice the elements along the first axis, SLOPE one for each
 * along it, SECOND_SLOPE and SUM one for each along the second. */
enum role { X, Y, DY, V, DV, LONG_X, LONG_Y, SLOPE, SECOND_SLOPE, SUM, MASK, ROLE_COUNT };

static const int64_t dims_of[ROLE_COUNT][3] = {
    [X] = {3, 4, 5}, [Y] = {3, 4, 5}, [DY] = {3, 4, 5}, [V] = {3, 4, 5}, [DV] = {3, 4, 5}, [LONG_X] = {6, 4, 5},
    [LONG_Y] = {6, 4, 5}, [SLOPE] = {3, 1, 1},
    [SECOND_SLOPE] = {1, 4, 1}, [SUM] = {1, 4, 1}, [MASK] = {3, 4, 5},
};

/* Memory for all of them, interleaved. Elements of another size, the mask's and sums of f16 and bf16, lie apart. */
struct far {
    clact_context *context;
    clact_type type;
    char *memory, *apart; /* or buffers */
    clact_buffer *buffer, *apart_buffer;
    size_t bytes, apart_bytes;
};

#define GAP 4096 /* elements from the first of a role to that of the next */

static bool lies_apart(const struct far *f, enum role role)
{
    return role == MASK || (role == SUM && clact_type_bytes(f->type) < sizeof(float));
}

/* One axis takes steps of what the memory has room for seven of, the others small ones; by turns forwards and back. */
static clact_operand far_operand(const struct far *f, const array *dense, enum role role, uint32_t axis)
{
    clact_operand o = dense->operand;
    clact_tensor *t = &o.tensor;
    bool apart = lies_apart(f, role), back = role % 2;
    int64_t size = (int64_t)clact_type_bytes((clact_type)t->type), room = (int64_t)(apart ? f->apart_bytes : f->bytes) / size;
    int64_t step = (room - ROLE_COUNT * GAP) / 7 * (axis || t->dims[0] == 6 ? 1 : 2), next = 1;
    for (uint32_t k = 3; k-- > 0;) {
        t->strides[k] = k == axis ? (back ? -step : step) : next;
        next *= k == axis ? 1 : 8;
    }
    t->offset = role * GAP + (back ? (t->dims[axis] - 1) * step : 0);
    if (role == SUM && apart) /* behind the mask */
        t->offset = room - GAP, t->strides[axis] = 1024;
    t->strided = 1;
    o.buffer = apart ? f->apart_buffer : f->buffer;
    o.data = o.buffer ? NULL : apart ? f->apart : f->memory;
    return o;
}

/* Copies the elements between where they are far apart and where they are dense. */
static void copy_far(const clact_operand *o, const array *dense, bool out)
{
    size_t size = clact_type_bytes((clact_type)o->tensor.type);
    for (int64_t i = 0; i < count_of(dense); i++) {
        int64_t place = o->tensor.offset, rest = i;
        for (uint32_t k = 3; k-- > 0; rest /= o->tensor.dims[k])
            place += rest % o->tensor.dims[k] * o->tensor.strides[k];
        char *near = (char *)dense->memory + (size_t)i * size, *far = (char *)o->data + (size_t)place * size;
        if (!o->buffer)
            memcpy(out ? near : far, out ? far : near, size);
        else if (out)
            OK(clact_buffer_read(o->buffer, (size_t)place * size, size, near));
        else
            OK(clact_buffer_write(o->buffer, (size_t)place * size, size, near));
    }
}

typedef clact_status far_call(clact_context *c, const clact_operand *o);

static clact_activation *made(const char *name, const char *parameter, double value)
{
    clact_activation *a;
    clact_parameter p = {parameter, value, 0, 0};
    OK(clact_activation_named(&a, name, &p, parameter != NULL));
    return a;
}

static clact_status forward(clact_context *c, clact_activation *a, clact_forward_args args)
{
    clact_status status = clact_forward(c, a, &args);
    clact_activation_destroy(&a);
    return status;
}

static clact_status backward(clact_context *c, clact_activation *a, clact_backward_args args)
{
    clact_status status = clact_backward(c, a, &args);
    clact_activation_destroy(&a);
    return status;
}

static clact_status plain(clact_context *c, const clact_operand *o)
{
    return forward(c, made("silu", NULL, 0), (clact_forward_args){.x = &o[X], .y = &o[Y]});
}

static clact_status plain_gradient(clact_context *c, const clact_operand *o)
{
    return backward(c, made("silu", NULL, 0), (clact_backward_args){.x = &o[X], .dy = &o[DY], .dx = &o[Y]});
}

static clact_status slopes(clact_context *c, const clact_operand *o)
{
    clact_parameter_tensor t = {"slope", &o[SLOPE]};
    return forward(c, made("prelu", NULL, 0), (clact_forward_args){.x = &o[X], .y = &o[Y], .parameters = &t, .parameter_count = 1});
}

/* The terms of a sum lie far apart. */
static clact_status slope_gradient(clact_context *c, const clact_operand *o)
{
    clact_parameter_tensor t = {"slope", &o[SECOND_SLOPE]};
    clact_parameter_gradient g = {"slope", &o[SUM], 0, {0}};
    return backward(c, made("prelu", NULL, 0), (clact_backward_args){.x = &o[X], .dy = &o[DY], .parameters = &t,
                    .parameter_count = 1, .gradients = &g, .gradient_count = 1});
}

static clact_status noise(clact_context *c, const clact_operand *o)
{
    return forward(c, made("dropout", NULL, 0), (clact_forward_args){.x = &o[X], .y = &o[Y], .seed = 5, .training = 1});
}

static clact_status gated(clact_context *c, const clact_operand *o)
{
    return forward(c, made("swiglu", NULL, 0), (clact_forward_args){.x = &o[X], .gate = &o[V], .y = &o[Y]});
}

static clact_status gated_gradient(clact_context *c, const clact_operand *o)
{
    return backward(c, made("swiglu", NULL, 0),
                    (clact_backward_args){.x = &o[X], .gate = &o[V], .dy = &o[DY], .dx = &o[Y], .dgate = &o[DV]});
}

static clact_status crelu(clact_context *c, const clact_operand *o)
{
    return forward(c, made("crelu", "axis", 0), (clact_forward_args){.x = &o[X], .y = &o[LONG_Y]});
}

static clact_status crelu_gradient(clact_context *c, const clact_operand *o)
{
    return backward(c, made("crelu", "axis", 0), (clact_backward_args){.x = &o[X], .dy = &o[LONG_X], .dx = &o[Y]});
}

static clact_status maxout(clact_context *c, const clact_operand *o)
{
    return forward(c, made("maxout", "axis", 0), (clact_forward_args){.x = &o[LONG_X], .y = &o[Y]});
}

static clact_status maxout_gradient(clact_context *c, const clact_operand *o)
{
    return backward(c, made("maxout", "axis", 0), (clact_backward_args){.x = &o[LONG_X], .dy = &o[DY], .dx = &o[LONG_Y]});
}

static clact_status row(clact_context *c, const clact_operand *o)
{
    return forward(c, made("softmax", "axis", 0), (clact_forward_args){.x = &o[X], .mask = &o[MASK], .y = &o[Y]});
}

static clact_status rows(clact_context *c, const clact_operand *o)
{
    return forward(c, made("softmax", "axis", 2), (clact_forward_args){.x = &o[X], .mask = &o[MASK], .y = &o[Y]});
}

static clact_status row_gradient(clact_context *c, const clact_operand *o)
{
    return backward(c, made("softmax", "axis", 0), (clact_backward_args){.y = &o[X], .dy = &o[DY], .dx = &o[Y]});
}

static const struct far_case {
    const char *name;
    far_call *call;
    enum role out, second;
} far_cases[] = {
    {"element-wise", plain, Y, ROLE_COUNT}, {"element-wise backward", plain_gradient, Y, ROLE_COUNT},
    {"a tensor of slopes", slopes, Y, ROLE_COUNT}, {"the gradient of slopes", slope_gradient, SUM, ROLE_COUNT},
    {"noise", noise, Y, ROLE_COUNT}, {"gated", gated, Y, ROLE_COUNT}, {"gated backward", gated_gradient, Y, DV},
    {"crelu", crelu, LONG_Y, ROLE_COUNT}, {"crelu backward", crelu_gradient, Y, ROLE_COUNT},
    {"maxout", maxout, Y, ROLE_COUNT}, {"maxout backward", maxout_gradient, LONG_Y, ROLE_COUNT},
    {"a row far apart", row, Y, ROLE_COUNT}, {"rows far apart", rows, Y, ROLE_COUNT},
    {"the gradient of a row", row_gradient, Y, ROLE_COUNT},
};

/* Each call on the same numbers, dense on the CPU backend and far apart, with equal bits. */
static void check_far(const struct far *f, uint32_t axis)
{
    array dense[ROLE_COUNT], got[ROLE_COUNT];
    clact_operand near[ROLE_COUNT], far[ROLE_COUNT];
    clact_context *cpu = cpu_context(NULL, 1);
    for (enum role r = 0; r < ROLE_COUNT; r++) {
        clact_type type = r == MASK ? CLACT_U8 : lies_apart(f, r) ? CLACT_F32 : f->type;
        dense[r] = make_array(type, 3, dims_of[r]);
        got[r] = make_array(type, 3, dims_of[r]);
        for (int64_t i = 0; i < count_of(&dense[r]); i++)
            if (r == MASK)
                ((uint8_t *)dense[r].memory)[i] = i % 7 != 3;
            else
                set(&dense[r], i, (double)((i * 37 + r * 11) % 64 - 31) / 16);
        near[r] = dense[r].operand;
        far[r] = far_operand(f, &dense[r], r, axis);
        copy_far(&far[r], &dense[r], false);
    }
    for (size_t k = 0; k < COUNT_OF(far_cases); k++) {
        const struct far_case *which = &far_cases[k];
        for (enum role r = which->out; r != ROLE_COUNT; r = r == which->out ? which->second : ROLE_COUNT)
            copy_far(&far[r], &got[r], false); /* zeros */
        OK(which->call(cpu, near));
        OK(which->call(f->context, far));
        for (enum role r = which->out; r != ROLE_COUNT; r = r == which->out ? which->second : ROLE_COUNT) {
            array out = copy_of(&got[r]);
            copy_far(&far[r], &out, true);
            for (int64_t i = 0; i < count_of(&out); i++)
                ck_assert_msg(get(&out, i) == get(&dense[r], i), "%s in %s, axis %u: element %d is %g, not %g", which->name,
                              clact_type_name(f->type), (unsigned)axis, (int)i, get(&out, i), get(&dense[r], i));
            free_array(&out);
        }
    }
    for (enum role r = 0; r < ROLE_COUNT; r++) {
        free_array(&dense[r]);
        free_array(&got[r]);
    }
    clact_close(&cpu);
}

/* On the CPU backend, beyond 2^32 elements. */
START_TEST(far_apart_on_the_host)
{
    struct far f = {.context = cpu_context(NULL, 1), .type = (clact_type)(_i / 2)};
    f.bytes = ((size_t)15 << 30) * clact_type_bytes(f.type);
    f.apart_bytes = 15 * GIB;
    f.memory = reserve(f.bytes);
    f.apart = reserve(f.apart_bytes);
    if (f.memory && f.apart)
        check_far(&f, _i % 2 ? 2 : 0);
    if (f.memory)
        munmap(f.memory, f.bytes);
    if (f.apart)
        munmap(f.apart, f.apart_bytes);
    clact_close(&f.context);
}
END_TEST

/* A buffer of which a device lets its last byte be written; NULL where it does not. */
static clact_buffer *large_buffer(size_t bytes)
{
    clact_buffer *b = NULL;
    if (clact_buffer_create(&b, test_context(), bytes) != CLACT_OK || clact_buffer_write(b, bytes - 1, 1, "") != CLACT_OK) {
        fprintf(stderr, "skipped: the device has no buffer of %zu GiB\n", bytes / GIB);
        clact_buffer_destroy(&b);
    }
    return b;
}

/* In buffers of the device, beyond 2^31 elements of bf16 and 2^32 of the mask. */
START_TEST(far_apart_in_buffers)
{
    struct far f = {.context = test_context(), .type = CLACT_BF16, .bytes = 8 * GIB, .apart_bytes = 8 * GIB};
    f.buffer = large_buffer(f.bytes);
    f.apart_buffer = f.buffer ? large_buffer(f.apart_bytes) : NULL;
    if (f.apart_buffer)
        check_far(&f, _i ? 2 : 0);
    clact_buffer_destroy(&f.buffer);
    clact_buffer_destroy(&f.apart_buffer);
}
END_TEST

Suite *large_suite(void)
{
    Suite *s = suite_create("large");
    TCase *t = tcase_create("large");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, far_apart_on_the_host, 0, 2 * CLACT_TYPE_COUNT);
    if (test_caps()->backend == CLACT_BACKEND_OPENCL && !light())
        tcase_add_loop_test(t, far_apart_in_buffers, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
