/* every_kernel.c: every kernel of the OpenCL backend, at sizes around a group's, against the CPU backend bit for bit.
 *
 *   every_kernel [--brief] [NAME ...]
 *
 * Every element-wise row and every activation of custom_rows.h, or those named, in both semantics, both directions,
 * each type that the device has: dense, on strided views, and with a tensor in the place of a parameter that may be
 * one; in training where there is noise, with the gradients of what is learnable, and some rows adding to what dx
 * holds. The environment chooses the driver (OCL_ICD_VENDORS, CLACT_OPENCL_LIBRARY). The gaps of a strided output
 * must stay as they were. On a device that flushes subnormals there are none among the inputs, and results that may
 * owe their bits to one are left out.
 * Quantised, a row has no kernel of its own: identity, with a table that has no pattern, from i8 to u8, dense and on
 * views, at all sizes.
 * Briefly: of a row dense f32, at all sizes; of views and the other types one, by turns, at one size; of tensors f32.
 * Exits with 0 where all is equal, 1 where it is not, 77 without a device or on one that promises no bits. */
#define CLACT_CUSTOM_DECLARATIONS
#include <clact/custom.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const clact_custom *custom_rows_plain(size_t i);

static int64_t sizes[] = {1, 255, 256, 257, 4097}; /* the last, briefly: a group of 4 elements each, and one more */

enum form { DENSE, VIEW, TENSOR, FORM_COUNT };
static const char *const form_names[FORM_COUNT] = {"dense", "view", "tensor"};

/* ADDING: backward alone, to what dx holds; in training too. */
enum mode { PLAIN, TRAINING, ADDING, MODE_COUNT };

enum { X, DY, OUT, PARAMETER, GRADIENT, OPERAND_COUNT };

/* One call, the same for both backends but for the place of the memory. */
struct call {
    const clact_activation_info *info;
    clact_activation *activation;
    const char *tensor; /* the parameter that is a tensor, or NULL */
    bool quantised;
    bool backward;
    enum mode mode;
    const char *learns; /* the parameter whose gradient is asked for, backward, or NULL */
    clact_tensor shape[OPERAND_COUNT];
    int64_t extent[OPERAND_COUNT]; /* elements that the memory holds */
    void *memory[OPERAND_COUNT];
};

static clact_context *device, *cpu;
static bool flushes, brief;
static unsigned long long kernels, compared, left_out, wrong;

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

/* ---- Inputs --------------------------------------------------------------------------------- */

/* 64 well mixed bits of i: the finaliser of SplitMix64 (Steele et al., 2014). */
static uint64_t mix(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
    i = (i ^ i >> 27) * 0x94d049bb133111ebu;
    return i ^ i >> 31;
}

/* Element i of an input: by turns any bits, a number near the corners of the functions, and a special value. */
static double value(uint64_t seed, uint64_t i)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 6.0, 0x1p-149, -0x1p-149, 0x1p-126, -0x1p-127,
                                     INFINITY, -INFINITY, NAN, -88.0, 104.0, 20.0, -20.0};
    uint64_t w = mix(seed ^ mix(i));
    uint32_t any = (uint32_t)(w >> 32);
    float f;
    memcpy(&f, &any, sizeof f);
    if (w % 4 == 0)
        return special[(w >> 8) % (sizeof special / sizeof *special)];
    return w % 4 == 1 ? f : ((double)any * 0x1p-31 - 1) * (w & 8 ? 12 : w & 16 ? 110 : 800);
}

static void put(uint32_t type, void *memory, int64_t i, uint64_t seed)
{
    double d = value(seed, (uint64_t)i);
    if (flushes && fabs(d) < 0x1p-125)
        d = 0;
    if (flushes && seed >> 32 == DY && fabs(d) > 1024)
        d = 1;
    float f = (float)d;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t high = (uint16_t)(bits >> 16), mixed = (uint16_t)mix(seed + (uint64_t)i);
    if (type == CLACT_I8 || type == CLACT_U8)
        ((uint8_t *)memory)[i] = (uint8_t)mixed;
    else if (type == CLACT_F64)
        memcpy((char *)memory + i * 8, &d, 8);
    else if (type == CLACT_F32)
        memcpy((char *)memory + i * 4, &f, 4);
    else
        memcpy((char *)memory + i * 2, type == CLACT_BF16 ? &high : &mixed, 2);
}

/* ---- Shapes --------------------------------------------------------------------------------- */

/* The prime factors of n as dims: 256 has eight axes. */
static void factorise(clact_tensor *t, int64_t n)
{
    for (int64_t p = 2; n > 1; p++)
        for (; n % p == 0; n /= p)
            t->dims[t->rank++] = p;
}

/* Strides of step between neighbours along the last axis, or the first; negative: from the end. */
static void stride(clact_tensor *t, int64_t step, bool first_fastest, int64_t *extent)
{
    int64_t next = step < 0 ? -step : step, last = 0;
    for (uint32_t k = 0; k < t->rank; k++) {
        uint32_t axis = first_fastest ? k : t->rank - 1 - k;
        t->strides[axis] = step < 0 ? -next : next;
        last += (t->dims[axis] - 1) * next;
        next *= t->dims[axis];
    }
    t->offset = step < 0 ? last : 0;
    t->strided = 1;
    *extent = last + 1;
}

static void shape(struct call *c, enum form form, uint32_t type, int64_t n)
{
    for (int v = 0; v < OPERAND_COUNT; v++) {
        clact_tensor *t = &c->shape[v];
        *t = (clact_tensor){.type = type};
        c->extent[v] = n;
        if (form == DENSE) {
            t->rank = 1;
            t->dims[0] = n;
        } else {
            factorise(t, n);
        }
    }
    c->shape[OUT].type = c->quantised ? CLACT_U8 : type;
    c->shape[GRADIENT] = (clact_tensor){.type = c->shape[OUT].type};
    c->extent[GRADIENT] = 1;
    if (form == DENSE)
        return;
    stride(&c->shape[X], 2, true, &c->extent[X]);
    stride(&c->shape[DY], -3, false, &c->extent[DY]);
    stride(&c->shape[OUT], 2, false, &c->extent[OUT]);
    clact_tensor *t = &c->shape[PARAMETER]; /* along the last axis, or one value for all */
    int64_t last = t->rank ? t->dims[t->rank - 1] : 1;
    *t = (clact_tensor){.type = type, .rank = n > 1, .dims = {last}};
    stride(t, -1, false, &c->extent[PARAMETER]);
    if (!c->tensor || !c->learns || strcmp(c->tensor, c->learns) != 0)
        return;
    c->shape[GRADIENT] = *t;
    stride(&c->shape[GRADIENT], 2, false, &c->extent[GRADIENT]);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static clact_status submit(clact_context *context, const struct call *c, const clact_operand *o)
{
    clact_parameter_tensor parameter = {c->tensor, &o[PARAMETER]};
    clact_parameter_gradient gradient = {.name = c->learns, .value = &o[GRADIENT], .beta = c->mode == ADDING ? 2 : 0};
    clact_forward_args f = {.x = &o[X], .y = &o[OUT], .parameters = &parameter, .parameter_count = c->tensor != NULL,
                            .training = c->mode != PLAIN, .seed = 3, .offset = 0xfffffffffffffff0u};
    clact_backward_args b = {.x = &o[X], .dy = &o[DY], .dx = &o[OUT], .parameters = &parameter,
                             .parameter_count = c->tensor != NULL, .training = f.training, .seed = f.seed,
                             .offset = f.offset, .dx_beta = c->mode == ADDING ? -0.5 : 0, .gradients = &gradient,
                             .gradient_count = c->learns != NULL};
    return c->backward ? clact_backward(context, c->activation, &b) : clact_forward(context, c->activation, &f);
}

/* Runs the call on copies of its memory, in buffers of the context that hold no byte more; the result is
 * what the memory of the output and that of the gradient then is, to free. */
static void *run(clact_context *context, const struct call *c)
{
    clact_operand o[OPERAND_COUNT];
    size_t bytes[OPERAND_COUNT];
    for (int v = 0; v < OPERAND_COUNT; v++) {
        o[v] = (clact_operand){.tensor = c->shape[v]};
        bytes[v] = (size_t)c->extent[v] * clact_type_bytes((clact_type)c->shape[v].type);
        require(clact_buffer_create(&o[v].buffer, context, bytes[v]), "clact_buffer_create");
        require(clact_buffer_write(o[v].buffer, 0, bytes[v], c->memory[v]), "clact_buffer_write");
    }
    require(submit(context, c, o), c->info->name);
    char *result = allocate(bytes[OUT] + bytes[GRADIENT]);
    require(clact_buffer_read(o[OUT].buffer, 0, bytes[OUT], result), "clact_buffer_read");
    require(clact_buffer_read(o[GRADIENT].buffer, 0, bytes[GRADIENT], result + bytes[OUT]), "clact_buffer_read");
    for (int v = 0; v < OPERAND_COUNT; v++)
        clact_buffer_destroy(&o[v].buffer);
    return result;
}

/* The same dense call on host memory. */
static void *run_on_host(clact_context *context, const struct call *c)
{
    clact_operand o[OPERAND_COUNT];
    for (int v = 0; v < OPERAND_COUNT; v++)
        o[v] = (clact_operand){.tensor = c->shape[v], .data = c->memory[v]};
    size_t size = clact_type_bytes((clact_type)c->shape[OUT].type), bytes = (size_t)c->extent[OUT] * size;
    char *result = allocate(bytes + (size_t)c->extent[GRADIENT] * size);
    memcpy(result, c->memory[OUT], bytes);
    memcpy(result + bytes, c->memory[GRADIENT], (size_t)c->extent[GRADIENT] * size);
    o[OUT].data = result;
    o[GRADIENT].data = result + bytes;
    require(submit(context, c, o), c->info->name);
    return result;
}

/* ---- Comparison ----------------------------------------------------------------------------- */

/* The magnitude of an element as the bits of a float; f64's, which no device flushes, as infinity. */
static uint32_t magnitude_bits(uint32_t type, const char *element)
{
    uint16_t h = 0;
    uint32_t bits = 0x7f800000u;
    if (type == CLACT_F32)
        memcpy(&bits, element, 4);
    else if (type != CLACT_F64)
        memcpy(&h, element, 2);
    if (type == CLACT_BF16)
        bits = (uint32_t)h << 16;
    if (type == CLACT_F16 && (h & 0x7fffu) == 0)
        bits = 0;
    return bits & 0x7fffffffu;
}

/* Whether a result may owe its bits to a subnormal: a derivative that is one gives, times dy, at most 2^-116; a
 * zero loses its sign. */
static bool may_be_flushed(uint32_t type, const char *got, const char *expected)
{
    uint32_t bits = magnitude_bits(type, expected);
    return bits ? bits < 0x05800000u : magnitude_bits(type, got) == 0;
}

static void print_difference(const struct call *c, const char *what, int64_t n, int64_t i, const char *got,
                             const char *expected)
{
    size_t size = clact_type_bytes((clact_type)c->shape[OUT].type);
    uint64_t a = 0, b = 0;
    memcpy(&a, got, size);
    memcpy(&b, expected, size);
    printf("%s %s %s, %s, n = %lld: element %lld is 0x%llx, on the CPU 0x%llx\n", c->info->name,
           c->backward ? "backward" : "forward", clact_type_name((clact_type)c->shape[OUT].type), what, (long long)n,
           (long long)i, (unsigned long long)a, (unsigned long long)b);
}

static void compare(const struct call *c, const char *what, int64_t n, const void *got, const void *expected)
{
    uint32_t type = c->shape[OUT].type;
    size_t size = clact_type_bytes((clact_type)type);
    for (int64_t i = 0; i < c->extent[OUT] + c->extent[GRADIENT]; i++) { /* the gradient stands behind */
        const char *a = (const char *)got + (size_t)i * size, *b = (const char *)expected + (size_t)i * size;
        if (memcmp(a, b, size) == 0)
            compared++;
        else if (flushes && !c->quantised && may_be_flushed(type, a, b))
            left_out++;
        else if (wrong++ < 20)
            print_difference(c, what, n, i, a, b);
    }
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void try_call(struct call *c, enum form form, int64_t n)
{
    for (int v = 0; v < OPERAND_COUNT; v++) {
        size_t size = clact_type_bytes((clact_type)c->shape[v].type);
        c->memory[v] = allocate((size_t)c->extent[v] * size);
        for (int64_t i = 0; i < c->extent[v]; i++)
            put(c->shape[v].type, c->memory[v], i, (uint64_t)v << 32 | (uint64_t)n);
    }
    void *got = run(device, c), *expected = run(cpu, c);
    compare(c, form_names[form], n, got, expected);
    kernels++;
    free(got);
    if (form == DENSE) {
        got = run_on_host(device, c);
        compare(c, "host memory", n, got, expected);
        kernels++;
        free(got);
    }
    free(expected);
    for (int v = 0; v < OPERAND_COUNT; v++)
        free(c->memory[v]);
}

/* Whether a call is made briefly. There are seven pairs of a type and a form but f32 dense. */
static bool has_turn(const struct call *c, enum form form, uint32_t type, int64_t size)
{
    if (form == TENSOR || type + form == 0)
        return type == CLACT_F32;
    return size == 257 && (2 * type + (form == VIEW) - 1) % 7 == c->info->id % 7;
}

/* All sizes, both directions, and backward each learnable parameter. */
static void try_form(struct call *c, enum form form, uint32_t type)
{
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int backward = c->mode == ADDING; backward < (c->quantised ? 1 : 2); backward++) {
            if (brief && !c->quantised && !has_turn(c, form, type, sizes[s]))
                continue;
            c->backward = backward;
            uint32_t learnable = backward ? c->info->learnable_count : 0;
            for (uint32_t k = 0; k < (learnable ? learnable : 1); k++) {
                c->learns = learnable ? c->info->parameters[k].name : NULL;
                shape(c, form, type, sizes[s]);
                try_call(c, form, sizes[s]);
            }
        }
}

static void try_activation(struct call *c, uint32_t types)
{
    const char *tensor = NULL;
    for (uint32_t i = 0; i < c->info->parameter_count; i++)
        if (c->info->parameters[i].kind == CLACT_PARAMETER_TENSOR)
            tensor = c->info->parameters[i].name;
    bool adds = tensor || c->info->noise || c->info->id == CLACT_IDENTITY; /* what adds does not depend on the row */
    for (int mode = PLAIN; mode < MODE_COUNT; mode++)
        for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
            for (int form = DENSE; form < FORM_COUNT; form++) {
                if (!(types >> type & 1) || (form == TENSOR && !tensor) || (mode == TRAINING && !c->info->noise) ||
                    (mode == ADDING && !adds))
                    continue;
                c->mode = (enum mode)mode;
                c->tensor = form == TENSOR ? tensor : NULL;
                try_form(c, (enum form)form, type);
            }
}

/* What a quantised activation computes is in its table: one is enough. */
static void try_table(const clact_activation_info *info)
{
    const clact_quantization q = {0.37, 0.73, 5, 90, CLACT_I8, CLACT_U8, {0}};
    const clact_activation_desc desc = {.id = info->id, .quantization = &q};
    struct call c = {.info = info, .quantised = true};
    require(clact_activation_create(&c.activation, &desc), "clact_activation_create");
    try_form(&c, DENSE, q.x_type);
    try_form(&c, VIEW, q.x_type);
    clact_activation_destroy(&c.activation);
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
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        for (uint32_t semantics = CLACT_DOCUMENTED; semantics <= list[i].tensorflow; semantics++) {
            if (!is_named(list[i].name, argc - 1, argv + 1) || strcmp(list[i].kind, "elementwise") != 0)
                continue;
            clact_activation_desc desc = {.id = list[i].id, .semantics = semantics};
            struct call c = {.info = &list[i]};
            require(clact_activation_create(&c.activation, &desc), "clact_activation_create");
            try_activation(&c, caps.types);
            clact_activation_destroy(&c.activation);
            if (list[i].id == CLACT_IDENTITY)
                try_table(&list[i]);
        }
    for (size_t i = 0; custom_rows_plain(i); i++) {
        struct call c = {0};
        if (!is_named(custom_rows_plain(i)->name, argc - 1, argv + 1))
            continue;
        require(clact_activation_create_custom(&c.activation, custom_rows_plain(i), NULL, 0), "clact_activation_create");
        c.info = clact_activation_info_of(c.activation);
        try_activation(&c, caps.types);
        clact_activation_destroy(&c.activation);
    }
    clact_close(&cpu);
    clact_close(&device);
    printf("%llu launches, %llu elements equal, %llu left out as subnormal, %llu differ\n", kernels, compared, left_out,
           wrong);
    return wrong || !kernels;
}
