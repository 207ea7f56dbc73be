/* hide.h: what the test layer hides of a device. */
#ifndef CLACT_TESTS_LAYER_HIDE_H
#define CLACT_TESTS_LAYER_HIDE_H

#include <CL/cl.h>

#include <stdbool.h>

enum hide {
    HIDE_COMPILER = 1 << 0,
    HIDE_BUILD = 1 << 1,
    HIDE_FP64 = 1 << 2,
    HIDE_GPU = 1 << 3,
    HIDE_CRDS = 1 << 4,
    HIDE_UNIFIED = 1 << 5,
    HIDE_PLACE = 1 << 6,
    HIDE_SUBNORMALS = 1 << 7,
};

/* The bits of a comma list, as in CLHIDE; false on an unknown word. */
bool hide_parse(const char *list, unsigned *bits);

/* Changes what a device answered to clGetDeviceInfo(). */
void hide_in_device(unsigned bits, cl_device_info what, void *value);

/* With every device a GPU, a filter that names GPUs matches all of them, and one that does not, none: false. */
bool hide_allows(unsigned bits, cl_device_type *type);

#endif
