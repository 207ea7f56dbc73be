/* sums.c: blocks, counters and chunks of sums on the CPU, folded as reduction.h says. */
#include "sums.h"

#include <string.h>

#define UNITS 8       /* for each thread, where one sum is split */
#define LEAST_CHUNK 4 /* blocks */

void clact_cpu_set_each(size_t real_size, void *to, size_t n, double value)
{
    for (size_t k = 0; k < n; k++)
        if (real_size == sizeof(double))
            ((double *)to)[k] = value;
        else
            ((float *)to)[k] = (float)value;
}

void clact_cpu_sums_fold(const struct clact_cpu_sums *s, char *lanes, size_t terms)
{
    size_t left = terms < LANES ? terms : LANES;
    for (size_t half = LANES / 2; half; half /= 2)
        if (left > half) {
            s->kernels->add((left - half) * s->width, lanes + half * s->width * s->real_size, lanes);
            left = half;
        }
}

void clact_cpu_sums_push(const struct clact_cpu_sums *s, char *counter, size_t stride, uint64_t index, char *sums)
{
    int level = 0;
    for (; index & 1; index >>= 1)
        s->kernels->add(s->width, counter + (size_t)level++ * stride, sums);
    memcpy(counter + (size_t)level * stride, sums, s->width * s->real_size);
}

void clact_cpu_sums_total(const struct clact_cpu_sums *s, const char *counter, size_t stride, uint64_t blocks,
                          char *sums)
{
    clact_cpu_set_each(s->real_size, sums, s->width, -0.0);
    for (int level = 0; blocks; blocks >>= 1, level++)
        if (blocks & 1)
            s->kernels->add(s->width, counter + (size_t)level * stride, sums);
}

void clact_cpu_sums_join(const struct clact_cpu_sums *s, char *parts, uint64_t chunks)
{
    size_t bytes = s->width * s->real_size;
    for (uint64_t step = 1; step < chunks; step *= 2)
        for (uint64_t k = 0; k + step < chunks; k += 2 * step)
            s->kernels->add(s->width, parts + (k + step) * bytes, parts + k * bytes);
}

void clact_cpu_sums_without_minus_zero(const struct clact_cpu_sums *s, char *sums)
{
    for (size_t k = 0; k < s->width; k++)
        if (s->real_size == sizeof(double))
            ((double *)sums)[k] = ((double *)sums)[k] == 0 ? 0 : ((double *)sums)[k];
        else
            ((float *)sums)[k] = ((float *)sums)[k] == 0 ? 0 : ((float *)sums)[k];
}

uint64_t clact_cpu_sums_chunk(uint64_t blocks, uint64_t tiles, uint32_t threads)
{
    uint64_t chunk = blocks ? blocks : 1;
    if (threads > 1 && tiles < UNITS * (uint64_t)threads)
        for (chunk = LEAST_CHUNK; (blocks + chunk - 1) / chunk * tiles > UNITS * (uint64_t)threads; chunk *= 2)
            ;
    return chunk;
}
