/* reduction.h: the order of sums, which makes their bits the same everywhere and for any number of threads.
 *
 * The terms, in row-major order of their logical indices, are cut into blocks of REDUCTION_BLOCK. In a block
 * term j goes to lane j mod REDUCTION_LANES, which adds its terms in order. Then the lanes fold in halves:
 * lane l takes lane l + 128 for l < 128, then l + 64 for l < 64, down to l + 1. The sums of the blocks fold
 * pairwise, level by level, an odd one being carried up; a counter in binary does the same in little memory.
 * Rows of 10^7 terms so take 36 additions from any term to the total, not 10^7.
 *
 * Where there is no term there is NO_SUM, -0.0: the one number that leaves every other as it is. */
#ifndef CLACT_REDUCTION_H
#define CLACT_REDUCTION_H

#define REDUCTION_BLOCK 4096
#define REDUCTION_LANES 256
#define REDUCTION_LEVELS 52 /* of blocks: 2^64 terms have no more */
#define NO_SUM C(-0.0)

/* The sum of a block from its lanes, which are used up. width: a power of two, of the lanes that have terms. */
INLINE real reduction_fold(SHARED real *lanes, u32 width)
{
    for (u32 span = width / 2; span; span /= 2)
        for (u32 l = 0; l < span; l++)
            lanes[l] += lanes[l + span];
    return lanes[0];
}

/* Takes the sum of a block, the index-th counted from 0, to the REDUCTION_LEVELS sums of a counter. */
INLINE void reduction_push(SHARED real *counter, u64 index, real sum)
{
    u32 level = 0;
    for (; index & 1; index >>= 1) {
        sum = counter[level] + sum;
        level++;
    }
    counter[level] = sum;
}

/* The total of so many blocks. */
INLINE real reduction_total(SHARED const real *counter, u64 blocks)
{
    real sum = NO_SUM;
    for (u32 level = 0; blocks; blocks >>= 1) {
        if (blocks & 1)
            sum = counter[level] + sum;
        level++;
    }
    return sum;
}

/* How many lanes of a row or block of n terms fold: a power of two, from which on lanes have no term. */
INLINE u32 reduction_width(u64 n)
{
    u32 width = 1;
    for (; width < REDUCTION_LANES && width < n; width *= 2)
        ;
    return width;
}

#endif
