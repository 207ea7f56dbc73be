/* convert.c: conversions between the element types, through double, which holds each exactly. */
#include "convert.h"

#include <string.h>

/* A 16-bit format: a sign bit, exponent bits, mantissa bits. */
typedef struct narrow {
    int exponent_bits, mantissa_bits;
} narrow;

static const narrow f16 = {5, 10}, bf16 = {8, 7};

enum { DOUBLE_MANTISSA = 52, DOUBLE_BIAS = 1023 };
#define DOUBLE_INFINITY 0x7ff0000000000000u

static int bias_of(narrow format)
{
    return (1 << (format.exponent_bits - 1)) - 1;
}

/* The representation of 2^exponent. */
static uint64_t power_bits(int exponent)
{
    return (uint64_t)(exponent + DOUBLE_BIAS) << DOUBLE_MANTISSA;
}

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Exact. */
static double widen(uint16_t bits, narrow format)
{
    int exponent = (bits >> format.mantissa_bits) & ((1 << format.exponent_bits) - 1);
    uint64_t mantissa = bits & ((1u << format.mantissa_bits) - 1);
    uint64_t sign = (uint64_t)(bits >> 15) << 63;
    int bias = bias_of(format), up = DOUBLE_MANTISSA - format.mantissa_bits;
    if (exponent == (1 << format.exponent_bits) - 1)
        return double_of_bits(sign | DOUBLE_INFINITY | mantissa << up);
    if (exponent > 0)
        return double_of_bits(sign | power_bits(exponent - bias) | mantissa << up);
    return double_of_bits(sign | power_bits(1 - bias - format.mantissa_bits)) * (double)mantissa;
}

/* m / 2^shift, rounded to nearest even; 1 <= shift <= 63. */
static uint64_t round_away_bits(uint64_t m, int shift)
{
    uint64_t half = (uint64_t)1 << (shift - 1);
    return (m + half - 1 + ((m >> shift) & 1)) >> shift;
}

/* Rounds once, from double: going through float would round twice. */
static uint16_t narrow_of(double x, narrow format)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 63 << 15);
    uint64_t m = bits & ~((uint64_t)1 << 63);
    uint64_t infinity = (((uint64_t)1 << format.exponent_bits) - 1) << format.mantissa_bits;
    if (m > DOUBLE_INFINITY)
        return (uint16_t)(sign | infinity | (uint64_t)1 << (format.mantissa_bits - 1));
    int shift = DOUBLE_MANTISSA - format.mantissa_bits, bias = bias_of(format);
    /* How many binades x lies below the format's normal range. */
    int below = 1 - bias - ((int)(m >> DOUBLE_MANTISSA) - DOUBLE_BIAS);
    if (below > format.mantissa_bits + 1) /* less than half of the least subnormal */
        return sign;
    if (below > 0) {
        uint64_t one = (uint64_t)1 << DOUBLE_MANTISSA;
        return (uint16_t)(sign | round_away_bits((m & (one - 1)) | one, shift + below));
    }
    m = round_away_bits(m, shift) - ((uint64_t)(DOUBLE_BIAS - bias) << format.mantissa_bits);
    return (uint16_t)(sign | (m < infinity ? m : infinity));
}

static double load(const void *from, clact_type type, size_t i)
{
    switch (type) {
    case CLACT_F16:
        return widen(((const uint16_t *)from)[i], f16);
    case CLACT_BF16:
        return widen(((const uint16_t *)from)[i], bf16);
    case CLACT_F64:
        return ((const double *)from)[i];
    default:
        return ((const float *)from)[i];
    }
}

static void store(void *to, clact_type type, size_t i, double x)
{
    switch (type) {
    case CLACT_F16:
        ((uint16_t *)to)[i] = narrow_of(x, f16);
        break;
    case CLACT_BF16:
        ((uint16_t *)to)[i] = narrow_of(x, bf16);
        break;
    case CLACT_F64:
        ((double *)to)[i] = x;
        break;
    default:
        ((float *)to)[i] = (float)x;
    }
}

void convert_elements(void *to, clact_type to_type, const void *from, clact_type from_type,
                      size_t count)
{
    if (to_type == from_type) {
        memcpy(to, from, count * clact_type_bytes(to_type));
        return;
    }
    for (size_t i = 0; i < count; i++)
        store(to, to_type, i, load(from, from_type, i));
}
