/* npy.h: numpy's .npy files, read strictly and written as numpy writes them. */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include "file.h"

#include <stddef.h>
#include <stdint.h>

#define NPY_MAX_RANK 8

/* The types that are read: '<f2', '<f4', '<f8'; '<V2' and '<u2', which may hold bf16; '|b1' and '|u1',
 * which are for masks; '|i1' and again '|u1', which may hold quantised numbers. */
typedef enum npy_type { NPY_F2, NPY_F4, NPY_F8, NPY_V2, NPY_U2, NPY_B1, NPY_U1, NPY_I1 } npy_type;
#define NPY_TYPE_COUNT 8

/* "<f2" and so on. */
const char *npy_type_name(npy_type type);
/* Bytes of an element. */
size_t npy_type_bytes(npy_type type);

typedef struct npy_array {
    npy_type type;
    uint32_t rank; /* 0: a single element without dimensions */
    int64_t dims[NPY_MAX_RANK];
    size_t count; /* of elements; 0 where a dim is 0 */
    const void *data; /* count elements in C order, aligned for their type if the file is */
} npy_array;

/* Reads the array in a whole file of the given bytes. out->data points into file and lives as long.
 * The file must be complete, in C order and little-endian, its header padded to a multiple of 16,
 * and have nothing after the data. On failure only *why is written. */
bool npy_parse(npy_array *out, const void *file, size_t bytes, refusal *why);

/* The same in pieces: how many bytes the header of a file has, from its first NPY_PREFIX bytes, or all there are (0: it
 * was refused); the array from the header alone, data pointing behind it; whether so many bytes behind it are right. */
#define NPY_PREFIX 12
size_t npy_header_bytes(const void *file, size_t bytes, refusal *why);
bool npy_parse_header(npy_array *out, const void *file, size_t bytes, refusal *why);
bool npy_check_bytes(const npy_array *array, uint64_t have, refusal *why);

/* The most bytes of a header that npy_header writes. */
#define NPY_HEADER_SIZE 384

/* Writes the header of format version 1.0 for type, rank and dims; returns its bytes, a multiple of
 * 64. rank is at most NPY_MAX_RANK. */
size_t npy_header(char out[NPY_HEADER_SIZE], npy_type type, uint32_t rank, const int64_t *dims);

#endif
