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

/* Where derivatives of x times a gate vanish, where tails and results leave the normal numbers and f64, where a
 * formula of cl/ changes, and where little is left of a difference. */
static const double hard[] = {
    -0.7517915247, -0.7526, -0.7512, -1.2784645428, -1.1924312, -2.3993572805, -0.5671432904, -1.5436, 1e-8, 2e-5,
    1e-3, 0x1p-27, 0x1p-10, 0.25, 0.3466, 0.5, 0.75, 1, 1.0986, 1.4142, 2, 3, 6, 6.5, 9, 18.5, 19.1, 20, 22, 26.5, 27.2,
    36.05, 36.7, 37.5, 38, 38.6, 40, 54, 354.2, 372.6, 416.3, 437.8, 444, 690.8, 708.3964, 709.1, 709.78271, 716, 737,
    744.4, 745.13322, 752, 1e16, 0x1p54, 1.4e-154, 1.34e154, 1e-103, 3e-162, 1e-108, 7e102, 5.6e307};

/* The hard numbers, of both signs, and what each parameter makes of an argument like them. */
static void list_centres(strata *s, const double *kinks, size_t count)
{
    for (size_t k = 0; k <= count; k++) {
        double scale = k == 0 ? 1 : kinks[k - 1];
        for (size_t i = 0; i < sizeof hard / sizeof hard[0] && isfinite(scale) && scale != 0; i++)
            if (s->centred < STRATA_CENTRES && isfinite(hard[i] / scale))
                s->centres[s->centred++] = hard[i] / scale;
    }
    for (size_t k = 0; k < count && s->centred < STRATA_CENTRES; k++)
        if (isfinite(kinks[k]))
            s->centres[s->centred++] = kinks[k];
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
    if (type == CLACT_F64)
        list_centres(out, kinks, count);
}

/* A number about a centre, from an eighth of it away to a unit in the last place, of either sign. */
static double about_centre(const strata *s, uint64_t random, double uniform)
{
    double centre = s->centres[(random >> 32) % s->centred];
    double x = centre + ldexp(centre * uniform, -2 - (int)(random & 63) % 50);
    return random & 64 ? -x : x;
}

uint64_t strata_bits(const strata *s, uint64_t i)
{
    if (i < s->listed)
        return s->list[i];
    uint64_t random = random_bits(i), mantissa = ((uint64_t)1 << mantissa_bits(s)) - 1, top;
    double uniform = (double)(random >> 11) * 0x1p-53 - 0.5;
    if (s->type == CLACT_F64 && i / 4 % 2 && i % 4 < 2)
        return bits_of(s, i % 4 ? uniform * 1536 : about_centre(s, random_bits(~i), uniform));
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
