/* walk.cl: how a kernel goes through the elements of its operands.
 *
 * The composer defines LOCAL, the work-items in a group, and PER_ITEM, elements for each in dense kernels; and where
 * the device prefers vectors VECTOR, the elements of one. */
#include "group.cl"

/* Those of an activation are one argument: each that there is makes a launch longer. */
#if CLACT_REAL_BITS == 64
#define PARAMETERS double8 parameters
#else
#define PARAMETERS float8 parameters
#endif

/* A group takes a tile. The choice between whole tiles and the last, partial one is the same for all
 * of a group, so that no work-item tests a bound of its own in a whole tile. */
#ifdef CLACT_TASK
#define FOR_TILE(BODY) FOR_EACH(i, n) { BODY; }
#elif defined VECTOR
/* A work-item takes elements that lie side by side, in a loop that the compiler makes vectors of: two in a step, so
 * that operations need not wait for each other. No element has a part in another. A driver that compiles in several
 * steps makes vectors in the last of them, and would warn in the first that there are none. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#define TEXT_OF(x) #x
#define LOOP(hints) _Pragma(TEXT_OF(clang loop hints))
#else
#define LOOP(hints)
#endif
#define FOR_TILE(BODY)                                                                              \
    const ulong first = (ulong)get_global_id(0) * PER_ITEM;                                         \
    if (first + PER_ITEM <= n) {                                                                    \
        LOOP(vectorize(assume_safety) vectorize_width(VECTOR) interleave_count(2))                  \
        for (uint k = 0; k < PER_ITEM; k++) { const ulong i = first + k; BODY; }                    \
    } else {                                                                                        \
        LOOP(vectorize(disable) unroll(disable))                                                    \
        for (ulong i = first; i < n; i++) { BODY; }                                                 \
    }
#else
#define FOR_TILE(BODY)                                                                              \
    const ulong first = (ulong)get_group_id(0) * (LOCAL * PER_ITEM) + get_local_id(0);              \
    const ulong tile_end = ((ulong)get_group_id(0) + 1) * (LOCAL * PER_ITEM);                       \
    if (tile_end <= n) {                                                                            \
        for (uint k = 0; k < PER_ITEM; k++) { const ulong i = first + k * LOCAL; BODY; }            \
    } else {                                                                                        \
        for (ulong i = first; i < n; i += LOCAL) { BODY; }                                          \
    }
#endif

/* The coordinates c of element rest, from the last axis back: MOVE(s) moves on by c along axis s. Axes are
 * right-aligned, so that the first ones cost nothing. */
#define AXIS(s, MOVE)                                                                               \
    if (rest != 0) {                                                                                \
        const ulong q = rest / dims.s;                                                              \
        const long c = (long)(rest - q * dims.s);                                                   \
        MOVE(s)                                                                                     \
        rest = q;                                                                                   \
    }
#define AXES(MOVE)                                                                                  \
    AXIS(s7, MOVE) AXIS(s6, MOVE) AXIS(s5, MOVE) AXIS(s4, MOVE)                                     \
    AXIS(s3, MOVE) AXIS(s2, MOVE) AXIS(s1, MOVE) AXIS(s0, MOVE)

/* Kernels that are written once for dense operands and for strided views: VIEW is defined for these. Element i
 * of operand v is then v[v_at] in BODY, which has no comma outside parentheses; START is AT(...) of every
 * operand, MOVE(s) is STEP(..., s) of every one. */
#ifdef VIEW
#define INPUT(v) global const ELEMENT *v, const long v##_first, const long8 v##_strides
#define OUTPUT(v) global ELEMENT *v, const long v##_first, const long8 v##_strides
#define SIZE const ulong n, const ulong8 dims
#define AT(v) long v##_at = v##_first;
#define STEP(v, s) v##_at += c * v##_strides.s;
#define FOR_ELEMENTS(START, MOVE, BODY)                                                             \
    FOR_EACH(i, n)                                                                                  \
    {                                                                                               \
        ulong rest = i;                                                                             \
        START                                                                                       \
        AXES(MOVE)                                                                                  \
        BODY                                                                                        \
    }
#else
#define INPUT(v) global const ELEMENT *v, const long v##_first
#define OUTPUT(v) global ELEMENT *v, const long v##_first
#define SIZE const ulong n
#define AT(v) const long v##_at = v##_first + (long)i;
#define FOR_ELEMENTS(START, MOVE, BODY) FOR_TILE(START BODY)
#endif
