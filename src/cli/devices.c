/* devices.c: `clact devices`: the devices there are, and the one that would be chosen. */
#include "commands.h"
#include "common.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct devices_options {
    context_options context;
    output_format format;
} devices_options;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    devices_options *options = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        usage_error("'%s' is not expected: devices takes options only", value);
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->context;
        state->child_inputs[1] = &options->format;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What the library tells: the devices, why there is no OpenCL device, and the choice. */
typedef struct report {
    clact_device_info *devices;
    size_t count;
    char no_opencl[256]; /* "" where there is an OpenCL device */
    const char *wanted;  /* "auto", or what was asked for */
    clact_status status; /* of opening a context there; on success: */
    clact_caps chosen;
    char *failure; /* the sentence; NULL on success */
} report;

static void read_devices(report *r)
{
    size_t capacity;
    do { /* a device may come between two calls */
        capacity = r->count;
        r->devices = reallocate(r->devices, capacity, sizeof *r->devices);
        require_ok(clact_device_list(capacity ? r->devices : NULL, capacity, &r->count, NULL,
                                     r->no_opencl));
    } while (r->count > capacity);
}

static void read_choice(report *r, const context_options *options)
{
    clact_context *context = NULL;
    const char *variable = getenv("CLACT_DEVICE");
    r->wanted = options->device ? options->device : variable && *variable ? variable : "auto";
    r->status = try_open_context(&context, options);
    if (r->status == CLACT_OK)
        r->status = clact_context_caps(context, &r->chosen);
    if (r->status != CLACT_OK) {
        char *sentence = text_of("%s", clact_error());
        r->failure = text_of("%s%s", sentence, r->status == CLACT_E_NO_DEVICE ? near_device(options->device) : "");
        free(sentence);
    }
    clact_close(&context);
}

/* ---- As a table ----------------------------------------------------------------------------- */

static const char *yes_or_no(uint32_t value)
{
    return value ? "yes" : "no";
}

static void add_device(table *t, const clact_device_info *d)
{
    char index[DEVICE_INDEX_SIZE];
    bool is_backend = d->backend == CLACT_BACKEND_CPU;
    table_add(t, "%s", device_index(index, d->backend, d->platform_index, d->device_index));
    table_add(t, "%s", kind_name(d->kind));
    table_add(t, "%s", d->device);
    table_add(t, "%s%s%s", d->platform, is_backend ? ", " : "", is_backend ? d->driver : "");
    table_add(t, "%" PRIu32, d->compute_units);
    if (d->memory_bytes >= 1 << 30)
        table_add(t, "%.1f GiB", (double)d->memory_bytes / 0x1p30);
    else if (d->memory_bytes)
        table_add(t, "%.1f MiB", (double)d->memory_bytes / 0x1p20);
    else
        table_add(t, "-");
    table_add(t, "%s", yes_or_no(d->fp64));
    table_add(t, "%s", is_backend ? "not needed" : yes_or_no(d->compiler));
}

static void print_table(const report *r)
{
    table t = {.columns = "llllrrll"};
    static const char *const heads[] = {"INDEX", "KIND",   "NAME", "PLATFORM",
                                        "UNITS", "MEMORY", "FP64", "COMPILER"};
    for (size_t i = 0; i < strlen(t.columns); i++)
        table_add(&t, "%s", heads[i]);
    for (size_t i = 0; i < r->count; i++)
        add_device(&t, &r->devices[i]);
    table_print(&t);
    if (!strstr(r->failure ? r->failure : r->chosen.reason, r->no_opencl))
        printf("No OpenCL device: %s.\n", r->no_opencl);
    if (r->failure)
        return;
    char index[DEVICE_INDEX_SIZE];
    const clact_caps *c = &r->chosen;
    device_index(index, c->backend, c->platform_index, c->device_index);
    printf("\"%s\" picks %s (%s), exactness %s%s%s.\n", r->wanted, index, c->device,
           exactness_name(c->exact), c->reason[0] ? ": " : "", c->reason);
}

/* ---- As JSON -------------------------------------------------------------------------------- */

static json_t *device_json(const clact_device_info *d)
{
    char index[DEVICE_INDEX_SIZE];
    device_index(index, d->backend, d->platform_index, d->device_index);
    json_t *device = json_pack(
        "{ss ss ss so so so sI sI sb sb sb}", /* as the lines below */
        "index", index, "backend", backend_name(d->backend), "kind", kind_name(d->kind),
        "name", json_text(d->device), "platform", json_text(d->platform),
        "driver", json_text(d->driver), "compute_units", (json_int_t)d->compute_units,
        "memory_bytes", (json_int_t)d->memory_bytes, "fp64", (int)d->fp64,
        "compiler", (int)d->compiler, "unified_memory", (int)d->unified_memory);
    if (d->backend == CLACT_BACKEND_CPU)
        json_object_set_new(device, "instruction_set", json_text(d->driver));
    return device;
}

static json_t *devices_json(const report *r)
{
    json_t *devices = json_array();
    for (size_t i = 0; i < r->count; i++)
        json_array_append_new(devices, device_json(&r->devices[i]));
    return devices;
}

static void print_document(const report *r)
{
    print_json(json_pack("{si so so so so so}", "schema", 1, "devices", devices_json(r),
                         "wanted", json_text(r->wanted),
                         "chosen", r->failure ? json_null() : caps_json(&r->chosen),
                         "reason", json_text(r->failure ? r->failure : r->chosen.reason),
                         "no_opencl", json_text(r->no_opencl)));
}

int command_devices(int argc, char **argv)
{
    static const struct argp_child children[] = {{&context_argp, 0, NULL, 0}, {&format_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        NULL, parse_option, "",
        "Lists the OpenCL devices and the CPU backend, and says which one is picked, and why: by "
        "\"auto\", or by what --device asks for.\v"
        "Examples:\n"
        "  clact devices\n"
        "  clact devices --device=gpu --json",
        children, NULL, NULL};
    devices_options options = {0};
    report r = {0};
    parse_arguments(argv[0], &argp, argc, argv, &options);
    read_devices(&r);
    read_choice(&r, &options.context);
    if (options.format == AS_JSON)
        print_document(&r);
    else if (options.format == AS_CSV)
        print_csv(devices_json(&r), "index backend kind name platform driver compute_units memory_bytes fp64 compiler "
                                    "unified_memory");
    else
        print_table(&r);
    if (r.failure)
        warn("%s", r.failure);
    int code = exit_code(r.status);
    free(r.failure);
    free(r.devices);
    return code;
}
