/* test_golden.c: the results are those of golden.def, on the CPU backend's every instruction set or on the device. */
#include "measure.h"
#include "suites.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct golden {
    const char *name;
    clact_semantics semantics;
    direction direction;
    uint64_t sample, all;
    double ulp;
    float at;
    uint64_t text;
} rows[] = {
#define GOLDEN_NUMERICS(...)
#define GOLDEN(name, semantics, ...) {#name, CLACT_##semantics, __VA_ARGS__},
#include "golden.def"
#undef GOLDEN_NUMERICS
#undef GOLDEN
};

static const uint32_t numerics =
#define GOLDEN_NUMERICS(number) number
#define GOLDEN(...)
#include "golden.def"
    ;

#define MAX_PLACES 8

static struct place {
    const char *isa;
    runner runner;
} places[MAX_PLACES];
static int place_count;

static void add_place(const char *isa, clact_context *context, bool buffers)
{
    struct place *p = &places[place_count++];
    p->isa = isa;
    OK(runner_open(&p->runner, context, buffers));
}

/* Where to run: kernels of the device, if it is exact; or the CPU backend's loops, the same each time. */
static void find_places(void)
{
    static const char *const isas[] = {"baseline", "avx2", "avx512", "neon"};
    bool opencl = test_caps()->backend == CLACT_BACKEND_OPENCL;
    if (opencl && test_caps()->exact == CLACT_EXACT_ALL && !light())
        add_place("OpenCL", test_context(), true);
    for (size_t i = 0; !opencl && i < COUNT_OF(isas); i++) {
        clact_context *context;
        clact_options options = {.device = "cpu", .cpu = isas[i]};
        if (clact_open(&context, &options) == CLACT_OK)
            add_place(isas[i], context, false);
    }
}

static void leave_places(void)
{
    while (place_count > 0) {
        runner *r = &places[--place_count].runner;
        clact_context *context = r->context;
        runner_close(r);
        if (context != test_context())
            clact_close(&context);
    }
}

/* The sample of `clact check'. */
static uint64_t hash_of(runner *r, const struct golden *row)
{
    oracle o;
    strata s;
    measured found;
    const clact_activation_info *info = clact_activation_find(row->name);
    ck_assert_msg(info, "golden.def has %s, the library has not", row->name);
    oracle_make(&o, info, NULL, 0, CLACT_F32);
    strata_make(&s, CLACT_F32, o.p, info->parameter_count);
    clact_activation *a = with_semantics(row->name, row->semantics);
    measurement m = {.activation = a, .direction = row->direction, .checked = r, .strata = &s, .inputs = 1 << 20};
    OK(measure(&found, &m));
    clact_activation_destroy(&a);
    return found.hash;
}

START_TEST(results_are_golden)
{
    const struct golden *row = &rows[_i];
    for (int i = 0; i < place_count; i++) {
        uint64_t hash = hash_of(&places[i].runner, row);
        ck_assert_msg(hash == row->sample,
                      "%s %s on %s: the hash is %016" PRIx64 ", not %016" PRIx64 " as in tests/golden.def. If the bits are "
                      "meant to change: raise CLACT_NUMERICS in clact.h, name the row in CHANGELOG.md, and run "
                      "`ninja golden' in the build directory",
                      row->name, direction_names[row->direction], places[i].isa, hash, row->sample);
    }
}
END_TEST

static bool has_golden(const char *name, clact_semantics semantics, direction d)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, name) == 0 && rows[i].semantics == semantics && rows[i].direction == d)
            return true;
    return false;
}

START_TEST(every_row_is_golden)
{
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    ck_assert_msg(numerics == clact_version()->numerics, "golden.def is of CLACT_NUMERICS %u: run `ninja golden'", numerics);
    for (size_t i = 0; i < count; i++)
        for (int d = FORWARD; d <= DERIVATIVE && strcmp(list[i].kind, "elementwise") == 0; d++)
            for (uint32_t semantics = 0; semantics <= list[i].tensorflow; semantics++)
                ck_assert_msg(has_golden(list[i].name, semantics, d), "%s %s is not in tests/golden.def: run `ninja golden'",
                              list[i].name, direction_names[d]);
}
END_TEST

/* What golden.def says was measured is within what the list says is the bound. */
START_TEST(errors_are_within_bounds)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const clact_activation_info *info = clact_activation_find(rows[i].name);
        double bound = !info ? 0 : rows[i].direction == FORWARD ? info->ulp_forward : info->ulp_derivative;
        ck_assert_msg(isnan(rows[i].ulp) || rows[i].ulp <= bound, "%s %s: %g ulp at %a, more than %g", rows[i].name,
                      direction_names[rows[i].direction], rows[i].ulp, rows[i].at, bound);
    }
}
END_TEST

Suite *golden_suite(void)
{
    Suite *s = suite_create("golden");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, every_row_is_golden);
    tcase_add_test(t, errors_are_within_bounds);
    tcase_add_unchecked_fixture(t, find_places, leave_places);
    tcase_add_loop_test(t, results_are_golden, 0, COUNT_OF(rows));
    suite_add_tcase(s, t);
    return s;
}
