/* version.c: the version of libclact-nn. */
#include <clact/nn.h>

const clact_version_info *clact_nn_version(void)
{
    return clact_version();
}
