/* custom_rows_f64.c: the loops of custom_rows.h in f64. */
#define CLACT_REAL_BITS 64
#include <clact/custom.h>

#include "custom_rows.h"
