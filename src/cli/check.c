/* check.c: `clact check`: accuracy, special values, and bits against the CPU backend. */
#include "activation.h"
#include "commands.h"
#include "convert.h"
#include "file.h"
#include "measure.h"
#include "record.h"
#include "report.h"
#include "special.h"
#include "suggest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Options -------------------------------------------------------------------------------- */

typedef struct check_options {
    context_options context;
    activation_options activation;
    const clact_activation_info **infos; /* those named */
    size_t info_count;
    const char *cpu, *against_cpu, *resume;
    int64_t samples;
    clact_type type;
    output_format format;
    bool exhaustive, grid;
} check_options;

enum { KEY_EXHAUSTIVE = 0x500, KEY_GRID, KEY_SAMPLES, KEY_RESUME, KEY_DTYPE, KEY_CPU, KEY_AGAINST_CPU };

#define ISA_WORDS "baseline|avx2|avx512|neon"

static const struct argp_option options_table[] = {
    {"exhaustive", KEY_EXHAUSTIVE, NULL, 0, "Measure all 2^32 inputs, not a sample", 0},
    {"grid", KEY_GRID, NULL, 0, "Measure at a grid of other parameters than the defaults", 0},
    {"samples", KEY_SAMPLES, "N", 0, "Inputs of the stratified sample (default 1048576)", 0},
    {"dtype", KEY_DTYPE, TYPE_WORDS, 0,
     "Check f32 (default), f64, or f16 or bf16, of which all inputs are measured, and all results must "
     "be those of f32 rounded to nearest even", 0},
    {"resume", KEY_RESUME, "FILE", 0,
     "Write each result to FILE when it is there, and take from FILE what was measured before on the "
     "same device, of the same text", 0},
    {"cpu", KEY_CPU, ISA_WORDS, 0,
     "Instruction set of the CPU backend: baseline, avx2, avx512, neon. Default: $CLACT_CPU, else "
     "the best", 0},
    {"against-cpu", KEY_AGAINST_CPU, ISA_WORDS, 0,
     "That of the CPU backend compared with. Default: the best; where the CPU backend itself is "
     "checked, baseline, or the best against that", 0},
    {0},
};

static void add_name(check_options *options, const char *name)
{
    size_t count = options->info_count++;
    options->infos = reallocate(options->infos, count + 1, sizeof *options->infos);
    options->infos[count] = find_activation(name);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    check_options *options = state->input;
    switch (key) {
    case KEY_DTYPE:
        options->type = parse_type(value);
        return 0;
    case KEY_EXHAUSTIVE:
        options->exhaustive = true;
        return 0;
    case KEY_SAMPLES:
        if (!parse_integer(&options->samples, value, 1, (int64_t)1 << 40))
            usage_error("--samples is a number from 1 to 2^40, not '%s'", value);
        return 0;
    case KEY_GRID:
        options->grid = true;
        return 0;
    case KEY_RESUME:
        if (is_standard(value))
            usage_error("--resume takes a file, which is read and added to");
        options->resume = value;
        return 0;
    case KEY_CPU:
        parse_choice("--cpu", value, ISA_WORDS);
        options->cpu = value;
        return 0;
    case KEY_AGAINST_CPU:
        parse_choice("--against-cpu", value, ISA_WORDS);
        options->against_cpu = value;
        return 0;
    case ARGP_KEY_ARG:
        add_name(options, value);
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        state->child_inputs[1] = &options->activation;
        state->child_inputs[2] = &options->format;
        return 0;
    case ARGP_KEY_ERROR:
        refuse_unknown_parameter(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Ends the program, before anything is printed, where the activation does not take the parameters.
 * */
static void refuse_parameters(const clact_activation_info *info, const activation_options *options)
{
    activation_options trial = *options;
    clact_activation *activation = create_activation(info, &trial);
    clact_activation_destroy(&activation);
    if (trial.file_count)
        usage_error("check takes numbers as parameters, not files");
}

static void parse(check_options *options, int argc, char **argv)
{
    const struct argp_child children[] = {
        {&context_argp, 0, NULL, 0}, {activation_argp(), 0, NULL, 0}, {&format_argp, 0, NULL, 0}, {0}};
    const struct argp argp = {
        options_table, parse_option, "[NAME ...]",
        "Measures activations (all, or those named) on a device, forward and backward: the largest "
        "error in units in the last place against the stated bound, the results at special values, "
        "and whether the bits are those of the CPU backend. The hash of the results is the same "
        "wherever the bits are.\v"
        "Examples:\n"
        "  clact check relu tanh --device=gpu\n"
        "  clact check elu --alpha=0.5 --dtype=bf16\n"
        "  clact check --exhaustive --resume=results",
        children, NULL, NULL};
    options->samples = 1 << 20;
    parse_arguments("check", &argp, argc, argv, options);
    if (options->activation.given_count && !options->info_count)
        usage_error("a parameter needs the name of an activation");
    if (options->exhaustive && options->type == CLACT_F64)
        usage_error("--exhaustive is for f32: of f64 there are 2^64");
    if (options->resume && options->activation.mode == CLACT_FAST)
        usage_error("--resume keeps what is exact: it is not for --mode=fast");
    if (options->grid && (options->activation.given_count || options->activation.semantics))
        usage_error("--grid has parameters of its own, in documented semantics");
    for (size_t i = 0; i < options->info_count; i++) {
        require_elementwise(options->infos[i], "check");
        refuse_parameters(options->infos[i], &options->activation);
    }
}

/* ---- A row: one activation in one direction ------------------------------------------------- */

typedef struct special_result {
    size_t cases, wrong;
    const special_set *set; /* of the first wrong case; below, the case and what came out */
    special_case first;
    double got;
} special_result;

typedef struct row {
    const clact_activation_info *info;
    direction direction;
    double bound;
    const special_set *at; /* the parameters; it has no rows */
    const char *mode;
    bool documented;       /* else TensorFlow's semantics: there is neither oracle nor table */
    const oracle *oracle;  /* may be NULL */
    measured measured;
    special_result special;
    bool passed;
} row;

typedef struct check {
    const check_options *options;
    clact_context *context, *against;
    clact_caps caps, against_caps;
    runner checked, reference;
    bool no_subnormals;
    records *records; /* may be NULL */
    json_t *rows;
    time_t start;
    size_t count, done, before; /* rows: to measure, measured, and taken from earlier runs */
    bool failed;
} check;

static void check_special_set(check *c, const special_set *set, row *r)
{
    special_case cases[SPECIAL_CASES];
    double memory[4][SPECIAL_CASES]; /* x, dy, what comes out and what should, of any type */
    clact_type type = c->options->type;
    size_t count = special_cases(set, r->direction, type, !c->no_subnormals, cases), size = clact_type_bytes(type);
    clact_activation *activation;
    require_ok(special_activation(&activation, set));
    for (size_t i = 0; i < count; i++) {
        convert_elements((char *)memory[0] + i * size, type, &cases[i].x, CLACT_F32, 1);
        convert_elements((char *)memory[1] + i * size, type, &cases[i].dy, CLACT_F32, 1);
        convert_elements((char *)memory[3] + i * size, type, &cases[i].expected, CLACT_F32, 1);
    }
    require_ok(runner_run(&c->checked, activation, r->direction, type, count, memory[0], memory[1], memory[2]));
    clact_activation_destroy(&activation);
    r->special.cases += count;
    for (size_t i = 0; i < count; i++) {
        const char *got = (const char *)memory[2] + i * size;
        if (memcmp(got, (const char *)memory[3] + i * size, size) == 0)
            continue;
        if (r->special.wrong++ == 0) {
            r->special.set = set;
            r->special.first = cases[i];
            convert_elements(&r->special.got, CLACT_F64, got, type, 1);
        }
    }
}

static void check_special(check *c, row *r)
{
    for (size_t i = 0; i < special_set_count; i++)
        if (strcmp(special_sets[i].activation, r->info->name) == 0)
            check_special_set(c, &special_sets[i], r);
}

typedef struct progress {
    const check *check;
    const row *row;
} progress;

/* Of all rows: they take about as long as each other. */
static void show_progress(void *data, uint64_t done, uint64_t inputs)
{
    const progress *p = data;
    const check *c = p->check;
    double rows = (double)c->done + (double)done / (double)inputs;
    progress_show(c->start, rows / (double)c->count, "%s %s, row %zu of %zu", p->row->info->name,
                  direction_names[p->row->direction], c->done + c->before + 1, c->count + c->before);
}

/* All inputs of the type, not a sample. */
static bool measures_all(const check_options *options)
{
    return options->exhaustive || options->type == CLACT_F16 || options->type == CLACT_BF16;
}

#define FAST_BOUND 4.0 /* of CLACT_FAST, as clact.h states it */

/* Results of fast forms, whose bits are not promised. */
static bool is_fast(const check *c)
{
    return c->options->activation.mode == CLACT_FAST;
}

static void measure_row(check *c, row *r, const clact_activation *activation, const strata *s)
{
    progress p = {c, r};
    measurement m = {.type = c->options->type, .activation = activation, .oracle = r->oracle,
                     .direction = r->direction, .bound = r->bound, .checked = &c->checked,
                     .reference = &c->reference, .strata = measures_all(c->options) ? NULL : s,
                     .inputs = (uint64_t)c->options->samples, .no_subnormals = c->no_subnormals,
                     .progress = show_progress, .progress_data = &p};
    require_ok(measure(&r->measured, &m));
    progress_clear();
    if (r->documented && !c->options->grid)
        check_special(c, r);
    bool same = r->measured.differing == 0 || c->caps.exact == CLACT_EXACT_NONE || is_fast(c);
    bool exact = r->measured.beyond == 0 && r->special.wrong == 0;
    r->passed = same && exact && (r->oracle || !r->documented);
}

/* ---- Words for people ----------------------------------------------------------------------- */

/* The columns of x and of the bound, wide enough for the type's numbers, and the digits of x. */
typedef struct columns {
    int x, bound, digits;
} columns;

static columns columns_of(clact_type type)
{
    return type == CLACT_F32 ? (columns){15, 5, 9} : (columns){24, 8, 17};
}

static void print_header(const check *c)
{
    columns w = columns_of(c->options->type);
    char index[DEVICE_INDEX_SIZE];
    device_index(index, c->caps.backend, c->caps.platform_index, c->caps.device_index);
    if (c->caps.backend == CLACT_BACKEND_OPENCL)
        printf("%s %s (%s), exact: %s", index, c->caps.device, c->caps.platform,
               exactness_name(c->caps.exact));
    else
        printf("%s (%s)", index, c->caps.cpu);
    printf(", against cpu (%s)", c->against_caps.cpu);
    if (c->options->type != CLACT_F32)
        printf(", in %s", clact_type_name(c->options->type));
    printf("\n\n%-18s %-10s %10s %9s %-*s %*s %9s %10s  %s\n", "activation", "direction", "inputs",
           "max ulp", w.x, "at x", w.bound, "bound", "special", "differing", "hash");
}

static void print_reasons(const row *r)
{
    const measured *m = &r->measured;
    const char *f = r->direction == FORWARD ? "f" : "f'";
    if (r->documented && !r->oracle)
        printf("    there is no oracle for %s\n", r->info->name);
    if (m->cancelled.error > 0)
        printf("    where terms cancel: %.4f ulp of the largest, at x = %.9g; the bound is %d\n",
               m->cancelled.error, m->cancelled.x, CANCELLED_BOUND);
    if (m->beyond) {
        const worst *w = m->worst.error > r->bound ? &m->worst : &m->cancelled;
        printf("    %" PRIu64 " past the bound; the worst: %s(%a) is %a, not %a\n", m->beyond, f,
               w->x, w->got, w->exact);
    }
    if (r->special.wrong) {
        printf("    %zu special values are wrong; the first:", r->special.wrong);
        special_print_parameters(stdout, r->special.set);
        printf(" %s(%a)", f, r->special.first.x);
        if (r->direction == DERIVATIVE)
            printf(" with dy = %g", r->special.first.dy);
        printf(" gives %a, not %a\n", r->special.got, r->special.first.expected);
    }
    if (m->differing)
        printf("    differs from the CPU first at %s(%a): %a here, %a there\n", f, m->differing_x,
               m->differing_got, m->differing_reference);
    if (m->left_out)
        printf("    %" PRIu64 " subnormal results were not looked at\n", m->left_out);
}

/* From the row as JSON, so that one of an earlier run is printed alike. */
static void print_row(const check *c, const row *r, json_t *result, bool before)
{
    const char *hash;
    json_t *error, *at;
    double bound;
    json_int_t inputs, cases, wrong, differing;
    int ok;
    char number[16] = "-", x[32] = "-", special[48] = "-";
    columns w = columns_of(c->options->type);
    if (json_unpack(result, "{sI so so sF s{sI sI} sI ss sb}", "inputs", &inputs, "max_ulp", &error,
                    "max_ulp_x", &at, "bound", &bound, "special", "cases", &cases, "wrong", &wrong,
                    "differing", &differing, "hash", &hash, "ok", &ok) != 0)
        fail(CLI_FAILED, "%s: a row lacks a field", c->options->resume);
    double ulp = json_is_number(error) ? json_number_value(error) : INFINITY;
    if (json_is_string(at))
        snprintf(number, sizeof number, ulp < 1e4 ? "%.4f" : "%.2g", ulp);
    if (json_is_string(at) && ulp > 0)
        snprintf(x, sizeof x, "%.*g", w.digits, strtod(json_string_value(at), NULL));
    if (cases)
        snprintf(special, sizeof special, "%d/%d", (int)(cases - wrong), (int)cases);
    printf("%-18s %-10s %10" PRId64 " %9s %-*s %*g %9s %10" PRId64 "  %s  %s%s%s", r->info->name,
           direction_names[r->direction], (int64_t)inputs, number, w.x, x, w.bound, bound, special,
           (int64_t)differing, hash, colour(stdout, ok ? COLOUR_GOOD : COLOUR_BAD), ok ? "OK" : "FAIL",
           colour(stdout, COLOUR_NONE));
    special_print_parameters(stdout, r->at);
    puts(before ? ", as recorded" : "");
    if (!before)
        print_reasons(r);
    fflush(stdout);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* The largest error; null if there is none, or it is infinite. */
static json_t *ulp_json(bool any, const worst *w)
{
    return any && isfinite(w->error) ? json_real(w->error) : json_null();
}

/* Exactly, as C writes it: "0x1.8p+1", "-inf", "nan"; null if there is none. */
static json_t *float_json(bool any, double x)
{
    return any ? json_sprintf("%a", x) : json_null();
}

static const struct text {
    const char *name;
    uint32_t semantics;
    const char *hash[CLACT_TYPE_COUNT];
} texts[] = {
#define TEXT(name, semantics, ...) {#name, CLACT_##semantics, {__VA_ARGS__}},
#include "texts.h"
};

/* Of what in cl/ the results come from; see tools/texts.py. */
static const char *text_hash(const row *r, clact_type type)
{
    uint32_t semantics = r->documented ? CLACT_DOCUMENTED : CLACT_TENSORFLOW;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].semantics == semantics && strcmp(texts[i].name, r->info->name) == 0)
            return texts[i].hash[type];
    return "";
}

static const char *semantics_name(const row *r)
{
    return r->documented ? "documented" : "tensorflow";
}

static json_t *parameters_json(const special_set *at)
{
    json_t *parameters = json_object();
    for (size_t i = 0; i < at->parameter_count; i++) {
        const clact_parameter *p = &at->parameters[i];
        json_object_set_new(parameters, p->name, p->none ? json_null() : json_real(p->value));
    }
    return parameters;
}

static json_t *row_json(const row *r, clact_type type)
{
    const measured *m = &r->measured;
    json_t *parameters = parameters_json(r->at);
    bool cancelled = r->oracle && m->cancelled.error > 0;
    return json_pack(
        "{ss so ss ss ss ss ss si sI sI so so so so sf sI s{sI sI} sI so so sf sb}", "activation", r->info->name,
        "parameters", parameters, "direction", direction_names[r->direction], "dtype", clact_type_name(type),
        "semantics", semantics_name(r), "mode", r->mode, "text", text_hash(r, type), "numerics",
        (int)clact_version()->numerics, "inputs",
        (json_int_t)m->inputs, "left_out", (json_int_t)m->left_out, "max_ulp", ulp_json(r->oracle, &m->worst),
        "max_ulp_x", float_json(r->oracle, m->worst.x), "cancelled_max_ulp", ulp_json(cancelled, &m->cancelled),
        "cancelled_max_ulp_x", float_json(cancelled, m->cancelled.x), "bound", r->bound, "beyond",
        (json_int_t)m->beyond, "special", "cases", (json_int_t)r->special.cases, "wrong",
        (json_int_t)r->special.wrong, "differing", (json_int_t)m->differing, "differing_x",
        float_json(m->differing > 0, m->differing_x), "hash", json_sprintf("%016" PRIx64, m->hash),
        "seconds", m->seconds, "ok", (int)r->passed);
}

/* ---- Results of earlier runs ---------------------------------------------------------------- */

static json_t *place_json(const clact_caps *caps)
{
    return json_pack("{so so ss}", "name", json_text(caps->device), "driver", json_text(caps->driver),
                     "instruction_set", caps->cpu);
}

/* Without a type it is f32. */
static json_t *key_json(const check *c, const row *r)
{
    clact_type type = c->options->type;
    const char *name = type == CLACT_F32 ? NULL : clact_type_name(type);
    json_int_t inputs = measures_all(c->options) ? (json_int_t)1 << 8 * clact_type_bytes(type) : c->options->samples;
    return json_pack("{ss ss ss so sI so so ss si ss ss*}", "activation", r->info->name, "direction",
                     direction_names[r->direction], "semantics", semantics_name(r), "parameters",
                     parameters_json(r->at), "inputs", inputs, "device", place_json(&c->caps),
                     "against", place_json(&c->against_caps), "version", clact_version()->text,
                     "numerics", (int)clact_version()->numerics, "text", text_hash(r, type), "dtype", name);
}

/* What FILE has of this row; else NULL and its key. */
static json_t *recorded_row(const check *c, const row *r, json_t **key)
{
    *key = c->records ? key_json(c, r) : NULL;
    return c->records ? json_incref(records_find(c->records, *key)) : NULL;
}

static void print_document(check *c)
{
    print_json(json_pack("{si ss si so so sb so}", "schema", 1, "version", clact_version()->text,
                         "numerics", (int)clact_version()->numerics, "device", caps_json(&c->caps),
                         "against", caps_json(&c->against_caps), "ok", (int)!c->failed, "rows",
                         c->rows));
}

/* ---- The command ---------------------------------------------------------------------------- */

static void log_message(void *data, int level, const char *message)
{
    (void)data;
    if (level <= CLACT_LOG_WARNING)
        warn("%s", message);
}

static void open_check(check *c, const check_options *options)
{
    clact_options wanted = {.device = options->context.device, .cpu = options->cpu,
                            .threads = options->context.threads, .log = log_message};
    *c = (check){.options = options, .rows = json_array()};
    require_opened(clact_open(&c->context, &wanted), wanted.device);
    c->caps = context_caps(c->context);
    bool opencl = c->caps.backend == CLACT_BACKEND_OPENCL;
    bool baseline = strcmp(c->caps.cpu, "baseline") == 0;
    wanted.device = "cpu";
    wanted.cpu = options->against_cpu || opencl || baseline ? options->against_cpu : "baseline";
    require_ok(clact_open(&c->against, &wanted));
    c->against_caps = context_caps(c->against);
    c->no_subnormals = c->caps.exact == CLACT_EXACT_NORMAL || !c->caps.keeps_subnormals;
    require_ok(runner_open(&c->checked, c->context, opencl));
    require_ok(runner_open(&c->reference, c->against, false));
    c->records = options->resume ? records_open(options->resume) : NULL;
}

static void close_check(check *c)
{
    runner_close(&c->checked);
    runner_close(&c->reference);
    clact_close(&c->context);
    clact_close(&c->against);
    records_close(c->records);
}

/* A row measured now, or before. */
static void check_row(check *c, row *r, const clact_activation *activation, const strata *s)
{
    json_t *key, *result = recorded_row(c, r, &key);
    bool before = result != NULL;
    if (before) {
        c->before++;
        c->count--;
    } else {
        measure_row(c, r, activation, s);
        result = row_json(r, c->options->type);
        c->done++;
    }
    if (!before && key)
        records_add(c->records, key, result);
    c->failed |= !json_is_true(json_object_get(result, "ok"));
    if (c->options->format != AS_TABLE)
        json_array_append(c->rows, result);
    else
        print_row(c, r, result, before);
    json_decref(key);
    json_decref(result);
}

static void check_at(check *c, const clact_activation_info *info,
                     const clact_activation *activation, const special_set *at)
{
    oracle o;
    strata s;
    bool documented = c->options->activation.semantics == CLACT_DOCUMENTED;
    clact_type type = c->options->type;
    bool has_oracle = oracle_make(&o, info, at->parameters, at->parameter_count, type) == 0;
    strata_make(&s, type, o.p, info->parameter_count);
    for (int d = FORWARD; d <= DERIVATIVE; d++) {
        row r = {.info = info, .direction = d, .at = at, .documented = documented,
                 .mode = is_fast(c) ? "fast" : "exact"};
        r.bound = stated_bound(info, r.direction, type);
        if (is_fast(c) && d == FORWARD)
            r.bound = fmax(r.bound, FAST_BOUND);
        r.oracle = documented && has_oracle ? &o : NULL;
        check_row(c, &r, activation, &s);
    }
}

static void check_activation(check *c, const clact_activation_info *info)
{
    activation_options options = c->options->activation;
    clact_activation *activation = create_activation(info, &options);
    clact_parameter *parameters = given_parameters(&options);
    special_set at = {info->name, parameters, options.given_count, NULL, 0};
    check_at(c, info, activation, &at);
    free_given_parameters(parameters, options.given_count);
    clact_activation_destroy(&activation);
}

static void check_grid(check *c, const clact_activation_info *info)
{
    size_t found = 0;
    for (size_t i = 0; i < grid_set_count; i++) {
        clact_activation *activation;
        if (strcmp(grid_sets[i].activation, info->name) != 0)
            continue;
        require_ok(special_activation(&activation, &grid_sets[i]));
        check_at(c, info, activation, &grid_sets[i]);
        clact_activation_destroy(&activation);
        found++;
    }
    if (!found && c->options->info_count)
        warn("the grid has no parameters for %s", info->name);
}

/* In both directions, at each point of the grid or at one. */
static void count_rows(check *c, const clact_activation_info *info)
{
    c->count += c->options->grid ? 0 : 2;
    for (size_t i = 0; c->options->grid && i < grid_set_count; i++)
        c->count += strcmp(grid_sets[i].activation, info->name) == 0 ? 2 : 0;
}

/* Those named, or all that have the semantics asked for. */
static void for_activations(check *c, void (*one)(check *, const clact_activation_info *))
{
    const check_options *options = c->options;
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < options->info_count; i++)
        one(c, options->infos[i]);
    for (size_t i = 0; options->info_count == 0 && i < count; i++)
        if (is_elementwise(&list[i]) &&
            (options->activation.semantics == CLACT_DOCUMENTED || list[i].tensorflow))
            one(c, &list[i]);
}

int command_check(int argc, char **argv)
{
    check_options options = {0};
    check c;
    parse(&options, argc, argv);
    open_check(&c, &options);
    if (options.format == AS_TABLE)
        print_header(&c);
    for_activations(&c, count_rows);
    c.start = time(NULL);
    for_activations(&c, options.grid ? check_grid : check_activation);
    if (options.format == AS_JSON)
        print_document(&c);
    else if (options.format == AS_CSV)
        print_csv(c.rows, "activation parameters direction dtype semantics numerics inputs left_out max_ulp max_ulp_x "
                          "cancelled_max_ulp bound beyond special.cases special.wrong differing hash ok");
    else
        json_decref(c.rows);
    close_check(&c);
    free(options.infos);
    free_activation_options(&options.activation);
    return finish_stdout(c.failed ? CLI_CHECK_FAILED : CLI_DONE);
}
