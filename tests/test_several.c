/* test_several.c: several devices at once: parts of one array, and of one sum, on different ones give the bits of the
 * whole. Every OpenCL device there is takes part, two sub-devices where one can be divided, and the CPU backend. */
#include "mixed.h"
#include "suites.h"

#include <clact/opencl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#ifdef CLACT_TEST_OPENCL
#include "handles.h"
#endif

#define MOST 6
#define N 12011
#define BLOCK 4096 /* of the sums: cl/reduction.h */

static clact_context *contexts[MOST];
static unsigned context_count;
static float x[N], dy[N], got[N], want[N];

/* ---- Devices -------------------------------------------------------------------------------- */

/* Adds a context whose device gives the bits of the CPU; closes another. */
static void add(clact_context *context)
{
    clact_caps caps;
    OK(clact_context_caps(context, &caps));
    if (caps.exact == CLACT_EXACT_ALL && context_count < MOST)
        contexts[context_count++] = context;
    else
        clact_close(&context);
}

static void add_devices(void)
{
    clact_device_info list[MOST];
    size_t count;
    OK(clact_device_list(list, MOST, &count, NULL, NULL));
    for (size_t i = 0; i < count && i < MOST; i++) {
        char name[32];
        clact_context *context;
        snprintf(name, sizeof name, "%u:%u", list[i].platform_index, list[i].device_index);
        OK(clact_open(&context, &(clact_options){.device = list[i].backend == CLACT_BACKEND_CPU ? "cpu" : name}));
        add(context);
    }
}

#ifdef CLACT_TEST_OPENCL
static cl_device_id halves[2];
static cl_context shared;

/* Two sub-devices in one cl_context, each with a queue of its context's own. */
static void add_halves(void)
{
    cl_device_partition_property equal[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
    cl_device_id device = clact_opencl_device(test_context());
    cl_uint units = 0, made = 0;
    cl_int code;
    if (!device || !load_handles() ||
        p_clGetDeviceInfo(device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL) != CL_SUCCESS || units < 2)
        return;
    equal[1] = units / 2;
    if (p_clCreateSubDevices(device, equal, 2, halves, &made) != CL_SUCCESS || made < 2)
        return;
    shared = p_clCreateContext(NULL, 2, halves, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    for (int i = 0; i < 2; i++) {
        clact_context *context;
        OK(clact_open_opencl(&context, shared, halves[i], NULL, NULL));
        add(context);
    }
}

static void release_halves(void)
{
    if (shared)
        p_clReleaseContext(shared);
    for (int i = 0; i < 2; i++)
        if (halves[i])
            p_clReleaseDevice(halves[i]);
    shared = NULL;
    halves[0] = halves[1] = NULL;
}
#else
static void add_halves(void) {}
static void release_halves(void) {}
#endif

static void setup(void)
{
    context_count = 0;
    add_halves();
    add_devices();
    fill_strata(x, N, 21);
    fill_strata(dy, N, 22);
}

static void teardown(void)
{
    for (unsigned i = 0; i < context_count; i++)
        clact_close(&contexts[i]);
    release_halves();
}

/* ---- Arrays --------------------------------------------------------------------------------- */

/* A part of a call on x and dy, which a thread makes on one device, in buffers; or on host memory. */
struct part {
    clact_context *context;
    const char *name;
    bool backward, on_host;
    size_t first, n;
    clact_status status;
};

static clact_status make(const struct part *p, const clact_activation *f, clact_operand *in, clact_operand *up,
                         clact_operand *out)
{
    if (p->backward)
        return clact_backward(p->context, f, &(clact_backward_args){.x = in, .dy = up, .dx = out});
    return clact_forward(p->context, f, &(clact_forward_args){.x = in, .y = out});
}

static clact_status in_buffers(const struct part *p, const clact_activation *f, clact_operand *in, clact_operand *up,
                               clact_operand *out)
{
    clact_operand *all[] = {in, up, out};
    float *host[] = {x + p->first, dy + p->first, got + p->first};
    clact_status status = CLACT_OK;
    for (int i = 0; i < 3 && status == CLACT_OK; i++) {
        all[i]->data = NULL;
        status = clact_buffer_create(&all[i]->buffer, p->context, p->n * sizeof(float));
        if (status == CLACT_OK && i < 2)
            status = clact_buffer_write(all[i]->buffer, 0, p->n * sizeof(float), host[i]);
    }
    if (status == CLACT_OK)
        status = make(p, f, in, up, out);
    if (status == CLACT_OK)
        status = clact_buffer_read(out->buffer, 0, p->n * sizeof(float), host[2]);
    for (int i = 0; i < 3; i++)
        clact_buffer_destroy(&all[i]->buffer);
    return status;
}

static void *run_part(void *argument)
{
    struct part *p = argument;
    clact_activation *f = NULL;
    clact_operand in = clact_array(CLACT_F32, x + p->first, (int64_t)p->n);
    clact_operand up = clact_array(CLACT_F32, dy + p->first, (int64_t)p->n);
    clact_operand out = clact_array(CLACT_F32, got + p->first, (int64_t)p->n);
    p->status = clact_activation_named(&f, p->name, NULL, 0);
    if (p->status == CLACT_OK)
        p->status = p->on_host ? make(p, f, &in, &up, &out) : in_buffers(p, f, &in, &up, &out);
    clact_activation_destroy(&f);
    return NULL;
}

static void whole(unsigned a, const char *name, bool backward)
{
    struct part all = {contexts[a], name, backward, false, 0, N, CLACT_E_ARGUMENT};
    memset(got, 0, sizeof got);
    run_part(&all);
    ck_assert_int_eq(all.status, CLACT_OK);
    ck_assert_msg(memcmp(got, want, sizeof got) == 0, "%s on %u", name, a);
}

static void split(unsigned a, unsigned b, const char *name, bool backward, bool on_host, size_t at)
{
    struct part parts[2] = {{contexts[a], name, backward, on_host, 0, at, CLACT_E_ARGUMENT},
                            {contexts[b], name, backward, on_host, at, N - at, CLACT_E_ARGUMENT}};
    pthread_t other;
    memset(got, 0, sizeof got);
    ck_assert_int_eq(pthread_create(&other, NULL, run_part, &parts[1]), 0);
    run_part(&parts[0]);
    pthread_join(other, NULL);
    ck_assert_int_eq(parts[0].status, CLACT_OK);
    ck_assert_int_eq(parts[1].status, CLACT_OK);
    ck_assert_msg(memcmp(got, want, sizeof got) == 0, "%s, %u and %u", name, a, b);
}

START_TEST(an_array_in_two_parts)
{
    static const char *const names[] = {"gelu", "hard_swish"};
    clact_context *cpu = cpu_context(NULL, 1);
    for (int k = 0; k < 4; k++) {
        clact_activation *f = named(names[k / 2]);
        if (k % 2)
            OK(clact_apply_gradient(cpu, f, N, x, dy, want));
        else
            OK(clact_apply(cpu, f, N, x, want));
        for (unsigned a = 0; a < context_count; a++)
            whole(a, names[k / 2], k % 2);
        for (unsigned a = 0; a < context_count; a++)
            for (unsigned b = 0; b < context_count; b++)
                if (a != b)
                    split(a, b, names[k / 2], k % 2, (a + b + (unsigned)k) % 2, 1 + (a * 2003 + b * 997) % (N - 1));
        clact_activation_destroy(&f);
    }
    clact_close(&cpu);
}
END_TEST

/* ---- Sums ----------------------------------------------------------------------------------- */

/* Adds the slope's gradient of elements first to end to what value holds, or overwrites it, on a device. */
static void add_terms(clact_context *context, const clact_activation *f, size_t first, size_t end, double beta,
                      float *value)
{
    const int64_t n = (int64_t)(end - first), one = 1;
    array in = make_array(CLACT_F32, 1, &n), up = make_array(CLACT_F32, 1, &n), sum = make_array(CLACT_F32, 1, &one);
    memcpy(in.memory, x + first, (size_t)n * sizeof *x);
    memcpy(up.memory, dy + first, (size_t)n * sizeof *dy);
    memcpy(sum.memory, value, sizeof *value);
    to_device(context, &in);
    to_device(context, &up);
    to_device(context, &sum);
    clact_parameter_gradient g = {.name = "slope", .value = &sum.operand, .beta = beta};
    clact_backward_args back = {.x = &in.operand, .dy = &up.operand, .gradients = &g, .gradient_count = 1};
    OK(clact_backward(context, f, &back));
    from_device(&sum);
    memcpy(value, sum.memory, sizeof *value);
    free_array(&in);
    free_array(&up);
    free_array(&sum);
}

START_TEST(a_sum_in_two_parts)
{
    clact_activation *f = named("prelu");
    clact_context *cpu = cpu_context(NULL, 1);
    float whole = 0;
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)(i * 7919 % 10007) * 0x1.8p-9f - 15.0f;
        dy[i] = (float)(i * 104729 % 9973) * 0x1.3p-7f - 40.0f;
    }
    add_terms(cpu, f, 0, N, 0, &whole);
    ck_assert(whole != 0);
    for (unsigned a = 0; a < context_count; a++)
        for (unsigned b = 0; b < context_count; b++)
            for (size_t at = BLOCK * 2; a != b && at < N; at *= 2) { /* 2^k blocks, and at most as many behind them */
                float sum = -1;
                if (N - at > at)
                    continue;
                add_terms(contexts[a], f, 0, at, 0, &sum);
                add_terms(contexts[b], f, at, N, 1, &sum);
                ck_assert_msg(bits_of(sum) == bits_of(whole), "%a, not %a: %u and %u, %zu", sum, whole, a, b, at);
            }
    clact_close(&cpu);
    clact_activation_destroy(&f);
}
END_TEST

/* ---- Calls of all kinds --------------------------------------------------------------------- */

START_TEST(a_thread_on_each_device)
{
    for (unsigned i = 0; i < context_count; i++)
        run_mixed_calls(&contexts[i], 1, 1, MIXED_KINDS);
    run_mixed_calls(contexts, context_count, context_count, light() ? 30 : 60);
}
END_TEST

Suite *several_suite(void)
{
    Suite *s = suite_create("several");
    TCase *t = tcase_create("several");
    tcase_set_timeout(t, 600);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_array_in_two_parts);
    tcase_add_test(t, a_sum_in_two_parts);
    tcase_add_test(t, a_thread_on_each_device);
    suite_add_tcase(s, t);
    return s;
}
