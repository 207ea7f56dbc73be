/* array.h: the arrays of .npy files as operands of the library. */
#ifndef CLI_ARRAY_H
#define CLI_ARRAY_H

#include "file.h"

#include <clact/clact.h>

/* --dtype was not given: the type of the input file. */
enum { FILE_TYPE = -1 };

/* An array in memory, in the type that is computed in. */
typedef struct array {
    clact_operand operand;
    size_t count;
    void *memory; /* what to free */
} array;

/* What follows ends the program with a sentence where it fails. A path may be "-". */

/* "standard input" for "-". */
const char *input_name(const char *path);

/* Reads a file of a type that is computed on. type is what its elements become, or FILE_TYPE; dtype what --dtype
 * says. */
void array_read(array *out, const char *path, int type, int dtype);
/* A file of bytes or truth values, as CLACT_U8. */
void array_read_mask(array *out, const char *path);
/* A file of quantised numbers, CLACT_I8 or CLACT_U8. */
void array_read_quantised(array *out, const char *path);

/* Memory, all zero, for a dense tensor. */
void array_make(array *out, const clact_tensor *tensor);

void array_write(const array *a, const char *path);

#endif
