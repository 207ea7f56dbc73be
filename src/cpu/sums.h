/* sums.h: sums on the CPU in the order of cl/reduction.h: of one segment, or of several side by side. */
#ifndef CLACT_CPU_SUMS_H
#define CLACT_CPU_SUMS_H

#include "cpu.h"

/* Those of cl/reduction.h. */
#define BLOCK 4096
#define LANES 256
#define LEVELS 52

/* Sums side by side: width of them, of reals of real_size bytes. In the lanes of a block, in a counter's levels and
 * among the parts of a sum those of neighbours are neighbours. */
struct clact_cpu_sums {
    const struct clact_cpu_kernels *kernels;
    size_t real_size, width;
};

/* n reals of a value. */
void clact_cpu_set_each(size_t real_size, void *to, size_t n, double value);
/* The sums of a block of terms, from its lanes, left in the first of them. */
void clact_cpu_sums_fold(const struct clact_cpu_sums *s, char *lanes, size_t terms);
/* Takes the sums of a block, the index-th counted from 0, to the levels of a counter, which are stride bytes apart. The
 * sums are used up. */
void clact_cpu_sums_push(const struct clact_cpu_sums *s, char *counter, size_t stride, uint64_t index, char *sums);
/* The totals of so many blocks. */
void clact_cpu_sums_total(const struct clact_cpu_sums *s, const char *counter, size_t stride, uint64_t blocks,
                          char *sums);
/* The sums of chunks pairwise, left in the first of them. */
void clact_cpu_sums_join(const struct clact_cpu_sums *s, char *parts, uint64_t chunks);
/* +0.0 for -0.0. */
void clact_cpu_sums_without_minus_zero(const struct clact_cpu_sums *s, char *sums);
/* Into how many blocks for each, a power of two or all, sums of so many blocks are cut, tiles of them being there. */
uint64_t clact_cpu_sums_chunk(uint64_t blocks, uint64_t tiles, uint32_t threads);

#endif
