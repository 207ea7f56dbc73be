/* chart_png.c: a chart as a PNG image, drawn by gnuplot. */
#include "chart.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A block of data for each curve; a blank line breaks a line. */
static void print_data(FILE *to, const chart *p)
{
    for (size_t k = 0; k < p->count; k++) {
        const curve *c = &p->curves[k];
        fprintf(to, "$curve%zu << END\n", k);
        for (size_t i = 0; i < p->points; i++) {
            if (isfinite(c->y[i]))
                fprintf(to, "%.9g %.9g\n", p->x[i], c->y[i]);
            if (i + 1 < p->points && chart_breaks(p, c, i))
                fputc('\n', to);
        }
        fputs("END\n", to);
    }
}

static void print_script(FILE *to, const chart *p)
{
    print_data(to, p);
    fputs("set terminal pngcairo size 960,640 font 'sans,12' noenhanced\n"
          "set grid\nset key outside top center horizontal\nset zeroaxis linetype -1\n", to);
    fprintf(to, "set xrange [%.17g:%.17g]\nset yrange [%.17g:%.17g]\n", p->x_low, p->x_high, p->y_low, p->y_high);
    if (p->y_title)
        fprintf(to, "set ylabel '%s'\n", p->y_title);
    for (size_t k = 0; k < p->count; k++) {
        const curve *c = &p->curves[k];
        fprintf(to, "%s $curve%zu with lines linewidth 2 dashtype %d linecolor rgb '%s' title \"%s\"",
                k ? "," : "plot", k, c->dashed ? 2 : 1, chart_colours[0][c->colour], c->label);
    }
    fputc('\n', to);
}

/* A file without a name, which is gone when it is closed. */
static FILE *open_nameless(void)
{
    FILE *file = tmpfile();
    if (!file)
        fail(CLI_FAILED, "a temporary file cannot be made: %s", strerror(errno));
    return file;
}

/* What gnuplot makes of the script, as a file; NULL where it cannot be started. Its words go to stderr. */
static FILE *run_gnuplot(FILE *script)
{
    FILE *image = open_nameless();
    char *arguments[] = {"gnuplot", "-", NULL};
    posix_spawn_file_actions_t actions;
    pid_t process;
    int status, error = posix_spawn_file_actions_init(&actions);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(image), STDOUT_FILENO);
    if (!error)
        error = posix_spawnp(&process, arguments[0], &actions, NULL, arguments, environ);
    if (error) {
        fclose(image);
        errno = error;
        return NULL;
    }
    posix_spawn_file_actions_destroy(&actions);
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR)
            fail(CLI_FAILED, "gnuplot cannot be waited for: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail(CLI_FAILED, "gnuplot failed; -o FILE.svg, and the numbers as -o FILE.csv or -o FILE.dat, need nothing");
    return image;
}

void *chart_png(const chart *p, size_t *bytes)
{
    FILE *script = open_nameless();
    print_script(script, p);
    if (fflush(script) != 0 || ferror(script) || fseek(script, 0, SEEK_SET) != 0)
        fail(CLI_FAILED, "the script for gnuplot cannot be written: %s", strerror(errno));
    FILE *image = run_gnuplot(script);
    int error = errno;
    fclose(script);
    errno = error;
    if (!image)
        return NULL;
    long size = fseek(image, 0, SEEK_END) == 0 ? ftell(image) : -1;
    if (size <= 0 || fseek(image, 0, SEEK_SET) != 0)
        fail(CLI_FAILED, "gnuplot made no image");
    void *data = allocate((size_t)size, 1);
    *bytes = fread(data, 1, (size_t)size, image);
    fclose(image);
    if (*bytes != (size_t)size)
        fail(CLI_FAILED, "the image of gnuplot cannot be read");
    return data;
}
