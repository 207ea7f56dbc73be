/* activation.c: finds activations and makes them from the options of the command line. */
#include "activation.h"

#include "file.h"
#include "suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ---------------------------------------------------------------------------------- */

static _Noreturn void refuse_activation(const char *word)
{
    suggestion best = {word, NULL, 0};
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++) {
        suggest(&best, list[i].name);
        suggest_each(&best, list[i].aliases, " ");
    }
    if (*suggested(&best))
        usage_error("there is no activation '%s'%s", word, suggested(&best));
    usage_error("there is no activation '%s'; `clact list` names them all", word);
}

const clact_activation_info *find_activation(const char *name)
{
    const clact_activation_info *info = clact_activation_find(name);
    if (!info)
        refuse_activation(name);
    return info;
}

bool is_elementwise(const clact_activation_info *info)
{
    return strcmp(info->kind, "elementwise") == 0;
}

void require_elementwise(const clact_activation_info *info, const char *command)
{
    if (!is_elementwise(info))
        usage_error("%s is for element-wise activations, and %s is of the kind %s", command,
                    info->name, info->kind);
}

/* ---- Options made from the library's list --------------------------------------------------- */

enum { KEY_SEMANTICS = 0x400, KEY_MODE, KEY_UNCHECKED, KEY_PARAMETER = 0x1000 };

static const struct argp_option fixed_options[] = {
    {"semantics", KEY_SEMANTICS, SEMANTICS_WORDS, 0,
     "documented (the default), or tensorflow: what TensorFlow 2.15 computes on a CPU", 0},
    {"mode", KEY_MODE, MODE_WORDS, 0,
     "exact (the default), or fast: within 4 units in the last place, bits not promised", 0},
    {"unchecked", KEY_UNCHECKED, NULL, 0,
     "Accept negative parameters of relu and thresholded_relu", 0},
    {NULL, 0, NULL, 0, "Parameters of the activations:", 1},
};
enum { FIXED_COUNT = sizeof fixed_options / sizeof fixed_options[0] };

/* The table that argp reads: the fixed options, then one for each name; made once and kept. */
static struct argp_option *options_table;
static size_t options_count;

/* The name of a parameter's option: dashes for underscores. */
static char *option_name(const char *name)
{
    char *text = text_of("%s", name);
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = '-';
    return text;
}

static bool names_option(const char *name, const char *option)
{
    while (*name && (*name == *option || (*name == '_' && *option == '-'))) {
        name++;
        option++;
    }
    return *name == '\0' && *option == '\0';
}

static struct argp_option *option_named(const char *name)
{
    for (size_t i = FIXED_COUNT; i < options_count; i++)
        if (names_option(name, options_table[i].name))
            return &options_table[i];
    struct argp_option *option = &options_table[options_count];
    option->name = option_name(name);
    option->key = KEY_PARAMETER + (int)options_count;
    option->arg = "NUMBER";
    option->group = 1;
    options_count++;
    return option;
}

static void add_option(const char *name, const clact_activation_info *info,
                       const clact_parameter_info *parameter)
{
    char number[NUMBER_TEXT_SIZE];
    struct argp_option *option = option_named(name);
    char *old = (char *)(uintptr_t)option->doc;
    const char *other = parameter->kind == CLACT_PARAMETER_TENSOR ? "or FILE.npy; "
                        : parameter->accepts_none                 ? "or none; "
                                                                  : "";
    const char *value = parameter->default_none ? "none"
                                                : number_text(number, parameter->default_value);
    option->doc = text_of("%s%s%s (%sdefault %s)", old ? old : "", old ? ", " : "", info->name,
                          other, value);
    free(old);
}

static void make_options_table(void)
{
    size_t count, names = 0;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        names += 2 * (size_t)list[i].parameter_count;
    options_table = allocate(FIXED_COUNT + names + 1, sizeof *options_table);
    memcpy(options_table, fixed_options, sizeof fixed_options);
    options_count = FIXED_COUNT;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t p = 0; p < list[i].parameter_count; p++) {
            const clact_parameter_info *parameter = &list[i].parameters[p];
            if (strcmp(parameter->name, "axis") == 0)
                continue;
            add_option(parameter->name, &list[i], parameter);
            if (parameter->alias)
                add_option(parameter->alias, &list[i], parameter);
        }
    }
}

uint32_t parse_semantics(const char *word)
{
    return parse_choice("--semantics", word, SEMANTICS_WORDS) == 0 ? CLACT_DOCUMENTED : CLACT_TENSORFLOW;
}

static error_t parse_activation(int key, char *value, struct argp_state *state)
{
    activation_options *options = state->input;
    if (key == KEY_SEMANTICS) {
        options->semantics = parse_semantics(value);
    } else if (key == KEY_MODE) {
        options->mode = parse_choice("--mode", value, MODE_WORDS) == 0 ? CLACT_EXACT : CLACT_FAST;
    } else if (key == KEY_UNCHECKED) {
        options->unchecked = 1;
    } else if (key >= KEY_PARAMETER && key < KEY_PARAMETER + (int)options_count) {
        size_t count = options->given_count++;
        options->given = reallocate(options->given, count + 1, sizeof *options->given);
        options->given[count].option = options_table[key - KEY_PARAMETER].name;
        options->given[count].value = value;
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

const struct argp *activation_argp(void)
{
    static struct argp argp = {NULL, parse_activation, NULL, NULL, NULL, NULL, NULL};
    if (!options_table)
        make_options_table();
    argp.options = options_table;
    return &argp;
}

/* ---- An activation from the options --------------------------------------------------------- */

/* "relu takes --negative-slope (or --alpha) and --threshold", or that it takes no parameters. */
static char *parameters_sentence(const clact_activation_info *info)
{
    char *text = text_of("%s takes %s", info->name, info->parameter_count ? "" : "no parameters");
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        const clact_parameter_info *parameter = &info->parameters[i];
        const char *comma = i == 0 ? "" : i + 1 < info->parameter_count ? ", " : " and ";
        char *name = option_name(parameter->name);
        char *alias = parameter->alias ? option_name(parameter->alias) : NULL;
        char *longer = text_of("%s%s--%s%s%s%s", text, comma, name, alias ? " (or --" : "",
                               alias ? alias : "", alias ? ")" : "");
        free(alias);
        free(name);
        free(text);
        text = longer;
    }
    return text;
}

const clact_parameter_info *find_parameter(const clact_activation_info *info, const char *option)
{
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        const clact_parameter_info *parameter = &info->parameters[i];
        if (names_option(parameter->name, option)
            || (parameter->alias && names_option(parameter->alias, option)))
            return parameter;
    }
    return NULL;
}

/* A value that names a file; other values of a tensor parameter are meant to be numbers. */
static bool is_file_name(const char *value)
{
    size_t length = strlen(value);
    return is_standard(value) || strchr(value, '/') || (length >= 4 && strcmp(value + length - 4, ".npy") == 0);
}

static void read_value(clact_parameter *out, const clact_activation_info *info,
                       const clact_parameter_info *parameter, const given_parameter *given)
{
    out->name = parameter->name;
    if (parameter->accepts_none && strcmp(given->value, "none") == 0) {
        out->none = 1;
        return;
    }
    if (parse_number(&out->value, given->value))
        return;
    const char *what = parameter->kind == CLACT_PARAMETER_TENSOR    ? "a finite number or a .npy file"
                       : parameter->kind == CLACT_PARAMETER_INTEGER ? "a whole number"
                       : parameter->accepts_none                    ? "a finite number or none"
                                                                    : "a finite number";
    usage_error("--%s is %s, not '%s'; %s", given->option, what, given->value,
                parameters_sentence(info));
}

static void add_file(activation_options *options, const char *name, const char *path)
{
    size_t count = options->file_count++;
    options->files = reallocate(options->files, count + 1, sizeof *options->files);
    options->files[count].name = name;
    options->files[count].path = path;
}

/* More than any activation has. */
enum { MOST_PARAMETERS = 32 };

/* The parameter that an option names, which no option before it has named. */
static const clact_parameter_info *parameter_of(const clact_activation_info *info,
                                                const activation_options *options, size_t i)
{
    const given_parameter *given = options->given;
    const clact_parameter_info *parameter = find_parameter(info, given[i].option);
    if (!parameter)
        usage_error("%s has no parameter --%s; %s", info->name, given[i].option,
                    parameters_sentence(info));
    for (size_t k = 0; k < i; k++)
        if (find_parameter(info, given[k].option) == parameter)
            usage_error("the parameter %s of %s is given twice", parameter->name, info->name);
    return parameter;
}

clact_activation *create_activation(const clact_activation_info *info, activation_options *options)
{
    clact_activation *activation = NULL;
    clact_activation_desc desc = {0};
    clact_parameter values[MOST_PARAMETERS] = {{0}};
    if (info->parameter_count + 1 > MOST_PARAMETERS)
        fail(CLI_FAILED, "%s has more than %d parameters", info->name, MOST_PARAMETERS);
    for (size_t i = 0; i < options->given_count; i++) {
        const given_parameter *given = &options->given[i];
        const clact_parameter_info *parameter = parameter_of(info, options, i);
        if (parameter->kind == CLACT_PARAMETER_TENSOR && is_file_name(given->value))
            add_file(options, parameter->name, given->value);
        else
            read_value(&values[desc.parameter_count++], info, parameter, given);
    }
    if (options->axis) {
        values[desc.parameter_count].name = "axis";
        values[desc.parameter_count++].value = (double)*options->axis;
    }
    desc.id = info->id;
    desc.gated = options->gated;
    desc.half = options->half;
    desc.quantization = options->quantization;
    desc.semantics = options->semantics;
    desc.mode = options->mode;
    desc.unchecked = options->unchecked;
    desc.parameters = values;
    clact_status status = clact_activation_create(&activation, &desc);
    if (status == CLACT_E_MEMORY)
        require_ok(status);
    if (status != CLACT_OK)
        usage_error("%s", clact_error());
    return activation;
}

clact_parameter *given_parameters(const activation_options *options)
{
    clact_parameter *parameters = allocate(options->given_count, sizeof *parameters);
    for (size_t i = 0; i < options->given_count; i++) {
        char *name = text_of("%s", options->given[i].option);
        for (char *dash; (dash = strchr(name, '-'));)
            *dash = '_';
        parameters[i].name = name;
        parameters[i].none = !parse_number(&parameters[i].value, options->given[i].value);
    }
    return parameters;
}

void free_given_parameters(clact_parameter *parameters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)parameters[i].name);
    free(parameters);
}

void refuse_unknown_parameter(const struct argp_state *state)
{
    const char *option = unknown_option(state);
    const char *near = option ? near_option(state, option) : "";
    if (*near)
        usage_error("there is no option '%s'%s", option, near);
    for (int i = 1; option && i < state->argc; i++) {
        const clact_activation_info *info = clact_activation_find(state->argv[i]);
        if (info)
            usage_error("there is no option '%s'; %s", option, parameters_sentence(info));
    }
}

void free_activation_options(activation_options *options)
{
    free(options->given);
    free(options->files);
}
