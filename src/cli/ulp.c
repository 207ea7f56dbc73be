/* ulp.c: errors in units in the last place. */
#include "ulp.h"

#include <math.h>

/* The exponents of the smallest normal and of the largest number, and the bits behind the point. */
static const struct format {
    int least, greatest, bits;
} formats[CLACT_TYPE_COUNT] = {
    [CLACT_F32] = {-126, 127, 23},
    [CLACT_F16] = {-14, 15, 10},
    [CLACT_BF16] = {-126, 127, 7},
    [CLACT_F64] = {-1022, 1023, 52},
};

long double ulp_of(clact_type type, long double exact)
{
    const struct format *f = &formats[type];
    int e = exact == 0 ? f->least : ilogbl(exact);
    e = e < f->least ? f->least : e > f->greatest ? f->greatest : e;
    return ldexpl(1, e - f->bits);
}

double ulp_distance(clact_type type, long double got, long double exact)
{
    if (isnan(got) || isnan(exact))
        return isnan(got) && isnan(exact) ? 0 : INFINITY;
    if (isinf(exact))
        return got == exact ? 0 : INFINITY;
    if (isinf(got)) {
        long double next = copysignl(ldexpl(1, formats[type].greatest + 1), got);
        if (got > 0 ? exact >= next : exact <= next)
            return 0;
        got = next;
    }
    return (double)(fabsl(got - exact) / ulp_of(type, exact));
}
