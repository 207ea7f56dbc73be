/* pack.c: packs: one file with programs made ahead, for devices of which it has the identity (docs/packs.md). */
#include "opencl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading -------------------------------------------------------------------------------- */

struct packed_program {
    uint64_t offset, length; /* in the payload */
    cl_program program;      /* NULL before it is used */
};

/* What a program is found by. */
struct packed_recipe {
    char hash[CLACT_HASH]; /* of the text that it would have alone */
    size_t program;
};

struct clact_opencl_pack {
    unsigned char *bytes;
    struct clact_container file;
    char *manifest; /* the key, with a zero behind it */
    char path[256];
    pthread_mutex_t lock; /* guards the programs' program */
    struct packed_program *programs; /* of the part that is used */
    struct packed_recipe *recipes;
    size_t program_count, recipe_count;
    uint32_t types;
};

#define FIRST_LINES "clact %31[^\n]\nnumerics %u\n"

static clact_status check_version(const struct clact_opencl_pack *p)
{
    char version[32];
    unsigned numerics;
    REQUIRE(sscanf(p->manifest, FIRST_LINES, version, &numerics) == 2, CLACT_E_PACK, "the pack %s is damaged: it has no version",
            p->path);
    REQUIRE(strcmp(version, clact_version()->text) == 0 && numerics == CLACT_NUMERICS, CLACT_E_PACK,
            "the pack %s was made by clact %s, numerics %u, and this is clact %s, numerics %u", p->path, version, numerics,
            clact_version()->text, (unsigned)CLACT_NUMERICS);
    return CLACT_OK;
}

static clact_status read_pack(struct clact_opencl_pack *p)
{
    size_t length;
    p->bytes = clact_file_read(AT_FDCWD, p->path, true, &length);
    REQUIRE(p->bytes || errno != ENOMEM, CLACT_E_MEMORY, "out of memory");
    REQUIRE(p->bytes, CLACT_E_PACK, "the pack %s cannot be read: %s", p->path, errno ? strerror(errno) : "it is no file");
    const char *wrong = clact_container_read(CLACT_CONTAINER_PACK, p->bytes, length, &p->file);
    REQUIRE(!wrong, CLACT_E_PACK, "the pack %s %s", p->path, wrong);
    p->manifest = calloc(p->file.key_length + 1, 1);
    REQUIRE(p->manifest, CLACT_E_MEMORY, "out of memory");
    memcpy(p->manifest, p->file.key, p->file.key_length);
    return check_version(p);
}

clact_status clact_opencl_pack_open(struct clact_opencl_pack **out, const char *option)
{
    const char *path = option && *option ? option : clact_environment("CLACT_PACK");
    *out = NULL;
    if (!path)
        return CLACT_OK;
    struct clact_opencl_pack *p = calloc(1, sizeof *p);
    REQUIRE(p, CLACT_E_MEMORY, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    clact_status status = CLACT_OK;
    if (snprintf(p->path, sizeof p->path, "%s", path) >= (int)sizeof p->path)
        status = clact_fail(CLACT_E_PACK, "the path of the pack is longer than %zu bytes", sizeof p->path - 1);
    if (status == CLACT_OK)
        status = read_pack(p);
    if (status == CLACT_OK)
        *out = p;
    else
        clact_opencl_pack_close(p, NULL);
    return status;
}

void clact_opencl_pack_close(struct clact_opencl_pack *p, const struct clact_opencl_api *api)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->program_count; i++)
        if (p->programs[i].program)
            api->clReleaseProgram(p->programs[i].program);
    pthread_mutex_destroy(&p->lock);
    free(p->programs);
    free(p->recipes);
    free(p->manifest);
    free(p->bytes);
    free(p);
}

/* ---- The part for a device ------------------------------------------------------------------ */

/* A part begins with the lines of its device's identity, the first of which is "device". */
static const char *next_part(const char *from)
{
    const char *at = strstr(from, "\ndevice ");
    return at ? at + 1 : NULL;
}

static const char *find_part(const struct clact_opencl_pack *p, const char *identity)
{
    for (const char *at = next_part(p->manifest); at; at = next_part(at))
        if (strncmp(at, identity, strlen(identity)) == 0)
            return at + strlen(identity);
    return NULL;
}

bool clact_opencl_pack_fits(const struct clact_opencl_pack *p, const char *identity)
{
    return find_part(p, identity) != NULL;
}

static clact_status damaged(const struct clact_opencl_pack *p, const char *line)
{
    return clact_fail(CLACT_E_PACK, "the pack %s is damaged: its manifest has the line '%.*s'", p->path,
                      (int)strcspn(line, "\n") < 80 ? (int)strcspn(line, "\n") : 80, line);
}

static clact_status read_program(struct clact_opencl_pack *p, const char *line)
{
    struct packed_program program = {0};
    struct packed_program *longer = realloc(p->programs, (p->program_count + 1) * sizeof *longer);
    REQUIRE(longer, CLACT_E_MEMORY, "out of memory");
    p->programs = longer;
    if (sscanf(line, "program %" SCNu64 " %" SCNu64, &program.offset, &program.length) != 2 ||
        program.offset > p->file.payload_length || program.length > p->file.payload_length - program.offset)
        return damaged(p, line);
    p->programs[p->program_count++] = program;
    return CLACT_OK;
}

static clact_status read_recipe(struct clact_opencl_pack *p, const char *line)
{
    struct packed_recipe recipe = {.program = p->program_count - 1};
    struct packed_recipe *longer = realloc(p->recipes, (p->recipe_count + 1) * sizeof *longer);
    char type[8];
    REQUIRE(longer, CLACT_E_MEMORY, "out of memory");
    p->recipes = longer;
    if (sscanf(line, "text %32[0-9a-f] %7s", recipe.hash, type) != 2 || strlen(recipe.hash) != CLACT_HASH - 1 ||
        p->program_count == 0)
        return damaged(p, line);
    for (uint32_t t = 0; t < CLACT_TYPE_COUNT; t++)
        p->types |= strcmp(type, clact_type_name((clact_type)t)) == 0 ? 1u << t : 0;
    if (strcmp(type, clact_type_name(CLACT_U8)) == 0) /* a table, which is of bytes */
        p->types |= 1u << CLACT_I8 | 1u << CLACT_U8;
    p->recipes[p->recipe_count++] = recipe;
    return CLACT_OK;
}

/* Lines of other words are for people. */
static clact_status read_part(struct clact_opencl_pack *p, const char *line)
{
    const char *end = next_part(line);
    for (; *line && line != end; line += strcspn(line, "\n") + 1) {
        if (!strchr(line, '\n'))
            return damaged(p, line);
        if (strncmp(line, "program ", 8) == 0)
            TRY(read_program(p, line));
        else if (strncmp(line, "text ", 5) == 0)
            TRY(read_recipe(p, line));
    }
    return CLACT_OK;
}

clact_status clact_opencl_pack_use(struct clact_opencl_pack *p, const char *identity, const char *device)
{
    const char *part = find_part(p, identity), *first = next_part(p->manifest);
    if (part)
        return read_part(p, part);
    first = first ? first + strlen("device ") : "nothing";
    return clact_fail(CLACT_E_PACK, "the pack %s has no part for %s with this driver; its first is for %.*s", p->path, device,
                      (int)strcspn(first, "\n"), first);
}

const char *clact_opencl_pack_path(const struct clact_opencl_pack *p)
{
    return p->path;
}

uint32_t clact_opencl_pack_types(const struct clact_opencl_pack *p)
{
    return p->types;
}

/* ---- Its programs --------------------------------------------------------------------------- */

static clact_status load_locked(clact_context *context, struct clact_opencl_pack *p, struct packed_program *packed,
                                cl_program *out)
{
    struct clact_ocl *ocl = context->ocl;
    cl_int code = CL_SUCCESS;
    if (!packed->program)
        packed->program = clact_opencl_from_binary(ocl, p->file.payload + packed->offset, packed->length, &code);
    if (packed->program)
        code = ocl->api.clRetainProgram(packed->program);
    *out = packed->program;
    if (code == CL_SUCCESS)
        return CLACT_OK;
    clact_set_opencl_code(code);
    return clact_fail(CLACT_E_BUILD, "%s does not take a program of the pack %s: %s (%d)", ocl->device.info.device, p->path,
                      clact_opencl_code_name(code), (int)code);
}

clact_status clact_opencl_pack_program(clact_context *context, const struct clact_opencl_recipe *recipe, cl_program *out)
{
    struct clact_opencl_pack *p = context->ocl->pack;
    char hash[CLACT_HASH], name[CLACT_OPENCL_NAME] = "probe";
    const struct packed_recipe *found = NULL;
    TRY(clact_opencl_text_hash(context->ocl, recipe, 1, hash));
    for (size_t i = 0; i < p->recipe_count && !found; i++)
        if (strcmp(p->recipes[i].hash, hash) == 0)
            found = &p->recipes[i];
    if (!clact_opencl_is_probe(recipe))
        clact_opencl_kernel_name(recipe, "*", name);
    const clact_activation_info *info = recipe->activation ? recipe->activation->info : NULL; /* sums of columns have none */
    REQUIRE(found, CLACT_E_PACK, "the pack %s has no kernels %s, for %s, and beside a pack nothing is compiled", p->path, name,
            info ? info->name : clact_opencl_is_probe(recipe) ? "the probe"
            : recipe->key.kind == KIND_QUANTISED ? "quantised numbers" : "training");
    pthread_mutex_lock(&p->lock);
    clact_status status = load_locked(context, p, &p->programs[found->program], out);
    pthread_mutex_unlock(&p->lock);
    return status;
}
