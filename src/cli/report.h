/* report.h: what the commands print: aligned tables, JSON, CSV, and words for the API's numbers. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <argp.h>
#include <clact/clact.h>
#include <jansson.h>
#include <stddef.h>

/* Rows of text that are aligned when they are printed. */
typedef struct table {
    const char *columns; /* for each column 'l' (left) or 'r' (right) */
    char **cells;
    size_t count;
} table;

/* Adds the next cell; a row is full when it has as many as the table has columns. */
void table_add(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the table to stdout and empties it. */
void table_print(table *t);

/* "opencl", "cpu"; "gpu", "accelerator", "cpu"; "all", "normal", "none", "unknown". */
const char *backend_name(uint32_t backend);
const char *kind_name(uint32_t kind);
const char *exactness_name(uint32_t exactness);

/* "P:D" of an OpenCL device, or "cpu". */
#define DEVICE_INDEX_SIZE 24
const char *device_index(char out[DEVICE_INDEX_SIZE], uint32_t backend, uint32_t platform,
                         uint32_t device);

/* --json and --csv; a child of the argp of commands that print tables. Its input is an output_format. */
typedef enum output_format { AS_TABLE, AS_JSON, AS_CSV } output_format;
extern const struct argp format_argp;

/* A JSON string of what a driver wrote; bytes beyond ASCII become '?' if it is not UTF-8. */
json_t *json_text(const char *text);
/* Where a context runs, as `devices` and `bench` tell it. */
json_t *caps_json(const clact_caps *caps);
/* Prints the document and a newline to stdout, and releases it. NULL: out of memory, which ends
 * the program. finish_stdout reports what was not written. */
void print_json(json_t *document);
/* Prints the array's objects as lines of CSV (RFC 4180, but for the line ends) under a line with the names of the
 * fields, which are divided by blanks; "special.wrong" is a field within a field. A list becomes its words, an object
 * its NAME=VALUE, divided by blanks; null and what is not there nothing. Releases the array. */
void print_csv(json_t *rows, const char *fields);

#endif
