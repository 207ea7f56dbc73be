/* main.c: runs the suites on the device that $CLACT_DEVICE names. */
#include "suites.h"

#include <stdio.h>

int main(void)
{
    const clact_caps *caps = test_caps();
    printf("device: %s (%s), CPU backend %s: %s\n", caps->device, caps->platform, caps->cpu, caps->reason);
    fflush(stdout);
    SRunner *runner = srunner_create(activation_suite());
    Suite *(*const suites[])(void) = {
        seeds_suite, tensorflow_suite, special_suite, properties_suite, golden_suite, bits_suite, types_suite,
        tensor_suite,
        environment_suite, threads_suite, device_suite, interop_suite, npy_suite,
        gradients_suite, noise_suite, custom_suite, gated_suite, reduce_suite, rowwise_suite,
    };
    for (size_t i = 0; i < COUNT_OF(suites); i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_fork_status(runner, CK_NOFORK); /* a driver's threads do not survive a fork */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    clact_context *context = test_context();
    clact_close(&context);
    return failed ? 1 : 0;
}
