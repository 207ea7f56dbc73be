/* plot.c: `clact plot`: activations, their derivatives and their errors as curves. */
#include "activation.h"
#include "chart.h"
#include "commands.h"
#include "file.h"
#include "measure.h"

#include <errno.h>
#include <float.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- Options -------------------------------------------------------------------------------- */

/* An activation as named, and how many parameters were given before it. */
typedef struct named {
    const clact_activation_info *info;
    size_t first_given;
} named;

/* An activation with one value for each of its parameters. */
typedef struct variant {
    const clact_activation_info *info;
    activation_options options;
    clact_activation *activation;
    char *label; /* what stands behind the name: "", or the parameters in brackets */
} variant;

typedef enum format { TERMINAL, SVG, PNG, CSV, DAT } format;

typedef struct plot_options {
    context_options context;
    activation_options activation;
    named *names;
    size_t name_count;
    variant *variants;
    size_t variant_count;
    double low, high, y_low, y_high; /* y_low is NaN: as the curves need it */
    int64_t points;
    bool derivative, error;
    format format;
    const char *path;
} plot_options;

enum { MOST_VARIANTS = 32, MOST_GIVEN = 64 };
enum { KEY_DERIVATIVE = 0x500, KEY_ERROR, KEY_RANGE, KEY_Y_RANGE, KEY_POINTS };

static const struct argp_option options_table[] = {
    {"derivative", KEY_DERIVATIVE, NULL, 0, "Draw the derivative too, dashed", 0},
    {"error", KEY_ERROR, NULL, 0,
     "Draw the largest error of f32 results in units in the last place, against the oracle of `clact check'", 0},
    {"range", KEY_RANGE, "LOW:HIGH", 0, "Of x (default -10:10)", 0},
    {"y-range", KEY_Y_RANGE, "LOW:HIGH", 0,
     "Of y. Default: as the curves need it, but what grows far beyond the range of x is cut off", 0},
    {"points", KEY_POINTS, "N", 0, "Lines of .csv and .dat files (default 401; with --error always 400)", 0},
    {"output", 'o', "FILE", 0,
     "Write an image (.svg, or .png by gnuplot) or the numbers (.csv, .dat); - is SVG on standard output. Default: draw "
     "in the terminal", 0},
    {0},
};

static void parse_range(const char *option, const char *text, double *low, double *high)
{
    const char *colon = strchr(text, ':');
    char *first = text_of("%.*s", colon ? (int)(colon - text) : 0, text);
    bool numbers = colon && parse_number(low, first) && parse_number(high, colon + 1);
    free(first);
    if (!numbers || !isfinite((float)*low) || !isfinite((float)*high) || (float)*low >= (float)*high)
        usage_error("--%s is two numbers that f32 holds, the smaller one first, such as -10:10, not '%s'", option,
                    text);
}

static format format_of(const char *path)
{
    static const char *const ends[] = {[SVG] = ".svg", [PNG] = ".png", [CSV] = ".csv", [DAT] = ".dat"};
    if (is_standard(path))
        return SVG;
    size_t length = strlen(path);
    for (format f = SVG; f <= DAT; f++)
        if (length > 4 && strcmp(path + length - 4, ends[f]) == 0)
            return f;
    usage_error("a plot's file ends in .svg, .png, .csv or .dat, and '%s' does not", path);
}

static void add_name(plot_options *options, const char *name)
{
    const clact_activation_info *info = find_activation(name);
    require_elementwise(info, "plot");
    options->names = reallocate(options->names, options->name_count + 1, sizeof *options->names);
    options->names[options->name_count++] = (named){info, options->activation.given_count};
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    plot_options *options = state->input;
    switch (key) {
    case KEY_DERIVATIVE:
        options->derivative = true;
        return 0;
    case KEY_ERROR:
        options->error = true;
        return 0;
    case KEY_RANGE:
        parse_range("range", value, &options->low, &options->high);
        return 0;
    case KEY_Y_RANGE:
        parse_range("y-range", value, &options->y_low, &options->y_high);
        return 0;
    case KEY_POINTS:
        if (!parse_integer(&options->points, value, 2, CHUNK))
            usage_error("--points is a number from 2 to %d, not '%s'", CHUNK, value);
        return 0;
    case 'o':
        options->path = value;
        options->format = format_of(value);
        return 0;
    case ARGP_KEY_ARG:
        add_name(options, value);
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        state->child_inputs[1] = &options->activation;
        return 0;
    case ARGP_KEY_ERROR:
        refuse_unknown_parameter(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- The activations ------------------------------------------------------------------------ */

/* Word i of a list with commas, to be freed; NULL behind the last. */
static char *word_of(const char *list, size_t i)
{
    for (; i > 0; i--) {
        list = strchr(list, ',');
        if (!list)
            return NULL;
        list++;
    }
    return text_of("%.*s", (int)strcspn(list, ","), list);
}

/* With word words[i] of each list. */
static void add_variant(plot_options *options, const clact_activation_info *info, const given_parameter *given,
                        size_t count, const size_t *words)
{
    if (options->variant_count == MOST_VARIANTS)
        usage_error("these are more than %d functions", MOST_VARIANTS);
    variant v = {.info = info, .options = options->activation, .label = text_of("%s", "")};
    v.options.given = allocate(count, sizeof *v.options.given);
    v.options.given_count = count;
    for (size_t i = 0; i < count; i++) {
        char *value = word_of(given[i].value, words[i]), *before = v.label;
        v.options.given[i] = (given_parameter){given[i].option, value};
        v.label = text_of("%s%s%s=%s%s", before, i ? ", " : "(", given[i].option, value, i + 1 < count ? "" : ")");
        free(before);
    }
    v.activation = create_activation(info, &v.options);
    if (v.options.file_count)
        usage_error("plot takes numbers as parameters, not files");
    options->variants = reallocate(options->variants, options->variant_count + 1, sizeof *options->variants);
    options->variants[options->variant_count++] = v;
}

/* A variant for each combination of the words of the lists. */
static void add_variants(plot_options *options, const clact_activation_info *info, const given_parameter *given,
                         size_t count)
{
    size_t words[MOST_GIVEN] = {0}, turned = 0;
    while (turned == 0 || turned <= count) {
        add_variant(options, info, given, count, words);
        for (turned = 1; turned <= count; turned++) {
            char *next = word_of(given[count - turned].value, ++words[count - turned]);
            free(next);
            if (next)
                break;
            words[count - turned] = 0;
        }
    }
}

/* The parameters of a name: those behind it and, of those before the first name, what it has and is not given. */
static void add_named(plot_options *options, size_t index)
{
    const named *name = &options->names[index];
    const given_parameter *all = options->activation.given;
    bool is_last = index + 1 == options->name_count;
    size_t count = 0, end = is_last ? options->activation.given_count : options->names[index + 1].first_given;
    given_parameter given[MOST_GIVEN];
    if (options->activation.given_count > MOST_GIVEN)
        usage_error("these are more than %d parameters", MOST_GIVEN);
    for (size_t i = name->first_given; i < end; i++)
        given[count++] = all[i];
    size_t own = count;
    for (size_t i = 0; i < options->names[0].first_given; i++) {
        const clact_parameter_info *parameter = find_parameter(name->info, all[i].option);
        bool is_given = !parameter;
        for (size_t k = 0; k < own; k++)
            is_given |= parameter && find_parameter(name->info, given[k].option) == parameter;
        if (!is_given)
            given[count++] = all[i];
    }
    add_variants(options, name->info, given, count);
}

/* A parameter before the first name is one of some activation named. */
static void refuse_common_parameters(const plot_options *options)
{
    for (size_t i = 0; i < options->names[0].first_given; i++) {
        bool known = false;
        for (size_t k = 0; k < options->name_count; k++)
            known |= find_parameter(options->names[k].info, options->activation.given[i].option) != NULL;
        if (!known)
            usage_error("none of the activations has a parameter --%s", options->activation.given[i].option);
    }
}

static void parse(plot_options *options, int argc, char **argv)
{
    const struct argp_child children[] = {{&context_argp, 0, NULL, 0}, {activation_argp(), 0, NULL, 0}, {0}};
    const struct argp argp = {
        options_table, parse_option, "NAME ...",
        "Draws activations over a range of x, computed on the device. A parameter is for the activation that it stands "
        "behind; before the first one it is for all that have it. With several values, as in --alpha=0.1,1,2, each has "
        "a curve of its own.\v"
        "Examples:\n"
        "  clact plot gelu silu --derivative\n"
        "  clact plot elu --alpha=0.5,1,2 --range=-5:2 -o elu.svg",
        children, NULL, NULL};
    *options = (plot_options){.low = -10, .high = 10, .y_low = NAN, .points = 401};
    parse_arguments("plot", &argp, argc, argv, options);
    if (!options->name_count)
        usage_error("the name of an activation is missing");
    if (options->error && options->activation.semantics != CLACT_DOCUMENTED)
        usage_error("--error is for documented semantics: there is no oracle of TensorFlow's");
    refuse_common_parameters(options);
    for (size_t i = 0; i < options->name_count; i++)
        add_named(options, i);
}

static void free_options(plot_options *options)
{
    for (size_t i = 0; i < options->variant_count; i++) {
        variant *v = &options->variants[i];
        for (size_t k = 0; k < v->options.given_count; k++)
            free((char *)(uintptr_t)v->options.given[k].value);
        free_activation_options(&v->options);
        clact_activation_destroy(&v->activation);
        free(v->label);
    }
    free(options->variants);
    free(options->names);
    free_activation_options(&options->activation);
}

/* ---- Curves --------------------------------------------------------------------------------- */

/* Drawn are many points for each pixel, so that jumps are seen. Errors are the largest of so many inputs each. */
enum { DRAWN_POINTS = 4001, ERROR_POINTS = 400, ERROR_INPUTS = 256 };

/* Inputs, and what a curve is made from. */
typedef struct samples {
    runner runner;
    size_t count;
    float *x, *dy, *out;
} samples;

static void run_samples(samples *s, const variant *v, direction d)
{
    require_ok(runner_run(&s->runner, v->activation, d, CLACT_F32, s->count, s->x, s->dy, s->out));
}

static double between(const plot_options *options, double share)
{
    return options->low + (options->high - options->low) * share;
}

/* The ends and what lies evenly between them; or parts of the range and, for each, inputs within it. */
static void make_inputs(const plot_options *options, samples *s, chart *c)
{
    for (size_t i = 0; i < c->points; i++) {
        if (!options->error) {
            s->x[i] = (float)between(options, (double)i / (double)(c->points - 1));
            c->x[i] = s->x[i];
            continue;
        }
        c->x[i] = between(options, ((double)i + 0.5) / (double)c->points);
        for (size_t k = 0; k < ERROR_INPUTS; k++) {
            double golden = (double)(k + 1) * 0.6180339887498949; /* its multiples fill the unit interval evenly */
            double share = ((double)i + golden - floor(golden)) / (double)c->points;
            s->x[i * ERROR_INPUTS + k] = (float)between(options, share);
        }
    }
    for (size_t i = 0; i < s->count; i++)
        s->dy[i] = 1;
}

static void find_errors(const samples *s, const variant *v, direction d, double *largest)
{
    oracle o;
    double exact[ERROR_INPUTS], term[ERROR_INPUTS];
    clact_parameter *parameters = given_parameters(&v->options);
    if (oracle_make(&o, v->info, parameters, v->options.given_count, CLACT_F32) != 0)
        fail(CLI_FAILED, "there is no oracle for %s", v->info->name);
    free_given_parameters(parameters, v->options.given_count);
    for (size_t first = 0; first < s->count; first += ERROR_INPUTS) {
        double *most = &largest[first / ERROR_INPUTS];
        oracle_values(&o, d, ERROR_INPUTS, s->x + first, exact, term);
        for (size_t i = 0; i < ERROR_INPUTS; i++) {
            int cancels = oracle_cancels(exact[i], term[i]);
            double error = error_of(CLACT_F32, s->out[first + i], exact[i], term[i], cancels);
            *most = error > *most ? error : *most;
        }
    }
}

static void add_curve(const plot_options *options, samples *s, chart *c, size_t index, direction d)
{
    const variant *v = &options->variants[index];
    curve *added = &c->curves[c->count++];
    added->y = allocate(c->points, sizeof *added->y);
    added->colour = index % CHART_COLOURS;
    added->dashed = d == DERIVATIVE;
    const char *prime = d == DERIVATIVE ? "'" : "";
    run_samples(s, v, d);
    if (options->error) {
        double bound = stated_bound(v->info, d, CLACT_F32);
        added->label = text_of("%s%s%s, bound %g", v->info->name, prime, v->label, bound);
        find_errors(s, v, d, added->y);
        return;
    }
    added->label = text_of("%s%s%s", v->info->name, prime, v->label);
    for (size_t i = 0; i < c->points; i++)
        added->y[i] = s->out[i];
}

static void fit(const plot_options *options, chart *c)
{
    double reach = fmax(1, fmax(fabs(options->low), fabs(options->high)));
    chart_fit(c, options->error ? INFINITY : reach);
    if (options->error)
        c->y_low = 0;
    for (size_t k = 0; c->jagged && k < c->count; k++)
        for (size_t i = 0; i < c->points; i++)
            if (isinf(c->curves[k].y[i]))
                c->curves[k].y[i] = 2 * c->y_high; /* a line that leaves the chart, not a gap */
    if (!isnan(options->y_low)) {
        c->y_low = options->y_low;
        c->y_high = options->y_high;
    }
}

static void make_chart(chart *c, const plot_options *options)
{
    bool drawn = options->format != CSV && options->format != DAT;
    size_t points = options->error ? ERROR_POINTS : drawn ? DRAWN_POINTS : (size_t)options->points;
    *c = (chart){.points = points, .x_low = options->low, .x_high = options->high,
                 .jagged = options->error && drawn, .y_title = options->error ? "error in ulp" : NULL};
    samples s = {.count = options->error ? points * ERROR_INPUTS : points};
    clact_context *context = open_context(&options->context);
    require_ok(runner_open(&s.runner, context, context_caps(context).backend == CLACT_BACKEND_OPENCL));
    s.x = allocate(s.count, sizeof *s.x);
    s.dy = allocate(s.count, sizeof *s.dy);
    s.out = allocate(s.count, sizeof *s.out);
    c->x = allocate(points, sizeof *c->x);
    c->curves = allocate(2 * options->variant_count, sizeof *c->curves);
    make_inputs(options, &s, c);
    for (size_t i = 0; i < options->variant_count; i++)
        for (int d = FORWARD; d <= (options->derivative ? DERIVATIVE : FORWARD); d++)
            add_curve(options, &s, c, i, d);
    fit(options, c);
    free(s.x);
    free(s.dy);
    free(s.out);
    runner_close(&s.runner);
    clact_close(&context);
}

/* ---- Output --------------------------------------------------------------------------------- */

static void draw_in_terminal(const chart *c)
{
    struct winsize size;
    bool is_terminal = isatty(STDOUT_FILENO), colourless = getenv("NO_COLOR") && getenv("NO_COLOR")[0];
    const char *kind = getenv("TERM");
    terminal t = {.columns = 80, .rows = 24};
    if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        t.columns = size.ws_col;
        t.rows = size.ws_row;
    }
    setlocale(LC_CTYPE, "");
    t.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    t.colours = is_terminal && !colourless && kind && strcmp(kind, "dumb") != 0;
    t.marks = !t.unicode || (c->count > 1 && !t.colours);
    chart_terminal(stdout, c, &t);
}

static void *text_of_chart(const chart *c, format f, size_t *bytes)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, bytes);
    if (to && f == SVG)
        chart_svg(to, c);
    else if (to)
        chart_table(to, c, f == CSV);
    if (!to || fclose(to) != 0)
        fail(CLI_FAILED, "out of memory");
    return text;
}

static void write_whole(const char *path, const void *data, size_t bytes)
{
    refusal why;
    file_part part = {data, bytes};
    if (!file_write(path, &part, 1, &why))
        fail(CLI_FAILED, "%s %s", is_standard(path) ? "standard output" : path, why.text);
}

/* Without gnuplot there is no image: its numbers are left in a file beside it, unless there is one of that name. */
static _Noreturn void write_numbers_instead(const chart *c, const plot_options *options, const char *reason)
{
    char *path = text_of("%.*s.dat", (int)(strlen(options->path) - strlen(".png")), options->path);
    if (access(path, F_OK) == 0)
        fail(CLI_FAILED, "PNG is drawn by gnuplot, which cannot be started: %s; -o FILE.svg, and the numbers as "
             "-o FILE.csv or -o FILE.dat, need nothing", reason);
    size_t bytes;
    const void *numbers = text_of_chart(c, DAT, &bytes);
    write_whole(path, numbers, bytes);
    fail(CLI_FAILED, "PNG is drawn by gnuplot, which cannot be started: %s; the numbers are in %s instead, and "
         "-o FILE.svg needs nothing", reason, path);
}

static void write_chart(const chart *c, const plot_options *options)
{
    size_t bytes;
    void *data = options->format == PNG ? chart_png(c, &bytes) : text_of_chart(c, options->format, &bytes);
    if (!data)
        write_numbers_instead(c, options, strerror(errno));
    write_whole(options->path, data, bytes);
    free(data);
}

int command_plot(int argc, char **argv)
{
    plot_options options;
    chart c;
    parse(&options, argc, argv);
    make_chart(&c, &options);
    if (options.format == TERMINAL)
        draw_in_terminal(&c);
    else
        write_chart(&c, &options);
    chart_free(&c);
    free_options(&options);
    return finish_stdout(CLI_DONE);
}
