/* compose.c: the text of a program: the headers of cl/, then for each of its recipes a few lines and a file of kernels. */
#include "opencl.h"
#include "../custom.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A text --------------------------------------------------------------------------------- */

#define MOST_HEADERS 32

/* A text that grows; a failed allocation leaves failed set and the text as it was. */
struct clact_opencl_text {
    char *bytes;
    size_t length, room;
    bool failed;
    bool numbered;                     /* with #line directives, for the messages of drivers; else for people */
    bool opening;                      /* in the comment that opens a file of kernels */
    char missing[64];                  /* a file that was not found */
    const char *headers[MOST_HEADERS]; /* those that stand in it */
    int header_count;
};

static void append(struct clact_opencl_text *t, const char *s, size_t n)
{
    if (t->length + n + 1 > t->room) {
        size_t room = (t->length + n + 1) * 2;
        char *bytes = realloc(t->bytes, room);
        if (!bytes) {
            t->failed = true;
            return;
        }
        t->bytes = bytes;
        t->room = room;
    }
    memcpy(t->bytes + t->length, s, n);
    t->length += n;
    t->bytes[t->length] = 0;
}

void clact_opencl_line(struct clact_opencl_text *t, const char *format, ...)
{
    char line[512];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= sizeof line)
        t->failed = true;
    else
        append(t, line, (size_t)n);
}

void clact_opencl_fail(struct clact_opencl_text *t)
{
    t->failed = true;
}

static void number(struct clact_opencl_text *t, int line, const char *file)
{
    if (t->numbered)
        clact_opencl_line(t, "#line %d \"%s\"\n", line, file);
}

/* ---- Files of cl/ --------------------------------------------------------------------------- */

typedef void line_function(struct clact_opencl_text *t, const char *file, int number, const char *line);

static void each_line_of_folder(struct clact_opencl_text *t, const char *folder, const char *file, line_function *take)
{
    char path[4096], line[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "re");
    if (!f) {
        snprintf(t->missing, sizeof t->missing, "%s", file);
        return;
    }
    for (int n = 1; fgets(line, sizeof line, f); n++)
        take(t, file, n, line);
    fclose(f);
}

/* Each line of a file: from $CLACT_KERNEL_DIR, for developers, else as embedded. */
static void each_line(struct clact_opencl_text *t, const char *file, line_function *take)
{
    const char *folder = clact_environment("CLACT_KERNEL_DIR");
    const struct clact_text *e = clact_texts;
    while (e->name && strcmp(e->name, file) != 0)
        e++;
    if (folder)
        each_line_of_folder(t, folder, file, take);
    else if (!e->name)
        snprintf(t->missing, sizeof t->missing, "%s", file);
    else
        for (int n = 0; e->lines[n]; n++)
            take(t, file, n + 1, e->lines[n]);
}

/* The embedded name of the file in a line #include "name", which lives for ever; NULL. */
static const char *included(const char *line)
{
    const char *start = strchr(line, '"'), *end = start ? strchr(start + 1, '"') : NULL;
    if (strncmp(line, "#include", 8) != 0 || !end)
        return NULL;
    for (const struct clact_text *e = clact_texts; e->name; e++)
        if (strlen(e->name) == (size_t)(end - start - 1) && strncmp(e->name, start + 1, strlen(e->name)) == 0)
            return e->name;
    return NULL;
}

static bool is_header(const char *file)
{
    return strcmp(file + strlen(file) - 2, ".h") == 0;
}

static void append_header(struct clact_opencl_text *t, const char *file);

static void header_line(struct clact_opencl_text *t, const char *file, int n, const char *line)
{
    const char *name = included(line);
    if (!name) {
        append(t, line, strlen(line));
        return;
    }
    append_header(t, name);
    number(t, n + 1, file);
}

static void append_header(struct clact_opencl_text *t, const char *file)
{
    for (int i = 0; i < t->header_count; i++)
        if (strcmp(t->headers[i], file) == 0)
            return;
    if (t->header_count == MOST_HEADERS) {
        t->failed = true;
        return;
    }
    t->headers[t->header_count++] = file;
    number(t, 1, file);
    each_line(t, file, header_line);
}

/* The headers that a file of kernels includes, itself or through another such file. */
static void take_headers(struct clact_opencl_text *t, const char *file, int n, const char *line)
{
    const char *name = included(line);
    (void)file, (void)n;
    if (name && is_header(name))
        append_header(t, name);
    else if (name)
        each_line(t, name, take_headers);
}

/* The kernels: all but the headers, which stand before, and for people what is said of this composer. */
static void take_kernels(struct clact_opencl_text *t, const char *file, int n, const char *line)
{
    const char *name = included(line);
    if (!t->numbered && (n == 1 || t->opening)) {
        t->opening = !strstr(line, "*/");
    } else if (!name) {
        append(t, line, strlen(line));
    } else if (!is_header(name)) {
        number(t, 1, name);
        each_line(t, name, take_kernels);
        number(t, n + 1, file);
    } else if (t->numbered) {
        append(t, "\n", 1);
    }
}

/* ---- Recipes -------------------------------------------------------------------------------- */

static const struct {
    const char *element;
    int bits;
} storage[] = {
    [CLACT_F32] = {"float", 32}, [CLACT_F16] = {"ushort", 32}, [CLACT_BF16] = {"ushort", 32}, [CLACT_F64] = {"double", 64},
    [CLACT_U8] = {"uchar", 32},
};

const char *clact_opencl_element(uint32_t type)
{
    return storage[type].element;
}

void clact_opencl_row_parameters(const clact_activation *a, int varying, char *out, size_t size)
{
    size_t length = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < a->row_parameters; i++)
        length += (int)i == varying ? (size_t)snprintf(out + length, size - length, ", varying")
                                    : (size_t)snprintf(out + length, size - length, ", parameters.s%u", (unsigned)i);
}

void clact_opencl_row_lines(const clact_activation *a, int varying, struct clact_opencl_text *t)
{
    char p[CLACT_OPENCL_PARAMETERS];
    clact_opencl_row_parameters(a, varying, p, sizeof p);
    const struct clact_row_functions *row = a->own ? &a->own->functions : &clact_row_functions[a->row];
    const char *own = a->own ? "own_" : "", *name = row->name;
    clact_opencl_line(t, "#define ROW_F(x) %s%s_f(x%s)\n", own, name, p);
    if (row->whole)
        clact_opencl_line(t, "#define ROW_G(x, dy) %s_g(x, dy%s)\n", name, p);
    else
        clact_opencl_line(t, "#define ROW_G(x, dy) gradient(%s%s_d(x%s), dy)\n", own, name, p);
    if (row->own_y)
        clact_opencl_line(t, "#define ROW_Y(y, dy) gradient(%s_y(y%s), dy)\n", name, p);
}

#define VECTORS 4 /* that a work-item takes */

void clact_opencl_walk_lines(const struct clact_opencl_target *target, uint32_t type, struct clact_opencl_text *t)
{
    clact_opencl_line(t, "#define PER_ITEM %u\n", (unsigned)clact_opencl_walk_elements(target));
    unsigned vector = type == CLACT_F64 ? target->vector / 2 : target->vector;
    if (vector)
        clact_opencl_line(t, "#define VECTOR %u\n", vector);
}

uint32_t clact_opencl_walk_elements(const struct clact_opencl_target *target)
{
    return target->vector ? VECTORS * target->vector : target->per_item;
}

struct clact_definition *clact_opencl_own(const struct clact_opencl_recipe *r)
{
    return r->activation ? r->activation->own : NULL;
}

void clact_opencl_recipes_of(struct clact_opencl_recipes *list, const clact_activation *a, uint32_t type, uint32_t calls)
{
    if (a->kind == KIND_ELEMENTWISE)
        clact_opencl_elementwise_recipes(list, a, type, calls);
    else if (a->kind == KIND_ROWWISE)
        clact_opencl_rowwise_recipes(list, a, type, calls);
    else if (a->kind == KIND_QUANTISED)
        clact_opencl_table_recipes(list, a, type, calls);
    else
        clact_opencl_map_recipes(list, a, type, calls);
}

/* What kernels are named by: the row's functions, or an activation that has none, or what is no activation's. */
static const char *name_of(const struct clact_opencl_recipe *r)
{
    const clact_activation *a = r->activation;
    if (!a)
        return r->name;
    if (a->own)
        return a->own->name;
    return a->kind == KIND_ELEMENTWISE || a->kind == KIND_GATED ? clact_row_functions[a->row].name : a->info->name;
}

void clact_opencl_name_ends(const struct clact_opencl_recipe *r, char before[CLACT_OPENCL_NAME / 4],
                            char behind[CLACT_OPENCL_NAME / 4])
{
    const size_t size = CLACT_OPENCL_NAME / 4;
    snprintf(before, size, "%s%s_", clact_opencl_own(r) ? "own_" : "", name_of(r));
    snprintf(behind, size, "_%s", clact_type_name((clact_type)r->key.type));
    size_t length = strlen(behind);
    if (r->words)
        r->words(r, behind + length, size - length);
}

void clact_opencl_kernel_name(const struct clact_opencl_recipe *r, const char *part, char out[CLACT_OPENCL_NAME])
{
    char before[CLACT_OPENCL_NAME / 4], behind[CLACT_OPENCL_NAME / 4];
    clact_opencl_name_ends(r, before, behind);
    snprintf(out, CLACT_OPENCL_NAME, "%s%s%s", before, part, behind);
}

/* The functions of an activation of the program's own, where no recipe before has brought them. Their names are others
 * on the device, where a later version of the library may have a row of that name. */
static void append_own(struct clact_opencl_text *t, const struct clact_opencl_recipe *recipes, size_t place)
{
    const struct clact_definition *own = clact_opencl_own(&recipes[place]);
    for (size_t i = 0; i < place; i++)
        if (clact_definition_same(clact_opencl_own(&recipes[i]), own))
            return;
    clact_opencl_line(t, "#define %s_f own_%s_f\n#define %s_d own_%s_d\n", own->name, own->name, own->name, own->name);
    if (t->numbered)
        clact_opencl_line(t, "#line 1 \"%s.custom\"\n", own->name);
    append(t, own->text, strlen(own->text));
    clact_opencl_line(t, "#undef %s_f\n#undef %s_d\n", own->name, own->name);
}

/* What has been defined from a place on is undefined again, for the next recipe, names of CLACT_ apart. */
static void undefine(struct clact_opencl_text *t, size_t from)
{
    static const char word[] = "#define ";
    for (size_t at = from, end = t->length; at < end; at += strcspn(t->bytes + at, "\n") + 1) {
        const char *name = t->bytes + at + strlen(word);
        if (strncmp(t->bytes + at, word, strlen(word)) == 0 && strncmp(name, "CLACT_", 6) != 0)
            clact_opencl_line(t, "#undef %.*s\n", (int)strcspn(name, "( \n"), name);
    }
}

static void append_recipe(struct clact_opencl_text *t, const struct clact_opencl_target *target,
                          const struct clact_opencl_recipe *r)
{
    const char *type = clact_type_name((clact_type)r->key.type);
    size_t start = t->length;
    if (!clact_opencl_is_probe(r)) {
        char before[CLACT_OPENCL_NAME / 4], behind[CLACT_OPENCL_NAME / 4];
        clact_opencl_name_ends(r, before, behind);
        if (!t->numbered)
            clact_opencl_line(t, "\n/* ---- %s...%s ---- */\n\n", before, behind);
        clact_opencl_line(t, "#define KERNEL(part) %s##part##%s\n", before, behind);
    }
    clact_opencl_line(t, "#define ELEMENT %s\n#define LOAD(v) load_%s(v)\n#define STORE(v) store_%s(v)\n#define LOCAL %u\n",
                      storage[r->key.type].element, type, type, (unsigned)target->local);
    if (r->prologue)
        r->prologue(r, target, t);
    number(t, 1, r->file);
    each_line(t, r->file, take_kernels);
    if (!t->failed)
        undefine(t, start);
}

clact_status clact_opencl_compose(const struct clact_opencl_target *target, const struct clact_opencl_recipe *recipes,
                                  size_t count, bool numbered, char **out, size_t *length)
{
    struct clact_opencl_text t = {.numbered = numbered};
    int bits = 32;
    for (size_t i = 0; i < count; i++) /* that of bytes, 32, stands beside any */
        bits = storage[recipes[i].key.type].bits > bits ? storage[recipes[i].key.type].bits : bits;
    if (!numbered)
        clact_opencl_tell(&t, target, recipes, count);
    clact_opencl_line(&t, "#define CLACT_REAL_BITS %d\n", bits);
    if (!target->rounds_to_nearest)
        clact_opencl_line(&t, "#define CLACT_ROUNDS_TO_ZERO\n");
    if (!target->divides && bits == 32)
        clact_opencl_line(&t, "#define CLACT_DIVIDE_BY_FMA\n");
    if (target->task)
        clact_opencl_line(&t, "#define CLACT_TASK\n");
    for (size_t i = 0; i < count; i++)
        each_line(&t, recipes[i].file, take_headers);
    for (size_t i = 0; i < count; i++)
        if (clact_opencl_own(&recipes[i]))
            append_own(&t, recipes, i);
    for (size_t i = 0; i < count && !t.failed; i++)
        append_recipe(&t, target, &recipes[i]);
    if (!t.failed && !*t.missing) {
        *out = t.bytes;
        *length = t.length;
        return CLACT_OK;
    }
    free(t.bytes);
    clact_set_opencl_code(0);
    return t.failed ? clact_fail(CLACT_E_MEMORY, "out of memory") : clact_fail(CLACT_E_BUILD, "%s was not found", t.missing);
}
