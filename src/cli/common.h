/* common.h: what the commands share: messages, exit codes, options, numbers and the context. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <argp.h>
#include <clact/clact.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Exit codes, the same for every command. */
enum {
    CLI_DONE = 0,
    CLI_CHECK_FAILED = 1,
    CLI_FAILED = 2, /* bad data, input and output, a device that fails */
    CLI_NO_DEVICE = 3,
    CLI_USAGE = 64
};

/* ---- Messages: one sentence on stderr, after "clact: ", without a full stop ------------------ */

void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Exits with CLI_USAGE; the sentence ends with where the command's help is. */
_Noreturn void usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit code for a library call that failed. */
int exit_code(clact_status status);
/* Ends the program with the library's sentence if status is a failure. */
void require_ok(clact_status status);
/* The sequence that begins or ends a colour, on a terminal where $NO_COLOR is not set; else "". */
typedef enum colour_name { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD } colour_name;
const char *colour(FILE *to, colour_name which);

/* On a terminal, and not in the first second: "WHAT: 42 %, 7 s left" in the last line of stderr, which the next one, a
 * message or progress_clear replaces. */
void progress_show(time_t start, double share, const char *format, ...) __attribute__((format(printf, 3, 4)));
void progress_clear(void);

/* Lets what is printed on stdout go to stderr, where stdout is for data; or no longer. */
void divert_words(bool divert);

/* Flushes stdout. Returns code, or CLI_FAILED with a sentence if something was not written. */
int finish_stdout(int code);

/* ---- Options -------------------------------------------------------------------------------- */

/* Parses argv with a command's argp, to which --help and the error messages are added: argp's own
 * would not say "clact: ". The parsers report what is wrong through usage_error, and never return
 * an error. At most three children. */
void parse_arguments(const char *command, const struct argp *argp, int argc, char **argv,
                     void *input);

/* In ARGP_KEY_ERROR: the long option that no parser knows, e.g. "--lambda=3", or NULL. */
const char *unknown_option(const struct argp_state *state);
/* "; did you mean '--BEST'?" for such an option, or "". Valid until the next call. */
const char *near_option(const struct argp_state *state, const char *word);

/* --device and --threads; a child of the argp of every command that computes. Its input is a
 * context_options that is all zero. */
typedef struct context_options {
    const char *device; /* may be NULL */
    uint32_t threads;
} context_options;

extern const struct argp context_argp, device_argp; /* the latter without --threads */

/* The library's warnings and build logs go to stderr. */
clact_status try_open_context(clact_context **out, const context_options *options);
/* "; did you mean 'BEST'?" where no device has the name that was asked for (NULL: $CLACT_DEVICE), or "". Valid until
 * the next call. */
const char *near_device(const char *asked);
/* Ends the program, with that, where a context could not be opened. */
void require_opened(clact_status status, const char *asked);
/* Ends the program if no context can be opened. */
clact_context *open_context(const context_options *options);
clact_caps context_caps(clact_context *context);

/* ---- Words and numbers ---------------------------------------------------------------------- */

/* The type that --dtype names; else a usage error. */
#define TYPE_WORDS "f32|f16|bf16|f64"
clact_type parse_type(const char *name);

/* The whole text as a finite number, and nothing around it. */
bool parse_number(double *out, const char *text);
/* The whole text as an integer from low to high. */
bool parse_integer(int64_t *out, const char *text, int64_t low, int64_t high);

#define NUMBER_TEXT_SIZE 32
/* The shortest decimal that reads back as value; returns out. */
const char *number_text(char out[NUMBER_TEXT_SIZE], double value);

/* ---- Memory: these end the program where there is none left --------------------------------- */

void *allocate(size_t count, size_t size); /* zeroed; never NULL */
void *reallocate(void *old, size_t count, size_t size);
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *text_of_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#endif
