/* chart_terminal.c: a chart drawn with characters. */
#include "chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The dots of a Braille character, two in a row, as bits of its code point. */
enum { DOTS_X = 2, DOTS_Y = 4 };
static const unsigned char dot_bits[DOTS_Y][DOTS_X] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

/* Those of curves, in turn. */
static const char marks[] = "*+ox#@%&";
static const int colours[] = {36, 33, 35, 32, 31, 34};

typedef struct cell {
    unsigned char dots;
    size_t top; /* the curve drawn last here, from 1 on; 0: none */
} cell;

typedef struct screen {
    FILE *to;
    const chart *chart;
    const terminal *terminal;
    int columns, rows; /* of the box, in characters */
    int label_width;
    cell *cells;
} screen;

/* ---- Curves --------------------------------------------------------------------------------- */

static bool has_dots(const screen *s)
{
    return s->terminal->unicode && !s->terminal->marks;
}

static void set_dot(screen *s, size_t k, int x, int y)
{
    int wide = has_dots(s) ? DOTS_X : 1, high = has_dots(s) ? DOTS_Y : 1;
    if (x < 0 || x >= s->columns * wide || y < 0 || y >= s->rows * high)
        return;
    cell *c = &s->cells[y / high * s->columns + x / wide];
    c->dots |= dot_bits[y % high][x % wide];
    c->top = k + 1;
}

/* The place of a share of the box that has so many; what is outside is just outside. */
static int place(double share, int count)
{
    return share < 0 ? -1 : share > 1 ? count : (int)lround(share * (count - 1));
}

static void draw_curve(screen *s, size_t k)
{
    const chart *p = s->chart;
    const curve *c = &p->curves[k];
    int width = s->columns * (has_dots(s) ? DOTS_X : 1), height = s->rows * (has_dots(s) ? DOTS_Y : 1), before = 0;
    for (size_t i = 0; i < p->points; i++) {
        if (!isfinite(c->y[i]))
            continue;
        int x = place((p->x[i] - p->x_low) / (p->x_high - p->x_low), width);
        int y = place((p->y_high - c->y[i]) / (p->y_high - p->y_low), height);
        bool joined = i > 0 && !chart_breaks(p, c, i - 1);
        int from = joined && before < y ? before + 1 : y, to = joined && before > y ? before - 1 : y;
        for (int dot = from; dot <= to; dot++)
            set_dot(s, k, x, dot);
        before = y;
    }
}

/* ---- Printing ------------------------------------------------------------------------------- */

static void begin_colour(const screen *s, size_t k)
{
    if (s->terminal->colours)
        fprintf(s->to, "\033[%dm", colours[k % (sizeof colours / sizeof colours[0])]);
}

static void end_colour(const screen *s)
{
    if (s->terminal->colours)
        fputs("\033[0m", s->to);
}

/* The axes, where there is no curve: x and y are zero somewhere in this character. */
static const char *background(const screen *s, int column, int row)
{
    const chart *p = s->chart;
    bool is_x = place((0 - p->x_low) / (p->x_high - p->x_low), s->columns) == column;
    bool is_y = place((p->y_high - 0) / (p->y_high - p->y_low), s->rows) == row;
    return !is_x && !is_y ? " " : s->terminal->unicode ? "·" : ".";
}

static void print_cell(const screen *s, int column, int row)
{
    const cell *c = &s->cells[row * s->columns + column];
    if (!c->top) {
        fputs(background(s, column, row), s->to);
        return;
    }
    begin_colour(s, c->top - 1);
    if (has_dots(s))
        fprintf(s->to, "\xe2%c%c", 0xa0 | c->dots >> 6, 0x80 | (c->dots & 0x3f)); /* U+2800 and the dots, as UTF-8 */
    else
        fputc(marks[(c->top - 1) % (sizeof marks - 1)], s->to);
    end_colour(s);
}

static bool is_blank(const screen *s, int column, int row)
{
    return !s->cells[row * s->columns + column].top && background(s, column, row)[0] == ' ';
}

/* "* gelu   + gelu'", in as many lines as it takes; with no file, only their number. */
static int legend(const screen *s, FILE *to)
{
    int column = 0, lines = 1;
    for (size_t k = 0; k < s->chart->count; k++) {
        int width = 3 + (int)strlen(s->chart->curves[k].label);
        bool fits = column == 0 || column + 3 + width <= s->terminal->columns;
        if (!fits)
            lines++;
        if (to) {
            fputs(column == 0 ? "" : fits ? "   " : "\n", to);
            begin_colour(s, k);
            if (has_dots(s))
                fputs("⠒⠒", to);
            else
                fputc(marks[k % (sizeof marks - 1)], to);
            end_colour(s);
            fprintf(to, " %s", s->chart->curves[k].label);
        }
        column = (column == 0 ? 0 : fits ? column + 3 : 0) + width;
    }
    if (to && s->chart->y_title)
        fprintf(to, "   (%s)", s->chart->y_title);
    if (to)
        fputc('\n', to);
    return lines;
}

static void print_rows(const screen *s, const ticks *y)
{
    const chart *p = s->chart;
    for (int row = 0; row < s->rows; row++) {
        char text[NUMBER_TEXT_SIZE] = "";
        for (int64_t i = y->first; i <= y->last; i++)
            if (place((p->y_high - (double)i * y->step) / (p->y_high - p->y_low), s->rows) == row)
                tick_text(text, y, i);
        const char *unicode_line = text[0] ? "┤" : "│", *plain_line = text[0] ? "+" : "|";
        fprintf(s->to, "%*s %s", s->label_width, text, s->terminal->unicode ? unicode_line : plain_line);
        int end = s->columns;
        while (end > 0 && is_blank(s, end - 1, row))
            end--;
        for (int column = 0; column < end; column++)
            print_cell(s, column, row);
        fputc('\n', s->to);
    }
}

/* The line below the box, and the numbers of x below that. */
static void print_bottom(const screen *s)
{
    const chart *p = s->chart;
    ticks x = ticks_within(p->x_low, p->x_high, s->columns / 8 + 1);
    char *numbers = allocate((size_t)s->columns + NUMBER_TEXT_SIZE, 1), text[NUMBER_TEXT_SIZE];
    int64_t tick = x.first;
    int end = 0;
    memset(numbers, ' ', (size_t)s->columns);
    fprintf(s->to, "%*s %s", s->label_width, "", s->terminal->unicode ? "└" : "+");
    for (int column = 0; column < s->columns; column++) {
        bool here = false;
        for (; tick <= x.last; tick++) {
            int at = place(((double)tick * x.step - p->x_low) / (p->x_high - p->x_low), s->columns);
            if (at > column)
                break;
            here |= at == column;
            int length = (int)strlen(tick_text(text, &x, tick)), start = at - length / 2;
            start = start + length > s->columns ? s->columns - length : start;
            if (start < end)
                start = end;
            if (start + length > s->columns)
                continue;
            memcpy(numbers + start, text, (size_t)length);
            end = start + length + 1;
        }
        const char *unicode_line = here ? "┬" : "─", *plain_line = here ? "+" : "-";
        fputs(s->terminal->unicode ? unicode_line : plain_line, s->to);
    }
    for (size_t length = strlen(numbers); length > 0 && numbers[length - 1] == ' '; length--)
        numbers[length - 1] = '\0';
    fprintf(s->to, "\n%*s%s\n", s->label_width + 2, "", numbers);
    free(numbers);
}

void chart_terminal(FILE *to, const chart *p, const terminal *t)
{
    screen s = {.to = to, .chart = p, .terminal = t};
    char text[NUMBER_TEXT_SIZE];
    /* Below the box there are two lines, and one for the prompt. */
    s.rows = t->rows - legend(&s, NULL) - 3;
    s.rows = s.rows < 5 ? 5 : s.rows;
    ticks y = ticks_within(p->y_low, p->y_high, s.rows / 2);
    for (int64_t i = y.first; i <= y.last; i++) {
        int width = (int)strlen(tick_text(text, &y, i));
        s.label_width = width > s.label_width ? width : s.label_width;
    }
    s.columns = t->columns - s.label_width - 2;
    s.columns = s.columns < 10 ? 10 : s.columns;
    s.cells = allocate((size_t)s.rows * (size_t)s.columns, sizeof *s.cells);
    for (size_t k = 0; k < p->count; k++)
        draw_curve(&s, k);
    legend(&s, to);
    print_rows(&s, &y);
    print_bottom(&s);
    free(s.cells);
}
