/* dialect.c: fma through double and division through fma, as cl/dialect.h makes them, against the C library's.
 *
 * Compiled for each CLACT_REAL_BITS with CLACT_FMA_BY_DOUBLE and CLACT_DIVIDE_BY_FMA. Random
 * operands would hardly ever meet a double rounding: a third of the sums is built to lie next to the
 * middle of two floats, and a third to cancel; quotients reach into the subnormals. */
#include "dialect.h"

#include <math.h>
#include <stdio.h>

enum { BLOCK = 4096, BLOCKS = 3000 };

static uint64_t state = 1;

static bits next(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (bits)(z ^ z >> 31);
}

static int same(real a, real b)
{
    return to_bits(a) == to_bits(b) || (a != a && b != b);
}

#if CLACT_REAL_BITS == 64
static real exact_fma(real a, real b, real c) { return fma(a, b, c); }
static const int places = 53;
#else
static real exact_fma(real a, real b, real c) { return fmaf(a, b, c); }
static const int places = 24;
#endif

static real a[BLOCK], b[BLOCK], c[BLOCK], sum[BLOCK], quotient[BLOCK];

static void fill(void)
{
    for (int i = 0; i < BLOCK; i++) {
        a[i] = to_real(next());
        b[i] = i % 5 == 4 ? to_real((next() & ~(bits)INFINITY_BITS) | (to_bits(a[i]) & INFINITY_BITS)) : to_real(next());
        real product = a[i] * b[i];
        c[i] = i % 3 == 0 ? to_real(next())
               : i % 3 == 1 ? -product * (C(1.0) + (real)((int)(next() % 7) - 3) * (real)ldexp(1, -places))
                            : (real)ldexp(product, places + (int)(next() % 3) - 1);
    }
}

int main(void)
{
    unsigned long wrong = 0, checked = 0;
    for (int k = 0; k < BLOCKS; k++) {
        fill();
        for (int i = 0; i < BLOCK; i++) {
            sum[i] = fused(a[i], b[i], c[i]);
            quotient[i] = divide(a[i], b[i]);
        }
        for (int i = 0; i < BLOCK; i++, checked++)
            if (!same(sum[i], exact_fma(a[i], b[i], c[i])) || !same(quotient[i], a[i] / b[i])) {
                if (wrong++ < 5)
                    printf("a = %a, b = %a, c = %a: fma %a, not %a; quotient %a, not %a\n", (double)a[i], (double)b[i],
                           (double)c[i], (double)sum[i], (double)exact_fma(a[i], b[i], c[i]), (double)quotient[i],
                           (double)(a[i] / b[i]));
            }
    }
    printf("%lu sums and quotients, %lu wrong\n", checked, wrong);
    return wrong != 0;
}
