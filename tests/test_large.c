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

#define AT_THE_END 3 /* in the place of an axis: the elements are dense, and lie where the memory ends */

/* One axis takes steps of what the memory has room for seven of, the others small ones; by turns forwards and back. */
static clact_operand far_operand(const struct far *f, const array *dense, enum role role, uint32_t axis)
{
    clact_operand o = dense->operand;
    clact_tensor *t = &o.tensor;
    bool apart = lies_apart(f, role), back = role % 2;
    int64_t size = (int64_t)clact_type_bytes((clact_type)t->type);
    int64_t room = (int64_t)(apart ? f->apart_bytes : f->bytes) / size;
    int64_t step = (room - ROLE_COUNT * GAP) / 7 * (axis || t->dims[0] == 6 ? 1 : 2), next = 1;
    o.buffer = apart ? f->apart_buffer : f->buffer;
    o.data = o.buffer ? NULL : apart ? f->apart : f->memory;
    if (axis == AT_THE_END || (role == SUM && apart)) {
        t->offset = room - (role + 1) * GAP;
        return o;
    }
    for (uint32_t k = 3; k-- > 0;) {
        t->strides[k] = k == axis ? (back ? -step : step) : next;
        next *= k == axis ? 1 : 8;
    }
    t->offset = role * GAP + (back ? (t->dims[axis] - 1) * step : 0);
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
    return forward(c, made("prelu", NULL, 0),
                   (clact_forward_args){.x = &o[X], .y = &o[Y], .parameters = &t, .parameter_count = 1});
}

/* The terms of a sum lie far apart. They depend on the parameter. */
static clact_status tensor_gradient(clact_context *c, const clact_operand *o)
{
    clact_parameter_tensor t = {"beta", &o[SECOND_SLOPE]};
    clact_parameter_gradient g = {"beta", &o[SUM], 0, {0}};
    return backward(c, made("swish", NULL, 0), (clact_backward_args){.x = &o[X], .dy = &o[DY], .parameters = &t,
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
    return backward(c, made("maxout", "axis", 0),
                    (clact_backward_args){.x = &o[LONG_X], .dy = &o[DY], .dx = &o[LONG_Y]});
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
    {"a tensor of slopes", slopes, Y, ROLE_COUNT}, {"the gradient of a tensor", tensor_gradient, SUM, ROLE_COUNT},
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
                ck_assert_msg(get(&out, i) == get(&dense[r], i), "%s in %s, axis %u: element %d is %g, not %g",
                              which->name, clact_type_name(f->type), (unsigned)axis, (int)i, get(&out, i),
                              get(&dense[r], i));
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
    struct far f = {.context = cpu_context(NULL, 1), .type = (clact_type)(_i / 4)};
    f.bytes = ((size_t)15 << 30) * clact_type_bytes(f.type);
    f.apart_bytes = 15 * GIB;
    f.memory = reserve(f.bytes);
    f.apart = reserve(f.apart_bytes);
    if (f.memory && f.apart)
        check_far(&f, (uint32_t)_i % 4);
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
    if (clact_buffer_create(&b, test_context(), bytes) != CLACT_OK ||
        clact_buffer_write(b, bytes - 1, 1, "") != CLACT_OK) {
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
        check_far(&f, (uint32_t)_i);
    clact_buffer_destroy(&f.buffer);
    clact_buffer_destroy(&f.apart_buffer);
}
END_TEST

/* ---- More than 2^32 elements ---------------------------------------------------------------- */

/* A pool of so many threads that each has little to do, of which a few do it: the parts around these shares of all. */
static void do_few(void *data, void (*task)(void *work, uint32_t i), void *work, uint32_t count)
{
    static const double shares[] = {0, 0.5, 1};
    uint32_t last = 0;
    (void)data;
    for (size_t k = 0; k < COUNT_OF(shares); k++) {
        uint32_t middle = (uint32_t)(shares[k] * (count - 1));
        for (uint32_t i = middle ? middle - 1 : 0; i <= middle + 1 && i < count; i++)
            if (i == 0 || i > last)
                task(work, last = i);
    }
}

static clact_context *few_parts(void)
{
    clact_context *c;
    OK(clact_open(&c, &(clact_options){.device = "cpu", .threads = 1 << 20, .parallel_for = do_few}));
    return c;
}

#define MANY (((int64_t)1 << 33) + 4) /* a multiple of 2 and of 6 */

/* A tensor of MANY elements: an array, or rows of columns and a gap. */
static clact_operand many(clact_type type, char *memory, int64_t columns)
{
    clact_operand o = clact_array(type, memory, MANY);
    if (columns) {
        o.tensor.rank = 2;
        o.tensor.dims[0] = MANY / columns;
        o.tensor.dims[1] = columns;
        o.tensor.strides[0] = columns + 1;
        o.tensor.strides[1] = o.tensor.strided = 1;
    }
    return o;
}

/* Element i, by its row-major index. */
static char *element(const clact_operand *o, int64_t i)
{
    int64_t place = o->tensor.strided ? i / o->tensor.dims[1] * o->tensor.strides[0] + i % o->tensor.dims[1] : i;
    return (char *)o->data + (size_t)place * clact_type_bytes((clact_type)o->tensor.type);
}

/* What is looked at: both ends, and the middle, beyond 2^32; pairs that are rows of two. */
static const int64_t looked_at[] = {0, 1, MANY / 2, MANY / 2 + 1, MANY - 2, MANY - 1};
#define LOOKED_AT COUNT_OF(looked_at)

static void put(const clact_operand *o, const array *values)
{
    size_t size = clact_type_bytes((clact_type)o->tensor.type);
    for (size_t k = 0; k < LOOKED_AT; k++)
        memcpy(element(o, looked_at[k]), (const char *)values->memory + k * size, size);
}

static void expect_at(const clact_operand *o, const array *values, const char *what)
{
    size_t size = clact_type_bytes((clact_type)o->tensor.type);
    for (size_t k = 0; k < LOOKED_AT; k++)
        ck_assert_msg(memcmp(element(o, looked_at[k]), (const char *)values->memory + k * size, size) == 0,
                      "%s in %s: element %lld is wrong", what, clact_type_name((clact_type)o->tensor.type),
                      (long long)looked_at[k]);
}

/* Memory for MANY elements of up to four bytes, some of them with a gap behind. */
struct many {
    clact_context *context;
    char *memory[4];
};

#define MANY_BYTES ((size_t)(MANY + MANY / 2 + 2) * sizeof(float))

static bool make_many(struct many *m)
{
    bool whole = true;
    m->context = few_parts();
    for (size_t k = 0; k < COUNT_OF(m->memory); k++)
        whole &= (m->memory[k] = reserve(MANY_BYTES)) != NULL;
    return whole;
}

static void free_many(struct many *m)
{
    for (size_t k = 0; k < COUNT_OF(m->memory); k++)
        if (m->memory[k])
            munmap(m->memory[k], MANY_BYTES);
    clact_close(&m->context);
}

/* Six numbers, as a small call has them and gives them. */
static array six(clact_type type, int times)
{
    array a = make_array(type, 1, (int64_t[]){LOOKED_AT});
    for (size_t k = 0; k < LOOKED_AT; k++)
        set(&a, (int64_t)k, times * ((double)k - 2.5) / 4);
    return a;
}

/* Arrays and rows with gaps, in place too, forward and backward, one of each kind. */
START_TEST(many_elements)
{
    static const struct { clact_type type; int64_t columns; bool in_place; } ways[] = {
        {CLACT_F32, 0, false}, {CLACT_F32, 0, true}, {CLACT_BF16, 0, false}, {CLACT_F32, 2, false},
        {CLACT_BF16, 6, true},
    };
    struct many m;
    if (make_many(&m)) {
        clact_type type = ways[_i].type;
        clact_operand x = many(type, m.memory[0], ways[_i].columns), dy = many(type, m.memory[1], ways[_i].columns);
        clact_operand y = ways[_i].in_place ? x : many(type, m.memory[2], ways[_i].columns);
        array in = six(type, 1), up = six(type, -3), out = six(type, 0);
        put(&x, &in), put(&dy, &up);
        OK(plain(m.context, (clact_operand[]){[X] = x, [Y] = y}));
        OK(plain(m.context, (clact_operand[]){[X] = in.operand, [Y] = out.operand}));
        expect_at(&y, &out, "forward");
        put(&x, &in);
        OK(plain_gradient(m.context, (clact_operand[]){[X] = x, [DY] = dy, [Y] = y}));
        OK(plain_gradient(m.context, (clact_operand[]){[X] = in.operand, [DY] = up.operand, [Y] = out.operand}));
        expect_at(&y, &out, "backward");
        put(&x, &in);
        OK(gated(m.context, (clact_operand[]){[X] = x, [V] = dy, [Y] = y}));
        OK(gated(m.context, (clact_operand[]){[X] = in.operand, [V] = up.operand, [Y] = out.operand}));
        expect_at(&y, &out, "gated");
        free_array(&in), free_array(&up), free_array(&out);
    }
    free_many(&m);
}
END_TEST

/* Element i of one offset is element i - 2^33 of the offset 2^31 further on. */
START_TEST(many_random_numbers)
{
    struct many m;
    if (make_many(&m)) {
        float small[4], one[4] = {1, 1, 1, 1};
        clact_operand x = many(CLACT_F32, m.memory[0], _i ? 2 : 0), y = many(CLACT_F32, m.memory[1], _i ? 2 : 0);
        for (int64_t i = 0; i < 4; i++)
            memcpy(element(&x, MANY - 4 + i), &one[i], sizeof(float));
        OK(noise(m.context, (clact_operand[]){[X] = x, [Y] = y}));
        clact_operand from = clact_array(CLACT_F32, one, 4), to = clact_array(CLACT_F32, small, 4);
        OK(forward(m.context, made("dropout", NULL, 0), (clact_forward_args){.x = &from, .y = &to, .seed = 5,
                   .offset = (uint64_t)1 << 31, .training = 1}));
        for (int64_t i = 0; i < 4; i++)
            ck_assert_mem_eq(element(&y, MANY - 4 + i), &small[i], sizeof(float));
    }
    free_many(&m);
}
END_TEST

/* More than 2^32 rows of two, and the gradient of a slope, whose terms are the numbers below 0. */
START_TEST(many_rows_and_terms)
{
    struct many m;
    if (make_many(&m)) {
        clact_operand x = many(CLACT_F32, m.memory[0], 2), y = many(CLACT_F32, m.memory[1], 2);
        clact_operand dy = many(CLACT_F32, m.memory[2], 0), flat = many(CLACT_F32, m.memory[3], 0);
        array in = six(CLACT_F32, 1), out = six(CLACT_F32, 0);
        clact_operand small_x = in.operand, small_y = out.operand;
        small_x.tensor.rank = small_y.tensor.rank = 2;
        small_x.tensor.dims[0] = small_y.tensor.dims[0] = 3;
        small_x.tensor.dims[1] = small_y.tensor.dims[1] = 2;
        small_x.tensor.strided = small_y.tensor.strided = 0;
        put(&x, &in);
        OK(forward(m.context, made("softmax", NULL, 0), (clact_forward_args){.x = &x, .y = &y}));
        OK(forward(m.context, made("softmax", NULL, 0), (clact_forward_args){.x = &small_x, .y = &small_y}));
        expect_at(&y, &out, "softmax");
        array terms = six(CLACT_F32, -4), ones = six(CLACT_F32, 0);
        for (int64_t i = 0; i < (int64_t)LOOKED_AT; i++)
            set(&ones, i, i + 1);
        put(&flat, &terms), put(&dy, &ones);
        float sum = 0;
        clact_operand value = clact_array(CLACT_F32, &sum, 1);
        clact_parameter_gradient g = {"slope", &value, 0, {0}};
        OK(backward(m.context, made("prelu", NULL, 0),
                    (clact_backward_args){.x = &flat, .dy = &dy, .gradients = &g, .gradient_count = 1}));
        double expected = 0;
        for (int64_t i = 0; i < (int64_t)LOOKED_AT; i++)
            expected += get(&terms, i) < 0 ? get(&terms, i) * get(&ones, i) : 0;
        ck_assert_msg(sum == (float)expected && expected != 0, "the sum is %g, not %g", (double)sum, expected);
        free_array(&in), free_array(&out), free_array(&terms), free_array(&ones);
    }
    free_many(&m);
}
END_TEST

Suite *large_suite(void)
{
    Suite *s = suite_create("large");
    TCase *t = tcase_create("large");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, far_apart_on_the_host, 0, 4 * CLACT_TYPE_COUNT);
    tcase_add_loop_test(t, many_elements, 0, 5);
    tcase_add_loop_test(t, many_random_numbers, 0, 2);
    tcase_add_test(t, many_rows_and_terms);
    if (test_caps()->backend == CLACT_BACKEND_OPENCL && !light())
        tcase_add_loop_test(t, far_apart_in_buffers, 0, 4);
    suite_add_tcase(s, t);
    return s;
}
