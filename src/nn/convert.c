/* convert.c: elements of any type as doubles, and back. */
#include "convert.h"

#define CLACT_REAL_BITS 32
#include "dialect.h"
#include "storage.h"

void clact_nn_to_double(clact_type type, size_t n, const void *from, double *to)
{
    for (size_t i = 0; i < n; i++)
        switch (type) {
        case CLACT_F64: to[i] = ((const double *)from)[i]; break;
        case CLACT_F16: to[i] = load_f16(((const uint16_t *)from)[i]); break;
        case CLACT_BF16: to[i] = load_bf16(((const uint16_t *)from)[i]); break;
        default: to[i] = ((const float *)from)[i];
        }
}

void clact_nn_from_double(clact_type type, size_t n, const double *from, void *to)
{
    for (size_t i = 0; i < n; i++)
        switch (type) {
        case CLACT_F64: ((double *)to)[i] = from[i] != from[i] ? __builtin_nan("") : from[i]; break;
        case CLACT_F16: ((uint16_t *)to)[i] = store_f16((float)from[i]); break;
        case CLACT_BF16: ((uint16_t *)to)[i] = store_bf16((float)from[i]); break;
        default: ((float *)to)[i] = store_f32((float)from[i]);
        }
}
