/* file.c: reads files, and writes results that appear complete or not at all. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool refuse(refusal *why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    return false;
}

bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Room for more bytes: twice as much, or what the file said it has. */
static bool grow(char **memory, size_t *capacity, size_t used)
{
    if (used < *capacity)
        return true;
    if (*capacity > SIZE_MAX / 2)
        return false;
    char *larger = realloc(*memory, 2 * *capacity);
    if (!larger)
        return false;
    *memory = larger;
    *capacity *= 2;
    return true;
}

/* Reads to the end of the file. hint is its size where that is known: one byte more than that is
 * asked for, so that a file of that size needs no second block. */
static bool read_all(int file, size_t hint, void **out, size_t *bytes, refusal *why)
{
    size_t used = 0, capacity = hint < 65535 ? 65536 : hint + 1;
    char *memory = malloc(capacity);
    ssize_t got = memory ? 1 : 0;
    while (memory && got != 0) {
        if (!grow(&memory, &capacity, used)) {
            free(memory);
            memory = NULL;
            break;
        }
        size_t room = capacity - used < SSIZE_MAX ? capacity - used : SSIZE_MAX;
        got = read(file, memory + used, room);
        if (got < 0 && errno != EINTR) {
            free(memory);
            return refuse(why, "cannot be read: %s", strerror(errno));
        }
        if (got > 0)
            used += (size_t)got;
    }
    if (!memory)
        return refuse(why, "is too large for the memory there is");
    *out = memory;
    *bytes = used;
    return true;
}

bool file_open(file_input *in, const char *path, refusal *why)
{
    struct stat status;
    int file = is_standard(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0) {
        refuse(why, "cannot be opened: %s", strerror(errno));
        if (file > STDIN_FILENO)
            close(file);
        return false;
    }
    off_t at = S_ISREG(status.st_mode) ? lseek(file, 0, SEEK_CUR) : -1;
    *in = (file_input){.file = file, .sized = at >= 0 && status.st_size > at};
    in->left = in->sized ? (uint64_t)(status.st_size - at) : 0;
    return true;
}

bool file_take(file_input *in, void *out, size_t bytes, size_t *got, refusal *why)
{
    for (*got = 0; *got < bytes;) {
        size_t room = bytes - *got < SSIZE_MAX ? bytes - *got : SSIZE_MAX;
        ssize_t part = read(in->file, (char *)out + *got, room);
        if (part < 0 && errno != EINTR)
            return refuse(why, "cannot be read: %s", strerror(errno));
        if (part == 0)
            break;
        if (part > 0)
            *got += (size_t)part;
    }
    return true;
}

void file_close(file_input *in)
{
    if (in->file != STDIN_FILENO)
        close(in->file);
}

bool file_read(void **out, size_t *bytes, const char *path, refusal *why)
{
    file_input in;
    if (!file_open(&in, path, why))
        return false;
    bool done = in.left < SSIZE_MAX ? read_all(in.file, (size_t)in.left, out, bytes, why)
                                    : refuse(why, "is too large for the memory there is");
    file_close(&in);
    return done;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* The temporary file there is now, and a folder made for it alone, or "", for the signal handler. */
static char temporary[PATH_MAX], folder[PATH_MAX - 8];
static volatile sig_atomic_t temporary_exists;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING_COUNT = sizeof ending_signals / sizeof ending_signals[0] };

static void remove_temporary(void)
{
    if (temporary_exists)
        unlink(temporary);
    if (temporary_exists && *folder)
        rmdir(folder);
    temporary_exists = 0;
}

/* How many parts of the program let signals wait, whichever thread they come to, and one that does. */
static volatile sig_atomic_t held, waiting;

/* Removes the temporary file and lets the signal do what it does by default. */
static void remove_and_end(int number)
{
    if (held) {
        waiting = number;
        return;
    }
    remove_temporary();
    signal(number, SIG_DFL);
    raise(number);
}

/* Signals that the caller of the program has set to be ignored stay so; exceeding a limit of file
 * size becomes an error of write. */
static void watch_signals(void)
{
    static bool watched;
    if (watched)
        return;
    watched = true;
    atexit(remove_temporary); /* a failure may end the program between two pieces */
    for (int i = 0; i < ENDING_COUNT; i++) {
        struct sigaction action, old;
        memset(&action, 0, sizeof action);
        action.sa_handler = remove_and_end;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        if (sigaction(ending_signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ending_signals[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN);
}

void file_hold_signals(bool hold)
{
    watch_signals();
    held += hold ? 1 : -1;
    if (!held && waiting)
        raise(waiting);
}

static bool refuse_write(refusal *why)
{
    return refuse(why, "cannot be written: %s", strerror(errno));
}

bool file_append(file_output *out, const void *data, size_t bytes, refusal *why)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t written = write(out->file, at, bytes < SSIZE_MAX ? bytes : SSIZE_MAX);
        if (written < 0 && errno != EINTR)
            return refuse_write(why);
        if (written > 0) {
            at += written;
            bytes -= (size_t)written;
        }
    }
    return true;
}

/* Opens .NAME.XXXXXX beside the target. Long names are cut: the whole must be a valid name too. */
static int open_temporary(const char *target)
{
    const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
    int length = snprintf(temporary, sizeof temporary, "%.*s.%.200s.XXXXXX", (int)(name - target),
                          target, name);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return -1;
    }
    file_hold_signals(true);
    int file = mkstemp(temporary);
    temporary_exists = file >= 0;
    *folder = '\0';
    file_hold_signals(false);
    return file;
}

/* Gives the temporary file its name, or removes it. */
static bool close_temporary(const char *target, bool keep, refusal *why)
{
    file_hold_signals(true);
    bool named = keep && rename(temporary, target) == 0;
    if (keep && !named)
        refuse_write(why);
    if (!named)
        unlink(temporary);
    temporary_exists = 0;
    file_hold_signals(false);
    return named;
}

static bool begin_new(file_output *out, const char *target, refusal *why)
{
    out->target = strdup(target);
    out->file = out->target ? open_temporary(target) : -1;
    return out->file >= 0 || refuse_write(why);
}

static bool begin_directly(file_output *out, int file, refusal *why)
{
    signal(SIGXFSZ, SIG_IGN);
    out->file = file;
    return file >= 0 || refuse_write(why);
}

static bool begin(file_output *out, const char *path, refusal *why)
{
    struct stat status;
    if (is_standard(path))
        return begin_directly(out, STDOUT_FILENO, why);
    if (stat(path, &status) != 0)
        return begin_new(out, path, why);
    if (!S_ISREG(status.st_mode))
        return begin_directly(out, open(path, O_WRONLY | O_CLOEXEC), why);
    if (access(path, W_OK) != 0)
        return refuse_write(why);
    char *target = realpath(path, NULL); /* a link stays, the file it leads to is replaced */
    bool done = target ? begin_new(out, target, why) : refuse_write(why);
    free(target);
    return done;
}

bool file_begin(file_output *out, const char *path, refusal *why)
{
    *out = (file_output){.file = -1};
    if (begin(out, path, why))
        return true;
    free(out->target);
    return false;
}

bool file_end(file_output *out, bool keep, refusal *why)
{
    bool done = keep;
    if (done && out->target) {
        mode_t mask = umask(0);
        umask(mask);
        if (fchmod(out->file, 0666 & ~mask) != 0 || fsync(out->file) != 0)
            done = refuse_write(why);
    }
    if (out->file != STDOUT_FILENO && close(out->file) != 0 && done)
        done = refuse_write(why);
    if (out->target)
        done = close_temporary(out->target, done, why) && done;
    free(out->target);
    return done;
}

bool file_write(const char *path, const file_part *parts, size_t count, refusal *why)
{
    file_output out;
    if (!file_begin(&out, path, why))
        return false;
    bool done = true;
    for (size_t i = 0; i < count && done; i++)
        done = file_append(&out, parts[i].data, parts[i].bytes, why);
    return file_end(&out, done, why);
}

/* ---- What writes to a path only --------------------------------------------------------------- */

const char *file_stage(const char *path, refusal *why)
{
    const char *parent = getenv("TMPDIR");
    if (!is_standard(path))
        return path;
    file_hold_signals(true);
    int length = snprintf(folder, sizeof folder, "%s/clact-XXXXXX", parent && *parent ? parent : "/tmp");
    bool made = length > 0 && (size_t)length < sizeof folder && mkdtemp(folder);
    if (made)
        snprintf(temporary, sizeof temporary, "%s/file", folder);
    else
        refuse_write(why);
    temporary_exists = made;
    file_hold_signals(false);
    return made ? temporary : NULL;
}

bool file_deliver(const char *path, refusal *why)
{
    void *bytes;
    size_t count;
    if (!is_standard(path))
        return true;
    bool done = file_read(&bytes, &count, temporary, why);
    remove_temporary();
    if (!done)
        return false;
    done = file_write(path, &(file_part){bytes, count}, 1, why);
    free(bytes);
    return done;
}
