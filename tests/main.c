/* main.c: runs the suites, or a part of them, on the device that $CLACT_DEVICE names.
 *
 *   clact_tests [PART/PARTS]   1/2: the first suite, the third, ...
 *
 * Where $CLACT_TEST_COMMA is set, the user's locale must have a decimal comma. */
#include "suites.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By how long they take where a driver has everything to compile: the parts are about equal. */
static Suite *(*const suites[])(void) = {
    types_suite, gated_suite, rowwise_suite, gradients_suite, reduce_suite, bits_suite, custom_suite, golden_suite,
    noise_suite, special_suite, properties_suite, tensor_suite, threads_suite, tensorflow_suite, seeds_suite,
    activation_suite, memory_suite, several_suite, environment_suite, device_suite, interop_suite, large_suite, npy_suite,
    quantised_suite, cache_suite, pack_suite, kernels_suite,
#ifdef CLACT_TEST_NN
    nn_init_suite, matmul_suite, dense_suite, nn_interop_suite, nn_loss_suite, nn_optimizer_suite, nn_health_suite,
    nn_model_suite,
#endif
};

int main(int argc, char **argv)
{
    unsigned part = 1, parts = 1;
    if (argc > 1 && (sscanf(argv[1], "%u/%u", &part, &parts) != 2 || part < 1 || part > parts || parts > COUNT_OF(suites))) {
        fputs("usage: clact_tests [PART/PARTS]\n", stderr);
        return 2;
    }
    setenv("CLACT_CACHE_DIR", "disabled", 0); /* the user's is not for tests */
    setlocale(LC_ALL, ""); /* as programs do */
    if (getenv("CLACT_TEST_COMMA") && strcmp(localeconv()->decimal_point, ",") != 0) {
        fputs("the locale has no decimal comma\n", stderr);
        return 1;
    }
    const clact_caps *caps = test_caps();
    printf("device: %s (%s), CPU backend %s: %s\n", caps->device, caps->platform, caps->cpu, caps->reason);
    fflush(stdout);
    SRunner *runner = srunner_create(NULL);
    for (size_t i = part - 1; i < COUNT_OF(suites); i += parts)
        srunner_add_suite(runner, suites[i]());
    srunner_set_fork_status(runner, CK_NOFORK); /* a driver's threads do not survive a fork */
    srunner_run_all(runner, CK_NORMAL);
    /* $CK_RUN_SUITE may name none: nothing run is nothing shown. */
    int failed = srunner_ntests_failed(runner) + (srunner_ntests_run(runner) == 0);
    srunner_free(runner);
    close_contexts();
    return failed ? 1 : 0;
}
