/* cache.c: the disk cache: a folder of entries, each a file that is named by the hash of its key. */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".clact"
#define NAME_LENGTH (CLACT_HASH - 1 + sizeof SUFFIX - 1)
#define STALE_SECONDS 3600 /* a file that is being written is not older */

/* ---- The folder ----------------------------------------------------------------------------- */

bool clact_cache_place(const char *option, char path[CLACT_CACHE_PATH], char reason[CLACT_CACHE_REASON])
{
    const char *from = "options.cache", *behind = "";
    const char *folder = option && *option ? option : NULL;
    *reason = 0;
    if (!folder)
        folder = clact_environment(from = "CLACT_CACHE_DIR");
    if (folder && strcmp(folder, "disabled") == 0)
        return false;
    if (!folder) {
        behind = "/clact";
        folder = clact_environment(from = "XDG_CACHE_HOME");
        if (folder && *folder != '/')
            folder = NULL; /* as the XDG specification has it */
    }
    if (!folder) {
        behind = "/.cache/clact";
        folder = clact_environment(from = "HOME");
    }
    if (!folder)
        snprintf(reason, CLACT_CACHE_REASON, "there is no HOME");
    else if (*folder != '/')
        snprintf(reason, CLACT_CACHE_REASON, "%s is not an absolute path: %.200s", from, folder);
    else if (snprintf(path, CLACT_CACHE_PATH, "%s%s", folder, behind) >= CLACT_CACHE_PATH)
        snprintf(reason, CLACT_CACHE_REASON, "%s is too long", from);
    else
        return true;
    return false;
}

/* Makes what is missing of a path. */
static void make_folders(const char *path)
{
    char part[CLACT_CACHE_PATH];
    for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        mkdir(part, 0700);
    }
    mkdir(path, 0700);
}

/* Programs from a folder that others may write to would run as this user. */
static bool is_private(int fd, const char *path, char *reason)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        snprintf(reason, CLACT_CACHE_REASON, "%.300s: %s", path, strerror(errno));
    else if (info.st_uid != geteuid())
        snprintf(reason, CLACT_CACHE_REASON, "%.300s belongs to another user", path);
    else if (info.st_mode & (S_IWGRP | S_IWOTH))
        snprintf(reason, CLACT_CACHE_REASON, "%.300s can be written by others: mode %03o", path, info.st_mode & 0777u);
    else
        return true;
    return false;
}

/* -1: reason says why, "" where there is no folder and none is to be made. */
static int open_folder(const char *path, bool make, char *reason)
{
    const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    *reason = 0;
    int fd = open(path, how);
    if (fd < 0 && errno == ENOENT) {
        if (!make)
            return -1;
        make_folders(path);
        fd = open(path, how);
    }
    if (fd < 0) {
        struct stat info;
        bool link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
        snprintf(reason, CLACT_CACHE_REASON, "%.300s: %s", path, link ? "it is a symbolic link" : strerror(errno));
        return -1;
    }
    if (is_private(fd, path, reason))
        return fd;
    close(fd);
    return -1;
}

/* ---- The files in it ------------------------------------------------------------------------ */

static void name_of(const char *key, char out[NAME_LENGTH + 1])
{
    char hash[CLACT_HASH];
    clact_hash(key, strlen(key), hash);
    snprintf(out, NAME_LENGTH + 1, "%s%s", hash, SUFFIX);
}

/* Other files are none of ours, and left alone. */
static bool is_ours(const char *name)
{
    return strspn(name, "0123456789abcdef") == CLACT_HASH - 1 && strncmp(name + CLACT_HASH - 1, SUFFIX, strlen(SUFFIX)) == 0;
}

static bool is_entry(const char *name)
{
    return is_ours(name) && strlen(name) == NAME_LENGTH;
}

struct file {
    char name[NAME_LENGTH + 1];
    uint64_t bytes;
    struct timespec used;
};

struct listing {
    struct file *files;
    size_t count, room;
    uint64_t bytes;
    bool cut; /* there was no memory for all */
};

static void add_file(struct listing *l, const char *name, const struct stat *info)
{
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct file *files = realloc(l->files, room * sizeof *files);
        if (!files) {
            l->cut = true;
            return;
        }
        l->files = files;
        l->room = room;
    }
    struct file *f = &l->files[l->count++];
    memcpy(f->name, name, sizeof f->name);
    f->bytes = (uint64_t)info->st_size;
    f->used = info->st_mtim;
    l->bytes += f->bytes;
}

/* The entries. What was being written when its process ended is removed; all of that, where asked to. */
static struct listing list_files(int folder, bool all_unfinished)
{
    struct listing l = {0};
    int fd = dup(folder);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        l.cut = true;
        return l;
    }
    rewinddir(d);
    for (struct dirent *e; (e = readdir(d));) {
        struct stat info;
        if (!is_ours(e->d_name) || fstatat(folder, e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(info.st_mode))
            continue;
        if (is_entry(e->d_name))
            add_file(&l, e->d_name, &info);
        else if (all_unfinished || time(NULL) - info.st_mtim.tv_sec > STALE_SECONDS)
            unlinkat(folder, e->d_name, 0);
    }
    closedir(d);
    return l;
}

static int by_age(const void *a, const void *b)
{
    const struct timespec *s = &((const struct file *)a)->used, *t = &((const struct file *)b)->used;
    if (s->tv_sec != t->tv_sec)
        return s->tv_sec < t->tv_sec ? -1 : 1;
    return (s->tv_nsec > t->tv_nsec) - (s->tv_nsec < t->tv_nsec);
}

/* Down to three quarters, so that not every entry added removes one. */
static void keep_limit(int folder, uint64_t limit)
{
    struct listing l = list_files(folder, false);
    if (l.bytes > limit) {
        qsort(l.files, l.count, sizeof *l.files, by_age);
        for (size_t i = 0; i < l.count && l.bytes > limit / 4 * 3; i++)
            if (unlinkat(folder, l.files[i].name, 0) == 0)
                l.bytes -= l.files[i].bytes;
    }
    free(l.files);
}

/* ---- Entries -------------------------------------------------------------------------------- */

unsigned char *clact_cache_wrap(const char *key, const void *payload, size_t payload_length, size_t *length)
{
    struct clact_container entry = {key, strlen(key), payload, payload_length};
    return clact_container_make(CLACT_CONTAINER_ENTRY, &entry, length);
}

/* Keys of one hash are told apart: the entry has the whole key. */
bool clact_cache_unwrap(unsigned char *bytes, size_t *length, const char *key, char reason[CLACT_CACHE_REASON])
{
    struct clact_container entry;
    const char *wrong = clact_container_read(CLACT_CONTAINER_ENTRY, bytes, *length, &entry);
    if (!wrong && (entry.key_length != strlen(key) || memcmp(entry.key, key, entry.key_length) != 0))
        wrong = "has another key";
    if (wrong) {
        snprintf(reason, CLACT_CACHE_REASON, "a cached program %s", wrong);
        return false;
    }
    *length = entry.payload_length;
    memmove(bytes, entry.payload, entry.payload_length);
    return true;
}

/* Whether a file was not read for a reason that is the process's, and not the file's. */
static bool is_passing(int code)
{
    return code == ENOMEM || code == EMFILE || code == ENFILE;
}

static unsigned char *read_entry(int folder, const char *key, size_t *length, char *reason)
{
    char name[NAME_LENGTH + 1];
    name_of(key, name);
    unsigned char *bytes = clact_file_read(folder, name, false, length);
    if (!bytes && errno == ENOENT)
        return NULL;
    const int code = bytes ? 0 : errno;
    if (!bytes)
        snprintf(reason, CLACT_CACHE_REASON, "a cached program cannot be read: %s", code ? strerror(code) : "it is no file");
    if (is_passing(code))
        return NULL;
    if (!bytes || !clact_cache_unwrap(bytes, length, key, reason)) {
        free(bytes);
        unlinkat(folder, name, 0);
        return NULL;
    }
    utimensat(folder, name, NULL, AT_SYMLINK_NOFOLLOW); /* the oldest to go are those not used for longest */
    return bytes;
}

unsigned char *clact_cache_read(const char *path, const char *key, size_t *length, char reason[CLACT_CACHE_REASON])
{
    int folder = open_folder(path, false, reason);
    if (folder < 0)
        return NULL;
    unsigned char *bytes = read_entry(folder, key, length, reason);
    close(folder);
    return bytes;
}

bool clact_cache_write(const char *path, const char *key, const void *payload, size_t length,
                       char reason[CLACT_CACHE_REASON])
{
    char name[NAME_LENGTH + 1];
    size_t size;
    unsigned char *bytes = clact_cache_wrap(key, payload, length, &size);
    int folder = bytes ? open_folder(path, true, reason) : -1;
    bool good = false;
    if (folder >= 0) {
        name_of(key, name);
        good = clact_file_write(folder, name, bytes, size, 0600);
        if (!good)
            snprintf(reason, CLACT_CACHE_REASON, "%.300s: %s", path, strerror(errno));
        keep_limit(folder, CLACT_CACHE_LIMIT);
        close(folder);
    }
    free(bytes);
    return good;
}

void clact_cache_remove(const char *path, const char *key)
{
    char name[NAME_LENGTH + 1], reason[CLACT_CACHE_REASON];
    int folder = open_folder(path, false, reason);
    if (folder < 0)
        return;
    name_of(key, name);
    unlinkat(folder, name, 0);
    close(folder);
}

/* ---- For people ----------------------------------------------------------------------------- */

/* Opens what directory names, for a call that needs it: -1 with CLACT_OK where there is nothing in it yet. */
static clact_status open_named(const char *directory, int *folder)
{
    char path[CLACT_CACHE_PATH], reason[CLACT_CACHE_REASON];
    REQUIRE(clact_cache_place(directory, path, reason), CLACT_E_UNSUPPORTED, "the program cache is off%s%s",
            *reason ? ": " : "", reason);
    *folder = open_folder(path, false, reason);
    REQUIRE(*folder >= 0 || !*reason, CLACT_E_UNSUPPORTED, "the program cache is off: %s", reason);
    return CLACT_OK;
}

static clact_status whole(const struct listing *l)
{
    REQUIRE(!l->cut, CLACT_E_MEMORY, "out of memory");
    return CLACT_OK;
}

clact_status clact_cache_show(clact_cache_info *out, const char *directory)
{
    REQUIRE(out, CLACT_E_ARGUMENT, "out must not be NULL");
    char path[CLACT_CACHE_PATH] = "", reason[CLACT_CACHE_REASON];
    clact_cache_info info = {.limit = CLACT_CACHE_LIMIT};
    bool named = clact_cache_place(directory, path, reason);
    int folder = named ? open_folder(path, false, reason) : -1;
    info.usable = folder >= 0 || (named && !*reason);
    snprintf(info.directory, sizeof info.directory, "%.*s", (int)sizeof info.directory - 1, path);
    snprintf(info.reason, sizeof info.reason, "%.*s", (int)sizeof info.reason - 1,
             named || *reason ? reason : "it is disabled");
    clact_status status = CLACT_OK;
    if (folder >= 0) {
        struct listing l = list_files(folder, false);
        info.entries = l.count;
        info.bytes = l.bytes;
        status = whole(&l);
        free(l.files);
        close(folder);
    }
    if (status == CLACT_OK)
        *out = info;
    return status;
}

clact_status clact_cache_clear(const char *directory, uint64_t *removed)
{
    int folder = -1;
    uint64_t count = 0, kept = 0;
    TRY(open_named(directory, &folder));
    clact_status status = CLACT_OK;
    if (folder >= 0) {
        struct listing l = list_files(folder, true);
        status = whole(&l);
        for (size_t i = 0; i < l.count; i++)
            *(unlinkat(folder, l.files[i].name, 0) == 0 || errno == ENOENT ? &count : &kept) += 1;
        free(l.files);
        close(folder);
    }
    TRY(status);
    REQUIRE(!kept, CLACT_E_UNSUPPORTED, "%llu files of the program cache could not be removed", (unsigned long long)kept);
    if (removed)
        *removed = count;
    return CLACT_OK;
}

/* Whether a file is an entry of the name that its key has. */
static clact_status is_sound(int folder, const char *name, bool *sound)
{
    struct clact_container entry;
    size_t length;
    char hash[CLACT_HASH] = "";
    unsigned char *bytes = clact_file_read(folder, name, false, &length);
    REQUIRE(bytes || !is_passing(errno), CLACT_E_MEMORY, "an entry of the program cache cannot be read: %s", strerror(errno));
    *sound = bytes && !clact_container_read(CLACT_CONTAINER_ENTRY, bytes, length, &entry);
    if (*sound)
        clact_hash(entry.key, entry.key_length, hash);
    free(bytes);
    *sound = *sound && strncmp(name, hash, CLACT_HASH - 1) == 0;
    return CLACT_OK;
}

clact_status clact_cache_verify(const char *directory, uint64_t *checked, uint64_t *removed)
{
    int folder = -1;
    uint64_t all = 0, bad = 0;
    TRY(open_named(directory, &folder));
    clact_status status = CLACT_OK;
    if (folder >= 0) {
        struct listing l = list_files(folder, false);
        all = l.count;
        status = whole(&l);
        for (size_t i = 0; i < l.count && status == CLACT_OK; i++) {
            bool sound = true;
            status = is_sound(folder, l.files[i].name, &sound);
            bad += !sound && unlinkat(folder, l.files[i].name, 0) == 0;
        }
        free(l.files);
        close(folder);
    }
    TRY(status);
    if (checked)
        *checked = all;
    if (removed)
        *removed = bad;
    return CLACT_OK;
}
