/* chart_svg.c: a chart as an SVG image, readable on light and on dark pages. */
#include "chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In pixels: the box that the curves are drawn in, what is around it, and the legend above. */
enum {
    BOX_WIDTH = 480,
    BOX_HEIGHT = 300,
    LEFT = 56,
    RIGHT = 16,
    TOP = 10,
    BOTTOM = 28,
    LINE_HEIGHT = 18,
    SAMPLE = 26,    /* of a curve, in the legend */
    LETTER = 7,     /* the width of one, on average */
    ENTRY_GAP = 18, /* between the entries of the legend */
    TITLE_WIDTH = 16
};

/* Points are left out that lie so near to the line through those that stay. */
static const double tolerance = 0.05;

typedef struct point {
    double x, y; /* in pixels */
} point;

/* Where the box begins. */
typedef struct frame {
    int left, top;
} frame;

/* A coordinate with at most two decimals. */
static void print_coordinate(FILE *to, double pixels)
{
    long hundredths = lround(pixels * 100), rest = labs(hundredths) % 100;
    fprintf(to, "%s%ld", hundredths < 0 ? "-" : "", labs(hundredths) / 100);
    if (rest)
        fprintf(to, rest % 10 ? ".%02ld" : ".%ld", rest % 10 ? rest : rest / 10);
}

static double to_x(const chart *p, const frame *f, double x)
{
    return f->left + (x - p->x_low) / (p->x_high - p->x_low) * BOX_WIDTH;
}

static double to_y(const chart *p, const frame *f, double y)
{
    return f->top + (p->y_high - y) / (p->y_high - p->y_low) * BOX_HEIGHT;
}

/* ---- Curves --------------------------------------------------------------------------------- */

/* Marks those of the points between first and last that stay: the farthest from the line through the two, if it is
 * not near enough, and those on both sides of it. */
static void keep_farthest(const point *points, size_t first, size_t last, bool *kept)
{
    const point *a = &points[first], *b = &points[last];
    double dx = b->x - a->x, dy = b->y - a->y, farthest = 0;
    size_t at = first;
    for (size_t i = first + 1; i < last; i++) {
        double across = fabs((points[i].x - a->x) * dy - (points[i].y - a->y) * dx);
        if (across > farthest) {
            farthest = across;
            at = i;
        }
    }
    if (farthest * farthest <= tolerance * tolerance * (dx * dx + dy * dy))
        return;
    kept[at] = true;
    keep_farthest(points, first, at, kept);
    keep_farthest(points, at, last, kept);
}

/* A line through the points. kept is as long as they are. */
static void print_line(FILE *to, const point *points, size_t count, bool *kept)
{
    if (count < 2)
        return;
    memset(kept, 0, count);
    kept[0] = kept[count - 1] = true;
    keep_farthest(points, 0, count - 1, kept);
    for (size_t i = 0; i < count; i++) {
        if (!kept[i])
            continue;
        fputc(i == 0 ? 'M' : 'L', to);
        print_coordinate(to, points[i].x);
        fputc(' ', to);
        print_coordinate(to, points[i].y);
    }
}

static bool is_inside(const chart *p, double y)
{
    return y >= p->y_low && y <= p->y_high;
}

/* Where the line between points i and i + 1, one of which is inside, leaves the box. */
static point crossing(const chart *p, const frame *f, const curve *c, size_t i)
{
    double outer = is_inside(p, c->y[i]) ? c->y[i + 1] : c->y[i], edge = outer > p->y_high ? p->y_high : p->y_low;
    double share = (edge - c->y[i]) / (c->y[i + 1] - c->y[i]);
    return (point){to_x(p, f, p->x[i] + share * (p->x[i + 1] - p->x[i])), to_y(p, f, edge)};
}

/* The attributes of a curve's line, here and in the legend. */
static void print_look(FILE *to, const curve *c)
{
    fprintf(to, "class=\"c%zu\" stroke=\"%s\"", c->colour, chart_colours[0][c->colour]);
    if (c->dashed)
        fputs(" stroke-dasharray=\"6 4\"", to);
}

static void print_curve(FILE *to, const chart *p, const frame *f, const curve *c)
{
    point *line = allocate(p->points + 2, sizeof *line);
    bool *kept = allocate(p->points + 2, sizeof *kept);
    size_t count = 0;
    fputs("<path ", to);
    print_look(to, c);
    fputs(" d=\"", to);
    for (size_t i = 0; i < p->points; i++) {
        bool inside = isfinite(c->y[i]) && is_inside(p, c->y[i]), joined = i + 1 < p->points && !chart_breaks(p, c, i);
        if (inside)
            line[count++] = (point){to_x(p, f, p->x[i]), to_y(p, f, c->y[i])};
        if (joined && inside != is_inside(p, c->y[i + 1]))
            line[count++] = crossing(p, f, c, i);
        if (joined && is_inside(p, c->y[i + 1]))
            continue;
        print_line(to, line, count, kept);
        count = 0;
    }
    fputs("\"/>\n", to);
    free(kept);
    free(line);
}

/* ---- What is around them -------------------------------------------------------------------- */

enum { BACKGROUND, GRID, AXIS, LETTERS, GREYS };
static const char *const greys[2][GREYS] = {
    {"#ffffff", "#e2e2e2", "#8a8a8a", "#333333"},
    {"#14181d", "#30353b", "#7d848c", "#d5d9dd"},
};

/* The attributes have the colours of light pages, so that what knows no style sheets draws them too. */
static void print_style(FILE *to, const chart *p)
{
    const char *const *dark = greys[1];
    fprintf(to, "<style>@media(prefers-color-scheme:dark){.b{fill:%s}.g{stroke:%s}.a{stroke:%s}text{fill:%s}",
            dark[BACKGROUND], dark[GRID], dark[AXIS], dark[LETTERS]);
    for (size_t colour = 0; colour < CHART_COLOURS; colour++) {
        bool used = false;
        for (size_t k = 0; k < p->count; k++)
            used |= p->curves[k].colour == colour;
        if (used)
            fprintf(to, ".c%zu{stroke:%s}", colour, chart_colours[1][colour]);
    }
    fputs("}</style>\n", to);
}

/* A line of the grid, darker where it is an axis. */
static void print_grid_line(FILE *to, bool is_axis, double x1, double y1, double x2, double y2)
{
    fprintf(to, "<path class=\"%s\" stroke=\"%s\" d=\"M", is_axis ? "a" : "g", greys[0][is_axis ? AXIS : GRID]);
    print_coordinate(to, x1);
    fputc(' ', to);
    print_coordinate(to, y1);
    fputc('L', to);
    print_coordinate(to, x2);
    fputc(' ', to);
    print_coordinate(to, y2);
    fputs("\"/>\n", to);
}

static void print_text(FILE *to, const char *anchor, double x, double y, const char *text)
{
    fprintf(to, "<text text-anchor=\"%s\" x=\"", anchor);
    print_coordinate(to, x);
    fputs("\" y=\"", to);
    print_coordinate(to, y);
    fprintf(to, "\">%s</text>\n", text);
}

static void print_axes(FILE *to, const chart *p, const frame *f)
{
    char text[NUMBER_TEXT_SIZE];
    ticks x = ticks_within(p->x_low, p->x_high, 12), y = ticks_within(p->y_low, p->y_high, 8);
    double bottom = f->top + BOX_HEIGHT, right = f->left + BOX_WIDTH;
    for (int64_t i = x.first; i <= x.last; i++) {
        double at = to_x(p, f, (double)i * x.step);
        print_grid_line(to, i == 0, at, f->top, at, bottom);
        print_text(to, "middle", at, bottom + 17, tick_text(text, &x, i));
    }
    for (int64_t i = y.first; i <= y.last; i++) {
        double at = to_y(p, f, (double)i * y.step);
        print_grid_line(to, i == 0, f->left, at, right, at);
        print_text(to, "end", f->left - 6, at + 4, tick_text(text, &y, i));
    }
    if (p->y_title)
        fprintf(to, "<text text-anchor=\"middle\" transform=\"translate(13 %d)rotate(-90)\">%s</text>\n",
                f->top + BOX_HEIGHT / 2, p->y_title);
}

/* Prints the legend, or with NULL only measures it; how many lines it takes. */
static int legend(FILE *to, const chart *p, int left)
{
    int x = left, lines = 1;
    for (size_t k = 0; k < p->count; k++) {
        const curve *c = &p->curves[k];
        int width = SAMPLE + 6 + LETTER * (int)strlen(c->label);
        if (x > left && x + width > left + BOX_WIDTH) {
            x = left;
            lines++;
        }
        int y = TOP + lines * LINE_HEIGHT - 10;
        if (to) {
            fputs("<path ", to);
            print_look(to, c);
            fprintf(to, " stroke-width=\"2\" d=\"M%d %dh%d\"/>\n", x, y, SAMPLE);
            print_text(to, "start", x + SAMPLE + 6, y + 4, c->label);
        }
        x += width + ENTRY_GAP;
    }
    return lines;
}

void chart_svg(FILE *to, const chart *p)
{
    frame f = {LEFT + (p->y_title ? TITLE_WIDTH : 0), TOP};
    f.top += legend(NULL, p, f.left) * LINE_HEIGHT;
    int width = f.left + BOX_WIDTH + RIGHT, height = f.top + BOX_HEIGHT + BOTTOM;
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\"", width,
            height, width, height);
    fputs(" role=\"img\">\n<title>", to);
    for (size_t k = 0; k < p->count; k++)
        fprintf(to, "%s%s", k ? ", " : "", p->curves[k].label);
    fputs("</title>\n", to);
    print_style(to, p);
    fprintf(to, "<path class=\"b\" fill=\"%s\" d=\"M0 0h%dv%dH0z\"/>\n", greys[0][BACKGROUND], width, height);
    fprintf(to, "<g font-family=\"sans-serif\" font-size=\"12\" fill=\"%s\">\n", greys[0][LETTERS]);
    print_axes(to, p, &f);
    legend(to, p, f.left);
    fputs("</g>\n<g fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\">\n", to);
    for (size_t k = 0; k < p->count; k++)
        print_curve(to, p, &f, &p->curves[k]);
    fputs("</g>\n</svg>\n", to);
}
