/* tell.c: the comment that opens a text for people: which kernels stand in it, how to build and to call them. */
#include "opencl.h"

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

/* Adds words, each with a separator before it, to lines that begin as the comment's do. */
struct lines {
    struct clact_opencl_text *text;
    const char *indent;
    size_t column;
};

static void add_word(struct lines *l, const char *separator, const char *word)
{
    size_t width = strlen(separator) + strlen(word);
    bool begins = l->column == 0, full = !begins && l->column + width > COLUMNS;
    if (begins || full) {
        size_t blanks = strspn(separator, ", "), comma = separator[0] == ',';
        clact_opencl_line(l->text, "%s%s", full && comma ? "," : "", full ? "\n" : "");
        clact_opencl_line(l->text, "%s%s", l->indent, word);
        l->column = strlen(l->indent) + width - blanks;
        return;
    }
    clact_opencl_line(l->text, "%s%s", separator, word);
    l->column += width;
}

static void end_lines(struct lines *l)
{
    clact_opencl_line(l->text, "\n");
    l->column = 0;
}

static void tell_kernels(struct clact_opencl_text *t, const struct kernel *list, size_t count)
{
    for (size_t g = 0; g < count; g++) {
        char call[CLACT_OPENCL_NAME], argument[64];
        if (list[g].group != g)
            continue;
        struct lines l = {t, " *       ", 0};
        snprintf(call, sizeof call, " *   ROW_%s%s(", list[g].signature.part, list[g].behind);
        clact_opencl_line(t, "%s", call);
        l.column = strlen(call);
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
        end_lines(&l);
    }
}

/* ---- Activations ---------------------------------------------------------------------------- */

static bool is_own_or_row(const clact_activation *a, const clact_activation *b)
{
    return a->info == b->info && a->kind == b->kind && a->row == b->row;
}

/* "p0 = negative_slope, here 0.01": the parameters in the places of their arguments. */
static void tell_parameters(struct lines *l, const clact_activation *a)
{
    char words[160];
    const char *separator = ": ";
    for (uint32_t i = 0; i < a->info->parameter_count; i++) {
        const clact_parameter_info *p = &a->info->parameters[i];
        if (p->kind == CLACT_PARAMETER_INTEGER) /* the axis, or the pieces, are not of the elements */
            continue;
        char place[16] = "", value[32] = "none";
        if (a->kind != KIND_ROWWISE)
            snprintf(place, sizeof place, "p%u = ", (unsigned)i);
        if (a->p64[i] == a->p64[i])
            snprintf(value, sizeof value, "%.9g", a->p64[i]);
        snprintf(words, sizeof words, "%s%s (%s)", place, p->name, value);
        add_word(l, separator, words);
        separator = ", ";
    }
    if (a->noise >= 0) {
        snprintf(words, sizeof words, "p%d = %.9g but in training", a->noise, a->p64[a->noise]);
        add_word(l, separator, words);
    }
}

static void tell_activations(struct clact_opencl_text *t, const struct clact_opencl_recipe *recipes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const clact_activation *a = recipes[i].activation;
        bool told = !a;
        char before[CLACT_OPENCL_NAME / 4], behind[CLACT_OPENCL_NAME / 4], words[160];
        for (size_t k = 0; k < i && !told; k++)
            told = is_own_or_row(recipes[k].activation, a);
        if (told)
            continue;
        struct lines l = {t, " *   ", 0};
        clact_opencl_name_ends(&recipes[i], before, behind);
        snprintf(words, sizeof words, "%s", a->info->name);
        add_word(&l, "", words);
        if (strncmp(before, words, strlen(words)) != 0 || before[strlen(words) + 1] || a->kind == KIND_GATED) {
            snprintf(words, sizeof words, "the kernels %s%s", before, a->kind == KIND_GATED ? "gated..." : "...");
            add_word(&l, ", ", words);
        }
        tell_parameters(&l, a);
        end_lines(&l);
    }
}

/* ---- What holds for all --------------------------------------------------------------------- */

static const char arguments_text[] =
    " * Arguments, those without a type being memory of the kernel's TYPE (f16 and bf16: ushort):\n"
    " *   NAME_first          long: the place in NAME of the operand's first element, counted in elements\n"
    " *   NAME_strides        long8: from an element to its neighbour along each axis, negative or zero too\n"
    " *   n                   ulong: elements\n"
    " *   dims                ulong8: the axes' lengths, right-aligned, ones before them; the last one varies fastest.\n"
    " *                       Of row-wise kernels the last axis is the row, and all strides are in this order\n"
    " *   p0 to p7, scale     float (f64: double): the parameters; NaN is \"none\"; those that a row lacks are not read\n"
    " *   beta, u_beta, ...   float (f64: double): the factor of what the output holds, where it is added\n"
    " *   x                   backward_y reads y in its place\n"
    " *   t                   the parameter that is a tensor, instead of its argument\n"
    " *   mask                uchar: elements where it is 0 take no part\n"
    " *   noise_seed, noise_offset   ulong; index_strides, long8: of an element's row-major index, see docs of rrelu\n"
    " *   u, v, y             y = u f(v); wanted, uint: 1 du, 2 dv, 4 add to du, 8 add to dv; what is not wanted is not\n"
    " *                       written, but any memory must be given\n"
    " *   first, second       crelu: the halves of y or dy; y1, y2: those of y; add, uint: 1 adds to beta dx\n"
    " *   pieces, x_step      maxout: ulong, how many, and long, from one to the next; dx_step of dx\n"
    " *   NAME_kept, NAME_along  gradients: long8, strides from sum to sum and from term to term; kept and reduced, ulong8,\n"
    " *                       the axes of the sums and of their terms, length terms in each (ulong)\n"
    " *   chunk_blocks, chunks   ulong: blocks of 4096 terms in a chunk, a power of two; chunks of a sum, to 1024. With one\n"
    " *                       chunk the sum goes to value; else chunks reals of each go to parts, and gradient_fold\n"
    " *                       takes them to value\n"
    " * An output may be an input of the same view, and may not overlap one otherwise.\n";

static void tell_launches(struct clact_opencl_text *t, const struct clact_opencl_target *target)
{
    if (target->task) {
        clact_opencl_line(t, " * Each kernel is one work-item: clEnqueueTask, or a global and a local size of 1.\n *\n");
        return;
    }
    unsigned local = target->local, tile = target->local * target->per_item;
    clact_opencl_line(t, " * Launches have one dimension and the local size %u; the global size is\n", local);
    clact_opencl_line(t, " *   n / %u, rounded up, times %u: element-wise and gated kernels without \"dims\"\n", tile, local);
    clact_opencl_line(t, " *   n rounded up to a multiple of %u: those with \"dims\"\n", local);
    clact_opencl_line(t, " *   %u for each row: row-wise kernels; for each sum and chunk: gradient_sum; for each sum: gradient_fold\n *\n", local);
}

static void tell_build(struct clact_opencl_text *t, const struct clact_opencl_target *target)
{
    clact_opencl_line(t, " * Build it with -cl-std=CL1.2%s, and with nothing that lets a compiler change arithmetic (no\n",
                      target->divides ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
    clact_opencl_line(t, " * -cl-fast-relaxed-math, -cl-mad-enable, -cl-denorms-are-zero and their like): the bits are then those of clact\n"
                         " * on a CPU, on a device that rounds %s and keeps subnormals.\n *\n",
                      target->rounds_to_nearest ? "to nearest" : "to zero but for these");
}

void clact_opencl_tell(struct clact_opencl_text *t, const struct clact_opencl_target *target,
                       const struct clact_opencl_recipe *recipes, size_t count)
{
    size_t kernel_count;
    const clact_version_info *v = clact_version();
    struct kernel *list = list_kernels(recipes, count, &kernel_count);
    clact_opencl_line(t, "/* Activation functions in OpenCL C 1.2, forward and backward, from clact %s, numerics %u; %s.\n", v->text,
                      (unsigned)v->numerics, target->task ? "kernels of one work-item" : "kernels for NDRanges");
    clact_opencl_line(t, " * SPDX-License-Identifier: MIT. Copyright (c) 2026 The clact authors.\n *\n");
    tell_build(t, target);
    clact_opencl_line(t, " * The kernels are ROW_..., with the rows below them, and take:\n");
    if (list)
        tell_kernels(t, list, kernel_count);
    clact_opencl_line(t, " *\n * The activations, with the values of parameters that were chosen here:\n");
    tell_activations(t, recipes, count);
    clact_opencl_line(t, " *\n");
    tell_launches(t, target);
    for (const char *line = arguments_text; *line; line += strcspn(line, "\n") + 1)
        clact_opencl_line(t, "%.*s\n", (int)strcspn(line, "\n"), line);
    clact_opencl_line(t, " */\n");
    if (!list)
        clact_opencl_fail(t);
    free(list);
}
