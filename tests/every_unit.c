/* every_unit.c: every kernel of gated units, crelu and maxout, at sizes around a group's, against the CPU backend bit
 * for bit.
 *
 *   every_unit [--brief] [NAME ...]
 *
 * Every element-wise row gated, and every gated and reduce row, or those named; both directions, each type that
 * the device has; gated units of two arrays, whose kernels are dense, and of halves along the last axis, whose
 * are not; overwriting and accumulating. Buffers hold no byte more than the operands.
 * Element-wise rows in f32 and at one size only; briefly a third of them, and other types at one size only too.
 * Exits with 0 where all is equal, 1 where it is not, 77 without a device or on one that promises no bits. */
#include <clact/clact.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t sizes[] = {1, 255, 256, 257, 4097}; /* the last, briefly: a group of 4 elements each, and one more */

/* The operands of a call; those of a gated call in order, of the others x (or y), y (or dy) and dx. */
enum { X, GATE, Y, DX, DGATE, OPERAND_COUNT };

struct call {
    const clact_activation_info *info;
    clact_activation *activation;
    const char *what;
    bool backward, from_y;
    double beta;
    clact_tensor shape[OPERAND_COUNT]; /* of rank 0 with no dims: not used */
    void *memory[OPERAND_COUNT];
    bool used[OPERAND_COUNT];
};

static clact_context *device, *cpu;
static bool flushes, brief;
static unsigned long long kernels, compared, wrong;

static void require(clact_status status, const char *what)
{
    if (status == CLACT_OK)
        return;
    printf("%s: %s: %s\n", what, clact_status_name(status), clact_error());
    exit(status == CLACT_E_NO_DEVICE ? 77 : 1);
}

static uint64_t mix(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
    i = (i ^ i >> 27) * 0x94d049bb133111ebu;
    return i ^ i >> 31;
}

/* Element i of an operand: an ordinary number, or a special value. Where the device flushes, no product of three
 * comes near a subnormal. */
static void put(uint32_t type, void *memory, int64_t i, uint64_t seed)
{
    static const float special[] = {0.0f, -0.0f, 1.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, 0x1p100f};
    uint64_t w = mix(seed ^ mix((uint64_t)i));
    float f = (float)((double)(int64_t)w * 0x1p-61);
    if (w % 8 == 0)
        f = special[(w >> 8) % (flushes ? 6 : 8)];
    double d = f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t high = (uint16_t)(bits >> 16), half = (uint16_t)(w >> 16);
    if (flushes && (half & 0x7c00) < 0x1000)
        half |= 0x3c00;
    if (type == CLACT_F64)
        memcpy((char *)memory + i * 8, &d, 8);
    else if (type == CLACT_F32)
        memcpy((char *)memory + i * 4, &f, 4);
    else
        memcpy((char *)memory + i * 2, type == CLACT_BF16 ? &high : &half, 2);
}

static int64_t count(const clact_tensor *t)
{
    int64_t n = 1;
    for (uint32_t k = 0; k < t->rank; k++)
        n *= t->dims[k];
    return n;
}

static size_t bytes(const struct call *c, int v)
{
    return (size_t)count(&c->shape[v]) * clact_type_bytes((clact_type)c->shape[v].type);
}

static clact_status submit(clact_context *context, const struct call *c, const clact_operand *o)
{
    bool gated = c->used[GATE];
    clact_forward_args f = {.x = &o[X], .y = &o[Y], .gate = gated ? &o[GATE] : NULL};
    clact_backward_args b = {.x = c->from_y ? NULL : &o[X], .y = c->from_y ? &o[X] : NULL, .dy = &o[Y], .dx = &o[DX]};
    b.gate = f.gate, b.dgate = c->used[DGATE] ? &o[DGATE] : NULL;
    b.dx_beta = c->beta, b.dgate_beta = gated ? c->beta : 0;
    return c->backward ? clact_backward(context, c->activation, &b) : clact_forward(context, c->activation, &f);
}

/* Runs the call in buffers; the outputs' bytes go to out, of OPERAND_COUNT. */
static void run(clact_context *context, const struct call *c, void **out)
{
    clact_operand o[OPERAND_COUNT] = {{{0}, NULL, NULL, NULL, 0}};
    for (int v = 0; v < OPERAND_COUNT; v++) {
        out[v] = NULL;
        o[v].tensor = c->shape[v];
        if (!c->used[v])
            continue;
        require(clact_buffer_create(&o[v].buffer, context, bytes(c, v)), "clact_buffer_create");
        require(clact_buffer_write(o[v].buffer, 0, bytes(c, v), c->memory[v]), "clact_buffer_write");
    }
    require(submit(context, c, o), c->info->name);
    for (int v = 0; v < OPERAND_COUNT; v++)
        if (c->used[v] && (v >= DX || (v == Y && !c->backward))) {
            out[v] = malloc(bytes(c, v));
            require(out[v] ? CLACT_OK : CLACT_E_MEMORY, "malloc");
            require(clact_buffer_read(o[v].buffer, 0, bytes(c, v), out[v]), "clact_buffer_read");
        }
    for (int v = 0; v < OPERAND_COUNT; v++)
        clact_buffer_destroy(&o[v].buffer);
}

/* Zeros of either sign are alike where the device flushes. */
static bool differ(size_t size, const char *a, const char *b)
{
    uint64_t p = 0, q = 0, sign = (uint64_t)1 << (8 * size - 1);
    memcpy(&p, a, size);
    memcpy(&q, b, size);
    return p != q && !(flushes && ((p | q) & ~sign) == 0);
}

static void try_call(struct call *c)
{
    void *got[OPERAND_COUNT], *expected[OPERAND_COUNT];
    for (int v = 0; v < OPERAND_COUNT; v++) {
        if (!c->used[v])
            continue;
        c->memory[v] = malloc(bytes(c, v));
        require(c->memory[v] ? CLACT_OK : CLACT_E_MEMORY, "malloc");
        for (int64_t i = 0; i < count(&c->shape[v]); i++)
            put(c->shape[v].type, c->memory[v], i, (uint64_t)v + 1);
    }
    if (c->from_y) { /* y must be one that forward makes */
        clact_operand x = {.tensor = c->shape[DX], .data = c->memory[DX]}, y = {.tensor = c->shape[X], .data = c->memory[X]};
        require(clact_forward(cpu, c->activation, &(clact_forward_args){.x = &x, .y = &y}), "forward");
    }
    run(device, c, got), run(cpu, c, expected);
    kernels++;
    for (int v = 0; v < OPERAND_COUNT; v++) {
        size_t size = clact_type_bytes((clact_type)c->shape[v].type);
        for (int64_t i = 0; got[v] && i < count(&c->shape[v]); i++, compared++)
            if (differ(size, (char *)got[v] + (size_t)i * size, (char *)expected[v] + (size_t)i * size) && wrong++ < 20)
                printf("%s %s %s, %s, beta %g, n = %lld: operand %d differs at %lld\n", c->info->name,
                       c->backward ? "backward" : "forward", clact_type_name((clact_type)c->shape[v].type), c->what,
                       c->beta, (long long)count(&c->shape[Y]), v, (long long)i);
        free(got[v]), free(expected[v]);
        if (c->used[v])
            free(c->memory[v]);
    }
}

/* Both directions, the backward one also accumulating, where the last axes of the operands are so long; 0: no such
 * operand. */
static void try_shapes(struct call *c, const char *what, uint32_t type, int64_t rows, int64_t x, int64_t gate, int64_t y)
{
    const int64_t last[OPERAND_COUNT] = {x, gate, y, x, gate};
    c->what = what;
    for (int v = 0; v < OPERAND_COUNT; v++)
        c->shape[v] = (clact_tensor){.type = type, .rank = 2, .dims = {rows, last[v]}};
    for (int k = 0; k < 3; k++) {
        c->backward = k > 0;
        c->beta = k > 1 ? 0.75 : 0;
        for (int v = 0; v < OPERAND_COUNT; v++)
            c->used[v] = last[v] && (v < DX || c->backward);
        try_call(c);
    }
}

static void try_size(struct call *c, uint32_t type, int64_t n)
{
    if (strcmp(c->info->name, "crelu") == 0) {
        try_shapes(c, "of x", type, 3, n, 0, 2 * n);
        c->from_y = c->backward = true;
        c->what = "from y";
        clact_tensor wide = c->shape[Y];
        c->shape[X] = wide;
        try_call(c);
        c->from_y = false;
    } else if (strcmp(c->info->name, "maxout") == 0) {
        try_shapes(c, "pieces", type, 3, 2 * n, 0, n);
    } else {
        try_shapes(c, "two arrays", type, 1, n, n, n);
        try_shapes(c, "halves", type, 3, 2 * n, 0, n);
    }
}

static void try_activation(const clact_activation_info *info, uint32_t types)
{
    bool elementwise = strcmp(info->kind, "elementwise") == 0;
    for (uint32_t semantics = 0; semantics <= info->tensorflow; semantics++) {
        struct call c = {.info = info};
        clact_activation_desc desc = {.id = info->id, .semantics = semantics, .gated = elementwise};
        require(clact_activation_create(&c.activation, &desc), "clact_activation_create");
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                if ((types >> type & 1) && (sizes[s] == 257 || !(elementwise || (brief && type != CLACT_F32))))
                    try_size(&c, type, sizes[s]);
        clact_activation_destroy(&c.activation);
    }
}

static bool is_named(const char *name, int named, char **names)
{
    for (int i = 0; i < named; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return named == 0;
}

static void log_message(void *data, int level, const char *message)
{
    (void)data;
    if (level <= CLACT_LOG_WARNING)
        puts(message);
}

int main(int argc, char **argv)
{
    brief = argc > 1 && strcmp(argv[1], "--brief") == 0;
    if (brief)
        sizes[sizeof sizes / sizeof *sizes - 1] = 1025;
    argc -= brief;
    argv += brief;
    clact_options options = {.device = "opencl", .log = log_message};
    clact_caps caps;
    require(clact_open(&device, &options), "clact_open");
    require(clact_context_caps(device, &caps), "clact_context_caps");
    printf("%s (%s), %s\n", caps.device, caps.platform, caps.reason);
    if (caps.exact != CLACT_EXACT_ALL && caps.exact != CLACT_EXACT_NORMAL) {
        puts("skipped: the device promises no bits");
        clact_close(&device);
        return 77;
    }
    flushes = caps.exact == CLACT_EXACT_NORMAL;
    options.device = "cpu";
    require(clact_open(&cpu, &options), "clact_open");
    size_t list_count;
    const clact_activation_info *list = clact_activation_list(&list_count);
    for (size_t i = 0; i < list_count; i++)
        if (strcmp(list[i].kind, "rowwise") != 0 && is_named(list[i].name, argc - 1, argv + 1)) {
            bool elementwise = strcmp(list[i].kind, "elementwise") == 0;
            if (!(brief && elementwise && argc == 1 && i % 3))
                try_activation(&list[i], elementwise ? 1u << CLACT_F32 : caps.types);
        }
    clact_close(&cpu);
    clact_close(&device);
    printf("%llu calls, %llu elements compared, %llu differ\n", kernels, compared, wrong);
    return wrong || !kernels;
}
