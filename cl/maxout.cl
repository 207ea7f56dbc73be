/* maxout.cl: the largest of the pieces of each unit, and the gradient; for strided views of the units. The
 * pieces of one lie x_step (dx_step) elements apart. See units.h.
 *
 * The composer defines CLACT_REAL_BITS, KERNEL(part), ELEMENT, LOAD(v), STORE(v), LOCAL and VIEW. */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "units.h"
#include "walk.cl"

/* most: the largest piece; best: its number. */
#define FIND_LARGEST                                                                                \
    real most = LOAD(x[x_at]);                                                                      \
    ulong best = 0;                                                                                 \
    for (ulong k = 1; k < pieces; k++) {                                                            \
        const real piece = LOAD(x[x_at + (long)k * x_step]);                                        \
        const u32 wins = maxout_wins(piece, most);                                                  \
        most = wins ? piece : most;                                                                 \
        best = wins ? k : best;                                                                     \
    }

#define FORWARD_MOVE(s) STEP(x, s) STEP(y, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(forward)(INPUT(x), OUTPUT(y), SIZE, const ulong pieces, const long x_step)
{
    FOR_ELEMENTS(AT(x) AT(y), FORWARD_MOVE, FIND_LARGEST y[y_at] = STORE(most);)
}

/* dx may be x: the largest is known before anything is stored. add: beta times what dx holds is added. */
#define BACKWARD_UNIT                                                                               \
    FIND_LARGEST                                                                                    \
    const real passed = maxout_g(most, LOAD(dy[dy_at]));                                            \
    for (ulong k = 0; k < pieces; k++) {                                                            \
        const real g = k == best ? passed : C(0.0);                                                 \
        const long at = dx_at + (long)k * dx_step;                                                  \
        dx[at] = STORE(add ? fused(beta, LOAD(dx[at]), g) : g);                                     \
    }

#define BACKWARD_MOVE(s) STEP(x, s) STEP(dy, s) STEP(dx, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(backward)(INPUT(x), INPUT(dy), OUTPUT(dx), SIZE, const ulong pieces, const long x_step, const long dx_step,
              const uint add, const real beta)
{
    FOR_ELEMENTS(AT(x) AT(dy) AT(dx), BACKWARD_MOVE, BACKWARD_UNIT)
}
