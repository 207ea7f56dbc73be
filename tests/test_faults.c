/* test_faults.c: every OpenCL call that clact makes is failed in turn, by the layer of tests/layer.
 *
 * Each run opens a context, applies an activation through kernels on host memory and in buffers, and
 * closes. With call N failed, once or from then on, it must end in the right result or in an error
 * with a sentence, and leave no OpenCL object alive.
 *
 *   clact_faults [--brief]    briefly: one code for each of the two ways, in the place of three for both
 *   clact_faults --layers     a dense layer in the place of all that, as briefly */
#include "layer/layer.h"

#include <clact/clact.h>
#ifdef CLACT_TEST_NN
#include <clact/nn.h>
#endif
#include <clact/opencl.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 1000
#define TERMS 9000 /* of a sum that is cut into chunks, which takes two kernels and memory between them */

static __typeof__(clact_layer_control) *control;
static __typeof__(clact_layer_live) *live;
static __typeof__(clact_layer_last) *last;
static __typeof__(clact_layer_hide) *hide;
static __typeof__(clact_layer_drain) *drain;
static float x[N], expected[N], gradient[N], terms[TERMS], sum;
static unsigned passed, failed, kept_faults;

static void verdict(bool good, const char *what, int number, const char *detail)
{
    if (good) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED: %s %d: %s\n", what, number, detail);
}

/* The gradient of every other element, for dy = x; out is read back. */
static clact_status backward_view(clact_context *c, const clact_activation *f, clact_buffer *in, clact_buffer *out,
                                  bool *wrong)
{
    float y[N];
    clact_operand x2 = {.tensor = {.rank = 1, .dims = {N / 2}, .strides = {2}, .strided = 1}, .buffer = in}, y2 = x2;
    y2.buffer = out;
    clact_status s = clact_backward(c, f, &(clact_backward_args){.x = &x2, .dy = &x2, .dx = &y2});
    if (s == CLACT_OK)
        s = clact_finish(c);
    if (s == CLACT_OK)
        s = clact_buffer_read(out, 0, sizeof y, y);
    for (int i = 0; s == CLACT_OK && i < N; i++)
        *wrong |= y[i] != (i % 2 ? expected[i] : x[i] > 0 ? x[i] : gradient[i]);
    return s;
}

/* The gradient of prelu's slope and dx in one call, for dy = x. */
static clact_status parameter_gradient(clact_context *c, float *got)
{
    clact_activation *f = NULL;
    clact_operand in = clact_array(CLACT_F32, NULL, TERMS), out = in, value = clact_array(CLACT_F32, NULL, 1);
    clact_parameter_gradient g = {.name = "slope", .value = &value};
    clact_status s = clact_activation_named(&f, "prelu", NULL, 0);
    if (s == CLACT_OK)
        s = clact_buffer_create(&in.buffer, c, sizeof terms);
    if (s == CLACT_OK)
        s = clact_buffer_create(&out.buffer, c, sizeof terms);
    if (s == CLACT_OK)
        s = clact_buffer_create(&value.buffer, c, sizeof *got);
    if (s == CLACT_OK)
        s = clact_buffer_write(in.buffer, 0, sizeof terms, terms);
    if (s == CLACT_OK)
        s = clact_backward(c, f, &(clact_backward_args){.x = &in, .dy = &in, .dx = &out, .gradients = &g, .gradient_count = 1});
    if (s == CLACT_OK)
        s = clact_buffer_read(value.buffer, 0, sizeof *got, got);
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&out.buffer);
    clact_buffer_destroy(&value.buffer);
    clact_activation_destroy(&f);
    return s;
}

/* What a buffer holds, as the host sees it mapped; and back to what it was. */
static clact_status through_map(clact_buffer *buffer, float *y)
{
    void *mapped;
    clact_status s = clact_buffer_map(&mapped, buffer, 0, N * sizeof *y, CLACT_MAP_READ | CLACT_MAP_WRITE);
    if (s == CLACT_OK) {
        memcpy(y, mapped, N * sizeof *y);
        s = clact_buffer_unmap(buffer, mapped);
    }
    return s;
}

/* CLACT_OK only if every result is right; *wrong is set where a call succeeded with a wrong one. */
static clact_status use(clact_context *c, bool *wrong)
{
    float y[N];
    clact_caps caps;
    clact_activation *f;
    clact_operand in = clact_array(CLACT_F32, NULL, N), out = in;
    clact_status s = clact_activation_named(&f, "elu", NULL, 0);
    if (s == CLACT_OK)
        s = clact_context_caps(c, &caps);
    if (s == CLACT_OK)
        s = clact_apply(c, f, N, x, y);
    if (s == CLACT_OK)
        *wrong |= memcmp(y, expected, sizeof y) != 0;
    if (s == CLACT_OK)
        s = clact_buffer_create(&in.buffer, c, sizeof x);
    if (s == CLACT_OK)
        s = clact_buffer_create(&out.buffer, c, sizeof x);
    if (s == CLACT_OK)
        s = clact_buffer_write(in.buffer, 0, sizeof x, x);
    if (s == CLACT_OK)
        s = clact_forward(c, f, &(clact_forward_args){.x = &in, .y = &out});
    if (s == CLACT_OK)
        s = clact_buffer_read(out.buffer, 0, sizeof y, y);
    if (s == CLACT_OK)
        *wrong |= memcmp(y, expected, sizeof y) != 0;
    if (s == CLACT_OK)
        s = through_map(out.buffer, y);
    if (s == CLACT_OK)
        *wrong |= memcmp(y, expected, sizeof y) != 0;
    if (s == CLACT_OK) /* a view, and the other direction */
        s = backward_view(c, f, in.buffer, out.buffer, wrong);
    if (s == CLACT_OK) {
        s = parameter_gradient(c, y);
        *wrong |= s == CLACT_OK && y[0] != sum;
    }
    clact_buffer_destroy(&in.buffer);
    clact_buffer_destroy(&out.buffer);
    clact_activation_destroy(&f);
    return s;
}

/* ---- Dense layers --------------------------------------------------------------------------- */

#define SIDE 16 /* of square matrices: x, w, y, dz, dw and behind them b and db */
enum { LAYER = 6 * SIDE * SIDE + 2 * SIDE };

static float layer_expected[LAYER];

#ifdef CLACT_TEST_NN

/* Forward, in either mode, and backward. In host memory where buffer is NULL. Fast products are of numbers of which no
 * order of the terms rounds anything. */
static clact_status layer_step(clact_context *c, float *host, clact_buffer *buffer, uint32_t mode)
{
    clact_operand o[8];
    clact_activation *f;
    for (int i = 0; i < 8; i++) {
        o[i] = (clact_operand){.tensor = {.rank = i < 6 ? 2 : 1, .dims = {SIDE, SIDE}}, .data = host, .buffer = buffer};
        o[i].tensor.offset = i < 6 ? i * SIDE * SIDE : 6 * SIDE * SIDE + (i - 6) * SIDE;
    }
    clact_status s = clact_activation_named(&f, "relu", NULL, 0);
    if (s == CLACT_OK)
        s = clact_nn_dense_forward(c, &(clact_nn_dense_args){.x = &o[0], .w = &o[1], .b = &o[6], .y = &o[2], .activation = f,
                                                             .mode = mode}, NULL);
    if (s == CLACT_OK)
        s = clact_nn_dense_backward(c, &(clact_nn_dense_backward_args){.x = &o[0], .w = &o[1], .y = &o[2], .dy = &o[0],
                                                                       .dz = &o[3], .dw = &o[4], .dx = &o[5], .db = &o[7],
                                                                       .activation = f, .mode = mode}, NULL);
    clact_activation_destroy(&f);
    return s;
}

static void layer_start(float *values)
{
    memset(values, 0, LAYER * sizeof *values);
    for (int i = 0; i < LAYER; i++)
        values[i] = i < 2 * SIDE * SIDE || i >= 6 * SIDE * SIDE ? (float)(i % 7 - 3) : 0.0f;
}

static clact_status use_layer(clact_context *c, bool *wrong)
{
    float values[LAYER];
    clact_status s = CLACT_OK;
    for (uint32_t mode = CLACT_NN_EXACT; mode <= CLACT_NN_FAST && s == CLACT_OK; mode++) {
        clact_buffer *buffer = NULL;
        layer_start(values);
        s = clact_buffer_create(&buffer, c, sizeof values);
        if (s == CLACT_OK)
            s = clact_buffer_write(buffer, 0, sizeof values, values);
        if (s == CLACT_OK)
            s = layer_step(c, NULL, buffer, mode);
        if (s == CLACT_OK)
            s = clact_buffer_read(buffer, 0, sizeof values, values);
        if (s == CLACT_OK)
            *wrong |= memcmp(values, layer_expected, sizeof values) != 0;
        clact_buffer_destroy(&buffer);
    }
    return s;
}

static clact_status expect_layer(clact_context *cpu)
{
    layer_start(layer_expected);
    return layer_step(cpu, layer_expected, NULL, CLACT_NN_EXACT);
}

#else
#define use_layer use
#define expect_layer(cpu) ((void)(cpu), (void)layer_expected, CLACT_OK)
#endif

/* ---- Faults --------------------------------------------------------------------------------- */

static clact_status (*work)(clact_context *, bool *) = use;
static char cache[64] = "disabled";

static clact_status run(const char *device, bool *wrong)
{
    clact_context *c;
    clact_options options = {.device = device, .cache = cache};
    clact_status s = clact_open(&c, &options);
    if (s != CLACT_OK)
        return s;
    s = work(c, wrong);
    clact_close(&c);
    return s;
}

/* What is only called for programs that are kept: without it they are built, or not kept. */
static bool can_do_without(const char *call)
{
    return strcmp(call, "clCreateProgramWithBinary") == 0 || strcmp(call, "clCreateKernelsInProgram") == 0 ||
           strcmp(call, "clGetProgramInfo") == 0;
}

/* Fails call 1, 2, ... with a code until a run makes no more calls than that. Returns the last. */
static int sweep(int code, int sticky)
{
    char fault[32];
    int n = 1;
    for (;; n++) {
        bool wrong = false;
        snprintf(fault, sizeof fault, "*:%d:%d", n, code);
        control(fault, sticky);
        clact_status s = run("opencl", &wrong);
        const char *at = last();
        control(NULL, 0);
        if (!at) {
            verdict(s == CLACT_OK, "the run without a fault", n, clact_error());
            break;
        }
        verdict(!wrong, at, n, "succeeded with a wrong result");
        verdict(s == CLACT_OK || s == CLACT_E_OPENCL || s == CLACT_E_BUILD, at, n, clact_status_name(s));
        verdict(s == CLACT_OK || sticky || strstr(clact_error(), at), at, n, clact_error());
        verdict(s == CLACT_OK || clact_opencl_code() == code, at, n, "has another code");
        verdict(live() == 0, at, n, "left objects alive");
        kept_faults += can_do_without(at);
        verdict(s == CLACT_OK || sticky || !can_do_without(at), at, n, "failed a call that can do without it");
    }
    return n - 1;
}

/* The same where programs come from the cache, and go to it. */
static int sweep_with_cache(void)
{
    bool wrong = false;
    strcpy(cache, "/tmp/clact-faults-XXXXXX");
    if (!mkdtemp(cache)) {
        failed++;
        return 0;
    }
    verdict(run("opencl", &wrong) == CLACT_OK && !wrong, "filling the cache", 0, clact_error());
    int calls = sweep(-5, 0);
    verdict(kept_faults > 5, "calls for programs that are kept", (int)kept_faults, "are too few");
    verdict(clact_cache_clear(cache, NULL) == CLACT_OK && rmdir(cache) == 0, "removing the cache", 0, cache);
    strcpy(cache, "disabled");
    return calls;
}

/* What is hidden must be reported, not passed over. */
static void hidden(const char *what, clact_status expected_status, const char *sentence)
{
    bool wrong = false;
    hide(what);
    clact_status s = run("opencl", &wrong);
    verdict(s == expected_status, what, (int)s, clact_error());
    verdict(s == CLACT_OK || strstr(clact_error(), sentence), what, 0, clact_error());
    verdict(!wrong && live() == 0, what, 0, "wrong result, or objects alive");
    hide(NULL);
}

/* Host memory is used in place exactly where it is not hidden that the device shares it. */
static void in_place(void)
{
    float y[N];
    for (int shared = 0; shared < 2; shared++) {
        clact_context *c;
        clact_activation *f;
        hide(shared ? NULL : "unified");
        if (clact_open(&c, &(clact_options){.device = "opencl"}) != CLACT_OK ||
            clact_activation_named(&f, "elu", NULL, 0) != CLACT_OK) {
            verdict(false, "in place: set-up", shared, clact_error());
            return;
        }
        clact_caps caps;
        clact_status s = clact_context_caps(c, &caps);
        control("clEnqueueReadBuffer:1:-5", 1); /* copies are read back, and nothing else is read */
        if (s == CLACT_OK)
            s = clact_apply(c, f, N, x, y);
        control(NULL, 0);
        bool expect = shared && caps.unified_memory;
        verdict((s == CLACT_OK) == expect, "in place", shared, clact_error());
        verdict(!expect || memcmp(y, expected, sizeof y) == 0, "in place", shared, "wrong result");
        clact_activation_destroy(&f);
        clact_close(&c);
    }
    hide(NULL);
}

static bool find_layer(void)
{
    const char *path = getenv("OPENCL_LAYERS");
    void *layer = path ? dlopen(path, RTLD_NOW) : NULL;
    if (!layer)
        return false;
    control = (__typeof__(control))dlsym(layer, "clact_layer_control");
    live = (__typeof__(live))dlsym(layer, "clact_layer_live");
    last = (__typeof__(last))dlsym(layer, "clact_layer_last");
    hide = (__typeof__(hide))dlsym(layer, "clact_layer_hide");
    drain = (__typeof__(drain))dlsym(layer, "clact_layer_drain");
    return control && live && last && hide && drain;
}

int main(int argc, char **argv)
{
    static const int codes[] = {-5, -6, -36};
    const bool layers = argc > 1 && strcmp(argv[1], "--layers") == 0;
    const bool brief = layers || (argc > 1 && strcmp(argv[1], "--brief") == 0);
    clact_context *cpu;
    clact_activation *f;
    if (!find_layer()) {
        printf("OPENCL_LAYERS does not name the layer\n");
        return 77;
    }
    drain(1);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) * 0.01f;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK ||
        clact_activation_named(&f, "elu", NULL, 0) != CLACT_OK || clact_apply(cpu, f, N, x, expected) != CLACT_OK ||
        clact_apply_gradient(cpu, f, N, x, x, gradient) != CLACT_OK)
        return 1;
    for (int i = 0; i < TERMS; i++)
        terms[i] = (float)(i % 100 - 50) * 0.01f;
    if (parameter_gradient(cpu, &sum) != CLACT_OK || sum == 0 || expect_layer(cpu) != CLACT_OK)
        return 1;
    work = layers ? use_layer : use;
    clact_activation_destroy(&f);
    clact_close(&cpu);
    bool wrong = false;
    if (run("opencl", &wrong) == CLACT_E_NO_DEVICE) {
        printf("no OpenCL device\n");
        return 77;
    }
    int points = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (int sticky = 0; sticky < 2; sticky++) {
            if (brief && (int)i != sticky) /* -5 once, -6 from then on */
                continue;
            int calls = sweep(codes[i], sticky);
            printf("code %d, %s: %d calls failed in turn\n", codes[i], sticky ? "from then on" : "once", calls);
            points += calls;
        }
    if (layers) {
        printf("%d fault points; %u passed, %u failed\n", points, passed, failed);
        return failed ? 1 : 0;
    }
    points += sweep_with_cache();
    printf("%d fault points, %u of them in calls for programs that are kept\n", points, kept_faults);
    hidden("compiler", CLACT_E_COMPILER, "no compiler");
    hidden("build", CLACT_E_BUILD, "build refused");
    hidden("crds", CLACT_OK, "");
    hidden("fp64", CLACT_OK, "");
    hidden("unified", CLACT_OK, "");
    hidden("gpu", CLACT_OK, "");
    hidden("place", CLACT_OK, "");
    in_place();
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
