/* list.c: `clact list`: every activation with its parameters, its needs and its bounds. */
#include "commands.h"
#include "common.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_ARG:
        usage_error("'%s' is not expected: list takes no names", value);
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- As a table ----------------------------------------------------------------------------- */

static const char *needs_text(uint32_t needs)
{
    switch (needs) {
    case CLACT_BACKWARD_NOTHING:
        return "nothing";
    case CLACT_BACKWARD_X_OR_Y:
        return "x or y";
    case CLACT_BACKWARD_Y:
        return "y";
    default:
        return "x";
    }
}

/* "negative_slope=0 max_value=none"; "-" where there are no parameters. */
static char *parameters_text(const clact_activation_info *info)
{
    char *text = text_of("%s", info->parameter_count ? "" : "-");
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        const clact_parameter_info *p = &info->parameters[i];
        char number[NUMBER_TEXT_SIZE];
        char *longer = text_of("%s%s%s=%s", text, i ? " " : "", p->name,
                               p->default_none ? "none" : number_text(number, p->default_value));
        free(text);
        text = longer;
    }
    return text;
}

static void print_table(const clact_activation_info *list, size_t count)
{
    table t = {.columns = "llllrrl"};
    static const char *const heads[] = {"NAME", "KIND", "PARAMETERS", "BACKWARD", "ULP", "ULP'", "ALIASES"};
    for (size_t i = 0; i < strlen(t.columns); i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < count; i++) {
        char *parameters = parameters_text(&list[i]);
        table_add(&t, "%s", list[i].name);
        table_add(&t, "%s", list[i].kind);
        table_add(&t, "%s", parameters);
        table_add(&t, "%s", needs_text(list[i].needs));
        table_add(&t, "%g", list[i].ulp_forward);
        table_add(&t, "%g", list[i].ulp_derivative);
        table_add(&t, "%s", list[i].aliases[0] ? list[i].aliases : "-");
        free(parameters);
    }
    table_print(&t);
}

/* ---- As JSON -------------------------------------------------------------------------------- */

static json_t *limit_json(double limit)
{
    return isfinite(limit) ? json_real(limit) : json_null();
}

static json_t *default_json(const clact_parameter_info *p)
{
    return p->default_none ? json_string("none") : json_real(p->default_value);
}

static json_t *parameter_json(const clact_parameter_info *p)
{
    static const char *const kinds[] = {"scalar", "tensor", "integer"};
    return json_pack("{ss ss? so so so ss sb sb sb}", "name", p->name, "alias", p->alias,
                     "default", default_json(p), "min", limit_json(p->minimum),
                     "max", limit_json(p->maximum),
                     "kind", kinds[p->kind],
                     "accepts_none", (int)p->accepts_none, "lifted", (int)p->lifted,
                     "not_zero", (int)p->not_zero);
}

static json_t *aliases_json(const char *aliases)
{
    json_t *list = json_array();
    for (const char *name = aliases + strspn(aliases, " "); *name; name += strspn(name, " ")) {
        size_t length = strcspn(name, " ");
        json_array_append_new(list, json_stringn(name, length));
        name += length;
    }
    return list;
}

static json_t *semantics_json(uint32_t tensorflow)
{
    json_t *list = json_pack("[s]", "documented");
    if (tensorflow)
        json_array_append_new(list, json_string("tensorflow"));
    return list;
}

static json_t *activation_json(const clact_activation_info *info)
{
    json_t *parameters = json_array();
    for (uint32_t i = 0; i < info->parameter_count; i++)
        json_array_append_new(parameters, parameter_json(&info->parameters[i]));
    const char *backward = info->needs == CLACT_BACKWARD_NOTHING ? "none"
                         : info->needs == CLACT_BACKWARD_Y       ? "y"
                                                                 : "x";
    return json_pack("{sI ss so ss so ss sb sf sf so ss ss ss ss ss sI sb}", "id", (json_int_t)info->id,
                     "name", info->name, "aliases", aliases_json(info->aliases),
                     "kind", info->kind, "parameters", parameters, "backward", backward,
                     "backward_from_y", info->needs == CLACT_BACKWARD_X_OR_Y,
                     "ulp_forward", info->ulp_forward, "ulp_derivative", info->ulp_derivative,
                     "semantics", semantics_json(info->tensorflow),
                     "formula", info->formula, "derivative", info->derivative, "kinks", info->kinks,
                     "source", info->source, "from_y", info->from_y,
                     "learnable", (json_int_t)info->learnable_count, "noise", (int)info->noise);
}

/* As in the document, with the parameters as name=default. */
static json_t *row_json(const clact_activation_info *info)
{
    json_t *row = activation_json(info), *defaults = json_object();
    for (uint32_t i = 0; i < info->parameter_count; i++)
        json_object_set_new(defaults, info->parameters[i].name, default_json(&info->parameters[i]));
    json_object_set_new(row, "parameters", defaults);
    return row;
}

int command_list(int argc, char **argv)
{
    static const struct argp_child children[] = {{&format_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        NULL, parse_option, "",
        "Lists every activation: its parameters with their defaults, what its derivative is "
        "computed from, the stated bounds of the function and of its derivative in units in the "
        "last place (f32), and its other names.\v"
        "Examples:\n"
        "  clact list\n"
        "  clact list --json | jq -r '.activations[].name'",
        children, NULL, NULL};
    output_format format = AS_TABLE;
    size_t count;
    parse_arguments(argv[0], &argp, argc, argv, &format);
    const clact_activation_info *list = clact_activation_list(&count);
    if (format == AS_TABLE) {
        print_table(list, count);
        return CLI_DONE;
    }
    json_t *activations = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(activations, format == AS_CSV ? row_json(&list[i]) : activation_json(&list[i]));
    if (format == AS_CSV)
        print_csv(activations, "id name aliases kind parameters backward backward_from_y ulp_forward ulp_derivative "
                               "semantics formula derivative kinks source learnable noise");
    else
        print_json(json_pack("{si so}", "schema", 1, "activations", activations));
    return CLI_DONE;
}
