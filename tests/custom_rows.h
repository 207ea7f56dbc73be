/* custom_rows.h: activations of one's own, for test_custom.c: compiled with several flags, as C and as C++. */

/* Rows of elementary functions; with a parameter, and in both types. */
CLACT_CUSTOM(tilted, 1, (CLACT_CUSTOM_PARAMETER("a", 0.25, -1.0, 1.0)),
    INLINE real tilted_f(real x, real a) { return fused(a, tanh_f(x), x); }
    INLINE real tilted_d(real x, real a) { return fused(a, tanh_d(x), C(1.0)); }
)

/* A dead segment, a kink, a limit; a helper of its own, and a parameter without which nothing is clipped. */
CLACT_CUSTOM(leash, 2, (CLACT_CUSTOM_PARAMETER("slope", 0.125, 0.0, 1.0), CLACT_CUSTOM_PARAMETER("length", 4.0, 1.0, 100.0)),
    INLINE real leash_clip(real x, real length) { return x > length ? length : x; }
    INLINE real leash_f(real x, real slope, real length)
    {
        real below = x < -length ? C(0.0) : slope * (x + length); /* comments; do not reach the device */
        return nan_or(x, x < C(0.0) ? below : leash_clip(fused(slope, length, x), length));
    }
    INLINE real leash_d(real x, real slope, real length)
    {
        real below = x < -length ? C(0.0) : slope;
        real above_zero = fused(slope, length, x) > length ? C(0.0) : C(1.0);
        return nan_or(x, x < C(0.0) ? below : above_zero);
    }
)

/* A row of the list, written again: the bits are the row's. */
CLACT_CUSTOM(own_elu, 1, (CLACT_CUSTOM_PARAMETER("alpha", 1.0, -0x1p64, 0x1p64)),
    INLINE real own_elu_f(real x, real alpha)
    {
        pair e = expm1_pair(x);
        real below = alpha == C(0.0) ? C(0.0) : fused(alpha, e.hi, alpha * e.lo);
        return x < C(0.0) ? below : x;
    }
    INLINE real own_elu_d(real x, real alpha) { return elu_d(x, alpha); }
)

/* Eight parameters. */
CLACT_CUSTOM(eight, 8, (CLACT_CUSTOM_PARAMETER("p0", 1.0, -9.0, 9.0), CLACT_CUSTOM_PARAMETER("p1", 2.0, -9.0, 9.0),
                        CLACT_CUSTOM_PARAMETER("p2", 3.0, -9.0, 9.0), CLACT_CUSTOM_PARAMETER("p3", 4.0, -9.0, 9.0),
                        CLACT_CUSTOM_PARAMETER("p4", 5.0, -9.0, 9.0), CLACT_CUSTOM_PARAMETER("p5", 6.0, -9.0, 9.0),
                        CLACT_CUSTOM_PARAMETER("p6", 7.0, -9.0, 9.0), CLACT_CUSTOM_PARAMETER("p7", 8.0, -9.0, 9.0)),
    INLINE real eight_f(real x, real a, real b, real c, real d, real e, real f, real g, real h)
    {
        real t = tanh_f(x), y = fused(h, t, g);
        y = fused(fused(fused(y, t, f), t, e), t, d);
        return fused(fused(fused(y, t, c), t, b), t, a);
    }
    INLINE real eight_d(real x, real a, real b, real c, real d, real e, real f, real g, real h)
    {
        (void)a;
        real t = tanh_f(x), y = fused(C(7.0) * h, t, C(6.0) * g);
        y = fused(fused(y, t, C(5.0) * f), t, C(4.0) * e);
        y = fused(fused(fused(y, t, C(3.0) * d), t, C(2.0) * c), t, b);
        return y * tanh_d(x);
    }
)

/* It breaks the rule: products feed sums. A compiler that contracts them changes its bits. */
CLACT_CUSTOM(unruly, 0, (),
    INLINE real unruly_f(real x) { return x * x + C(3.0) * x - C(0.125) * magnitude(x); }
    INLINE real unruly_d(real x) { return C(2.0) * x + C(3.0) - with_sign_of(C(0.125), x); }
)
