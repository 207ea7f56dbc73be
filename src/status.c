/* status.c: error messages, status names, version, log and environment. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library's only mutable state outside contexts. */
static _Thread_local char message[512];
static _Thread_local int32_t opencl_code;

clact_status clact_fail(clact_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    if (status != CLACT_E_OPENCL && status != CLACT_E_BUILD && status != CLACT_E_COMPILER)
        opencl_code = 0;
    return status;
}

void clact_set_opencl_code(int32_t code)
{
    opencl_code = code;
}

int32_t clact_opencl_code(void)
{
    return opencl_code;
}

const char *clact_error(void)
{
    return message;
}

const char *clact_status_name(clact_status status)
{
    switch (status) {
#define NAME(s) case s: return #s;
    NAME(CLACT_OK)
    NAME(CLACT_E_ARGUMENT)
    NAME(CLACT_E_NAME)
    NAME(CLACT_E_RANGE)
    NAME(CLACT_E_BOUNDS)
    NAME(CLACT_E_OVERLAP)
    NAME(CLACT_E_UNSUPPORTED)
    NAME(CLACT_E_MEMORY)
    NAME(CLACT_E_NO_DEVICE)
    NAME(CLACT_E_COMPILER)
    NAME(CLACT_E_BUILD)
    NAME(CLACT_E_OPENCL)
    NAME(CLACT_E_INEXACT)
    NAME(CLACT_E_FORKED)
    NAME(CLACT_E_DERIVATIVE)
    NAME(CLACT_E_PACK)
    NAME(CLACT_E_FILE)
#undef NAME
    }
    return "unknown status";
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const clact_version_info *clact_version(void)
{
    static const clact_version_info version = {
        CLACT_VERSION_MAJOR, CLACT_VERSION_MINOR, CLACT_VERSION_PATCH, CLACT_NUMERICS,
        TEXT(CLACT_VERSION_MAJOR) "." TEXT(CLACT_VERSION_MINOR) "." TEXT(CLACT_VERSION_PATCH),
    };
    return &version;
}

void clact_log_message(const clact_context *context, int level, const char *format, ...)
{
    if (!context->log)
        return;
    char text[16384];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    context->log(context->log_data, level, text);
}

const char *clact_environment(const char *name)
{
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}
