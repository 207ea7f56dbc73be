/* blas.c: OpenBLAS and CLBlast, opened at first use and never closed. */
#include "blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Opens what an environment variable names, else the first of the usual names. NULL: reason says why. */
static void *open_library(const char *variable, const char *const *names, const char *what, char reason[256])
{
    const char *library = clact_environment(variable);
    void *handle = NULL;
    if (library && strcmp(library, "disabled") == 0) {
        snprintf(reason, 256, "%s is disabled by %s", what, variable);
        return NULL;
    }
    if (library)
        handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    else
        for (; !handle && *names; names++)
            handle = dlopen(library = *names, RTLD_NOW | RTLD_LOCAL);
    if (handle) {
        snprintf(reason, 256, "%s is %s", what, library);
        return handle;
    }
    const char *why = dlerror();
    snprintf(reason, 256, "%s was not opened: %s", what, why ? why : library);
    return NULL;
}

static bool find(void *handle, const char *name, void *function, char reason[256])
{
    void *symbol = dlsym(handle, name);
    if (symbol)
        memcpy(function, &symbol, sizeof symbol);
    else
        snprintf(reason, 256, "a library for fast products has no %s", name);
    return symbol != NULL;
}

/* ---- OpenBLAS ------------------------------------------------------------------------------- */

static struct clact_nn_blas blas;

static void load_blas(void)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    void *handle = open_library("CLACT_BLAS_LIBRARY", names, "OpenBLAS", blas.reason);
    blas.loaded = handle && find(handle, "cblas_sgemm", &blas.sgemm, blas.reason) &&
                  find(handle, "cblas_dgemm", &blas.dgemm, blas.reason);
}

const struct clact_nn_blas *clact_nn_blas(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_blas);
    return &blas;
}

/* ---- CLBlast -------------------------------------------------------------------------------- */

static struct clact_nn_clblast clblast;
static pthread_mutex_t clblast_mutex = PTHREAD_MUTEX_INITIALIZER;

static void load_clblast(void)
{
    static const char *const names[] = {"libclblast.so.1", "libclblast.so", NULL};
    void *handle = open_library("CLACT_CLBLAST_LIBRARY", names, "CLBlast", clblast.reason);
    clblast.loaded = handle && find(handle, "CLBlastSgemm", &clblast.sgemm, clblast.reason) &&
                     find(handle, "CLBlastDgemm", &clblast.dgemm, clblast.reason) &&
                     find(handle, "CLBlastHgemm", &clblast.hgemm, clblast.reason) &&
                     find(handle, "CLBlastClearCache", &clblast.clear_cache, clblast.reason);
}

const struct clact_nn_clblast *clact_nn_clblast(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_clblast);
    return &clblast;
}

void clact_nn_clblast_lock(void)
{
    pthread_mutex_lock(&clblast_mutex);
}

void clact_nn_clblast_unlock(void)
{
    pthread_mutex_unlock(&clblast_mutex);
}
