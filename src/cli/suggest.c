/* suggest.c: the word that a misspelt one was meant to be, by edit distance. */
#include "suggest.h"

#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t edit_distance(const char *a, const char *b)
{
    size_t columns = strlen(b), width = columns + 1;
    size_t *rows = allocate(3 * width, sizeof *rows); /* this one and the two before it, in turn */
    for (size_t j = 0; j <= columns; j++)
        rows[j] = j;
    size_t i = 1;
    for (; a[i - 1] != '\0'; i++) {
        size_t *row = rows + i % 3 * width, *before = rows + (i + 2) % 3 * width, *second = rows + (i + 1) % 3 * width;
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            row[j] = least(before[j - 1] + (a[i - 1] != b[j - 1]), least(before[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], second[j - 2] + 1);
        }
    }
    size_t distance = rows[(i - 1) % 3 * width + columns];
    free(rows);
    return distance;
}

/* Small enough for a misspelling of a word of that length, and one: a word that is right may not serve all the same. */
static bool is_near(const suggestion *s)
{
    size_t length = strlen(s->typed);
    return s->best && s->distance > 0 && s->distance < length && 2 * s->distance <= length + 1;
}

void suggest(suggestion *s, const char *word)
{
    size_t distance = edit_distance(s->typed, word);
    if (s->best && distance >= s->distance)
        return;
    free(s->best);
    s->best = text_of("%s", word);
    s->distance = distance;
}

void suggest_each(suggestion *s, const char *words, const char *dividers)
{
    for (words += strspn(words, dividers); *words; words += strspn(words, dividers)) {
        size_t length = strcspn(words, dividers);
        char *word = text_of("%.*s", (int)length, words);
        suggest(s, word);
        free(word);
        words += length;
    }
}

const char *suggested(const suggestion *s)
{
    static char text[128];
    *text = '\0';
    if (is_near(s))
        snprintf(text, sizeof text, "; did you mean '%s'?", s->best);
    return text;
}

/* "a, b or c" of "a|b|c". */
static char *choices_text(const char *words)
{
    char *text = text_of("%s", "");
    for (size_t length; *words; words += length + (words[length] == '|')) {
        length = strcspn(words, "|");
        const char *comma = !*text ? "" : strchr(words, '|') ? ", " : " or ";
        char *longer = text_of("%s%s%.*s", text, comma, (int)length, words);
        free(text);
        text = longer;
    }
    return text;
}

int parse_choice(const char *what, const char *value, const char *words)
{
    const char *at = words;
    for (int index = 0; *at; index++) {
        size_t length = strcspn(at, "|");
        if (strlen(value) == length && strncmp(at, value, length) == 0)
            return index;
        at += length + (at[length] == '|');
    }
    suggestion best = {value, NULL, 0};
    suggest_each(&best, words, "|");
    usage_error("%s is %s, not '%s'%s", what, choices_text(words), value, suggested(&best));
}
