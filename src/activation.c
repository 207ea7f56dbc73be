/* activation.c: the list as data, and activations: found by name, validated, made, destroyed. */
#include "custom.h"

#include "fpenv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list ------------------------------------------------------------------------------- */

/* "none" as kernels take it: a limit that no comparison reaches. */
#define NONE NAN
#define NEVER 0
#define DOCUMENTED(name, ...) -1, -1
#define TENSORFLOW(name, ...) ROW_##name##_tf, -1
#define FAST(name, ...) -1, ROW_##name##_fast

/* The conditions under which y serves instead of x. */
#define ACTIVATION(id, name, twin, learns, needs, from_y, ...)                                     \
    static bool name##_from_y(const double *p, const double *s, bool narrow)                       \
    {                                                                                              \
        const double p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3], s0 = s[0], s1 = s[1];             \
        (void)p0, (void)p1, (void)p2, (void)p3, (void)s0, (void)s1, (void)narrow;                  \
        return from_y;                                                                             \
    }
#include "activations.def"
#undef ACTIVATION

#define SCALAR CLACT_PARAMETER_SCALAR
#define TENSOR CLACT_PARAMETER_TENSOR
#define INTEGER CLACT_PARAMETER_INTEGER
#define FIXED 0, 0
#define LIFTED 1, 0
#define NOT_ZERO 0, 1
#define PARAMETER(index, name, alias, kind, value, minimum, maximum, range)                        \
    [index] = {#name, alias, value, minimum, maximum, kind, __builtin_isnan(value), __builtin_isnan(value), range, \
               0, {0}},
#define ACTIVATION(id, name, twin, learns, needs, from_y, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    static const clact_parameter_info name##_parameters[CLACT_MAX_PARAMETERS] = {__VA_ARGS__};
#define COMPOSED(id, name, kind, part, needs, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    static const clact_parameter_info name##_parameters[CLACT_MAX_PARAMETERS] = {__VA_ARGS__};
#define NOISE(outside)
#include "activations.def"
#undef ACTIVATION
#undef COMPOSED
#undef PARAMETER
#undef NOISE

#define PARAMETER(...)
#define NOISE(outside) +1
#define ACTIVATION(id, name, twin, learns, needs, from_y, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    name##_noise = 0 __VA_ARGS__,
enum {
#include "activations.def"
};
#undef ACTIVATION
#undef PARAMETER
#undef NOISE

#define PARAMETER(...) +1
#define NOISE(outside)
#define X CLACT_BACKWARD_X
#define X_OR_Y CLACT_BACKWARD_X_OR_Y
#define X_OR_OWN_Y CLACT_BACKWARD_X_OR_Y
#define NOTHING CLACT_BACKWARD_NOTHING
#define Y CLACT_BACKWARD_Y
#define LEARNS_NOTHING 0
#define LEARNS_P0 1
#define LEARNS_P0_TO_P3 4
#define ACTIVATION(id, name, twin, learns, needs, from_y, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    {id, needs, FIRST(twin(name), ) >= 0, 0 __VA_ARGS__, learns, name##_noise, #name, aliases, "elementwise", name##_parameters, \
     uf, ud, formula, derivative, kinks, source, TEXT(from_y), {0}},
#define COMPOSED(id, name, kind, part, needs, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    {id, needs, 0, 0 __VA_ARGS__, 0, 0, #name, aliases, KIND_NAME_##kind, name##_parameters, \
     uf, ud, formula, derivative, kinks, source, FROM_Y_##needs, {0}},
#define FIRST(...) FIRST_OF(__VA_ARGS__)
#define FIRST_OF(first, ...) first
#define TEXT(from_y) QUOTED(from_y) /* NEVER is "0" */
#define QUOTED(text) #text
#define FROM_Y_X "0"
#define FROM_Y_X_OR_Y "1"
#define FROM_Y_Y "1"
#define FROM_Y_NOTHING "1"
#define KIND_NAME_GATED "gated"
#define KIND_NAME_ROWWISE "rowwise"
#define KIND_NAME_REDUCE "reduce"
static const clact_activation_info infos[] = {
#include "activations.def"
};
#undef ACTIVATION
#undef COMPOSED
#undef X
#undef X_OR_Y
#undef X_OR_OWN_Y
#undef NOTHING
#undef PARAMETER
#undef NOISE
#undef Y
#define INFO_COUNT (sizeof infos / sizeof *infos)

#define NO_GATE -1, -1, -1, 0
#define OWN(name) ROWWISE_##name, -1, -1, 0
#define GATE(row, half) ROW_##row, -1, -1, CLACT_HALF_##half
#define PARAMETER(...)
#define NOISE(outside) +outside
#define ACTIVATION(id, name, twin, learns, needs, from_y, uf, ud, aliases, formula, derivative, kinks, source, ...) \
    {KIND_ELEMENTWISE, ROW_##name, twin(name), 0, name##_from_y, 0 __VA_ARGS__},
#define COMPOSED(id, name, kind, part, ...) {KIND_##kind, part, NULL, 0},
static const struct clact_row_info rows[INFO_COUNT] = {
#include "activations.def"
};
#undef ACTIVATION
#undef COMPOSED
#undef PARAMETER
#undef NOISE
#undef DOCUMENTED
#undef TENSORFLOW
#undef FAST

#define DOCUMENTED(name, ...)
#define TENSORFLOW(name, ...) [ROW_##name##_tf] = {#name "_tf", true, false},
#define FAST(name, ...) [ROW_##name##_fast] = {#name "_fast", false, false},
#define OWN_Y_X false
#define OWN_Y_NOTHING false
#define OWN_Y_X_OR_Y false
#define OWN_Y_X_OR_OWN_Y true
#define ACTIVATION(id, name, twin, learns, needs, ...) [ROW_##name] = {#name, false, OWN_Y_##needs}, twin(name)
const struct clact_row_functions clact_row_functions[ROW_COUNT] = {
#include "activations.def"
};
#undef ACTIVATION

const clact_activation_info *clact_activation_list(size_t *count)
{
    if (count)
        *count = INFO_COUNT;
    return infos;
}

const clact_activation_info *clact_activation_info_of(const clact_activation *activation)
{
    return activation ? activation->info : NULL;
}

/* Whether word is one of the words, which blanks separate. */
static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *w = words; *w; w += strspn(w, " ")) {
        size_t n = strcspn(w, " ");
        if (n == length && memcmp(w, word, n) == 0)
            return true;
        w += n;
    }
    return false;
}

const clact_activation_info *clact_activation_find(const char *name)
{
    if (!name || !*name || strchr(name, ' '))
        return NULL;
    for (size_t i = 0; i < INFO_COUNT; i++)
        if (strcmp(infos[i].name, name) == 0 || has_word(infos[i].aliases, name))
            return &infos[i];
    return NULL;
}

/* ---- Activations ---------------------------------------------------------------------------- */

static clact_status find_row(const clact_activation_desc *desc, const clact_activation_info **out)
{
    if (desc->name) {
        *out = clact_activation_find(desc->name);
        REQUIRE(*out, CLACT_E_NAME, "there is no activation named '%s'", desc->name);
        REQUIRE(desc->id == 0 || desc->id == (*out)->id, CLACT_E_ARGUMENT,
                "name '%s' and id %u are two activations", desc->name, (unsigned)desc->id);
        return CLACT_OK;
    }
    for (size_t i = 0; i < INFO_COUNT; i++)
        if (infos[i].id == desc->id) {
            *out = &infos[i];
            return CLACT_OK;
        }
    return clact_fail(CLACT_E_NAME, "there is no activation with id %u", (unsigned)desc->id);
}

int clact_parameter_find(const clact_activation_info *info, const char *name)
{
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        const clact_parameter_info *p = &info->parameters[i];
        if (strcmp(p->name, name) == 0 || (p->alias && strcmp(p->alias, name) == 0))
            return (int)i;
    }
    return -1;
}

static clact_status check_value(const clact_activation_info *info, const clact_parameter_info *p,
                                const clact_parameter *given, bool unchecked)
{
    REQUIRE(given->reserved == 0 && given->none <= 1, CLACT_E_ARGUMENT,
            "a parameter's none must be 0 or 1 and its reserved word 0");
    if (given->none) {
        REQUIRE(p->accepts_none, CLACT_E_RANGE, "%s of %s must be a number", p->name, info->name);
        return CLACT_OK;
    }
    REQUIRE(isfinite(given->value), CLACT_E_RANGE, "%s of %s must be finite%s", p->name, info->name,
            p->accepts_none ? "; no limit is 'none'" : "");
    if (p->lifted && unchecked)
        return CLACT_OK;
    REQUIRE(given->value >= p->minimum, CLACT_E_RANGE, "%s of %s must be at least %.9g, and is %g", p->name,
            info->name, p->minimum, given->value);
    REQUIRE(given->value <= p->maximum, CLACT_E_RANGE, "%s of %s must be at most %.9g, and is %g", p->name,
            info->name, p->maximum, given->value);
    REQUIRE(!p->not_zero || given->value != 0, CLACT_E_RANGE, "%s of %s must not be 0", p->name, info->name);
    REQUIRE(p->kind != CLACT_PARAMETER_INTEGER || given->value == trunc(given->value), CLACT_E_RANGE,
            "%s of %s must be an integer, and is %g", p->name, info->name, given->value);
    return CLACT_OK;
}

/* What any element-wise activation has besides its own parameters when it gates. */
static const clact_parameter_info gate_axis = {.name = "axis", .default_value = -1, .minimum = -CLACT_MAX_RANK,
    .maximum = CLACT_MAX_RANK - 1, .kind = CLACT_PARAMETER_INTEGER};

static clact_status read_parameters(clact_activation *a, const clact_activation_desc *desc)
{
    bool seen[CLACT_MAX_PARAMETERS] = {false};
    const clact_activation_info *info = a->info;
    for (size_t i = 0; i < desc->parameter_count; i++) {
        const clact_parameter *given = &desc->parameters[i];
        REQUIRE(given->name, CLACT_E_ARGUMENT, "a parameter of %s has no name", info->name);
        if (desc->gated && strcmp(given->name, gate_axis.name) == 0) {
            TRY(check_value(info, &gate_axis, given, 0));
            a->axis = (int)given->value;
            continue;
        }
        int k = clact_parameter_find(info, given->name);
        REQUIRE(k >= 0, CLACT_E_NAME, "%s has no parameter '%s'", info->name, given->name);
        REQUIRE(!seen[k], CLACT_E_ARGUMENT, "%s of %s is given twice", info->parameters[k].name, info->name);
        seen[k] = true;
        TRY(check_value(info, &info->parameters[k], given, desc->unchecked));
        a->p64[k] = given->none ? NONE : given->value == 0 ? 0.0 : given->value; /* never -0.0 */
    }
    return CLACT_OK;
}

/* The row of the list, or what stands for one where the activation is the program's own. */
static clact_status find(clact_activation *a, const clact_activation_desc *desc, const struct clact_row_info **row)
{
    static const struct clact_row_info own = {KIND_ELEMENTWISE, -1, -1, -1, 0, NULL, 0};
    if (!desc->custom) {
        TRY(find_row(desc, &a->info));
        *row = &rows[a->info - infos];
        return CLACT_OK;
    }
    REQUIRE(!desc->name && !desc->id, CLACT_E_ARGUMENT, "custom stands instead of name and id");
    TRY(clact_definition_create(&a->own, desc->custom));
    a->info = &a->own->info;
    *row = &own;
    return CLACT_OK;
}

/* The element-wise activation that a row is of. */
static const clact_activation_info *info_of_row(int row)
{
    size_t i = 0;
    while (rows[i].kind != KIND_ELEMENTWISE || rows[i].row != row)
        i++;
    return &infos[i];
}

static void take_defaults(clact_activation *a, const clact_activation_info *info)
{
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        a->p64[i] = info->parameters[i].default_value;
        if (info->parameters[i].kind == CLACT_PARAMETER_TENSOR)
            a->tensor = (int)i;
    }
}

/* relu without a slope, a limit and a threshold is leaky_relu without a slope, which compares no number with "none":
 * that would raise a flag, and the caller's environment would be put back slowly. */
static int loops_row_of(const clact_activation *a)
{
    const bool plain_relu = a->row == ROW_relu && a->p64[0] == 0 && isnan(a->p64[1]) && a->p64[2] == 0;
    return plain_relu ? ROW_leaky_relu : a->row;
}

static clact_status fill(clact_activation *a, const clact_activation_desc *desc)
{
    const struct clact_row_info *row = NULL;
    TRY(find(a, desc, &row));
    REQUIRE(desc->semantics <= CLACT_TENSORFLOW, CLACT_E_ARGUMENT, "semantics must be CLACT_DOCUMENTED or CLACT_TENSORFLOW");
    REQUIRE(desc->semantics == CLACT_DOCUMENTED || row->tensorflow_row >= 0, CLACT_E_UNSUPPORTED,
            "%s has no TensorFlow semantics", a->info->name);
    REQUIRE(desc->mode <= CLACT_FAST, CLACT_E_ARGUMENT, "mode must be CLACT_EXACT or CLACT_FAST");
    REQUIRE(desc->mode == CLACT_EXACT || (desc->semantics == CLACT_DOCUMENTED && !a->own), CLACT_E_UNSUPPORTED,
            "%s: TensorFlow semantics and activations of one's own are exact only", a->info->name);
    REQUIRE(!desc->gated || row->kind == KIND_ELEMENTWISE || row->kind == KIND_GATED, CLACT_E_UNSUPPORTED,
            "%s cannot gate: only element-wise activations do", a->info->name);
    a->kind = desc->gated ? KIND_GATED : row->kind;
    REQUIRE(!desc->half || a->kind == KIND_GATED, CLACT_E_ARGUMENT, "half is of gated units, and %s is none", a->info->name);
    a->half = desc->half ? desc->half : row->half ? row->half : CLACT_HALF_SECOND;
    a->row = desc->semantics == CLACT_TENSORFLOW ? row->tensorflow_row : row->row;
    if (desc->mode == CLACT_FAST && row->fast_row >= 0)
        a->row = row->fast_row;
    a->tensor = -1;
    a->axis = -1;
    take_defaults(a, a->info);
    TRY(read_parameters(a, desc));
    int axis = clact_parameter_find(a->info, "axis");
    if (axis >= 0)
        a->axis = (int)a->p64[axis];
    const clact_activation_info *f = row->kind == KIND_GATED ? info_of_row(row->row) : a->info;
    if (f != a->info) /* a gated unit's own parameters are not those of f */
        take_defaults(a, f);
    double noise = row->kind == KIND_GATED ? rows[f - infos].noise : row->noise;
    bool has_f = row->kind == KIND_ELEMENTWISE || row->kind == KIND_GATED;
    a->noise = noise != 0 ? (int)f->parameter_count : -1;
    a->row_parameters = has_f ? f->parameter_count + (noise != 0) : 0;
    a->fits_f32 = true;
    for (uint32_t i = 0; i < f->parameter_count; i++) {
        a->p32[i] = (float)a->p64[i];
        a->fits_f32 &= !isinf(a->p32[i]) && !(f->parameters[i].not_zero && a->p32[i] == 0);
    }
    if (a->noise >= 0) {
        a->p64[a->noise] = noise;
        a->p32[a->noise] = (float)noise;
    }
    a->loops_row = has_f ? loops_row_of(a) : a->row;
    a->few = a->kind == KIND_ELEMENTWISE && a->fits_f32 && a->tensor < 0 && a->noise < 0;
    /* The twins' gradients are read from x alone. */
    a->from_y = desc->semantics == CLACT_DOCUMENTED && a->info->needs != CLACT_BACKWARD_X ? row->from_y : NULL;
    return desc->quantization ? clact_quantise(a, desc->quantization) : CLACT_OK;
}

clact_status clact_activation_create(clact_activation **out, const clact_activation_desc *desc)
{
    REQUIRE(out && desc, CLACT_E_ARGUMENT, "out and desc must not be NULL");
    REQUIRE(desc->parameters || desc->parameter_count == 0, CLACT_E_ARGUMENT,
            "parameters must not be NULL where parameter_count is not 0");
    REQUIRE(desc->unchecked <= 1 && desc->gated <= 1, CLACT_E_ARGUMENT, "unchecked and gated must be 0 or 1");
    REQUIRE(desc->half <= CLACT_HALF_SECOND, CLACT_E_ARGUMENT, "half must be a clact_half");
    uint64_t rest = 0;
    for (size_t i = 0; i < sizeof desc->reserved / sizeof *desc->reserved; i++)
        rest |= desc->reserved[i];
    REQUIRE(rest == 0, CLACT_E_ARGUMENT, "reserved words of clact_activation_desc must be zero");
    clact_activation *a = calloc(1, sizeof *a);
    REQUIRE(a, CLACT_E_MEMORY, "out of memory");
    clact_fpenv env = clact_fpenv_enter(); /* parameters are rounded to nearest, whatever the caller's mode */
    clact_status status = fill(a, desc);
    clact_fpenv_leave(env);
    if (status != CLACT_OK) {
        clact_activation_destroy(&a);
        return status;
    }
    *out = a;
    return CLACT_OK;
}

clact_status clact_activation_named(clact_activation **out, const char *name, const clact_parameter *parameters,
                                    size_t count)
{
    REQUIRE(name, CLACT_E_ARGUMENT, "name must not be NULL");
    clact_activation_desc desc = {.name = name, .parameters = parameters, .parameter_count = count};
    return clact_activation_create(out, &desc);
}

void clact_activation_destroy(clact_activation **activation)
{
    if (!activation || !*activation)
        return;
    clact_definition_release((*activation)->own);
    free(*activation);
    *activation = NULL;
}
