/* units.h: what gated units, crelu and maxout do with the elements that belong together.
 *
 * A gated unit is u * f(v), rounded once more: gate(u, f(v)). The gradient by u is gradient(f(v), dy); that by
 * v is f's own gradient of what comes back to it, gradient(u, dy). In this order no finite u and dy meet as
 * infinity and zero, and where u, f(v) or f'(v) is zero nothing is passed on, whatever dy is. */
#ifndef CLACT_UNITS_H
#define CLACT_UNITS_H

INLINE real gate(real u, real f) { return u * f; }

/* The two sides of x: relu(x) and relu(-x). */
INLINE real crelu_first(real x) { return x <= C(0.0) ? C(0.0) : x; }
INLINE real crelu_second(real x) { return x >= C(0.0) ? C(0.0) : -x; }

INLINE real crelu_g(real x, real dy1, real dy2)
{
    real below = x < C(0.0) ? -dy2 : C(0.0);
    return nan_or(x, x > C(0.0) ? dy1 : below);
}

INLINE real crelu_y(real y1, real y2, real dy1, real dy2)
{
    real below = y2 > C(0.0) ? -dy2 : C(0.0);
    return nan_or(y1, y1 > C(0.0) ? dy1 : below);
}

/* Whether the piece x, 1 or 0, wins over most, the largest before it: the first of equals stands, and the first
 * NaN for good. */
INLINE u32 maxout_wins(real x, real most)
{
    return ((u32)(x > most) | (u32)(x != x)) & (u32)(most == most);
}

/* The gradient at the piece that won. */
INLINE real maxout_g(real most, real dy) { return nan_or(most, dy); }

#endif
