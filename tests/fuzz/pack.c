/* pack.c: fuzzes packs: their manifest, the part for a device, and the programs in it. */
#include "container.h"
#include "fuzz.h"

#include "opencl/opencl.h"

#include <string.h>

/* A driver that reads all of a binary and then does not take it. */
static volatile unsigned char read_last;

static cl_program CL_API_CALL create(cl_context context, cl_uint count, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries,
                                     cl_int *verdicts, cl_int *code)
{
    for (size_t i = 0; i < lengths[0]; i++)
        read_last = binaries[0][i];
    *verdicts = *code = CL_INVALID_BINARY;
    return NULL;
}

static struct clact_ocl ocl = {
    .api.clCreateProgramWithBinary = create,
    .identity = "device fuzz\n",
    .target = {.local = 256, .per_item = 4, .rounds_to_nearest = true, .divides = true},
};

/* So many zeros stand for the hash of the probe's text, by which a program is found. */
static const char zeros[] = "00000000000000000000000000000000";

static void put_hash(uint8_t *bytes, size_t size)
{
    static char hash[CLACT_HASH];
    if (!*hash)
        HOLDS(clact_opencl_text_hash(&ocl, &clact_opencl_probe_recipe, 1, hash) == CLACT_OK);
    uint8_t *at = memmem(bytes, size, zeros, strlen(zeros));
    if (at)
        memcpy(at, hash, CLACT_HASH - 1);
}

static void use(struct clact_opencl_pack *p)
{
    static clact_context context = {.ocl = &ocl};
    cl_program program = NULL;
    ocl.pack = p;
    bool fits = clact_opencl_pack_fits(p, ocl.identity);
    clact_status status = clact_opencl_pack_use(p, ocl.identity, "fuzz");
    HOLDS(status == CLACT_OK ? fits : status == CLACT_E_PACK);
    if (status == CLACT_OK)
        HOLDS(clact_opencl_pack_program(&context, &clact_opencl_probe_recipe, &program) != CLACT_OK && !program);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char head[64];
    size_t length;
    uint8_t *copy = malloc(size + 1);
    HOLDS(copy);
    memcpy(copy, bytes, size);
    put_hash(copy, size);
    snprintf(head, sizeof head, "clact %s\nnumerics %u\n", clact_version()->text, (unsigned)CLACT_NUMERICS);
    unsigned char *file = container_of("clactpak", head, copy, size, &length);
    struct clact_opencl_pack *p = NULL;
    clact_status status = clact_opencl_pack_open(&p, memory_file(file, length));
    HOLDS(status == CLACT_OK ? p != NULL : status == CLACT_E_PACK && !p);
    if (p)
        use(p);
    clact_opencl_pack_close(p, &ocl.api);
    free(file);
    free(copy);
    return 0;
}
