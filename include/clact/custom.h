/* custom.h: an activation of one's own: a function and its derivative, written once in the program, compiled for the
 * CPU with the program, and for an OpenCL device at run time.
 *
 *     #include <clact/custom.h>
 *
 *     CLACT_CUSTOM(bent, 1, (CLACT_CUSTOM_PARAMETER("a", 0.25, -1.0, 1.0)),
 *         INLINE real bent_f(real x, real a) { return x > C(0.0) ? x : fused(a * x, x, x); }
 *         INLINE real bent_d(real x, real a) { return x > C(0.0) ? C(1.0) : fused(C(2.0) * a, x, C(1.0)); }
 *     )
 *
 *     clact_activation *bent;
 *     clact_activation_create_custom(&bent, &bent_custom, NULL, 0);
 *
 * docs/custom.md has the rules that the text must keep, and what is promised where it does.
 *
 * Include this header only in the files that define activations: it brings the short names of the dialect of
 * clact/cl/ with it: real, bits, pair, C(), K(), fused(), INLINE and many more. In C++ all but the macros are in a
 * namespace. Such a file must not be compiled with -ffast-math or parts of it. In other files define
 * CLACT_CUSTOM_DECLARATIONS before including it: they then get what stands in its first half alone. */
#ifndef CLACT_CUSTOM_H
#define CLACT_CUSTOM_H

#include <clact/clact.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The definition ------------------------------------------------------------------------- */

/* One direction over n consecutive elements of the type computed in, float or double. dy is read backward only;
 * parameters are those of the definition, in its order; tensor is not read yet. out may be x or dy. */
typedef void (*clact_custom_loop)(size_t n, const void *x, const void *dy, const void *tensor, const void *parameters,
                                  void *out);

typedef struct clact_custom_loops {
    clact_custom_loop forward;  /* out = f(x) */
    clact_custom_loop backward; /* out = f'(x) dy */
    uint64_t reserved[6];
} clact_custom_loops;

#define CLACT_CUSTOM_VERSION 1

/* What CLACT_CUSTOM makes. */
typedef struct clact_custom {
    uint32_t version;  /* CLACT_CUSTOM_VERSION */
    uint32_t numerics; /* CLACT_NUMERICS of the headers that the loops were compiled with */
    const char *name;  /* [a-z][a-z0-9_]*, at most 31 characters */
    const char *text;  /* OpenCL C: NAME_f(x, parameters...) and NAME_d, its derivative, and what they call */
    const clact_parameter_info *parameters; /* scalars or integers, named as the activation is; NULL with 0 */
    uint32_t parameter_count;               /* at most 8 */
    uint32_t reserved0;
    const clact_custom_loops *f32; /* for f32, f16 and bf16 */
    const clact_custom_loops *f64; /* NULL: the activation has no f64, on no device */
    uint64_t reserved[8];
} clact_custom;

/* Makes an activation; parameters not given have their defaults. It then serves as any other. Everything is copied
 * but the code: the loops must stay where they are until the activation is destroyed. Its clact_activation_info has
 * id 0, kind "elementwise", needs CLACT_BACKWARD_X and infinite error bounds. The name need be no other's: activations
 * of one's own are not found by name. CLACT_E_UNSUPPORTED where the loops were compiled for another CLACT_NUMERICS
 * than the library's: compile them again. The general form is clact_activation_create with desc.custom. */
CLACT_API clact_status clact_activation_create_custom(clact_activation **out, const clact_custom *custom,
                                                      const clact_parameter *parameters, size_t count);

/* ---- The derivative, checked ---------------------------------------------------------------- */

typedef struct clact_custom_range {
    double first, last; /* points lie from first to last; both 0: from -16 to 16, and some as far as +-128 */
    uint32_t points;    /* 0: 1,000 */
    uint32_t reserved0;
    uint64_t reserved[4];
} clact_custom_range;

typedef struct clact_custom_report {
    uint64_t points;  /* where the derivative was compared */
    uint64_t skipped; /* at kinks and jumps, where f is not finite, or where differences say too little */
    uint64_t wrong;   /* where it is not what the differences of f give */
    /* The point with the largest error in units of its tolerance: */
    double x;
    double derivative; /* NAME_d there */
    double estimate;   /* from differences of NAME_f */
    double tolerance;  /* by which they may differ */
    uint32_t type;     /* CLACT_F64 if the point was computed in f64, else CLACT_F32 */
    uint32_t reserved0;
    uint64_t reserved[8];
} clact_custom_report;

/* Compares NAME_d with finite differences of NAME_f, in f32 and, where the definition has it, in f64, on the CPU.
 * range and report may be NULL. CLACT_E_DERIVATIVE where they disagree, with the worst point in the sentence; the
 * report is written then too. CLACT_E_RANGE where no point could be compared. A derivative that is wrong by less
 * than about 1e-4 of itself, or at single points only, is not seen. */
CLACT_API clact_status clact_custom_check(const clact_activation *activation, const clact_custom_range *range,
                                          clact_custom_report *report);

#ifdef __cplusplus
}
#endif

#endif /* CLACT_CUSTOM_H */

#if !defined CLACT_CUSTOM_DECLARATIONS && !defined CLACT_CUSTOM_TEXT_H
#define CLACT_CUSTOM_TEXT_H

/* ---- What compiles the text ----------------------------------------------------------------- */

/* 32, or 64 in the one file that gives an activation its loops in f64: see CLACT_CUSTOM_F64 in docs/custom.md. */
#ifndef CLACT_REAL_BITS
#define CLACT_REAL_BITS 32
#endif

#if defined __cplusplus && __cplusplus < 201703L

#define CLACT_CUSTOM(...) static_assert(false, "CLACT_CUSTOM needs C++17, which has hexadecimal constants");

#else

#if defined __FAST_MATH__ || defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || \
    defined __NO_SIGNED_ZEROS__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__)
#error "clact/custom.h: -ffast-math and its parts change results: compile this file without them"
#endif
#if defined __FLT_EVAL_METHOD__ && __FLT_EVAL_METHOD__ != 0
#error "clact/custom.h: float must be computed in float (__FLT_EVAL_METHOD__ 0)"
#endif

/* A processor without a fused multiply-add computes it through double. */
#if !defined __FMA__ && !defined __aarch64__ && !defined __ARM_FEATURE_FMA && !defined __FP_FAST_FMAF
#define CLACT_FMA_BY_DOUBLE
#endif

/* gcc has no FP_CONTRACT pragma, and contracts unless it is told not to. The other two flags change no result: they
 * let loops with choices be vectorised. The text is inlined into the loops, and so compiled with their flags. */
#if defined __GNUC__ && !defined __clang__
#define CLACT_CUSTOM_FLAGS __attribute__((optimize("fp-contract=off", "no-math-errno", "no-trapping-math")))
#define CLACT_CUSTOM_SIMD _Pragma("GCC ivdep")
#elif defined __clang__
#define CLACT_CUSTOM_FLAGS
#define CLACT_CUSTOM_SIMD _Pragma("clang loop vectorize(assume_safety)")
#pragma clang diagnostic ignored "-Wpass-failed" /* a text need not be such that its loops can be vectorised */
#else
#error "clact/custom.h is for gcc and clang"
#endif

/* In C++ each text has a namespace of its own in that of the dialect, where neither meets another's names. */
#ifdef __cplusplus
#define CLACT_CUSTOM_SPACE(name) namespace clact_dialect { namespace name##_custom_text {
#define CLACT_CUSTOM_SPACE_END } }
#define CLACT_CUSTOM_IN(name, symbol) clact_dialect::name##_custom_text::symbol
#define CLACT_CUSTOM_EXTERN extern "C"
#else
#define CLACT_CUSTOM_SPACE(name)
#define CLACT_CUSTOM_SPACE_END
#define CLACT_CUSTOM_IN(name, symbol) symbol
#define CLACT_CUSTOM_EXTERN extern
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wfloat-equal"
#pragma GCC diagnostic ignored "-Wshadow"
#ifdef __cplusplus
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif
#ifdef __cplusplus
namespace clact_dialect {
#endif
#include "cl/dialect.h"
#include "cl/elementary.h"
#include "cl/activations.h"
#include "cl/storage.h"
#ifdef __cplusplus
}
#endif
#pragma GCC diagnostic pop

/* ---- CLACT_CUSTOM --------------------------------------------------------------------------- */

/* A parameter: its default, and the least and the greatest value that it may have. */
#define CLACT_CUSTOM_PARAMETER(name, value, minimum, maximum)                                                      \
    {name, NULL, value, minimum, maximum, CLACT_PARAMETER_SCALAR, 0, 0, 0, 0, 0, {0, 0, 0, 0}}

/* CLACT_CUSTOM(NAME, count, (parameters), text): the functions in text become code here, and NAME_custom, a static
 * const clact_custom, has both the code and the text. count is the number of parameters, as a numeral.
 * In a file where CLACT_REAL_BITS is 64 it makes no NAME_custom, but NAME_custom_f64, the loops that NAME_custom
 * refers to where CLACT_CUSTOM_F64 is defined. */
#define CLACT_CUSTOM(name, count, parameters, ...)                                                                 \
    CLACT_CUSTOM_SPACE(name)                                                                                       \
    __VA_ARGS__                                                                                                    \
    CLACT_CUSTOM_LOOP(name##_custom_forward, name##_f(x[k] CLACT_CUSTOM_P##count))                                 \
    CLACT_CUSTOM_LOOP(name##_custom_backward, gradient(name##_d(x[k] CLACT_CUSTOM_P##count), dy[k]))               \
    CLACT_CUSTOM_SPACE_END                                                                                         \
    CLACT_CUSTOM_RESULT(name, count, parameters, #__VA_ARGS__)

#define CLACT_CUSTOM_LOOP(function, value)                                                                         \
    CLACT_CUSTOM_FLAGS static void function(size_t n, const void *xv, const void *dyv, const void *tv,              \
                                            const void *pv, void *outv)                                            \
    {                                                                                                              \
        const real *x = (const real *)xv, *dy = (const real *)dyv, *p = (const real *)pv;                          \
        real *out = (real *)outv;                                                                                  \
        const real p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3], p4 = p[4], p5 = p[5], p6 = p[6], p7 = p[7];         \
        (void)dy, (void)tv, (void)p0, (void)p1, (void)p2, (void)p3, (void)p4, (void)p5, (void)p6, (void)p7;        \
        CLACT_CUSTOM_SIMD                                                                                          \
        for (size_t k = 0; k < n; k++)                                                                             \
            out[k] = canonical(value);                                                                             \
    }

#define CLACT_CUSTOM_P0
#define CLACT_CUSTOM_P1 , p0
#define CLACT_CUSTOM_P2 CLACT_CUSTOM_P1, p1
#define CLACT_CUSTOM_P3 CLACT_CUSTOM_P2, p2
#define CLACT_CUSTOM_P4 CLACT_CUSTOM_P3, p3
#define CLACT_CUSTOM_P5 CLACT_CUSTOM_P4, p4
#define CLACT_CUSTOM_P6 CLACT_CUSTOM_P5, p5
#define CLACT_CUSTOM_P7 CLACT_CUSTOM_P6, p6
#define CLACT_CUSTOM_P8 CLACT_CUSTOM_P7, p7

#define CLACT_CUSTOM_UNUSED __attribute__((unused))
#define CLACT_CUSTOM_LOOPS(name)                                                                                   \
    {CLACT_CUSTOM_IN(name, name##_custom_forward), CLACT_CUSTOM_IN(name, name##_custom_backward), {0, 0, 0, 0, 0, 0}}

#if CLACT_REAL_BITS == 64

#define CLACT_CUSTOM_RESULT(name, count, parameters, text)                                                         \
    CLACT_CUSTOM_EXTERN const clact_custom_loops name##_custom_f64;                                                \
    const clact_custom_loops name##_custom_f64 = CLACT_CUSTOM_LOOPS(name);

#else

#ifdef CLACT_CUSTOM_F64
#define CLACT_CUSTOM_DECLARE_F64(name) CLACT_CUSTOM_EXTERN const clact_custom_loops name##_custom_f64;
#define CLACT_CUSTOM_REFER_F64(name) &name##_custom_f64
#else
#define CLACT_CUSTOM_DECLARE_F64(name)
#define CLACT_CUSTOM_REFER_F64(name) NULL
#endif

#define CLACT_CUSTOM_LIST(...) __VA_ARGS__
/* The parameters' array begins with one that is not used, for C has no empty array. */
#define CLACT_CUSTOM_RESULT(name, count, parameters_, text)                                                        \
    CLACT_CUSTOM_DECLARE_F64(name)                                                                                 \
    static const clact_parameter_info name##_custom_parameters[] = {                                               \
        CLACT_CUSTOM_PARAMETER(NULL, 0, 0, 0), CLACT_CUSTOM_LIST parameters_};                                     \
    typedef char name##_custom_has_##count##_parameters[                                                           \
        sizeof name##_custom_parameters / sizeof *name##_custom_parameters == count + 1 ? 1 : -1]                  \
        CLACT_CUSTOM_UNUSED;                                                                                       \
    static const clact_custom_loops name##_custom_f32 = CLACT_CUSTOM_LOOPS(name);                                  \
    CLACT_CUSTOM_UNUSED static const clact_custom name##_custom = {                                                \
        CLACT_CUSTOM_VERSION, CLACT_NUMERICS, #name, __extension__ text, name##_custom_parameters + 1, count, 0,   \
        &name##_custom_f32, CLACT_CUSTOM_REFER_F64(name), {0, 0, 0, 0, 0, 0, 0, 0}};

#endif /* f32 */
#endif /* C, or C++17 */
#endif /* CLACT_CUSTOM_TEXT_H */
