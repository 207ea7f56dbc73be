/* suggest.h: the word that a misspelt one was meant to be. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/* How many letters to insert, delete, replace or swap with their neighbour to make b of a. */
size_t edit_distance(const char *a, const char *b);

/* The nearest of the words that were suggested; begun as {typed, NULL, 0}. */
typedef struct suggestion {
    const char *typed;
    char *best; /* NULL: there is none yet */
    size_t distance;
} suggestion;

void suggest(suggestion *s, const char *word);
/* Each of the words in a text, divided by any of the characters. */
void suggest_each(suggestion *s, const char *words, const char *dividers);
/* "; did you mean 'BEST'?" where the best is near enough, else "". Valid until the next call. */
const char *suggested(const suggestion *s);

/* Which of the words, divided by |, the value is; else a usage error that names them: "--saved is x or y, not 'z'". */
int parse_choice(const char *what, const char *value, const char *words);

#endif
