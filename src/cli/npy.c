/* npy.c: reads .npy files strictly, and makes the header that numpy writes. */
#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} types[NPY_TYPE_COUNT] = {
    [NPY_F2] = {"<f2", 2}, [NPY_F4] = {"<f4", 4}, [NPY_F8] = {"<f8", 8},
    [NPY_V2] = {"<V2", 2}, [NPY_U2] = {"<u2", 2}, [NPY_B1] = {"|b1", 1}, [NPY_U1] = {"|u1", 1},
    [NPY_I1] = {"|i1", 1},
};

static const char magic[] = "\x93NUMPY";
enum { MAGIC_BYTES = 6, ALIGNMENT = 16, WRITTEN_ALIGNMENT = 64 };

const char *npy_type_name(npy_type type)
{
    return types[type].name;
}

size_t npy_type_bytes(npy_type type)
{
    return types[type].bytes;
}

/* ---- The dictionary: the Python literals that numpy writes ----------------------------------- */

typedef struct cursor {
    const char *at, *end;
    refusal *why;
} cursor;

/* The keys, as bits of those seen. */
enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, KEY_ALL = 7 };

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

static bool is_next(const cursor *c, char wanted)
{
    return c->at < c->end && *c->at == wanted;
}

/* Takes the character and the blanks around it, if it is next. */
static bool take(cursor *c, char wanted)
{
    skip_blanks(c);
    if (!is_next(c, wanted))
        return false;
    c->at++;
    skip_blanks(c);
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* A string in either quotes, without escapes, of less than size bytes. */
static bool take_string(cursor *c, char *out, size_t size)
{
    size_t length = 0;
    if (!is_next(c, '\'') && !is_next(c, '"'))
        return false;
    char quote = *c->at++;
    while (c->at < c->end && *c->at != quote && *c->at != '\\' && length + 1 < size)
        out[length++] = *c->at++;
    out[length] = '\0';
    if (!is_next(c, quote))
        return false;
    c->at++;
    return true;
}

static bool parse_descr(cursor *c, npy_array *out)
{
    char name[16];
    if (is_next(c, '['))
        return refuse(c->why, "holds records; clact reads arrays of a single type");
    if (!take_string(c, name, sizeof name))
        return refuse(c->why, "has a header whose 'descr' is not the name of a type");
    for (int type = 0; type < NPY_TYPE_COUNT; type++) {
        if (strcmp(name, types[type].name) == 0) {
            out->type = (npy_type)type;
            return true;
        }
    }
    if (name[0] == '>')
        return refuse(c->why, "is big-endian ('%s'); clact reads little-endian files", name);
    for (char *letter = name; *letter; letter++)
        if (*letter < ' ' || *letter > '~')
            *letter = '?';
    return refuse(c->why, "has the type '%s'; clact reads %s", name,
                  "'<f2', '<f4', '<f8', '<V2' or '<u2' as bf16, and '|i1' or '|u1' if quantised");
}

static bool parse_order(cursor *c, bool *fortran)
{
    *fortran = take_word(c, "True");
    if (!*fortran && !take_word(c, "False"))
        return refuse(c->why, "has a header whose 'fortran_order' is neither True nor False");
    return true;
}

static bool refuse_shape(const cursor *c)
{
    return refuse(c->why, "has a header whose 'shape' is not a tuple of whole numbers");
}

static bool parse_dim(cursor *c, int64_t *out)
{
    const char *first = c->at;
    int64_t value = 0;
    if (is_next(c, '-'))
        return refuse(c->why, "has a negative dimension");
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        int digit = *c->at++ - '0';
        if (value > (INT64_MAX - digit) / 10)
            return refuse(c->why, "has a dimension that is too large for 64 bits");
        value = 10 * value + digit;
    }
    if (c->at == first || (*first == '0' && c->at - first > 1))
        return refuse_shape(c);
    *out = value;
    return true;
}

static bool parse_shape(cursor *c, npy_array *out)
{
    bool comma = true;
    if (!take(c, '('))
        return refuse_shape(c);
    for (out->rank = 0; !take(c, ')'); out->rank++) {
        if (!comma)
            return refuse_shape(c);
        if (out->rank == NPY_MAX_RANK)
            return refuse(c->why, "has more than %d dimensions", NPY_MAX_RANK);
        if (!parse_dim(c, &out->dims[out->rank]))
            return false;
        comma = take(c, ',');
    }
    if (out->rank == 1 && !comma)
        return refuse_shape(c);
    return true;
}

static bool refuse_dictionary(const cursor *c)
{
    return refuse(c->why, "has a header that is not a dictionary of %s",
                  "just 'descr', 'fortran_order' and 'shape'");
}

/* One "key: value"; its bit goes to *seen. */
static bool parse_entry(cursor *c, npy_array *out, bool *fortran, int *seen)
{
    char key[16];
    if (!take_string(c, key, sizeof key) || !take(c, ':'))
        return refuse_dictionary(c);
    int bit = strcmp(key, "descr") == 0           ? KEY_DESCR
              : strcmp(key, "fortran_order") == 0 ? KEY_ORDER
              : strcmp(key, "shape") == 0         ? KEY_SHAPE
                                                  : 0;
    if (bit == 0)
        return refuse_dictionary(c);
    if (*seen & bit)
        return refuse(c->why, "has a header with '%s' twice", key);
    *seen |= bit;
    if (bit == KEY_DESCR)
        return parse_descr(c, out);
    if (bit == KEY_ORDER)
        return parse_order(c, fortran);
    return parse_shape(c, out);
}

static bool parse_dictionary(cursor *c, npy_array *out, bool *fortran)
{
    int seen = 0;
    if (!take(c, '{'))
        return refuse_dictionary(c);
    while (!take(c, '}')) {
        if (!parse_entry(c, out, fortran, &seen))
            return false;
        skip_blanks(c);
        if (!take(c, ',') && !is_next(c, '}'))
            return refuse_dictionary(c);
    }
    if (seen != KEY_ALL)
        return refuse_dictionary(c);
    if (c->end - c->at != 1 || *c->at != '\n')
        return refuse(c->why, "has a header that does not end in blanks and a newline");
    return true;
}

/* ---- The file ------------------------------------------------------------------------------- */

/* The bytes before the dictionary, and of the dictionary, from the first NPY_PREFIX bytes, or all there are. */
static bool read_prefix(size_t *start, size_t *length, const unsigned char *file, size_t bytes, refusal *why)
{
    if (bytes == 0)
        return refuse(why, "is empty; a .npy file begins with \\x93NUMPY");
    if (memcmp(file, magic, bytes < MAGIC_BYTES ? bytes : MAGIC_BYTES) != 0)
        return refuse(why, "is not a .npy file: it does not begin with \\x93NUMPY");
    if (bytes < MAGIC_BYTES + 2)
        return refuse(why, "ends inside its header");
    unsigned major = file[MAGIC_BYTES], minor = file[MAGIC_BYTES + 1];
    if (major < 1 || major > 3 || minor != 0)
        return refuse(why, "has format version %u.%u; clact reads 1.0, 2.0 and 3.0", major, minor);
    size_t width = major == 1 ? 2 : 4;
    *start = MAGIC_BYTES + 2 + width;
    *length = 0;
    if (bytes < *start)
        return refuse(why, "ends inside its header");
    for (size_t i = 0; i < width; i++)
        *length |= (size_t)file[MAGIC_BYTES + 2 + i] << (8 * i);
    return true;
}

size_t npy_header_bytes(const void *file, size_t bytes, refusal *why)
{
    size_t start, length;
    return read_prefix(&start, &length, file, bytes, why) ? start + length : 0;
}

static bool find_dictionary(cursor *c, const unsigned char *file, size_t bytes, refusal *why)
{
    size_t start, length;
    if (!read_prefix(&start, &length, file, bytes, why))
        return false;
    if (length > bytes - start)
        return refuse(why, "ends inside its header");
    if ((start + length) % ALIGNMENT != 0)
        return refuse(why, "has a header that is not padded to a multiple of %d bytes", ALIGNMENT);
    c->at = (const char *)file + start;
    c->end = c->at + length;
    c->why = why;
    return true;
}

static bool count_elements(npy_array *out, refusal *why)
{
    size_t size = types[out->type].bytes;
    out->count = 1;
    for (uint32_t i = 0; i < out->rank; i++)
        if (out->dims[i] == 0)
            out->count = 0;
    for (uint32_t i = 0; i < out->rank && out->count > 0; i++)
        if (__builtin_mul_overflow(out->count, (size_t)out->dims[i], &out->count)
            || out->count > (size_t)INT64_MAX / size)
            return refuse(why, "has a shape with more elements than 64 bits can address");
    return true;
}

bool npy_parse_header(npy_array *out, const void *file, size_t bytes, refusal *why)
{
    cursor c;
    npy_array array = {0};
    bool fortran = false;
    if (!find_dictionary(&c, file, bytes, why) || !parse_dictionary(&c, &array, &fortran))
        return false;
    if (fortran && array.rank > 1)
        return refuse(why, "is in Fortran order; clact reads C order, as %s makes it",
                      "numpy.ascontiguousarray");
    if (!count_elements(&array, why))
        return false;
    array.data = c.end;
    *out = array;
    return true;
}

bool npy_check_bytes(const npy_array *array, uint64_t have, refusal *why)
{
    uint64_t need = (uint64_t)array->count * types[array->type].bytes;
    if (have == need)
        return true;
    return refuse(why, "is too %s: its shape and type need %" PRIu64 " bytes of data, not %" PRIu64,
                  have < need ? "short" : "long", need, have);
}

bool npy_parse(npy_array *out, const void *file, size_t bytes, refusal *why)
{
    npy_array array;
    if (!npy_parse_header(&array, file, bytes, why))
        return false;
    size_t have = bytes - (size_t)((const char *)array.data - (const char *)file);
    if (!npy_check_bytes(&array, have, why))
        return false;
    *out = array;
    return true;
}

size_t npy_header(char out[NPY_HEADER_SIZE], npy_type type, uint32_t rank, const int64_t *dims)
{
    enum { START = MAGIC_BYTES + 4 };
    char *text = out + START;
    int room = NPY_HEADER_SIZE - START;
    int used = snprintf(text, (size_t)room, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                        types[type].name);
    for (uint32_t i = 0; i < rank; i++)
        used += snprintf(text + used, (size_t)(room - used), "%s%" PRId64 "%s", i ? ", " : "",
                         dims[i], rank == 1 ? "," : "");
    used += snprintf(text + used, (size_t)(room - used), "), }");
    /* numpy leaves room for the first dimension to grow to 21 digits. */
    int growth = rank > 0 ? 21 - snprintf(NULL, 0, "%" PRId64, dims[0]) : 0;
    int blocks = (START + used + growth + 1) / WRITTEN_ALIGNMENT + 1;
    int length = blocks * WRITTEN_ALIGNMENT - START;
    memset(text + used, ' ', (size_t)(length - 1 - used));
    text[length - 1] = '\n';
    memcpy(out, magic, MAGIC_BYTES);
    out[MAGIC_BYTES] = 1;
    out[MAGIC_BYTES + 1] = 0;
    out[MAGIC_BYTES + 2] = (char)(length & 0xff);
    out[MAGIC_BYTES + 3] = (char)(length >> 8);
    return (size_t)(START + length);
}
