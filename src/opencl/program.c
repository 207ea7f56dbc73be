/* program.c: programs: composed from the embedded text, compiled on first use, their kernels kept. */
#include "opencl.h"
#include "../custom.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Composition ---------------------------------------------------------------------------- */

/* A text that grows; a failed allocation leaves failed set and the text as it was. */
struct text {
    char *bytes;
    size_t length, room;
    bool failed;
    const struct clact_definition *own; /* that the text is for; or NULL */
};

static void append(struct text *t, const char *s)
{
    size_t n = strlen(s);
    if (t->length + n + 1 > t->room) {
        size_t room = (t->length + n + 1) * 2;
        char *bytes = realloc(t->bytes, room);
        if (!bytes) {
            t->failed = true;
            return;
        }
        t->bytes = bytes;
        t->room = room;
    }
    memcpy(t->bytes + t->length, s, n + 1);
    t->length += n;
}

static void append_line_number(struct text *t, int line, const char *file)
{
    char text[256];
    snprintf(text, sizeof text, "#line %d \"%s\"\n", line, file);
    append(t, text);
}

/* The name in a line #include "name", or false. */
static bool include_name(const char *line, char *name, size_t size)
{
    const char *start = strchr(line, '"'), *end = start ? strchr(start + 1, '"') : NULL;
    if (strncmp(line, "#include", 8) != 0 || !end || (size_t)(end - start) > size)
        return false;
    memcpy(name, start + 1, (size_t)(end - start - 1));
    name[end - start - 1] = 0;
    return true;
}

static bool append_file(struct text *t, const char *name, int depth);

/* The functions of an activation of the program's own. Their names are others on the device, where a later version of
 * the library may have a row of that name. */
static void append_own(struct text *t, const struct clact_definition *own)
{
    char lines[512];
    snprintf(lines, sizeof lines, "#define %s_f own_%s_f\n#define %s_d own_%s_d\n#line 1 \"%s.custom\"\n", own->name,
             own->name, own->name, own->name, own->name);
    append(t, lines);
    append(t, own->text);
}

static void append_source_line(struct text *t, const char *line, const char *file, int number, int depth)
{
    char name[64];
    bool includes = depth < 4 && include_name(line, name, sizeof name);
    if (includes && strcmp(name, "custom") == 0) {
        if (t->own)
            append_own(t, t->own);
        append_line_number(t, number + 1, file);
    } else if (includes && append_file(t, name, depth + 1)) {
        append_line_number(t, number + 1, file);
    } else {
        append(t, line);
    }
}

/* A file of cl/ with what it includes: from $CLACT_KERNEL_DIR, for developers, else as embedded. */
static bool append_file(struct text *t, const char *name, int depth)
{
    const char *folder = clact_environment("CLACT_KERNEL_DIR");
    char line[1024];
    append_line_number(t, 1, name);
    if (folder) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *f = fopen(path, "re");
        if (!f)
            return false;
        for (int n = 1; fgets(line, sizeof line, f); n++)
            append_source_line(t, line, name, n, depth);
        fclose(f);
        return true;
    }
    for (const struct clact_text *e = clact_texts; e->name; e++)
        if (strcmp(e->name, name) == 0) {
            for (int n = 0; e->lines[n]; n++)
                append_source_line(t, e->lines[n], name, n + 1, depth);
            return true;
        }
    return false;
}

/* ---- Building ------------------------------------------------------------------------------- */

/* The whole log, to be freed; NULL where there is none. */
static char *build_log(struct clact_ocl *ocl, cl_program program)
{
    size_t size = 0;
    if (ocl->api.clGetProgramBuildInfo(program, ocl->device.id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS)
        return NULL;
    char *log = calloc(size + 1, 1);
    if (log && ocl->api.clGetProgramBuildInfo(program, ocl->device.id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS)
        log[0] = 0;
    return log;
}

static clact_status report_build(clact_context *context, cl_program program, const char *what, cl_int code)
{
    struct clact_ocl *ocl = context->ocl;
    char *log = build_log(ocl, program);
    clact_log_message(context, CLACT_LOG_ERROR, "%s did not build on %s: %s (%d); the log follows", what,
                      ocl->device.info.device, clact_opencl_code_name(code), (int)code);
    if (context->log && log)
        context->log(context->log_data, CLACT_LOG_ERROR, log);
    char first[200];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(log ? log : "", "\n"), log ? log : "");
    free(log);
    clact_set_opencl_code(code);
    if (code == CL_COMPILER_NOT_AVAILABLE)
        return clact_fail(CLACT_E_COMPILER, "%s has no compiler: clBuildProgram: %s (%d)", ocl->device.info.device,
                          clact_opencl_code_name(code), (int)code);
    return clact_fail(CLACT_E_BUILD, "%s did not build on %s: clBuildProgram: %s (%d): %s", what, ocl->device.info.device,
                      clact_opencl_code_name(code), (int)code, first);
}

/* own: a definition that takes part; or NULL. */
static clact_status build(clact_context *context, const char *file, const char *prologue,
                          const struct clact_definition *own, cl_program *out)
{
    struct clact_ocl *ocl = context->ocl;
    struct text t = {.own = own};
    if (!ocl->device.info.compiler) {
        clact_set_opencl_code(CL_COMPILER_NOT_AVAILABLE);
        return clact_fail(CLACT_E_COMPILER, "%s has no compiler", ocl->device.info.device);
    }
    append(&t, prologue);
    bool found = append_file(&t, file, 0);
    if (t.failed || !found) {
        free(t.bytes);
        clact_set_opencl_code(0);
        return clact_fail(t.failed ? CLACT_E_MEMORY : CLACT_E_BUILD, t.failed ? "out of memory" : "%s was not found", file);
    }
    /* The one option that changes results towards what C does; no other stands here. */
    const char *options = ocl->device.single_config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT
                              ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt"
                              : "-cl-std=CL1.2";
    const char *source = t.bytes;
    cl_int code;
    cl_program program = ocl->api.clCreateProgramWithSource(ocl->context, 1, &source, &t.length, &code);
    free(t.bytes);
    TRY(clact_opencl_result(code, "clCreateProgramWithSource"));
    code = ocl->api.clBuildProgram(program, 1, &ocl->device.id, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        clact_status status = report_build(context, program, own ? own->name : file, code);
        ocl->api.clReleaseProgram(program);
        return status;
    }
    *out = program;
    return CLACT_OK;
}

/* ---- Programs of rows ----------------------------------------------------------------------- */

struct clact_opencl_program {
    struct clact_opencl_program *next;
    struct clact_opencl_recipe recipe;
    struct clact_definition *own; /* held; NULL where the program is of rows alone */
    cl_program program;
    struct clact_opencl_kernel *idle[CLACT_OPENCL_KERNELS]; /* by slot */
};

static const struct {
    const char *element;
    int bits;
} storage[CLACT_TYPE_COUNT] = {
    [CLACT_F32] = {"float", 32}, [CLACT_F16] = {"ushort", 32}, [CLACT_BF16] = {"ushort", 32}, [CLACT_F64] = {"double", 64},
};

/* A text that lines are written into; what does not fit is cut. */
static void add_line(char *out, size_t size, const char *format, ...)
{
    size_t length = strlen(out);
    va_list list;
    va_start(list, format);
    vsnprintf(out + length, size - length, format, list);
    va_end(list);
}

void clact_opencl_row_parameters(const clact_activation *a, char *out, size_t size)
{
    out[0] = 0;
    for (uint32_t i = 0; i < a->row_parameters; i++)
        add_line(out, size, ", p%u", (unsigned)i);
}

const char *clact_opencl_element(uint32_t type)
{
    return storage[type].element;
}

void clact_opencl_row_lines(const clact_activation *a, char *out, size_t size)
{
    char p[64];
    clact_opencl_row_parameters(a, p, sizeof p);
    const struct clact_row_functions *row = a->own ? &a->own->functions : &clact_row_functions[a->row];
    out[0] = 0;
    if (a->own)
        add_line(out, size, "#define CLACT_OWN_FUNCTIONS\n");
    add_line(out, size, "#define ROW_F(x) %s_f(x%s)\n", row->name, p);
    if (row->twin)
        add_line(out, size, "#define ROW_G(x, dy) %s_g(x, dy%s)\n", row->name, p);
    else
        add_line(out, size, "#define ROW_G(x, dy) gradient(%s_d(x%s), dy)\n", row->name, p);
    if (row->own_y)
        add_line(out, size, "#define ROW_Y(y, dy) gradient(%s_y(y%s), dy)\n", row->name, p);
}

/* What every program of the device begins with. */
static void device_lines(const struct clact_ocl *ocl, char *out, size_t size, int bits)
{
    snprintf(out, size, "#define CLACT_REAL_BITS %d\n%s%s", bits,
             ocl->device.single_config & CL_FP_ROUND_TO_NEAREST ? "" : "#define CLACT_ROUNDS_TO_ZERO\n",
             ocl->device.single_config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT || bits == 64
                 ? "" : "#define CLACT_DIVIDE_BY_FMA\n");
}

static struct clact_definition *own_of(const struct clact_opencl_recipe *recipe)
{
    return recipe->activation ? recipe->activation->own : NULL;
}

static clact_status compose(clact_context *context, const struct clact_opencl_recipe *recipe, cl_program *out)
{
    struct clact_ocl *ocl = context->ocl;
    uint16_t type = recipe->key.type;
    char own[1024], prologue[2048];
    const char *name = clact_type_name((clact_type)type);
    REQUIRE(type != CLACT_F64 || ocl->device.info.fp64, CLACT_E_UNSUPPORTED, "%s has no f64", ocl->device.info.device);
    TRY(recipe->prologue(recipe, ocl, own, sizeof own));
    device_lines(ocl, prologue, sizeof prologue, storage[type].bits);
    add_line(prologue, sizeof prologue, "#define ELEMENT %s\n#define LOAD(v) load_%s(v)\n#define STORE(v) store_%s(v)\n"
             "#define LOCAL %u\n%s", storage[type].element, name, name, (unsigned)ocl->local, own);
    return build(context, recipe->file, prologue, own_of(recipe), out);
}

static clact_status find_program(clact_context *context, const struct clact_opencl_recipe *recipe,
                                 struct clact_opencl_program **out)
{
    struct clact_opencl_program **place = &context->ocl->programs[recipe->key.row % 64], *p;
    for (p = *place; p; p = p->next)
        if (memcmp(&p->recipe.key, &recipe->key, sizeof recipe->key) == 0 &&
            clact_definition_same(p->own, own_of(recipe))) {
            *out = p;
            return CLACT_OK;
        }
    p = calloc(1, sizeof *p);
    REQUIRE(p, CLACT_E_MEMORY, "out of memory");
    clact_status status = compose(context, recipe, &p->program);
    if (status != CLACT_OK) {
        free(p);
        return status;
    }
    p->recipe = *recipe;
    p->own = clact_definition_hold(own_of(recipe));
    p->next = *place;
    *out = *place = p;
    return CLACT_OK;
}

static clact_status take_locked(clact_context *context, const struct clact_opencl_recipe *recipe, int slot,
                                const char *name, struct clact_opencl_kernel **out)
{
    struct clact_opencl_program *program = NULL;
    TRY(find_program(context, recipe, &program));
    struct clact_opencl_kernel *k = program->idle[slot];
    if (k) {
        program->idle[slot] = k->next;
        *out = k;
        return CLACT_OK;
    }
    k = calloc(1, sizeof *k);
    REQUIRE(k, CLACT_E_MEMORY, "out of memory");
    cl_int code;
    k->program = program;
    k->slot = slot;
    k->kernel = context->ocl->api.clCreateKernel(program->program, name, &code);
    if (code != CL_SUCCESS) {
        free(k);
        return clact_opencl_result(code, "clCreateKernel");
    }
    *out = k;
    return CLACT_OK;
}

clact_status clact_opencl_kernel_take(clact_context *context, const struct clact_opencl_recipe *recipe, int slot,
                                      const char *name, struct clact_opencl_kernel **out)
{
    pthread_mutex_lock(&context->ocl->lock);
    clact_status status = take_locked(context, recipe, slot, name, out);
    pthread_mutex_unlock(&context->ocl->lock);
    return status;
}

void clact_opencl_kernel_put(clact_context *context, struct clact_opencl_kernel *kernel)
{
    pthread_mutex_lock(&context->ocl->lock);
    kernel->next = kernel->program->idle[kernel->slot];
    kernel->program->idle[kernel->slot] = kernel;
    pthread_mutex_unlock(&context->ocl->lock);
}

static void release_program(struct clact_ocl *ocl, struct clact_opencl_program *p)
{
    for (int slot = 0; slot < CLACT_OPENCL_KERNELS; slot++)
        for (struct clact_opencl_kernel *k = p->idle[slot], *next; k; k = next) {
            next = k->next;
            ocl->api.clReleaseKernel(k->kernel);
            free(k);
        }
    ocl->api.clReleaseProgram(p->program);
    clact_definition_release(p->own);
    free(p);
}

void clact_opencl_programs_release(struct clact_ocl *ocl)
{
    for (int i = 0; i < 64; i++)
        for (struct clact_opencl_program *p = ocl->programs[i], *next; p; p = next) {
            next = p->next;
            release_program(ocl, p);
        }
}

/* ---- The probe ------------------------------------------------------------------------------ */

clact_status clact_opencl_build_probe(clact_context *context, cl_program *out)
{
    char prologue[256];
    device_lines(context->ocl, prologue, sizeof prologue, 32);
    return build(context, "probe.cl", prologue, NULL, out);
}
