/* elementwise_tmpl.c: the loops of every row, compiled once for each instruction set and type:
 * CLACT_ISA names the set, CLACT_REAL_BITS is 32 or 64. */
#include "cpu.h"

#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "noise.h"
#include "storage.h"
#include "vectors.h"
#if CLACT_REAL_BITS == 32
#include "probe.h"
#endif

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define PASTE_OF(a, b, c) a##b##_##c
#define PASTE(a, b, c) PASTE_OF(a, b, c)
#define KERNELS PASTE(clact_cpu_, CLACT_ISA, CLACT_REAL_BITS)

/* ---- Rows ----------------------------------------------------------------------------------- */

/* A scalar parameter is one value for the loop; a tensor's has one for each element, and so has noise. */
#define SCALAR_AT(i) p##i
#define TENSOR_AT(i) t[k]
#define PARAMETER(i, name, alias, kind, ...) , kind##_AT(i)
#define NOISE(outside) , t[k]

#define SCALARS(p)                                                                                  \
    const real p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3], p4 = p[4], p5 = p[5], p6 = p[6], p7 = p[7]; \
    (void)p0, (void)p1, (void)p2, (void)p3, (void)p4, (void)p5, (void)p6, (void)p7;

/* Elements that are less than a step, and others behind them. */
struct rest {
    real x[STEP], dy[STEP], t[STEP], out[STEP];
};

static const real *copied(real *to, const real *from, size_t first, size_t n)
{
    if (from)
        memcpy(to, from + first, n * sizeof *to);
    return from ? to : NULL;
}

#define RESULT(i, value)                                                                            \
    real y##i;                                                                                      \
    {                                                                                               \
        const size_t k = first + i * lanes + j;                                                     \
        y##i = one_nan(value);                                                                      \
    }
#define STORED(i, value) out[first + i * lanes + j] = y##i;

/* The arrays are read or NULL. */
#define LOOP(function, value)                                                                       \
    INLINE void function##_step(size_t first, size_t lanes, const real *x, const real *dy, const real *t,     \
                                const real *p, real *out)                                           \
    {                                                                                               \
        SCALARS(p)                                                                                  \
        (void)x, (void)dy, (void)t;                                                                 \
        SIMD                                                                                        \
        for (size_t j = 0; j < lanes; j++) {                                                        \
            EACH_VECTOR(RESULT, value)                                                              \
            EACH_VECTOR(STORED, )                                                                   \
        }                                                                                           \
    }                                                                                               \
    static void function(size_t n, const void *x, const void *dy, const void *t, const void *p, void *out) \
    {                                                                                               \
        const size_t step = VECTORS == 1 ? n : STEP, whole = VECTORS == 1 ? n : n - n % STEP;       \
        for (size_t k = 0; k < whole; k += step)                                                    \
            function##_step(k, VECTORS == 1 ? n : LANES, x, dy, t, p, out);                         \
        if (whole < n) {                                                                            \
            struct rest r = {0};                                                                    \
            n -= whole;                                                                             \
            function(STEP, copied(r.x, x, whole, n), copied(r.dy, dy, whole, n), copied(r.t, t, whole, n), p, r.out); \
            memcpy((real *)out + whole, r.out, n * sizeof(real));                                   \
        }                                                                                           \
    }

/* Lanes of a parameter's gradient, and a term for each. */
#define LEARN(name, k_th, ...)                                                                      \
    static void name##_learn_##k_th(size_t n, const void *xv, const void *dyv, const void *tv, const void *pv, void *outv) \
    {                                                                                               \
        const real *x = xv, *dy = dyv, *t = tv, *p = pv;                                            \
        real *out = outv;                                                                           \
        SCALARS(p)                                                                                  \
        (void)t;                                                                                    \
        SIMD                                                                                        \
        for (size_t k = 0; k < n; k++)                                                              \
            out[k] = parameter_sum(name##_##k_th(x[k] __VA_ARGS__), dy[k], out[k]);                 \
    }
#define LEARNS_NOTHING(name, ...)
#define LEARNS_P0(name, ...) LEARN(name, p0, __VA_ARGS__)
#define LEARNS_P0_TO_P3(name, ...)                                                                  \
    LEARN(name, p0, __VA_ARGS__)                                                                    \
    LEARN(name, p1, __VA_ARGS__)                                                                    \
    LEARN(name, p2, __VA_ARGS__)                                                                    \
    LEARN(name, p3, __VA_ARGS__)

#define DOCUMENTED(name, ...)
#define TENSORFLOW(name, ...)                                                                       \
    LOOP(name##_tf_forward, name##_tf_f(x[k] __VA_ARGS__))                                          \
    LOOP(name##_tf_backward, name##_tf_g(x[k], dy[k] __VA_ARGS__))
#define FAST(name, ...) LOOP(name##_fast_forward, name##_fast_f(x[k] __VA_ARGS__))
#define OWN_Y_X(name, ...)
#define OWN_Y_NOTHING(name, ...)
#define OWN_Y_X_OR_Y(name, ...)
#define OWN_Y_X_OR_OWN_Y(name, ...) LOOP(name##_backward_y, gradient(name##_y(x[k] __VA_ARGS__), dy[k]))
#define ACTIVATION(id, name, twin, learns, needs, from_y, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    LOOP(name##_forward, name##_f(x[k] __VA_ARGS__))                                                \
    LOOP(name##_backward, gradient(name##_d(x[k] __VA_ARGS__), dy[k]))                              \
    OWN_Y_##needs(name, __VA_ARGS__)                                                                \
    learns(name, __VA_ARGS__)                                                                       \
    twin(name, __VA_ARGS__)
#include "activations.def"
#undef ACTIVATION
#undef TENSORFLOW
#undef FAST
#undef PARAMETER
#undef NOISE
#undef OWN_Y_X_OR_OWN_Y
#undef LEARNS_NOTHING
#undef LEARNS_P0
#undef LEARNS_P0_TO_P3

/* Four elements for each counter, from the first whole one on. */
static void noise_along(size_t n, u64 seed, u64 offset, u64 first, real *out)
{
    size_t head = (size_t)((0 - first) & 3);
    head = head < n ? head : n;
    const size_t quarters = (n - head) / 4;
    const u64 quarter = (first + head) / 4;
    real *whole = out + head;
    for (size_t k = 0; k < head; k++)
        out[k] = noise_of(seed, offset, first + k);
    SIMD
    for (size_t k = 0; k < quarters; k++) {
        words w = noise_words(seed, offset, quarter + k);
        whole[4 * k] = uniform(w.a);
        whole[4 * k + 1] = uniform(w.b);
        whole[4 * k + 2] = uniform(w.c);
        whole[4 * k + 3] = uniform(w.d);
    }
    for (size_t k = head + 4 * quarters; k < n; k++)
        out[k] = noise_of(seed, offset, first + k);
}

static void noise(size_t n, uint64_t seed, uint64_t offset, int64_t first, int64_t stride, void *out)
{
    real *u = out;
    if (stride == 1) {
        noise_along(n, seed, offset, (u64)first, u);
        return;
    }
    SIMD
    for (size_t k = 0; k < n; k++)
        u[k] = noise_of(seed, offset, (u64)first + k * (u64)stride);
}

static void add(size_t n, const void *fromv, void *tov)
{
    const real *from = fromv;
    real *to = tov;
    SIMD
    for (size_t k = 0; k < n; k++)
        to[k] = to[k] + from[k];
}

static void accumulate(size_t n, const void *oldv, const void *betav, void *outv)
{
    const real *old = oldv, beta = *(const real *)betav;
    real *out = outv;
    SIMD
    for (size_t k = 0; k < n; k++)
        out[k] = canonical(fused(beta, old[k], out[k]));
}

/* ---- Storage -------------------------------------------------------------------------------- */

#define STORAGE(type, element)                                                                      \
    static void read_##type(size_t n, const void *from, int64_t stride, void *to)                   \
    {                                                                                               \
        const element *x = from;                                                                    \
        real *y = to;                                                                               \
        if (stride == 1)                                                                            \
            SIMD for (size_t k = 0; k < n; k++) y[k] = load_##type(x[k]);                           \
        else                                                                                        \
            for (size_t k = 0; k < n; k++) y[k] = load_##type(x[(int64_t)k * stride]);              \
    }                                                                                               \
    static void write_##type(size_t n, const void *from, void *to, int64_t stride)                  \
    {                                                                                               \
        const real *x = from;                                                                       \
        element *y = to;                                                                            \
        if (stride == 1)                                                                            \
            SIMD for (size_t k = 0; k < n; k++) y[k] = store_##type(x[k]);                          \
        else                                                                                        \
            for (size_t k = 0; k < n; k++) y[(int64_t)k * stride] = store_##type(x[k]);             \
    }
#if CLACT_REAL_BITS == 32 && (defined __AVX512F__ || defined __F16C__)
/* The processor's own conversions, which give the same bits: exact to f32, to nearest even from it. A signalling NaN is
 * quiet when it has been read, and none is left as it is. */
#ifdef __AVX512F__
enum { HALVES = 16 };

INLINE void read_vector(const u16 *x, real *y)
{
    _mm512_storeu_ps(y, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)x)));
}

INLINE void write_vector(const real *x, u16 *y)
{
    const __m512 v = _mm512_loadu_ps(x);
    const __m256i h = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256((void *)y, _mm256_mask_set1_epi16(h, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), 0x7e00));
}
#else
enum { HALVES = 8 };

INLINE void read_vector(const u16 *x, real *y)
{
    _mm256_storeu_ps(y, _mm256_cvtph_ps(_mm_loadu_si128((const void *)x)));
}

INLINE void write_vector(const real *x, u16 *y)
{
    const __m256 v = _mm256_loadu_ps(x);
    const __m128i h = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
    const __m256i u = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m128i undefined = _mm_packs_epi32(_mm256_castsi256_si128(u), _mm256_extracti128_si256(u, 1));
    _mm_storeu_si128((void *)y, _mm_blendv_epi8(h, _mm_set1_epi16(0x7e00), undefined));
}
#endif

static void read_halves(size_t n, const void *from, int64_t stride, void *to)
{
    const u16 *x = from;
    real *y = to, last[HALVES];
    size_t k = 0;
    for (; stride == 1 && k + HALVES <= n; k += HALVES)
        read_vector(x + k, y + k);
    if (stride == 1 && k < n) {
        u16 rest[HALVES] = {0};
        memcpy(rest, x + k, (n - k) * sizeof *x);
        read_vector(rest, last);
        memcpy(y + k, last, (n - k) * sizeof *y);
    }
    for (; stride != 1 && k < n; k++)
        y[k] = load_f16(x[(int64_t)k * stride]);
}

static void write_halves(size_t n, const void *from, void *to, int64_t stride)
{
    const real *x = from;
    u16 *y = to, last[HALVES];
    size_t k = 0;
    for (; stride == 1 && k + HALVES <= n; k += HALVES)
        write_vector(x + k, y + k);
    if (stride == 1 && k < n) {
        real rest[HALVES] = {0};
        memcpy(rest, x + k, (n - k) * sizeof *x);
        write_vector(rest, last);
        memcpy(y + k, last, (n - k) * sizeof *y);
    }
    for (; stride != 1 && k < n; k++)
        y[(int64_t)k * stride] = store_f16(x[k]);
}
#define READ_F16 read_halves
#define WRITE_F16 write_halves
#elif CLACT_REAL_BITS == 32
STORAGE(f16, u16)
#define READ_F16 read_f16
#define WRITE_F16 write_f16
#endif

#if CLACT_REAL_BITS == 32
STORAGE(f32, float)
STORAGE(bf16, u16)
#else
STORAGE(f64, double)
#endif

#ifdef __AVX512F__
#define STREAM_BYTES 64
#define STREAM(to, from) _mm512_stream_si512((void *)(to), _mm512_loadu_si512(from))
#elif defined __AVX__
#define STREAM_BYTES 32
#define STREAM(to, from) _mm256_stream_si256((__m256i *)(to), _mm256_loadu_si256((const __m256i *)(from)))
#elif defined __SSE2__
#define STREAM_BYTES 16
#define STREAM(to, from) _mm_stream_si128((__m128i *)(to), _mm_loadu_si128((const __m128i *)(from)))
#endif

static void stream(void *to, const void *from, size_t bytes)
{
    char *y = to;
    const char *x = from;
#ifdef STREAM
    size_t head = (0 - (uintptr_t)y) % STREAM_BYTES;
    head = head < bytes ? head : bytes;
    memcpy(y, x, head);
    for (; head + STREAM_BYTES <= bytes; head += STREAM_BYTES)
        STREAM(y + head, x + head);
    y += head, x += head, bytes -= head;
#endif
    memcpy(y, x, bytes);
}

/* Streamed stores are ordered before what the thread writes next. */
static void fence(void)
{
#ifdef STREAM
    _mm_sfence();
#endif
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

#if CLACT_REAL_BITS == 32

#if defined __AVX512BW__
typedef uint8_t byte_vector __attribute__((vector_size(64)));
#define ROW_OF(row) (byte_vector)_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)(row)))
#define SATURATED_SUM(a, b) (byte_vector)_mm512_adds_epu8((__m512i)(a), (__m512i)(b))
#define SHUFFLE(row, at) (byte_vector)_mm512_shuffle_epi8((__m512i)(row), (__m512i)(at))
#elif defined __AVX2__
typedef uint8_t byte_vector __attribute__((vector_size(32)));
#define ROW_OF(row) (byte_vector)_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(row)))
#define SATURATED_SUM(a, b) (byte_vector)_mm256_adds_epu8((__m256i)(a), (__m256i)(b))
#define SHUFFLE(row, at) (byte_vector)_mm256_shuffle_epi8((__m256i)(row), (__m256i)(at))
#endif

#define LOOK_UP_VECTORS_FROM 64 /* bytes; fewer do not pay for taking the table into registers */

/* The first bytes that make whole vectors, or words; returns how many. A shuffle chooses among the 16 bytes of one row
 * of the table, by the low half of a byte, and gives 0 for bytes from 0x80 on. x ^ 16 row is below 16 where the row is
 * x's own, and only there is its sum with 0x70 below 0x80. */
static size_t look_up_vectors(size_t n, const uint8_t *table, const uint8_t *x, uint8_t *y)
{
    size_t k = 0;
#ifdef SHUFFLE
    byte_vector rows[16];
    for (size_t row = 0; row < 16; row++)
        rows[row] = ROW_OF(table + 16 * row);
    for (byte_vector v, found; k + sizeof v <= n; k += sizeof v) {
        memcpy(&v, x + k, sizeof v);
        found = (byte_vector){0};
        for (unsigned row = 0; row < 16; row++)
            found |= SHUFFLE(rows[row], SATURATED_SUM(v ^ (uint8_t)(16 * row), (byte_vector){0} + 0x70));
        memcpy(y + k, &found, sizeof found);
    }
#else
    for (u64 word; k + sizeof word <= n; k += sizeof word) {
        memcpy(&word, x + k, sizeof word);
        for (size_t i = 0; i < sizeof word; i++)
            y[k + i] = table[word >> 8 * i & 0xff];
    }
#endif
    return k;
}

static void look_up(size_t n, const uint8_t *table, const uint8_t *x, int64_t x_stride, uint8_t *y, int64_t y_stride)
{
    bool vectors = x_stride == 1 && y_stride == 1 && n >= LOOK_UP_VECTORS_FROM;
    size_t k = vectors ? look_up_vectors(n, table, x, y) : 0;
    for (; k < n; k++)
        y[(int64_t)k * y_stride] = table[x[(int64_t)k * x_stride]];
}

static void probe(uint32_t *out)
{
    for (u32 column = 0; column < PROBE_COLUMNS; column++)
        for (u32 i = 0; i < PROBE_ITEMS; i++)
            out[column * PROBE_ITEMS + i] = probe_value(column, i);
}
#endif

/* ---- The table ------------------------------------------------------------------------------ */

#define TENSORFLOW(name, ...) [ROW_##name##_tf] = {name##_tf_forward, name##_tf_backward, NULL},
#define FAST(name, ...) [ROW_##name##_fast] = {name##_fast_forward, name##_backward, NULL},
#define OWN_Y_X_OR_OWN_Y(name) name##_backward_y
#define ACTIVATION(id, name, twin, learns, needs, ...)                                              \
    [ROW_##name] = {name##_forward, name##_backward, OWN_Y_##needs(name)}, twin(name)

extern const struct clact_cpu_kernels KERNELS;
const struct clact_cpu_kernels KERNELS = {
    .loops = {
#include "activations.def"
    },
#undef ACTIVATION
#define ACTIVATION(id, name, twin, learns, ...) learns(name)
#define LEARNS_NOTHING(name)
#define LEARNS_P0(name) [ROW_##name] = {name##_learn_p0},
#define LEARNS_P0_TO_P3(name) [ROW_##name] = {name##_learn_p0, name##_learn_p1, name##_learn_p2, name##_learn_p3},
    .learn = {
#include "activations.def"
    },
#if CLACT_REAL_BITS == 32
    .load = {[CLACT_F32] = read_f32, [CLACT_F16] = READ_F16, [CLACT_BF16] = read_bf16},
    .store = {[CLACT_F32] = write_f32, [CLACT_F16] = WRITE_F16, [CLACT_BF16] = write_bf16},
    .probe = probe,
    .look_up = look_up,
#else
    .load = {[CLACT_F64] = read_f64},
    .store = {[CLACT_F64] = write_f64},
#endif
    .add = add,
    .noise = noise,
    .accumulate = accumulate,
    .stream = stream,
    .fence = fence,
};
