/* size.h: numbers of elements as the command line has them: 64, 4Ki, 16Mi. */
#ifndef CLI_SIZE_H
#define CLI_SIZE_H

#include <stddef.h>

/* Numbers from 1 to 64Gi, each with Ki, Mi or Gi after it or not, separated by commas. Returns how many, or 0 where the
 * text is anything else or has more than capacity. */
size_t parse_size_list(size_t *out, size_t capacity, const char *text);

/* "4Ki" where that is exact; returns out. */
#define SIZE_TEXT_SIZE 32
const char *size_text(char out[SIZE_TEXT_SIZE], size_t count);

#endif
