/* program.c: the programs of a context: each built once, on first use or before, its kernels kept. */
#include "opencl.h"
#include "../custom.h"

#include <stdlib.h>
#include <string.h>

struct clact_opencl_program {
    struct clact_opencl_program *next;
    struct clact_opencl_recipe recipe;
    struct clact_definition *own; /* held; NULL where the program is of rows alone */
    cl_program program;           /* NULL while a thread builds it; recipes may share one */
    struct clact_opencl_kernel *idle[CLACT_OPENCL_KERNELS]; /* by slot */
};

/* ---- The table ------------------------------------------------------------------------------ */

static struct clact_opencl_program **list_of(struct clact_ocl *ocl, const struct clact_opencl_recipe *recipe)
{
    return &ocl->programs[recipe->key.row % 64];
}

static struct clact_opencl_program *find(struct clact_ocl *ocl, const struct clact_opencl_recipe *recipe)
{
    for (struct clact_opencl_program *p = *list_of(ocl, recipe); p; p = p->next)
        if (memcmp(&p->recipe.key, &recipe->key, sizeof recipe->key) == 0 &&
            clact_definition_same(p->own, clact_opencl_own(recipe)))
            return p;
    return NULL;
}

/* Enters a recipe that this thread is going to build. */
static clact_status enter(clact_context *context, const struct clact_opencl_recipe *recipe, struct clact_opencl_program **out)
{
    REQUIRE(recipe->key.type != CLACT_F64 || context->ocl->device.info.fp64, CLACT_E_UNSUPPORTED, "%s has no f64",
            context->ocl->device.info.device);
    struct clact_opencl_program *p = calloc(1, sizeof *p), **place = list_of(context->ocl, recipe);
    REQUIRE(p, CLACT_E_MEMORY, "out of memory");
    p->recipe = *recipe;
    p->recipe.activation = NULL; /* it may be gone before the program is */
    p->own = clact_definition_hold(clact_opencl_own(recipe));
    p->next = *place;
    *out = *place = p;
    return CLACT_OK;
}

/* Gives up a recipe that was not built. Who waits for it finds it gone and builds it himself. */
static void withdraw(struct clact_ocl *ocl, struct clact_opencl_program *p)
{
    struct clact_opencl_program **place = list_of(ocl, &p->recipe);
    while (*place != p)
        place = &(*place)->next;
    *place = p->next;
    clact_definition_release(p->own);
    free(p);
}

/* Builds recipes that were entered. The lock is let go meanwhile: other programs can be used, and built. */
static clact_status build(clact_context *context, struct clact_opencl_program **entered,
                          const struct clact_opencl_recipe *recipes, size_t count)
{
    struct clact_ocl *ocl = context->ocl;
    cl_program program = NULL;
    pthread_mutex_unlock(&ocl->lock);
    clact_status status = clact_opencl_build(context, recipes, count, &program);
    pthread_mutex_lock(&ocl->lock);
    for (size_t i = 0; i < count; i++) {
        cl_int code = status == CLACT_OK && i > 0 ? ocl->api.clRetainProgram(program) : CL_SUCCESS;
        if (status == CLACT_OK && code == CL_SUCCESS)
            entered[i]->program = program;
        else
            withdraw(ocl, entered[i]);
    }
    pthread_cond_broadcast(&ocl->ready);
    return status;
}

/* The program of a recipe: that of the table, or what another thread is building, or built now. */
static clact_status program_locked(clact_context *context, const struct clact_opencl_recipe *recipe,
                                   struct clact_opencl_program **out)
{
    struct clact_ocl *ocl = context->ocl;
    struct clact_opencl_program *p;
    while ((p = find(ocl, recipe)) && !p->program)
        pthread_cond_wait(&ocl->ready, &ocl->lock);
    if (!p) {
        TRY(enter(context, recipe, &p));
        TRY(build(context, &p, recipe, 1));
    }
    *out = p;
    return CLACT_OK;
}

clact_status clact_opencl_program_ready(clact_context *context, const struct clact_opencl_recipe *recipe)
{
    struct clact_opencl_program *program;
    pthread_mutex_lock(&context->ocl->lock);
    clact_status status = program_locked(context, recipe, &program);
    pthread_mutex_unlock(&context->ocl->lock);
    return status;
}

static clact_status join_locked(clact_context *context, const struct clact_opencl_recipe *recipes, size_t count,
                                struct clact_opencl_recipe *missing, struct clact_opencl_program **entered)
{
    struct clact_ocl *ocl = context->ocl;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (find(ocl, &recipes[i]))
            continue;
        clact_status status = enter(context, &recipes[i], &entered[n]);
        if (status != CLACT_OK) {
            while (n > 0)
                withdraw(ocl, entered[--n]);
            pthread_cond_broadcast(&ocl->ready);
            return status;
        }
        missing[n++] = recipes[i];
    }
    return n ? build(context, entered, missing, n) : CLACT_OK;
}

clact_status clact_opencl_programs_join(clact_context *context, const struct clact_opencl_recipe *recipes, size_t count)
{
    struct clact_opencl_recipe *missing = calloc(count, sizeof *missing);
    struct clact_opencl_program **entered = calloc(count, sizeof(struct clact_opencl_program *));
    clact_status status = missing && entered ? CLACT_OK : clact_fail(CLACT_E_MEMORY, "out of memory");
    if (status == CLACT_OK) {
        pthread_mutex_lock(&context->ocl->lock);
        status = join_locked(context, recipes, count, missing, entered);
        pthread_mutex_unlock(&context->ocl->lock);
    }
    free(missing);
    free(entered);
    return status;
}

cl_program clact_opencl_program_of(clact_context *context, const struct clact_opencl_recipe *recipe)
{
    struct clact_ocl *ocl = context->ocl;
    pthread_mutex_lock(&ocl->lock);
    struct clact_opencl_program *p = find(ocl, recipe);
    cl_program program = p ? p->program : NULL;
    if (program && ocl->api.clRetainProgram(program) != CL_SUCCESS)
        program = NULL;
    pthread_mutex_unlock(&ocl->lock);
    return program;
}

/* ---- Kernels -------------------------------------------------------------------------------- */

/* An idle kernel, or the program to make one of. */
static clact_status find_kernel(clact_context *context, const struct clact_opencl_recipe *recipe, int slot,
                                struct clact_opencl_program **program, struct clact_opencl_kernel **out)
{
    TRY(program_locked(context, recipe, program));
    *out = (*program)->idle[slot];
    if (*out)
        (*program)->idle[slot] = (*out)->next;
    return CLACT_OK;
}

/* Some drivers compile here, so no lock is held: a program that is built stays until the context is closed. */
static clact_status make_kernel(clact_context *context, struct clact_opencl_program *program,
                                const struct clact_opencl_recipe *recipe, int slot, const char *part,
                                struct clact_opencl_kernel **out)
{
    cl_int code;
    char name[CLACT_OPENCL_NAME];
    struct clact_opencl_kernel *k = calloc(1, sizeof *k);
    REQUIRE(k, CLACT_E_MEMORY, "out of memory");
    clact_opencl_kernel_name(recipe, part, name);
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
                                      const char *part, struct clact_opencl_kernel **out)
{
    struct clact_opencl_program *program = NULL;
    struct clact_opencl_kernel *k = NULL;
    pthread_mutex_lock(&context->ocl->lock);
    clact_status status = find_kernel(context, recipe, slot, &program, &k);
    pthread_mutex_unlock(&context->ocl->lock);
    TRY(status);
    if (!k)
        TRY(make_kernel(context, program, recipe, slot, part, &k));
    *out = k;
    return CLACT_OK;
}

void clact_opencl_kernel_put(clact_context *context, struct clact_opencl_kernel *kernel)
{
    pthread_mutex_lock(&context->ocl->lock);
    kernel->next = kernel->program->idle[kernel->slot];
    kernel->program->idle[kernel->slot] = kernel;
    pthread_mutex_unlock(&context->ocl->lock);
}

/* ---- The end -------------------------------------------------------------------------------- */

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
