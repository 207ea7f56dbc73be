/* canary.c: buffers of the test layer between canaries, which show what is written outside them. */
#define CL_TARGET_OPENCL_VERSION 300
#include "canary.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 4096, CANARY = 0xc5 };

/* It lies behind the memory: PAD bytes, the buffer, PAD bytes. */
struct guarded {
    struct guarded *next;
    unsigned char *memory;
    size_t size;
    bool told;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct guarded *all;
static unsigned long damaged;

/* Tells of the first byte that was written, as its distance from the buffer. */
static void look(struct guarded *g)
{
    for (size_t i = 0; i < 2 * PAD && !g->told; i++) {
        size_t at = i < PAD ? i : g->size + i;
        if (g->memory[at] == CANARY)
            continue;
        fprintf(stderr, "clact test layer: byte %lld of a buffer of %zu bytes was written\n",
                (long long)at - PAD, g->size);
        g->told = true;
        damaged++;
    }
}

static void CL_CALLBACK gone(cl_mem mem, void *data)
{
    struct guarded *g = data, **place = &all;
    (void)mem;
    pthread_mutex_lock(&lock);
    look(g);
    while (*place != g)
        place = &(*place)->next;
    *place = g->next;
    pthread_mutex_unlock(&lock);
    free(g->memory);
    free(g);
}

static struct guarded *make(size_t size)
{
    struct guarded *g = calloc(1, sizeof *g);
    size_t bytes = (size + 3 * (size_t)PAD - 1) / PAD * PAD; /* the buffer begins at a page, and ends where it ends */
    unsigned char *memory = size < SIZE_MAX - 3 * (size_t)PAD ? aligned_alloc(PAD, bytes) : NULL;
    if (!g || !memory) {
        free(g);
        free(memory);
        return NULL;
    }
    memset(memory, CANARY, PAD);
    memset(memory + PAD + size, CANARY, PAD);
    g->memory = memory;
    g->size = size;
    return g;
}

cl_mem canary_create(const cl_icd_dispatch *driver, cl_context context, cl_mem_flags flags, size_t size, const void *host,
                     cl_int *status)
{
    const cl_mem_flags place = CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR | CL_MEM_ALLOC_HOST_PTR;
    const bool filled = flags & (CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR);
    struct guarded *g = size && filled == (host != NULL) ? make(size) : NULL;
    if (!g) /* what the driver refuses, it refuses in its own words */
        return driver->clCreateBuffer(context, flags, size, (void *)(uintptr_t)host, status);
    if (filled)
        memcpy(g->memory + PAD, host, size);
    pthread_mutex_lock(&lock);
    g->next = all;
    all = g;
    pthread_mutex_unlock(&lock);
    cl_mem mem = driver->clCreateBuffer(context, (flags & ~place) | CL_MEM_USE_HOST_PTR, size, g->memory + PAD, status);
    if (!mem)
        gone(NULL, g);
    else if (driver->clSetMemObjectDestructorCallback(mem, gone, g) != CL_SUCCESS)
        fputs("clact test layer: a buffer's end is not told of\n", stderr);
    return mem;
}

unsigned long canary_damaged(void)
{
    pthread_mutex_lock(&lock);
    for (struct guarded *g = all; g; g = g->next)
        look(g);
    unsigned long count = damaged;
    damaged = 0;
    pthread_mutex_unlock(&lock);
    return count;
}
