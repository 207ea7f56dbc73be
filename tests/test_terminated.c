/* test_terminated.c: commands that fail after they were enqueued, which the layer of tests/layer imitates.
 *
 * Each public operation on arrays (operations.h) is tried with its kernel N terminated, for N = 1, 2, ...: on host memory
 * the call must say so, enqueued its event must. Then with an event in its wait list that fails: its own event must fail,
 * and nothing be written. After either it must succeed, on the same context. A driver that tells of a terminated kernel by
 * its event alone (PoCL 3.1, rusticl 22.3) leaves who did not ask for one without an answer: operations in buffers are
 * not tried. Nor are calls of several kernels on PoCL 3.1, which ends the process where the second one waits for what fails.
 *
 *   test_terminated [NAME ...]   NAME: operations whose names begin so */
#include "operations.h"
#include "handles.h"
#include "layer_calls.h"

#ifdef CLACT_TEST_NN
#include <clact/nn.h>
#endif

#include <stdio.h>
#include <string.h>

static unsigned passed, failed;
static unsigned nth;

static void verdict(bool good, const char *what, unsigned number, const char *detail)
{
    passed += good;
    failed += !good;
    if (!good)
        printf("FAILED: %s, kernel %u: %s\n", what, number, detail);
}

static void arm(void)
{
    layer_terminate(nth, -5);
}

static void disarm(void)
{
    layer_terminate(0, 0);
}

/* Without a fault, on a context that has seen one. */
static void expect_sound(struct trial *t, unsigned number)
{
    t->wrong = NULL;
    t->arm = t->disarm = NULL;
    t->wait_fails = false;
    verdict(operation_try(t) == CLACT_OK && !t->wrong, t->operation->name, number, "is not to be had after that");
}

/* Whether there was a kernel to terminate. */
static bool try_terminated(const struct operation *o, enum place place, clact_context *c)
{
    struct trial t = {.operation = o, .place = place, .context = c, .folder = "", .arm = arm, .disarm = disarm};
    const unsigned long seen = layer_terminated();
    clact_status status = operation_try(&t);
    const bool met = layer_terminated() != seen;
    verdict(!t.wrong, o->name, nth, t.wrong ? t.wrong : "");
    verdict(met ? status == CLACT_E_OPENCL : status == CLACT_OK, o->name, nth, met ? "is not told of" : clact_error());
    if (met)
        expect_sound(&t, nth);
    return met;
}

static void try_failed_wait(const struct operation *o, clact_context *c)
{
    struct trial t = {.operation = o, .place = ENQUEUED, .context = c, .folder = "", .wait_fails = true};
    clact_status status = operation_try(&t);
    verdict(!t.wrong, o->name, 0, t.wrong ? t.wrong : "");
    verdict(status == CLACT_E_OPENCL && !t.touched, o->name, 0, "an event that has failed is not told of");
    expect_sound(&t, 0);
}

/* Whether an enqueued call is a chain of kernels, on a driver that does not bear that one fails. */
static bool is_fatal(const struct operation *o, clact_context *c)
{
    struct trial t = {.operation = o, .place = ENQUEUED, .context = c, .folder = ""};
    clact_caps caps;
    verdict(clact_context_caps(c, &caps) == CLACT_OK, o->name, 0, clact_error()); /* it may run a kernel, too */
    const unsigned long before = layer_kernels();
    verdict(operation_try(&t) == CLACT_OK, o->name, 0, clact_error());
    return layer_kernels() - before > 1 && strstr(caps.platform, "Portable Computing Language");
}

static void try_all(clact_context *c, const struct operation *o, unsigned *kernels)
{
    if (o->places & AT(ENQUEUED) && is_fatal(o, c))
        return;
    for (enum place p = ON_HOST; p < PLACE_COUNT; p++)
        for (nth = 1; p != IN_BUFFERS && o->places & AT(p) && try_terminated(o, p, c); nth++)
            ++*kernels;
    if (o->places & AT(ENQUEUED))
        try_failed_wait(o, c);
}

/* A probe that did not run is no verdict on the device. */
static void try_probe(void)
{
    clact_context *c;
    clact_caps caps;
    if (clact_open(&c, &(clact_options){.device = "opencl", .cache = "disabled"}) != CLACT_OK) {
        verdict(false, "the probe", 0, clact_error());
        return;
    }
    layer_terminate(1, -5);
    clact_status status = clact_context_caps(c, &caps);
    layer_terminate(0, 0);
    verdict(status == CLACT_E_OPENCL, "the probe", 1, "is not told of");
    verdict(clact_context_caps(c, &caps) == CLACT_OK && caps.exact != CLACT_EXACT_NONE, "the probe", 1, "is not to be had after that");
    clact_close(&c);
}

/* What has failed already: a product by OpenBLAS waits for it, and must not for ever. */
static void try_failed_product(clact_context *c)
{
#ifdef CLACT_TEST_NN
    clact_nn_products products;
    clact_operand o = {.tensor = {.rank = 2, .dims = {4, 4}}}, out = o;
    cl_int code;
    cl_event waits = p_clCreateUserEvent(clact_opencl_context(c), &code), after = NULL;
    bool ready = code == CL_SUCCESS && clact_nn_products_of(c, &products) == CLACT_OK &&
                 clact_buffer_create(&o.buffer, c, 64) == CLACT_OK && clact_buffer_create(&out.buffer, c, 64) == CLACT_OK;
    verdict(ready, "a product by OpenBLAS", 0, clact_error());
    if (ready && products.device == CLACT_NN_PRODUCT_BLAS) {
        p_clSetUserEventStatus(waits, CL_OUT_OF_RESOURCES);
        clact_status status = clact_nn_matmul(c, &(clact_nn_matmul_args){.a = &o, .b = &o, .c = &out, .mode = CLACT_NN_FAST},
                                              &(clact_enqueue){.waits = &waits, .num_waits = 1, .event = &after});
        verdict(status == CLACT_E_OPENCL && !after, "a product by OpenBLAS", 0, "an event that has failed is not told of");
    }
    p_clReleaseEvent(waits);
    clact_buffer_destroy(&o.buffer);
    clact_buffer_destroy(&out.buffer);
#else
    (void)c;
#endif
}

int main(int argc, char **argv)
{
    clact_context *c, *cpu;
    unsigned kernels = 0, tried = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!load_layer() || !load_handles() || clact_open(&c, &(clact_options){.device = "opencl"}) != CLACT_OK)
        return 77;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK)
        return 1;
    const struct operation *o;
    for (int i = 0; (o = operation_at(i)); i++) {
        if (!o->places || !operation_is_named(o, argc - 1, argv + 1))
            continue;
        verdict(operation_expect(o, cpu), o->name, 0, clact_error());
        const unsigned before = kernels;
        try_all(c, o, &kernels);
        tried += kernels > before;
    }
    try_failed_product(c);
    clact_close(&cpu);
    clact_close(&c);
    try_probe();
    verdict(layer_live() == 0, "all", 0, "left objects alive");
    printf("%u operations, %u kernels terminated; %u passed, %u failed\n", tried, kernels, passed, failed);
    return failed ? 1 : 0;
}
