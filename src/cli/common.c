/* common.c: messages, exit codes, options, numbers and the context, for all commands. */
#include "common.h"

#include "suggest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Messages ------------------------------------------------------------------------------- */

/* Whose --help a usage error points to; NULL: that of the program. */
static const char *current_command;

const char *colour(FILE *to, colour_name which)
{
    static const char *const sequences[] = {"\033[0m", "\033[32m", "\033[1;31m"};
    const char *off = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool shown = isatty(fileno(to)) && !(off && *off) && terminal && strcmp(terminal, "dumb") != 0;
    return shown ? sequences[which] : "";
}

static void say(bool failure, const char *format, va_list arguments, const char *end)
{
    fflush(stdout);
    progress_clear();
    if (failure)
        fprintf(stderr, "%sclact:%s ", colour(stderr, COLOUR_BAD), colour(stderr, COLOUR_NONE));
    else
        fputs("clact: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs(end, stderr);
}

void warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(false, format, arguments, "\n");
    va_end(arguments);
}

void fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(true, format, arguments, "\n");
    va_end(arguments);
    exit(code);
}

void usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(true, format, arguments, "");
    va_end(arguments);
    if (current_command)
        fprintf(stderr, " (see clact %s --help)\n", current_command);
    else
        fputs(" (see clact --help)\n", stderr);
    exit(CLI_USAGE);
}

int exit_code(clact_status status)
{
    switch (status) {
    case CLACT_OK:
        return CLI_DONE;
    case CLACT_E_NAME:
    case CLACT_E_RANGE:
        return CLI_USAGE;
    case CLACT_E_NO_DEVICE:
        return CLI_NO_DEVICE;
    default:
        return CLI_FAILED;
    }
}

void require_ok(clact_status status)
{
    if (status != CLACT_OK)
        fail(exit_code(status), "%s", clact_error());
}

void divert_words(bool divert)
{
    static int data = -1;
    fflush(stdout);
    if (divert)
        data = dup(STDOUT_FILENO);
    if (data < 0 || dup2(divert ? STDERR_FILENO : data, STDOUT_FILENO) < 0)
        fail(CLI_FAILED, "standard output cannot be duplicated: %s", strerror(errno));
    if (!divert)
        close(data);
}

int finish_stdout(int code)
{
    static bool told;
    if (told)
        return CLI_FAILED;
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    told = true;
    warn("standard output cannot be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
    return CLI_FAILED;
}

/* ---- Progress ------------------------------------------------------------------------------- */

static bool progress_shown;

static char *time_text(double seconds)
{
    long minutes = (long)(seconds / 60 + 0.5);
    if (seconds < 99.5)
        return text_of("%.0f s", seconds);
    return minutes < 60 ? text_of("%ld min", minutes) : text_of("%ld h %ld min", minutes / 60, minutes % 60);
}

void progress_show(time_t start, double share, const char *format, ...)
{
    double spent = difftime(time(NULL), start);
    if (spent < 1 || !(share > 0) || !isatty(STDERR_FILENO))
        return;
    va_list arguments;
    va_start(arguments, format);
    char *what = text_of_list(format, arguments), *left = time_text(spent / share - spent);
    va_end(arguments);
    fprintf(stderr, "\r\033[K%s: %.0f %%, %s left", what, 100 * share, left);
    progress_shown = true;
    free(what);
    free(left);
}

void progress_clear(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

/* ---- Options -------------------------------------------------------------------------------- */

typedef struct option_match {
    const struct argp_option *exact, *prefix;
    size_t prefixes; /* options that begin with the name, without being it */
} option_match;

static void match_option(option_match *match, const struct argp *argp, const char *name,
                         size_t length)
{
    const struct argp_option *o = argp->options;
    for (; o && (o->name || o->key || o->doc); o++) {
        if (!o->name || strncmp(o->name, name, length) != 0)
            continue;
        if (o->name[length] == '\0') {
            match->exact = o;
        } else {
            match->prefix = o;
            match->prefixes++;
        }
    }
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        match_option(match, child->argp, name, length);
}

/* What getopt made of a long option: an exact name, or the beginning of one name only. */
static const struct argp_option *find_option(const struct argp_state *state, const char *word,
                                             size_t *prefixes)
{
    option_match match = {0};
    match_option(&match, state->root_argp, word + 2, strcspn(word + 2, "="));
    *prefixes = match.prefixes;
    if (match.exact)
        return match.exact;
    return match.prefixes == 1 ? match.prefix : NULL;
}

/* The word that getopt has just read; where it stopped inside a cluster, the word before that. */
static const char *last_word(const struct argp_state *state)
{
    return state->next > 1 ? state->argv[state->next - 1] : "";
}

const char *unknown_option(const struct argp_state *state)
{
    const char *word = last_word(state);
    size_t prefixes = 0;
    bool is_long = strncmp(word, "--", 2) == 0 && word[2] != '\0';
    return is_long && !find_option(state, word, &prefixes) && prefixes == 0 ? word : NULL;
}

static void suggest_options(suggestion *s, const struct argp *argp)
{
    const struct argp_option *o = argp->options;
    for (; o && (o->name || o->key || o->doc); o++)
        if (o->name)
            suggest(s, o->name);
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        suggest_options(s, child->argp);
}

const char *near_option(const struct argp_state *state, const char *word)
{
    static char text[128];
    char *typed = text_of("%.*s", (int)strcspn(word + 2, "="), word + 2);
    suggestion best = {typed, NULL, 0};
    suggest_options(&best, state->root_argp);
    *text = '\0';
    if (*suggested(&best))
        snprintf(text, sizeof text, "; did you mean '--%s'?", best.best);
    free(best.best);
    free(typed);
    return text;
}

static void refuse_long_option(const struct argp_state *state, const char *word)
{
    size_t prefixes;
    const struct argp_option *option = find_option(state, word, &prefixes);
    bool has_value = strchr(word, '=') != NULL;
    if (!option && prefixes > 0)
        usage_error("the option '%s' is the beginning of several options", word);
    if (!option)
        usage_error("there is no option '%s'%s", word, near_option(state, word));
    if (option->arg && !has_value)
        usage_error("the option '%s' needs a value", word);
    if (!option->arg && has_value)
        usage_error("the option '--%s' takes no value", option->name);
}

static bool has_short_option(const struct argp *argp, int letter)
{
    const struct argp_option *o = argp->options;
    for (; o && (o->name || o->key || o->doc); o++)
        if (o->key == letter)
            return true;
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        if (has_short_option(child->argp, letter))
            return true;
    return false;
}

static _Noreturn void refuse_word(const struct argp_state *state)
{
    const char *word = last_word(state);
    if (strncmp(word, "--", 2) == 0 && word[2] != '\0')
        refuse_long_option(state, word);
    else if (word[0] == '-' && has_short_option(state->root_argp, word[1]) && word[2] == '\0')
        usage_error("the option '%s' needs a value", word);
    else if (word[0] == '-' && word[1] != '\0' && word[1] != '-')
        usage_error("there is no option '%s'", word);
    if (state->next < state->argc)
        word = state->argv[state->next]; /* getopt stopped inside it */
    usage_error("there is no option '%s'", word);
}

static error_t parse_help(int key, char *value, struct argp_state *state)
{
    char name[64];
    (void)value;
    switch (key) {
    case '?':
        snprintf(name, sizeof name, "clact %s", current_command);
        argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, name);
        exit(finish_stdout(CLI_DONE));
    case ARGP_KEY_ERROR:
        refuse_word(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option help_options[] = {
    {"help", '?', NULL, 0, "Print this help and exit", -1},
    {0},
};
static const struct argp help_argp = {help_options, parse_help, NULL, NULL, NULL, NULL, NULL};

enum { MOST_CHILDREN = 3 };

void parse_arguments(const char *command, const struct argp *argp, int argc, char **argv,
                     void *input)
{
    struct argp_child children[MOST_CHILDREN + 2] = {{0}};
    struct argp root = *argp;
    size_t count = 0;
    while (count < MOST_CHILDREN && argp->children && argp->children[count].argp) {
        children[count] = argp->children[count];
        count++;
    }
    children[count].argp = &help_argp;
    root.children = children;
    current_command = command;
    error_t error = argp_parse(&root, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_IN_ORDER, NULL,
                              input);
    if (error)
        fail(CLI_FAILED, "the options cannot be parsed: %s", strerror(error));
}

/* ---- The context ---------------------------------------------------------------------------- */

enum { KEY_DEVICE = 0x300, KEY_THREADS };

static const struct argp_option context_arguments[] = {
    {"threads", KEY_THREADS, "N", 0,
     "Threads of the CPU backend: 0 (the default) as many as pay, 1 only the caller's", 0},
    {"device", KEY_DEVICE, "DEVICE", 0,
     "Where to run: auto, cpu, opencl, gpu, accelerator, PLATFORM:DEVICE (numbers, see `clact "
     "devices'), or part of a device's name. Default: $CLACT_DEVICE, else auto", 0},
    {0},
};

static error_t parse_context(int key, char *value, struct argp_state *state)
{
    context_options *options = state->input;
    int64_t threads;
    switch (key) {
    case KEY_DEVICE:
        options->device = value;
        return 0;
    case KEY_THREADS:
        if (!parse_integer(&threads, value, 0, 65536))
            usage_error("--threads is a number from 0 to 65536, not '%s'", value);
        options->threads = (uint32_t)threads;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp context_argp = {context_arguments, parse_context, NULL, NULL, NULL, NULL, NULL};
const struct argp device_argp = {context_arguments + 1, parse_context, NULL, NULL, NULL, NULL, NULL};

static void pass_on(void *data, int level, const char *message)
{
    (void)data;
    if (level <= CLACT_LOG_WARNING)
        warn("%s", message);
}

clact_status try_open_context(clact_context **out, const context_options *options)
{
    clact_options wanted = {0};
    wanted.device = options->device;
    wanted.threads = options->threads;
    wanted.log = pass_on;
    return clact_open(out, &wanted);
}

const char *near_device(const char *asked)
{
    clact_device_info devices[16];
    char reason[256];
    size_t count = 0;
    const char *variable = getenv("CLACT_DEVICE");
    suggestion best = {asked ? asked : variable ? variable : "", NULL, 0};
    suggest_each(&best, "auto cpu opencl gpu accelerator", " ");
    if (clact_device_list(devices, 16, &count, NULL, reason) != CLACT_OK)
        count = 0;
    for (size_t i = 0; i < count && i < 16; i++) {
        suggest_each(&best, devices[i].device, " -,()@");
        suggest_each(&best, devices[i].platform, " -,()@");
    }
    const char *text = suggested(&best);
    free(best.best);
    return text;
}

void require_opened(clact_status status, const char *asked)
{
    char *sentence = text_of("%s", clact_error()); /* to look for devices changes it */
    if (status == CLACT_E_NO_DEVICE)
        fail(CLI_NO_DEVICE, "%s%s (see clact devices)", sentence, near_device(asked));
    if (status != CLACT_OK)
        fail(exit_code(status), "%s", sentence);
    free(sentence);
}

clact_context *open_context(const context_options *options)
{
    clact_context *context = NULL;
    require_opened(try_open_context(&context, options), options->device);
    return context;
}

clact_caps context_caps(clact_context *context)
{
    clact_caps caps = {0};
    require_ok(clact_context_caps(context, &caps));
    return caps;
}

/* ---- Words and numbers ---------------------------------------------------------------------- */

clact_type parse_type(const char *name)
{
    static const clact_type types[] = {CLACT_F32, CLACT_F16, CLACT_BF16, CLACT_F64};
    return types[parse_choice("--dtype", name, TYPE_WORDS)];
}

bool parse_number(double *out, const char *text)
{
    char *end;
    if (text[0] == '\0' || isspace((unsigned char)text[0]))
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

bool parse_integer(int64_t *out, const char *text, int64_t low, int64_t high)
{
    char *end;
    if (text[0] == '\0' || isspace((unsigned char)text[0]))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && *end == '\0' && value >= low && value <= high;
}

const char *number_text(char out[NUMBER_TEXT_SIZE], double value)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, NUMBER_TEXT_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}

/* ---- Memory --------------------------------------------------------------------------------- */

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        fail(CLI_FAILED, "out of memory");
    return memory;
}

void *reallocate(void *old, size_t count, size_t size)
{
    void *memory = reallocarray(old, count ? count : 1, size);
    if (!memory)
        fail(CLI_FAILED, "out of memory");
    return memory;
}

char *text_of_list(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        fail(CLI_FAILED, "a text cannot be formatted");
    char *text = allocate((size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *text_of(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_of_list(format, arguments);
    va_end(arguments);
    return text;
}
