/* operations_whole.c: the operations of libclact that are no single call on arrays, for the tests that make what is below
 * the library fail. */
#include "operations.h"

#include <clact/custom.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 1000 };

static const float inputs[4] = {-1, 0, 1, 2};

/* What relu makes of them, on a context. */
static clact_status relu_of_x(clact_context *c, float y[4])
{
    clact_activation *f;
    clact_status status = clact_activation_named(&f, "relu", NULL, 0);
    if (status != CLACT_OK)
        return status;
    status = clact_apply(c, f, 4, inputs, y);
    clact_activation_destroy(&f);
    return status;
}

static bool is_relu_of_x(const float y[4])
{
    static const float expected[4] = {0, 0, 1, 2};
    return memcmp(y, expected, sizeof expected) == 0;
}

/* ---- Contexts ------------------------------------------------------------------------------- */

/* From nothing to nothing: programs are built from their text, unless the options name a cache. */
static clact_status life(struct trial *t, const clact_options *options)
{
    clact_context *c = NULL;
    clact_caps caps = {0};
    float y[4];
    trial_arm(t);
    clact_status status = clact_open(&c, options);
    trial_expect(t, (status == CLACT_OK) == (c != NULL), "a context is there only where it was opened");
    if (status == CLACT_OK)
        status = clact_context_caps(c, &caps);
    if (status == CLACT_OK)
        status = relu_of_x(c, y);
    clact_close(&c);
    trial_disarm(t);
    trial_expect(t, status != CLACT_OK || (is_relu_of_x(y) && caps.exact == CLACT_EXACT_ALL), "succeeded with a wrong result");
    return status;
}

static clact_status whole_life(struct trial *t)
{
    clact_options o = *t->options;
    o.cache = "disabled";
    return life(t, &o);
}

/* Programs go to an empty cache, and come from it. */
static clact_status whole_cache(struct trial *t)
{
    char path[300];
    clact_options o = *t->options;
    uint64_t checked, removed = 0;
    snprintf(path, sizeof path, "%s/cache", t->folder);
    o.cache = path;
    clact_status status = life(t, &o);
    if (status == CLACT_OK)
        status = life(t, &o);
    trial_expect(t, clact_cache_verify(path, &checked, &removed) == CLACT_OK && removed == 0, "an entry is damaged");
    trial_expect(t, clact_cache_clear(path, NULL) == CLACT_OK && (remove(path) == 0 || errno == ENOENT),
                 "the cache has what it does not know");
    return status;
}

/* In the cache that the other operations have filled. */
static clact_status whole_entries(struct trial *t)
{
    const char *path = t->options->cache;
    clact_cache_info before = {0}, info;
    uint64_t checked = 0, removed = 0;
    trial_expect(t, clact_cache_show(&before, path) == CLACT_OK, "the cache is shown where nothing fails");
    trial_arm(t);
    clact_status status = clact_cache_show(&info, path);
    if (status == CLACT_OK)
        trial_expect(t, info.entries == before.entries, "succeeded with half a list");
    if (status == CLACT_OK)
        status = clact_cache_verify(path, &checked, &removed);
    trial_disarm(t);
    trial_expect(t, clact_cache_verify(path, &checked, &removed) == CLACT_OK && removed == 0 && checked == before.entries,
                 "an entry was taken for a damaged one");
    return status;
}

static clact_status whole_list(struct trial *t)
{
    clact_device_info devices[8];
    char reason[256];
    size_t count = 77;
    trial_arm(t);
    clact_status status = clact_device_list(devices, 8, &count, NULL, reason);
    trial_disarm(t);
    trial_expect(t, status == CLACT_OK ? count >= 1 && count <= 8 && devices[count - 1].backend == CLACT_BACKEND_CPU : count == 77,
                 "a list is there only where it was made");
    return status;
}

/* Enough elements that threads are started for them. */
static clact_status whole_threads(struct trial *t)
{
    enum { MANY = 1 << 20 };
    static float in[MANY], out[MANY];
    clact_context *c = NULL;
    clact_activation *f = NULL;
    for (int i = 0; i < MANY; i++)
        in[i] = (float)(i % 3 - 1);
    trial_arm(t);
    clact_status status = clact_open(&c, &(clact_options){.device = "cpu", .threads = 4});
    if (status == CLACT_OK)
        status = clact_activation_named(&f, "relu", NULL, 0);
    if (status == CLACT_OK)
        status = clact_apply(c, f, MANY, in, out);
    clact_activation_destroy(&f);
    clact_close(&c);
    trial_disarm(t);
    for (int i = 0; status == CLACT_OK && i < MANY; i++)
        trial_expect(t, out[i] == (float)(i % 3 == 2), "succeeded with a wrong result");
    return status;
}

/* ---- Buffers -------------------------------------------------------------------------------- */

static clact_status fill_by_map(clact_buffer *b, const float *values)
{
    void *mapped;
    clact_status status = clact_buffer_map(&mapped, b, 0, sizeof inputs, CLACT_MAP_WRITE);
    if (status != CLACT_OK)
        return status;
    memcpy(mapped, values, sizeof inputs);
    return clact_buffer_unmap(b, mapped);
}

static clact_status whole_buffer(struct trial *t)
{
    clact_buffer *b = NULL;
    float y[4] = {9, 9, 9, 9};
    trial_arm(t);
    clact_status status = clact_buffer_create(&b, t->context, sizeof inputs);
    if (status == CLACT_OK)
        status = fill_by_map(b, inputs);
    if (status == CLACT_OK)
        status = clact_buffer_read(b, 0, sizeof y, y);
    trial_disarm(t);
    if (status == CLACT_OK)
        trial_expect(t, memcmp(inputs, y, sizeof inputs) == 0, "a buffer holds what was written");
    else
        trial_expect(t, y[0] == 9 && y[3] == 9, "a read that fails writes nothing");
    clact_buffer_destroy(&b);
    return status;
}

static clact_status whole_import(struct trial *t)
{
    clact_buffer *own = NULL, *imported = NULL;
    if (!clact_opencl_context(t->context))
        return CLACT_OK;
    trial_expect(t, clact_buffer_create(&own, t->context, sizeof inputs) == CLACT_OK, "a buffer is made where nothing fails");
    trial_arm(t);
    clact_status status = clact_buffer_import(&imported, t->context, clact_buffer_mem(own));
    trial_disarm(t);
    trial_expect(t, (status == CLACT_OK) == (imported != NULL), "a buffer is there only where it was imported");
    clact_buffer_destroy(&imported);
    clact_buffer_destroy(&own);
    return status;
}

/* ---- Kernels made ahead --------------------------------------------------------------------- */

static clact_status whole_warmup(struct trial *t)
{
    clact_activation *f = NULL;
    clact_context *c = NULL;
    clact_options o = *t->options;
    o.cache = "disabled"; /* so that nothing of it is kept */
    trial_expect(t, clact_activation_named(&f, "relu", NULL, 0) == CLACT_OK && clact_open(&c, &o) == CLACT_OK,
                 "there is a context where nothing fails");
    trial_arm(t);
    clact_status status = clact_warmup(c, &(clact_kernels){.activation = f}, 1);
    trial_disarm(t);
    clact_activation_destroy(&f);
    clact_close(&c);
    return status;
}

static clact_status whole_text(struct trial *t)
{
    static char text[200000];
    static size_t whole; /* of the first that succeeded */
    clact_activation *f = NULL;
    size_t length = 0;
    trial_arm(t);
    clact_status status = clact_activation_named(&f, "gelu", NULL, 0);
    if (status == CLACT_OK)
        status = clact_kernels_text(text, sizeof text, &length, &(clact_kernels){.activation = f}, 1, NULL);
    trial_disarm(t);
    whole = status == CLACT_OK && !whole ? length : whole;
    trial_expect(t, status != CLACT_OK || (length == whole && strlen(text) == length), "succeeded with half a text");
    clact_activation_destroy(&f);
    return status;
}

static clact_status open_pack(struct trial *t, const char *path)
{
    clact_options o = *t->options;
    clact_context *c = NULL;
    float y[4];
    o.pack = path;
    clact_status status = clact_open(&c, &o);
    if (status == CLACT_OK)
        status = relu_of_x(c, y);
    if (status == CLACT_OK)
        trial_expect(t, is_relu_of_x(y), "succeeded with a wrong result");
    clact_close(&c);
    return status;
}

/* Written over a good file, which is there until the new one is whole. */
static clact_status whole_pack(struct trial *t)
{
    char path[300];
    clact_activation *f = NULL;
    if (!clact_opencl_context(t->context))
        return CLACT_OK;
    snprintf(path, sizeof path, "%s/pack", t->folder);
    trial_expect(t, clact_activation_named(&f, "relu", NULL, 0) == CLACT_OK, "an activation is made where nothing fails");
    const clact_kernels kernels = {.activation = f};
    trial_expect(t, clact_pack_write(&t->context, 1, &kernels, 1, path) == CLACT_OK, "a pack is written where nothing fails");
    trial_arm(t);
    clact_status status = clact_pack_write(&t->context, 1, &kernels, 1, path);
    if (status == CLACT_OK)
        status = open_pack(t, path);
    trial_disarm(t);
    trial_expect(t, open_pack(t, path) == CLACT_OK, "the pack is good after all");
    clact_activation_destroy(&f);
    remove(path);
    return status;
}

/* ---- Activations ---------------------------------------------------------------------------- */

CLACT_CUSTOM(bent, 1, (CLACT_CUSTOM_PARAMETER("a", 0.25, -1.0, 1.0)),
    INLINE real bent_f(real z, real a) { return z > C(0.0) ? z : fused(a * z, z, z); }
    INLINE real bent_d(real z, real a) { return z > C(0.0) ? C(1.0) : fused(C(2.0) * a, z, C(1.0)); }
)

static clact_status whole_custom(struct trial *t)
{
    clact_activation *f = NULL;
    clact_custom_report report;
    float y[4];
    trial_arm(t);
    clact_status status = clact_activation_create_custom(&f, &bent_custom, NULL, 0);
    if (status == CLACT_OK)
        status = clact_custom_check(f, &(clact_custom_range){.points = 50}, &report);
    if (status == CLACT_OK)
        status = clact_apply(t->context, f, 4, inputs, y);
    trial_disarm(t);
    trial_expect(t, status != CLACT_OK || (y[0] == -0.75f && y[3] == 2 && report.wrong == 0), "succeeded with a wrong result");
    clact_activation_destroy(&f);
    return status;
}

const struct operation whole_operations[] = {
    {.name = "a context from its opening to its end", .whole = whole_life},
    {.name = "a cache that is filled and used", .whole = whole_cache},
    {.name = "the entries of a cache", .whole = whole_entries},
    {.name = "a call of several threads", .whole = whole_threads},
    {.name = "the list of devices", .whole = whole_list},
    {.name = "a buffer, mapped and read", .whole = whole_buffer},
    {.name = "an imported buffer", .whole = whole_import},
    {.name = "warm-up", .whole = whole_warmup},
    {.name = "the kernels' text", .whole = whole_text},
    {.name = "a pack, written and used", .whole = whole_pack},
    {.name = "an activation of one's own", .whole = whole_custom},
    {.name = NULL},
};
