/* fpenv.h: the floating-point environment that the kernels need, and the caller's put back. */
#ifndef CLACT_FPENV_H
#define CLACT_FPENV_H

#if defined __SSE2__

#include <immintrin.h>

/* Round to nearest, subnormals kept, exceptions masked; the flags are the caller's afterwards. */
typedef unsigned int clact_fpenv;
#define CLACT_FPENV_DEFAULT 0x1f80u

static inline clact_fpenv clact_fpenv_enter(void)
{
    clact_fpenv old = _mm_getcsr();
    if ((old | 0x3fu) != (CLACT_FPENV_DEFAULT | 0x3fu))
        _mm_setcsr(CLACT_FPENV_DEFAULT | (old & 0x3fu));
    return old;
}

/* Without a look at what has been raised: that would wait for the end of the loop before it, and where a flag is new
 * take a hundred nanoseconds more (Cascade Lake). */
static inline void clact_fpenv_leave(clact_fpenv old)
{
    _mm_setcsr(old);
}

#else

#include <fenv.h>

typedef fenv_t clact_fpenv;

static inline clact_fpenv clact_fpenv_enter(void)
{
    fenv_t old;
    fegetenv(&old);
    fesetenv(FE_DFL_ENV);
    return old;
}

static inline void clact_fpenv_leave(clact_fpenv old)
{
    fesetenv(&old);
}

#endif
#endif
