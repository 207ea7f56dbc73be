/* across.h: short rows that are taken together, as rowwise_tmpl.c hands them to across_tmpl.c. */
#ifndef CLACT_CPU_ACROSS_H
#define CLACT_CPU_ACROSS_H

#include "cpu.h"
#include "vectors.h"

#define ACROSS_OF(isa, bits) clact_cpu_across_##isa##_##bits
#define ACROSS_NAME(isa, bits) ACROSS_OF(isa, bits)
#define ACROSS ACROSS_NAME(CLACT_ISA, CLACT_REAL_BITS)

enum { ACROSS_ROWS = LANES, ACROSS_LENGTH = 128 };

/* Computes ACROSS_ROWS rows of at most ACROSS_LENGTH elements, without a mask or dx_beta, of which bases has the first
 * elements' places. False, and nothing is written, where the rows are not of one kind: one has no sums, or some are near
 * and some are not. */
bool ACROSS(const struct clact_cpu_rows *rows, const char *const (*bases)[ROWWISE_VIEW_COUNT]);

#endif
