/* bench_report.c: the table and the JSON document of `clact bench`, and the comparison with an earlier one. */
#include "bench.h"

#include "machine.h"
#include "report.h"
#include "size.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static double nanoseconds(const bench_result *r)
{
    return 1e9 * r->work.median / (double)r->count;
}

static double gigabytes(const bench_result *r, timing time)
{
    return 1e-9 * (double)r->bytes / time.median;
}

static double share(const bench_result *r)
{
    return r->copy.median / r->work.median;
}

static const char *direction_name(const bench_result *r)
{
    return r->gradient ? "gradient" : "forward";
}

/* ---- Comparison ----------------------------------------------------------------------------- */

json_t *bench_read(const char *path)
{
    json_error_t error;
    FILE *file = fopen(path, "r");
    if (!file)
        fail(CLI_FAILED, "%s: %s", path, strerror(errno));
    json_t *document = json_loadf(file, 0, &error);
    fclose(file);
    if (!document)
        fail(CLI_FAILED, "%s is not JSON: %s", path, error.text);
    if (!json_is_array(json_object_get(document, "results")))
        fail(CLI_FAILED, "%s is not what clact bench --json prints", path);
    return document;
}

typedef struct comparison {
    double old, ratio; /* ns an element; new / old */
    const char *verdict;
} comparison;

static bool is_same_case(json_t *old, const bench_result *r)
{
    const char *name, *direction, *type = "f32";
    json_int_t elements, threads = 0;
    int in_place = 0;
    return json_unpack(old, "{ss ss sI s?s s?I s?b}", "activation", &name, "direction", &direction, "elements",
                       &elements, "type", &type, "threads", &threads, "in_place", &in_place) == 0 &&
           strcmp(name, r->name) == 0 && strcmp(direction, direction_name(r)) == 0 &&
           strcmp(type, clact_type_name(r->type)) == 0 && (uint64_t)elements == r->count &&
           (uint64_t)threads == r->threads && (bool)in_place == r->in_place;
}

/* False where the earlier document does not have the case. */
static bool compare(comparison *out, json_t *old, const bench_result *r)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(old, "results"), i, entry) {
        double spread = 0;
        if (!is_same_case(entry, r) ||
            json_unpack(entry, "{sF s?F}", "ns_per_element", &out->old, "spread", &spread) != 0 || !(out->old > 0))
            continue;
        const double ratio = nanoseconds(r) / out->old, both = spread + r->work.spread;
        out->ratio = ratio;
        out->verdict = ratio > 1 + both ? "slower" : ratio * (1 + both) < 1 ? "faster" : "same";
        return true;
    }
    return false;
}

static void warn_of_other_machine(const char *path, json_t *old, const clact_caps *caps)
{
    json_t *machine = machine_json(), *device = caps_json(caps);
    json_t *there = json_object_get(old, "machine"), *then = json_object_get(json_object_get(old, "device"), "name");
    if ((there && !json_equal(json_object_get(there, "processor"), json_object_get(machine, "processor"))) ||
        (then && !json_equal(then, json_object_get(device, "name"))))
        warn("%s was measured on another machine or device", path);
    json_decref(machine);
    json_decref(device);
}

/* ---- The table ------------------------------------------------------------------------------ */

static void add_copy(table *t, const bench_result *r)
{
    if (r->copy_threads > 1)
        table_add(t, "%s, %u threads", r->copy_by, r->copy_threads);
    else
        table_add(t, "%s", r->copy_by);
}

static void add_row(table *t, const bench_result *r, json_t *old)
{
    char size[SIZE_TEXT_SIZE];
    table_add(t, "%s", r->name);
    table_add(t, "%s", direction_name(r));
    table_add(t, "%s", clact_type_name(r->type));
    table_add(t, "%s", size_text(size, r->count));
    table_add(t, "%u", r->threads);
    table_add(t, "%.4f", nanoseconds(r));
    table_add(t, "%.1f %%", 100 * r->work.spread);
    table_add(t, "%.2f", gigabytes(r, r->work));
    table_add(t, "%.2f", gigabytes(r, r->copy));
    table_add(t, "%.0f %%", 100 * share(r));
    add_copy(t, r);
    comparison c;
    if (old && compare(&c, old, r)) {
        table_add(t, "%.4f", c.old);
        table_add(t, "%.3f", c.ratio);
        table_add(t, "%s", strcmp(c.verdict, "same") == 0 ? "" : c.verdict);
    } else if (old) {
        for (int i = 0; i < 3; i++)
            table_add(t, i < 2 ? "-" : "");
    }
}

static void print_table(const bench_result *results, size_t count, json_t *old)
{
    static const char *const heads[] = {"NAME",        "DIRECTION", "TYPE",      "ELEMENTS",    "THREADS",
                                        "NS/ELEMENT",  "SPREAD",    "GB/S",      "COPY GB/S",   "OF THE COPY",
                                        "COPIED BY",   "BEFORE",    "NEW/OLD",   ""};
    table t = {.columns = old ? "lllrrrrrrrlrrl" : "lllrrrrrrrl"};
    for (size_t i = 0; i < strlen(t.columns); i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < count; i++)
        add_row(&t, &results[i], old);
    table_print(&t);
}

/* ---- The document --------------------------------------------------------------------------- */

static json_t *result_json(const bench_result *r, json_t *old)
{
    comparison c;
    json_t *json = json_pack(
        "{ss ss ss sI sI sb sf sf sf sf sf sf ss sI}", "activation", r->name, "direction", direction_name(r), "type",
        clact_type_name(r->type), "elements", (json_int_t)r->count, "threads", (json_int_t)r->threads, "in_place",
        (int)r->in_place, "ns_per_element", nanoseconds(r), "spread", r->work.spread, "gb_per_s",
        gigabytes(r, r->work), "copy_gb_per_s", gigabytes(r, r->copy), "copy_spread", r->copy.spread, "share_of_copy",
        share(r), "copy_by", r->copy_by, "copy_threads", (json_int_t)r->copy_threads);
    if (old && compare(&c, old, r))
        json_object_set_new(json, "compared",
                            json_pack("{sf sf ss}", "ns_per_element", c.old, "ratio", c.ratio, "verdict", c.verdict));
    return json;
}

static json_t *results_json(const bench_result *results, size_t count, json_t *old)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, result_json(&results[i], old));
    return list;
}

static void print_document(const bench_options *options, const clact_caps *caps, json_t *results)
{
    print_json(json_pack("{si ss ss si so so sI so}", "schema", 1, "version", clact_version()->text, "type",
                         clact_type_name(options->types[0]), "numerics", (int)clact_version()->numerics, "machine",
                         machine_json(), "device", caps_json(caps), "rounds", (json_int_t)options->rounds, "results",
                         results));
}

void bench_report(const bench_options *options, const clact_caps *caps, const bench_result *results, size_t count,
                  json_t *old)
{
    if (old)
        warn_of_other_machine(options->compare, old, caps);
    if (options->format == AS_JSON)
        print_document(options, caps, results_json(results, count, old));
    else if (options->format == AS_CSV)
        print_csv(results_json(results, count, old),
                  "activation direction type elements threads in_place ns_per_element spread gb_per_s copy_gb_per_s "
                  "copy_spread share_of_copy copy_by copy_threads compared.ns_per_element compared.ratio "
                  "compared.verdict");
    else
        print_table(results, count, old);
    json_decref(old);
}
