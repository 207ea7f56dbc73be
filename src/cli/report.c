/* report.c: aligned tables, JSON documents, and words for the API's numbers. */
#include "report.h"

#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Tables --------------------------------------------------------------------------------- */

void table_add(table *t, const char *format, ...)
{
    va_list arguments;
    t->cells = reallocate(t->cells, t->count + 1, sizeof *t->cells);
    va_start(arguments, format);
    t->cells[t->count++] = text_of_list(format, arguments);
    va_end(arguments);
}

/* Characters of UTF-8 text: the bytes that do not continue one. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const char *text, char alignment, size_t width, bool last)
{
    int blanks = (int)(width - text_width(text));
    if (alignment == 'r')
        printf("%*s%s", blanks, "", text);
    else
        printf("%s%*s", text, last ? 0 : blanks, "");
    fputs(last ? "\n" : "  ", stdout);
}

void table_print(table *t)
{
    size_t columns = strlen(t->columns), *widths = allocate(columns, sizeof *widths);
    for (size_t i = 0; i < t->count; i++) {
        size_t width = text_width(t->cells[i]);
        if (width > widths[i % columns])
            widths[i % columns] = width;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t column = i % columns;
        print_cell(t->cells[i], t->columns[column], widths[column], column + 1 == columns);
        free(t->cells[i]);
    }
    free(widths);
    free(t->cells);
    t->cells = NULL;
    t->count = 0;
}

/* ---- Words ---------------------------------------------------------------------------------- */

const char *backend_name(uint32_t backend)
{
    return backend == CLACT_BACKEND_OPENCL ? "opencl" : "cpu";
}

const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case CLACT_DEVICE_GPU:
        return "gpu";
    case CLACT_DEVICE_ACCELERATOR:
        return "accelerator";
    default:
        return "cpu";
    }
}

const char *exactness_name(uint32_t exactness)
{
    switch (exactness) {
    case CLACT_EXACT_ALL:
        return "all";
    case CLACT_EXACT_NORMAL:
        return "normal";
    case CLACT_EXACT_NONE:
        return "none";
    default:
        return "unknown";
    }
}

const char *device_index(char out[DEVICE_INDEX_SIZE], uint32_t backend, uint32_t platform,
                         uint32_t device)
{
    if (backend == CLACT_BACKEND_OPENCL)
        snprintf(out, DEVICE_INDEX_SIZE, "%u:%u", platform, device);
    else
        snprintf(out, DEVICE_INDEX_SIZE, "cpu");
    return out;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *plain = text_of("%s", text);
    for (char *c = plain; *c; c++)
        if (*c & 0x80)
            *c = '?';
    value = json_string(plain);
    free(plain);
    return value;
}

static json_t *types_json(uint32_t types)
{
    json_t *names = json_array();
    for (int type = 0; type <= CLACT_U8; type++)
        if (types & (1u << type))
            json_array_append_new(names, json_string(clact_type_name((clact_type)type)));
    return names;
}

json_t *caps_json(const clact_caps *caps)
{
    char index[DEVICE_INDEX_SIZE];
    device_index(index, caps->backend, caps->platform_index, caps->device_index);
    return json_pack(
        "{ss ss ss ss so so so so ss sI sI sb sb sb sb ss}", /* as the lines below */
        "index", index, "backend", backend_name(caps->backend),
        "host_backend", backend_name(caps->host_backend), "kind", kind_name(caps->kind),
        "name", json_text(caps->device), "platform", json_text(caps->platform),
        "driver", json_text(caps->driver), "types", types_json(caps->types),
        "exact", exactness_name(caps->exact), "compute_units", (json_int_t)caps->compute_units,
        "threads", (json_int_t)caps->threads, "compiler", (int)caps->compiler,
        "unified_memory", (int)caps->unified_memory,
        "rounds_to_nearest", (int)caps->rounds_to_nearest,
        "keeps_subnormals", (int)caps->keeps_subnormals, "instruction_set", caps->cpu);
}

void print_json(json_t *document)
{
    if (!document || (json_dumpf(document, stdout, JSON_INDENT(2)) != 0 && !ferror(stdout)))
        fail(CLI_FAILED, "out of memory");
    putchar('\n');
    json_decref(document);
}
