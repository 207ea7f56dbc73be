/* test_memory.c: calls on host memory, which a device may take as it is, and buffers that the host maps. */
#include "suites.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Host memory ---------------------------------------------------------------------------- */

#define N 1000

/* The same call on the CPU backend. */
static void on_cpu(const clact_activation *f, const clact_forward_args *forward, const clact_backward_args *backward)
{
    clact_context *cpu = cpu_context(NULL, 1);
    if (forward)
        OK(clact_forward(cpu, f, forward));
    else
        OK(clact_backward(cpu, f, backward));
    clact_close(&cpu);
}

static bool same_bits(const void *a, const void *b, size_t bytes)
{
    return test_caps()->exact != CLACT_EXACT_ALL || memcmp(a, b, bytes) == 0;
}

/* Inputs are only read: pages that cannot be written serve. */
START_TEST(read_only_pages)
{
    static const char *const names[] = {"sigmoid", "softmax", "glu", "maxout"};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    float y[N], dx[N], want[N];
    float *x = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(x, MAP_FAILED);
    fill_strata(x, N, 1);
    ck_assert_int_eq(mprotect(x, 2 * page, PROT_READ), 0);
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        clact_activation *f = named(names[k]);
        int64_t units = k < 2 ? N : N / 2;
        clact_operand in = clact_array(CLACT_F32, x, N), out = clact_array(CLACT_F32, y, units), wanted = out;
        wanted.data = want;
        OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &in, .y = &out}));
        on_cpu(f, &(clact_forward_args){.x = &in, .y = &wanted}, NULL);
        ck_assert_msg(same_bits(y, want, (size_t)units * sizeof *y), "%s", names[k]);
        clact_operand saved = clact_array(CLACT_F32, x, N - N / units * 7), down = saved;
        clact_operand up = clact_array(CLACT_F32, x + 7, units - 7);
        clact_backward_args back = {.x = &saved, .dy = &up, .dx = &down};
        if (strcmp(names[k], "softmax") == 0)
            back.x = NULL, back.y = &saved;
        down.data = dx;
        OK(clact_backward(test_context(), f, &back));
        down.data = want;
        on_cpu(f, NULL, &back);
        ck_assert_msg(same_bits(dx, want, (size_t)down.tensor.dims[0] * sizeof *dx), "%s, backward", names[k]);
        clact_activation_destroy(&f);
    }
    munmap(x, 2 * page);
}
END_TEST

/* Wherever an output lies, what lies before and behind it stays. */
START_TEST(any_alignment)
{
    static _Alignas(64) float x[N + 32], y[N + 64], want[N];
    clact_activation *f = named("elu");
    clact_context *cpu = cpu_context(NULL, 1);
    fill_strata(x, COUNT_OF(x), 2);
    for (size_t from = 0; from < 20; from += 3)
        for (size_t to = 0; to < 20; to += 7) {
            size_t n = N - from * to;
            for (size_t i = 0; i < COUNT_OF(y); i++)
                y[i] = -77;
            OK(clact_apply(test_context(), f, n, x + from, y + to + 16));
            OK(clact_apply(cpu, f, n, x + from, want));
            ck_assert(same_bits(y + to + 16, want, n * sizeof *want));
            for (size_t i = 0; i < COUNT_OF(y); i++)
                ck_assert(y[i] == -77 || (i >= to + 16 && i < to + 16 + n));
        }
    clact_close(&cpu);
    clact_activation_destroy(&f);
}
END_TEST

/* Views that are the same memory, or parts of it. */
START_TEST(operands_that_overlap)
{
    static float a[2 * N], b[2 * N];
    clact_activation *elu = named("elu"), *glu = named("glu"), *prelu = named("prelu");
    clact_operand x = clact_array(CLACT_F32, a, N), dy = clact_array(CLACT_F32, a + N / 2, N), dx = x;
    for (int k = 0; k < 2; k++) { /* two inputs overlap, and one of them is the output */
        clact_operand *out = k ? &dy : &x;
        fill_strata(a, COUNT_OF(a), 3);
        memcpy(b, a, sizeof a);
        OK(clact_backward(test_context(), elu, &(clact_backward_args){.x = out, .dy = out, .dx = out}));
        clact_operand other = *out;
        other.data = (char *)out->data + ((char *)b - (char *)a);
        on_cpu(elu, NULL, &(clact_backward_args){.x = &other, .dy = &other, .dx = &other});
        ck_assert(same_bits(a, b, sizeof a));
    }
    dx.data = b;
    OK(clact_backward(test_context(), elu, &(clact_backward_args){.x = &x, .dy = &dy, .dx = &dx}));
    dx.data = b + N;
    on_cpu(elu, NULL, &(clact_backward_args){.x = &x, .dy = &dy, .dx = &dx});
    ck_assert(same_bits(b, b + N, N * sizeof *b));

    fill_strata(a, COUNT_OF(a), 4);
    memcpy(b, a, sizeof a);
    clact_operand u = clact_array(CLACT_F32, a, N), half = clact_array(CLACT_F32, a + N / 2, N / 2);
    OK(clact_forward(test_context(), glu, &(clact_forward_args){.x = &u, .y = &half})); /* y is v */
    u.data = b, half.data = b + N / 2;
    on_cpu(glu, &(clact_forward_args){.x = &u, .y = &half}, NULL);
    ck_assert(same_bits(a, b, sizeof a));

    /* The halves of each row: two outputs in one memory. */
    clact_operand rows = {.tensor = {.rank = 2, .dims = {N / 10, 10}}, .data = a}, up = rows, down = rows;
    up.tensor.dims[1] = 5;
    down.data = a + N;
    OK(clact_backward(test_context(), glu, &(clact_backward_args){.x = &rows, .dy = &up, .dx = &down}));
    down.data = b + N;
    on_cpu(glu, NULL, &(clact_backward_args){.x = &rows, .dy = &up, .dx = &down});
    ck_assert(same_bits(a + N, b + N, N * sizeof *a));

    /* The gradient of the slope lies in a gap of x. */
    clact_operand gaps = x, value = clact_array(CLACT_F32, a + 1, 1);
    gaps.tensor.strided = 1;
    gaps.tensor.strides[0] = 2;
    clact_parameter_gradient g = {.name = "slope", .value = &value};
    clact_backward_args back = {.x = &gaps, .dy = &gaps, .gradients = &g, .gradient_count = 1};
    for (int i = 0; i < 2 * N; i++)
        a[i] = b[i] = (float)(i % 13 - 6);
    OK(clact_backward(test_context(), prelu, &back));
    gaps.data = b, value.data = b + 1;
    on_cpu(prelu, NULL, &back);
    ck_assert(same_bits(a, b, sizeof a));
    clact_activation_destroy(&elu);
    clact_activation_destroy(&glu);
    clact_activation_destroy(&prelu);
}
END_TEST

/* A mask may be bytes of x, and begin where no float does. */
START_TEST(a_mask_within_x)
{
    static float x[N], y[N], want[N];
    clact_activation *f = named("softmax");
    clact_operand in = clact_array(CLACT_F32, x + 1, N - 1), out = clact_array(CLACT_F32, y, N - 1), wanted = out;
    clact_operand mask = clact_array(CLACT_U8, (char *)x + 1, N - 1);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 100) * 0.1f;
    wanted.data = want;
    OK(clact_forward(test_context(), f, &(clact_forward_args){.x = &in, .y = &out, .mask = &mask}));
    on_cpu(f, &(clact_forward_args){.x = &in, .y = &wanted, .mask = &mask}, NULL);
    ck_assert(same_bits(y, want, (N - 1) * sizeof *y));
    clact_activation_destroy(&f);
}
END_TEST

/* ---- Mapped buffers ------------------------------------------------------------------------- */

static void map_and_compute(clact_context *context)
{
    float want[N], *p;
    void *mapped;
    clact_activation *f = named("tanh");
    clact_operand in = clact_array(CLACT_F32, NULL, N), out = in;
    OK(clact_buffer_create(&in.buffer, context, sizeof want));
    OK(clact_buffer_create(&out.buffer, context, sizeof want));
    for (int round = 0; round < 3; round++) {
        OK(clact_buffer_map(&mapped, in.buffer, 0, sizeof want, CLACT_MAP_WRITE));
        fill_strata(mapped, N, (uint64_t)round);
        OK(clact_buffer_unmap(in.buffer, mapped));
        OK(clact_buffer_map(&mapped, in.buffer, 8, 8, CLACT_MAP_READ | CLACT_MAP_WRITE)); /* a part: the rest stays */
        p = mapped;
        p[0] = -p[0];
        OK(clact_buffer_unmap(in.buffer, mapped));
        OK(clact_forward(context, f, &(clact_forward_args){.x = &in, .y = &out}));
        OK(clact_buffer_map(&mapped, out.buffer, 0, sizeof want, CLACT_MAP_READ));
        float x[N];
        fill_strata(x, N, (uint64_t)round);
        x[2] = -x[2];
        clact_operand host = clact_array(CLACT_F32, x, N), wanted = clact_array(CLACT_F32, want, N);
        on_cpu(f, &(clact_forward_args){.x = &host, .y = &wanted}, NULL);
        ck_assert(same_bits(mapped, want, sizeof want));
        OK(clact_buffer_unmap(out.buffer, mapped));
    }
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&out.buffer);
    clact_activation_destroy(&f);
}

START_TEST(mapped_buffers)
{
    clact_context *cpu = cpu_context(NULL, 1);
    map_and_compute(test_context());
    map_and_compute(cpu);
    clact_close(&cpu);
}
END_TEST

static void refuse_while_mapped(clact_context *context)
{
    float v[16] = {0};
    void *mapped = NULL, *second = v;
    clact_activation *f = named("relu");
    clact_operand a = clact_array(CLACT_F32, NULL, 16), b = a;
    OK(clact_buffer_create(&a.buffer, context, sizeof v));
    OK(clact_buffer_create(&b.buffer, context, sizeof v));
    OK(clact_buffer_write(a.buffer, 0, sizeof v, v));
    OK(clact_buffer_map(&mapped, a.buffer, 4, 8, CLACT_MAP_READ));
    REFUSED(clact_buffer_map(&second, a.buffer, 32, 8, CLACT_MAP_READ), CLACT_E_ARGUMENT, "is mapped");
    ck_assert_ptr_eq(second, v);
    REFUSED(clact_buffer_read(a.buffer, 0, 4, v), CLACT_E_ARGUMENT, "is mapped");
    REFUSED(clact_buffer_write(a.buffer, 0, 4, v), CLACT_E_ARGUMENT, "is mapped");
    REFUSED(clact_forward(context, f, &(clact_forward_args){.x = &a, .y = &b}), CLACT_E_ARGUMENT, "x is mapped");
    REFUSED(clact_forward(context, f, &(clact_forward_args){.x = &b, .y = &a}), CLACT_E_ARGUMENT, "y is mapped");
    REFUSED(clact_buffer_unmap(a.buffer, (char *)mapped + 1), CLACT_E_ARGUMENT, "not mapped at this pointer");
    REFUSED(clact_buffer_unmap(b.buffer, mapped), CLACT_E_ARGUMENT, "not mapped at this pointer");
    OK(clact_buffer_unmap(a.buffer, mapped));
    REFUSED(clact_buffer_unmap(a.buffer, mapped), CLACT_E_ARGUMENT, "not mapped at this pointer");
    OK(clact_forward(context, f, &(clact_forward_args){.x = &a, .y = &b}));
    REFUSED(clact_buffer_map(&second, a.buffer, 60, 8, CLACT_MAP_READ), CLACT_E_BOUNDS, "bytes 60 to 68");
    REFUSED(clact_buffer_map(&second, a.buffer, SIZE_MAX, 2, CLACT_MAP_READ), CLACT_E_BOUNDS, "not in a buffer");
    REFUSED(clact_buffer_map(&second, a.buffer, 0, 4, 0), CLACT_E_ARGUMENT, "access must be");
    REFUSED(clact_buffer_map(&second, a.buffer, 0, 4, 4), CLACT_E_ARGUMENT, "access must be");
    REFUSED(clact_buffer_map(NULL, a.buffer, 0, 4, CLACT_MAP_READ), CLACT_E_ARGUMENT, "out must not be NULL");
    REFUSED(clact_buffer_map(&second, NULL, 0, 4, CLACT_MAP_READ), CLACT_E_ARGUMENT, "buffer must not be NULL");
    REFUSED(clact_buffer_unmap(NULL, v), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_buffer_unmap(a.buffer, NULL), CLACT_E_ARGUMENT, "must not be NULL");
    ck_assert_ptr_eq(second, v);
    clact_buffer_destroy(&a.buffer);
    clact_buffer_destroy(&b.buffer);
    clact_activation_destroy(&f);
}

START_TEST(what_is_refused_while_mapped)
{
    clact_context *cpu = cpu_context(NULL, 1);
    refuse_while_mapped(test_context());
    refuse_while_mapped(cpu);
    clact_close(&cpu);
}
END_TEST

START_TEST(no_bytes_are_mapped)
{
    clact_buffer *empty, *some;
    void *mapped;
    int four = 4, back;
    OK(clact_buffer_create(&empty, test_context(), 0));
    OK(clact_buffer_create(&some, test_context(), sizeof four));
    OK(clact_buffer_map(&mapped, empty, 0, 0, CLACT_MAP_READ | CLACT_MAP_WRITE));
    OK(clact_buffer_unmap(empty, mapped));
    OK(clact_buffer_write(some, 0, sizeof four, &four));
    OK(clact_buffer_map(&mapped, some, sizeof four, 0, CLACT_MAP_WRITE));
    OK(clact_buffer_unmap(some, mapped));
    OK(clact_buffer_read(some, 0, sizeof back, &back));
    ck_assert_int_eq(back, four);
    clact_buffer_destroy(&empty);
    clact_buffer_destroy(&some);
}
END_TEST

static void keep_warning(void *data, int level, const char *message)
{
    if (level == CLACT_LOG_WARNING)
        strncpy(data, message, 127);
}

START_TEST(destroyed_while_mapped)
{
    char warning[128] = "";
    clact_context *context;
    clact_buffer *buffer;
    void *mapped;
    OK(clact_open(&context, &(clact_options){.log = keep_warning, .log_data = warning}));
    OK(clact_buffer_create(&buffer, context, 100));
    OK(clact_buffer_map(&mapped, buffer, 0, 100, CLACT_MAP_WRITE));
    memset(mapped, 1, 100);
    clact_buffer_destroy(&buffer);
    ck_assert_ptr_nonnull(strstr(warning, "destroyed while it was mapped"));
    OK(clact_finish(context));
    clact_close(&context);
}
END_TEST

Suite *memory_suite(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, read_only_pages);
    tcase_add_test(t, any_alignment);
    tcase_add_test(t, operands_that_overlap);
    tcase_add_test(t, a_mask_within_x);
    tcase_add_test(t, mapped_buffers);
    tcase_add_test(t, what_is_refused_while_mapped);
    tcase_add_test(t, no_bytes_are_mapped);
    tcase_add_test(t, destroyed_while_mapped);
    suite_add_tcase(s, t);
    return s;
}
