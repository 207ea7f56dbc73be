/* array.c: reads .npy files into operands, and writes operands, whole or in pieces. */
#include "array.h"

#include "common.h"
#include "convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *input_name(const char *path)
{
    return is_standard(path) ? "standard input" : path;
}

static const npy_type written_types[] = {
    [CLACT_F32] = NPY_F4, [CLACT_F16] = NPY_F2, [CLACT_BF16] = NPY_V2,
    [CLACT_F64] = NPY_F8, [CLACT_I8] = NPY_I1,  [CLACT_U8] = NPY_U1,
};

/* The type of a file's elements; wanted is that of --dtype. */
static clact_type element_type(const char *path, npy_type type, int wanted)
{
    if (type == NPY_B1)
        fail(CLI_FAILED, "%s has the type '%s', which is for masks", path, npy_type_name(type));
    if (type == NPY_U1 || type == NPY_I1)
        fail(CLI_FAILED, "%s has the type '%s', which is for %squantised numbers: --x-scale and --y-scale "
             "are missing", path, npy_type_name(type), type == NPY_U1 ? "masks and " : "");
    if (type == NPY_U2 && wanted != CLACT_BF16)
        fail(CLI_FAILED, "%s has the type '<u2', which is read only as bf16, with --dtype=bf16",
             path);
    if (type == NPY_U2)
        return CLACT_BF16;
    for (int t = 0; t < CLACT_TYPE_COUNT; t++)
        if (written_types[t] == type)
            return (clact_type)t;
    return CLACT_F32;
}

/* Elements of the operand's type for count elements. */
static void *make_elements(array *a, size_t count)
{
    a->memory = allocate(count, clact_type_bytes((clact_type)a->operand.tensor.type));
    a->operand.data = a->memory;
    a->count = count;
    return a->memory;
}

/* Reads a file; the array has its shape and its memory, and no type yet. */
static void read_file(array *out, npy_array *file, const char *path)
{
    refusal why;
    size_t size;
    if (!file_read(&out->memory, &size, path, &why) || !npy_parse(file, out->memory, size, &why))
        fail(CLI_FAILED, "%s %s", input_name(path), why.text);
    out->operand.tensor.rank = file->rank;
    memcpy(out->operand.tensor.dims, file->dims, sizeof file->dims);
    out->operand.data = (void *)(uintptr_t)file->data;
    out->count = file->count;
}

void array_read(array *out, const char *path, int type, int dtype)
{
    npy_array file;
    read_file(out, &file, path);
    clact_type found = element_type(input_name(path), file.type, dtype);
    out->operand.tensor.type = type == FILE_TYPE ? found : (uint32_t)type;
    if (out->operand.tensor.type == found)
        return;
    void *bytes = out->memory;
    void *elements = make_elements(out, file.count);
    convert_elements(elements, (clact_type)type, file.data, found, file.count);
    free(bytes);
}

void array_read_mask(array *out, const char *path)
{
    npy_array file;
    read_file(out, &file, path);
    if (file.type != NPY_B1 && file.type != NPY_U1)
        fail(CLI_FAILED, "%s has the type '%s'; a mask is of type '|b1' or '|u1'", input_name(path),
             npy_type_name(file.type));
    out->operand.tensor.type = CLACT_U8;
}

void array_read_quantised(array *out, const char *path)
{
    npy_array file;
    read_file(out, &file, path);
    if (file.type != NPY_I1 && file.type != NPY_U1)
        fail(CLI_FAILED, "%s has the type '%s'; quantised numbers are of type '|i1' or '|u1'",
             input_name(path), npy_type_name(file.type));
    out->operand.tensor.type = file.type == NPY_I1 ? CLACT_I8 : CLACT_U8;
}

void array_make(array *out, const clact_tensor *tensor)
{
    size_t count = 1;
    out->operand.tensor = *tensor;
    for (uint32_t i = 0; i < tensor->rank; i++)
        count *= (size_t)tensor->dims[i];
    make_elements(out, count);
}

const char *output_name(const char *path)
{
    return is_standard(path) ? "standard output" : path;
}

void array_write(const array *a, const char *path)
{
    array_sink sink;
    array_begin(&sink, path, &a->operand.tensor);
    array_put(&sink, a->operand.data, a->count);
    array_end(&sink);
}

const char *stage_output(const char *path)
{
    refusal why;
    const char *staged = file_stage(path, &why);
    if (!staged)
        fail(CLI_FAILED, "%s %s", output_name(path), why.text);
    return staged;
}

void deliver_output(const char *path)
{
    refusal why;
    if (!file_deliver(path, &why))
        fail(CLI_FAILED, "%s %s", output_name(path), why.text);
}

/* ---- In pieces ------------------------------------------------------------------------------ */

/* Room for the headers of all files but those that were made to waste it. */
enum { MOST_HEADER = 1 << 20 };

static _Noreturn void refuse_source(const array_source *s, const refusal *why)
{
    fail(CLI_FAILED, "%s %s", s->name, why->text);
}

/* The header, and nothing behind it. Where the file's size is known, it must be right. */
static void read_header(array_source *s)
{
    refusal why;
    unsigned char prefix[NPY_PREFIX];
    size_t got, more = 0, bytes;
    if (!file_take(&s->file, prefix, sizeof prefix, &got, &why))
        refuse_source(s, &why);
    bytes = npy_header_bytes(prefix, got, &why);
    if (!bytes)
        refuse_source(s, &why);
    if (bytes > MOST_HEADER)
        fail(CLI_FAILED, "%s has a header of more than %d bytes", s->name, MOST_HEADER);
    char *header = allocate(bytes > got ? bytes : got, 1);
    memcpy(header, prefix, got);
    bool good = (bytes <= got || file_take(&s->file, header + got, bytes - got, &more, &why)) &&
                npy_parse_header(&s->whole, header, got + more, &why) &&
                (!s->file.sized || npy_check_bytes(&s->whole, s->file.left - (got + more), &why));
    free(header);
    if (!good)
        refuse_source(s, &why);
    s->whole.data = NULL;
}

void array_open(array_source *s, const char *path, int type, int dtype)
{
    refusal why;
    *s = (array_source){.name = input_name(path)};
    if (!file_open(&s->file, path, &why))
        refuse_source(s, &why);
    read_header(s);
    s->found = element_type(s->name, s->whole.type, dtype);
    s->tensor.type = type == FILE_TYPE ? s->found : (uint32_t)type;
    s->tensor.rank = s->whole.rank;
    memcpy(s->tensor.dims, s->whole.dims, sizeof s->whole.dims);
}

static void take(array_source *s, void *out, size_t bytes)
{
    refusal why;
    size_t got;
    if (!file_take(&s->file, out, bytes, &got, &why))
        refuse_source(s, &why);
    s->taken += got;
    if (got < bytes && !npy_check_bytes(&s->whole, s->taken, &why))
        refuse_source(s, &why);
}

void array_take(array_source *s, void *out, size_t count)
{
    clact_type type = (clact_type)s->tensor.type;
    size_t bytes = count * clact_type_bytes(s->found);
    if (type == s->found) {
        take(s, out, bytes);
        return;
    }
    if (bytes > s->room) {
        s->raw = reallocate(s->raw, bytes, 1);
        s->room = bytes;
    }
    take(s, s->raw, bytes);
    convert_elements(out, type, s->raw, s->found, count);
}

void array_close(array_source *s)
{
    refusal why;
    char more;
    size_t got;
    if (!file_take(&s->file, &more, 1, &got, &why))
        refuse_source(s, &why);
    if (got)
        fail(CLI_FAILED, "%s is too long: its shape and type need %" PRIu64 " bytes of data, and there are more",
             s->name, s->taken);
    file_close(&s->file);
    free(s->raw);
}

static void check_written(const array_sink *s, bool done, const refusal *why)
{
    if (!done)
        fail(CLI_FAILED, "%s %s", output_name(s->path), why->text);
}

void array_begin(array_sink *s, const char *path, const clact_tensor *tensor)
{
    refusal why;
    char header[NPY_HEADER_SIZE];
    size_t bytes = npy_header(header, written_types[tensor->type], tensor->rank, tensor->dims);
    *s = (array_sink){.path = path, .type = (clact_type)tensor->type};
    check_written(s, file_begin(&s->file, path, &why), &why);
    check_written(s, file_append(&s->file, header, bytes, &why), &why);
}

void array_put(array_sink *s, const void *elements, size_t count)
{
    refusal why;
    check_written(s, file_append(&s->file, elements, count * clact_type_bytes(s->type), &why), &why);
}

void array_end(array_sink *s)
{
    refusal why;
    check_written(s, file_end(&s->file, true, &why), &why);
}
