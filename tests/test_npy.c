/* test_npy.c: the strict .npy reader and the writer, whole files, and conversions between types. */
#include "convert.h"
#include "npy.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *npy_suite(void);

/* ---- Files made in memory ------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char *data; /* a block of exactly this size, so that a sanitizer sees every overrun */
    size_t size;
} bytes;

/* A file of format version major.0: the dictionary, padded with blanks and a newline to a multiple
 * of 16, and data_bytes bytes of 1, 2, 3, ... */
static bytes make_file(int major, const char *dictionary, size_t data_bytes)
{
    size_t start = major == 1 ? 10 : 12;
    size_t header = (start + strlen(dictionary) + 1 + 15) / 16 * 16 - start;
    bytes file = {malloc(start + header + data_bytes), start + header + data_bytes};
    memset(file.data, ' ', file.size);
    memcpy(file.data, "\x93NUMPY", 6);
    file.data[6] = (unsigned char)major;
    file.data[7] = 0;
    for (size_t i = 8; i < start; i++)
        file.data[i] = (unsigned char)(header >> 8 * (i - 8));
    memcpy(file.data + start, dictionary, strlen(dictionary));
    file.data[start + header - 1] = '\n';
    for (size_t i = 0; i < data_bytes; i++)
        file.data[start + header + i] = (unsigned char)(i + 1);
    return file;
}

static const char plain[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";

/* ---- What is read --------------------------------------------------------------------------- */

static const struct {
    const char *dictionary;
    npy_type type;
    uint32_t rank;
    int64_t dims[NPY_MAX_RANK];
    size_t count;
} good[] = {
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", NPY_F4, 1, {3}, 3},
    {"{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }", NPY_F2, 2, {2, 3}, 6},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", NPY_F8, 0, {0}, 1},
    {"{'descr': '<V2', 'fortran_order': False, 'shape': (0,), }", NPY_V2, 1, {0}, 0},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }", NPY_U2, 1, {1}, 1},
    {"{'shape':(3,),'fortran_order':False,'descr':'<f4'}", NPY_F4, 1, {3}, 3},
    {"  { \"shape\" : ( 2 , 1 , ) , 'descr' : \"<f4\" , 'fortran_order' : False } ", NPY_F4, 2,
     {2, 1}, 2},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (3,), }", NPY_F4, 1, {3}, 3},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (), }", NPY_F4, 0, {0}, 1},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2), }", NPY_F4, 8,
     {1, 1, 1, 1, 1, 1, 1, 2}, 2},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807), }", NPY_F4, 2,
     {0, INT64_MAX}, 0},
};
enum { GOOD_COUNT = sizeof good / sizeof good[0] };

START_TEST(reads_what_numpy_writes)
{
    for (int major = 1; major <= 3; major++) {
        refusal why = {""};
        npy_array array;
        size_t data_bytes = good[_i].count * npy_type_bytes(good[_i].type);
        bytes file = make_file(major, good[_i].dictionary, data_bytes);
        ck_assert_msg(npy_parse(&array, file.data, file.size, &why), "%s: %s",
                      good[_i].dictionary, why.text);
        ck_assert_uint_eq(array.type, good[_i].type);
        ck_assert_uint_eq(array.rank, good[_i].rank);
        ck_assert_mem_eq(array.dims, good[_i].dims, sizeof array.dims);
        ck_assert_uint_eq(array.count, good[_i].count);
        ck_assert_ptr_eq(array.data, file.data + file.size - data_bytes);
        free(file.data);
    }
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------ */

static const struct {
    const char *dictionary;
    size_t data_bytes;
    const char *rule; /* a part of the sentence */
} bad[] = {
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }", 12, "big-endian"},
    {"{'descr': '|V2', 'fortran_order': False, 'shape': (3,), }", 6, "has the type '|V2'"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", 12, "has the type '<i4'"},
    {"{'descr': '=f4', 'fortran_order': False, 'shape': (3,), }", 12, "has the type '=f4'"},
    {"{'descr': 'f4', 'fortran_order': False, 'shape': (3,), }", 12, "has the type 'f4'"},
    {"{'descr': '<f16', 'fortran_order': False, 'shape': (3,), }", 48, "has the type '<f16'"},
    {"{'descr': '<c8\t', 'fortran_order': False, 'shape': (3,), }", 24, "has the type '<c8?'"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", 12, "records"},
    {"{'descr': <f4, 'fortran_order': False, 'shape': (3,), }", 12, "'descr'"},
    {"{'descr': 4, 'fortran_order': False, 'shape': (3,), }", 12, "'descr'"},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (3, 1), }", 12, "Fortran order"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", 12, "'fortran_order'"},
    {"{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (3,), }", 12, "dictionary"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 3, }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': [3], }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 1), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,,), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (03,), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3L,), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3.0,), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (+3,), }", 12, "'shape'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", 12, "negative"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,3), }", 12, "8 dim"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", 12,
     "too large for 64 bits"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,), }", 12,
     "more elements than 64 bits"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0,
     "more elements than 64 bits"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), ", 12, "dictionary"},
    {"'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12, "dictionary"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (3,), }", 12, "dictionary"},
    {"{'descr': '<f4',, 'fortran_order': False, 'shape': (3,), }", 12, "dictionary"},
    {"{'descr' '<f4', 'fortran_order': False, 'shape': (3,), }", 12, "dictionary"},
    {"{'descr': '<f4', 'fortran_order': False, }", 12, "dictionary"},
    {"{'fortran_order': False, 'shape': (3,), }", 12, "dictionary"},
    {"{'descr': '<f4', 'shape': (3,), }", 12, "dictionary"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1, }", 12, "dictionary"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 12, "twice"},
    {"{}", 12, "dictionary"},
    {"", 12, "dictionary"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } x", 12, "blanks and a newline"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n", 12, "blanks and a newline"},
    {plain, 11, "too short"},
    {plain, 0, "too short"},
    {plain, 13, "too long"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }", 1, "too long"},
};
enum { BAD_COUNT = sizeof bad / sizeof bad[0] };

static void expect_refusal(const bytes *file, const char *rule, const char *what)
{
    refusal why = {""};
    npy_array array, untouched;
    memset(&array, 0x5a, sizeof array);
    memcpy(&untouched, &array, sizeof array);
    ck_assert_msg(!npy_parse(&array, file->data, file->size, &why), "accepted: %s", what);
    ck_assert_msg(strstr(why.text, rule), "%s: \"%s\" does not say \"%s\"", what, why.text, rule);
    ck_assert_mem_eq(&array, &untouched, sizeof array);
}

START_TEST(refuses_malformed_files)
{
    bytes file = make_file(1, bad[_i].dictionary, bad[_i].data_bytes);
    expect_refusal(&file, bad[_i].rule, bad[_i].dictionary);
    free(file.data);
}
END_TEST

START_TEST(refuses_other_versions)
{
    static const unsigned char versions[][2] = {{0, 0}, {0, 1}, {1, 1}, {2, 1}, {4, 0}, {255, 255}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        bytes file = make_file(1, plain, 12);
        memcpy(file.data + 6, versions[i], 2);
        expect_refusal(&file, "format version", "another version");
        free(file.data);
    }
}
END_TEST

START_TEST(refuses_a_header_without_padding)
{
    bytes file = make_file(1, plain, 13);
    file.data[8]++; /* the header takes the first byte of the data */
    expect_refusal(&file, "not padded", "no padding");
    free(file.data);
}
END_TEST

START_TEST(refuses_every_beginning_of_a_file)
{
    for (int major = 1; major <= 3; major++) {
        bytes file = make_file(major, plain, 12);
        for (size_t size = 0; size < file.size; size++) {
            bytes part = {malloc(size ? size : 1), size};
            memcpy(part.data, file.data, size);
            expect_refusal(&part, size == 0 ? "is empty" : "", "a file that is cut off");
            free(part.data);
        }
        free(file.data);
    }
}
END_TEST

/* What is accepted after any one byte has been changed still fits the file. */
START_TEST(survives_any_changed_byte)
{
    bytes file = make_file(1, plain, 12);
    for (size_t at = 0; at < file.size; at++) {
        unsigned char old = file.data[at];
        for (int value = 0; value < 256; value++) {
            refusal why;
            npy_array array;
            file.data[at] = (unsigned char)value;
            if (npy_parse(&array, file.data, file.size, &why))
                ck_assert_uint_eq(array.count * npy_type_bytes(array.type), 12);
        }
        file.data[at] = old;
    }
    free(file.data);
}
END_TEST

/* ---- What is written ------------------------------------------------------------------------ */

START_TEST(writes_the_header_of_numpy)
{
    char header[NPY_HEADER_SIZE], expected[128];
    const int64_t dims[] = {2, 3};
    memset(expected, ' ', sizeof expected);
    memcpy(expected, "\x93NUMPY\x01\x00\x76\x00", 10);
    static const char text[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    memcpy(expected + 10, text, sizeof text - 1);
    expected[127] = '\n';
    ck_assert_uint_eq(npy_header(header, NPY_F4, 2, dims), 128);
    ck_assert_mem_eq(header, expected, 128);
}
END_TEST

START_TEST(reads_what_it_writes)
{
    char header[NPY_HEADER_SIZE];
    for (uint32_t rank = 0; rank <= NPY_MAX_RANK; rank++) {
        refusal why = {""};
        npy_array array;
        int64_t dims[NPY_MAX_RANK] = {0};
        for (uint32_t i = 1; i < rank; i++)
            dims[i] = INT64_MAX - (int64_t)i; /* the longest text; dims[0] is 0 */
        size_t size = npy_header(header, NPY_F2, rank, dims);
        ck_assert_uint_eq(size % 64, 0);
        ck_assert_uint_le(size, NPY_HEADER_SIZE - 2);
        size_t whole = size + (rank == 0 ? 2 : 0);
        ck_assert_msg(npy_parse(&array, header, whole, &why), "rank %u: %s", rank, why.text);
        ck_assert_uint_eq(array.type, NPY_F2);
        ck_assert_uint_eq(array.rank, rank);
        ck_assert_mem_eq(array.dims, dims, sizeof dims);
        ck_assert_uint_eq(array.count, rank == 0);
    }
}
END_TEST

/* ---- Whole files ---------------------------------------------------------------------------- */

static char directory[64];

static void enter_directory(void)
{
    strcpy(directory, "/tmp/clact-test-npy-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void leave_directory(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* How many files there are, those with a temporary name included. */
static int count_files(void)
{
    int count = 0;
    DIR *d = opendir(directory);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(d);
    return count;
}

static void expect_content(const char *path, const char *text)
{
    refusal why = {""};
    void *data;
    size_t size;
    ck_assert_msg(file_read(&data, &size, path, &why), "%s", why.text);
    ck_assert_uint_eq(size, strlen(text));
    ck_assert_mem_eq(data, text, size);
    free(data);
}

static const file_part two_parts[] = {{"abc", 3}, {"defg", 4}};

START_TEST(writes_a_file_with_the_rights_of_umask)
{
    refusal why = {""};
    struct stat status;
    mode_t old = umask(027);
    ck_assert_msg(file_write(path_of("a"), two_parts, 2, &why), "%s", why.text);
    umask(old);
    ck_assert_int_eq(stat(path_of("a"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
    expect_content(path_of("a"), "abcdefg");
    ck_assert(file_write(path_of("a"), two_parts, 1, &why));
    expect_content(path_of("a"), "abc");
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(writes_through_a_link)
{
    refusal why;
    struct stat status;
    char link_path[256];
    snprintf(link_path, sizeof link_path, "%s", path_of("link"));
    ck_assert(file_write(path_of("a"), two_parts, 1, &why));
    ck_assert_int_eq(symlink("a", link_path), 0);
    ck_assert(file_write(link_path, two_parts, 2, &why));
    ck_assert_int_eq(lstat(link_path, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    expect_content(path_of("a"), "abcdefg");
}
END_TEST

START_TEST(writes_a_name_of_any_length_that_the_system_allows)
{
    refusal why = {""};
    char name[256];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    ck_assert_msg(file_write(path, two_parts, 2, &why), "%s", why.text);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(reports_what_cannot_be_written_or_read)
{
    refusal why = {""};
    void *data;
    size_t size;
    ck_assert(!file_write(path_of("no/such"), two_parts, 2, &why));
    ck_assert_str_eq(why.text, "cannot be written: No such file or directory");
    ck_assert(!file_write(directory, two_parts, 2, &why));
    ck_assert_str_eq(why.text, "cannot be written: Is a directory");
    ck_assert(!file_write("/dev/full", two_parts, 2, &why));
    ck_assert_str_eq(why.text, "cannot be written: No space left on device");
    ck_assert(!file_read(&data, &size, path_of("none"), &why));
    ck_assert_str_eq(why.text, "cannot be opened: No such file or directory");
    ck_assert(!file_read(&data, &size, directory, &why));
    ck_assert_str_eq(why.text, "cannot be read: Is a directory");
    ck_assert_int_eq(count_files(), 0);
}
END_TEST

START_TEST(leaves_nothing_where_the_disk_is_full)
{
    refusal why;
    ck_assert(file_write(path_of("a"), two_parts, 2, &why));
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {5, 5};
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(file_write(path_of("a"), two_parts, 2, &why) ? 1 : 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_content(path_of("a"), "abcdefg"); /* the old file is whole */
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

/* The child is ended while its temporary file is there; where it was faster, the file is whole. */
START_TEST(leaves_nothing_when_interrupted)
{
    enum { BYTES = 64 << 20 };
    pid_t child = fork();
    if (child == 0) {
        refusal why;
        file_part part = {calloc(BYTES, 1), BYTES};
        _exit(file_write(path_of("a"), &part, 1, &why) ? 0 : 1);
    }
    for (int i = 0; i < 100000 && count_files() == 0; i++)
        usleep(100);
    kill(child, _i == 0 ? SIGINT : SIGTERM);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        ck_assert_int_eq(WTERMSIG(status), _i == 0 ? SIGINT : SIGTERM);
        struct stat file;
        bool whole = stat(path_of("a"), &file) == 0 && file.st_size == BYTES;
        ck_assert_int_eq(count_files(), whole ? 1 : 0);
    } else {
        ck_assert_int_eq(WEXITSTATUS(status), 0);
        ck_assert_int_eq(count_files(), 1);
    }
}
END_TEST

#ifdef __SANITIZE_THREAD__
enum { TSAN = 1 };
#elif defined __has_feature
enum { TSAN = __has_feature(thread_sanitizer) };
#else
enum { TSAN = 0 };
#endif

/* What must not be stopped is done, and then the signal is obeyed. Not under ThreadSanitizer: where a process with several
 * threads has forked, the child's raise() does nothing there, in programs without clact, too. */
START_TEST(holds_signals_back)
{
    if (TSAN)
        return;
    pid_t child = fork();
    if (child == 0) {
        refusal why;
        file_hold_signals(true);
        raise(SIGTERM);
        bool written = file_write(path_of("a"), two_parts, 2, &why);
        file_hold_signals(false);
        _exit(written ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "the child ended with status %#x", (unsigned)status);
    expect_content(path_of("a"), "abcdefg");
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

/* ---- Conversions ---------------------------------------------------------------------------- */

/* The value of a 16-bit float by its definition. */
static double value_of(unsigned bits, int exponent_bits, int mantissa_bits)
{
    int exponent = (int)(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    int bias = (1 << (exponent_bits - 1)) - 1;
    double mantissa = bits & ((1u << mantissa_bits) - 1), sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return mantissa > 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(ldexp(1, mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

static const struct {
    clact_type type;
    int exponent_bits, mantissa_bits;
} formats[] = {{CLACT_F16, 5, 10}, {CLACT_BF16, 8, 7}};

START_TEST(widens_exactly_and_back)
{
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i, back;
        double wide;
        float single;
        double expected = value_of(i, formats[_i].exponent_bits, formats[_i].mantissa_bits);
        convert_elements(&wide, CLACT_F64, &bits, formats[_i].type, 1);
        convert_elements(&single, CLACT_F32, &bits, formats[_i].type, 1);
        convert_elements(&back, formats[_i].type, &wide, CLACT_F64, 1);
        if (isnan(expected)) {
            ck_assert(isnan(wide) && isnan(single));
            ck_assert(isnan(value_of(back, formats[_i].exponent_bits, formats[_i].mantissa_bits)));
            continue;
        }
        ck_assert(wide == expected && !signbit(wide) == !signbit(expected) && single == wide);
        ck_assert_uint_eq(back, bits);
    }
}
END_TEST

static uint16_t narrowed(double x, int format)
{
    uint16_t out;
    convert_elements(&out, formats[format].type, &x, CLACT_F64, 1);
    return out;
}

/* Between any two neighbours: the middle goes to the even one, what is nearer goes to that one. A
 * step that float cannot hold is the test for rounding twice. */
START_TEST(rounds_to_nearest_even_once)
{
    int e = formats[_i].exponent_bits, m = formats[_i].mantissa_bits;
    unsigned infinity = ((1u << e) - 1) << m;
    for (unsigned i = 0; i < infinity; i++) {
        double low = value_of(i, e, m), high = value_of(i + 1, e, m);
        if (i + 1 == infinity)
            high = 2 * low - value_of(i - 1, e, m); /* where the next binade would begin */
        double middle = low + (high - low) / 2;
        ck_assert_uint_eq(narrowed(middle, _i), i + (i & 1));
        ck_assert_uint_eq(narrowed(nextafter(middle, 0), _i), i);
        ck_assert_uint_eq(narrowed(nextafter(middle, INFINITY), _i), i + 1);
        ck_assert_uint_eq(narrowed(-middle, _i), 0x8000 | (i + (i & 1)));
    }
    ck_assert_uint_eq(narrowed(1e300, _i), infinity);
    ck_assert_uint_eq(narrowed(-INFINITY, _i), 0x8000 | infinity);
    ck_assert_uint_eq(narrowed(5e-324, _i), 0);
    ck_assert_uint_eq(narrowed(-0.0, _i), 0x8000);
}
END_TEST

START_TEST(converts_between_wide_types)
{
    const double doubles[] = {0.1, -0.0, 1e300, 0x1p-149, NAN, 1 + 0x1p-24};
    float singles[6];
    double back[6];
    convert_elements(singles, CLACT_F32, doubles, CLACT_F64, 6);
    convert_elements(back, CLACT_F64, singles, CLACT_F32, 6);
    ck_assert(back[0] == (double)0.1f && back[1] == 0 && signbit(back[1]));
    ck_assert(isinf(back[2]) && back[3] == 0x1p-149 && isnan(back[4]) && back[5] == 1);
}
END_TEST

/* ---- The suite ------------------------------------------------------------------------------ */

Suite *npy_suite(void)
{
    Suite *suite = suite_create("npy");
    TCase *reading = tcase_create("reading");
    tcase_add_loop_test(reading, reads_what_numpy_writes, 0, GOOD_COUNT);
    tcase_add_loop_test(reading, refuses_malformed_files, 0, BAD_COUNT);
    tcase_add_test(reading, refuses_other_versions);
    tcase_add_test(reading, refuses_a_header_without_padding);
    tcase_add_test(reading, refuses_every_beginning_of_a_file);
    tcase_add_test(reading, survives_any_changed_byte);
    suite_add_tcase(suite, reading);
    TCase *writing = tcase_create("writing");
    tcase_add_test(writing, writes_the_header_of_numpy);
    tcase_add_test(writing, reads_what_it_writes);
    suite_add_tcase(suite, writing);
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, enter_directory, leave_directory);
    tcase_set_timeout(files, 60);
    tcase_add_test(files, writes_a_file_with_the_rights_of_umask);
    tcase_add_test(files, writes_through_a_link);
    tcase_add_test(files, writes_a_name_of_any_length_that_the_system_allows);
    tcase_add_test(files, reports_what_cannot_be_written_or_read);
    tcase_add_test(files, leaves_nothing_where_the_disk_is_full);
    tcase_add_test(files, holds_signals_back);
    tcase_add_loop_test(files, leaves_nothing_when_interrupted, 0, 2);
    suite_add_tcase(suite, files);
    TCase *conversions = tcase_create("conversions");
    tcase_add_loop_test(conversions, widens_exactly_and_back, 0, 2);
    tcase_add_loop_test(conversions, rounds_to_nearest_even_once, 0, 2);
    tcase_add_test(conversions, converts_between_wide_types);
    suite_add_tcase(suite, conversions);
    return suite;
}
