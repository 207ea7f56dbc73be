/* selection.h: the kernels that `clact kernels` and `clact pack` are asked for. */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include "common.h"

typedef struct selection {
    const clact_activation_info **infos; /* as named */
    size_t count;
    uint32_t types, calls; /* as in clact_kernels */
    uint32_t semantics;
    bool table; /* also the kernel of quantised activations */
} selection;

/* Names, --types, --calls, --semantics and --table; a child whose input is a selection that is all zero. */
extern const struct argp selection_argp;

/* Adds every activation that has the semantics. */
void selection_add_all(selection *s);
/* What the library takes for it, to be freed by selection_free_kernels(). What the library refuses is a usage error. */
clact_kernels *selection_kernels(const selection *s, size_t *count);
void selection_free_kernels(clact_kernels *kernels, size_t count);

#endif
