/* rowwise.h: the activations of whole rows: softmax, log_softmax, softmin, sparsemax and hardmax.
 *
 * A row is brought to elements t, z = scale x being t quarter factor: where the scale is negative x is negated,
 * and what takes no part is -infinity. Its greatest t is found first; then the row's sums are made, in the
 * order of reduction.h; then each result, or each gradient. Each activation has, besides its name:
 *   NAME_scale     what scale is taken for
 *   NAME_none      y of an element that takes no part, and of all in a row where none does
 *   NAME_start     the first value of hi
 *   NAME_first     1 where the first of the greatest gets 1 and there are no sums
 *   NAME_kept      what of t the term and the result are made of;  NAME_keeps  1 where a driver that has room for it
 *                  need not compute it twice
 *   NAME_term      two sums with the term of an element; NAME_after what becomes of the sums, and whether they are
 *                  to be made again;  NAME_y  the result
 *   NAME_dterm, NAME_dafter, NAME_dx the same backward, from y and dy
 *   NAME_paired    1 where b, of the two sums, is what a lacks
 * The drivers see to masks, to rows without elements or with a NaN, and to dx_beta.
 *
 * Error in f32, relative to the magnitudes that are added up, for rows to 10^7: 4 ulp. Forward softmax and
 * log_softmax stay below 2. */
#ifndef CLACT_ROWWISE_H
#define CLACT_ROWWISE_H

typedef struct { real a, b; } sums;

typedef struct {
    bits flip;           /* SIGN_BIT where x is negated */
    real quarter, factor; /* quarter is 1, or 1/4 for a scale below 1: differences then do not overflow */
    real greatest;       /* NaN where any t is */
    int near;            /* whether the scale is 1 and the greatest at most 512 in magnitude */
    real whole, rest;    /* then it is whole LN2_HIGH + rest */
    real hi, lo;         /* what the sums have given */
    real before, after;  /* the scale of gradients: it is the product of these two and 1/2. before is a power of two,
                          * not below 1: what it multiplies keeps every digit, also where that is subnormal */
} row_state;

INLINE row_state row_of(real scale, real start)
{
    real s = magnitude(scale);
    row_state r;
    r.flip = to_bits(scale) & SIGN_BIT;
    r.quarter = s < C(1.0) ? C(0.25) : C(1.0);
    r.factor = s < C(1.0) ? C(4.0) * s : s;
    r.before = s > C(1.0) ? to_real(to_bits(s) & INFINITY_BITS) : C(1.0);
    r.after = C(2.0) * (s > C(1.0) ? to_real((to_bits(scale) & ~INFINITY_BITS) | to_bits(C(1.0))) : scale);
    r.greatest = r.lo = r.whole = r.rest = C(0.0);
    r.near = 0;
    r.hi = start;
    return r;
}

/* ---- Sums ----------------------------------------------------------------------------------- */

/* The order is that of reduction.h. Where sums are paired, b is what a lacks: one term may be far above the others,
 * and every addition on its way to the total would round at its size. */
INLINE sums sums_of(sums x, sums y, int paired)
{
    sums s;
    s.a = x.a + y.a;
    real z = s.a - x.a, lacking = x.a - (s.a - z) + (y.a - z);
    s.b = x.b + y.b + (paired ? lacking : NO_SUM);
    return s;
}

/* The value of paired sums. */
INLINE real paired_value(sums s)
{
    return magnitude(s.a) < INFINITE ? s.a + s.b : s.a;
}

/* reduction_push() and reduction_total() for two sums at once. */
INLINE void row_push(SHARED real *a, SHARED real *b, u64 index, sums s, int paired)
{
    u32 level = 0;
    for (; index & 1; index >>= 1) {
        sums before = {a[level], b[level]};
        s = sums_of(before, s, paired);
        level++;
    }
    a[level] = s.a;
    b[level] = s.b;
}

INLINE sums row_total(SHARED const real *a, SHARED const real *b, u64 blocks, int paired)
{
    sums s = {NO_SUM, NO_SUM};
    for (u32 level = 0; blocks; blocks >>= 1) {
        if (blocks & 1) {
            sums before = {a[level], b[level]};
            s = sums_of(before, s, paired);
        }
        level++;
    }
    return s;
}

/* ---- Elements ------------------------------------------------------------------------------- */

/* Of x; zeros have one sign. */
INLINE real row_element(real x, bits flip)
{
    bits b = to_bits(x) ^ flip;
    return to_real(b == SIGN_BIT ? 0 : b);
}

#define NO_PART to_real(INFINITY_BITS | SIGN_BIT) /* -infinity */

/* What follows from the greatest. */
INLINE row_state row_with(row_state r, real greatest)
{
    reduced a = reduce(greatest, C(0.0));
    r.greatest = greatest;
    r.near = r.factor == C(1.0) && r.quarter == C(1.0) && magnitude(greatest) <= C(512.0);
    r.whole = a.n;
    r.rest = a.high;
    return r;
}

/* Bits that are ordered as the numbers are, with NaN above all. */
INLINE bits order_of(real t)
{
    bits b = to_bits(canonical(t));
    return b & SIGN_BIT ? ~b : b | SIGN_BIT;
}

INLINE real of_order(bits order)
{
    return to_real(order & SIGN_BIT ? order ^ SIGN_BIT : ~order);
}

/* Whether a row has sums: it has elements that take part, and none of them is NaN. */
INLINE int row_has_sums(row_state r) { return r.greatest > NO_PART; }

/* A result where the row may have no sums: none, or a NaN. */
INLINE real row_result(real y, real none, row_state r)
{
    const real without = r.greatest == NO_PART ? none : r.greatest;
    return row_has_sums(r) ? y : without;
}

/* (t - greatest) quarter, exactly (Knuth's TwoSum); lo is NaN where hi is infinite. The products by quarter are
 * exact, and within fma. */
INLINE pair row_difference(real t, row_state r)
{
    pair d;
    d.hi = fused(t, r.quarter, -(r.greatest * r.quarter));
    real v = fused(-t, r.quarter, d.hi), w = d.hi - v;
    d.lo = fused(t, r.quarter, -w) + fused(-r.greatest, r.quarter, -v);
    return d;
}

/* ---- softmax -------------------------------------------------------------------------------- */

/* e^(z - m) 2^120 (f64: 2^1000): 1.3 ulp; of the greatest exactly that power, and zero where a share of it would be.
 * Nothing subnormal is on its way. Near zero t - m need not be exact: its n gives the power, and n and that of the
 * greatest are taken from t as in reduce(), which leaves a number that the type holds. */
#define ROW_LEAST K(-120.0, -770.0)

INLINE real row_exp(real t, row_state r)
{
    if (r.near) {
        reduced a = reduce(t - r.greatest, K(120.0, 1000.0));
        real x = fused(a.n, -LN2_LOW, fused(a.n + r.whole, -LN2_HIGH, t) - r.rest);
        real v = fused(a.power, fused(x * x, exp_tail(x), x), a.power);
        return t - r.greatest < ROW_LEAST ? C(0.0) : v;
    }
    pair d = row_difference(t, r), z;
    z.hi = d.hi * r.factor;
    z.lo = fused(d.lo, r.factor, fused(d.hi, r.factor, -z.hi));
    exp_parts e = exp_parts_of(z, K(120.0, 1000.0));
    real v = fused(e.power, e.r + e.tail, e.power);
    v = z.hi < ROW_LEAST ? C(0.0) : v;
    return t == r.greatest ? EXP_SCALE : v;
}

/* It is summed with a factor of 2^60 (f64: 2^500), exactly but for what the sums of what is lacking round. */
#define ROW_UNSCALE K(0x1p-60, 0x1p-500)

INLINE sums row_exp_term(sums s, real v)
{
    real a = fused(v, ROW_UNSCALE, s.a), z = a - s.a;
    s.b += s.a - (a - z) + fused(v, ROW_UNSCALE, -z);
    s.a = a;
    return s;
}

#define softmax_scale(scale) (scale)
#define softmax_none C(0.0)
#define softmax_start C(0.0)
#define softmax_first 0
#define softmax_keeps 1
INLINE real softmax_kept(real t, row_state r) { return row_exp(t, r); }
INLINE sums softmax_term(sums s, real v, row_state r) { return row_exp_term(s, v); }

/* 1/S as a sum. */
INLINE int softmax_after(row_state *r, sums s)
{
    real sum = s.a + s.b, rest = s.a - sum + s.b;
    r->hi = divide(C(1.0), sum * ROW_UNSCALE);
    r->lo = fused(-r->hi, rest * ROW_UNSCALE, fused(-r->hi, sum * ROW_UNSCALE, C(1.0))) * r->hi;
    return 0;
}

INLINE real softmax_y(real v, row_state r)
{
    return magnitude(fused(v, r.hi, v * r.lo) * EXP_UNSCALE);
}

/* A y of zero is dead: its dy reaches nothing. */
#define softmax_paired 1
INLINE sums softmax_dterm(sums s, real y, real dy, row_state r)
{
    real a = fused(y, dy, s.a), term = y * dy;
    real small = fused(y, dy, s.a - a), large = fused(y, dy, -a) + s.a;
    real b = s.b + (magnitude(term) < magnitude(s.a) ? small : large);
    s.a = y == C(0.0) ? s.a : a;
    s.b = y == C(0.0) ? s.b : b;
    return s;
}

INLINE int softmax_dafter(row_state *r, sums s)
{
    r->hi = row_element(paired_value(s), 0) * C(0.5);
    return 0;
}

INLINE real softmax_dx(real y, real dy, row_state r)
{
    real g = fused(dy, C(0.5), -r.hi); /* half, so that no difference overflows */
    real dx = y * r.before * g * r.after;
    return y == C(0.0) ? C(0.0) : dx;
}

/* ---- softmin: softmax of -x ----------------------------------------------------------------- */

#define softmin_scale(scale) (-(scale))
#define softmin_none C(0.0)
#define softmin_start C(0.0)
#define softmin_first 0
#define softmin_keeps 1
INLINE real softmin_kept(real t, row_state r) { return row_exp(t, r); }
INLINE sums softmin_term(sums s, real v, row_state r) { return row_exp_term(s, v); }
INLINE int softmin_after(row_state *r, sums s) { return softmax_after(r, s); }
INLINE real softmin_y(real v, row_state r) { return softmax_y(v, r); }
#define softmin_paired 1
INLINE sums softmin_dterm(sums s, real y, real dy, row_state r) { return softmax_dterm(s, y, dy, r); }
INLINE int softmin_dafter(row_state *r, sums s) { return softmax_dafter(r, s); }
INLINE real softmin_dx(real y, real dy, row_state r) { return softmax_dx(y, dy, r); }

/* ---- log_softmax ---------------------------------------------------------------------------- */

#define log_softmax_scale(scale) (scale)
#define log_softmax_none NO_PART
#define log_softmax_start C(0.0)
#define log_softmax_first 0

/* log(1 + u) for u >= 0: 1 ulp. */
INLINE real row_log1p(real u)
{
    pair s, d, n = {u < C(1.0) ? u : C(1.0), C(0.0)};
    s.hi = C(1.0) + u;
    s.lo = C(1.0) - (s.hi - u);
    pair l = log2_pair(s.hi);
    real rest = fused(l.hi, LN2_LOW, fused(l.lo, LN2_HIGH, divide(s.lo, s.hi)));
    real above_one = fused(l.hi, LN2_HIGH, rest);
    d.hi = fused(n.hi, C(0.5), C(1.0));
    d.lo = fused(n.hi, C(0.5), C(1.0) - d.hi);
    pair w = quotient_sum(n, d);
    real z = w.hi * w.hi;
    real below = w.hi + fused(w.hi, z * log1p_tail(z), w.lo);
    below = u < K(0x1p-26, 0x1p-55) ? u : below; /* with nothing subnormal on the way */
    return u > C(1.0) ? above_one : below;
}

#define log_softmax_keeps 0
INLINE real log_softmax_kept(real t, row_state r) { return t; }
INLINE sums log_softmax_term(sums s, real t, row_state r) { return row_exp_term(s, row_exp(t, r)); }

/* log S, one of the greatest being the 1 of log(1 + u): where it is far above the others no digit is lost. */
INLINE int log_softmax_after(row_state *r, sums s)
{
    r->hi = row_log1p(fused(s.b, ROW_UNSCALE, fused(s.a, ROW_UNSCALE, C(-1.0))));
    return 0;
}

/* z - m and -log S have one sign: nothing cancels. */
INLINE real log_softmax_y(real t, row_state r)
{
    if (r.near)
        return t - r.greatest - r.hi;
    pair d = row_difference(t, r);
    real y = fused(d.lo, r.factor, fused(d.hi, r.factor, -r.hi));
    y = magnitude(d.hi) < INFINITE ? y : NO_PART;
    return row_element(t == r.greatest ? -r.hi : y, 0);
}

/* A y of -infinity takes no part. */
#define log_softmax_paired 1
INLINE sums log_softmax_dterm(sums s, real y, real dy, row_state r)
{
    sums term = {y == NO_PART ? NO_SUM : dy, NO_SUM};
    return sums_of(s, term, 1);
}

INLINE int log_softmax_dafter(row_state *r, sums s)
{
    r->hi = paired_value(s) * C(0.5);
    return 0;
}

INLINE real log_softmax_dx(real y, real dy, row_state r)
{
    pair e = exp_scaled(y < C(0.0) ? y : C(0.0), EXP_LEAST);
    real p = (e.hi + e.lo) * EXP_UNSCALE, g = fused(-p, r.hi, dy * C(0.5));
    g = p == C(0.0) ? dy * C(0.5) : g;
    real dx = g * r.before * r.after;
    return nan_or(y, y == NO_PART ? C(0.0) : dx);
}

/* ---- sparsemax ------------------------------------------------------------------------------ */

#define sparsemax_scale(scale) (scale)
#define sparsemax_none C(0.0)
#define sparsemax_start C(-1.0)
#define sparsemax_first 0

#define sparsemax_keeps 0 /* the sums are made again */

/* z - m, rounded. */
INLINE real sparsemax_kept(real t, row_state r)
{
    pair d = row_difference(t, r);
    real z = fused(d.lo, r.factor, d.hi * r.factor);
    z = magnitude(d.hi) < INFINITE ? z : NO_PART;
    return t == r.greatest ? C(0.0) : z;
}

/* Newton's method for the tau at which the sum of max(z - m - tau, 0) is 1 (Michelot, 1986), from -1, where
 * it is at least that. tau only grows, and what lies above it only shrinks, until it stays as it is. Of the
 * excess and the number of elements above tau the product falls to a quarter at least with every step. */
INLINE sums sparsemax_term(sums s, real z, row_state r)
{
    s.a += z > r.hi ? z : NO_SUM;
    s.b += z > r.hi ? C(1.0) : NO_SUM;
    return s;
}

/* hi is tau, lo the number of elements above it. */
INLINE int sparsemax_after(row_state *r, sums s)
{
    if (s.b == r->lo)
        return 0;
    real tau = divide(s.a - C(1.0), s.b);
    r->hi = tau > r->hi ? tau : r->hi;
    r->lo = s.b;
    return 1;
}

INLINE real sparsemax_y(real z, row_state r)
{
    return z > r.hi ? z - r.hi : C(0.0);
}

#define sparsemax_paired 0
INLINE sums sparsemax_dterm(sums s, real y, real dy, row_state r)
{
    s.a += y > C(0.0) ? dy : NO_SUM;
    s.b += y > C(0.0) ? C(1.0) : NO_SUM;
    return s;
}

INLINE int sparsemax_dafter(row_state *r, sums s)
{
    r->hi = row_element(divide(s.a, s.b), 0) * C(0.5);
    return 0;
}

INLINE real sparsemax_dx(real y, real dy, row_state r)
{
    real dx = fused(dy, C(0.5), -r.hi) * r.before * r.after;
    return y > C(0.0) ? dx : nan_or(y, C(0.0));
}

/* ---- hardmax -------------------------------------------------------------------------------- */

#define hardmax_scale(scale) (scale)
#define hardmax_none C(0.0)
#define hardmax_start C(0.0)
#define hardmax_first 1
#define hardmax_keeps 0
INLINE real hardmax_kept(real t, row_state r) { return t; }
INLINE sums hardmax_term(sums s, real t, row_state r) { return s; }
INLINE int hardmax_after(row_state *r, sums s) { return 0; }
INLINE real hardmax_y(real t, row_state r) { return C(0.0); }
#define hardmax_paired 0
INLINE sums hardmax_dterm(sums s, real y, real dy, row_state r) { return s; }
INLINE int hardmax_dafter(row_state *r, sums s) { return 0; }
INLINE real hardmax_dx(real y, real dy, row_state r) { return C(0.0); }

#endif
