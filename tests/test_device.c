/* test_device.c: devices are listed, chosen, described and refused as the header says. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

START_TEST(list_ends_with_the_cpu_backend)
{
    clact_device_info list[32];
    char reason[256];
    size_t count, again;
    OK(clact_device_list(list, 32, &count, NULL, reason));
    ck_assert(count >= 1 && count <= 32);
    ck_assert_uint_eq(list[count - 1].backend, CLACT_BACKEND_CPU);
    ck_assert_int_eq(count == 1, reason[0] != 0);
    for (size_t i = 0; i + 1 < count; i++)
        ck_assert(list[i].backend == CLACT_BACKEND_OPENCL && list[i].device[0] && list[i].platform[0]);
    OK(clact_device_list(NULL, 0, &again, NULL, NULL));
    ck_assert_uint_eq(again, count);
    REFUSED(clact_device_list(NULL, 1, &again, NULL, NULL), CLACT_E_ARGUMENT, "must not be NULL");
}
END_TEST

START_TEST(caps_describe_the_context)
{
    clact_caps caps;
    OK(clact_context_caps(test_context(), &caps));
    ck_assert(caps.backend == CLACT_BACKEND_CPU || caps.backend == CLACT_BACKEND_OPENCL);
    ck_assert(caps.device[0] && caps.platform[0] && caps.driver[0] && caps.cpu[0] && caps.reason[0]);
    ck_assert_uint_ne(caps.exact, CLACT_EXACT_UNKNOWN);
    ck_assert(caps.rounds_to_nearest && caps.threads >= 1 && caps.compute_units >= 1);
    ck_assert_uint_eq(caps.types & 7u, 7u);
    REFUSED(clact_context_caps(NULL, &caps), CLACT_E_ARGUMENT, "must not be NULL");
    REFUSED(clact_context_caps(test_context(), NULL), CLACT_E_ARGUMENT, "must not be NULL");
}
END_TEST

static clact_status open_as(const char *device, const char *library, const char *cpu, clact_caps *caps)
{
    clact_context *context;
    clact_options options = {.device = device, .opencl_library = library, .cpu = cpu};
    clact_status status = clact_open(&context, &options);
    if (status == CLACT_OK) {
        status = clact_context_caps(context, caps);
        clact_close(&context);
    }
    return status;
}

START_TEST(choice_by_name)
{
    clact_caps caps;
    clact_device_info list[32];
    size_t count;
    OK(clact_device_list(list, 32, &count, NULL, NULL));
    OK(open_as("cpu", NULL, NULL, &caps));
    ck_assert_uint_eq(caps.backend, CLACT_BACKEND_CPU);
    OK(open_as("auto", NULL, NULL, &caps));
    ck_assert_uint_eq(caps.backend, count > 1 ? CLACT_BACKEND_OPENCL : CLACT_BACKEND_CPU);
    REFUSED(open_as("no such device", NULL, NULL, &caps), CLACT_E_NO_DEVICE, "there is no OpenCL device 'no such device'");
    REFUSED(open_as("9:9", NULL, NULL, &caps), CLACT_E_NO_DEVICE, "'9:9'");
    if (count == 1) {
        REFUSED(open_as("opencl", NULL, NULL, &caps), CLACT_E_NO_DEVICE, "there is no OpenCL device");
        return;
    }
    char number[32], part[8];
    snprintf(number, sizeof number, "%u:%u", list[0].platform_index, list[0].device_index);
    OK(open_as(number, NULL, NULL, &caps));
    ck_assert_str_eq(caps.device, list[0].device);
    snprintf(part, sizeof part, "%.6s", list[0].platform);
    OK(open_as(part, NULL, NULL, &caps));
    ck_assert_str_eq(caps.platform, list[0].platform);
    ck_assert_uint_eq(caps.host_backend, list[0].kind == CLACT_DEVICE_CPU ? CLACT_BACKEND_CPU : CLACT_BACKEND_OPENCL);
    OK(open_as("opencl", NULL, NULL, &caps));
    ck_assert_uint_eq(caps.host_backend, CLACT_BACKEND_OPENCL);
}
END_TEST

START_TEST(no_loader)
{
    clact_caps caps;
    OK(open_as("auto", "disabled", NULL, &caps));
    ck_assert_uint_eq(caps.backend, CLACT_BACKEND_CPU);
    ck_assert_ptr_nonnull(strstr(caps.reason, "OpenCL"));
    OK(open_as("auto", "/no/such/library.so", NULL, &caps));
    ck_assert_uint_eq(caps.backend, CLACT_BACKEND_CPU);
    REFUSED(open_as("gpu", "disabled", NULL, &caps), CLACT_E_NO_DEVICE, "'gpu'");
}
END_TEST

START_TEST(options_that_are_refused)
{
    clact_caps caps;
    clact_context *context = NULL;
    REFUSED(open_as("cpu", NULL, "mmx", &caps), CLACT_E_NAME, "'mmx' is not an instruction set of this build, which has ");
    OK(open_as("cpu", NULL, "baseline", &caps));
    ck_assert_str_eq(caps.cpu, "baseline");
    clact_options options = {.device = "cpu", .reserved = {0, 5}};
    REFUSED(clact_open(&context, &options), CLACT_E_ARGUMENT, "reserved");
    options = (clact_options){.device = "cpu", .require_exact = 3};
    REFUSED(clact_open(&context, &options), CLACT_E_ARGUMENT, "require_exact");
    REFUSED(clact_open(NULL, NULL), CLACT_E_ARGUMENT, "out must not be NULL");
    ck_assert_ptr_null(context);
    clact_close(&context);
    clact_close(NULL);
}
END_TEST

START_TEST(exactness_may_be_required)
{
    clact_context *context = NULL;
    clact_options options = {.require_exact = CLACT_EXACT_NORMAL};
    OK(clact_open(&context, &options));
    clact_close(&context);
    options.require_exact = CLACT_EXACT_ALL;
    if (test_caps()->exact == CLACT_EXACT_ALL) {
        OK(clact_open(&context, &options));
        clact_close(&context);
    } else {
        REFUSED(clact_open(&context, &options), CLACT_E_INEXACT, "does not give the bits asked for");
    }
}
END_TEST

static void keep_message(void *data, int level, const char *message)
{
    (void)level;
    snprintf(data, 256, "%s", message);
}

START_TEST(the_log_is_called)
{
    char message[256] = "";
    clact_context *context;
    clact_options options = {.device = "cpu", .log = keep_message, .log_data = message};
    OK(clact_open(&context, &options));
    ck_assert_ptr_nonnull(strstr(message, "the CPU backend was asked for"));
    clact_close(&context);
}
END_TEST

Suite *device_suite(void)
{
    Suite *s = suite_create("device");
    TCase *t = tcase_create("device");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, list_ends_with_the_cpu_backend);
    tcase_add_test(t, caps_describe_the_context);
    tcase_add_test(t, choice_by_name);
    tcase_add_test(t, no_loader);
    tcase_add_test(t, options_that_are_refused);
    tcase_add_test(t, exactness_may_be_required);
    tcase_add_test(t, the_log_is_called);
    suite_add_tcase(s, t);
    return s;
}
