/* layouts.c: operands of one shape that lie in several ways. */
#include "layouts.h"

#include <math.h>
#include <string.h>

const shape shapes[SHAPE_COUNT] = {
    {1, {1}, 0}, {1, {2}, -1}, {1, {255}, 0}, {1, {513}, 0}, {2, {7, 5}, -1}, {2, {7, 5}, 0}, {2, {1, 1025}, 1},
    {2, {33, 64}, 1}, {2, {64, 33}, -2}, {3, {3, 5, 7}, 1}, {3, {3, 1, 9}, -2}, {4, {2, 3, 4, 5}, 2}, {5, {2, 3, 1, 2, 5}, 0},
};

uint32_t axis_of(const shape *s)
{
    return (uint32_t)(s->axis < 0 ? s->axis + (int)s->rank : s->axis);
}

array make_layout(clact_type type, const shape *s, int64_t times, enum layout layout)
{
    int64_t dims[5], strides[5], step = layout == SPREAD ? 2 : 1;
    memcpy(dims, s->dims, sizeof dims);
    dims[axis_of(s)] *= times;
    for (uint32_t k = 0; k < s->rank; k++) {
        uint32_t at = layout == TRANSPOSED ? k : s->rank - 1 - k;
        strides[at] = layout == REVERSED ? -step : step;
        step = step * dims[at] + (layout == SPREAD ? 3 : 0);
    }
    return make_strided(type, s->rank, dims, strides);
}

int64_t index_behind(const shape *s, int64_t i, int64_t times, int64_t turns)
{
    int64_t axis = s->dims[axis_of(s)];
    for (uint32_t k = axis_of(s) + 1; k < s->rank; k++)
        axis *= s->dims[k];
    return i + axis * (i / axis * (times - 1) + turns);
}

array copy_of(const array *a)
{
    const clact_tensor *t = &a->operand.tensor;
    array b = make_strided((clact_type)t->type, t->rank, t->dims, t->strides);
    memcpy(b.memory, a->memory, (size_t)a->extent * clact_type_bytes((clact_type)t->type));
    return b;
}

void fill_all(array *a, uint64_t seed, bool few)
{
    static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN};
    for (int64_t i = 0; i < a->extent; i++) {
        uint64_t r = next_random(&seed);
        double v = few ? (double)(int)(r % 5) - 2 : (double)(int64_t)r * 0x1p-60;
        if (!few && !device_flushes() && r % 4 == 0)
            v = float_of((uint32_t)(r >> 8));
        if (r % 16 == 1)
            v = special[(r >> 8) % COUNT_OF(special)];
        memory_set(a, i, v);
    }
}

bool device_flushes(void)
{
    return test_caps()->exact == CLACT_EXACT_NORMAL;
}

bool same_value(double a, double b)
{
    if (device_flushes() && (a == b || (fabs(a) < 0x1p-100 && fabs(b) < 0x1p-100)))
        return true;
    return isnan(a) ? isnan(b) != 0 : memcmp(&a, &b, sizeof a) == 0;
}

void compare_all(const char *name, const shape *s, const char *what, const array *got, const array *expected)
{
    for (int64_t i = 0; i < got->extent; i++)
        ck_assert_msg(same_value(memory_get(got, i), memory_get(expected, i)), "%s %s, %s, dims %d %d, axis %d, at %d: %a, "
                      "expected %a", name, what, clact_type_name((clact_type)got->operand.tensor.type), (int)s->dims[0],
                      s->rank > 1 ? (int)s->dims[1] : 0, s->axis, (int)i, memory_get(got, i), memory_get(expected, i));
}
