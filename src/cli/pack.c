/* pack.c: `clact pack`: the programs of activations in one file, for devices that have no compiler. */
#include "activation.h"
#include "commands.h"
#include "common.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ALL = 'a' + 0x100, KEY_TYPES, KEY_CALLS };

typedef struct pack_options {
    context_options context;
    const char *output;
    bool all;
    uint32_t types, calls;
    const clact_activation_info **activations;
    size_t count;
} pack_options;

static const struct argp_option options_table[] = {
    {"output", 'o', "FILE", 0, "The pack; required", 0},
    {"all", KEY_ALL, NULL, 0, "Every activation", 0},
    {"types", KEY_TYPES, "LIST", 0, "Element types: f32,f16,bf16,f64 or all; default f32", 0},
    {"calls", KEY_CALLS, "LIST", 0, "What calls are like: dense,view,accumulate,tensor,gradient,noise,mask or all; default dense", 0},
    {0},
};

static const char *const call_names[] = {"dense", "view", "accumulate", "tensor", "gradient", "noise", "mask", NULL};
static const char *const type_names[] = {"f32", "f16", "bf16", "f64", NULL};

/* A list of words, separated by commas, as bits. */
static uint32_t parse_list(const char *text, const char *option, const char *const *names)
{
    uint32_t bits = 0, all = 0;
    for (int i = 0; names[i]; i++)
        all |= 1u << i;
    for (const char *word = text; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
        int length = (int)strcspn(word, ","), i = 0;
        while (names[i] && ((int)strlen(names[i]) != length || strncmp(word, names[i], (size_t)length) != 0))
            i++;
        if (names[i])
            bits |= 1u << i;
        else if (length == 3 && strncmp(word, "all", 3) == 0)
            bits |= all;
        else
            usage_error("'%.*s' is not one of the words of --%s", length, word, option);
    }
    return bits;
}

static void add_activation(pack_options *options, const clact_activation_info *info)
{
    options->activations = reallocate(options->activations, options->count + 1, sizeof *options->activations);
    options->activations[options->count++] = info;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    pack_options *options = state->input;
    switch (key) {
    case 'o':
        options->output = value;
        return 0;
    case KEY_ALL:
        options->all = true;
        return 0;
    case KEY_TYPES:
        options->types = parse_list(value, "types", type_names);
        return 0;
    case KEY_CALLS:
        options->calls = parse_list(value, "calls", call_names);
        return 0;
    case ARGP_KEY_ARG:
        add_activation(options, find_activation(value));
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void take_all(pack_options *options)
{
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    if (options->all && options->count)
        usage_error("--all and names exclude each other");
    if (!options->all && !options->count)
        usage_error("name activations, or give --all");
    for (size_t i = 0; options->all && i < count; i++)
        add_activation(options, &list[i]);
}

/* A context on each OpenCL device that compiles, or on the one asked for. */
static clact_context **open_contexts(const pack_options *options, size_t *count)
{
    clact_device_info devices[64];
    char reason[256];
    clact_context **contexts = allocate(64, sizeof(clact_context *));
    size_t all;
    *count = 0;
    if (options->context.device) {
        contexts[(*count)++] = open_context(&options->context);
        return contexts;
    }
    require_ok(clact_device_list(devices, 64, &all, NULL, reason));
    for (size_t i = 0; i < all && i < 64; i++) {
        char index[DEVICE_INDEX_SIZE];
        if (devices[i].backend != CLACT_BACKEND_OPENCL || !devices[i].compiler)
            continue;
        context_options one = options->context;
        one.device = device_index(index, devices[i].backend, devices[i].platform_index, devices[i].device_index);
        contexts[(*count)++] = open_context(&one);
    }
    if (!*count)
        fail(CLI_NO_DEVICE, "there is no OpenCL device with a compiler%s%s", *reason ? ": " : "", reason);
    return contexts;
}

static int write_pack(const pack_options *options)
{
    size_t count;
    clact_context **contexts = open_contexts(options, &count);
    clact_kernels *kernels = allocate(options->count, sizeof *kernels);
    for (size_t i = 0; i < options->count; i++) {
        clact_activation *activation;
        require_ok(clact_activation_named(&activation, options->activations[i]->name, NULL, 0));
        kernels[i] = (clact_kernels){.activation = activation, .types = options->types, .calls = options->calls};
    }
    require_ok(clact_pack_write(contexts, count, kernels, options->count, options->output));
    printf("%s: %zu activation%s for", options->output, options->count, options->count == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++) {
        printf("%s %s", i ? "," : "", context_caps(contexts[i]).device);
        clact_close(&contexts[i]);
    }
    puts(".");
    for (size_t i = 0; i < options->count; i++) {
        clact_activation *activation = (clact_activation *)(uintptr_t)kernels[i].activation;
        clact_activation_destroy(&activation);
    }
    free(kernels);
    free(contexts);
    return CLI_DONE;
}

int command_pack(int argc, char **argv)
{
    static const struct argp_child children[] = {{&context_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options_table, parse_option, "[NAME...]",
        "Compiles activations, forward and backward, for every OpenCL device that has a compiler, or for that of "
        "--device, and writes the programs to one file. CLACT_PACK=FILE then uses them, and nothing is compiled.\v"
        "Example: clact pack -o relu.pack relu prelu --types=f32,f16 --calls=dense,view",
        children, NULL, NULL};
    pack_options options = {0};
    parse_arguments(argv[0], &argp, argc, argv, &options);
    if (!options.output)
        usage_error("-o FILE is missing");
    take_all(&options);
    int code = write_pack(&options);
    free(options.activations);
    return code;
}
