/* kernels.c: `clact kernels`: the kernels as a file for compilers that run ahead of the program. */
#include "activation.h"
#include "commands.h"
#include "common.h"
#include "file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A word of a list, and the bits that it stands for. */
typedef struct word {
    const char *text;
    uint32_t bits;
} word;

static const word type_words[] = {
    {"f32", 1u << CLACT_F32}, {"f16", 1u << CLACT_F16}, {"bf16", 1u << CLACT_BF16}, {"f64", 1u << CLACT_F64}, {NULL, 0},
};
static const word call_words[] = {
    {"dense", CLACT_CALLS_DENSE},   {"view", CLACT_CALLS_VIEW},         {"accumulate", CLACT_CALLS_ACCUMULATE},
    {"tensor", CLACT_CALLS_TENSOR}, {"gradient", CLACT_CALLS_GRADIENT}, {"noise", CLACT_CALLS_NOISE},
    {"mask", CLACT_CALLS_MASK},     {"all", CLACT_CALLS_ALL},           {NULL, 0},
};

typedef struct kernels_options {
    clact_kernels_options text;
    uint32_t types, calls, semantics;
    bool table;
    const char *output; /* NULL: standard output */
    const clact_activation_info **infos;
    size_t count;
} kernels_options;

enum {
    KEY_TASK = 0x200, KEY_TABLE, KEY_TYPES, KEY_CALLS, KEY_LOCAL, KEY_PER_ITEM, KEY_SEMANTICS, KEY_TO_ZERO, KEY_DIVISION,
};

static const struct argp_option options_table[] = {
    {"task", KEY_TASK, NULL, 0, "Kernels of one work-item, for compilers that make pipelines of loops", 0},
    {"types", KEY_TYPES, "TYPE,...", 0, "f32 (the default), f16, bf16; f64 takes a file of its own", 0},
    {"calls", KEY_CALLS, "CALL,...", 0,
     "What calls are like: dense (the default), view (strides), accumulate (the output is added to), tensor (as a "
     "parameter), gradient (of parameters), noise (training), mask, or all", 0},
    {"semantics", KEY_SEMANTICS, "WHICH", 0,
     "documented (the default), or tensorflow: what TensorFlow 2.15 computes on a CPU", 0},
    {"table", KEY_TABLE, NULL, 0, "Also the kernel of quantised activations, which takes a table of 256 results", 0},
    {"local", KEY_LOCAL, "N", 0, "Work-items in a group: a power of two to 256, the default", 0},
    {"per-item", KEY_PER_ITEM, "N", 0, "Elements that each computes where operands are dense: 4 by default", 0},
    {"rounds-to-zero", KEY_TO_ZERO, NULL, 0, "For a device that rounds to zero", 0},
    {"correct-division", KEY_DIVISION, NULL, 0,
     "For a device that divides floats correctly rounded; build with -cl-fp32-correctly-rounded-divide-sqrt", 0},
    {"output", 'o', "FILE", 0, "Where the text goes; standard output by default", 0},
    {0},
};

static uint32_t parse_words(const char *option, const word *words, const char *list)
{
    uint32_t bits = 0;
    while (true) {
        size_t length = strcspn(list, ",");
        const word *w = words;
        while (w->text && (strlen(w->text) != length || strncmp(w->text, list, length) != 0))
            w++;
        if (!w->text)
            usage_error("--%s does not know '%.*s'", option, (int)length, list);
        bits |= w->bits;
        if (!list[length])
            return bits;
        list += length + 1;
    }
}

static uint32_t parse_count(const char *option, const char *value)
{
    int64_t n;
    if (!parse_integer(&n, value, 1, 1024))
        usage_error("--%s is a number from 1 to 1024, not '%s'", option, value);
    return (uint32_t)n;
}

static void add_name(kernels_options *o, const char *name)
{
    o->infos = reallocate(o->infos, o->count + 1, sizeof *o->infos);
    o->infos[o->count++] = find_activation(name);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    kernels_options *o = state->input;
    switch (key) {
    case KEY_TASK:
        o->text.task = 1;
        return 0;
    case KEY_TABLE:
        o->table = true;
        return 0;
    case KEY_TYPES:
        o->types = parse_words("types", type_words, value);
        return 0;
    case KEY_CALLS:
        o->calls = parse_words("calls", call_words, value);
        return 0;
    case KEY_SEMANTICS:
        if (strcmp(value, "documented") != 0 && strcmp(value, "tensorflow") != 0)
            usage_error("--semantics is documented or tensorflow, not '%s'", value);
        o->semantics = *value == 't' ? CLACT_TENSORFLOW : CLACT_DOCUMENTED;
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
    case ARGP_KEY_ARG:
        add_name(o, value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Where none is named: all that have the semantics. */
static void add_all(kernels_options *o)
{
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        if (o->semantics == CLACT_DOCUMENTED || list[i].tensorflow)
            add_name(o, list[i].name);
}

static size_t request_count(const kernels_options *o)
{
    return o->count + o->table;
}

/* The table's is last: any quantised activation stands for it. */
static clact_kernels *make_requests(const kernels_options *o)
{
    static const clact_quantization bytes = {.x_scale = 1, .y_scale = 1, .x_type = CLACT_U8, .y_type = CLACT_U8};
    clact_kernels *kernels = allocate(request_count(o), sizeof *kernels);
    for (size_t i = 0; i < request_count(o); i++) {
        clact_activation *activation = NULL;
        clact_activation_desc desc = {.id = CLACT_IDENTITY, .quantization = &bytes};
        if (i < o->count)
            desc = (clact_activation_desc){.id = o->infos[i]->id, .semantics = o->semantics};
        clact_status status = clact_activation_create(&activation, &desc);
        if (status != CLACT_OK)
            usage_error("%s", clact_error());
        kernels[i] = (clact_kernels){.activation = activation, .types = o->types, .calls = o->calls};
    }
    return kernels;
}

static void free_requests(clact_kernels *kernels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        clact_activation *activation = (clact_activation *)(uintptr_t)kernels[i].activation;
        clact_activation_destroy(&activation);
    }
    free(kernels);
}

static char *make_text(const kernels_options *o, const clact_kernels *kernels, size_t *length)
{
    clact_status status = clact_kernels_text(NULL, 0, length, kernels, request_count(o), &o->text);
    if (status == CLACT_E_ARGUMENT)
        usage_error("%s", clact_error());
    require_ok(status);
    char *text = allocate(*length + 1, 1);
    require_ok(clact_kernels_text(text, *length + 1, length, kernels, request_count(o), &o->text));
    return text;
}

int command_kernels(int argc, char **argv)
{
    static const struct argp argp = {
        options_table, parse_option, "[NAME...]",
        "Prints the kernels of all activations, or of those named, as one file in OpenCL C 1.2 for compilers that run "
        "ahead of the program (ocloc, aoc, v++, clang), and for programs without clact. It includes nothing, and opens "
        "with the kernels' arguments and the options to build with.\v"
        "Example: clact kernels --task -o kernels.cl relu softmax",
        NULL, NULL, NULL};
    kernels_options options = {0};
    refusal why;
    size_t length;
    parse_arguments(argv[0], &argp, argc, argv, &options);
    if (options.count == 0)
        add_all(&options);
    clact_kernels *kernels = make_requests(&options);
    char *text = make_text(&options, kernels, &length);
    const char *path = options.output ? options.output : "-";
    if (!file_write(path, &(file_part){text, length}, 1, &why))
        fail(CLI_FAILED, "%s %s", is_standard(path) ? "standard output" : path, why.text);
    free(text);
    free_requests(kernels, request_count(&options));
    free(options.infos);
    return CLI_DONE;
}
