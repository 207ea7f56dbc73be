/* bench.c: `clact bench`: the speed of activations, as a share of what only reads and writes on the same device. */
#include "activation.h"
#include "bench.h"
#include "commands.h"
#include "size.h"

#include <stdlib.h>
#include <string.h>

/* ---- Options -------------------------------------------------------------------------------- */

enum { KEY_SIZE = 0x200, KEY_DTYPE, KEY_THREADS, KEY_IN_PLACE, KEY_ROUNDS, KEY_COMPARE };

static const struct argp_option options_table[] = {
    {"size", KEY_SIZE, "N[,N...]", 0,
     "Numbers of elements, also with Ki, Mi or Gi (default 64,1Ki,4Ki,64Ki,256Ki,16Mi)", 0},
    {"dtype", KEY_DTYPE, "TYPE[,TYPE...]", 0, "Element types: f32 (the default), f16, bf16, f64", 0},
    {"threads", KEY_THREADS, "N[,N...]", 0,
     "Threads of the CPU backend, one after the other: 0 (the default) as many as pay, 1 only the caller's", 0},
    {"in-place", KEY_IN_PLACE, NULL, 0, "Write to the memory of x, of a gradient that reads no x to that of dy", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds of which the median is taken (default 21)", 0},
    {"compare", KEY_COMPARE, "FILE", 0,
     "Also the ratio to the times in FILE, which --json has printed; it is flagged where the two differ by more than "
     "both spreads together", 0},
    {0},
};

static void parse_sizes(bench_options *options, const char *text)
{
    options->size_count = parse_size_list(options->sizes, BENCH_SIZES, text);
    if (options->size_count == 0)
        usage_error("--size is numbers such as 4Ki,1Mi, up to %d of them from 1 to 64Gi, not '%s'", BENCH_SIZES, text);
}

/* The next word of a list, which is cut off it; NULL behind the last one. A list that is empty has one empty word. */
static char *next_word(char **list)
{
    char *word = *list, *comma = word ? strchr(word, ',') : NULL;
    *list = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    return word;
}

static void parse_types(bench_options *options, char *list)
{
    for (char *word; (word = next_word(&list)); options->type_count++) {
        clact_type type = parse_type(word);
        if (options->type_count == CLACT_TYPE_COUNT)
            usage_error("--dtype takes each type once");
        options->types[options->type_count] = type;
    }
}

static void parse_threads(bench_options *options, char *list)
{
    for (char *word; (word = next_word(&list)); options->thread_count++) {
        int64_t threads;
        if (options->thread_count == BENCH_THREADS || !parse_integer(&threads, word, 0, 65536))
            usage_error("--threads is numbers from 0 to 65536, up to %d of them, not '%s'", BENCH_THREADS, word);
        options->threads[options->thread_count] = (uint32_t)threads;
    }
}

static void add_name(bench_options *options, const char *name)
{
    size_t count = options->name_count++;
    options->names = reallocate(options->names, count + 1, sizeof *options->names);
    options->names[count] = name;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    bench_options *options = state->input;
    switch (key) {
    case KEY_SIZE:
        parse_sizes(options, value);
        return 0;
    case KEY_DTYPE:
        options->type_count = 0;
        parse_types(options, value);
        return 0;
    case KEY_THREADS:
        options->thread_count = 0;
        parse_threads(options, value);
        return 0;
    case KEY_IN_PLACE:
        options->in_place = true;
        return 0;
    case KEY_ROUNDS:
        if (!parse_integer(&options->rounds, value, 1, BENCH_ROUNDS))
            usage_error("--rounds is a number from 1 to %d, not '%s'", BENCH_ROUNDS, value);
        return 0;
    case KEY_COMPARE:
        options->compare = value;
        return 0;
    case ARGP_KEY_ARG:
        require_elementwise(find_activation(value), "bench");
        add_name(options, find_activation(value)->name);
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        state->child_inputs[1] = &options->format;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(bench_options *options, int argc, char **argv)
{
    static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {&format_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options_table, parse_option, "[NAME ...]",
        "Measures activations and their gradients, in turn with what only reads and writes as many arrays on the same "
        "device: on the CPU backend the fastest of memcpy, loops over vectors and the library's own identity, or "
        "relu's gradient where two arrays are read; on an OpenCL device the latter. GB/s counts bytes read and "
        "written; the time is the median of rounds, the spread the distance of their quartiles as a share of it.\v"
        "Examples:\n"
        "  clact bench relu tanh --size=1Mi --device=cpu --threads=1,2\n"
        "  clact bench --json >before.json\n"
        "  clact bench --compare=before.json",
        children, NULL, NULL};
    options->rounds = 21;
    options->types[0] = CLACT_F32;
    options->type_count = options->thread_count = 1;
    parse_sizes(options, "64,1Ki,4Ki,64Ki,256Ki,16Mi");
    parse_arguments(argv[0], &argp, argc, argv, options);
    if (options->name_count > 0)
        return;
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        if (is_elementwise(&list[i]))
            add_name(options, list[i].name);
}

/* ---- The measurements ----------------------------------------------------------------------- */

static void require_types(const bench_options *options, const clact_caps *caps)
{
    for (size_t i = 0; i < options->type_count; i++)
        if (!(caps->types & (1u << options->types[i])))
            fail(CLI_FAILED, "%s has no %s", caps->device, clact_type_name(options->types[i]));
}

/* What to measure on one number of threads, in the order in which it is measured; returns how many. */
static size_t list_cases(bench_result *out, const bench_options *options, uint32_t threads)
{
    size_t count = 0;
    for (size_t t = 0; t < options->type_count; t++)
        for (size_t i = 0; i < options->name_count; i++)
            for (int gradient = 0; gradient < 2; gradient++)
                for (size_t s = 0; s < options->size_count; s++)
                    out[count++] = (bench_result){.name = options->names[i], .type = options->types[t],
                                                  .gradient = gradient, .in_place = options->in_place,
                                                  .count = options->sizes[s], .threads = threads};
    return count;
}

int command_bench(int argc, char **argv)
{
    bench_options options = {0};
    parse(&options, argc, argv);
    json_t *old = options.compare ? bench_read(options.compare) : NULL;
    const size_t each = 2 * options.name_count * options.size_count * options.type_count;
    const size_t total = each * options.thread_count;
    bench_result *results = allocate(total, sizeof *results);
    clact_caps caps = {0};
    size_t done = 0;
    time_t start = time(NULL);
    for (size_t i = 0; i < options.thread_count; i++) {
        bench *b = bench_open(&options, options.threads[i]);
        caps = bench_caps(b);
        require_types(&options, &caps);
        for (size_t end = done + list_cases(results + done, &options, options.threads[i]); done < end; done++) {
            progress_show(start, (double)done / (double)total, "%s, %zu of %zu", results[done].name, done + 1, total);
            bench_measure(b, &results[done], (size_t)options.rounds);
        }
        bench_close(b);
    }
    progress_clear();
    bench_report(&options, &caps, results, total, old);
    free(results);
    free(options.names);
    return CLI_DONE;
}
