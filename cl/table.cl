/* table.cl: y = table[x] for bytes: quantised activations, whatever their function, scales and zero points.
 *
 * The composer defines KERNEL(part), LOCAL, PER_ITEM, VIEW and ELEMENT, which is uchar. The table comes as two
 * arguments by value, so that nothing is allocated for it; a group keeps it in local memory. */
#include "dialect.h"
#include "walk.cl"

#define MOVE(s) STEP(x, s) STEP(y, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(forward)(INPUT(x), OUTPUT(y), SIZE, const ulong16 first_half, const ulong16 second_half)
{
    SHARED ulong words[32];
    if (ITEM == 0) {
        vstore16(first_half, 0, words);
        vstore16(second_half, 1, words);
    }
    SYNCHRONISE
    SHARED const uchar *table = (SHARED const uchar *)words;
    FOR_ELEMENTS(AT(x) AT(y), MOVE, y[y_at] = table[x[x_at]];)
}
