/* relu.c: the ReLU of an array, on whatever device there is. */
#include <clact/clact.h>
#include <stdio.h>

int main(void)
{
    clact_context *context;
    clact_activation *relu;
    float x[] = {-5, -2, 0, 3}, y[4];
    if (clact_open(&context, NULL) != CLACT_OK || clact_activation_named(&relu, "relu", NULL, 0) != CLACT_OK ||
        clact_apply(context, relu, 4, x, y) != CLACT_OK) {
        fprintf(stderr, "%s\n", clact_error());
        return 1;
    }
    printf("%g %g %g %g\n", y[0], y[1], y[2], y[3]);
    clact_activation_destroy(&relu);
    clact_close(&context);
    return 0;
}
