/* test_cache.c: programs kept between runs: whatever has happened to them, results are right and no call fails. */
#include "suites.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N 100

static float x[N], expected[N];

/* ---- Contexts ------------------------------------------------------------------------------- */

static unsigned warnings;
static char last_warning[600];

static void count_warning(void *data, int level, const char *message)
{
    (void)data;
    if (level != CLACT_LOG_WARNING)
        return;
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", message);
}

static bool has_device(void)
{
    return test_caps()->backend == CLACT_BACKEND_OPENCL;
}

/* An activation through the device's kernels, and on the CPU backend, to compare with. */
static void use_of(const clact_options *options, const char *name)
{
    clact_context *c, *cpu = cpu_context(NULL, 1);
    clact_activation *a = named(name);
    float y[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) * 0.1f;
    OK(clact_apply(cpu, a, N, x, expected));
    clact_close(&cpu);
    OK(clact_open(&c, options));
    run_array(c, a, CLACT_F32, N, x, NULL, y);
    clact_close(&c);
    ck_assert_mem_eq(y, expected, sizeof y);
    clact_activation_destroy(&a);
}

static void use(const clact_options *options)
{
    use_of(options, "elu");
}

/* ---- Kept by the caller --------------------------------------------------------------------- */

#define MOST_KEPT 64

static struct {
    char name[40];
    unsigned char *bytes;
    size_t length;
} kept[MOST_KEPT];
static size_t kept_count;
static unsigned loads, hits, stores;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t find_kept(const char *name)
{
    size_t i = 0;
    while (i < kept_count && strcmp(kept[i].name, name) != 0)
        i++;
    return i;
}

static size_t load(void *data, const char *name, void *entry, size_t capacity)
{
    pthread_mutex_lock(&kept_lock);
    size_t i = find_kept(name), length = i < kept_count ? kept[i].length : 0;
    ck_assert(data == &kept && strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32);
    loads += capacity == 0;
    hits += capacity > 0;
    if (length && capacity)
        memcpy(entry, kept[i].bytes, length < capacity ? length : capacity);
    pthread_mutex_unlock(&kept_lock);
    return length;
}

static void store(void *data, const char *name, const void *entry, size_t length)
{
    pthread_mutex_lock(&kept_lock);
    size_t i = find_kept(name);
    ck_assert(data == &kept && length > 0 && i < MOST_KEPT);
    kept_count += i == kept_count;
    snprintf(kept[i].name, sizeof kept[i].name, "%s", name);
    free(kept[i].bytes);
    kept[i].bytes = malloc(length);
    kept[i].length = length;
    memcpy(kept[i].bytes, entry, length);
    stores++;
    pthread_mutex_unlock(&kept_lock);
}

static const clact_options by_caller = {
    .cache_load = load, .cache_store = store, .cache_data = &kept, .log = count_warning,
};

static void forget(void)
{
    for (size_t i = 0; i < kept_count; i++) {
        free(kept[i].bytes);
        kept[i].bytes = NULL;
    }
    kept_count = loads = hits = stores = warnings = 0;
}

START_TEST(options_are_checked)
{
    clact_context *c;
    clact_options o = {.device = "cpu", .cache_load = load};
    REFUSED(clact_open(&c, &o), CLACT_E_ARGUMENT, "go together");
    o.cache_store = store;
    o.cache = "/tmp";
    REFUSED(clact_open(&c, &o), CLACT_E_ARGUMENT, "cache must be NULL");
    o = (clact_options){.device = "cpu", .pack_or_cpu = 2};
    REFUSED(clact_open(&c, &o), CLACT_E_ARGUMENT, "pack_or_cpu");
    o = (clact_options){.device = "cpu", .reserved = {1}};
    REFUSED(clact_open(&c, &o), CLACT_E_ARGUMENT, "reserved");
}
END_TEST

START_TEST(what_is_stored_is_loaded)
{
    if (!has_device())
        return;
    forget();
    use(&by_caller);
    ck_assert(loads == 1 && hits == 0 && stores == 1 && kept_count == 1);
    use(&by_caller);
    ck_assert(loads == 2 && hits == 1 && stores == 1 && warnings == 0);
    use_of(&by_caller, "relu"); /* another program has another name */
    ck_assert(loads == 3 && hits == 1 && stores == 2 && kept_count == 2);
}
END_TEST

START_TEST(the_verdict_is_kept)
{
    if (!has_device())
        return;
    forget();
    for (int i = 0; i < 2; i++) {
        clact_context *c;
        clact_caps caps;
        OK(clact_open(&c, &by_caller));
        OK(clact_context_caps(c, &caps));
        clact_close(&c);
        ck_assert_uint_eq(caps.exact, test_caps()->exact);
        ck_assert_uint_eq(caps.keeps_subnormals, test_caps()->keeps_subnormals);
        ck_assert_uint_eq(caps.rounds_to_nearest, test_caps()->rounds_to_nearest);
        ck_assert_str_eq(caps.reason, test_caps()->reason);
    }
    ck_assert(loads == 2 && hits == 1 && stores == 1);
}
END_TEST

/* The driver must not see a damaged byte: it would end the process. */
START_TEST(damage_is_seen)
{
    if (!has_device())
        return;
    forget();
    use(&by_caller);
    ck_assert_uint_eq(kept_count, 1);
    const size_t steps = light() ? 6 : 16;
    unsigned before = stores;
    for (size_t i = 0; i < 2 * steps; i++) {
        const size_t length = kept[0].length; /* of what it was replaced by */
        size_t place = i < steps / 2 ? i * 8 % 48 : length / steps * (i % steps) + i;
        if (i < steps)
            kept[0].bytes[place % length] ^= 1u << i % 8;
        else
            kept[0].length = place % length + 1 < length ? place % length + 1 : 1;
        use(&by_caller);
        ck_assert_uint_eq(stores, ++before);
    }
    ck_assert_uint_eq(warnings, 2 * steps);
    use(&by_caller);
    ck_assert_uint_eq(stores, before);
}
END_TEST

START_TEST(an_entry_of_another_key_is_not_used)
{
    if (!has_device())
        return;
    clact_context *c;
    clact_caps caps;
    forget();
    use(&by_caller);
    OK(clact_open(&c, &by_caller));
    OK(clact_context_caps(c, &caps));
    clact_close(&c);
    ck_assert_uint_eq(kept_count, 2);
    char name[40];
    memcpy(name, kept[0].name, sizeof name);
    memcpy(kept[0].name, kept[1].name, sizeof name);
    memcpy(kept[1].name, name, sizeof name);
    use(&by_caller);
    ck_assert(stores == 3 && warnings == 1 && strstr(last_warning, "another key"));
}
END_TEST

/* ---- Threads -------------------------------------------------------------------------------- */

#define THREADS 6

static clact_context *shared;

static void *apply_two(void *argument)
{
    clact_activation *own = named((size_t)argument % 2 ? "relu" : "elu"), *same = named("elu");
    float y[N];
    run_array(shared, own, CLACT_F32, N, x, NULL, y);
    run_array(shared, same, CLACT_F32, N, x, NULL, y);
    ck_assert_mem_eq(y, expected, sizeof y);
    clact_activation_destroy(&own);
    clact_activation_destroy(&same);
    return NULL;
}

START_TEST(threads_build_a_program_once)
{
    if (!has_device() || strstr(test_caps()->platform, "Oclgrind")) /* which must not be called from two threads */
        return;
    pthread_t threads[THREADS];
    forget();
    use(&(clact_options){.cache = "disabled"});
    OK(clact_open(&shared, &by_caller));
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, apply_two, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    clact_close(&shared);
    ck_assert(loads == 2 && stores == 2);
}
END_TEST

/* ---- In a folder ---------------------------------------------------------------------------- */

static char top[64], folder[80];

static int remove_one(const char *path, const struct stat *info, int what, struct FTW *where)
{
    (void)info, (void)what, (void)where;
    return remove(path);
}

static void setup(void)
{
    snprintf(top, sizeof top, "/tmp/clact-cache-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(folder, sizeof folder, "%s/cache", top);
    warnings = 0;
}

static void teardown(void)
{
    nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static clact_options in_folder(void)
{
    return (clact_options){.cache = folder, .log = count_warning};
}

static clact_cache_info show(void)
{
    clact_cache_info info;
    OK(clact_cache_show(&info, folder));
    return info;
}

/* The path of its one entry. */
static void entry_path(char *path, size_t size)
{
    DIR *d = opendir(folder);
    path[0] = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".clact"))
            snprintf(path, size, "%s/%.60s", folder, e->d_name);
    ck_assert(d && path[0]);
    closedir(d);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, length, f) == length && fclose(f) == 0);
}

static unsigned char *read_file(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    static unsigned char bytes[4 << 20];
    ck_assert_ptr_nonnull(f);
    *length = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return bytes;
}

START_TEST(the_folder_is_made_and_filled)
{
    struct stat info;
    if (!has_device())
        return;
    clact_options o = in_folder();
    ck_assert(show().usable && show().entries == 0);
    use(&o);
    ck_assert(stat(folder, &info) == 0 && (info.st_mode & 07777) == 0700);
    clact_cache_info after = show();
    ck_assert(after.usable && after.entries == 1 && after.bytes > 100 && after.limit > after.bytes && !after.reason[0]);
    ck_assert_str_eq(after.directory, folder);
    use(&o);
    ck_assert(show().entries == 1 && warnings == 0);
    uint64_t checked, removed;
    OK(clact_cache_verify(folder, &checked, &removed));
    ck_assert(checked == 1 && removed == 0);
    OK(clact_cache_clear(folder, &removed));
    ck_assert(removed == 1 && show().entries == 0);
}
END_TEST

/* Opens with a folder that must not be used: everything is right, and the log says why. */
static void refused_folder(const char *why)
{
    clact_options o = in_folder();
    warnings = 0;
    if (has_device()) {
        use(&o);
        ck_assert_uint_eq(warnings, 1);
        ck_assert_msg(strstr(last_warning, why), "%s", last_warning);
    }
    clact_cache_info info = show();
    ck_assert_msg(!info.usable && strstr(info.reason, why), "%s", info.reason);
    REFUSED(clact_cache_clear(folder, NULL), CLACT_E_UNSUPPORTED, why);
    REFUSED(clact_cache_verify(folder, NULL, NULL), CLACT_E_UNSUPPORTED, why);
}

START_TEST(folders_of_others_are_not_used)
{
    static const int modes[] = {0777, 0770, 0702};
    char other[100], entry[200];
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        ck_assert(mkdir(folder, 0700) == 0 && chmod(folder, (mode_t)modes[i]) == 0);
        refused_folder("can be written by others");
        snprintf(entry, sizeof entry, "%s/none", folder);
        ck_assert(rmdir(folder) == 0); /* nothing was put there */
    }
    snprintf(other, sizeof other, "%s/other", top);
    ck_assert(mkdir(other, 0700) == 0 && symlink(other, folder) == 0);
    refused_folder("symbolic link");
    ck_assert(unlink(folder) == 0 && rmdir(other) == 0);
    write_file(folder, "", 0);
    refused_folder("Not a directory");
    ck_assert(unlink(folder) == 0);
    if (geteuid() != 0)
        return;
    ck_assert(mkdir(folder, 0700) == 0 && chown(folder, 12345, 12345) == 0);
    refused_folder("belongs to another user");
}
END_TEST

START_TEST(places_that_are_none)
{
    clact_cache_info info;
    OK(clact_cache_show(&info, "disabled"));
    ck_assert(!info.usable && strstr(info.reason, "disabled") && !info.directory[0]);
    OK(clact_cache_show(&info, "relative/path"));
    ck_assert(!info.usable && strstr(info.reason, "absolute"));
    REFUSED(clact_cache_show(NULL, NULL), CLACT_E_ARGUMENT, "NULL");
    REFUSED(clact_cache_clear("disabled", NULL), CLACT_E_UNSUPPORTED, "off");
    if (has_device())
        use(&(clact_options){.cache = "disabled"});
}
END_TEST

/* What stands in the place of an entry is replaced by it, or left where it cannot be. */
START_TEST(bad_entries_are_replaced)
{
    if (!has_device())
        return;
    char path[200], other[100];
    size_t length;
    clact_options o = in_folder();
    uint64_t removed;
    use(&o);
    entry_path(path, sizeof path);
    unsigned char *good = read_file(path, &length);
    snprintf(other, sizeof other, "%s/other", top);
    write_file(other, good, length);
    for (int way = 0; way < 5; way++) {
        ck_assert(way == 0 || unlink(path) == 0);
        if (way == 0)
            write_file(path, good, length / 2);
        else if (way == 1)
            write_file(path, "", 0);
        else if (way == 2)
            ck_assert(symlink(other, path) == 0); /* to a good one: still not ours */
        else if (way == 3)
            ck_assert(symlink("/no/such/file", path) == 0);
        else
            ck_assert(mkfifo(path, 0600) == 0); /* reading it would wait */
        warnings = 0;
        use(&o);
        ck_assert_uint_eq(warnings, 1);
        struct stat info;
        ck_assert(lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0);
        OK(clact_cache_verify(folder, NULL, &removed));
        ck_assert_uint_eq(removed, 0);
    }
    ck_assert(unlink(path) == 0 && mkdir(path, 0700) == 0);
    use(&o);
    use(&o);
    ck_assert(rmdir(path) == 0);
}
END_TEST

/* Every byte of header and key, and of the rest by samples, without a driver. */
START_TEST(verify_finds_every_damage)
{
    if (!has_device())
        return;
    char path[200];
    size_t length;
    uint64_t removed;
    clact_options o = in_folder();
    use(&o);
    entry_path(path, sizeof path);
    unsigned char *bytes = read_file(path, &length);
    for (size_t i = 0; i < length; i += i < 1500 ? 1 : length / 300 + 1) {
        bytes[i] ^= 1u << i % 8;
        write_file(path, bytes, length);
        bytes[i] ^= 1u << i % 8;
        OK(clact_cache_verify(folder, NULL, &removed));
        ck_assert_msg(removed == 1, "a changed byte %zu of %zu", i, length);
        write_file(path, bytes, i);
        OK(clact_cache_verify(folder, NULL, &removed));
        ck_assert_msg(removed == 1, "cut to %zu of %zu", i, length);
    }
    write_file(path, bytes, length);
    OK(clact_cache_verify(folder, NULL, &removed));
    ck_assert_uint_eq(removed, 0);
    char *last = path + strlen(path) - strlen(".clact") - 1; /* the last digit of its name */
    *last = *last == '0' ? '1' : '0';
    write_file(path, bytes, length);
    OK(clact_cache_verify(folder, NULL, &removed));
    ck_assert_uint_eq(removed, 1);
}
END_TEST

START_TEST(the_oldest_goes_first_and_only_ours)
{
    if (!has_device())
        return;
    char path[200];
    clact_options o = in_folder();
    static const char *const files[] = {
        "00000000000000000000000000000000.clact", "11111111111111111111111111111111.clact",
        "22222222222222222222222222222222.clact.0123456789abcdef.new", "33333333333333333333333333333333.txt", "notes",
    };
    ck_assert(mkdir(folder, 0700) == 0);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        write_file(path, "", 0);
        ck_assert(truncate(path, i < 2 ? 150 << 20 : 10) == 0); /* two that are too much together */
        struct timespec times[2] = {{.tv_sec = 1000000 + (time_t)i}, {.tv_sec = 1000000 + (time_t)i}};
        ck_assert(utimensat(AT_FDCWD, path, times, 0) == 0);
    }
    use(&o);
    static const bool stays[] = {false, true, false, true, true};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        ck_assert_msg((access(path, F_OK) == 0) == stays[i], "%s", files[i]);
    }
    OK(clact_cache_clear(folder, NULL));
    snprintf(path, sizeof path, "%s/notes", folder);
    ck_assert(access(path, F_OK) == 0 && show().entries == 0);
}
END_TEST

/* ---- Made ready ahead ----------------------------------------------------------------------- */

START_TEST(warmup_leaves_nothing_to_build)
{
    clact_context *c;
    clact_activation *list[] = {named("relu"), named("sigmoid"), named("prelu"), named("softmax"), named("swiglu")};
    clact_kernels kernels[COUNT_OF(list)] = {{0}};
    float y[N];
    forget();
    OK(clact_open(&c, &by_caller));
    for (size_t i = 0; i < COUNT_OF(list); i++)
        kernels[i].activation = list[i];
    OK(clact_warmup(c, kernels, light() ? 2 : COUNT_OF(list)));
    const clact_quantization q = {.x_scale = 1, .y_scale = 1, .x_type = CLACT_U8, .y_type = CLACT_I8};
    clact_activation *quantised;
    OK(clact_activation_create(&quantised, &(clact_activation_desc){.name = "relu", .quantization = &q}));
    OK(clact_warmup(c, NULL, 0));
    ck_assert_uint_eq(stores, has_device());
    OK(clact_warmup(c, &(clact_kernels){.activation = quantised, .calls = CLACT_CALLS_ALL}, 1));
    ck_assert_uint_eq(stores, has_device() ? 2 : 0);
    clact_activation_destroy(&quantised);
    unsigned before = loads;
    for (size_t i = 0; i < 3 && (!light() || i < 2); i++) {
        run_array(c, list[i], CLACT_F32, N, x, NULL, y);
        run_array(c, list[i], CLACT_F32, N, x, x, y);
    }
    ck_assert_uint_eq(loads, before);
    kernels[0].reserved[1] = 1;
    REFUSED(clact_warmup(c, kernels, 1), CLACT_E_ARGUMENT, "reserved");
    kernels[0] = (clact_kernels){.activation = list[0], .types = 1u << CLACT_U8};
    REFUSED(clact_warmup(c, kernels, 1), CLACT_E_ARGUMENT, "types");
    kernels[0] = (clact_kernels){.activation = list[0], .calls = 128};
    REFUSED(clact_warmup(c, kernels, 1), CLACT_E_ARGUMENT, "calls");
    kernels[0] = (clact_kernels){0};
    REFUSED(clact_warmup(c, kernels, 1), CLACT_E_ARGUMENT, "no activation");
    REFUSED(clact_warmup(NULL, NULL, 0), CLACT_E_ARGUMENT, "NULL");
    clact_close(&c);
    for (size_t i = 0; i < COUNT_OF(list); i++)
        clact_activation_destroy(&list[i]);
}
END_TEST

/* Nothing is looked for once more by calls with a tensor, a gradient, what outputs hold, or a mask. */
START_TEST(warmup_makes_every_form_ready)
{
    enum { ROWS = 3, LENGTH = 5, COUNT = ROWS * LENGTH };
    clact_context *c;
    clact_activation *prelu = named("prelu"), *softmax = named("softmax");
    const uint32_t calls = CLACT_CALLS_DENSE | CLACT_CALLS_ACCUMULATE | CLACT_CALLS_TENSOR | CLACT_CALLS_GRADIENT;
    const clact_kernels kernels[] = {
        {.activation = prelu, .types = 1u << CLACT_F32, .calls = calls},
        {.activation = softmax, .types = 1u << CLACT_F32, .calls = CLACT_CALLS_DENSE | CLACT_CALLS_MASK},
    };
    float in[COUNT] = {-1, 2, -3, 4}, out[COUNT] = {0}, slope[LENGTH] = {0.5f, 1, 2, 3, 4}, sums[LENGTH] = {0};
    const uint8_t mask[COUNT] = {1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1};
    clact_operand ox = clact_array(CLACT_F32, in, ROWS), oy = clact_array(CLACT_F32, out, ROWS);
    clact_operand os = clact_array(CLACT_F32, slope, LENGTH), og = clact_array(CLACT_F32, sums, LENGTH);
    clact_operand om = clact_array(CLACT_U8, mask, ROWS);
    ox.tensor.rank = oy.tensor.rank = om.tensor.rank = 2;
    ox.tensor.dims[1] = oy.tensor.dims[1] = om.tensor.dims[1] = LENGTH;
    const clact_parameter_tensor tensor = {"slope", &os};
    clact_parameter_gradient gradient = {.name = "slope", .value = &og};
    forget();
    OK(clact_open(&c, &by_caller));
    OK(clact_warmup(c, kernels, 2));
    const unsigned before = loads;
    OK(clact_forward(c, prelu, &(clact_forward_args){.x = &ox, .y = &oy, .parameters = &tensor, .parameter_count = 1}));
    ck_assert(out[0] == -0.5f && out[1] == 2 && out[2] == -6 && out[3] == 4);
    clact_backward_args args = {.x = &ox, .dy = &ox, .dx = &oy, .parameters = &tensor, .parameter_count = 1,
                                .gradients = &gradient, .gradient_count = 1};
    OK(clact_backward(c, prelu, &args));
    ck_assert(sums[0] == 1 && sums[1] == 0 && sums[2] == 9 && out[2] == -6);
    args.dx_beta = gradient.beta = 1;
    OK(clact_backward(c, prelu, &args));
    ck_assert(sums[0] == 2 && sums[2] == 18 && out[2] == -12);
    OK(clact_forward(c, softmax, &(clact_forward_args){.x = &ox, .y = &oy, .mask = &om}));
    ck_assert(out[2] == 0 && out[10] == 0.5f && out[14] == 0.5f);
    ck_assert_uint_eq(loads, before);
    clact_close(&c);
    clact_activation_destroy(&prelu), clact_activation_destroy(&softmax);
}
END_TEST

Suite *cache_suite(void)
{
    Suite *suite = suite_create("cache");
    TCase *caller = tcase_create("kept by the caller"), *disk = tcase_create("in a folder");
    tcase_set_timeout(caller, 600);
    tcase_set_timeout(disk, 600);
    tcase_add_test(caller, options_are_checked);
    tcase_add_test(caller, what_is_stored_is_loaded);
    tcase_add_test(caller, the_verdict_is_kept);
    tcase_add_test(caller, damage_is_seen);
    tcase_add_test(caller, an_entry_of_another_key_is_not_used);
    tcase_add_test(caller, threads_build_a_program_once);
    tcase_add_test(caller, warmup_leaves_nothing_to_build);
    tcase_add_test(caller, warmup_makes_every_form_ready);
    tcase_add_checked_fixture(disk, setup, teardown);
    tcase_add_test(disk, the_folder_is_made_and_filled);
    tcase_add_test(disk, folders_of_others_are_not_used);
    tcase_add_test(disk, places_that_are_none);
    tcase_add_test(disk, bad_entries_are_replaced);
    tcase_add_test(disk, verify_finds_every_damage);
    tcase_add_test(disk, the_oldest_goes_first_and_only_ours);
    suite_add_tcase(suite, caller);
    suite_add_tcase(suite, disk);
    return suite;
}
