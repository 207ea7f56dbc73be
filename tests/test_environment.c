/* test_environment.c: the caller's floating-point environment changes no bit, and is left as it was. */
#include "suites.h"

#include <fenv.h>
#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define N 20000
#define FEW 2000 /* which the short forms take a way of their own */

static float x[N], dy[N], expected[N], got[N];

static clact_context *cpu(void)
{
    static clact_context *context;
    if (!context)
        context = cpu_context(NULL, 3);
    return context;
}

/* Runs every row with the environment that enter() sets, and checks that it is kept. */
static void every_row(void (*enter)(void), bool (*kept)(void))
{
    size_t count;
    const clact_activation_info *list = elementwise_list(&count);
    fill_strata(x, N, 6);
    fill_strata(dy, N, 7);
    for (size_t i = 0; i < 2 * count; i++) {
        const char *name = list[i / 2].name;
        const size_t n = i % 2 ? N : FEW;
        for (int backward = 0; backward < 2; backward++) {
            for (int k = 0; k < 2; k++) {
                clact_activation *f = NULL;
                fenv_t saved;
                fegetenv(&saved);
                float *out = k ? got : expected;
                if (k)
                    enter();
                clact_status status = clact_activation_named(&f, name, NULL, 0); /* rounds its parameters */
                if (status == CLACT_OK)
                    status = backward ? clact_apply_gradient(cpu(), f, n, x, dy, out)
                                      : clact_apply(cpu(), f, n, x, out);
                bool same = !k || kept();
                fesetenv(&saved);
                ck_assert(status == CLACT_OK && same);
                clact_activation_destroy(&f);
            }
            ck_assert_msg(memcmp(expected, got, n * sizeof *got) == 0, "%s %s", name,
                          backward ? "backward" : "forward");
        }
    }
}

static void toward_zero(void) { fesetround(FE_TOWARDZERO); }
static bool still_toward_zero(void) { return fegetround() == FE_TOWARDZERO; }
static void upward(void) { fesetround(FE_UPWARD); }
static bool still_upward(void) { return fegetround() == FE_UPWARD; }

START_TEST(rounding_modes)
{
    every_row(toward_zero, still_toward_zero);
    every_row(upward, still_upward);
}
END_TEST

/* The probe's reference is the CPU's in its own environment, not in the caller's. */
START_TEST(the_probe_is_not_misled)
{
    clact_context *context;
    clact_caps caps;
    OK(clact_open(&context, NULL));
    fesetround(FE_TOWARDZERO);
    clact_status status = clact_context_caps(context, &caps);
    fesetround(FE_TONEAREST);
    ck_assert_int_eq(status, CLACT_OK);
    ck_assert_uint_eq(caps.exact, test_caps()->exact);
    clact_close(&context);
}
END_TEST

static void clear_flags(void) { feclearexcept(FE_ALL_EXCEPT); }
static bool no_flags(void) { return fetestexcept(FE_ALL_EXCEPT) == 0; }
static void raise_overflow(void) { feclearexcept(FE_ALL_EXCEPT); feraiseexcept(FE_OVERFLOW); }
static bool only_overflow(void) { return fetestexcept(FE_ALL_EXCEPT & ~FE_INEXACT) == FE_OVERFLOW; }

START_TEST(exception_flags)
{
    every_row(clear_flags, no_flags);
    every_row(raise_overflow, only_overflow);
}
END_TEST

#ifdef __SSE2__
static void flush_to_zero(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
static bool still_flushing(void) { return (_mm_getcsr() & 0x8040) == 0x8040; }

START_TEST(flush_to_zero_and_denormals_are_zero)
{
    every_row(flush_to_zero, still_flushing);
}
END_TEST

static void trap(void) { _mm_setcsr(_mm_getcsr() & ~0x1d3fu); } /* all but inexact would raise SIGFPE */
static bool still_trapping(void) { return (_mm_getcsr() & 0x1d00) == 0; }

START_TEST(exceptions_do_not_trap)
{
    every_row(trap, still_trapping);
}
END_TEST
#endif

Suite *environment_suite(void)
{
    Suite *s = suite_create("environment");
    TCase *t = tcase_create("environment");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, rounding_modes);
    tcase_add_test(t, exception_flags);
    tcase_add_test(t, the_probe_is_not_misled);
#ifdef __SSE2__
    tcase_add_test(t, flush_to_zero_and_denormals_are_zero);
    tcase_add_test(t, exceptions_do_not_trap);
#endif
    suite_add_tcase(s, t);
    return s;
}
