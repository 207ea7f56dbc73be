/* hot_path.c: once a kernel has been built, an enqueued call takes no memory from the heap.
 *
 * The library is linked statically and the linker puts __wrap_malloc and its like in the place of its calls; the
 * driver's own are not counted. */
#include <clact/clact.h>
#include <clact/opencl.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 1000
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static atomic_ulong taken;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    atomic_fetch_add(&taken, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&taken, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    atomic_fetch_add(&taken, 1);
    return __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add(&taken, 1);
    return __real_aligned_alloc(alignment, size);
}

static const struct {
    const char *name;
    int backward, from_y, learns;
    int64_t nx, ny;
} kinds[] = {
    {"sigmoid", 0, 0, 0, N, N},   {"sigmoid", 1, 0, 0, N, N},    {"prelu", 1, 0, 1, N, N},
    {"softmax", 0, 0, 0, N, N},   {"softmax", 1, 1, 0, N, N},    {"glu", 0, 0, 0, N, N / 2},
    {"glu", 1, 0, 0, N, N / 2},   {"maxout", 0, 0, 0, N, N / 2}, {"maxout", 1, 0, 0, N, N / 2},
    {"crelu", 0, 0, 0, N / 2, N}, {"crelu", 1, 0, 0, N / 2, N},
};

static clact_status enqueue(clact_context *context, const clact_activation *f, size_t k, clact_buffer *const *b)
{
    clact_operand x = clact_array(CLACT_F32, NULL, kinds[k].nx), dy = clact_array(CLACT_F32, NULL, kinds[k].ny);
    clact_operand out = kinds[k].learns ? clact_array(CLACT_F32, NULL, 1) : kinds[k].backward ? x : dy;
    clact_parameter_gradient g = {.name = "slope", .value = &out};
    clact_backward_args back = {.x = kinds[k].from_y ? NULL : &x, .y = kinds[k].from_y ? &x : NULL, .dy = &dy};
    clact_enqueue q = {0};
    x.buffer = b[0], dy.buffer = b[1], out.buffer = b[2];
    if (!kinds[k].backward)
        return clact_forward_enqueue(context, f, &(clact_forward_args){.x = &x, .y = &out}, &q);
    if (kinds[k].learns)
        back.gradients = &g, back.gradient_count = 1;
    else
        back.dx = &out;
    return clact_backward_enqueue(context, f, &back, &q);
}

int main(void)
{
    clact_context *context;
    clact_buffer *buffers[3];
    clact_status status = clact_open(&context, &(clact_options){.device = "opencl"});
    if (status == CLACT_E_NO_DEVICE)
        return 77;
    for (int i = 0; i < 3 && status == CLACT_OK; i++)
        status = clact_buffer_create(&buffers[i], context, N * sizeof(float));
    if (atomic_load(&taken) == 0) {
        printf("nothing is counted: the library's calls are not wrapped\n");
        return 1;
    }
    int failed = 0;
    for (size_t k = 0; k < COUNT_OF(kinds) && status == CLACT_OK; k++) {
        clact_activation *f = NULL;
        status = clact_activation_named(&f, kinds[k].name, NULL, 0);
        if (status == CLACT_OK)
            status = enqueue(context, f, k, buffers); /* builds */
        unsigned long before = atomic_load(&taken);
        for (int i = 0; i < 10 && status == CLACT_OK; i++)
            status = enqueue(context, f, k, buffers);
        unsigned long during = atomic_load(&taken) - before;
        printf("%s, %s: %lu\n", kinds[k].name, kinds[k].backward ? "backward" : "forward", during);
        failed |= during != 0;
        clact_activation_destroy(&f);
    }
    if (status != CLACT_OK) {
        printf("%s: %s\n", clact_status_name(status), clact_error());
        return 1;
    }
    for (int i = 0; i < 3; i++)
        clact_buffer_destroy(&buffers[i]);
    clact_close(&context);
    return failed;
}
