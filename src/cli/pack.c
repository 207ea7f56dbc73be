/* pack.c: `clact pack`: the programs of activations in one file, for devices that have no compiler. */
#include "array.h"
#include "commands.h"
#include "common.h"
#include "report.h"
#include "selection.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_ALL = 0x200 };

typedef struct pack_options {
    context_options context;
    selection selection;
    const char *output;
    bool all;
} pack_options;

static const struct argp_option options_table[] = {
    {"output", 'o', "FILE", 0, "The pack; - is standard output; required", 0},
    {"all", KEY_ALL, NULL, 0, "Every activation", 0},
    {0},
};

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
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        state->child_inputs[1] = &options->selection;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void take_all(pack_options *options)
{
    selection *s = &options->selection;
    if (options->all && s->count)
        usage_error("--all and names exclude each other");
    if (options->all)
        selection_add_all(s);
    if (!s->count && !s->table)
        usage_error("name activations, or give --all");
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
    size_t count, kernel_count;
    clact_kernels *kernels = selection_kernels(&options->selection, &kernel_count);
    clact_context **contexts = open_contexts(options, &count);
    const char *path = stage_output(options->output);
    for (size_t i = 0; i < count; i++) /* what takes long may be stopped; what writes may not */
        require_ok(clact_warmup(contexts[i], kernels, kernel_count));
    file_hold_signals(true);
    clact_status status = clact_pack_write(contexts, count, kernels, kernel_count, path);
    file_hold_signals(false);
    require_ok(status);
    FILE *words = is_standard(options->output) ? stderr : stdout;
    const char *plural = kernel_count == 1 ? "" : "s";
    fprintf(words, "%s: %zu activation%s for", output_name(options->output), kernel_count, plural);
    for (size_t i = 0; i < count; i++) {
        fprintf(words, "%s %s", i ? "," : "", context_caps(contexts[i]).device);
        clact_close(&contexts[i]);
    }
    fputs(".\n", words);
    deliver_output(options->output);
    selection_free_kernels(kernels, kernel_count);
    free(contexts);
    return CLI_DONE;
}

int command_pack(int argc, char **argv)
{
    static const struct argp_child children[] = {{&context_argp, 0, NULL, 0}, {&selection_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options_table, parse_option, "[NAME...]",
        "Compiles activations, forward and backward, for every OpenCL device that has a compiler, or for that of "
        "--device, and writes the programs to one file. CLACT_PACK=FILE then uses them, and nothing is compiled.\v"
        "Examples:\n"
        "  clact pack -o all.pack --all\n"
        "  clact pack -o relu.pack relu prelu --types=f32,f16 --calls=dense,view",
        children, NULL, NULL};
    pack_options options = {0};
    parse_arguments(argv[0], &argp, argc, argv, &options);
    if (!options.output)
        usage_error("-o FILE is missing");
    take_all(&options);
    int code = write_pack(&options);
    free(options.selection.infos);
    return code;
}
