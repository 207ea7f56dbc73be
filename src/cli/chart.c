/* chart.c: what the ways to draw a chart share: where curves break, how far the axes reach, round numbers. */
#include "chart.h"

#include <math.h>
#include <stdlib.h>

/* After Okabe and Ito; darker or lighter where the background asks for it. */
const char *const chart_colours[2][CHART_COLOURS] = {
    {"#0072b2", "#d55e00", "#008060", "#b8508c", "#946200", "#2a9fd8", "#6a3fb5", "#555555"},
    {"#4cb0ee", "#ff8a3c", "#2fc79d", "#ec8fc0", "#e6b422", "#8fd3ff", "#b79bff", "#b0b0b0"},
};

void chart_free(chart *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->curves[i].label);
        free(p->curves[i].y);
    }
    free(p->curves);
    free(p->x);
}

/* How far the curve goes between point i + by and the next; 0 where there are no such points. */
static double step_of(const chart *p, const curve *c, size_t i, int by)
{
    if ((by < 0 && i < (size_t)-by) || i + (size_t)(by + 1) >= p->points)
        return 0;
    double step = fabs(c->y[i + (size_t)by + 1] - c->y[i + (size_t)by]);
    return isfinite(step) ? step : 0;
}

bool chart_breaks(const chart *p, const curve *c, size_t i)
{
    if (!isfinite(c->y[i]) || !isfinite(c->y[i + 1]))
        return true;
    double step = step_of(p, c, i, 0);
    if (p->jagged || step <= 0.01 * (p->y_high - p->y_low))
        return false;
    /* Beside a jump the curve hardly moves; or it goes on jumping, from a point in the middle of it, as that of sign. */
    double before = step_of(p, c, i, -1), after = step_of(p, c, i, 1);
    double sooner = step_of(p, c, i, -2), later = step_of(p, c, i, 2);
    return step > 8 * fmin(fmax(before, after), fmin(fmax(before, later), fmax(sooner, after)));
}

void chart_fit(chart *p, double limit)
{
    double low = INFINITY, high = -INFINITY;
    size_t finite = 0, within = 0;
    for (size_t k = 0; k < p->count; k++) {
        for (size_t i = 0; i < p->points; i++) {
            double y = p->curves[k].y[i];
            if (!isfinite(y))
                continue;
            finite++;
            within += fabs(y) <= limit;
            low = y < low ? y : low;
            high = y > high ? y : high;
        }
    }
    if (10 * within >= finite) {
        low = low < -limit ? -limit : low;
        high = high > limit ? limit : high;
    }
    if (!finite)
        low = high = 0;
    double margin = high > low ? 0.04 * (high - low) : low != 0 ? fabs(low) : 1;
    p->y_low = low - margin;
    p->y_high = high + margin;
}

/* ---- Ticks ---------------------------------------------------------------------------------- */

ticks ticks_within(double low, double high, int most)
{
    double least = (high - low) / most, unit = 1;
    while (unit * 10 <= least)
        unit *= 10;
    while (unit > least)
        unit /= 10;
    double step = least <= unit ? unit : least <= 2 * unit ? 2 * unit : least <= 5 * unit ? 5 * unit : 10 * unit;
    /* A tick at the very end is not lost to rounding. */
    return (ticks){step, (int64_t)ceil(low / step - 1e-6), (int64_t)floor(high / step + 1e-6)};
}

const char *tick_text(char out[NUMBER_TEXT_SIZE], const ticks *t, int64_t i)
{
    snprintf(out, NUMBER_TEXT_SIZE, "%.10g", (double)i * t->step);
    return out;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

void chart_table(FILE *to, const chart *p, bool csv)
{
    fputs(csv ? "x" : "# x", to);
    for (size_t k = 0; k < p->count; k++)
        fprintf(to, csv ? ",\"%s\"" : " \"%s\"", p->curves[k].label);
    fputc('\n', to);
    for (size_t i = 0; i < p->points; i++) {
        fprintf(to, "%.9g", p->x[i]);
        for (size_t k = 0; k < p->count; k++)
            fprintf(to, "%c%.9g", csv ? ',' : ' ', p->curves[k].y[i]);
        fputc('\n', to);
    }
}
