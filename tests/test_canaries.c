/* test_canaries.c: every public operation on arrays, with every buffer between canaries of the test layer.
 *
 * A buffer has no byte more than its array: a kernel that writes before it or behind it is seen. First the canaries
 * themselves are tried, by the host, where a device computes in the memory that it is given, as PoCL does. */
#include "operations.h"
#include "handles.h"
#include "layer_calls.h"

#include <string.h>

static unsigned failed;

static void verdict(bool good, const char *what, const char *detail)
{
    failed += !good;
    if (!good)
        printf("FAILED: %s: %s\n", what, detail);
}

/* Writes a byte at a distance from the beginning of a buffer. */
static unsigned long write_at(clact_context *c, long distance)
{
    clact_buffer *buffer;
    void *mapped;
    if (clact_buffer_create(&buffer, c, 1000) != CLACT_OK)
        return 0;
    if (clact_buffer_map(&mapped, buffer, 0, 1000, CLACT_MAP_READ | CLACT_MAP_WRITE) == CLACT_OK) {
        ((volatile char *)mapped)[distance] ^= 1;
        clact_buffer_unmap(buffer, mapped);
    }
    clact_buffer_destroy(&buffer);
    clact_finish(c);
    return layer_damaged();
}

static void try_operation(const struct operation *o, clact_context *c, clact_context *cpu)
{
    verdict(operation_expect(o, cpu), o->name, clact_error());
    for (enum place p = ON_HOST; p < PLACE_COUNT; p++) {
        struct trial t = {.operation = o, .place = p, .context = c, .folder = ""};
        if (!(o->places & AT(p)))
            continue;
        verdict(operation_try(&t) == CLACT_OK, o->name, clact_error());
        verdict(!t.wrong, o->name, t.wrong ? t.wrong : "");
        verdict(layer_damaged() == 0, o->name, "a canary is damaged");
    }
}

int main(void)
{
    clact_context *c, *cpu;
    if (!load_layer() || !load_handles())
        return 77;
    layer_canaries(1);
    if (clact_open(&c, &(clact_options){.device = "opencl"}) != CLACT_OK)
        return 77;
    if (clact_open(&cpu, &(clact_options){.device = "cpu"}) != CLACT_OK)
        return 1;
    verdict(write_at(c, 0) == 0 && write_at(c, 999) == 0, "canaries", "what is inside is seen as outside");
    verdict(write_at(c, -1) == 1 && write_at(c, 1000) == 1 && write_at(c, 1000 + 4095) == 1, "canaries", "nothing is seen");
    int count = 0;
    const struct operation *o;
    for (int i = 0; (o = operation_at(i)); i++)
        if (o->places) {
            try_operation(o, c, cpu);
            count++;
        }
    clact_close(&cpu);
    clact_close(&c);
    verdict(layer_damaged() == 0 && layer_live() == 0, "the end", "a canary is damaged, or objects are alive");
    printf("%d operations; %u failed\n", count, failed);
    return failed ? 1 : 0;
}
