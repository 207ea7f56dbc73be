/* every_row.c: every kernel of the row-wise activations, at row lengths around a group's, against the CPU backend bit
 * for bit.
 *
 *   every_row [--brief] [NAME ...]
 *
 * Every row-wise activation, or those named; both directions, each type that the device has, with and without a
 * mask, rows that are consecutive and rows across, overwriting and accumulating. Buffers hold no byte more than
 * the operands. Where a device flushes subnormals none occurs, and zeros count as equal.
 * Briefly: one length for types other than f32.
 * Exits with 0 where all is equal, 1 where it is not, 77 without a device or on one that promises no bits. */
#include <clact/clact.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, SAVED = 0, DY, OUT, MASK, OPERAND_COUNT };
static const int64_t lengths[] = {1, 2, 255, 256, 257, 4097};

struct call {
    const clact_activation_info *info;
    clact_activation *activation;
    uint32_t type;
    int64_t length;
    bool backward, masked, across;
    double beta;
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

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory) {
        puts("out of memory");
        exit(1);
    }
    return memory;
}

/* 64 well mixed bits of i: the finaliser of SplitMix64 (Steele et al., 2014). */
static uint64_t mix(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
    i = (i ^ i >> 27) * 0x94d049bb133111ebu;
    return i ^ i >> 31;
}

/* Numbers of moderate size; without flushing also an infinity or a NaN in some rows. */
static void put(const struct call *c, int operand, void *memory, int64_t i)
{
    uint64_t w = mix((uint64_t)operand << 40 ^ (uint64_t)(i + c->length * 7));
    float f = (float)(int64_t)w * 0x1p-61f;
    if (operand == SAVED && c->backward)
        f = c->info->id == CLACT_LOG_SOFTMAX ? -fabsf(f) : fabsf(f) * 0.125f;
    if (!flushes && operand == SAVED && !c->backward && w % 997 == 0)
        f = w % 3 == 0 ? NAN : w % 3 == 1 ? -INFINITY : INFINITY;
    double d = f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t high = (uint16_t)(bits >> 16), half = (uint16_t)(0x3000u + w % 0x1800u); /* f16: 0.125 to 8 */
    if (c->type == CLACT_F64)
        memcpy((char *)memory + i * 8, &d, 8);
    else if (c->type == CLACT_F32)
        memcpy((char *)memory + i * 4, &f, 4);
    else
        memcpy((char *)memory + i * 2, c->type == CLACT_BF16 ? &high : &half, 2);
}

/* What out's buffer holds after the call. */
static void *run(clact_context *context, const struct call *c)
{
    clact_operand o[OPERAND_COUNT];
    const int64_t count = ROWS * c->length;
    char *memory = allocate((size_t)count * 8);
    size_t bytes = 0;
    for (int v = 0; v < OPERAND_COUNT; v++) {
        uint32_t type = v == MASK ? CLACT_U8 : c->type;
        int64_t first = c->across ? c->length : ROWS, second = c->across ? ROWS : c->length;
        o[v] = (clact_operand){.tensor = {.type = type, .rank = 2, .dims = {first, second}}};
        bytes = (size_t)count * clact_type_bytes((clact_type)type);
        for (int64_t i = 0; i < count; i++)
            if (v == MASK)
                memory[i] = (char)(mix((uint64_t)i) % 3);
            else
                put(c, v, memory, i);
        require(clact_buffer_create(&o[v].buffer, context, bytes), "clact_buffer_create");
        require(clact_buffer_write(o[v].buffer, 0, bytes, memory), "clact_buffer_write");
    }
    const clact_operand *mask = c->masked ? &o[MASK] : NULL;
    if (c->backward)
        require(clact_backward(context, c->activation,
                               &(clact_backward_args){.y = &o[SAVED], .dy = &o[DY], .dx = &o[OUT], .mask = mask,
                                                      .dx_beta = c->beta}),
                c->info->name);
    else
        require(clact_forward(context, c->activation, &(clact_forward_args){.x = &o[SAVED], .y = &o[OUT], .mask = mask}),
                c->info->name);
    bytes = (size_t)count * clact_type_bytes((clact_type)c->type);
    require(clact_buffer_read(o[OUT].buffer, 0, bytes, memory), "clact_buffer_read");
    for (int v = 0; v < OPERAND_COUNT; v++)
        clact_buffer_destroy(&o[v].buffer);
    return memory;
}

static bool is_zero(const char *element, size_t size)
{
    uint64_t bits = 0;
    memcpy(&bits, element, size);
    return (bits << (65 - 8 * size)) == 0;
}

static void try_call(const struct call *c)
{
    size_t size = clact_type_bytes((clact_type)c->type);
    char *got = run(device, c), *expected = run(cpu, c);
    kernels++;
    for (int64_t i = 0; i < ROWS * c->length; i++) {
        const char *a = got + (size_t)i * size, *b = expected + (size_t)i * size;
        compared++;
        if (memcmp(a, b, size) != 0 && !(flushes && is_zero(a, size) && is_zero(b, size)) && wrong++ < 20)
            printf("%s %s %s, %lld%s%s: element %lld differs\n", c->info->name, c->backward ? "backward" : "forward",
                   clact_type_name((clact_type)c->type), (long long)c->length, c->masked ? ", masked" : "",
                   c->across ? ", across" : "", (long long)i);
    }
    free(got);
    free(expected);
}

static void try_type(struct call *c)
{
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
        for (int form = 0; form < 8; form++) {
            c->length = lengths[k];
            c->backward = form & 1;
            c->masked = form & 2;
            c->across = form & 4;
            c->beta = c->backward && c->across ? 0.5 : 0;
            if (brief && (c->across ? c->length != 255 : c->type != CLACT_F32 && c->length != 257))
                continue;
            clact_parameter p[] = {{"axis", c->across ? 0 : -1, 0, 0}, {"scale", c->masked ? -0.75 : 1, 0, 0}};
            require(clact_activation_named(&c->activation, c->info->name, p, 2), c->info->name);
            try_call(c);
            clact_activation_destroy(&c->activation);
        }
}

static bool is_named(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return count == 0;
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
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
            if (strcmp(list[i].kind, "rowwise") == 0 && is_named(list[i].name, argc - 1, argv + 1) && caps.types >> type & 1)
                try_type(&(struct call){.info = &list[i], .type = type});
    clact_close(&cpu);
    clact_close(&device);
    printf("%llu launches, %llu elements, %llu differ\n", kernels, compared, wrong);
    return wrong || !kernels;
}
