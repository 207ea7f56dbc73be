/* matmul.c: products of matrices: to the backend that holds the operands. */
#include "matmul.h"

clact_status clact_matmul_run(clact_context *context, const struct clact_matmul *m)
{
    const struct clact_backend_functions *backend = m->host ? &clact_cpu_functions : context->device;
    clact_enter(context);
    return clact_leave(context, backend->matmul(context, m));
}
