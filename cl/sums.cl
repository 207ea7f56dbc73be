/* sums.cl: how groups of work-items make a sum in the order of reduction.h: a chunk of its terms, and chunks. */
#define MOST_CHUNKS 1024 /* of a sum; src/opencl/gradient.c */

/* The sum of the terms j from start up to stop, a multiple of REDUCTION_BLOCK from the first term on; TERM adds j to
 * sum. total is the first work-item's alone; lanes and counter are used up. */
#define SUM_CHUNK(lanes, counter, start, stop, total, TERM)                                         \
    ulong blocks = 0;                                                                               \
    for (ulong first = start; first < stop; first += REDUCTION_BLOCK) {                             \
        const ulong end = stop - first < REDUCTION_BLOCK ? stop : first + REDUCTION_BLOCK;          \
        const uint width = reduction_width(end - first);                                            \
        FOR_TERMS(first, end, width, real sum = NO_SUM;, real sum = lanes[lane];, TERM, lanes[lane] = sum;) \
        for (uint span = width / 2; span > 0; span /= 2) {                                          \
            SYNCHRONISE                                                                             \
            for (uint l = ITEM; l < span; l += LOCAL)                                               \
                lanes[l] += lanes[l + span];                                                        \
        }                                                                                           \
        SYNCHRONISE                                                                                 \
        if (ITEM == 0) /* lane 0 is its own */                                                      \
            reduction_push(counter, blocks, lanes[0]);                                              \
        blocks++;                                                                                   \
    }                                                                                               \
    const real total = ITEM == 0 ? reduction_total(counter, blocks) : NO_SUM;

/* Chunks pairwise, level by level, an odd one being carried up; the sum is then the first of them. */
#define FOLD_CHUNKS(sums, parts, chunks)                                                            \
    for (ulong c = ITEM; c < chunks; c += LOCAL)                                                    \
        sums[c] = (parts)[c];                                                                       \
    for (uint step = 1; step < chunks; step *= 2) {                                                 \
        SYNCHRONISE                                                                                 \
        for (ulong c = 2 * step * ITEM; c + step < chunks; c += 2 * step * LOCAL)                   \
            sums[c] += sums[c + step];                                                              \
    }                                                                                               \
    SYNCHRONISE
