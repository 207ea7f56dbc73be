/* file.h: whole files in memory, and results that appear complete or not at all. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Why a file was refused: what follows its name in a sentence, without a full stop. */
typedef struct refusal {
    char text[512];
} refusal;

/* Writes the sentence; returns false, so that a caller can return what this returns. */
bool refuse(refusal *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "-" is standard input for reading and standard output for writing. */
bool is_standard(const char *path);

/* Reads all of a file of any kind. *out is malloc'ed, aligned for any type, never NULL on success
 * and yours to free; on failure nothing is written but *why. */
bool file_read(void **out, size_t *bytes, const char *path, refusal *why);

typedef struct file_part {
    const void *data;
    size_t bytes;
} file_part;

/* Writes the parts one after the other. A regular or new file gets a temporary name beside it
 * first, and its own when all is on the disk; a failure, SIGINT, SIGTERM or SIGHUP leaves neither.
 * A file of another kind and standard output are written directly. Not for two threads at once. */
bool file_write(const char *path, const file_part *parts, size_t count, refusal *why);

#endif
