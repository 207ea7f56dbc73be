/* layer_calls.c: finds the functions of the test layer. */
#include "layer_calls.h"

#include <dlfcn.h>
#include <stdlib.h>

#define X(name) __typeof__(clact_layer_##name) *layer_##name;
LAYER_CALLS(X)
#undef X

bool load_layer(void)
{
    const char *path = getenv("OPENCL_LAYERS");
    void *layer = path ? dlopen(path, RTLD_NOW) : NULL;
    bool found = layer != NULL;
#define X(name) found = found && (layer_##name = (__typeof__(layer_##name))dlsym(layer, "clact_layer_" #name));
    LAYER_CALLS(X)
#undef X
    if (!found)
        printf("OPENCL_LAYERS does not name the layer\n");
    return found;
}
