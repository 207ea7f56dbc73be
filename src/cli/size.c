/* size.c: numbers of elements as the command line has them. */
#include "size.h"

#include <stdio.h>
#include <string.h>

#define MOST_ELEMENTS ((size_t)1 << 36)

/* Returns what follows the number, or NULL. */
static const char *parse_size(size_t *out, const char *text)
{
    static const char units[] = "KMG";
    size_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value <= MOST_ELEMENTS; at++)
        value = 10 * value + (size_t)(*at - '0');
    const char *unit = *at ? strchr(units, *at) : NULL;
    if (unit && at[1] == 'i' && value <= MOST_ELEMENTS) {
        value <<= 10 * (unit - units + 1);
        at += 2;
    }
    *out = value;
    return at > text && value > 0 && value <= MOST_ELEMENTS ? at : NULL;
}

size_t parse_size_list(size_t *out, size_t capacity, const char *text)
{
    for (size_t count = 0; count < capacity; text++) {
        text = parse_size(&out[count++], text);
        if (!text || *text == '\0')
            return text ? count : 0;
        if (*text != ',')
            return 0;
    }
    return 0;
}

const char *size_text(char out[SIZE_TEXT_SIZE], size_t count)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi"};
    int unit = 0;
    for (; unit < 3 && count % 1024 == 0; unit++)
        count /= 1024;
    snprintf(out, SIZE_TEXT_SIZE, "%zu%s", count, units[unit]);
    return out;
}
