/* peers.c: activations by clact and by other libraries, in turn with them, in one process and on the same memory.
 *
 *   bench_peers [NAME ...] [--size=N,...] [--threads=N,...] [--direction=forward|gradient] [--row=N]
 *               [--rounds=N] [--json]
 *
 * Before it is measured, what a library computes is compared with clact's results. The time is the median of rounds. */
#include "../src/cli/machine.h"
#include "../src/cli/report.h"
#include "../src/cli/size.h"
#include "../src/cli/timing.h"
#include "peers.h"

#include <argp.h>
#include <clact/clact.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PEER(name) &peer_##name,
static const peer *const peers[] = {PEER(clact) PEERS};
#undef PEER
enum { PEER_COUNT = sizeof peers / sizeof *peers, OWN = 0 /* clact is the first of them */ };

/* ---- Options -------------------------------------------------------------------------------- */

enum { MOST_NAMES = 128, MOST_SIZES = 32, MOST_ROUNDS = 1001 };
#define ROUND_SECONDS 1e-3

typedef struct options {
    const char *names[MOST_NAMES];
    size_t name_count;
    size_t sizes[MOST_SIZES], threads[MOST_SIZES];
    size_t size_count, thread_count;
    bool directions[2]; /* forward, gradient */
    size_t row; /* elements, of softmax */
    size_t rounds;
    bool json;
} options;

enum { KEY_SIZE = 0x200, KEY_THREADS, KEY_DIRECTION, KEY_ROW, KEY_ROUNDS, KEY_JSON };

static const struct argp_option options_table[] = {
    {"size", KEY_SIZE, "N[,N...]", 0, "Numbers of elements (default 64,4Ki,64Ki,256Ki,16Mi)", 0},
    {"threads", KEY_THREADS, "N[,N...]", 0, "Numbers of threads (default 1,2)", 0},
    {"direction", KEY_DIRECTION, "forward|gradient", 0, "One direction alone", 0},
    {"row", KEY_ROW, "N", 0, "Elements of a row of softmax (default 1024); one row where it does not divide the number", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds of which the median is taken (default 21)", 0},
    {"json", KEY_JSON, NULL, 0, "Print a JSON document", 0},
    {0},
};

static bool is_rowwise(const clact_activation_info *info)
{
    return strcmp(info->kind, "rowwise") == 0;
}

static bool is_measured(const clact_activation_info *info)
{
    return is_rowwise(info) || strcmp(info->kind, "elementwise") == 0;
}

static void add_name(options *o, const char *name)
{
    if (o->name_count < MOST_NAMES)
        o->names[o->name_count++] = name;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    options *o = state->input;
    const clact_activation_info *info;
    switch (key) {
    case KEY_SIZE:
        if ((o->size_count = parse_size_list(o->sizes, MOST_SIZES, value)) == 0)
            argp_error(state, "--size is numbers such as 4Ki,1Mi, not '%s'", value);
        return 0;
    case KEY_THREADS:
        if ((o->thread_count = parse_size_list(o->threads, MOST_SIZES, value)) == 0)
            argp_error(state, "--threads is numbers such as 1,2, not '%s'", value);
        return 0;
    case KEY_DIRECTION:
        o->directions[0] = strcmp(value, "forward") == 0;
        o->directions[1] = strcmp(value, "gradient") == 0;
        if (!o->directions[0] && !o->directions[1])
            argp_error(state, "--direction is forward or gradient, not '%s'", value);
        return 0;
    case KEY_ROW:
        if (parse_size_list(&o->row, 1, value) == 0)
            argp_error(state, "--row is a number such as 1024, not '%s'", value);
        return 0;
    case KEY_ROUNDS:
        if (parse_size_list(&o->rounds, 1, value) == 0 || o->rounds > MOST_ROUNDS)
            argp_error(state, "--rounds is a number from 1 to %d, not '%s'", MOST_ROUNDS, value);
        return 0;
    case KEY_JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        info = clact_activation_find(value);
        if (!info || !is_measured(info))
            argp_error(state, "there is no element-wise or row-wise activation '%s'", value);
        else
            add_name(o, info->name);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static options parse(int argc, char **argv)
{
    static const struct argp argp = {options_table, parse_option, "[NAME ...]",
                                     "Measures activations by clact and by other libraries, in turn.", NULL, NULL, NULL};
    options o = {.directions = {true, true}, .row = 1024, .rounds = 21, .size_count = 5, .thread_count = 2, .threads = {1, 2},
                 .sizes = {64, 4096, 65536, 262144, (size_t)16 << 20}};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (o.name_count > 0)
        return o;
    size_t count;
    const clact_activation_info *list = clact_activation_list(&count);
    for (size_t i = 0; i < count; i++)
        if (is_measured(&list[i]))
            add_name(&o, list[i].name);
    return o;
}

/* ---- Memory --------------------------------------------------------------------------------- */

typedef struct arrays {
    size_t room, row; /* elements */
    float *x, *y, *dy, *out, *expected;
} arrays;

static float *allocate_floats(size_t count)
{
    float *memory = aligned_alloc(64, (count + 15) / 16 * 64);
    if (!memory) {
        fputs("bench_peers: out of memory\n", stderr);
        exit(1);
    }
    memset(memory, 0, count * sizeof *memory);
    return memory;
}

static arrays make_arrays(size_t room, size_t row)
{
    return (arrays){room, row, allocate_floats(room), allocate_floats(room), allocate_floats(room), allocate_floats(room),
                    allocate_floats(room)};
}

static void free_arrays(arrays *a)
{
    free(a->x);
    free(a->y);
    free(a->dy);
    free(a->out);
    free(a->expected);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Uniform in [-4, 4], or in [0, 4] for functions of what is positive. */
static void fill_usual(float *out, size_t count, const char *name, uint32_t seed)
{
    const bool positive = strcmp(name, "log") == 0 || strcmp(name, "sqrt") == 0 || strcmp(name, "rsqrt") == 0;
    for (size_t i = 0; i < count; i++) {
        float value = (float)next_random(&seed) * 0x1p-21f - 4.0f;
        out[i] = positive ? fabsf(value) : value;
    }
}

/* Every float alike: all exponents and both signs, infinities and NaN too. */
static void fill_any(float *out, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = next_random(&seed) << 8;
        bits |= next_random(&seed) & 255;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static peer_job make_job(const arrays *a, const char *name, bool gradient, size_t count, unsigned threads)
{
    const bool rows = is_rowwise(clact_activation_find(name)) && count % a->row == 0;
    return (peer_job){name, gradient, rows ? count / a->row : 1, rows ? a->row : count, threads, a->x, a->y, a->dy,
                      a->out};
}

/* Runs it once. False where the peer does not have it. */
static bool run_once(const peer *p, const peer_job *job)
{
    void *prepared = p->prepare(job);
    if (!prepared)
        return false;
    p->run(prepared);
    p->release(prepared);
    return true;
}

/* y of x, as clact has it. */
static void fill_results(const arrays *a, const char *name, size_t count)
{
    peer_job job = make_job(a, name, false, count, 1);
    job.out = a->y;
    run_once(peers[OWN], &job);
}

/* ---- What a peer computes ------------------------------------------------------------------- */

enum { CHECKED = 1 << 18 };

/* The largest difference from clact's results, relative to them; infinite where one of both is. */
typedef struct deviation {
    double usual;      /* for the inputs that are timed */
    double anywhere;   /* for any float */
    size_t wrong_nans; /* of 2^19 results: NaN where clact has a number, or the other way round */
} deviation;

static double relative_error(float got, float expected)
{
    if (got == expected || isnan(got) || isnan(expected))
        return 0;
    if (isinf(got) || isinf(expected))
        return INFINITY;
    return fabs((double)got - expected) / fmax(fabs((double)expected), FLT_MIN);
}

static double worst_of(const arrays *a, size_t count, size_t *wrong_nans)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        worst = fmax(worst, relative_error(a->out[i], a->expected[i]));
        *wrong_nans += isnan(a->out[i]) != isnan(a->expected[i]);
    }
    return worst;
}

/* One set of inputs, already in a->x. */
static double compare(const arrays *a, const peer *p, const char *name, bool gradient, size_t *wrong_nans)
{
    fill_results(a, name, CHECKED);
    fill_usual(a->dy, CHECKED, "", 2);
    const peer_job job = make_job(a, name, gradient, CHECKED, 1);
    run_once(peers[OWN], &job);
    memcpy(a->expected, a->out, CHECKED * sizeof *a->out);
    memset(a->out, 0, CHECKED * sizeof *a->out);
    return run_once(p, &job) ? worst_of(a, CHECKED, wrong_nans) : INFINITY;
}

static deviation deviation_of(const arrays *a, const peer *p, const char *name, bool gradient)
{
    deviation d = {0};
    fill_usual(a->x, CHECKED, name, 1);
    d.usual = compare(a, p, name, gradient, &d.wrong_nans);
    if (!is_rowwise(clact_activation_find(name)))
        fill_any(a->x, CHECKED, 3);
    d.anywhere = fmax(d.usual, compare(a, p, name, gradient, &d.wrong_nans));
    return d;
}

/* ---- Measuring ------------------------------------------------------------------------------ */

/* One activation in one direction, of one size, on so many threads. */
typedef struct result {
    const char *name;
    bool gradient, there[PEER_COUNT];
    size_t elements, threads;
    timing nanoseconds[PEER_COUNT]; /* an element */
    deviation deviations[PEER_COUNT];
    size_t fastest; /* of the peers but clact */
} result;

static double time_batch(const peer *p, void *prepared, size_t repetitions)
{
    double start = now();
    for (size_t i = 0; i < repetitions; i++)
        p->run(prepared);
    return now() - start;
}

static size_t count_repetitions(const peer *p, void *prepared)
{
    size_t repetitions = 1;
    p->run(prepared);
    while (time_batch(p, prepared, repetitions) < ROUND_SECONDS)
        repetitions *= 2;
    return repetitions;
}

/* Rounds take turns, and who begins changes. Before each round the others' threads come to rest, and its own wake up. */
static void measure(result *r, void *const prepared[PEER_COUNT], size_t rounds)
{
    static double times[PEER_COUNT][MOST_ROUNDS];
    size_t repetitions[PEER_COUNT];
    for (size_t i = 0; i < PEER_COUNT; i++)
        if (prepared[i])
            repetitions[i] = count_repetitions(peers[i], prepared[i]);
    for (size_t round = 0; round < rounds; round++)
        for (size_t turn = 0; turn < PEER_COUNT; turn++) {
            const size_t i = (round + turn) % PEER_COUNT;
            if (!prepared[i])
                continue;
            if (r->threads > 1)
                wait_for_idle_threads();
            peers[i]->run(prepared[i]);
            times[i][round] = time_batch(peers[i], prepared[i], repetitions[i]) / (double)repetitions[i];
        }
    for (size_t i = 0; i < PEER_COUNT; i++)
        if (prepared[i]) {
            r->nanoseconds[i] = timing_of(times[i], rounds);
            r->nanoseconds[i].median *= 1e9 / (double)r->elements;
            if (i != OWN && (r->fastest == OWN || r->nanoseconds[i].median < r->nanoseconds[r->fastest].median))
                r->fastest = i;
        }
}

/* False where no other library has it. */
static bool measure_case(result *r, const arrays *a, size_t rounds)
{
    void *prepared[PEER_COUNT];
    size_t count = 0;
    fill_usual(a->x, r->elements, r->name, 1);
    fill_usual(a->dy, r->elements, "", 2);
    fill_results(a, r->name, r->elements);
    const peer_job job = make_job(a, r->name, r->gradient, r->elements, (unsigned)r->threads);
    for (size_t i = 0; i < PEER_COUNT; i++) {
        prepared[i] = peers[i]->prepare(&job);
        r->there[i] = prepared[i] != NULL;
        count += r->there[i];
    }
    if (count > 1 && r->there[OWN])
        measure(r, prepared, rounds);
    for (size_t i = 0; i < PEER_COUNT; i++)
        if (prepared[i])
            peers[i]->release(prepared[i]);
    return count > 1 && r->there[OWN];
}

/* ---- The report ----------------------------------------------------------------------------- */

typedef struct results {
    result *list;
    size_t count;
} results;

static const char *direction_name(const result *r)
{
    return r->gradient ? "gradient" : "forward";
}

static bool appears(const results *all, size_t k)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].there[k])
            return true;
    return false;
}

static void add_row(table *t, const results *all, const result *r)
{
    char size[SIZE_TEXT_SIZE];
    table_add(t, "%s", r->name);
    table_add(t, "%s", direction_name(r));
    table_add(t, "%s", size_text(size, r->elements));
    table_add(t, "%zu", r->threads);
    for (size_t i = 0; i < PEER_COUNT; i++) {
        const timing *time = &r->nanoseconds[i];
        if (!appears(all, i))
            continue;
        table_add(t, r->there[i] ? "%.4f" : "-", time->median);
        table_add(t, r->there[i] ? "%.0f %%" : "-", 100 * time->spread);
        if (i != OWN)
            table_add(t, r->there[i] ? "%.2f" : "-", time->median / r->nanoseconds[OWN].median);
    }
    table_add(t, "%s", peers[r->fastest]->name);
    table_add(t, "%.2f", r->nanoseconds[r->fastest].median / r->nanoseconds[OWN].median);
}

static void print_times(const results *all)
{
    char columns[4 + 3 * PEER_COUNT + 3] = "llrr";
    table t = {.columns = columns};
    static const char *const heads[] = {"NAME", "DIRECTION", "ELEMENTS", "THREADS"};
    for (size_t i = 0; i < 4; i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < PEER_COUNT; i++) {
        if (!appears(all, i))
            continue;
        table_add(&t, "%s", peers[i]->name);
        table_add(&t, "SPREAD");
        if (i != OWN)
            table_add(&t, "RATIO");
        strcat(columns, i == OWN ? "rr" : "rrr");
    }
    table_add(&t, "FASTEST");
    table_add(&t, "RATIO");
    strcat(columns, "lr");
    for (size_t i = 0; i < all->count; i++)
        add_row(&t, all, &all->list[i]);
    puts("Nanoseconds an element, the distance of the quartiles, and how many times clact's time it is:");
    table_print(&t);
}

static bool same_case(const result *a, const result *b)
{
    return a->name == b->name && a->gradient == b->gradient;
}

static void print_deviations(const results *all)
{
    table t = {.columns = "lllrrr"};
    static const char *const heads[] = {"NAME", "DIRECTION", "LIBRARY", "IN [-4, 4]", "ANYWHERE", "WRONG NANS"};
    for (size_t i = 0; i < strlen(t.columns); i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < PEER_COUNT; k++) {
            const result *r = &all->list[i];
            if (k == OWN || !r->there[k] || (i > 0 && same_case(r, r - 1)))
                continue;
            table_add(&t, "%s", r->name);
            table_add(&t, "%s", direction_name(r));
            table_add(&t, "%s", peers[k]->name);
            table_add(&t, "%.1e", r->deviations[k].usual);
            table_add(&t, "%.1e", r->deviations[k].anywhere);
            table_add(&t, "%zu", r->deviations[k].wrong_nans);
        }
    puts("\nLargest relative difference from clact's results:");
    table_print(&t);
}

/* JSON has no infinity: null. */
static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *result_json(const result *r)
{
    json_t *others = json_array();
    for (size_t i = 0; i < PEER_COUNT; i++)
        if (i != OWN && r->there[i])
            json_array_append_new(
                others, json_pack("{ss sf sf sf so so sI}", "name", peers[i]->name, "ns_per_element",
                                  r->nanoseconds[i].median, "spread", r->nanoseconds[i].spread, "ratio",
                                  r->nanoseconds[i].median / r->nanoseconds[OWN].median, "difference",
                                  number_json(r->deviations[i].usual), "difference_anywhere",
                                  number_json(r->deviations[i].anywhere), "wrong_nans",
                                  (json_int_t)r->deviations[i].wrong_nans));
    return json_pack("{ss ss sI sI sf sf so ss sf}", "activation", r->name, "direction", direction_name(r), "elements",
                     (json_int_t)r->elements, "threads", (json_int_t)r->threads, "ns_per_element",
                     r->nanoseconds[OWN].median, "spread", r->nanoseconds[OWN].spread, "peers", others, "fastest",
                     peers[r->fastest]->name, "ratio",
                     r->nanoseconds[r->fastest].median / r->nanoseconds[OWN].median);
}

static void print_document(const results *all, size_t rounds)
{
    json_t *libraries = json_array(), *list = json_array();
    for (size_t i = 0; i < PEER_COUNT; i++) {
        char version[128];
        peers[i]->version(version, sizeof version);
        json_array_append_new(libraries, json_pack("{ss ss}", "name", peers[i]->name, "version", version));
    }
    for (size_t i = 0; i < all->count; i++)
        json_array_append_new(list, result_json(&all->list[i]));
    print_json(json_pack("{si so sI so so}", "schema", 1, "machine", machine_json(), "rounds", (json_int_t)rounds,
                         "libraries", libraries, "results", list));
}

/* ---- Main ----------------------------------------------------------------------------------- */

/* OpenMP's run time reads its settings when it is loaded, so the program starts itself again with them. Its threads stay
 * awake from one call to the next, but not for ever: they would take a processor from whoever is measured next. */
static void start_with_settings(char **argv)
{
    if (getenv("GOMP_SPINCOUNT"))
        return;
    setenv("GOMP_SPINCOUNT", "50000", 1);
    setenv("OMP_WAIT_POLICY", "active", 0);
    execv("/proc/self/exe", argv);
    perror("bench_peers: /proc/self/exe");
    exit(1);
}

static void measure_name(results *all, const options *o, const arrays *a, const char *name, bool gradient)
{
    deviation deviations[PEER_COUNT] = {{0}};
    const size_t first = all->count;
    for (size_t t = 0; t < o->thread_count; t++)
        for (size_t s = 0; s < o->size_count; s++) {
            result *r = &all->list[all->count];
            *r = (result){.name = name, .gradient = gradient, .elements = o->sizes[s], .threads = o->threads[t]};
            if (!measure_case(r, a, o->rounds))
                continue;
            for (size_t i = 0; i < PEER_COUNT && all->count == first; i++)
                if (i != OWN && r->there[i])
                    deviations[i] = deviation_of(a, peers[i], name, gradient);
            memcpy(r->deviations, deviations, sizeof deviations);
            all->count++;
            if (isatty(STDERR_FILENO))
                fprintf(stderr, "\rbench_peers: %s %s\033[K", name, direction_name(r));
        }
}

int main(int argc, char **argv)
{
    const options o = parse(argc, argv);
    start_with_settings(argv);
    size_t most = CHECKED;
    for (size_t i = 0; i < o.size_count; i++)
        most = o.sizes[i] > most ? o.sizes[i] : most;
    arrays a = make_arrays(most, o.row);
    results all = {calloc(2 * o.name_count * o.size_count * o.thread_count + 1, sizeof *all.list), 0};
    for (size_t i = 0; i < o.name_count && all.list; i++)
        for (int direction = 0; direction < 2; direction++)
            if (o.directions[direction])
                measure_name(&all, &o, &a, o.names[i], direction);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (o.json) {
        print_document(&all, o.rounds);
    } else if (all.count > 0) {
        print_times(&all);
        print_deviations(&all);
    }
    free(all.list);
    free_arrays(&a);
    return 0;
}
