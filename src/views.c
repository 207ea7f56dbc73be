/* views.c: the simplest form of views of one shape. */
#include "views.h"

struct walk {
    int64_t *dims;
    struct clact_view *views;
    int count;
    uint32_t used;
    int lead;
};

static void swap_axes(const struct walk *w, uint32_t a, uint32_t b)
{
    int64_t d = w->dims[a];
    w->dims[a] = w->dims[b];
    w->dims[b] = d;
    for (int v = 0; v < w->count; v++) {
        int64_t *strides = w->views[v].strides, s = strides[a];
        strides[a] = strides[b];
        strides[b] = s;
    }
}

static uint64_t stride_of(const struct walk *w, uint32_t axis)
{
    int64_t s = w->views[w->lead].strides[axis];
    return (uint64_t)(s < 0 ? -s : s);
}

/* Whether every used view walks axis k and the one before it as one. */
static bool can_merge(const struct walk *w, uint32_t before, uint32_t k)
{
    bool merge = true;
    for (int v = 0; v < w->count; v++)
        merge &= !(w->used >> v & 1) || w->views[v].strides[before] == w->views[v].strides[k] * w->dims[k];
    return merge;
}

/* The number of axes that are left; they stand first. */
static uint32_t merge_axes(const struct walk *w, uint32_t rank)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < rank; k++)
        if (w->dims[k] != 1)
            swap_axes(w, count++, k);
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t k = i; k > 0 && stride_of(w, k - 1) < stride_of(w, k); k--)
            swap_axes(w, k - 1, k);
    uint32_t last = 0; /* the axis that the next one may merge with */
    for (uint32_t k = 1; k < count; k++) {
        if (!can_merge(w, last, k)) {
            swap_axes(w, ++last, k);
            continue;
        }
        w->dims[last] *= w->dims[k];
        for (int v = 0; v < w->count; v++)
            w->views[v].strides[last] = w->views[v].strides[k];
    }
    return count ? last + 1 : 0;
}

bool clact_views_simplify(int64_t *dims, uint32_t rank, struct clact_view *views, int count, uint32_t used, int lead)
{
    const struct walk w = {dims, views, count, used, lead};
    uint32_t axes = merge_axes(&w, rank);
    for (uint32_t k = 0; k < axes; k++) /* right-align */
        swap_axes(&w, CLACT_MAX_RANK - 1 - k, axes - 1 - k);
    for (uint32_t k = 0; k < CLACT_MAX_RANK - axes; k++) {
        dims[k] = 1;
        for (int v = 0; v < count; v++)
            views[v].strides[k] = 0;
    }
    bool dense = axes <= 1;
    for (int v = 0; v < count; v++)
        dense &= !(used >> v & 1) || axes == 0 || views[v].strides[CLACT_MAX_RANK - 1] == 1;
    return dense;
}
