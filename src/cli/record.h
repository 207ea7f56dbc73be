/* record.h: a file of finished measurements, so that a sweep that was stopped goes on where it was.
 *
 * Each line is a JSON object: "key" says what was measured, where, and of which text; "row" is what
 * came out. Lines are only ever added. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <jansson.h>

typedef struct records records;

/* Reads the file, which need not exist. These end the program where the file cannot be used. */
records *records_open(const char *path);
/* The row of the line that has an equal key, which stays the file's; NULL if there is none. */
json_t *records_find(const records *r, const json_t *key);
/* Adds a line, in one write: several processes may share a file. */
void records_add(records *r, json_t *key, json_t *row);
void records_close(records *r);

#endif
