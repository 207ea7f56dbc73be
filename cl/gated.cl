/* gated.cl: y = u * f(v) and its gradients for one activation and one type; see units.h.
 *
 * The lines before this text are those of elementwise.cl, without TENSOR. */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "units.h"
#include "walk.cl"

#define FORWARD_MOVE(s) STEP(u, s) STEP(v, s) STEP(y, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(gated)(INPUT(u), INPUT(v), OUTPUT(y), SIZE, PARAMETERS)
{
    FOR_ELEMENTS(AT(u) AT(v) AT(y), FORWARD_MOVE, y[y_at] = STORE(gate(LOAD(u[u_at]), ROW_F(LOAD(v[v_at]))));)
}

#define BY_U 1u /* what is asked for, the same for all work-items */
#define BY_V 2u
#define ADD_U 4u
#define ADD_V 8u

/* Everything is loaded before anything is stored: an output may be an input. */
#define BACKWARD_ELEMENT                                                                            \
    const real a = LOAD(u[u_at]);                                                                   \
    const real b = LOAD(v[v_at]);                                                                   \
    const real g = LOAD(dy[dy_at]);                                                                 \
    if (wanted & BY_U) {                                                                            \
        const real by_u = gradient(ROW_F(b), g);                                                    \
        du[du_at] = STORE(wanted & ADD_U ? fused(u_beta, LOAD(du[du_at]), by_u) : by_u);            \
    }                                                                                               \
    if (wanted & BY_V) {                                                                            \
        const real by_v = ROW_G(b, gradient(a, g));                                                 \
        dv[dv_at] = STORE(wanted & ADD_V ? fused(v_beta, LOAD(dv[dv_at]), by_v) : by_v);            \
    }

#define BACKWARD_MOVE(s) STEP(u, s) STEP(v, s) STEP(dy, s) STEP(du, s) STEP(dv, s)

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
void KERNEL(gated_backward)(INPUT(u), INPUT(v), INPUT(dy), OUTPUT(du), OUTPUT(dv), SIZE, PARAMETERS, const uint wanted,
              const real u_beta, const real v_beta)
{
    FOR_ELEMENTS(AT(u) AT(v) AT(dy) AT(du) AT(dv), BACKWARD_MOVE, BACKWARD_ELEMENT)
}
