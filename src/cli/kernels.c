/* kernels.c: `clact kernels`: the kernels as a file for compilers that run ahead of the program. */
#include "array.h"
#include "commands.h"
#include "common.h"
#include "file.h"
#include "selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct kernels_options {
    clact_kernels_options text;
    selection selection;
    const char *output; /* NULL: standard output */
} kernels_options;

enum { KEY_TASK = 0x200, KEY_LOCAL, KEY_PER_ITEM, KEY_TO_ZERO, KEY_DIVISION };

static const struct argp_option options_table[] = {
    {"task", KEY_TASK, NULL, 0, "Kernels of one work-item, for compilers that make pipelines of loops", 0},
    {"local", KEY_LOCAL, "N", 0, "Work-items in a group: a power of two to 256, the default", 0},
    {"per-item", KEY_PER_ITEM, "N", 0, "Elements that each computes where operands are dense: 4 by default", 0},
    {"rounds-to-zero", KEY_TO_ZERO, NULL, 0, "For a device that rounds to zero", 0},
    {"correct-division", KEY_DIVISION, NULL, 0,
     "For a device that divides floats correctly rounded; build with -cl-fp32-correctly-rounded-divide-sqrt", 0},
    {"output", 'o', "FILE", 0, "Where the text goes; standard output by default", 0},
    {0},
};

static uint32_t parse_count(const char *option, const char *value)
{
    int64_t n;
    if (!parse_integer(&n, value, 1, 1024))
        usage_error("--%s is a number from 1 to 1024, not '%s'", option, value);
    return (uint32_t)n;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    kernels_options *o = state->input;
    switch (key) {
    case KEY_TASK:
        o->text.task = 1;
        return 0;
    case KEY_LOCAL:
        o->text.local = parse_count("local", value);
        return 0;
    case KEY_PER_ITEM:
        o->text.per_item = parse_count("per-item", value);
        return 0;
    case KEY_TO_ZERO:
        o->text.rounds_to_zero = 1;
        return 0;
    case KEY_DIVISION:
        o->text.correct_division = 1;
        return 0;
    case 'o':
        o->output = value;
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->selection;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *make_text(const clact_kernels_options *o, const clact_kernels *kernels, size_t count, size_t *length)
{
    clact_status status = clact_kernels_text(NULL, 0, length, kernels, count, o);
    if (status == CLACT_E_ARGUMENT)
        usage_error("%s", clact_error());
    require_ok(status);
    char *text = allocate(*length + 1, 1);
    require_ok(clact_kernels_text(text, *length + 1, length, kernels, count, o));
    return text;
}

int command_kernels(int argc, char **argv)
{
    static const struct argp_child children[] = {{&selection_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options_table, parse_option, "[NAME...]",
        "Prints the kernels of all activations, or of those named, as one file in OpenCL C 1.2 for compilers that run "
        "ahead of the program (ocloc, aoc, v++, clang), and for programs without clact. It includes nothing, and opens "
        "with the kernels' arguments and the options to build with. f64 takes a file without the other types.\v"
        "Examples:\n"
        "  clact kernels relu\n"
        "  clact kernels --task -o kernels.cl relu softmax",
        children, NULL, NULL};
    kernels_options options = {0};
    refusal why;
    size_t count, length;
    parse_arguments(argv[0], &argp, argc, argv, &options);
    if (options.selection.count == 0)
        selection_add_all(&options.selection);
    clact_kernels *kernels = selection_kernels(&options.selection, &count);
    char *text = make_text(&options.text, kernels, count, &length);
    const char *path = options.output ? options.output : "-";
    if (!file_write(path, &(file_part){text, length}, 1, &why))
        fail(CLI_FAILED, "%s %s", output_name(path), why.text);
    free(text);
    selection_free_kernels(kernels, count);
    free(options.selection.infos);
    return CLI_DONE;
}
