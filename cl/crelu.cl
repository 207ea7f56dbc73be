/* crelu.cl: relu(x) and relu(-x), the halves of y, and the gradient; for strided views. See units.h.
 *
 * The composer defines CLACT_REAL_BITS, KERNEL(part), ELEMENT, LOAD(v), STORE(v), LOCAL and VIEW. */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "units.h"
#include "walk.cl"

#define FORWARD_MOVE(s) STEP(x, s) STEP(first, s) STEP(second, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(forward)(INPUT(x), OUTPUT(first), OUTPUT(second), SIZE)
{
    FOR_ELEMENTS(AT(x) AT(first) AT(second), FORWARD_MOVE,
                 const real a = LOAD(x[x_at]);
                 first[first_at] = STORE(crelu_first(a));
                 second[second_at] = STORE(crelu_second(a));)
}

/* add: beta times what dx holds is added. */
#define STORE_DX(g) { const real now = g; dx[dx_at] = STORE(add ? fused(beta, LOAD(dx[dx_at]), now) : now); }

#define BACKWARD_MOVE(s) STEP(x, s) STEP(first, s) STEP(second, s) STEP(dx, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(backward)(INPUT(x), INPUT(first), INPUT(second), OUTPUT(dx), SIZE, const uint add, const real beta)
{
    FOR_ELEMENTS(AT(x) AT(first) AT(second) AT(dx), BACKWARD_MOVE,
                 STORE_DX(crelu_g(LOAD(x[x_at]), LOAD(first[first_at]), LOAD(second[second_at]))))
}

#define BACKWARD_Y_MOVE(s) STEP(y1, s) STEP(y2, s) STEP(first, s) STEP(second, s) STEP(dx, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(backward_y)(INPUT(y1), INPUT(y2), INPUT(first), INPUT(second), OUTPUT(dx), SIZE, const uint add, const real beta)
{
    FOR_ELEMENTS(AT(y1) AT(y2) AT(first) AT(second) AT(dx), BACKWARD_Y_MOVE,
                 STORE_DX(crelu_y(LOAD(y1[y1_at]), LOAD(y2[y2_at]), LOAD(first[first_at]), LOAD(second[second_at]))))
}
