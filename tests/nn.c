/* nn.c: what the suites of libclact-nn share. */
#include "nn.h"

#include <stdlib.h>
#include <string.h>

const clact_operand *nn_operand(const struct nn_case *c, int i)
{
    return i < c->count && c->arrays[i].memory ? &c->arrays[i].operand : NULL;
}

void nn_fill(array *a, double scale, uint64_t seed)
{
    for (int64_t i = 0; i < count_of(a); i++)
        set(a, i, (double)((int64_t)(next_random(&seed) % (uint64_t)(128 * scale + 1))) / 64 - scale);
}

void nn_call(clact_context *context, bool buffers, struct nn_case *c, nn_run *run)
{
    for (int i = 0; i < c->count && buffers; i++)
        if (c->arrays[i].memory)
            to_device(context, &c->arrays[i]);
    OK(run(context, c));
    for (int i = 0; i < c->count && buffers; i++)
        if (c->arrays[i].memory)
            from_device(&c->arrays[i]);
}

static size_t bytes_of(const array *a)
{
    return (size_t)a->extent * clact_type_bytes((clact_type)a->operand.tensor.type);
}

/* Copies of the memory of all arrays; put back where kept is not NULL already. */
static void keep(struct nn_case *c, void **kept)
{
    for (int i = 0; i < c->count; i++) {
        if (!c->arrays[i].memory)
            continue;
        bool first = !kept[i];
        kept[i] = first ? malloc(bytes_of(&c->arrays[i])) : kept[i];
        ck_assert_ptr_nonnull(kept[i]);
        memcpy(first ? kept[i] : c->arrays[i].memory, first ? c->arrays[i].memory : kept[i], bytes_of(&c->arrays[i]));
    }
}

static void compare(const struct nn_case *c, void *const *expected, const char *what, const char *where)
{
    for (int i = c->outputs; i < c->count; i++)
        if (c->arrays[i].memory)
            ck_assert_msg(memcmp(c->arrays[i].memory, expected[i], bytes_of(&c->arrays[i])) == 0,
                          "%s: operand %d has other bits %s", what, i, where);
}

static void run_again(clact_context *context, bool buffers, struct nn_case *c, nn_run *run, void **given,
                      void **expected, const char *what, const char *where)
{
    keep(c, given);
    nn_call(context, buffers, c, run);
    if (expected[c->count - 1])
        compare(c, expected, what, where);
    else
        keep(c, expected);
}

void nn_same_bits(struct nn_case *c, nn_run *run, const char *what)
{
    static const char *const sets[] = {"baseline", "avx2", "avx512", "neon"};
    void *given[MOST_ARRAYS] = {0}, *expected[MOST_ARRAYS] = {0};
    keep(c, given);
    for (size_t s = 0; s < COUNT_OF(sets); s++)
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            clact_context *cpu;
            if (clact_open(&cpu, &(clact_options){.device = "cpu", .cpu = sets[s], .threads = threads}) != CLACT_OK)
                continue;
            run_again(cpu, threads == 3, c, run, given, expected, what, sets[s]);
            clact_close(&cpu);
        }
    run_again(test_context(), false, c, run, given, expected, what, "in host memory beside a device");
    if (test_caps()->exact == CLACT_EXACT_ALL && has_type(c->arrays[0].operand.tensor.type))
        run_again(test_context(), true, c, run, given, expected, what, "on the device");
    if (context_beside_pack() && has_type(c->arrays[0].operand.tensor.type))
        run_again(context_beside_pack(), true, c, run, given, expected, what, "beside a pack that lacks it");
    for (int i = 0; i < c->count; i++) {
        free(given[i]);
        free(expected[i]);
    }
}

void nn_free(struct nn_case *c)
{
    for (int i = 0; i < c->count; i++)
        free_array(&c->arrays[i]);
}

static double rounded(clact_type type, double x)
{
    return type == CLACT_F32 ? (double)(float)x : x;
}

/* Blocks first to end, folded pairwise level by level: the left half is the largest power of two below their number. */
static double fold_blocks(clact_type type, const double *blocks, uint64_t count)
{
    uint64_t left = 1;
    if (count == 1)
        return blocks[0];
    while (2 * left < count)
        left *= 2;
    return rounded(type, fold_blocks(type, blocks, left) + fold_blocks(type, blocks + left, count - left));
}

double nn_ordered_sum(clact_type type, uint64_t n, double (*add)(double, const void *, uint64_t), const void *data)
{
    uint64_t count = (n + 4095) / 4096;
    double *blocks = calloc(count, sizeof *blocks);
    ck_assert_ptr_nonnull(blocks);
    for (uint64_t b = 0; b < count; b++) {
        double lanes[256];
        for (int l = 0; l < 256; l++)
            lanes[l] = -0.0;
        for (uint64_t i = b * 4096; i < n && i < (b + 1) * 4096; i++)
            lanes[i % 256] = add(lanes[i % 256], data, i);
        for (int half = 128; half; half /= 2)
            for (int l = 0; l < half; l++)
                lanes[l] = rounded(type, lanes[l] + lanes[l + half]);
        blocks[b] = lanes[0];
    }
    double sum = fold_blocks(type, blocks, count);
    free(blocks);
    return sum;
}
