/* layer_calls.h: the functions of the test layer (layer/layer.h), for programs that run under it. */
#ifndef CLACT_TESTS_LAYER_CALLS_H
#define CLACT_TESTS_LAYER_CALLS_H

#include "layer/layer.h"

#include <stdbool.h>

#define LAYER_CALLS(X) \
    X(control) X(live) X(last) X(hide) X(drain) X(terminate) X(terminated) X(kernels) X(canaries) X(damaged)
#define X(name) extern __typeof__(clact_layer_##name) *layer_##name;
LAYER_CALLS(X)
#undef X

/* Finds them in the layer that OPENCL_LAYERS names; false where it names none, and says so. */
bool load_layer(void);

#endif
