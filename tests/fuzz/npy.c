/* npy.c: fuzzes the reading of .npy files, whole, in pieces and from pipes, which must agree. */
#include "array.h"
#include "common.h"
#include "exits.h"
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

enum { MOST_PIPED = 4096, MOST_COUNT = 1 << 16 };

/* What is read is written back, and is then the same. */
static void check_header(const npy_array *a)
{
    char header[NPY_HEADER_SIZE];
    npy_array again;
    refusal why;
    size_t bytes = npy_header(header, a->type, a->rank, a->dims);
    HOLDS(bytes <= sizeof header && bytes % 64 == 0);
    HOLDS(npy_header_bytes(header, bytes, &why) == bytes && npy_parse_header(&again, header, bytes, &why));
    HOLDS(again.type == a->type && again.rank == a->rank && again.count == a->count);
    HOLDS(memcmp(again.dims, a->dims, a->rank * sizeof *a->dims) == 0);
}

static void read_pieces(array_source *s, const char *path, int type, void *out, size_t *count)
{
    array_open(s, path, type, CLACT_BF16);
    *count = 1;
    for (uint32_t i = 0; i < s->tensor.rank; i++)
        *count *= (size_t)s->tensor.dims[i];
    if (*count > MOST_COUNT)
        fail(0, "pieces: %zu elements", *count);
    size_t half = *count / 2;
    array_take(s, out, half);
    array_take(s, (char *)out + half * clact_type_bytes((clact_type)s->tensor.type), *count - half);
    array_close(s);
}

/* The elements of a file in a piece and another; whole: what npy_parse made of it, NULL where that refused it. */
static void check_pieces(const char *path, int type, const npy_array *whole)
{
    static array_source s;
    static double out[MOST_COUNT];
    static size_t count;
    s.file.file = -1;
    if (RETURNED(read_pieces(&s, path, type, out, &count))) {
        HOLDS(whole && whole->count == count);
        HOLDS(type != FILE_TYPE || count == 0 || memcmp(out, whole->data, count * npy_type_bytes(whole->type)) == 0);
        return;
    }
    HOLDS(!whole || whole->count > MOST_COUNT || npy_type_bytes(whole->type) == 1);
    if (s.file.file > STDERR_FILENO)
        file_close(&s.file);
    free(s.raw);
    s.raw = NULL;
}

static void check_pipe(const uint8_t *bytes, size_t size, const npy_array *whole)
{
    int ends[2];
    char path[32];
    HOLDS(pipe(ends) == 0 && write(ends[1], bytes, size) == (ssize_t)size && close(ends[1]) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    check_pieces(path, FILE_TYPE, whole);
    close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    npy_array a;
    refusal why = {""};
    void *aligned = malloc(size ? size : 1); /* of just the size, as the file's */
    HOLDS(aligned);
    memcpy(aligned, bytes, size);
    bool good = npy_parse(&a, aligned, size, &why);
    HOLDS(good || why.text[0]);
    if (good) {
        const char *end = (const char *)aligned + size;
        HOLDS((const char *)a.data + a.count * npy_type_bytes(a.type) == end);
        check_header(&a);
    }
    const char *path = memory_file(bytes, size);
    check_pieces(path, FILE_TYPE, good ? &a : NULL);
    check_pieces(path, CLACT_F64, good ? &a : NULL);
    if (size <= MOST_PIPED)
        check_pipe(bytes, size, good ? &a : NULL);
    free(aligned);
    return 0;
}
