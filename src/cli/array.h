/* array.h: the arrays of .npy files as operands of the library. */
#ifndef CLI_ARRAY_H
#define CLI_ARRAY_H

#include "npy.h"

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

/* "standard input" and "standard output" for "-". */
const char *input_name(const char *path);
const char *output_name(const char *path);

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

/* file_stage and file_deliver, which end the program where they fail. */
const char *stage_output(const char *path);
void deliver_output(const char *path);

/* ---- In pieces, for arrays that need not fit in memory --------------------------------------- */

/* A file as array_read takes it, whose elements are taken one piece after the other. */
typedef struct array_source {
    const char *name;
    clact_tensor tensor; /* of the whole, in the type that is computed in */
    file_input file;
    npy_array whole;     /* as its header tells; without data */
    clact_type found;    /* the file's type */
    uint64_t taken;      /* bytes of data */
    void *raw;           /* a piece as the file has it, of so many bytes: */
    size_t room;
} array_source;

void array_open(array_source *s, const char *path, int type, int dtype);
/* The next count elements. */
void array_take(array_source *s, void *out, size_t count);
/* After the last one: the file must be at its end. */
void array_close(array_source *s);

typedef struct array_sink {
    const char *path;
    clact_type type;
    file_output file;
} array_sink;

void array_begin(array_sink *s, const char *path, const clact_tensor *tensor);
void array_put(array_sink *s, const void *elements, size_t count);
void array_end(array_sink *s);

#endif
