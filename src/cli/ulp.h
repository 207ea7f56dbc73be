/* ulp.h: errors in units in the last place.
 *
 * The unit belongs to the exact result r: ulp(r) = 2^(max(e, least) - bits), where 2^e <= |r| <
 * 2^(e+1), e at most that of the type's largest number. So a subnormal, and 0, has the smallest
 * subnormal as its unit, and a correctly rounded result is within half a unit wherever it lies. */
#ifndef CLI_ULP_H
#define CLI_ULP_H

#include <clact/clact.h>
#include <stdint.h>
#include <string.h>

/* ulp(exact), for an exact result that is finite. */
long double ulp_of(clact_type type, long double exact);

/* How far got, which the type holds, is from exact, in units of exact. NaN is right where exact is
 * NaN, and only there: 0, else infinite. The type's infinity stands for 2^(greatest e + 1), the
 * next number that it would hold, so that it is right for an exact result that rounds to it and
 * near one that almost does; a finite got for an infinite exact is infinitely far. The sign of zero
 * does not count. */
double ulp_distance(clact_type type, long double got, long double exact);

/* ulp_of(CLACT_F32, exact), quickly; for exact results that are not finite, any number. */
static inline double ulp_of_f32(double exact)
{
    uint64_t bits;
    memcpy(&bits, &exact, sizeof bits);
    bits &= (uint64_t)0x7ff << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    power = power > 0x1p-126 ? power : 0x1p-126;
    power = power < 0x1p127 ? power : 0x1p127;
    return power * 0x1p-23;
}

#endif
