/* record.c: a file of finished measurements. */
#include "record.h"

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct records {
    const char *path;
    int file;
    bool torn;     /* the last line has no end: a process was stopped while it wrote */
    json_t *lines; /* an array */
};

static _Noreturn void refuse(const records *r)
{
    fail(CLI_FAILED, "%s: %s", r->path, strerror(errno));
}

static void read_line(records *r, const char *line, size_t length, size_t number)
{
    json_t *entry = json_loadb(line, length, 0, NULL);
    if (json_is_object(json_object_get(entry, "key")) && json_is_object(json_object_get(entry, "row")))
        json_array_append(r->lines, entry);
    else if (length)
        warn("%s: line %zu is no record, and is passed over", r->path, number);
    json_decref(entry);
}

records *records_open(const char *path)
{
    records *r = allocate(1, sizeof *r);
    *r = (records){path, open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666), false, json_array()};
    FILE *in = r->file < 0 ? NULL : fopen(path, "r");
    if (!in)
        refuse(r);
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t length;
    while ((length = getline(&line, &room, in)) > 0) {
        r->torn = line[length - 1] != '\n';
        read_line(r, line, (size_t)length - !r->torn, ++number);
    }
    if (ferror(in))
        refuse(r);
    free(line);
    fclose(in);
    return r;
}

json_t *records_find(const records *r, const json_t *key)
{
    size_t i;
    json_t *entry;
    json_array_foreach(r->lines, i, entry)
        if (json_equal(json_object_get(entry, "key"), key))
            return json_object_get(entry, "row");
    return NULL;
}

void records_add(records *r, json_t *key, json_t *row)
{
    json_t *entry = json_pack("{sO sO}", "key", key, "row", row);
    char *text = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
    if (!text)
        fail(CLI_FAILED, "out of memory");
    char *line = text_of("%s%s\n", r->torn ? "\n" : "", text);
    size_t length = strlen(line);
    ssize_t written = write(r->file, line, length);
    if (written >= 0 && (size_t)written < length)
        errno = ENOSPC;
    if (written < 0 || (size_t)written < length || fsync(r->file) != 0)
        refuse(r);
    r->torn = false;
    json_array_append_new(r->lines, entry);
    free(line);
    free(text);
}

void records_close(records *r)
{
    if (!r)
        return;
    close(r->file);
    json_decref(r->lines);
    free(r);
}
