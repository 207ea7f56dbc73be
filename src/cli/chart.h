/* chart.h: curves, the axes that they are drawn on, and the ways to draw them. */
#ifndef CLI_CHART_H
#define CLI_CHART_H

#include "common.h"

#include <stdio.h>

typedef struct curve {
    char *label;
    double *y;     /* as many as the chart has points; what is not finite is not drawn */
    size_t colour; /* of chart_colours; a function and its derivative have the same */
    bool dashed;
} curve;

typedef struct chart {
    const char *y_title; /* what y is; NULL where the labels say it */
    bool jagged;         /* the curves go up and down from point to point: no jump is a break */
    size_t points;
    double *x; /* from x_low to x_high, rising */
    curve *curves;
    size_t count;
    double x_low, x_high, y_low, y_high; /* what is drawn */
} chart;

void chart_free(chart *p);

/* Whether no line joins points i and i + 1: the curve jumps there, or has no finite value at one of them. */
bool chart_breaks(const chart *p, const curve *c, size_t i);

/* y_low and y_high from the curves. What leaves [-limit, limit] is cut off there, unless that would be nearly all. */
void chart_fit(chart *p, double limit);

/* Colours that are told apart also by those who do not see all of them, on white and on black. */
enum { CHART_COLOURS = 8 };
extern const char *const chart_colours[2][CHART_COLOURS];

/* ---- Ticks ---------------------------------------------------------------------------------- */

/* first * step, ..., last * step: the round numbers of an interval. The step is 1, 2 or 5 times a power of ten. */
typedef struct ticks {
    double step;
    int64_t first, last;
} ticks;

/* At most so many, and a few less. */
ticks ticks_within(double low, double high, int most);
/* The number at tick i as text; returns out. */
const char *tick_text(char out[NUMBER_TEXT_SIZE], const ticks *t, int64_t i);

/* ---- Drawing -------------------------------------------------------------------------------- */

/* The same numbers give the same bytes. */
void chart_svg(FILE *to, const chart *p);

/* With characters. marks: a character for each curve, not dots in Braille ones, which only colours tell apart. */
typedef struct terminal {
    int columns, rows;
    bool unicode, colours, marks;
} terminal;

void chart_terminal(FILE *to, const chart *p, const terminal *t);

/* A line of labels and one for each point; csv: else separated by blanks, the first line being a comment. */
void chart_table(FILE *to, const chart *p, bool csv);

/* A PNG image by gnuplot, to be freed; NULL where that cannot be started, errno saying why. Ends the program where it
 * fails. */
void *chart_png(const chart *p, size_t *bytes);

#endif
