/* custom_check.c: the derivative of a custom activation against finite differences of its function.
 *
 * At a point x the central differences for steps h, h/2, h/4, ... are extrapolated to h = 0 (Richardson; Ridders,
 * 1982): large steps, where rounding is small, then say as much as small ones. Each extrapolation has an error, taken
 * from what it changed, and from what rounding f may have done; the one with the smallest is kept. Steps at which the
 * differences to the left and to the right do not approach each other reach over a kink or a jump: they and all larger
 * ones take no part. A kink can still deceive one row of steps; it does not deceive a second one, of 3/4 of the steps,
 * by the same amount, so what the two differ by is allowed for. */
#include "custom.h"

#include "fpenv.h"

#include <math.h>
#include <string.h>

#define MOST_LEVELS 32
#define MOST_ORDER 4       /* levels that one extrapolation adds to the first */
#define DEFAULT_POINTS 1000
#define MOST_POINTS 1000000

struct subject {
    clact_custom_loop forward, backward;
    const void *parameters;
    bool f64;
    double first, last; /* differences reach no further */
    double unit;        /* what one evaluation of f may be off, relative to f */
    double cancelled;   /* and relative to x, a term that another one may take away */
    double least;       /* and absolutely, where it is subnormal */
    double accuracy;    /* and what a derivative may be, relative to itself */
    int narrowest;      /* steps are not smaller than |x| times 2 to minus this */
};

struct level {
    double step, slope, gap, noise; /* gap: by how much left and right differ */
    bool usable, smooth;            /* smooth: left and right approach each other from the level before to this one */
};

struct point {
    double x, derivative, estimate, tolerance;
};

static void evaluate(const struct subject *s, clact_custom_loop loop, size_t n, const double *x, double *y)
{
    float x32[2 * MOST_LEVELS + 1], y32[2 * MOST_LEVELS + 1], one32[2 * MOST_LEVELS + 1];
    double one[2 * MOST_LEVELS + 1];
    for (size_t i = 0; i < n; i++) {
        x32[i] = (float)x[i];
        one32[i] = 1;
        one[i] = 1;
    }
    if (s->f64) {
        loop(n, x, one, NULL, s->parameters, y);
        return;
    }
    loop(n, x32, one32, NULL, s->parameters, y32);
    for (size_t i = 0; i < n; i++)
        y[i] = y32[i];
}

static bool holds(const struct subject *s, double x)
{
    return x >= s->first && x <= s->last && (s->f64 || (double)(float)x == x);
}

/* ---- One point ------------------------------------------------------------------------------ */

/* The differences at x, from a quarter of |x| or of 1/4 down, times scale. Returns how many. */
static int measure(const struct subject *s, double x, double scale, struct level *levels)
{
    int exponent, narrow, count = 0;
    double at[2 * MOST_LEVELS + 1], y[2 * MOST_LEVELS + 1];
    frexp(fabs(x) > 0.25 ? x : 0.25, &exponent);
    frexp(x, &narrow);
    narrow = x == 0 ? exponent - 2 - s->narrowest : narrow - s->narrowest;
    at[0] = x;
    for (int e = exponent - 3; e >= narrow && count < MOST_LEVELS; e--, count++) {
        struct level *l = &levels[count];
        l->step = ldexp(scale, e);
        l->usable = holds(s, x + l->step) && holds(s, x - l->step) && x + l->step - x == l->step &&
                    x - (x - l->step) == l->step;
        at[2 * count + 1] = l->usable ? x + l->step : x;
        at[2 * count + 2] = l->usable ? x - l->step : x;
    }
    evaluate(s, s->forward, 2 * (size_t)count + 1, at, y);
    for (int j = 0; j < count; j++) {
        struct level *l = &levels[j];
        double right = y[2 * j + 1], left = y[2 * j + 2];
        l->usable &= isfinite(right) && isfinite(left) && isfinite(y[0]);
        l->slope = (right - left) / (2 * l->step);
        l->gap = fabs((right - y[0]) - (y[0] - left)) / l->step;
        l->noise = s->unit * (fabs(right) + fabs(left) + 2 * fabs(y[0])) + s->cancelled * fabs(x) + s->least;
        l->noise /= l->step;
        l->smooth = j > 0 && l->usable && levels[j - 1].usable && l->gap <= 0.7 * levels[j - 1].gap + l->noise;
    }
    return count;
}

/* The best extrapolation; infinity where there is none. */
static void extrapolate(const struct level *levels, int count, double *estimate, double *error)
{
    double row[MOST_ORDER + 1], before[MOST_ORDER + 1];
    int order = 0; /* of the row before */
    *estimate = 0;
    *error = INFINITY;
    for (int j = 0; j < count; j++) {
        int last = levels[j].smooth ? (order < MOST_ORDER ? order + 1 : MOST_ORDER) : 0;
        double power = 1;
        if (last == 0)
            *error = INFINITY;
        row[0] = levels[j].slope;
        for (int m = 1; m <= last; m++) {
            power *= 4;
            row[m] = row[m - 1] + (row[m - 1] - before[m - 1]) / (power - 1);
            double change = fmax(fabs(row[m] - row[m - 1]), fabs(row[m] - before[m - 1]));
            double e = change + 2 * levels[j].noise;
            if (e < *error) {
                *error = e;
                *estimate = row[m];
            }
        }
        order = last;
        memcpy(before, row, sizeof before);
    }
}

/* Whether something can be said of the derivative at x. */
static bool compare(const struct subject *s, double x, struct point *out)
{
    struct level levels[MOST_LEVELS];
    double estimates[2], errors[2];
    for (int i = 0; i < 2; i++) {
        int count = measure(s, x, i ? 0.75 : 1, levels);
        extrapolate(levels, count, &estimates[i], &errors[i]);
        if (!isfinite(errors[i]))
            return false;
    }
    out->x = x;
    out->estimate = estimates[errors[1] < errors[0]];
    evaluate(s, s->backward, 1, &x, &out->derivative);
    out->tolerance = 4 * fmax(errors[0], errors[1]) + 2 * fabs(estimates[0] - estimates[1]) +
                     s->accuracy * fabs(out->estimate) + s->least;
    return out->tolerance <= 0.05 * (1 + fabs(out->estimate));
}

/* ---- All points ----------------------------------------------------------------------------- */

/* A number from 0 to 1 for each i: SplitMix64 (Steele et al., 2014). */
static double uniform(uint64_t i)
{
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* To 12 digits, so that a step more or less is a float too; the last one is 1, so that steps are not in step with
 * jumps at whole numbers. */
static double short_number(double x)
{
    int e;
    double m = frexp(x, &e);
    return ldexp(2 * floor(m * 2048) + 1, e - 12);
}

/* Point i of n: by turns anywhere in the range, one in each of n strata, and of any magnitude, of either sign. */
static double point_of(const clact_custom_range *range, uint32_t i, uint32_t n)
{
    if (i % 2 == 0)
        return short_number(range->first + (range->last - range->first) * ((i + uniform(i)) / n));
    return short_number((i % 4 == 1 ? 1 : -1) * exp2(-12 + 19 * (i + uniform(i)) / n));
}

/* How far a derivative is from the estimate, in units of the tolerance; NaN is farther than anything. */
static double distance(const struct point *p)
{
    double d = fabs(p->derivative - p->estimate) / p->tolerance;
    return isnan(d) ? INFINITY : d;
}

/* The steepest difference of f at any point, at most 1: the scale of f, where it is small. */
static double steepest(const struct subject *s, const clact_custom_range *range)
{
    double most = 0;
    for (uint32_t i = 0; i < range->points && most < 1; i++) {
        struct level levels[MOST_LEVELS];
        int count = measure(s, point_of(range, i, range->points), 1, levels);
        for (int j = 0; j < count; j++)
            if (levels[j].usable)
                most = fmax(most, fabs(levels[j].slope));
    }
    return most < 1 ? most : 1;
}

static void check_all(struct subject *s, const clact_custom_range *range, clact_custom_report *report, double *worst)
{
    s->cancelled *= steepest(s, range);
    for (uint32_t i = 0; i < range->points; i++) {
        struct point p;
        double x = point_of(range, i, range->points);
        if (x < s->first || x > s->last)
            continue;
        if (!compare(s, x, &p)) {
            report->skipped++;
            continue;
        }
        report->points++;
        report->wrong += distance(&p) > 1;
        if (distance(&p) > *worst) {
            *worst = distance(&p);
            report->x = p.x;
            report->derivative = p.derivative;
            report->estimate = p.estimate;
            report->tolerance = p.tolerance;
            report->type = s->f64 ? CLACT_F64 : CLACT_F32;
        }
    }
}

static clact_status read_range(const clact_custom_range *given, clact_custom_range *range, bool *anywhere)
{
    *range = given ? *given : (clact_custom_range){0};
    uint64_t rest = range->reserved0;
    for (size_t i = 0; i < sizeof range->reserved / sizeof *range->reserved; i++)
        rest |= range->reserved[i];
    REQUIRE(rest == 0, CLACT_E_ARGUMENT, "reserved words of clact_custom_range must be zero");
    REQUIRE(isfinite(range->first) && isfinite(range->last) && range->first <= range->last, CLACT_E_ARGUMENT,
            "the range from %g to %g is none", range->first, range->last);
    REQUIRE(range->points <= MOST_POINTS, CLACT_E_ARGUMENT, "more than %d points", MOST_POINTS);
    *anywhere = range->first == 0 && range->last == 0;
    if (*anywhere) {
        range->first = -16;
        range->last = 16;
    }
    if (range->points == 0)
        range->points = DEFAULT_POINTS;
    return CLACT_OK;
}

clact_status clact_custom_check(const clact_activation *activation, const clact_custom_range *given,
                                clact_custom_report *report)
{
    REQUIRE(activation, CLACT_E_ARGUMENT, "activation must not be NULL");
    const struct clact_definition *own = activation->own;
    REQUIRE(own, CLACT_E_ARGUMENT, "%s is not of one's own making", activation->info->name);
    clact_custom_range range;
    bool anywhere;
    TRY(read_range(given, &range, &anywhere));
    double first = anywhere ? -INFINITY : range.first, last = anywhere ? INFINITY : range.last, worst = -1;
    struct subject f32 = {own->f32.forward, own->f32.backward, activation->p32, false, first, last, 0x1p-22, 0x1p-24,
                          0x1p-147, 0x1p-16, 9};
    struct subject f64 = {own->f64.forward, own->f64.backward, activation->p64, true, first, last, 0x1p-51, 0x1p-53,
                          0x1p-1070, 0x1p-36, 18};
    clact_custom_report r = {0};
    clact_fpenv env = clact_fpenv_enter();
    if (activation->fits_f32)
        check_all(&f32, &range, &r, &worst);
    if (own->f64.forward)
        check_all(&f64, &range, &r, &worst);
    clact_fpenv_leave(env);
    if (report)
        *report = r;
    REQUIRE(r.points, CLACT_E_RANGE, "the derivative of %s could be compared at no point from %g to %g", own->name,
            range.first, range.last);
    REQUIRE(r.wrong == 0, CLACT_E_DERIVATIVE,
            "the derivative of %s is wrong at %llu of %llu points: at x = %.9g it is given as %.9g, "
            "and differences say %.9g +- %.2g", own->name, (unsigned long long)r.wrong, (unsigned long long)r.points, r.x,
            r.derivative, r.estimate, r.tolerance);
    return CLACT_OK;
}
