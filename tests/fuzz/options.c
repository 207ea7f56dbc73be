/* options.c: fuzzes the command line: `clact apply` with an activation and its parameters, numbers and sizes. */
#include "apply_options.h"
#include "exits.h"
#include "fuzz.h"
#include "size.h"

#include <math.h>
#include <string.h>

enum { MOST_WORDS = 24, MOST_SIZES = 4 };

static void make(int argc, char **argv)
{
    apply_options options = {.type = -1};
    const clact_activation_info *info = read_apply_options(&options, argc, argv);
    clact_activation *a = create_activation(info, &options.activation);
    HOLDS(clact_activation_info_of(a)->id == info->id && options.in);
    clact_activation_destroy(&a);
    free_activation_options(&options.activation);
}

/* A word each line. */
static void try_words(char *text)
{
    char *argv[MOST_WORDS + 1] = {"apply"};
    int argc = 1;
    for (char *word = strtok(text, "\n"); word && argc < MOST_WORDS; word = strtok(NULL, "\n"))
        argv[argc++] = word;
    (void)RETURNED(make(argc, argv));
}

static void try_numbers(const char *text)
{
    double value, again;
    int64_t whole;
    size_t sizes[MOST_SIZES];
    char shortest[NUMBER_TEXT_SIZE];
    if (parse_number(&value, text)) {
        HOLDS(isfinite(value) && parse_number(&again, number_text(shortest, value)));
        HOLDS(memcmp(&value, &again, sizeof value) == 0);
    }
    HOLDS(!parse_integer(&whole, text, -100, 100) || (whole >= -100 && whole <= 100));
    size_t count = parse_size_list(sizes, MOST_SIZES, text);
    HOLDS(count <= MOST_SIZES);
    for (size_t i = 0; i < count; i++)
        HOLDS(sizes[i] > 0 && sizes[i] <= (size_t)1 << 36);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    HOLDS(text);
    memcpy(text, bytes, size);
    text[size] = '\0';
    try_numbers(text);
    try_words(text);
    free(text);
    return 0;
}
