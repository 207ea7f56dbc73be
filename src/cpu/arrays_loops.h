/* arrays_loops.h: the loops of operations over arrays on the CPU. */
#ifndef CLACT_CPU_ARRAYS_LOOPS_H
#define CLACT_CPU_ARRAYS_LOOPS_H

#include "../arrays.h"

#include <stddef.h>

/* Over n consecutive elements of the type computed in, labels among them; p: the parameters. */
struct clact_cpu_arrays_loops {
    /* An output may be an input. */
    void (*maps[ARRAY_OPERATIONS])(size_t n, const void *const *in, const void *p, void *const *out);
    /* lanes[k] with the term of element k. */
    void (*sums[ARRAY_OPERATIONS])(size_t n, const void *const *in, const void *p, void *lanes);
    /* counters[kind * stride + k], words of the reals' size, with what element k is. */
    void (*tallies[ARRAY_OPERATIONS])(size_t n, const void *in, const void *p, void *counters, size_t stride);
    /* Labels as reals, and the numbers of columns from first on. */
    void (*labels)(size_t n, const int32_t *from, int64_t step, void *to);
    void (*columns)(size_t n, uint64_t first, void *to);
};

#endif
