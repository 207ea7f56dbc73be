/* text.h: the files of cl/, embedded at build time. */
#ifndef CLACT_TEXT_H
#define CLACT_TEXT_H

struct clact_text {
    const char *name;         /* "elementwise.cl" */
    const char *const *lines; /* each with its newline; ends with NULL */
};

extern const struct clact_text clact_texts[]; /* ends with a NULL name */

#endif
