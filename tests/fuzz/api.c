/* api.c: fuzzes calls on the CPU backend: what they write is their outputs' elements, a refused call writes nothing,
 * and all instruction sets give the same bits. */
#include <clact/clact.h>

#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

/* All operands of a call lie in one block of memory, which outputs may overlap with inputs in. */
enum { SLOTS = 8, SLOT = 512, ARENA = SLOTS * SLOT, CALLS = 4, MOST_LENGTH = 40 };

struct side {
    clact_context *context;
    clact_buffer *buffer;
    unsigned char *host; /* of just the size */
};

/* The best instruction set and the least. */
static struct side sides[2];

static void open_sides(void)
{
    static const char *const sets[2] = {NULL, "baseline"};
    for (int i = 0; i < 2; i++) {
        const clact_options options = {.device = "cpu", .cpu = sets[i], .threads = 1};
        HOLDS(clact_open(&sides[i].context, &options) == CLACT_OK);
        HOLDS(clact_buffer_create(&sides[i].buffer, sides[i].context, ARENA) == CLACT_OK);
        HOLDS((sides[i].host = aligned_alloc(64, ARENA)));
    }
}

/* ---- Activations ---------------------------------------------------------------------------- */

static double number(input *in)
{
    static const double usual[] = {0, 1, -1, 0.5, 2, 3, 1e-3, 20, -0.0, 1e38, 6, 0.25};
    uint8_t which = (uint8_t)take(in, 1);
    double value;
    if (which < 200)
        return usual[which % (sizeof usual / sizeof usual[0])];
    uint64_t bits = take(in, 8);
    memcpy(&value, &bits, sizeof value);
    return value;
}

enum { FAST = 4 }; /* in an activation's second byte */

/* NULL where it is refused. */
static clact_activation *make_activation(input *in, bool *gated)
{
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count), *info = &list[take(in, 1) % count];
    clact_parameter parameters[3] = {{0}};
    clact_quantization q = {0};
    uint8_t bits = (uint8_t)take(in, 1);
    clact_activation_desc desc = {.id = info->id, .parameters = parameters};
    desc.parameter_count = info->parameter_count ? take(in, 1) % 4 : 0;
    for (size_t i = 0; i < desc.parameter_count; i++) {
        parameters[i].name = info->parameters[(take(in, 1) + i) % info->parameter_count].name;
        parameters[i].value = number(in);
        parameters[i].none = parameters[i].value == 20;
    }
    desc.semantics = bits & 1;
    desc.gated = bits >> 1 & 1;
    desc.mode = bits & FAST ? CLACT_FAST : CLACT_EXACT;
    desc.half = (bits >> 3 & 3) % 3;
    desc.unchecked = bits >> 5 & 1;
    if (bits >> 6 == 3) {
        q.x_scale = number(in);
        q.y_scale = number(in);
        q.x_zero = (int8_t)take(in, 1);
        q.y_zero = (int8_t)take(in, 1);
        q.x_type = CLACT_I8 + take(in, 1) % 2;
        q.y_type = CLACT_I8 + take(in, 1) % 2;
        desc.quantization = &q;
    }
    *gated = desc.gated || info->kind[0] == 'g';
    clact_activation *a = NULL;
    HOLDS((clact_activation_create(&a, &desc) == CLACT_OK) == (a != NULL));
    return a;
}

/* ---- Operands ------------------------------------------------------------------------------- */

struct place {
    clact_operand operand;
    bool given;
    size_t start; /* of its memory, bytes into the block */
};

static void change_dims(clact_tensor *t, uint8_t how, input *in)
{
    int64_t *last = t->rank ? &t->dims[t->rank - 1] : NULL;
    if (how == 1 && last)
        *last /= 2;
    if (how == 2 && last)
        *last *= 2;
    if (how == 3) {
        t->rank = (uint32_t)take(in, 1) % 10;
        for (uint32_t k = 0; k < CLACT_MAX_RANK; k++)
            t->dims[k] = k < t->rank ? (int8_t)take(in, 1) % 9 : 0;
    }
}

static void make_strides(clact_tensor *t, input *in)
{
    uint8_t how = (uint8_t)take(in, 1);
    int64_t step = 1 + how % 3;
    uint32_t rank = t->rank < CLACT_MAX_RANK ? t->rank : CLACT_MAX_RANK;
    t->strided = 1;
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t k = how & 4 ? i : rank - 1 - i;
        bool back = how & 8 && t->dims[k] > 0;
        t->strides[k] = how & 128 ? (int8_t)take(in, 1) : back ? -step : step;
        t->offset += back && !(how & 128) ? step * (t->dims[k] - 1) : 0;
        if (t->dims[k] > 0 && t->dims[k] < ARENA && step < ARENA)
            step *= t->dims[k];
    }
}

/* Like usual, with what the input changes. */
static void make_place(struct place *p, size_t slot, const clact_tensor *usual, input *in)
{
    uint8_t how = (uint8_t)take(in, 1);
    clact_tensor *t = &p->operand.tensor;
    *p = (struct place){.operand.tensor = *usual, .given = how != 255, .start = slot * SLOT};
    change_dims(t, how & 3, in);
    if (how & 4)
        make_strides(t, in);
    if (how & 8)
        t->type = (uint32_t)take(in, 1) % 9;
    if (how & 16)
        p->start = take(in, 1) % SLOTS * SLOT;
    if (how & 32)
        t->offset += (int16_t)take(in, 2);
    if ((how & 0xc0) == 0x40)
        p->start = (p->start + take(in, 1)) % ARENA;
    if ((how & 0xc0) == 0x80) { /* huge, or a word that must be zero */
        int64_t *const words[] = {&t->dims[0], &t->strides[0], &t->offset, (int64_t *)&t->reserved[0]};
        int64_t *word = words[take(in, 1) % 4];
        *word = (int64_t)take(in, 8);
    }
}

/* Whether all elements lie within the block: of host memory, whose size the library is not told, nothing else may be
 * given to it. */
static bool is_inside(const struct place *p)
{
    const clact_tensor *t = &p->operand.tensor;
    __int128 least = t->offset, greatest = t->offset, dense = 1, size = (__int128)clact_type_bytes((clact_type)t->type);
    if (t->rank > CLACT_MAX_RANK || !size)
        return false;
    for (uint32_t k = t->rank; k-- > 0;) {
        __int128 stride = t->strided ? t->strides[k] : dense, reach = stride * (t->dims[k] - 1);
        if (t->dims[k] < 0 || t->dims[k] > ARENA || dense > ARENA)
            return false;
        *(reach < 0 ? &least : &greatest) += reach;
        dense *= t->dims[k] ? t->dims[k] : 1;
    }
    return least >= 0 && (__int128)p->start + (greatest + 1) * size <= ARENA;
}

/* Marks the bytes of an output's elements, no two of which may meet. */
static void mark(const struct place *p, bool *touched)
{
    const clact_tensor *t = &p->operand.tensor;
    const size_t size = clact_type_bytes((clact_type)t->type);
    int64_t index[CLACT_MAX_RANK] = {0}, dense[CLACT_MAX_RANK], step = 1;
    for (uint32_t k = t->rank; k-- > 0; step *= t->dims[k])
        dense[k] = step;
    for (int64_t i = 0; i < step; i++) {
        int64_t at = t->offset;
        for (uint32_t k = 0; k < t->rank; k++) {
            index[k] = i / dense[k] % t->dims[k];
            at += index[k] * (t->strided ? t->strides[k] : dense[k]);
        }
        HOLDS(at >= 0 && p->start + ((size_t)at + 1) * size <= ARENA);
        bool *bytes = touched + p->start + (size_t)at * size;
        HOLDS(!*bytes);
        memset(bytes, true, size);
    }
}

/* ---- Calls ---------------------------------------------------------------------------------- */

enum { X, Y, DY, DX, GATE, DGATE, MASK, TENSOR, PLACES };

struct call {
    const clact_activation *activation;
    struct place places[PLACES];
    bool gated, backward, buffers;
    clact_parameter_tensor tensor;
    clact_parameter_gradient gradient;
    bool has_tensor, has_gradient;
    double beta;
    uint64_t seed;
    uint32_t training;
};

/* What stands last in an operand's shape, of an activation whose x and y are not alike. */
static int64_t times(const struct call *c, int i, bool gate)
{
    const clact_activation_info *info = clact_activation_info_of(c->activation);
    bool of_x = i == X || i == DX, of_y = i == Y || i == DY;
    if (info->id == CLACT_CRELU)
        return of_y ? 2 : 1;
    return (info->id == CLACT_MAXOUT || (c->gated && !gate)) && of_x ? 2 : 1;
}

static void make_places(struct call *c, const clact_tensor *usual, input *in)
{
    /* Bits of what is there other than usually. */
    const uint8_t usually = c->backward ? 1 << X | 1 << DY | 1 << DX : 1 << X | 1 << Y;
    const uint8_t given = (uint8_t)take(in, 1) ^ usually;
    for (int i = 0; i < PLACES; i++) {
        clact_tensor t = *usual;
        if (t.rank)
            t.dims[t.rank - 1] *= times(c, i, given >> GATE & 1);
        if (i == MASK)
            t.type = CLACT_U8;
        make_place(&c->places[i], (size_t)i, &t, in);
        c->places[i].given &= given >> i & 1;
    }
}

static void make_call(struct call *c, input *in)
{
    const clact_activation_info *info = clact_activation_info_of(c->activation);
    clact_tensor usual = {.rank = (uint32_t)take(in, 1) % 5};
    uint8_t bits = (uint8_t)take(in, 1);
    usual.type = bits & 3;
    for (uint32_t k = 0; k < usual.rank; k++)
        usual.dims[k] = (int64_t)(take(in, 1) % 10);
    if (usual.rank == 1)
        usual.dims[0] = (int64_t)take(in, 1) % MOST_LENGTH;
    if (bits & 4 && info->kind[0] == 'e')
        usual.type = CLACT_I8 + bits % 2;
    c->backward = bits >> 3 & 1;
    c->buffers = bits >> 4 & 1;
    c->training = bits >> 5 & 1;
    c->has_tensor = bits >> 6 & 1 && info->parameter_count;
    c->has_gradient = bits >> 7 && info->parameter_count;
    make_places(c, &usual, in);
    if (info->parameter_count)
        c->tensor.name = c->gradient.name = info->parameters[0].name;
    c->beta = take(in, 1) % 4 == 3 ? number(in) : 0;
    c->seed = take(in, 2);
}

static bool is_safe(const struct call *c)
{
    for (int i = 0; i < PLACES; i++) {
        const struct place *p = &c->places[i];
        bool used = p->given || (i == TENSOR && (c->has_tensor || c->has_gradient)) || (i == DGATE && c->has_gradient);
        if (used && !c->buffers && !is_inside(p))
            return false;
    }
    return true;
}

/* A buffer is one piece: what starts in it is further on by an offset. */
static bool locate(struct call *c, struct side *s)
{
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        size_t size = clact_type_bytes((clact_type)p->operand.tensor.type);
        p->operand.data = c->buffers ? NULL : s->host + p->start;
        p->operand.buffer = c->buffers ? s->buffer : NULL;
        if (!c->buffers || !size)
            continue;
        int64_t start = (int64_t)(p->start / size);
        if (__builtin_add_overflow(p->operand.tensor.offset, start, &p->operand.tensor.offset))
            return false;
        p->start = 0;
    }
    return true;
}

static const clact_operand *operand_of(const struct call *c, int i)
{
    return c->places[i].given ? &c->places[i].operand : NULL;
}

static clact_status run(const struct call *c, struct side *s)
{
    const clact_parameter_tensor *tensor = c->has_tensor ? &c->tensor : NULL;
    const clact_forward_args forward = {
        .x = operand_of(c, X), .y = operand_of(c, Y), .parameters = tensor, .parameter_count = c->has_tensor,
        .gate = operand_of(c, GATE), .mask = operand_of(c, MASK), .seed = c->seed, .training = c->training};
    const clact_backward_args backward = {
        .x = operand_of(c, X), .y = operand_of(c, Y), .dy = operand_of(c, DY), .dx = operand_of(c, DX),
        .parameters = tensor, .parameter_count = c->has_tensor, .gate = operand_of(c, GATE),
        .dgate = operand_of(c, DGATE), .mask = operand_of(c, MASK),
        .seed = c->seed, .training = c->training, .dx_beta = c->beta,
        .gradients = c->has_gradient ? &c->gradient : NULL, .gradient_count = c->has_gradient};
    return c->backward ? clact_backward(s->context, c->activation, &backward)
                       : clact_forward(s->context, c->activation, &forward);
}

static clact_status run_on(struct call c, struct side *s, const unsigned char *before, unsigned char *after)
{
    if (!locate(&c, s))
        return CLACT_E_BOUNDS;
    c.tensor.value = c.gradient.value = &c.places[TENSOR].operand;
    if (c.has_tensor && c.has_gradient) /* the gradient goes where dgate would */
        c.gradient.value = &c.places[DGATE].operand;
    memcpy(s->host, before, ARENA);
    HOLDS(clact_buffer_write(s->buffer, 0, ARENA, before) == CLACT_OK);
    clact_status status = run(&c, s);
    if (c.buffers)
        HOLDS(clact_buffer_read(s->buffer, 0, ARENA, after) == CLACT_OK);
    else
        memcpy(after, s->host, ARENA);
    return status;
}

static void check_written(struct call *c, const unsigned char *before, const unsigned char *after)
{
    bool touched[ARENA] = {false};
    bool alone = c->has_gradient && !c->has_tensor, other = c->has_gradient && c->has_tensor;
    HOLDS(locate(c, &sides[0]));
    if (!c->backward && c->places[Y].given)
        mark(&c->places[Y], touched);
    if (c->backward && c->places[DX].given)
        mark(&c->places[DX], touched);
    if (c->backward && (c->places[DGATE].given || other))
        mark(&c->places[DGATE], touched);
    if (c->backward && alone)
        mark(&c->places[TENSOR], touched);
    for (size_t i = 0; i < ARENA; i++)
        HOLDS(touched[i] || before[i] == after[i]);
}

static void try_call(const clact_activation *a, bool gated, bool exact, input *in)
{
    static unsigned char before[ARENA], after[2][ARENA];
    struct call c = {.activation = a, .gated = gated};
    make_call(&c, in);
    uint64_t fill = take(in, 4) | 1;
    for (size_t i = 0; i < ARENA; i++) { /* with small exponents in f32 */
        fill = fill * 6364136223846793005u + 1442695040888963407u;
        before[i] = (unsigned char)(fill >> 56 & (i % 4 == 3 ? 0xbf : 0xff));
    }
    if (!is_safe(&c))
        return;
    clact_status status = run_on(c, &sides[0], before, after[0]);
    HOLDS(run_on(c, &sides[1], before, after[1]) == status);
    if (status == CLACT_OK)
        check_written(&c, before, after[0]);
    else
        HOLDS(memcmp(before, after[0], ARENA) == 0 && memcmp(before, after[1], ARENA) == 0 && *clact_error());
    HOLDS(!exact || memcmp(after[0], after[1], ARENA) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    input in = {bytes, size};
    if (!sides[0].context)
        open_sides();
    for (int i = 0; i < CALLS && in.left; i++) {
        bool gated, exact = in.left < 2 || !(in.at[1] & FAST);
        clact_activation *a = make_activation(&in, &gated);
        if (a)
            try_call(a, gated, exact, &in); /* of fast ones no bits are promised */
        clact_activation_destroy(&a);
    }
    return 0;
}
