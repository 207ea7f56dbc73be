/* model_file.c: models as files: a description in words, and the arrays behind it; docs/models.md has the format. */
#include "model.h"

#include "../opencl/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define LINE 2048

/* ---- Writing -------------------------------------------------------------------------------- */

struct text {
    char *bytes;
    size_t length;
};

__attribute__((format(printf, 2, 3)))
static clact_status add(struct text *t, const char *format, ...)
{
    char line[LINE];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    char *bytes = n >= 0 && n < LINE ? realloc(t->bytes, t->length + (size_t)n + 1) : NULL;
    REQUIRE(bytes, CLACT_E_MEMORY, "out of memory");
    memcpy(bytes + t->length, line, (size_t)n + 1);
    t->bytes = bytes;
    t->length += (size_t)n;
    return CLACT_OK;
}

/* A double as its bits: the same in any locale. */
static uint64_t word(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double number(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static clact_status describe_layer(struct text *t, const struct clact_nn_dense *l)
{
    TRY(add(t, "layer %" PRIu64 " %s %d %d %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %u\n",
            l->units, l->activation ? l->activation->info->name : "-", l->arrays[CLACT_NN_BIAS].values != NULL,
            l->learned != NULL, word(l->rate), word(l->l1), word(l->l2), word(l->activity_l1), word(l->activity_l2),
            (unsigned)l->parameter_count));
    for (uint32_t i = 0; i < l->parameter_count; i++)
        TRY(add(t, "parameter %s %016" PRIx64 " %u\n", l->parameters[i].name, word(l->parameters[i].value),
                (unsigned)l->parameters[i].none));
    return CLACT_OK;
}

static clact_status describe(struct text *t, const clact_nn_model *m)
{
    const clact_version_info *v = clact_version();
    TRY(add(t, "clact-model %d\nclact %s\nnumerics %u\ntype %s\ninputs %" PRIu64 "\nlayers %zu\n", FORMAT, v->text,
            (unsigned)v->numerics, clact_type_name(m->type), m->inputs, m->count));
    for (size_t i = 0; i < m->count; i++)
        TRY(describe_layer(t, &m->layers[i]));
    return CLACT_OK;
}

static bool all_finite(clact_type type, const void *values, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(type == CLACT_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i]))
            return false;
    return true;
}

static clact_status gather(const clact_nn_model *m, unsigned char *out)
{
    for (size_t i = 0; i < m->count; i++)
        for (int k = 0; k < ARRAYS; k++) {
            const struct clact_nn_trained *a = &m->layers[i].arrays[k];
            if (!a->values)
                continue;
            size_t bytes = clact_nn_bytes(m, clact_nn_count(a));
            TRY(clact_buffer_read(a->values, 0, bytes, out));
            REQUIRE(all_finite(m->type, out, clact_nn_count(a)), CLACT_E_RANGE,
                    "layer %zu has weights that are not finite: the model is not written", i);
            out += bytes;
        }
    return CLACT_OK;
}

static clact_status save(const clact_nn_model *m, const char *path, struct text *t, unsigned char **values, unsigned char **whole)
{
    const size_t bytes = clact_nn_bytes(m, clact_nn_model_parameters(m));
    size_t length;
    TRY(describe(t, m));
    *values = malloc(bytes + 1);
    REQUIRE(*values, CLACT_E_MEMORY, "out of memory");
    TRY(gather(m, *values));
    struct clact_container c = {t->bytes, t->length, *values, bytes};
    *whole = clact_container_make(CLACT_CONTAINER_MODEL, &c, &length);
    REQUIRE(*whole, CLACT_E_MEMORY, "out of memory");
    REQUIRE(clact_file_write(AT_FDCWD, path, *whole, length, 0666), CLACT_E_FILE, "%s cannot be written: %s", path,
            strerror(errno));
    return CLACT_OK;
}

clact_status clact_nn_model_save(const clact_nn_model *model, const char *path)
{
    struct text t = {0};
    unsigned char *values = NULL, *whole = NULL;
    REQUIRE(model && path, CLACT_E_ARGUMENT, "model and path must not be NULL");
    REQUIRE(model->count, CLACT_E_ARGUMENT, "the model has no layers");
    clact_status status = save(model, path, &t, &values, &whole);
    free(t.bytes);
    free(values);
    free(whole);
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

struct reader {
    const char *path;
    const char *at, *end; /* of the description; ends with a zero */
};

/* The next line without its end, in line; false where there is none. */
static bool next_line(struct reader *r, char line[LINE])
{
    const char *stop = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;
    if (!stop || stop - r->at >= LINE)
        return false;
    memcpy(line, r->at, (size_t)(stop - r->at));
    line[stop - r->at] = 0;
    r->at = stop + 1;
    return true;
}

#define MALFORMED(r) clact_fail(CLACT_E_FILE, "%s is no model that this version reads: its description is malformed", (r)->path)

/* most: numbers that the file has. */
static clact_status read_layer(struct reader *r, clact_nn_model *m, uint64_t most)
{
    char line[LINE], name[64], names[CLACT_MAX_PARAMETERS][64];
    clact_parameter parameters[CLACT_MAX_PARAMETERS] = {{0}};
    clact_nn_layer l = {.parameters = parameters};
    uint64_t rate, l1, l2, activity_l1, activity_l2;
    unsigned bias, count;
    if (!next_line(r, line) ||
        sscanf(line, "layer %" SCNu64 " %63s %u %u %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %u", &l.units, name,
               &bias, &l.learn, &rate, &l1, &l2, &activity_l1, &activity_l2, &count) != 10 ||
        bias > 1 || count > CLACT_MAX_PARAMETERS)
        return MALFORMED(r);
    REQUIRE(l.units <= most / clact_nn_outputs(m), CLACT_E_FILE, "%s is no model that this version reads: it has too few weights",
            r->path);
    l.activation = strcmp(name, "-") == 0 ? NULL : name;
    l.no_bias = !bias;
    l.dropout = number(rate);
    l.l1 = number(l1), l.l2 = number(l2), l.activity_l1 = number(activity_l1), l.activity_l2 = number(activity_l2);
    l.parameter_count = count;
    for (unsigned i = 0; i < count; i++) {
        uint64_t value;
        if (!next_line(r, line) ||
            sscanf(line, "parameter %63s %" SCNx64 " %u", names[i], &value, &parameters[i].none) != 3)
            return MALFORMED(r);
        parameters[i].name = names[i];
        parameters[i].value = number(value);
    }
    return clact_nn_model_add(m, &l);
}

/* What the file says before its layers. */
struct head {
    char type[8];
    uint64_t inputs;
    size_t layers;
};

static clact_status read_head(struct reader *r, struct head *h)
{
    char line[LINE];
    unsigned format, numerics;
    if (!next_line(r, line) || sscanf(line, "clact-model %u", &format) != 1)
        return MALFORMED(r);
    REQUIRE(format == FORMAT, CLACT_E_FILE, "%s is of format %u, and this version reads %d", r->path, format, FORMAT);
    if (!next_line(r, line) || strncmp(line, "clact ", 6) != 0 ||
        !next_line(r, line) || sscanf(line, "numerics %u", &numerics) != 1 ||
        !next_line(r, line) || sscanf(line, "type %7s", h->type) != 1 ||
        !next_line(r, line) || sscanf(line, "inputs %" SCNu64, &h->inputs) != 1 ||
        !next_line(r, line) || sscanf(line, "layers %zu", &h->layers) != 1 || (strcmp(h->type, "f32") && strcmp(h->type, "f64")))
        return MALFORMED(r);
    return CLACT_OK;
}

/* The arrays in their order; the lengths have been compared. */
static clact_status scatter(const clact_nn_model *m, const unsigned char *from)
{
    for (size_t i = 0; i < m->count; i++)
        for (int k = 0; k < ARRAYS; k++) {
            const struct clact_nn_trained *a = &m->layers[i].arrays[k];
            if (!a->values)
                continue;
            size_t bytes = clact_nn_bytes(m, clact_nn_count(a));
            TRY(clact_buffer_write(a->values, 0, bytes, from));
            from += bytes;
        }
    return CLACT_OK;
}

static clact_status read_model(clact_nn_model *m, struct reader *r, size_t layers, const struct clact_container *c)
{
    for (size_t i = 0; i < layers; i++)
        TRY(read_layer(r, m, c->payload_length / clact_type_bytes(m->type)));
    if (r->at != r->end || !layers)
        return MALFORMED(r);
    REQUIRE(clact_nn_bytes(m, clact_nn_model_parameters(m)) == c->payload_length, CLACT_E_FILE,
            "%s is no model that this version reads: it has another number of weights", r->path);
    return scatter(m, c->payload);
}

static clact_status load(clact_nn_model **out, clact_context *context, const char *path, const clact_nn_model_options *given,
                         const unsigned char *bytes, size_t length)
{
    struct clact_container c;
    struct head h;
    const char *wrong = clact_container_read(CLACT_CONTAINER_MODEL, bytes, length, &c);
    REQUIRE(!wrong, CLACT_E_FILE, "%s %s", path, wrong);
    struct reader r = {path, c.key, c.key + c.key_length};
    TRY(read_head(&r, &h));
    clact_nn_model_options options = given ? *given : (clact_nn_model_options){0};
    options.type = strcmp(h.type, "f64") == 0 ? CLACT_F64 : CLACT_F32;
    clact_nn_model *m;
    TRY(clact_nn_model_create(&m, context, h.inputs, &options));
    clact_status status = read_model(m, &r, h.layers, &c);
    if (status == CLACT_OK)
        *out = m;
    else
        clact_nn_model_destroy(&m);
    return status;
}

clact_status clact_nn_model_load(clact_nn_model **out, clact_context *context, const char *path,
                                 const clact_nn_model_options *options)
{
    size_t length;
    REQUIRE(out && context && path, CLACT_E_ARGUMENT, "out, context and path must not be NULL");
    unsigned char *bytes = clact_file_read(AT_FDCWD, path, true, &length);
    REQUIRE(bytes || errno != ENOMEM, CLACT_E_MEMORY, "out of memory");
    REQUIRE(bytes, CLACT_E_FILE, "%s cannot be read: %s", path, errno ? strerror(errno) : "it is no file, or longer than 1 GiB");
    clact_status status = load(out, context, path, options, bytes, length);
    free(bytes);
    return status;
}
