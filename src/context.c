/* context.c: contexts: opened on the device that the caller names, described, closed. */
#include "backend.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clact_status check_options(const clact_options *o)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof o->reserved / sizeof *o->reserved; i++)
        any |= o->reserved[i];
    REQUIRE(any == 0, CLACT_E_ARGUMENT, "reserved words of clact_options must be zero");
    REQUIRE(o->require_exact <= CLACT_EXACT_NORMAL, CLACT_E_ARGUMENT,
            "require_exact must be 0, CLACT_EXACT_ALL or CLACT_EXACT_NORMAL");
    REQUIRE(o->pack_or_cpu <= 1 && o->reserved0 == 0, CLACT_E_ARGUMENT, "pack_or_cpu must be 0 or 1, reserved words 0");
    REQUIRE(!o->cache_load == !o->cache_store, CLACT_E_ARGUMENT, "cache_load and cache_store go together");
    REQUIRE(!o->cache_load || !o->cache, CLACT_E_ARGUMENT, "with cache_load and cache_store, cache must be NULL");
    return CLACT_OK;
}

static clact_status create(clact_context **out, const clact_options *options)
{
    TRY(check_options(options));
    clact_context *c = calloc(1, sizeof *c);
    REQUIRE(c, CLACT_E_MEMORY, "out of memory");
    c->log = options->log;
    c->log_data = options->log_data;
    c->pid = getpid();
    c->device = c->host = &clact_cpu_functions;
    clact_status status = clact_cpu_open(c, options);
    if (status != CLACT_OK) {
        free(c);
        return status;
    }
    *out = c;
    return CLACT_OK;
}

static clact_status open_device(clact_context *c, const clact_options *options)
{
    const char *which = options->device && *options->device ? options->device : clact_environment("CLACT_DEVICE");
    if (!which)
        which = "auto";
    if (strcmp(which, "cpu") == 0) {
        snprintf(c->reason, sizeof c->reason, "the CPU backend was asked for");
        return CLACT_OK;
    }
    return clact_ocl_open(c, options, which);
}

static clact_status check_exact(clact_context *c, const clact_options *options)
{
    if (!options->require_exact)
        return CLACT_OK;
    clact_caps caps;
    TRY(clact_context_caps(c, &caps));
    REQUIRE(caps.exact != CLACT_EXACT_UNKNOWN && caps.exact <= options->require_exact, CLACT_E_INEXACT,
            "%s does not give the bits asked for: %s", caps.device, caps.reason);
    return CLACT_OK;
}

static clact_status finish_open(clact_context **out, clact_context *c, clact_status status, const clact_options *options)
{
    if (status == CLACT_OK)
        status = check_exact(c, options);
    if (status != CLACT_OK) {
        clact_close(&c);
        return status;
    }
    clact_log_message(c, CLACT_LOG_INFO, "clact %s: %s", clact_version()->text, c->reason);
    *out = c;
    return CLACT_OK;
}

static const clact_options defaults;

clact_status clact_open(clact_context **out, const clact_options *options)
{
    REQUIRE(out, CLACT_E_ARGUMENT, "out must not be NULL");
    options = options ? options : &defaults;
    clact_context *c;
    TRY(create(&c, options));
    return finish_open(out, c, open_device(c, options), options);
}

clact_status clact_open_opencl(clact_context **out, struct _cl_context *context, struct _cl_device_id *device,
                               struct _cl_command_queue *queue, const clact_options *options)
{
    REQUIRE(out && context && device, CLACT_E_ARGUMENT, "out, context and device must not be NULL");
    options = options ? options : &defaults;
    clact_context *c;
    TRY(create(&c, options));
    return finish_open(out, c, clact_ocl_open_handles(c, context, device, queue, options), options);
}

void clact_close(clact_context **context)
{
    if (!context || !*context)
        return;
    clact_context *c = *context;
    while (atomic_load(&c->calls) && c->pid == getpid()) /* a forked child has none of the calling threads */
        sched_yield();
    if (c->ocl)
        clact_ocl_functions.close(c);
    clact_cpu_functions.close(c);
    free(c);
    *context = NULL;
}

static clact_status describe(clact_context *context, clact_caps *out)
{
    clact_caps caps = {0};
    caps.host_backend = context->host == &clact_cpu_functions ? CLACT_BACKEND_CPU : CLACT_BACKEND_OPENCL;
    snprintf(caps.reason, sizeof caps.reason, "%s", context->reason);
    TRY(clact_cpu_functions.caps(context, &caps));
    if (context->ocl)
        TRY(clact_ocl_functions.caps(context, &caps));
    *out = caps;
    return CLACT_OK;
}

clact_status clact_context_caps(clact_context *context, clact_caps *out)
{
    REQUIRE(context && out, CLACT_E_ARGUMENT, "context and out must not be NULL");
    clact_enter(context);
    return clact_leave(context, describe(context, out));
}

clact_status clact_device_list(clact_device_info *out, size_t capacity, size_t *count, const clact_options *options,
                               char *reason)
{
    REQUIRE(count && (out || capacity == 0), CLACT_E_ARGUMENT, "count must not be NULL, nor out where capacity is not 0");
    clact_context *cpu;
    clact_options plain = {.device = "cpu", .threads = 1, .opencl_library = options ? options->opencl_library : NULL};
    char why[256] = "";
    size_t found = 0;
    TRY(clact_open(&cpu, &plain));
    clact_status status = clact_ocl_list(out, capacity, &found, &plain, why);
    if (status == CLACT_OK && found < capacity) {
        clact_caps caps = {0};
        clact_cpu_functions.caps(cpu, &caps);
        clact_device_info *d = &out[found];
        memset(d, 0, sizeof *d);
        d->backend = CLACT_BACKEND_CPU;
        d->kind = CLACT_DEVICE_CPU;
        d->compute_units = caps.compute_units;
        d->unified_memory = d->fp64 = 1;
        memcpy(d->device, caps.device, sizeof d->device);
        memcpy(d->platform, caps.platform, sizeof d->platform);
        memcpy(d->driver, caps.driver, sizeof d->driver);
    }
    clact_close(&cpu);
    if (status != CLACT_OK)
        return status;
    *count = found + 1;
    if (reason)
        memcpy(reason, why, sizeof why);
    return CLACT_OK;
}
