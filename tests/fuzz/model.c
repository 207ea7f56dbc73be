/* model.c: fuzzes model files: what is read computes. */
#include "container.h"
#include "fuzz.h"

#include <clact/nn.h>

enum { SAMPLES = 2 };

static void predict(clact_nn_model *m, int64_t inputs)
{
    const int64_t outputs = (int64_t)clact_nn_model_outputs(m);
    double *x = calloc((size_t)(SAMPLES * inputs), sizeof *x), *y = calloc((size_t)(SAMPLES * outputs), sizeof *y);
    clact_operand from = {.tensor = {.rank = 2, .dims = {SAMPLES, inputs}}, .data = x};
    clact_operand to = {.tensor = {.rank = 2, .dims = {SAMPLES, outputs}}, .data = y};
    HOLDS(x && y && outputs > 0);
    if (clact_nn_model_predict(m, &from, &to) != CLACT_OK) {
        from.tensor.type = to.tensor.type = CLACT_F64;
        HOLDS(clact_nn_model_predict(m, &from, &to) == CLACT_OK);
    }
    free(x);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static clact_context *context;
    clact_nn_model *m = NULL;
    size_t length;
    if (!context)
        HOLDS(clact_open(&context, &(clact_options){.device = "cpu", .threads = 1}) == CLACT_OK);
    unsigned char *file = container_of("clactnet", "", bytes, size, &length);
    clact_status status = clact_nn_model_load(&m, context, memory_file(file, length), NULL);
    HOLDS((status == CLACT_OK) == (m != NULL));
    if (m) {
        clact_operand weights;
        HOLDS(clact_nn_model_array(m, 0, CLACT_NN_WEIGHTS, &weights) == CLACT_OK);
        predict(m, weights.tensor.dims[0]);
    }
    clact_nn_model_destroy(&m);
    free(file);
    return 0;
}
