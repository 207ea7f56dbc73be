/* fast.h: forward functions with fewer operations, NAME_fast_f, for CLACT_FAST: within 4 ulp in f32, finite where the
 * result is, the same special values. What is computed in f64, and derivatives, are the rows' own. */
#ifndef CLACT_FAST_H
#define CLACT_FAST_H

#define sigmoid_fast_d sigmoid_d
#define tanh_fast_d tanh_d
#define silu_fast_d silu_d
#define elu_fast_d elu_d

#if CLACT_REAL_BITS == 64

#define sigmoid_fast_f sigmoid_f
#define tanh_fast_f tanh_f
#define silu_fast_f silu_f
#define elu_fast_f elu_f

#else

#define FAST_SCALE C(0x1p64)
#define FAST_UNSCALE C(0x1p-64)

/* e^x = power (1 + p) for -109 <= x <= 0, power 2^64 times as large: 1.3 ulp. */
typedef struct { real power, p; } fast_exp;

INLINE fast_exp fast_exp_of(real x)
{
    reduced a = reduce(x, C(64.0));
    real r = a.r, q = fused(C(0x1.6d4e7ep-10), r, C(0x1.120c44p-7));
    q = fused(q, r, C(0x1.5554e8p-5));
    q = fused(q, r, C(0x1.5554dcp-3));
    q = fused(q, r, C(0.5));
    fast_exp e;
    e.power = a.power;
    e.p = fused(r * r, q, r);
    return e;
}

/* 1/d for 1 <= d <= 2: 1 ulp. */
INLINE real fast_inverse(real d)
{
    real r = C(-0x1.c65256p-3);
    r = fused(r, d, C(0x1.54bdcap0));
    r = fused(r, d, C(-0x1.783c44p1));
    r = fused(r, d, C(0x1.6a09bap1));
    real e = fused(-d, r, C(1.0));
    return fused(fused(e, e, e), r, r);
}

INLINE real at_most(real a, real most) { return a > most ? most : a; }

INLINE real sigmoid_fast_f(real x)
{
    fast_exp e = fast_exp_of(-at_most(magnitude(x), C(104.0)));
    real whole = fused(e.power, e.p, e.power);
    return fast_inverse(fused(whole, FAST_UNSCALE, C(1.0))) * (x < C(0.0) ? whole : FAST_SCALE) * FAST_UNSCALE;
}

INLINE real silu_fast_f(real x)
{
    real a = at_most(magnitude(x), C(109.0));
    fast_exp e = fast_exp_of(-a);
    real whole = fused(e.power, e.p, e.power), s = fast_inverse(fused(whole, FAST_UNSCALE, C(1.0)));
    real y = with_sign_of(a, x) * (s * (x < C(0.0) ? whole : FAST_SCALE)) * FAST_UNSCALE;
    return x > C(18.0) ? x : y;
}

INLINE real tanh_fast_f(real x)
{
    real u = x * x, q = fused(C(-0x1.8048ecp-8), u, C(0x1.553fccp-6));
    q = fused(q, u, C(-0x1.b8d628p-5));
    q = fused(q, u, C(0x1.110cbp-3));
    q = fused(q, u, C(-0x1.55555p-2));
    real near = fused(x * u, q, x);
    fast_exp e = fast_exp_of(C(-2.0) * at_most(magnitude(x), C(10.0)));
    real whole = fused(e.power, e.p, e.power);
    real far = fused(-whole, FAST_UNSCALE, C(1.0)) * fast_inverse(fused(whole, FAST_UNSCALE, C(1.0)));
    return with_sign_of(magnitude(x) < C(0.65625) ? near : far, x);
}

INLINE real elu_fast_f(real x, real alpha)
{
    fast_exp e = fast_exp_of(x < C(-20.0) ? C(-20.0) : x);
    real below = fused(e.power, e.p, e.power - FAST_SCALE) * FAST_UNSCALE;
    below = alpha == C(0.0) ? C(0.0) : alpha * below;
    return x < C(0.0) ? below : x;
}

#endif

#endif
