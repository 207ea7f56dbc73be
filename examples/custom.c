/* custom.c: an activation of one's own, on whatever device there is and on the CPU. */
#include <clact/custom.h>

#include <stdio.h>
#include <string.h>

/* x + a tanh(x), and its derivative, 1 + a (1 - tanh(x)^2). */
CLACT_CUSTOM(tilted, 1, (CLACT_CUSTOM_PARAMETER("a", 0.25, -1.0, 1.0)),
    INLINE real tilted_f(real x, real a) { return fused(a, tanh_f(x), x); }
    INLINE real tilted_d(real x, real a) { return fused(a, tanh_d(x), C(1.0)); }
)

static clact_status run(void)
{
    const float x[] = {-2, -0.5f, 0, 0.5f, 2}, dy[] = {1, 1, 1, 1, 1};
    float y[2][5], dx[2][5];
    clact_options cpu = {.device = "cpu"};
    const clact_options *where[] = {NULL, &cpu};
    clact_parameter a = {"a", 0.5, 0, 0};
    clact_activation *tilted = NULL;
    clact_custom_report report;
    clact_status status = clact_activation_create_custom(&tilted, &tilted_custom, &a, 1);
    if (status == CLACT_OK)
        status = clact_custom_check(tilted, NULL, &report);
    for (int i = 0; i < 2 && status == CLACT_OK; i++) {
        clact_context *context = NULL;
        status = clact_open(&context, where[i]);
        if (status == CLACT_OK)
            status = clact_apply(context, tilted, 5, x, y[i]);
        if (status == CLACT_OK)
            status = clact_apply_gradient(context, tilted, 5, x, dy, dx[i]);
        clact_close(&context);
    }
    clact_activation_destroy(&tilted);
    if (status != CLACT_OK)
        return status;
    printf("derivative right at %llu points, not comparable at %llu\n", (unsigned long long)report.points,
           (unsigned long long)report.skipped);
    for (int i = 0; i < 5; i++)
        printf("%5g %13.9g %13.9g\n", x[i], y[0][i], dx[0][i]);
    int same = memcmp(y[0], y[1], sizeof y[0]) == 0 && memcmp(dx[0], dx[1], sizeof dx[0]) == 0;
    puts(same ? "the same bits on the CPU" : "other bits on the CPU");
    return CLACT_OK;
}

int main(void)
{
    if (run() == CLACT_OK)
        return 0;
    fprintf(stderr, "%s\n", clact_error());
    return 1;
}
