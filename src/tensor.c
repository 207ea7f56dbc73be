/* tensor.c: element types, and the rules that operands must keep: shapes, bounds, overlap. */
#include "tensor.h"

#include <string.h>

const char *clact_type_name(clact_type type)
{
    switch (type) {
    case CLACT_F32: return "f32";
    case CLACT_F16: return "f16";
    case CLACT_BF16: return "bf16";
    case CLACT_F64: return "f64";
    case CLACT_I8: return "i8";
    case CLACT_U8: return "u8";
    case CLACT_I32: return "i32";
    }
    return NULL;
}

size_t clact_type_bytes(clact_type type)
{
    switch (type) {
    case CLACT_F32: return 4;
    case CLACT_F16: return 2;
    case CLACT_BF16: return 2;
    case CLACT_F64: return 8;
    case CLACT_I8: return 1;
    case CLACT_U8: return 1;
    case CLACT_I32: return 4;
    }
    return 0;
}

static clact_status count_elements(const clact_tensor *t, const char *what, uint64_t *n)
{
    int64_t count = 1;
    bool empty = false;
    for (uint32_t k = 0; k < t->rank; k++) {
        REQUIRE(t->dims[k] >= 0, CLACT_E_ARGUMENT, "%s has a negative size along axis %u", what, (unsigned)k);
        if (t->dims[k] == 0)
            empty = true;
        else
            REQUIRE(!__builtin_mul_overflow(count, t->dims[k], &count) && count <= INT64_MAX / 16, CLACT_E_BOUNDS,
                    "the number of elements of %s overflows", what);
    }
    *n = empty ? 0 : (uint64_t)count;
    return CLACT_OK;
}

clact_status clact_view_of(const clact_operand *operand, const char *what, struct clact_view *view, uint64_t *n)
{
    REQUIRE(operand, CLACT_E_ARGUMENT, "%s must not be NULL", what);
    const clact_tensor *t = &operand->tensor;
    size_t size = clact_type_bytes((clact_type)t->type);
    REQUIRE(size, CLACT_E_ARGUMENT, "the type of %s, %u, is not a clact_type", what, (unsigned)t->type);
    REQUIRE(t->rank <= CLACT_MAX_RANK, CLACT_E_ARGUMENT, "%s has more than %d dimensions", what, CLACT_MAX_RANK);
    REQUIRE(t->strided <= 1 && t->reserved0 == 0 && t->reserved[0] == 0 && t->reserved[1] == 0 && operand->reserved == 0,
            CLACT_E_ARGUMENT, "reserved words of %s must be zero, and strided 0 or 1", what);
    TRY(count_elements(t, what, n));
    int places = (operand->data != NULL) + (operand->buffer != NULL) + (operand->mem != NULL);
    REQUIRE(places <= 1, CLACT_E_ARGUMENT, "%s has more than one of data, buffer and mem", what);
    REQUIRE(places == 1 || *n == 0, CLACT_E_ARGUMENT, "%s has no memory", what);
    REQUIRE(t->offset >= 0, CLACT_E_BOUNDS, "the offset of %s is negative", what);
    REQUIRE((uintptr_t)operand->data % size == 0, CLACT_E_ARGUMENT, "%s is not aligned to its elements", what);
    view->type = t->type;
    view->data = operand->data;
    view->buffer = operand->buffer;
    view->mem = operand->mem;
    view->offset = t->offset;
    int64_t dense = 1;
    for (uint32_t k = t->rank; k-- > 0;) {
        view->strides[k] = t->strided ? t->strides[k] : dense;
        dense *= t->dims[k] ? t->dims[k] : 1;
    }
    return CLACT_OK;
}

/* The least and the greatest element offset; false on overflow. */
static bool extent(const int64_t *dims, uint32_t rank, const struct clact_view *v, int64_t *least, int64_t *greatest)
{
    *least = *greatest = v->offset;
    for (uint32_t k = 0; k < rank; k++) {
        int64_t reach;
        if (__builtin_mul_overflow(dims[k] - 1, v->strides[k], &reach) ||
            __builtin_add_overflow(reach < 0 ? *least : *greatest, reach, reach < 0 ? least : greatest))
            return false;
    }
    return *greatest <= INT64_MAX / 16 && *least >= INT64_MIN / 16;
}

void clact_view_span(const int64_t *dims, uint32_t rank, const struct clact_view *view, int64_t *first, int64_t *end)
{
    int64_t size = (int64_t)clact_type_bytes((clact_type)view->type), least = 0, greatest = 0;
    extent(dims, rank, view, &least, &greatest);
    *first = least * size;
    *end = (greatest + 1) * size;
}

/* Where the view's memory lies: within what, from which byte, and its size. */
static clact_status memory_of(clact_context *context, const struct clact_view *v, const void **root, size_t *first,
                              size_t *bytes)
{
    if (v->mem)
        return context->device->mem_info(context, v->mem, root, first, bytes);
    *root = v->buffer ? v->buffer->root : NULL;
    *first = v->buffer ? v->buffer->first : (size_t)(uintptr_t)v->data;
    *bytes = v->buffer ? v->buffer->bytes : SIZE_MAX;
    return CLACT_OK;
}

clact_status clact_view_bounds(clact_context *context, const clact_tensor *t, const struct clact_view *v,
                               const char *what)
{
    int64_t least, greatest;
    REQUIRE(extent(t->dims, t->rank, v, &least, &greatest), CLACT_E_BOUNDS, "the strides of %s overflow", what);
    REQUIRE(least >= 0, CLACT_E_BOUNDS, "%s reaches before the start of its memory", what);
    const void *root;
    size_t first, bytes, size = clact_type_bytes((clact_type)t->type);
    TRY(memory_of(context, v, &root, &first, &bytes));
    REQUIRE((uint64_t)greatest < bytes / size, CLACT_E_BOUNDS,
            "%s reaches to element %lld of memory that holds %llu", what, (long long)greatest,
            (unsigned long long)(bytes / size));
    return CLACT_OK;
}

/* Each axis must step over all that the axes of smaller stride reach: then no two elements meet. */
clact_status clact_view_distinct(const clact_tensor *t, const struct clact_view *out, const char *what)
{
    int64_t stride[CLACT_MAX_RANK], reach[CLACT_MAX_RANK];
    uint32_t count = 0;
    for (uint32_t k = 0; k < t->rank; k++) {
        if (t->dims[k] == 1)
            continue;
        int64_t s = out->strides[k] < 0 ? -out->strides[k] : out->strides[k];
        uint32_t at = count++;
        for (; at > 0 && stride[at - 1] > s; at--) {
            stride[at] = stride[at - 1];
            reach[at] = reach[at - 1];
        }
        stride[at] = s;
        reach[at] = (t->dims[k] - 1) * s;
    }
    int64_t below = 0;
    for (uint32_t k = 0; k < count; k++) {
        REQUIRE(stride[k] > below, CLACT_E_OVERLAP, "elements of %s, an output, share memory", what);
        below += reach[k];
    }
    return CLACT_OK;
}

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t c = a % b;
        a = b;
        b = c;
    }
    return a;
}

/* Of an axis of one element it may be any number. */
static uint64_t stride_along(const struct clact_view *v, uint32_t k)
{
    return v->strides[k] < 0 ? 0 - (uint64_t)v->strides[k] : (uint64_t)v->strides[k];
}

/* What of a view the axes of a stride below limit reach, in elements around its offset; the strides of the
 * others are multiples of the step that is returned, which goes on from the one given. */
static uint64_t split_at(const clact_tensor *t, const struct clact_view *v, uint64_t limit, uint64_t step,
                         int64_t *least, int64_t *greatest)
{
    *least = *greatest = 0;
    for (uint32_t k = 0; k < t->rank; k++) {
        int64_t reach = (t->dims[k] - 1) * v->strides[k];
        if (stride_along(v, k) >= limit)
            step = t->dims[k] > 1 ? divisor(step, stride_along(v, k)) : step;
        else if (reach < 0)
            *least += reach;
        else
            *greatest += reach;
    }
    return step;
}

/* Whether two views whose extents meet keep apart because each stays within its own part of every step: the
 * axes of a stride from limit on make steps, the others stay within one. distance: of b behind a, in bytes. */
static bool apart_at(const clact_tensor *ta, const struct clact_view *a, const clact_tensor *tb,
                     const struct clact_view *b, int64_t distance, uint64_t limit)
{
    int64_t size = (int64_t)clact_type_bytes((clact_type)ta->type), a_least, a_greatest, b_least, b_greatest;
    uint64_t elements = split_at(ta, a, limit, 0, &a_least, &a_greatest);
    int64_t step = (int64_t)split_at(tb, b, limit, elements, &b_least, &b_greatest) * size;
    if (step == 0)
        return false;
    int64_t from = (distance + (b_least - a_least) * size) % step;
    from = from < 0 ? from + step : from;
    return from >= (a_greatest - a_least + 1) * size && from + (b_greatest - b_least + 1) * size <= step;
}

static bool interleaved(const clact_tensor *ta, const struct clact_view *a, const clact_tensor *tb,
                        const struct clact_view *b, int64_t distance)
{
    if (apart_at(ta, a, tb, b, distance, 1))
        return true;
    for (uint32_t k = 0; k < ta->rank; k++)
        if (ta->dims[k] > 1 && stride_along(a, k) > 1 && apart_at(ta, a, tb, b, distance, stride_along(a, k)))
            return true;
    for (uint32_t k = 0; k < tb->rank; k++)
        if (tb->dims[k] > 1 && stride_along(b, k) > 1 && apart_at(ta, a, tb, b, distance, stride_along(b, k)))
            return true;
    return false;
}

clact_status clact_views_overlap(clact_context *context, const clact_tensor *in_shape, const struct clact_view *in,
                                 const clact_tensor *out_shape, const struct clact_view *out, const char *what,
                                 bool *same)
{
    const void *in_root, *out_root;
    size_t in_first, out_first, bytes;
    *same = false;
    TRY(memory_of(context, in, &in_root, &in_first, &bytes));
    TRY(memory_of(context, out, &out_root, &out_first, &bytes));
    if (in_root != out_root)
        return CLACT_OK;
    int64_t in_least, in_end, out_least, out_end;
    clact_view_span(in_shape->dims, in_shape->rank, in, &in_least, &in_end);
    clact_view_span(out_shape->dims, out_shape->rank, out, &out_least, &out_end);
    if (in_first + (size_t)in_end <= out_first + (size_t)out_least ||
        out_first + (size_t)out_end <= in_first + (size_t)in_least)
        return CLACT_OK;
    size_t size = clact_type_bytes((clact_type)out->type);
    size_t in_at = in_first + (size_t)in->offset * size, out_at = out_first + (size_t)out->offset * size;
    bool alike = clact_type_bytes((clact_type)in->type) == size;
    *same = alike && in_at == out_at && in_shape->rank == out_shape->rank;
    for (uint32_t k = 0; *same && k < in_shape->rank; k++)
        *same = in_shape->dims[k] == out_shape->dims[k] && (in_shape->dims[k] == 1 || in->strides[k] == out->strides[k]);
    if (*same || (alike && interleaved(in_shape, in, out_shape, out, (int64_t)(out_at - in_at))))
        return CLACT_OK;
    return clact_fail(CLACT_E_OVERLAP, "%s overlaps the output without being the same view", what);
}

clact_status clact_view_overlap(clact_context *context, const clact_tensor *t, const struct clact_view *in,
                                const struct clact_view *out, const char *what, bool *same)
{
    return clact_views_overlap(context, t, in, t, out, what, same);
}
