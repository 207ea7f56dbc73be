/* selection.c: the kernels that `clact kernels` and `clact pack` are asked for. */
#include "selection.h"

#include "activation.h"
#include "suggest.h"

#include <stdlib.h>
#include <string.h>

/* A word of a list, and the bits that it stands for. */
typedef struct word {
    const char *text;
    uint32_t bits;
} word;

static const word type_words[] = {
    {"f32", 1u << CLACT_F32},   {"f16", 1u << CLACT_F16},           {"bf16", 1u << CLACT_BF16},
    {"f64", 1u << CLACT_F64},   {"all", (1u << CLACT_TYPE_COUNT) - 1}, {NULL, 0},
};
static const word call_words[] = {
    {"dense", CLACT_CALLS_DENSE},   {"view", CLACT_CALLS_VIEW},         {"accumulate", CLACT_CALLS_ACCUMULATE},
    {"tensor", CLACT_CALLS_TENSOR}, {"gradient", CLACT_CALLS_GRADIENT}, {"noise", CLACT_CALLS_NOISE},
    {"mask", CLACT_CALLS_MASK},     {"all", CLACT_CALLS_ALL},           {NULL, 0},
};

static _Noreturn void refuse_word_of(const char *option, const word *words, const char *typed)
{
    suggestion best = {typed, NULL, 0};
    for (; words->text; words++)
        suggest(&best, words->text);
    usage_error("--%s does not know '%s'%s", option, typed, suggested(&best));
}

static uint32_t parse_words(const char *option, const word *words, const char *list)
{
    uint32_t bits = 0;
    while (true) {
        size_t length = strcspn(list, ",");
        const word *w = words;
        while (w->text && (strlen(w->text) != length || strncmp(w->text, list, length) != 0))
            w++;
        if (!w->text)
            refuse_word_of(option, words, text_of("%.*s", (int)length, list));
        bits |= w->bits;
        if (!list[length])
            return bits;
        list += length + 1;
    }
}

/* ---- Options -------------------------------------------------------------------------------- */

enum { KEY_TYPES = 0x600, KEY_CALLS, KEY_SEMANTICS, KEY_TABLE };

static const struct argp_option options_table[] = {
    {"types", KEY_TYPES, "TYPE,...", 0, "Element types: f32 (the default), f16, bf16, f64, or all", 0},
    {"calls", KEY_CALLS, "CALL,...", 0,
     "What calls are like: dense (the default), view (strides), accumulate (the output is added to), tensor (as a "
     "parameter), gradient (of parameters), noise (training), mask, or all", 0},
    {"semantics", KEY_SEMANTICS, SEMANTICS_WORDS, 0,
     "documented (the default), or tensorflow: what TensorFlow 2.15 computes on a CPU", 0},
    {"table", KEY_TABLE, NULL, 0, "Also the kernel of quantised activations, which takes a table of 256 results", 0},
    {0},
};

static void add(selection *s, const clact_activation_info *info)
{
    s->infos = reallocate(s->infos, s->count + 1, sizeof *s->infos);
    s->infos[s->count++] = info;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    selection *s = state->input;
    switch (key) {
    case KEY_TYPES:
        s->types = parse_words("types", type_words, value);
        return 0;
    case KEY_CALLS:
        s->calls = parse_words("calls", call_words, value);
        return 0;
    case KEY_SEMANTICS:
        s->semantics = parse_semantics(value);
        return 0;
    case KEY_TABLE:
        s->table = true;
        return 0;
    case ARGP_KEY_ARG:
        add(s, find_activation(value));
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp selection_argp = {options_table, parse_option, NULL, NULL, NULL, NULL, NULL};

void selection_add_all(selection *s)
{
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        if (s->semantics == CLACT_DOCUMENTED || list[i].tensorflow)
            add(s, &list[i]);
}

/* ---- Kernels -------------------------------------------------------------------------------- */

clact_kernels *selection_kernels(const selection *s, size_t *count)
{
    /* Any quantised activation stands for the table's, which is last. */
    static const clact_quantization bytes = {.x_scale = 1, .y_scale = 1, .x_type = CLACT_U8, .y_type = CLACT_U8};
    *count = s->count + s->table;
    clact_kernels *kernels = allocate(*count, sizeof *kernels);
    for (size_t i = 0; i < *count; i++) {
        clact_activation *activation = NULL;
        clact_activation_desc desc = {.id = CLACT_IDENTITY, .quantization = &bytes};
        if (i < s->count)
            desc = (clact_activation_desc){.id = s->infos[i]->id, .semantics = s->semantics};
        if (clact_activation_create(&activation, &desc) != CLACT_OK)
            usage_error("%s", clact_error());
        kernels[i] = (clact_kernels){.activation = activation, .types = s->types, .calls = s->calls};
    }
    return kernels;
}

void selection_free_kernels(clact_kernels *kernels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        clact_activation *activation = (clact_activation *)(uintptr_t)kernels[i].activation;
        clact_activation_destroy(&activation);
    }
    free(kernels);
}
