/* test_faults.c: every OpenCL call that clact makes is failed in turn, by the layer of tests/layer.
 *
 * Each public operation (operations.h) is tried with call N failed, for N = 1, 2, ... until it makes no more calls; once
 * and from then on, with several codes. It must end in the right result or in an error that names the call and the
 * code, with outputs as they were or whole; then, with nothing failing, it must succeed on the same context, and leave
 * no OpenCL object alive.
 *
 *   test_faults [--brief | K/N] [NAME ...]   briefly: the first calls, and of the others ever fewer, each with one code;
 *                                            K/N: the Kth of N parts, each with some of the codes;
 *                                            NAME: operations whose names begin so */
#include "operations.h"
#include "handles.h"
#include "layer_calls.h"
#ifdef CLACT_TEST_NN
#include <clact/nn.h>
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned passed, failed, part = 1, parts = 1;
static bool brief;
static char folder[] = "/tmp/clact-faults-XXXXXX", cache[64];

static void verdict(bool good, const char *what, const char *where, int number, const char *detail)
{
    passed += good;
    failed += !good;
    if (!good)
        printf("FAILED: %s, %s %d: %s\n", what, where ? where : "call", number, detail);
}

/* ---- One fault ------------------------------------------------------------------------------ */

static const char *const places[] = {[ON_HOST] = "host memory", [IN_BUFFERS] = "buffers", [ENQUEUED] = "enqueued"};

/* The fault that arm() sets; the call that it met, and what was said of it by then. */
static struct {
    char text[32];
    int sticky;
    const char *met;
    char error[512];
    int32_t code;
} fault;

static void arm(void)
{
    layer_control(fault.text, fault.sticky);
}

static void disarm(void)
{
    const char *met = layer_last();
    fault.met = met ? met : fault.met;
    snprintf(fault.error, sizeof fault.error, "%s", clact_error());
    fault.code = clact_opencl_code();
    layer_control(NULL, 0);
}

/* Without these a program is built, or not kept, or the verdict of the probe is. */
static bool can_do_without(const char *call)
{
    return strcmp(call, "clCreateProgramWithBinary") == 0 || strcmp(call, "clCreateKernelsInProgram") == 0 ||
           strcmp(call, "clGetProgramInfo") == 0;
}

/* But a pack is made of them. */
static bool is_pack(const struct operation *o)
{
    return strncmp(o->name, "a pack", 6) == 0;
}

static bool is_error_of_opencl(clact_status status)
{
    return status == CLACT_E_OPENCL || status == CLACT_E_BUILD || status == CLACT_E_PACK;
}

/* A call that CLBlast made: its own code is told, and not the call. */
static bool is_of_clblast(void)
{
    return strstr(fault.error, "CLBlast failed with its code") != NULL;
}

/* Nothing is alive of what the library and CLBlast made. */
static bool nothing_is_left(void)
{
#ifdef CLACT_TEST_NN
    if (clact_nn_clear_cache() != CLACT_OK)
        return false;
#endif
    return layer_live() == 0;
}

/* What an operation's tries came to. */
struct outcome {
    int points, right, errors, touched;
};

static bool try_once(const struct operation *o, enum place place, const clact_options *options, int n, int code,
                     struct outcome *out)
{
    struct trial t = {.operation = o, .place = place, .options = options, .folder = folder, .arm = arm, .disarm = disarm};
    if (clact_open(&t.context, options) != CLACT_OK) {
        verdict(false, o->name, "opening", n, clact_error());
        return false;
    }
    fault.met = NULL;
    clact_status status = operation_try(&t);
    const char *met = fault.met;
    verdict(!t.wrong, o->name, met, n, t.wrong ? t.wrong : "");
    if (!met) {
        verdict(status == CLACT_OK, o->name, "without a fault", n, clact_error());
    } else if (status != CLACT_OK) {
        const bool tells_otherwise = is_pack(o) || is_of_clblast();
        verdict(is_error_of_opencl(status), o->name, met, n, clact_status_name(status));
        verdict(tells_otherwise || fault.sticky || strstr(fault.error, met), o->name, met, n, fault.error);
        verdict(status == CLACT_E_PACK || is_of_clblast() || fault.code == code, o->name, met, n, "has another code");
        verdict(tells_otherwise || fault.sticky || !can_do_without(met), o->name, met, n,
                "failed a call that can do without it");
    }
    out->points += met != NULL;
    out->right += met && status == CLACT_OK;
    out->errors += status != CLACT_OK;
    out->touched += t.touched != 0;
    t.wrong = NULL;
    fault.text[0] = 0;
    verdict(!met || (operation_try(&t) == CLACT_OK && !t.wrong), o->name, met, n, "is not to be had after that");
    clact_close(&t.context);
    verdict(nothing_is_left(), o->name, met, n, "left objects alive");
    return met != NULL;
}

/* ---- Sweeps --------------------------------------------------------------------------------- */

static const int codes[] = {-2, -4, -5, -6, -11, -36, -59};
enum { CODE_COUNT = sizeof codes / sizeof *codes };

/* Fails each call of an operation; with spread, ever fewer of them, each with another code. */
static void sweep(const struct operation *o, enum place place, const clact_options *options, int code, int sticky, int spread,
                  struct outcome *out)
{
    int turn = 0;
    for (int n = 1;; n += spread ? 1 + n / spread : 1) {
        const int this_code = spread ? codes[turn++ % CODE_COUNT] : code;
        snprintf(fault.text, sizeof fault.text, "*:%d:%d", n, this_code);
        fault.sticky = sticky;
        if (!try_once(o, place, options, n, this_code, out))
            return;
    }
}

static void sweep_place(const struct operation *o, enum place place, const clact_options *options)
{
    struct outcome out = {0};
    if (brief) {
        sweep(o, place, options, 0, 0, 4, &out);
        sweep(o, place, options, 0, 1, 2, &out);
    }
    for (unsigned way = part - 1; way < 2 * CODE_COUNT && !brief; way += parts)
        sweep(o, place, options, codes[way % CODE_COUNT], way >= CODE_COUNT, 0, &out);
    printf("%s%s%s: %d points: %d right, %d errors, %d of them with outputs written\n", o->name, o->whole ? "" : ", ",
           o->whole ? "" : places[place], out.points, out.right, out.errors, out.touched);
    fflush(stdout);
}

/* ---- What is hidden ------------------------------------------------------------------------- */

/* The operation of a name. */
static const struct operation *named(const char *name)
{
    const struct operation *o = NULL;
    for (int i = 0; (o = operation_at(i)) && strcmp(o->name, name) != 0; i++)
        ;
    return o;
}

static clact_status try_hidden(const char *name, enum place place, struct trial *t)
{
    const clact_options options = {.device = "opencl", .cache = "disabled"};
    *t = (struct trial){.operation = named(name), .place = place, .options = &options, .folder = folder};
    clact_status status = clact_open(&t->context, &options);
    if (status == CLACT_OK)
        status = operation_try(t);
    clact_close(&t->context);
    return status;
}

/* What is hidden must be reported, not passed over. */
static void hidden(const char *what, clact_status expected, const char *sentence)
{
    static const char *const names[] = {"elu", "elu of a view", "prelu's gradient", "a buffer, mapped and read"};
    clact_context *cpu;
    struct trial t;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK)
        exit(1);
    layer_hide(what);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (enum place place = ON_HOST; place < (named(names[i])->whole ? IN_BUFFERS : PLACE_COUNT); place++) {
            bool ready = operation_expect(named(names[i]), cpu);
            clact_status status = try_hidden(names[i], place, &t);
            bool kernels = named(names[i])->places && !(place == ON_HOST && strcmp(names[i], "elu of a view") == 0);
            verdict(ready && status == (kernels ? expected : CLACT_OK), names[i], what, (int)status, clact_error());
            verdict(status == CLACT_OK || strstr(clact_error(), sentence), names[i], what, 0, clact_error());
            verdict(!t.wrong && layer_live() == 0, names[i], what, 0, "wrong result, or objects alive");
        }
    clact_close(&cpu);
    layer_hide(NULL);
}

/* Host memory is used in place exactly where it is not hidden that the device shares it. */
static void in_place(void)
{
    clact_context *cpu;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK)
        exit(1);
    verdict(operation_expect(named("elu"), cpu), "in place", NULL, 0, clact_error());
    clact_close(&cpu);
    for (int shared = 0; shared < 2; shared++) {
        struct trial t = {.operation = named("elu"), .place = ON_HOST, .arm = arm, .disarm = disarm};
        clact_caps caps;
        layer_hide(shared ? NULL : "unified");
        strcpy(fault.text, "clEnqueueReadBuffer:1:-5"); /* copies are read back, and nothing else is read */
        clact_status status = clact_open(&t.context, &(clact_options){.device = "opencl"});
        if (status == CLACT_OK)
            status = clact_context_caps(t.context, &caps);
        if (status == CLACT_OK) {
            bool expect = shared && caps.unified_memory;
            clact_status tried = operation_try(&t);
            verdict((tried == CLACT_OK) == expect && !t.wrong, "in place", NULL, shared, t.wrong ? t.wrong : clact_error());
        }
        verdict(status == CLACT_OK, "in place: set-up", NULL, shared, clact_error());
        clact_close(&t.context);
    }
    layer_hide(NULL);
}

/* Calls on host memory that take copies: of a device with memory of its own, and of one that maps it elsewhere. */
static void fail_copies(const char *what)
{
    static const char *const names[] = {"elu backward", "prelu's gradient"};
    const clact_options options = {.device = "opencl", .cache = cache};
    clact_context *cpu;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK)
        exit(1);
    layer_hide(what);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        verdict(operation_expect(named(names[i]), cpu), names[i], what, 0, clact_error());
        printf("without %s: ", what);
        sweep_place(named(names[i]), ON_HOST, &options);
    }
    clact_close(&cpu);
    layer_hide(NULL);
}

static void hide_each(void)
{
    fail_copies("unified");
    fail_copies("place");

    hidden("compiler", CLACT_E_COMPILER, "no compiler");
    hidden("build", CLACT_E_BUILD, "build refused");
    hidden("crds", CLACT_OK, "");
    hidden("fp64", CLACT_OK, "");
    hidden("unified", CLACT_OK, "");
    hidden("gpu", CLACT_OK, "");
    hidden("place", CLACT_OK, "");
    in_place();
}

static void sweep_all(const clact_options *options, int count, char **names)
{
    clact_context *cpu;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK) {
        verdict(false, "the CPU backend", "opening", 0, clact_error());
        return;
    }
    const struct operation *o;
    for (int i = 0; (o = operation_at(i)); i++) {
        if (!operation_is_named(o, count, names))
            continue;
        verdict(operation_expect(o, cpu), o->name, "on the CPU backend", 0, clact_error());
        if (o->whole)
            sweep_place(o, ON_HOST, options);
        for (enum place p = ON_HOST; p < PLACE_COUNT; p++)
            if (o->places & AT(p))
                sweep_place(o, p, options);
    }
    clact_close(&cpu);
}

/* Whoever switches OpenBLAS off asks for CLBlast: without it nothing of it would be shown. */
static bool lacks_clblast(clact_context *c)
{
#ifdef CLACT_TEST_NN
    const char *blas = getenv("CLACT_BLAS_LIBRARY");
    clact_nn_products products;
    if (!blas || strcmp(blas, "disabled") != 0 ||
        (clact_nn_products_of(c, &products) == CLACT_OK && products.device == CLACT_NN_PRODUCT_CLBLAST))
        return false;
    printf("skipped: fast products are not by CLBlast\n");
    return true;
#else
    (void)c;
    return false;
#endif
}

int main(int argc, char **argv)
{
    brief = argc > 1 && strcmp(argv[1], "--brief") == 0;
    const bool some = !brief && argc > 1 && sscanf(argv[1], "%u/%u", &part, &parts) == 2;
    const int names = 1 + (brief || some);
    if (part < 1 || part > parts) {
        printf("%s: no such part\n", argv[1]);
        return 64;
    }
    clact_context *c;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!load_layer())
        return 77;
    layer_drain(1);
    if (!mkdtemp(folder) || !load_handles() || clact_open(&c, &(clact_options){.device = "opencl"}) != CLACT_OK) {
        printf("no OpenCL device: %s\n", clact_error());
        return 77;
    }
    const bool skip = lacks_clblast(c);
    clact_close(&c);
    if (skip)
        return rmdir(folder) == 0 ? 77 : 1;
    snprintf(cache, sizeof cache, "%s/programs", folder);
    sweep_all(&(clact_options){.device = "opencl", .cache = cache}, argc - names, argv + names);
    if (argc == names)
        hide_each();
    const bool gone = clact_cache_clear(cache, NULL) == CLACT_OK && (rmdir(cache) == 0 || errno == ENOENT);
    verdict(gone && rmdir(folder) == 0, "the cache", "clearing", 0, folder);
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
