/* strata.c: stratified samples of a floating-point type, the same on every machine. */
#include "strata.h"

#include <math.h>
#include <string.h>

static const uint64_t seed = 0x636c616374; /* "clact" */

/* The i-th output of splitmix64 (Steele, Lea and Flood, 2014), which is a function of i. */
static uint64_t random_bits(uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int mantissa_bits(const strata *s) { return s->type == CLACT_F64 ? 52 : 23; }
static int exponent_bits(const strata *s) { return s->type == CLACT_F64 ? 11 : 8; }

static uint64_t bits_of(const strata *s, double x)
{
    float single = (float)x;
    uint32_t low;
    uint64_t bits;
    memcpy(&low, &single, sizeof low);
    memcpy(&bits, &x, sizeof bits);
    return s->type == CLACT_F64 ? bits : low;
}

/* Both signs of the number with these bits and of its neighbours on each side. */
static void list_around(strata *s, uint64_t bits, int neighbours)
{
    uint64_t sign = (uint64_t)1 << (mantissa_bits(s) + exponent_bits(s));
    bits &= sign - 1;
    for (int step = -neighbours; step <= neighbours; step++) {
        if ((step < 0 && bits < (uint64_t)-step) || s->listed + 2 > STRATA_LISTED)
            continue;
        s->list[s->listed++] = bits + (uint64_t)step;
        s->list[s->listed++] = (bits + (uint64_t)step) | sign;
    }
}

void strata_make(strata *out, clact_type type, const double *kinks, size_t count)
{
    /* Where piecewise functions bend, and where e^x, in f32 and f64, and tanh run out of digits. */
    static const double usual[] = {1, 6, 9.01, 16.6, 17.3, 87.33655, 88.72284, 103.97208,
                                   18.4, 36.7, 708.3964, 709.78271, 745.13322};
    memset(out, 0, sizeof *out);
    out->type = type;
    uint64_t infinity = (((uint64_t)1 << exponent_bits(out)) - 1) << mantissa_bits(out);
    list_around(out, 0, 2);
    list_around(out, (uint64_t)1 << mantissa_bits(out), 2); /* the smallest normal number */
    list_around(out, infinity, 2);                          /* the next ones are signalling NaNs */
    list_around(out, infinity | (infinity >> 1), 1);        /* the canonical NaN */
    for (size_t i = 0; i < count; i++)
        if (isfinite(kinks[i]))
            list_around(out, bits_of(out, kinks[i]), 3);
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        list_around(out, bits_of(out, usual[i]), 2);
}

uint64_t strata_bits(const strata *s, uint64_t i)
{
    if (i < s->listed)
        return s->list[i];
    uint64_t random = random_bits(i), mantissa = ((uint64_t)1 << mantissa_bits(s)) - 1, top;
    double uniform = (double)(random >> 11) * 0x1p-53 - 0.5;
    switch (i % 4) {
    case 0:
        return bits_of(s, uniform * 40);
    case 1:
        return bits_of(s, uniform * 256);
    default: /* every sign and exponent in turn */
        top = (i / 4 * 2 + i % 2) % ((uint64_t)2 << exponent_bits(s));
        return top << mantissa_bits(s) | (random & mantissa);
    }
}

void strata_fill_f32(const strata *s, uint64_t first, size_t n, float *x)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)strata_bits(s, first + i);
        memcpy(&x[i], &bits, sizeof bits);
    }
}
