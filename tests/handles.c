/* handles.c: finds OpenCL's entry points for the tests. */
#ifdef CLACT_TEST_OPENCL

#include "handles.h"

#include <dlfcn.h>

#define X(name) __typeof__(name) *p_##name;
TEST_ENTRIES(X)
#undef X

bool load_handles(void)
{
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
#define X(name) p_##name = (__typeof__(p_##name))dlsym(library, #name);
    TEST_ENTRIES(X)
#undef X
    return true;
}

#endif
