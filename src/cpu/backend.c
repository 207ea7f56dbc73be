/* backend.c: the CPU backend: its instruction set, chosen at run time, its memory and its description. */
#include "cpu.h"

#include "../fpenv.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Instruction sets ----------------------------------------------------------------------- */

#define KERNELS(isa)                                                                                \
    extern const struct clact_cpu_kernels clact_cpu_##isa##_32, clact_cpu_##isa##_64;               \
    extern const struct clact_cpu_map_loops clact_cpu_map_##isa##_32, clact_cpu_map_##isa##_64;     \
    extern const struct clact_cpu_tile clact_cpu_tile_##isa##_32, clact_cpu_tile_##isa##_64;        \
    extern const struct clact_cpu_arrays_loops clact_cpu_arrays_##isa##_32, clact_cpu_arrays_##isa##_64; \
    void clact_cpu_rowwise_##isa##_32(const struct clact_cpu_rows *rows, uint64_t first, uint64_t end); \
    void clact_cpu_rowwise_##isa##_64(const struct clact_cpu_rows *rows, uint64_t first, uint64_t end);
#define ISA(isa)                                                                                    \
    {#isa, &clact_cpu_##isa##_32, &clact_cpu_##isa##_64, &clact_cpu_map_##isa##_32, &clact_cpu_map_##isa##_64, has_##isa, \
     {clact_cpu_rowwise_##isa##_32, clact_cpu_rowwise_##isa##_64},                                  \
     {&clact_cpu_tile_##isa##_32, &clact_cpu_tile_##isa##_64},                                                    \
     {&clact_cpu_arrays_##isa##_32, &clact_cpu_arrays_##isa##_64}}

static bool has_baseline(void) { return true; }
KERNELS(baseline)

#if defined __x86_64__
/* clang's builtin does not know this one. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
KERNELS(avx2)
KERNELS(avx512)
const struct clact_cpu_isa clact_cpu_isas[] = {ISA(avx512), ISA(avx2), ISA(baseline), {0}};
#elif defined __aarch64__ /* every one has NEON and a fused multiply-add */
static bool has_neon(void) { return true; }
KERNELS(neon)
const struct clact_cpu_isa clact_cpu_isas[] = {ISA(neon), ISA(baseline), {0}};
#else
const struct clact_cpu_isa clact_cpu_isas[] = {ISA(baseline), {0}};
#endif

static clact_status choose_isa(const struct clact_cpu_isa **out, const char *name)
{
    for (const struct clact_cpu_isa *isa = clact_cpu_isas; isa->name; isa++) {
        if (name && strcmp(isa->name, name) != 0)
            continue;
        if (isa->available()) {
            *out = isa;
            return CLACT_OK;
        }
        REQUIRE(!name, CLACT_E_UNSUPPORTED, "this processor has no %s", name);
    }
    char names[64] = "";
    size_t used = 0;
    for (const struct clact_cpu_isa *isa = clact_cpu_isas; isa->name; isa++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", isa->name);
    return clact_fail(CLACT_E_NAME, "'%s' is not an instruction set of this build, which has %s", name, names);
}

/* ---- Opening and closing -------------------------------------------------------------------- */

/* What the kernel says: glibc takes the sum of a whole AMD processor for it, ten times what a core reaches. */
static long last_cache(void)
{
    long kib = 0;
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "re");
    if (f) {
        kib = fscanf(f, "%ldK", &kib) == 1 ? kib : 0;
        fclose(f);
    }
    return kib > 0 ? kib * 1024 : sysconf(_SC_LEVEL3_CACHE_SIZE);
}

/* Streaming pays where a call's memory is well above the last cache: 1.5 times its size. */
static size_t stream_threshold(void)
{
    const long cache = last_cache();
    return cache > 0 ? (size_t)cache / 2 * 3 : (size_t)16 << 20;
}

/* Those that this thread may run on. */
static uint32_t usable_cores(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
#endif
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (uint32_t)cores : 1;
}

clact_status clact_cpu_open(clact_context *context, const clact_options *options)
{
    const char *name = options->cpu ? options->cpu : clact_environment("CLACT_CPU");
    const struct clact_cpu_isa *isa = NULL;
    TRY(choose_isa(&isa, name));
    struct clact_cpu *cpu = calloc(1, sizeof *cpu);
    REQUIRE(cpu, CLACT_E_MEMORY, "out of memory");
    cpu->isa = isa;
    cpu->cores = usable_cores();
    cpu->threads = options->threads ? options->threads : cpu->cores;
    cpu->stream_bytes = stream_threshold();
    cpu->parallel_for = options->parallel_for;
    cpu->parallel_data = options->parallel_data;
    if (cpu->threads > 1 && !cpu->parallel_for) {
        cpu->pool = clact_pool_create(cpu->threads - 1);
        if (!cpu->pool) {
            free(cpu);
            return clact_fail(CLACT_E_MEMORY, "out of memory");
        }
    }
    context->cpu = cpu;
    return CLACT_OK;
}

static void cpu_close(clact_context *context)
{
    if (!context->cpu)
        return;
    clact_pool_destroy(context->cpu->pool);
    free(context->cpu);
    context->cpu = NULL;
}

/* ---- Description ---------------------------------------------------------------------------- */

static void processor_name(char *out, size_t size)
{
    char line[256];
    snprintf(out, size, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            line[strcspn(line, "\n")] = 0;
            snprintf(out, size, "%.*s", (int)size - 1, colon + 2);
            break;
        }
    }
    fclose(f);
}

static clact_status cpu_caps(clact_context *context, clact_caps *caps)
{
    const struct clact_cpu *cpu = context->cpu;
    caps->backend = CLACT_BACKEND_CPU;
    caps->kind = CLACT_DEVICE_CPU;
    caps->exact = CLACT_EXACT_ALL;
    caps->types = ((1u << CLACT_TYPE_COUNT) - 1) | 1u << CLACT_I8 | 1u << CLACT_U8;
    caps->unified_memory = caps->rounds_to_nearest = caps->keeps_subnormals = 1;
    caps->compute_units = cpu->cores;
    caps->threads = cpu->threads;
    processor_name(caps->device, sizeof caps->device);
    snprintf(caps->platform, sizeof caps->platform, "clact CPU backend");
    snprintf(caps->driver, sizeof caps->driver, "%s", cpu->isa->name);
    snprintf(caps->cpu, sizeof caps->cpu, "%s", cpu->isa->name);
    return CLACT_OK;
}

void clact_cpu_probe(const clact_context *context, uint32_t *out)
{
    clact_fpenv env = clact_fpenv_enter();
    context->cpu->isa->f32->probe(out);
    clact_fpenv_leave(env);
}

float clact_cpu_stored(const clact_context *context, uint32_t type, float value)
{
    uint16_t stored;
    float back;
    context->cpu->isa->f32->store[type](1, &value, &stored, 1);
    context->cpu->isa->f32->load[type](1, &stored, 1, &back);
    return back;
}

void clact_cpu_table_values(const clact_activation *a, const float *x, float *y)
{
    float array[CLACT_TABLE_SIZE] = {0};
    int slot = clact_cpu_array_of(a);
    for (int i = 0; slot >= 0 && i < CLACT_TABLE_SIZE; i++)
        array[i] = a->p32[slot];
    clact_cpu_loop_of(&clact_cpu_baseline_32, a, false, CLACT_FORWARD)(CLACT_TABLE_SIZE, x, NULL, array, a->p32, y);
}

/* ---- Buffers -------------------------------------------------------------------------------- */

static clact_status cpu_buffer_create(clact_buffer *buffer)
{
    size_t bytes = buffer->bytes > SIZE_MAX - 63 ? SIZE_MAX : (buffer->bytes + 63) / 64 * 64;
    buffer->memory = aligned_alloc(64, bytes ? bytes : 64);
    REQUIRE(buffer->memory, CLACT_E_MEMORY, "out of memory for a buffer of %zu bytes", buffer->bytes);
    return CLACT_OK;
}

static void cpu_buffer_destroy(clact_buffer *buffer)
{
    free(buffer->memory);
}

static clact_status cpu_buffer_write(clact_buffer *buffer, size_t offset, size_t bytes, const void *from)
{
    memcpy((char *)buffer->memory + offset, from, bytes);
    return CLACT_OK;
}

static clact_status cpu_buffer_read(const clact_buffer *buffer, size_t offset, size_t bytes, void *to)
{
    memcpy(to, (const char *)buffer->memory + offset, bytes);
    return CLACT_OK;
}

static clact_status cpu_buffer_map(void **out, clact_buffer *buffer, size_t offset, size_t bytes, uint32_t access)
{
    (void)bytes, (void)access;
    *out = (char *)buffer->memory + offset;
    return CLACT_OK;
}

static clact_status cpu_buffer_unmap(clact_buffer *buffer, void *mapped)
{
    (void)buffer, (void)mapped;
    return CLACT_OK;
}

static clact_status cpu_finish(clact_context *context)
{
    (void)context; /* every call returns when it is done */
    return CLACT_OK;
}

static bool cpu_is_host(const clact_context *context)
{
    (void)context;
    return true;
}

static bool cpu_has_arithmetic(const clact_context *context, uint32_t type)
{
    (void)context;
    return type == CLACT_F32 || type == CLACT_F64;
}

static clact_status cpu_on_host(clact_context *context, struct clact_view *const *views, int count, uint32_t written,
                                const clact_enqueue *enqueue, clact_status (*run)(clact_context *, const void *),
                                const void *work)
{
    (void)written, (void)enqueue; /* there is none */
    for (int i = 0; i < count; i++)
        if (views[i]->buffer)
            views[i]->data = views[i]->buffer->memory;
    return run(context, work);
}

const struct clact_backend_functions clact_cpu_functions = {
    .caps = cpu_caps,
    .elementwise = clact_cpu_elementwise,
    .few = clact_cpu_few,
    .rowwise = clact_cpu_rowwise,
    .map = clact_cpu_map,
    .table = clact_cpu_table,
    .matmul = clact_cpu_matmul,
    .dense = clact_cpu_dense,
    .arrays = clact_cpu_arrays,
    .buffer_create = cpu_buffer_create,
    .buffer_destroy = cpu_buffer_destroy,
    .buffer_write = cpu_buffer_write,
    .buffer_read = cpu_buffer_read,
    .buffer_map = cpu_buffer_map,
    .buffer_unmap = cpu_buffer_unmap,
    .finish = cpu_finish,
    .close = cpu_close,
    .is_host = cpu_is_host,
    .has_arithmetic = cpu_has_arithmetic,
    .on_host = cpu_on_host,
};
