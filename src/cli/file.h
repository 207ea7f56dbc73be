/* file.h: files read whole or in pieces, and results that appear complete or not at all. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* A file that is read in pieces. */
typedef struct file_input {
    int file;
    bool sized;    /* a regular file, which at opening had so many bytes: */
    uint64_t left;
} file_input;

bool file_open(file_input *in, const char *path, refusal *why);
/* Reads bytes, or fewer at the end of the file: *got of them. */
bool file_take(file_input *in, void *out, size_t bytes, size_t *got, refusal *why);
void file_close(file_input *in);

/* A file that is written in pieces. A regular or new file gets a temporary name beside it first, and its own when all
 * is on the disk; a failure, the end of the program, SIGINT, SIGTERM or SIGHUP leaves neither. A file of another kind
 * and standard output are written directly. One at a time, by one thread. */
typedef struct file_output {
    int file;
    char *target; /* NULL: written directly */
} file_output;

bool file_begin(file_output *out, const char *path, refusal *why);
bool file_append(file_output *out, const void *data, size_t bytes, refusal *why);
/* Gives the file its name, or removes it where it is not to be kept. True only where all is written, under its name. */
bool file_end(file_output *out, bool keep, refusal *why);

typedef struct file_part {
    const void *data;
    size_t bytes;
} file_part;

/* A whole file, made of the parts one after the other. */
bool file_write(const char *path, const file_part *parts, size_t count, refusal *why);

/* For what writes to a path by itself: path, or for "-" a name in a folder of its own, which is removed where the
 * program ends; NULL: there can be none. Then file_deliver(path) brings what was written there to standard output. */
const char *file_stage(const char *path, refusal *why);
bool file_deliver(const char *path, refusal *why);
/* Lets SIGINT, SIGTERM and SIGHUP wait, while something short must not be stopped. */
void file_hold_signals(bool hold);

#endif
