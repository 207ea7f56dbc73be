/* operands.c: what the calls on arrays check alike. */
#include "operands.h"
#include "matmul.h"
#include "../fpenv.h"

#include <math.h>
#include <string.h>

clact_status clact_nn_begin(struct clact_nn_call *c, clact_context *context, const void *args, const uint64_t *reserved,
                            const clact_enqueue *enqueue)
{
    uint64_t any = 0;
    REQUIRE(context && args, CLACT_E_ARGUMENT, "context and args must not be NULL");
    for (int i = 0; i < 8; i++)
        any |= reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of the arguments must be zero");
    *c = (struct clact_nn_call){.call = {.context = context, .enqueue = enqueue}};
    return clact_nn_enqueue(context, enqueue);
}

/* ---- Operands ------------------------------------------------------------------------------- */

static bool is_dense(const clact_tensor *t, const struct clact_view *v)
{
    int64_t dense = 1;
    for (uint32_t k = t->rank; k-- > 0; dense *= t->dims[k])
        if (t->dims[k] != 1 && v->strides[k] != dense)
            return false;
    return true;
}

clact_status clact_nn_any(struct clact_nn_call *c, const clact_operand *operand, const char *what,
                          struct clact_nn_array *out)
{
    *out = (struct clact_nn_array){.what = what};
    if (!operand)
        return CLACT_OK;
    TRY(clact_call_operand(&c->call, operand, what, &out->view, &out->count));
    REQUIRE(out->count, CLACT_E_ARGUMENT, "%s has no elements", what);
    REQUIRE(is_dense(&operand->tensor, &out->view), CLACT_E_UNSUPPORTED, "%s must be dense, and has other strides",
            what);
    out->tensor = &operand->tensor;
    return CLACT_OK;
}

clact_status clact_nn_real(struct clact_nn_call *c, const clact_operand *operand, const char *what,
                           struct clact_nn_array *out)
{
    TRY(clact_nn_any(c, operand, what, out));
    if (!operand)
        return CLACT_OK;
    uint32_t type = operand->tensor.type;
    REQUIRE(type == CLACT_F32 || type == CLACT_F64, CLACT_E_UNSUPPORTED,
            "%s is of type %s, and must be f32 or f64", what, clact_type_name((clact_type)type));
    if (!c->first)
        c->first = &operand->tensor;
    REQUIRE(type == c->first->type, CLACT_E_ARGUMENT, "%s is of type %s, the first operand of type %s", what,
            clact_type_name((clact_type)type), clact_type_name((clact_type)c->first->type));
    return CLACT_OK;
}

clact_status clact_nn_needed(struct clact_nn_call *c, const clact_operand *operand, const char *what,
                             struct clact_nn_array *out)
{
    REQUIRE(operand, CLACT_E_ARGUMENT, "%s must not be NULL", what);
    return clact_nn_real(c, operand, what, out);
}

clact_status clact_nn_like(struct clact_nn_call *c, const clact_operand *operand, const struct clact_nn_array *other,
                           const char *what, struct clact_nn_array *out)
{
    TRY(clact_nn_real(c, operand, what, out));
    const clact_tensor *t = out->tensor, *o = other->tensor;
    REQUIRE(!t || (t->rank == o->rank && memcmp(t->dims, o->dims, t->rank * sizeof *t->dims) == 0), CLACT_E_ARGUMENT,
            "%s must have the shape of %s", what, other->what);
    return CLACT_OK;
}

clact_status clact_nn_is_vector(const struct clact_nn_array *a, uint64_t count)
{
    REQUIRE(!a->tensor || (a->count == count && (a->tensor->rank == 1 || (count == 1 && a->tensor->rank == 0))),
            CLACT_E_ARGUMENT, "%s must have one dimension, and %llu elements", a->what, (unsigned long long)count);
    return CLACT_OK;
}

clact_status clact_nn_vector(struct clact_nn_call *c, const clact_operand *operand, uint64_t count, const char *what,
                             struct clact_nn_array *out)
{
    TRY(clact_nn_real(c, operand, what, out));
    return clact_nn_is_vector(out, count);
}

clact_status clact_nn_arrays_apart(const struct clact_nn_call *c, const struct clact_nn_array *out,
                            const struct clact_nn_array *other, bool may_be)
{
    bool same = false;
    if (!out->tensor || !other->tensor)
        return CLACT_OK;
    TRY(clact_views_overlap(c->call.context, other->tensor, &other->view, out->tensor, &out->view, other->what, &same));
    REQUIRE(!same || may_be, CLACT_E_OVERLAP, "%s is %s, and must lie elsewhere", out->what, other->what);
    return CLACT_OK;
}

/* ---- Views of steps ------------------------------------------------------------------------- */

static struct clact_view view_of(const struct clact_nn_array *a, int64_t row, int64_t element)
{
    struct clact_view v = a->view;
    memset(v.strides, 0, sizeof v.strides);
    v.strides[ARRAY_ROW] = row;
    v.strides[ARRAY_ELEMENT] = element;
    return v;
}

struct clact_view clact_nn_rows(const struct clact_nn_array *a, uint64_t columns)
{
    return view_of(a, (int64_t)columns, 1);
}

struct clact_view clact_nn_for_rows(const struct clact_nn_array *a)
{
    return view_of(a, 1, 0);
}

struct clact_view clact_nn_element(const struct clact_nn_array *a, int64_t index)
{
    struct clact_view v = view_of(a, 0, 0);
    v.offset += index;
    return v;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

clact_status clact_nn_positive(double number, const char *what)
{
    REQUIRE(isfinite(number) && number >= 0, CLACT_E_RANGE, "%s must be finite and not negative, and is %g", what,
            number);
    return CLACT_OK;
}

/* volatile: no compiler moves the division out from between. */
double clact_nn_quotient(double a, double b)
{
    clact_fpenv env = clact_fpenv_enter();
    volatile double divisor = b;
    volatile double quotient = a / divisor;
    clact_fpenv_leave(env);
    return quotient;
}
