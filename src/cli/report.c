/* report.c: aligned tables, JSON documents, CSV, and words for the API's numbers. */
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

/* ---- Options -------------------------------------------------------------------------------- */

enum { KEY_JSON = 0x700, KEY_CSV };

static const struct argp_option format_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print a JSON document; docs/cli.md has its fields", 0},
    {"csv", KEY_CSV, NULL, 0, "Print comma-separated values, under a line with their names", 0},
    {0},
};

static error_t parse_format(int key, char *value, struct argp_state *state)
{
    output_format *format = state->input, wanted = key == KEY_JSON ? AS_JSON : AS_CSV;
    (void)value;
    if (key != KEY_JSON && key != KEY_CSV)
        return ARGP_ERR_UNKNOWN;
    if (*format != AS_TABLE && *format != wanted)
        usage_error("--json and --csv exclude each other");
    *format = wanted;
    return 0;
}

const struct argp format_argp = {format_options, parse_format, NULL, NULL, NULL, NULL, NULL};

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

/* ---- CSV ------------------------------------------------------------------------------------ */

static const json_t *find_field(const json_t *row, const char *path, size_t length)
{
    char name[64];
    while (row && length > 0) {
        size_t part = strcspn(path, ".") < length ? strcspn(path, ".") : length;
        snprintf(name, sizeof name, "%.*s", (int)part, path);
        row = json_object_get(row, name);
        part += part < length;
        path += part;
        length -= part;
    }
    return row;
}

static char *value_text(const json_t *value);

/* text, a blank where there is text, and the name and value of one more; frees text. */
static char *with_value(char *text, const char *name, const json_t *value)
{
    char *more = value_text(value);
    char *longer = text_of("%s%s%s%s%s", text, *text ? " " : "", name, *name ? "=" : "", more);
    free(more);
    free(text);
    return longer;
}

static char *value_text(const json_t *value)
{
    size_t i;
    const char *name;
    json_t *member;
    char number[NUMBER_TEXT_SIZE], *text = text_of("%s", "");
    if (json_is_array(value))
        json_array_foreach(value, i, member)
            text = with_value(text, "", member);
    else if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
            text = with_value(text, name, member);
    if (*text || json_is_array(value) || json_is_object(value))
        return text;
    free(text);
    if (json_is_string(value))
        return text_of("%s", json_string_value(value));
    if (json_is_integer(value))
        return text_of("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return text_of("%s", number_text(number, json_real_value(value)));
    return text_of("%s", json_is_true(value) ? "true" : json_is_false(value) ? "false" : "");
}

/* Between quotes, which are doubled inside, where that is needed. */
static void print_quoted(const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted)
        putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    if (quoted)
        putchar('"');
}

void print_csv(json_t *rows, const char *fields)
{
    size_t i;
    json_t *row;
    for (const char *f = fields; *f; f++)
        putchar(*f == ' ' ? ',' : *f == '.' ? '_' : *f);
    putchar('\n');
    json_array_foreach(rows, i, row) {
        for (const char *f = fields; *f;) {
            size_t length = strcspn(f, " ");
            char *text = value_text(find_field(row, f, length));
            print_quoted(text);
            free(text);
            f += length;
            putchar(*f ? ',' : '\n');
            f += *f == ' ';
        }
    }
    json_decref(rows);
}
