/* bench.c: `clact bench`: the speed of activations, as a share of a copy on the same device. */
#include "activation.h"
#include "commands.h"
#include "report.h"
#include "size.h"
#include "timing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Options -------------------------------------------------------------------------------- */

enum { MOST_SIZES = 32, ROUNDS = 9 };
#define ROUND_SECONDS 2e-3

typedef struct bench_options {
    context_options context;
    const char **names;
    size_t name_count;
    size_t sizes[MOST_SIZES];
    size_t size_count;
    bool json;
} bench_options;

enum { KEY_JSON = 0x200, KEY_SIZE };

static const struct argp_option options_table[] = {
    {"json", KEY_JSON, NULL, 0, "Print a JSON document", 0},
    {"size", KEY_SIZE, "N[,N...]", 0,
     "Numbers of elements, also with Ki, Mi or Gi (default 4Ki,64Ki,1Mi,16Mi)", 0},
    {0},
};

static void parse_sizes(bench_options *options, const char *text)
{
    options->size_count = parse_size_list(options->sizes, MOST_SIZES, text);
    if (options->size_count == 0)
        usage_error("--size is numbers such as 4Ki,1Mi, up to %d of them from 1 to 64Gi, not '%s'",
                    MOST_SIZES, text);
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
    case KEY_JSON:
        options->json = true;
        return 0;
    case KEY_SIZE:
        parse_sizes(options, value);
        return 0;
    case ARGP_KEY_ARG:
        require_elementwise(find_activation(value), "bench");
        add_name(options, find_activation(value)->name);
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(bench_options *options, int argc, char **argv)
{
    static const struct argp_child children[] = {{&context_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options_table, parse_option, "[NAME ...]",
        "Measures activations and their gradients in f32, in turn with a copy of as many bytes on "
        "the same device: of host memory on the CPU backend, of buffers on an OpenCL device. "
        "GB/s counts bytes read and written; the time is the median of rounds.\v"
        "Example: clact bench relu tanh --size=1Mi --device=cpu",
        children, NULL, NULL};
    parse_arguments(argv[0], &argp, argc, argv, options);
    if (options->size_count == 0)
        parse_sizes(options, "4Ki,64Ki,1Mi,16Mi");
    if (options->name_count > 0)
        return;
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        if (is_elementwise(&list[i]))
            add_name(options, list[i].name);
}

/* ---- Passes over the data ------------------------------------------------------------------- */

/* x lies at the beginning of `from`, dy after it; results go to `to`. */
typedef struct bench {
    clact_context *context;
    bool opencl;
    size_t room; /* floats in each of the two */
    float *from, *to; /* `to` only on the CPU backend */
    clact_buffer *from_buffer, *to_buffer; /* only on an OpenCL device */
    clact_activation *copy; /* identity: what copies a buffer */

    /* of one measurement: */
    const clact_activation *activation;
    bool gradient, reads_x;
    size_t count; /* elements */
    size_t moved; /* floats read and written */
} bench;

typedef clact_status (*pass)(const bench *b);

static clact_operand in_buffer(clact_buffer *buffer, size_t first, size_t count)
{
    clact_operand operand = clact_array(CLACT_F32, NULL, (int64_t)count);
    operand.tensor.offset = (int64_t)first;
    operand.buffer = buffer;
    return operand;
}

static clact_status forward_in_buffers(const bench *b, const clact_activation *activation,
                                       size_t count)
{
    clact_operand x = in_buffer(b->from_buffer, 0, count), y = in_buffer(b->to_buffer, 0, count);
    clact_forward_args args = {.x = &x, .y = &y};
    return clact_forward(b->context, activation, &args);
}

static clact_status copy_pass(const bench *b)
{
    if (b->opencl)
        return forward_in_buffers(b, b->copy, b->moved / 2);
    memcpy(b->to, b->from, b->moved / 2 * sizeof *b->to);
    return CLACT_OK;
}

static clact_status forward_pass(const bench *b)
{
    if (b->opencl)
        return forward_in_buffers(b, b->activation, b->count);
    return clact_apply(b->context, b->activation, b->count, b->from, b->to);
}

static clact_status gradient_pass(const bench *b)
{
    if (!b->opencl)
        return clact_apply_gradient(b->context, b->activation, b->count,
                                    b->reads_x ? b->from : NULL, b->from + b->count, b->to);
    clact_operand x = in_buffer(b->from_buffer, 0, b->count);
    clact_operand dy = in_buffer(b->from_buffer, b->count, b->count);
    clact_operand dx = in_buffer(b->to_buffer, 0, b->count);
    clact_backward_args args = {.x = b->reads_x ? &x : NULL, .dy = &dy, .dx = &dx};
    return clact_backward(b->context, b->activation, &args);
}

/* ---- Measuring ------------------------------------------------------------------------------ */

static double time_round(const bench *b, pass run, size_t repetitions)
{
    double start = now();
    for (size_t i = 0; i < repetitions; i++)
        require_ok(run(b));
    if (b->opencl)
        require_ok(clact_finish(b->context));
    return now() - start;
}

/* How often to repeat a pass for a round to last long enough; warms up on the way. */
static size_t count_repetitions(const bench *b, pass run)
{
    size_t repetitions = 1;
    time_round(b, run, 1);
    while (time_round(b, run, repetitions) < ROUND_SECONDS)
        repetitions *= 2;
    return repetitions;
}

/* Seconds of one pass of the activation and of one copy; their rounds take turns, so that both
 * meet the same clock frequency and the same neighbours. */
static void measure(const bench *b, double *work_seconds, double *copy_seconds)
{
    pass run = b->gradient ? gradient_pass : forward_pass;
    double work[ROUNDS], copy[ROUNDS];
    size_t work_count = count_repetitions(b, run), copy_count = count_repetitions(b, copy_pass);
    for (int i = 0; i < ROUNDS; i++) {
        copy[i] = time_round(b, copy_pass, copy_count) / (double)copy_count;
        work[i] = time_round(b, run, work_count) / (double)work_count;
    }
    *work_seconds = timing_of(work, ROUNDS).median;
    *copy_seconds = timing_of(copy, ROUNDS).median;
}

/* ---- Setting up ----------------------------------------------------------------------------- */

/* Uniform in [-4, 4]: both sides of every kink, nothing subnormal. */
static void fill(float *out, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (float)(state >> 8) * 0x1p-21f - 4.0f;
    }
}

static void set_up(bench *b, const bench_options *options)
{
    size_t most = 0;
    for (size_t i = 0; i < options->size_count; i++)
        most = options->sizes[i] > most ? options->sizes[i] : most;
    b->room = 2 * most;
    b->context = open_context(&options->context);
    b->opencl = context_caps(b->context).backend == CLACT_BACKEND_OPENCL;
    b->from = allocate(b->room, sizeof *b->from);
    fill(b->from, b->room);
    if (!b->opencl) {
        b->to = allocate(b->room, sizeof *b->to);
        return;
    }
    size_t bytes = b->room * sizeof *b->from;
    require_ok(clact_activation_named(&b->copy, "identity", NULL, 0));
    require_ok(clact_buffer_create(&b->from_buffer, b->context, bytes));
    require_ok(clact_buffer_create(&b->to_buffer, b->context, bytes));
    require_ok(clact_buffer_write(b->from_buffer, 0, bytes, b->from));
    require_ok(clact_buffer_write(b->to_buffer, 0, bytes, b->from));
}

static void tear_down(bench *b)
{
    clact_buffer_destroy(&b->from_buffer);
    clact_buffer_destroy(&b->to_buffer);
    clact_activation_destroy(&b->copy);
    clact_close(&b->context);
    free(b->from);
    free(b->to);
}

/* ---- The report ----------------------------------------------------------------------------- */

typedef struct result {
    const char *name, *direction;
    size_t count;
    double nanoseconds, gigabytes, copy_gigabytes; /* per element; per second */
} result;

static void add_row(table *t, const result *r)
{
    char size[SIZE_TEXT_SIZE];
    table_add(t, "%s", r->name);
    table_add(t, "%s", r->direction);
    table_add(t, "%s", size_text(size, r->count));
    table_add(t, "%.4f", r->nanoseconds);
    table_add(t, "%.2f", r->gigabytes);
    table_add(t, "%.2f", r->copy_gigabytes);
    table_add(t, "%.0f %%", 100 * r->gigabytes / r->copy_gigabytes);
}

static void print_results(const result *results, size_t count)
{
    table t = {.columns = "llrrrrr"};
    static const char *const heads[] = {"NAME", "DIRECTION", "ELEMENTS", "NS/ELEMENT",
                                        "GB/S", "COPY GB/S", "OF THE COPY"};
    for (size_t i = 0; i < strlen(t.columns); i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < count; i++)
        add_row(&t, &results[i]);
    table_print(&t);
}

static json_t *result_json(const result *r)
{
    return json_pack("{ss ss sI sf sf sf sf}", "activation", r->name, "direction", r->direction,
                     "elements", (json_int_t)r->count, "ns_per_element", r->nanoseconds,
                     "gb_per_s", r->gigabytes, "copy_gb_per_s", r->copy_gigabytes,
                     "share_of_copy", r->gigabytes / r->copy_gigabytes);
}

static void print_document(const bench *b, const result *results, size_t count)
{
    json_t *list = json_array();
    clact_caps caps = context_caps(b->context);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, result_json(&results[i]));
    print_json(json_pack("{si ss so so}", "schema", 1, "type", "f32", "device", caps_json(&caps),
                         "results", list));
}

static void tell_progress(size_t done, size_t total)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (done < total)
        fprintf(stderr, "\rclact bench: %zu of %zu", done + 1, total);
    else
        fputs("\r\033[K", stderr);
}

static void measure_one(bench *b, result *r, const char *name)
{
    double work, copy;
    b->moved = b->count * (b->gradient ? 2 + (size_t)b->reads_x : 2);
    measure(b, &work, &copy);
    r->name = name;
    r->direction = b->gradient ? "gradient" : "forward";
    r->count = b->count;
    r->nanoseconds = 1e9 * work / (double)b->count;
    r->gigabytes = 1e-9 * (double)(b->moved * sizeof(float)) / work;
    r->copy_gigabytes = 1e-9 * (double)(b->moved / 2 * 2 * sizeof(float)) / copy;
}

int command_bench(int argc, char **argv)
{
    bench_options options = {0};
    bench b = {0};
    parse(&options, argc, argv);
    set_up(&b, &options);
    size_t total = 2 * options.name_count * options.size_count, done = 0;
    result *results = allocate(total, sizeof *results);
    for (size_t i = 0; i < options.name_count; i++) {
        clact_activation *activation = NULL;
        require_ok(clact_activation_named(&activation, options.names[i], NULL, 0));
        b.activation = activation;
        b.reads_x = clact_activation_info_of(activation)->needs != CLACT_BACKWARD_NOTHING;
        for (size_t k = 0; k < 2 * options.size_count; k++) {
            b.gradient = k >= options.size_count;
            b.count = options.sizes[k % options.size_count];
            tell_progress(done, total);
            measure_one(&b, &results[done++], options.names[i]);
        }
        clact_activation_destroy(&activation);
    }
    tell_progress(total, total);
    if (options.json)
        print_document(&b, results, total);
    else
        print_results(results, total);
    tear_down(&b);
    free(results);
    free(options.names);
    return CLI_DONE;
}
