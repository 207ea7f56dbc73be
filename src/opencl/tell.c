/* tell.c: the comment that opens a text for people: which kernels stand in it, how to build and to call them. */
#include "opencl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 116 };

/* ---- Lists of kernels ----------------------------------------------------------------------- */

/* A kernel. Those of one group have their part, type and form in common, and so their arguments. */
struct kernel {
    struct clact_opencl_signature signature;
    char before[CLACT_OPENCL_NAME / 4], behind[CLACT_OPENCL_NAME / 4];
    size_t group; /* the first kernel of it */
};

static bool same_group(const struct kernel *a, const struct kernel *b)
{
    return strcmp(a->signature.part, b->signature.part) == 0 && strcmp(a->behind, b->behind) == 0 &&
           strcmp(a->signature.arguments, b->signature.arguments) == 0;
}

/* All kernels of the recipes, at most CLACT_OPENCL_KERNELS of each; NULL where there is no memory. */
static struct kernel *list_kernels(const struct clact_opencl_recipe *recipes, size_t count, size_t *kernel_count)
{
    struct kernel *list = calloc(count * CLACT_OPENCL_KERNELS, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; list && i < count; i++)
        for (int slot = 0; slot < CLACT_OPENCL_KERNELS; slot++) {
            struct kernel *k = &list[n];
            if (!recipes[i].signature || !recipes[i].signature(&recipes[i], slot, &k->signature))
                continue;
            clact_opencl_name_ends(&recipes[i], k->before, k->behind);
            k->before[strlen(k->before) - 1] = 0;
            k->group = 0;
            while (k->group < n && !(list[k->group].group == k->group && same_group(&list[k->group], k)))
                k->group++;
            n++;
        }
    *kernel_count = n;
    return list;
}

/* Lines of the comment that are filled with words; column is 0 where one is to begin. */
struct lines {
    struct clact_opencl_text *text;
    const char *indent;
    size_t column;
};

/* Adds a word behind ", " or " ", or behind nothing where the line has none. */
static void add_word(struct lines *l, const char *separator, const char *word)
{
    if (l->column && l->column + strlen(separator) + strlen(word) > COLUMNS) {
        clact_opencl_line(l->text, "%s\n", *separator == ',' ? "," : "");
        l->column = 0;
    }
    const char *before = l->column ? separator : l->indent;
    clact_opencl_line(l->text, "%s%s", before, word);
    l->column += strlen(before) + strlen(word);
}

/* Adds a text, which each blank may break, and ends the line. */
static void add_text(struct lines *l, const char *text)
{
    char word[64];
    for (const char *at = text; *at; at += strspn(at, " ")) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, " "), at);
        add_word(l, " ", word);
        at += strcspn(at, " ");
    }
    clact_opencl_line(l->text, "\n");
    l->column = 0;
}

static void tell_kernels(struct clact_opencl_text *t, const struct kernel *list, size_t count)
{
    for (size_t g = 0; g < count; g++) {
        char call[CLACT_OPENCL_NAME], argument[64];
        if (list[g].group != g)
            continue;
        snprintf(call, sizeof call, " *   ROW_%s%s(", list[g].signature.part, list[g].behind);
        clact_opencl_line(t, "%s", call);
        struct lines l = {t, " *       ", strlen(call)};
        const char *separator = "";
        for (const char *a = list[g].signature.arguments; *a; a += strspn(a, ", ")) {
            snprintf(argument, sizeof argument, "%.*s", (int)strcspn(a, ","), a);
            add_word(&l, separator, argument);
            separator = ", ";
            a += strcspn(a, ",");
        }
        clact_opencl_line(t, ")\n");
        l.column = 0;
        for (size_t k = g; k < count; k++)
            if (list[k].group == g)
                add_word(&l, " ", list[k].before);
        clact_opencl_line(t, "\n");
    }
}

/* ---- Activations ---------------------------------------------------------------------------- */

/* As C writes it: the decimal point may be another one, and of several bytes, in the locale of the program. */
static void write_number(char out[32], double value)
{
    snprintf(out, 32, "%.9g", value);
    char *point = out + strspn(out, "-0123456789");
    size_t length = strcspn(point, "0123456789e");
    if (length && isfinite(value)) {
        *point = '.';
        memmove(point + 1, point + length, strlen(point + length) + 1);
    }
}

/* "s0 = slope (0.25)", for row-wise ones "scale (1)". */
static void tell_parameters(struct lines *l, const clact_activation *a)
{
    const bool gated_row = a->kind == KIND_GATED && !a->own;
    const clact_activation_info *of_row = gated_row ? clact_activation_find(clact_row_functions[a->row].name) : NULL;
    const clact_activation_info *info = of_row ? of_row : a->info; /* those of reglu are relu's */
    char words[128], value[32];
    const char *separator = ": ";
    for (uint32_t i = 0; i < info->parameter_count; i++) {
        const clact_parameter_info *p = &info->parameters[i];
        if (p->kind == CLACT_PARAMETER_INTEGER) /* axis and pieces are no numbers of a kernel's */
            continue;
        write_number(value, a->p64[i]);
        const char *shown = a->p64[i] == a->p64[i] ? value : "none";
        if (a->kind == KIND_ROWWISE)
            snprintf(words, sizeof words, "%s (%s)", p->name, shown);
        else
            snprintf(words, sizeof words, "s%u = %s (%s)", (unsigned)i, p->name, shown);
        add_word(l, separator, words);
        separator = ", ";
    }
    if (a->noise >= 0) {
        write_number(value, a->p64[a->noise]);
        snprintf(words, sizeof words, "s%d = %s where no noise is drawn", a->noise, value);
        add_word(l, separator, words);
    }
}

static void tell_activations(struct clact_opencl_text *t, const struct clact_opencl_recipe *recipes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const clact_activation *a = recipes[i].activation;
        char before[CLACT_OPENCL_NAME / 4], behind[CLACT_OPENCL_NAME / 4], words[128];
        bool told = false;
        for (size_t k = 0; k < i && !told; k++) {
            const clact_activation *b = recipes[k].activation;
            told = a && b ? b->info == a->info && b->kind == a->kind && b->row == a->row : a == b;
        }
        if (told)
            continue;
        struct lines l = {t, " *   ", 0};
        clact_opencl_name_ends(&recipes[i], before, behind);
        if (!a) {
            add_text(&l, "quantised activations, kernels table_...: y = table[x]");
            continue;
        }
        snprintf(words, sizeof words, "%s, kernels %s%s", a->info->name, before,
                 a->kind == KIND_GATED ? "gated..." : "...");
        add_word(&l, "", words);
        tell_parameters(&l, a);
        clact_opencl_line(t, "\n");
    }
}

/* ---- Arguments, launches, the build --------------------------------------------------------- */

/* What is told of arguments where a kernel has the key in its own, or in its name. */
static const struct {
    const char *key, *name, *text;
} arguments[] = {
    {"_first", "NAME_first", "long: the place in the memory NAME of the operand's first element, counted in elements"},
    {"_strides", "NAME_strides", "long8: from an element to the next one along each axis; may be negative or zero"},
    {"at, ", "at", "long4: how many elements; then of each of the operands before it the place of its first element in its "
     "memory, counted in elements"},
    {", n, ", "n", "ulong: elements"},
    {"dims", "dims", "ulong8: the lengths of the axes, the last of which varies fastest; before the first stand ones"},
    {"dims, scale", "", "of row-wise kernels the last axis is the row, and the others count the rows"},
    {"parameters", "parameters", "float8 (f64: double8): s0 to s7, as above; NaN is \"none\"; those without a name are not "
     "read"},
    {"scale", "scale", "float (f64: double): what a row is multiplied by first"},
    {"beta", "beta", "float (f64: double): what is written is the gradient + beta times what stood there; row-wise "
     "kernels overwrite at 0"},
    {"add, ", "add", "uint: 1 where beta is meant, 0 to overwrite"},
    {", t, ", "t", "the tensor in the place of a parameter"},
    {"mask", "mask", "uchar: an element where it is 0 takes no part"},
    {"noise_seed", "noise_seed, noise_offset", "ulong: element i takes word i mod 4 of Philox4x32-10 at counter "
     "noise_offset + i / 4"},
    {"index_strides", "index_strides", "long8: what i grows by along each axis"},
    {"u, u_first", "u, v", "y = u f(v)"},
    {"wanted", "wanted", "uint, a sum: 1 where du is wanted, 2 where dv is, any memory standing for the other; 4 where "
     "u_beta is meant, 8 where v_beta is"},
    {"first_first", "first, second", "the halves of y, or backward of dy; backward_y takes those of y too, y1 and y2"},
    {"pieces", "pieces, x_step, dx_step", "ulong: pieces of a unit; long: from one to the next; n and dims are of the "
     "units"},
    {"first_half", "first_half, second_half", "ulong16: the table's 256 bytes, the first lowest; x and y are uchar"},
    {"_along", "NAME_kept, NAME_along", "long8: strides from sum to sum, and from term to term"},
    {"_along", "kept, reduced, length", "ulong8: the axes of the sums, and of the terms; ulong: terms of a sum"},
    {"_flat", "", "kernels _flat take reduced of one axis, the last, alone"},
    {"chunk_blocks", "chunk_blocks, chunks", "ulong: a chunk of a sum has so many blocks of 4096 terms, a power of two, "
     "and a sum so many chunks, at most 1024. With one the sum goes to value; else parts takes chunks floats (f64: "
     "doubles) for each, and gradient_fold takes them to value"},
};

static bool is_told(const struct kernel *list, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(list[i].signature.arguments, key) || strstr(list[i].signature.part, key) ||
            strstr(list[i].behind, key))
            return true;
    return false;
}

static void tell_arguments(struct clact_opencl_text *t, const struct kernel *list, size_t count)
{
    clact_opencl_line(t, " * Arguments; those not listed are memory of the elements' type, which is ushort for f16 and bf16:\n");
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        if (!is_told(list, count, arguments[i].key))
            continue;
        clact_opencl_line(t, " *   %-24s", arguments[i].name);
        struct lines l = {t, " *                            ", 29};
        add_text(&l, arguments[i].text);
    }
    if (is_told(list, count, "backward_y"))
        clact_opencl_line(t, " * Kernels backward_y read y in the place of x.\n");
    clact_opencl_line(t, " * An output may be the same view as an input, and may not overlap one otherwise.\n");
}

static void tell_launches(struct clact_opencl_text *t, const struct clact_opencl_target *target)
{
    if (target->task) {
        clact_opencl_line(t, " * A kernel is one work-item: clEnqueueTask, or a global and a local size of 1.\n *\n");
        return;
    }
    unsigned local = target->local, tile = target->local * target->per_item;
    clact_opencl_line(t, " * Launches have one dimension and the local size %u; the global size is\n", local);
    clact_opencl_line(t, " *   n / %u, rounded up, times %u for kernels with n and without dims\n", tile, local);
    clact_opencl_line(t, " *   n rounded up to a multiple of %u for those with both\n", local);
    clact_opencl_line(t, " *   %u for each row, for each sum and chunk (gradient_sum), for each sum (gradient_fold)\n *\n",
                      local);
}

static void tell_build(struct clact_opencl_text *t, const struct clact_opencl_target *target)
{
    struct lines l = {t, " * ", 0};
    char first[160];
    snprintf(first, sizeof first, "Build it with -cl-std=CL1.2%s and with nothing that lets a compiler change results:",
             target->divides ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
    add_text(&l, first);
    add_text(&l, "no -cl-fast-relaxed-math, -cl-mad-enable, -cl-denorms-are-zero or their like. On a device that rounds "
                 "to nearest and keeps subnormals the bits are then those of clact on any other.");
    clact_opencl_line(t, " *\n");
}

void clact_opencl_tell(struct clact_opencl_text *t, const struct clact_opencl_target *target,
                       const struct clact_opencl_recipe *recipes, size_t count)
{
    size_t kernel_count;
    const clact_version_info *v = clact_version();
    struct kernel *list = list_kernels(recipes, count, &kernel_count);
    if (!list) {
        clact_opencl_fail(t);
        return;
    }
    clact_opencl_line(t, "/* Activation functions in OpenCL C 1.2, forward and backward: kernels %s.\n",
                      target->task ? "of one work-item" : "for NDRanges");
    clact_opencl_line(t, " * Made by clact %s, numerics %u.\n", v->text, (unsigned)v->numerics);
    clact_opencl_line(t, " * SPDX-License-Identifier: MIT. Copyright (c) 2026 The clact authors.\n *\n");
    tell_build(t, target);
    clact_opencl_line(t, " * The kernels; for ROW stand the words below each:\n");
    tell_kernels(t, list, kernel_count);
    clact_opencl_line(t, " *\n * The activations, with their parameters and the values chosen when this was made:\n");
    tell_activations(t, recipes, count);
    clact_opencl_line(t, " *\n");
    tell_launches(t, target);
    tell_arguments(t, list, kernel_count);
    clact_opencl_line(t, " */\n");
    free(list);
}
