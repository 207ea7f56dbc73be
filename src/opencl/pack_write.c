/* pack_write.c: a pack written: the programs of kernels, for the devices of some contexts. */
#include "opencl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that grow; failed where there was no memory. */
struct growing {
    char *bytes;
    size_t length, room;
    bool failed;
};

static void grow(struct growing *g, const void *bytes, size_t length)
{
    if (g->length + length > g->room) {
        size_t room = (g->length + length) * 2;
        char *longer = realloc(g->bytes, room);
        g->failed |= !longer;
        if (!longer)
            return;
        g->bytes = longer;
        g->room = room;
    }
    memcpy(g->bytes + g->length, bytes, length);
    g->length += length;
}

__attribute__((format(printf, 2, 3)))
static void grow_line(struct growing *g, const char *format, ...)
{
    char line[CLACT_OPENCL_IDENTITY + 256];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    grow(g, line, n < 0 || (size_t)n >= sizeof line ? 0 : (size_t)n);
}

struct writing {
    struct growing manifest, payload;
};

/* For people, and for who launches them without clact. */
static clact_status name_kernels(struct writing *w, struct clact_ocl *ocl, cl_program program)
{
    cl_kernel kernels[CLACT_OPENCL_MOST_KERNELS];
    cl_uint count;
    TRY(clact_opencl_result(clact_opencl_kernels(ocl, program, kernels, &count), "clCreateKernelsInProgram"));
    clact_status status = CLACT_OK;
    for (cl_uint i = 0; i < count; i++) {
        char name[CLACT_OPENCL_NAME] = "";
        if (status == CLACT_OK)
            status = clact_opencl_result(
                ocl->api.clGetKernelInfo(kernels[i], CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL), "clGetKernelInfo");
        grow_line(&w->manifest, "kernel %s\n", name);
        ocl->api.clReleaseKernel(kernels[i]);
    }
    return status;
}

static clact_status write_program(struct writing *w, struct clact_ocl *ocl, cl_program program)
{
    size_t length;
    char hash[CLACT_HASH];
    unsigned char *binary;
    TRY(clact_opencl_binary(ocl, program, &binary, &length));
    clact_hash(binary, length, hash);
    grow_line(&w->manifest, "program %zu %zu %s\n", w->payload.length, length, hash);
    grow(&w->payload, binary, length);
    free(binary);
    return name_kernels(w, ocl, program);
}

static clact_status write_text(struct writing *w, const struct clact_ocl *ocl, const struct clact_opencl_recipe *recipe)
{
    char hash[CLACT_HASH], name[CLACT_OPENCL_NAME] = "probe";
    TRY(clact_opencl_text_hash(ocl, recipe, 1, hash));
    if (!clact_opencl_is_probe(recipe))
        clact_opencl_kernel_name(recipe, "*", name);
    grow_line(&w->manifest, "text %s %s %s\n", hash, clact_type_name((clact_type)recipe->key.type), name);
    return CLACT_OK;
}

/* Each program, and behind it the recipes that it holds. */
static clact_status write_programs(struct writing *w, struct clact_ocl *ocl, const struct clact_opencl_recipe *recipes,
                                   cl_program *programs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!programs[i])
            continue;
        TRY(write_program(w, ocl, programs[i]));
        for (size_t k = count; k-- > i;) /* i itself last: it is compared with */
            if (programs[k] == programs[i]) {
                TRY(write_text(w, ocl, &recipes[k]));
                ocl->api.clReleaseProgram(programs[k]);
                programs[k] = NULL;
            }
    }
    return CLACT_OK;
}

static clact_status write_part(struct writing *w, clact_context *context, const clact_kernels *kernels, size_t count)
{
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_recipes list;
    TRY(clact_opencl_recipes_of_kernels(context, kernels, count, &list));
    cl_program *programs = calloc(list.count + 1, sizeof(cl_program));
    clact_status status = programs ? CLACT_OK : clact_fail(CLACT_E_MEMORY, "out of memory");
    grow_line(&w->manifest, "%slocal %u\nper_item %u\n", ocl->identity, (unsigned)ocl->target.local,
              (unsigned)ocl->target.per_item);
    for (size_t i = 0; i < list.count && status == CLACT_OK; i++) {
        programs[i] = clact_opencl_program_of(context, &list.recipes[i]);
        if (!programs[i])
            status = clact_fail(CLACT_E_UNSUPPORTED, "a program went missing while it was packed");
    }
    if (status == CLACT_OK) { /* the probe's stands behind those asked for */
        list.recipes[list.count] = clact_opencl_probe_recipe;
        status = clact_opencl_build(context, &clact_opencl_probe_recipe, 1, &programs[list.count]);
    }
    if (status == CLACT_OK)
        status = write_programs(w, ocl, list.recipes, programs, list.count + 1);
    for (size_t i = 0; programs && i <= list.count; i++)
        if (programs[i])
            ocl->api.clReleaseProgram(programs[i]);
    free(programs);
    free(list.recipes);
    return status;
}

static clact_status write_parts(struct writing *w, clact_context *const *contexts, size_t context_count,
                                const clact_kernels *kernels, size_t count)
{
    grow_line(&w->manifest, "clact %s\nnumerics %u\n", clact_version()->text, (unsigned)CLACT_NUMERICS);
    for (size_t i = 0; i < context_count; i++) {
        const struct clact_ocl *ocl = contexts[i] ? contexts[i]->ocl : NULL;
        REQUIRE(ocl, CLACT_E_ARGUMENT, "context %zu has no OpenCL device to make a pack for", i);
        REQUIRE(!ocl->pack, CLACT_E_ARGUMENT, "context %zu uses a pack, so nothing is compiled for another", i);
        TRY(clact_warmup(contexts[i], kernels, count)); /* a binary holds what was compiled by then */
        clact_enter(contexts[i]);
        TRY(clact_leave(contexts[i], write_part(w, contexts[i], kernels, count)));
    }
    return CLACT_OK;
}

static clact_status write_file(const struct writing *w, const char *path)
{
    struct clact_container pack = {w->manifest.bytes, w->manifest.length, (unsigned char *)w->payload.bytes, w->payload.length};
    size_t length;
    unsigned char *bytes = clact_container_make(CLACT_CONTAINER_PACK, &pack, &length);
    REQUIRE(bytes, CLACT_E_MEMORY, "out of memory");
    bool good = clact_file_write(AT_FDCWD, path, bytes, length, 0666);
    int code = errno;
    free(bytes);
    REQUIRE(good, CLACT_E_PACK, "the pack %s was not written: %s", path, strerror(code));
    return CLACT_OK;
}

clact_status clact_pack_write(clact_context *const *contexts, size_t context_count, const clact_kernels *kernels, size_t count,
                              const char *path)
{
    struct writing w = {{0}, {0}};
    REQUIRE(contexts && context_count && kernels && count && path && *path, CLACT_E_ARGUMENT,
            "a pack needs contexts, kernels and a path");
    clact_status status = write_parts(&w, contexts, context_count, kernels, count);
    if (status == CLACT_OK && (w.manifest.failed || w.payload.failed))
        status = clact_fail(CLACT_E_MEMORY, "out of memory");
    if (status == CLACT_OK)
        status = write_file(&w, path);
    free(w.manifest.bytes);
    free(w.payload.bytes);
    return status;
}
