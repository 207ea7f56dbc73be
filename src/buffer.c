/* buffer.c: buffers: checks the arguments and calls the backend of the context. */
#include "backend.h"

#include <stdlib.h>

static clact_status finish_buffer(clact_buffer **out, clact_buffer *buffer, clact_context *context)
{
    buffer->context = context;
    clact_enter(context);
    clact_status status = clact_leave(context, context->device->buffer_create(buffer));
    if (status != CLACT_OK) {
        free(buffer);
        return status;
    }
    *out = buffer;
    return CLACT_OK;
}

clact_status clact_buffer_create(clact_buffer **out, clact_context *context, size_t bytes)
{
    REQUIRE(out && context, CLACT_E_ARGUMENT, "out and context must not be NULL");
    clact_buffer *buffer = calloc(1, sizeof *buffer);
    REQUIRE(buffer, CLACT_E_MEMORY, "out of memory");
    buffer->bytes = bytes;
    TRY(finish_buffer(out, buffer, context));
    buffer->root = buffer->mem;
    buffer->first = (size_t)(uintptr_t)buffer->memory;
    return CLACT_OK;
}

clact_status clact_buffer_import(clact_buffer **out, clact_context *context, struct _cl_mem *mem)
{
    REQUIRE(out && context && mem, CLACT_E_ARGUMENT, "out, context and mem must not be NULL");
    REQUIRE(context->ocl, CLACT_E_ARGUMENT, "the context has no OpenCL device to import memory of");
    const void *root;
    size_t first, bytes;
    TRY(context->device->mem_info(context, mem, &root, &first, &bytes));
    clact_buffer *buffer = calloc(1, sizeof *buffer);
    REQUIRE(buffer, CLACT_E_MEMORY, "out of memory");
    buffer->bytes = bytes;
    buffer->mem = mem;
    buffer->root = root;
    buffer->first = first;
    return finish_buffer(out, buffer, context);
}

void clact_buffer_destroy(clact_buffer **buffer)
{
    if (!buffer || !*buffer)
        return;
    void *mapped = atomic_load(&(*buffer)->mapped);
    if (mapped) {
        clact_log_message((*buffer)->context, CLACT_LOG_WARNING, "a buffer was destroyed while it was mapped");
        (*buffer)->context->device->buffer_unmap(*buffer, mapped);
    }
    (*buffer)->context->device->buffer_destroy(*buffer);
    free(*buffer);
    *buffer = NULL;
}

size_t clact_buffer_bytes(const clact_buffer *buffer)
{
    return buffer ? buffer->bytes : 0;
}

struct _cl_mem *clact_buffer_mem(const clact_buffer *buffer)
{
    return buffer ? buffer->mem : NULL;
}

static clact_status check_range(const clact_buffer *buffer, size_t offset, size_t bytes)
{
    REQUIRE(buffer, CLACT_E_ARGUMENT, "buffer must not be NULL");
    REQUIRE(offset <= buffer->bytes && bytes <= buffer->bytes - offset, CLACT_E_BOUNDS,
            "bytes %zu to %zu are not in a buffer of %zu bytes", offset, offset + bytes, buffer->bytes);
    REQUIRE(!atomic_load(&buffer->mapped), CLACT_E_ARGUMENT, "the buffer is mapped: unmap it first");
    return CLACT_OK;
}

static clact_status check_copy(const clact_buffer *buffer, size_t offset, size_t bytes, const void *memory)
{
    TRY(check_range(buffer, offset, bytes));
    REQUIRE(memory || bytes == 0, CLACT_E_ARGUMENT, "the host memory must not be NULL");
    return CLACT_OK;
}

clact_status clact_buffer_write(clact_buffer *buffer, size_t offset_bytes, size_t bytes, const void *from)
{
    TRY(check_copy(buffer, offset_bytes, bytes, from));
    if (bytes == 0)
        return CLACT_OK;
    clact_context *context = buffer->context;
    clact_enter(context);
    return clact_leave(context, context->device->buffer_write(buffer, offset_bytes, bytes, from));
}

clact_status clact_buffer_read(const clact_buffer *buffer, size_t offset_bytes, size_t bytes, void *to)
{
    TRY(check_copy(buffer, offset_bytes, bytes, to));
    if (bytes == 0)
        return CLACT_OK;
    clact_context *context = buffer->context;
    clact_enter(context);
    return clact_leave(context, context->device->buffer_read(buffer, offset_bytes, bytes, to));
}

clact_status clact_buffer_map(void **out, clact_buffer *buffer, size_t offset_bytes, size_t bytes, uint32_t access)
{
    REQUIRE(out, CLACT_E_ARGUMENT, "out must not be NULL");
    REQUIRE(access >= CLACT_MAP_READ && access <= (CLACT_MAP_READ | CLACT_MAP_WRITE), CLACT_E_ARGUMENT,
            "access must be CLACT_MAP_READ, CLACT_MAP_WRITE or their sum");
    TRY(check_range(buffer, offset_bytes, bytes));
    if (bytes == 0) { /* OpenCL maps no empty range, and every buffer has a first byte */
        offset_bytes = 0;
        bytes = 1;
        access = CLACT_MAP_READ;
    }
    void *mapped;
    clact_context *context = buffer->context;
    clact_enter(context);
    TRY(clact_leave(context, context->device->buffer_map(&mapped, buffer, offset_bytes, bytes, access)));
    atomic_store(&buffer->mapped, mapped);
    *out = mapped;
    return CLACT_OK;
}

clact_status clact_buffer_unmap(clact_buffer *buffer, void *pointer)
{
    REQUIRE(buffer && pointer, CLACT_E_ARGUMENT, "buffer and pointer must not be NULL");
    REQUIRE(atomic_load(&buffer->mapped) == pointer, CLACT_E_ARGUMENT, "the buffer is not mapped at this pointer");
    clact_context *context = buffer->context;
    clact_enter(context);
    TRY(clact_leave(context, context->device->buffer_unmap(buffer, pointer)));
    atomic_store(&buffer->mapped, NULL);
    return CLACT_OK;
}

clact_status clact_finish(clact_context *context)
{
    REQUIRE(context, CLACT_E_ARGUMENT, "context must not be NULL");
    clact_enter(context);
    return clact_leave(context, context->device->finish(context));
}
