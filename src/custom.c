/* custom.c: activations of the program's own: definitions, checked and copied. */
#include "custom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TEXT (1u << 20)

/* ---- Rules ---------------------------------------------------------------------------------- */

/* Names become part of a program's text. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length < CLACT_CUSTOM_NAME && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static bool any(const uint64_t *words, size_t count)
{
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= words[i];
    return all != 0;
}

static clact_status check_loops(const char *name, const clact_custom_loops *loops, const char *type)
{
    REQUIRE(loops->forward && loops->backward, CLACT_E_ARGUMENT, "%s lacks a loop in %s", name, type);
    REQUIRE(!any(loops->reserved, sizeof loops->reserved / sizeof *loops->reserved), CLACT_E_ARGUMENT,
            "reserved words of clact_custom_loops must be zero");
    return CLACT_OK;
}

static clact_status check_parameter(const char *name, const clact_parameter_info *p)
{
    REQUIRE(p->name && is_name(p->name) && (!p->alias || is_name(p->alias)), CLACT_E_ARGUMENT,
            "a parameter of %s has a name that is not [a-z][a-z0-9_]*, of at most %d characters", name,
            CLACT_CUSTOM_NAME - 1);
    REQUIRE(strcmp(p->name, "axis") != 0 && (!p->alias || strcmp(p->alias, "axis") != 0), CLACT_E_ARGUMENT,
            "a parameter of %s is named axis, which is of gated units", name);
    REQUIRE(p->kind == CLACT_PARAMETER_SCALAR || p->kind == CLACT_PARAMETER_INTEGER, CLACT_E_UNSUPPORTED,
            "%s of %s is neither a scalar nor an integer", p->name, name);
    REQUIRE(p->default_none <= p->accepts_none && p->accepts_none <= 1 && p->not_zero <= 1 && !p->lifted,
            CLACT_E_ARGUMENT, "default_none, accepts_none, lifted or not_zero of %s of %s is not what it may be",
            p->name, name);
    REQUIRE(p->minimum <= p->maximum, CLACT_E_ARGUMENT, "the range of %s of %s is empty", p->name, name);
    REQUIRE(p->default_none ||
                (isfinite(p->default_value) && p->default_value >= p->minimum && p->default_value <= p->maximum &&
                 !(p->not_zero && p->default_value == 0) &&
                 !(p->kind == CLACT_PARAMETER_INTEGER && p->default_value != trunc(p->default_value))),
            CLACT_E_RANGE, "the default of %s of %s is not a value that it may have", p->name, name);
    REQUIRE(p->reserved0 == 0 && !any(p->reserved, sizeof p->reserved / sizeof *p->reserved), CLACT_E_ARGUMENT,
            "reserved words of clact_parameter_info must be zero");
    return CLACT_OK;
}

static bool is_named(const clact_parameter_info *p, const char *name)
{
    return name && (strcmp(p->name, name) == 0 || (p->alias && strcmp(p->alias, name) == 0));
}

static clact_status check(const clact_custom *c)
{
    REQUIRE(c->version == CLACT_CUSTOM_VERSION, CLACT_E_UNSUPPORTED,
            "the clact_custom is of version %u, and the library knows %u", (unsigned)c->version, CLACT_CUSTOM_VERSION);
    REQUIRE(c->name && is_name(c->name), CLACT_E_ARGUMENT,
            "the name of a clact_custom must be [a-z][a-z0-9_]*, of at most %d characters", CLACT_CUSTOM_NAME - 1);
    REQUIRE(c->numerics == CLACT_NUMERICS, CLACT_E_UNSUPPORTED,
            "%s was compiled for CLACT_NUMERICS %u, and the library has %u: compile it again", c->name,
            (unsigned)c->numerics, CLACT_NUMERICS);
    REQUIRE(c->text && *c->text && strnlen(c->text, MOST_TEXT) < MOST_TEXT, CLACT_E_ARGUMENT,
            "%s has no text, or one of more than %u bytes", c->name, MOST_TEXT - 1);
    REQUIRE(c->parameter_count <= CLACT_MAX_PARAMETERS, CLACT_E_ARGUMENT, "%s has more than %d parameters", c->name,
            CLACT_MAX_PARAMETERS);
    REQUIRE(c->parameters || c->parameter_count == 0, CLACT_E_ARGUMENT,
            "parameters of %s must not be NULL where parameter_count is not 0", c->name);
    REQUIRE(c->reserved0 == 0 && !any(c->reserved, sizeof c->reserved / sizeof *c->reserved), CLACT_E_ARGUMENT,
            "reserved words of clact_custom must be zero");
    REQUIRE(c->f32, CLACT_E_ARGUMENT, "%s has no loops in f32", c->name);
    TRY(check_loops(c->name, c->f32, "f32"));
    if (c->f64)
        TRY(check_loops(c->name, c->f64, "f64"));
    for (uint32_t i = 0; i < c->parameter_count; i++) {
        const clact_parameter_info *p = &c->parameters[i];
        TRY(check_parameter(c->name, p));
        for (uint32_t k = 0; k < i; k++)
            REQUIRE(!is_named(&c->parameters[k], p->name) && !is_named(&c->parameters[k], p->alias), CLACT_E_ARGUMENT,
                    "%s has two parameters of one name, %s", c->name, p->name);
    }
    return CLACT_OK;
}

/* ---- The copy ------------------------------------------------------------------------------- */

/* A text that the preprocessor made stands on one line, without comments and directives: it is broken after each
 * statement, so that a compiler's message says where. Any other text is left alone. */
static void copy_in_lines(char *to, const char *from)
{
    bool one_line = !strchr(from, '\n');
    char quote = 0;
    for (; *from; from++) {
        *to++ = *from;
        if (quote && *from == '\\' && from[1])
            *to++ = *++from;
        else if (quote)
            quote = *from == quote ? 0 : quote;
        else if (*from == '"' || *from == '\'')
            quote = *from;
        else if (one_line && strchr(";{}", *from))
            *to++ = '\n';
    }
    *to++ = '\n';
    *to = 0;
}

/* FNV-1a (Fowler, Noll and Vo). */
static uint64_t hash(uint64_t h, const char *s)
{
    do
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    while (*s++);
    return h;
}

static void copy_parameter(struct clact_definition *d, uint32_t i, const clact_parameter_info *p)
{
    d->parameters[i] = *p;
    memcpy(d->names[i], p->name, strlen(p->name));
    d->parameters[i].name = d->names[i];
    if (p->alias) {
        memcpy(d->aliases[i], p->alias, strlen(p->alias));
        d->parameters[i].alias = d->aliases[i];
    }
    if (p->default_none)
        d->parameters[i].default_value = NAN; /* as kernels take it */
}

clact_status clact_definition_create(struct clact_definition **out, const clact_custom *custom)
{
    TRY(check(custom));
    struct clact_definition *d = calloc(1, sizeof *d + 2 * strlen(custom->text) + 2);
    REQUIRE(d, CLACT_E_MEMORY, "out of memory");
    atomic_init(&d->holders, 1);
    memcpy(d->name, custom->name, strlen(custom->name));
    copy_in_lines(d->text, custom->text);
    d->hash = hash(hash(0xcbf29ce484222325u, d->name), d->text);
    for (uint32_t i = 0; i < custom->parameter_count; i++)
        copy_parameter(d, i, &custom->parameters[i]);
    d->functions.name = d->name;
    d->f32 = *custom->f32;
    if (custom->f64)
        d->f64 = *custom->f64;
    d->info = (clact_activation_info){
        .needs = CLACT_BACKWARD_X, .parameter_count = custom->parameter_count, .name = d->name, .aliases = "",
        .kind = "elementwise", .parameters = d->parameters, .ulp_forward = INFINITY, .ulp_derivative = INFINITY,
        .formula = "", .derivative = "", .kinks = "", .source = "custom"};
    *out = d;
    return CLACT_OK;
}

struct clact_definition *clact_definition_hold(struct clact_definition *definition)
{
    if (definition)
        atomic_fetch_add(&definition->holders, 1);
    return definition;
}

void clact_definition_release(struct clact_definition *definition)
{
    if (definition && atomic_fetch_sub(&definition->holders, 1) == 1)
        free(definition);
}

bool clact_definition_same(const struct clact_definition *a, const struct clact_definition *b)
{
    if (a == b || !a || !b)
        return a == b;
    return a->hash == b->hash && a->info.parameter_count == b->info.parameter_count && strcmp(a->name, b->name) == 0 &&
           strcmp(a->text, b->text) == 0;
}

clact_status clact_definition_type(const clact_activation *activation, uint32_t type)
{
    REQUIRE(type != CLACT_F64 || !activation->own || activation->own->f64.forward, CLACT_E_UNSUPPORTED,
            "%s has no f64: its loops were compiled in f32 alone", activation->info->name);
    return CLACT_OK;
}

clact_status clact_activation_create_custom(clact_activation **out, const clact_custom *custom,
                                            const clact_parameter *parameters, size_t count)
{
    REQUIRE(custom, CLACT_E_ARGUMENT, "custom must not be NULL");
    clact_activation_desc desc = {.custom = custom, .parameters = parameters, .parameter_count = count};
    return clact_activation_create(out, &desc);
}
