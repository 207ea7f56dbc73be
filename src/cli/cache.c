/* cache.c: `clact cache`: the programs that are kept on the disk. */
#include "commands.h"
#include "common.h"
#include "report.h"
#include "suggest.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct cache_options {
    int what; /* its place in CACHE_WORDS; -1: it was not given */
    bool json;
} cache_options;

#define CACHE_WORDS "show|clear|verify"
enum { CACHE_SHOW, CACHE_CLEAR, CACHE_VERIFY };

enum { KEY_JSON = 'j' + 0x100 };

static const struct argp_option options_table[] = {
    {"json", KEY_JSON, NULL, 0, "Print a JSON document", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    cache_options *options = state->input;
    switch (key) {
    case KEY_JSON:
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->what >= 0)
            usage_error("'%s' is not expected: cache does one thing", value);
        options->what = parse_choice("what cache does", value, CACHE_WORDS);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int show(bool json)
{
    clact_cache_info info;
    require_ok(clact_cache_show(&info, NULL));
    if (json)
        print_json(json_pack("{si sb so sI sI sI so}", "schema", 1, "usable", (int)info.usable, "directory",
                             json_text(info.directory), "entries", (json_int_t)info.entries, "bytes", (json_int_t)info.bytes,
                             "limit_bytes", (json_int_t)info.limit, "reason", json_text(info.reason)));
    else if (!info.usable)
        printf("The program cache is off: %s.\n", info.reason);
    else
        printf("%s: %" PRIu64 " entries, %.1f of at most %.0f MiB.\n", info.directory, info.entries,
               (double)info.bytes / 0x1p20, (double)info.limit / 0x1p20);
    return CLI_DONE;
}

static int clear(bool json)
{
    uint64_t removed;
    require_ok(clact_cache_clear(NULL, &removed));
    if (json)
        print_json(json_pack("{si sI}", "schema", 1, "removed", (json_int_t)removed));
    else
        printf("%" PRIu64 " entries removed.\n", removed);
    return CLI_DONE;
}

static int verify(bool json)
{
    uint64_t checked, removed;
    require_ok(clact_cache_verify(NULL, &checked, &removed));
    if (json)
        print_json(json_pack("{si sI sI}", "schema", 1, "checked", (json_int_t)checked, "removed", (json_int_t)removed));
    else
        printf("%" PRIu64 " entries read, %" PRIu64 " of them damaged and removed.\n", checked, removed);
    return removed ? CLI_CHECK_FAILED : CLI_DONE;
}

int command_cache(int argc, char **argv)
{
    static const struct argp argp = {
        options_table, parse_option, "[" CACHE_WORDS "]",
        "Shows where compiled programs are kept between runs, and how many; removes them; or reads them all and "
        "removes those that are damaged, which the exit code 1 then tells.\v"
        "CLACT_CACHE_DIR is where they are, or \"disabled\"; without it $XDG_CACHE_HOME/clact, else ~/.cache/clact.\n"
        "Examples:\n"
        "  clact cache\n"
        "  clact cache verify",
        NULL, NULL, NULL};
    cache_options options = {.what = -1};
    parse_arguments(argv[0], &argp, argc, argv, &options);
    switch (options.what) {
    case CACHE_CLEAR:
        return clear(options.json);
    case CACHE_VERIFY:
        return verify(options.json);
    default:
        return show(options.json);
    }
}
