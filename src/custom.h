/* custom.h: an activation of the program's own, as the library keeps it. */
#ifndef CLACT_CUSTOM_INTERNAL_H
#define CLACT_CUSTOM_INTERNAL_H

#include "internal.h"

#define CLACT_CUSTOM_DECLARATIONS
#include <clact/custom.h>

#define CLACT_CUSTOM_NAME 32 /* bytes of a name, the final zero included */

/* A copy of a clact_custom. Activations and programs hold it; the last one to release it frees it. */
struct clact_definition {
    atomic_uint holders;
    uint64_t hash; /* of name and text */
    clact_activation_info info;
    struct clact_row_functions functions;
    clact_custom_loops f32, f64; /* f64: NULL where the activation has none */
    char name[CLACT_CUSTOM_NAME];
    char names[CLACT_MAX_PARAMETERS][CLACT_CUSTOM_NAME], aliases[CLACT_MAX_PARAMETERS][CLACT_CUSTOM_NAME];
    clact_parameter_info parameters[CLACT_MAX_PARAMETERS];
    char text[]; /* in lines */
};

clact_status clact_definition_create(struct clact_definition **out, const clact_custom *custom);
struct clact_definition *clact_definition_hold(struct clact_definition *definition);
/* NULL is fine. */
void clact_definition_release(struct clact_definition *definition);
/* Whether two, which may be NULL, make the same program. */
bool clact_definition_same(const struct clact_definition *a, const struct clact_definition *b);

/* Refuses f64 where the activation is the program's own and has no loops for it. */
clact_status clact_definition_type(const clact_activation *activation, uint32_t type);

#endif
