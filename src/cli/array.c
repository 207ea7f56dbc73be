/* array.c: reads .npy files into operands, and writes operands. */
#include "array.h"

#include "common.h"
#include "convert.h"
#include "npy.h"

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

void array_write(const array *a, const char *path)
{
    refusal why;
    char header[NPY_HEADER_SIZE];
    const clact_tensor *t = &a->operand.tensor;
    file_part parts[2] = {{header, 0}, {a->operand.data, 0}};
    parts[0].bytes = npy_header(header, written_types[t->type], t->rank, t->dims);
    parts[1].bytes = a->count * clact_type_bytes((clact_type)t->type);
    if (!file_write(path, parts, 2, &why))
        fail(CLI_FAILED, "%s %s", is_standard(path) ? "standard output" : path, why.text);
}
