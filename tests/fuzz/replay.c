/* replay.c: runs a target on every file of the folders named, for builds without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

/* The bytes lie in memory of just their size, so that a sanitizer sees what is read behind them. */
static void run(const char *path)
{
    FILE *f = fopen(path, "rb");
    HOLDS(f && fseek(f, 0, SEEK_END) == 0);
    long size = ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(size ? (size_t)size : 1);
    HOLDS(size >= 0 && bytes && fread(bytes, 1, (size_t)size, f) == (size_t)size && fclose(f) == 0);
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        HOLDS(folder);
        for (struct dirent *e; (e = readdir(folder));) {
            char path[PATH_MAX];
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            fprintf(stderr, "%s\n", path); /* the last one, where it ends here */
            run(path);
            count++;
        }
        closedir(folder);
    }
    printf("%d files\n", count);
    return count ? 0 : 1;
}
