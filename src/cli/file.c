/* file.c: reads whole files, and writes results that appear complete or not at all. */
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

bool file_read(void **out, size_t *bytes, const char *path, refusal *why)
{
    struct stat status;
    int file = is_standard(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0) {
        refuse(why, "cannot be opened: %s", strerror(errno));
        if (file > STDIN_FILENO)
            close(file);
        return false;
    }
    size_t hint = S_ISREG(status.st_mode) ? (size_t)status.st_size : 0;
    bool done = hint < SSIZE_MAX ? read_all(file, hint, out, bytes, why)
                                 : refuse(why, "is too large for the memory there is");
    if (file != STDIN_FILENO)
        close(file);
    return done;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* The temporary file there is now, for the signal handler. */
static char temporary[PATH_MAX];
static volatile sig_atomic_t temporary_exists;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING_COUNT = sizeof ending_signals / sizeof ending_signals[0] };

/* Removes the temporary file and lets the signal do what it does by default. */
static void remove_and_end(int number)
{
    if (temporary_exists)
        unlink(temporary);
    signal(number, SIG_DFL);
    raise(number);
}

/* Signals that the caller of the program has set to be ignored stay so; exceeding a limit of file
 * size becomes an error of write. */
static void watch_signals(void)
{
    for (int i = 0; i < ENDING_COUNT; i++) {
        struct sigaction action, old;
        memset(&action, 0, sizeof action);
        action.sa_handler = remove_and_end;
        sigemptyset(&action.sa_mask);
        if (sigaction(ending_signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ending_signals[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN);
}

static void hold_signals(sigset_t *old)
{
    sigset_t held;
    sigemptyset(&held);
    for (int i = 0; i < ENDING_COUNT; i++)
        sigaddset(&held, ending_signals[i]);
    sigprocmask(SIG_BLOCK, &held, old);
}

static void release_signals(const sigset_t *old)
{
    sigprocmask(SIG_SETMASK, old, NULL);
}

static bool refuse_write(refusal *why)
{
    return refuse(why, "cannot be written: %s", strerror(errno));
}

static bool write_parts(int file, const file_part *parts, size_t count, refusal *why)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = parts[i].data;
        size_t left = parts[i].bytes;
        while (left > 0) {
            ssize_t written = write(file, at, left < SSIZE_MAX ? left : SSIZE_MAX);
            if (written < 0 && errno != EINTR)
                return refuse_write(why);
            if (written > 0) {
                at += written;
                left -= (size_t)written;
            }
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
    sigset_t old;
    hold_signals(&old);
    int file = mkstemp(temporary);
    temporary_exists = file >= 0;
    release_signals(&old);
    return file;
}

/* Gives the temporary file its name, or removes it. */
static bool close_temporary(const char *target, bool keep, refusal *why)
{
    sigset_t old;
    hold_signals(&old);
    bool named = keep && rename(temporary, target) == 0;
    if (keep && !named)
        refuse_write(why);
    if (!named)
        unlink(temporary);
    temporary_exists = 0;
    release_signals(&old);
    return named;
}

static bool write_new(const char *target, const file_part *parts, size_t count, refusal *why)
{
    watch_signals();
    int file = open_temporary(target);
    if (file < 0)
        return refuse_write(why);
    mode_t mask = umask(0);
    umask(mask);
    bool done = write_parts(file, parts, count, why);
    if (done && (fchmod(file, 0666 & ~mask) != 0 || fsync(file) != 0))
        done = refuse_write(why);
    if (close(file) != 0 && done)
        done = refuse_write(why);
    return close_temporary(target, done, why) && done;
}

static bool write_directly(int file, const file_part *parts, size_t count, refusal *why)
{
    signal(SIGXFSZ, SIG_IGN);
    if (file < 0)
        return refuse_write(why);
    bool done = write_parts(file, parts, count, why);
    if (file != STDOUT_FILENO && close(file) != 0 && done)
        done = refuse_write(why);
    return done;
}

bool file_write(const char *path, const file_part *parts, size_t count, refusal *why)
{
    struct stat status;
    if (is_standard(path))
        return write_directly(STDOUT_FILENO, parts, count, why);
    if (stat(path, &status) != 0)
        return write_new(path, parts, count, why);
    if (!S_ISREG(status.st_mode))
        return write_directly(open(path, O_WRONLY | O_CLOEXEC), parts, count, why);
    if (access(path, W_OK) != 0)
        return refuse_write(why);
    char *target = realpath(path, NULL); /* a link stays, the file it leads to is replaced */
    if (!target)
        return refuse_write(why);
    bool done = write_new(target, parts, count, why);
    free(target);
    return done;
}
