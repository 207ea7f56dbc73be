/* arrays.h: operations over arrays, one element at a time: losses, penalties, optimisers, norms, counts.
 *
 * arrays.def has the list, and says what NAME_m, NAME_s and NAME_t are. No product feeds a sum outside fused();
 * there is one division in a step of rmsprop and adam, correctly rounded as their square root is. */
#ifndef CLACT_ARRAYS_H
#define CLACT_ARRAYS_H

#define ARRAYS_TALLIES 5 /* counters of an operation that counts */

typedef struct { real a, b; } two;
typedef struct { real a, b, c; } three;

INLINE real scale_m(real x, real factor) { return x * factor; }

/* ---- Losses --------------------------------------------------------------------------------- */

INLINE real squared_error_s(real sum, real z, real target, real weight)
{
    real d = z - target;
    return fused(weight * d, d, sum);
}

INLINE real squared_error_gradient_m(real z, real target, real weight, real factor)
{
    return (z - target) * (factor * weight);
}

/* log(1 + e^z) - target z = log(1 + e^-|z|) + |z| times what the target lacks of the side that z is on: no digit is
 * lost where z is large and right. */
INLINE real binary_cross_entropy_s(real sum, real z, real target, real weight)
{
    real lacking = z > C(0.0) ? C(1.0) - target : -target;
    real product = lacking == C(0.0) ? C(0.0) : z; /* no infinity meets a zero */
    return fused(weight, fused(lacking, product, softplus_f(-magnitude(z), C(1.0))), sum);
}

/* sigmoid(z) - target, from the smaller of sigmoid(z) and sigmoid(-z). */
INLINE real binary_cross_entropy_gradient_m(real z, real target, real weight, real factor)
{
    real s = logistic_scaled(-magnitude(z), EXP_LEAST);
    real below = fused(s, EXP_UNSCALE, -target), above = fused(-s, EXP_UNSCALE, C(1.0) - target);
    return (z > C(0.0) ? above : below) * (factor * weight);
}

/* What has no share takes no part, also where log_softmax is -infinity. */
INLINE real cross_entropy_s(real sum, real log_share, real target, real weight)
{
    real t = -(target * weight);
    return fused(t, t == C(0.0) ? C(0.0) : log_share, sum);
}

INLINE real cross_entropy_gradient_m(real share, real target, real weight, real factor)
{
    return (share - target) * (factor * weight);
}

/* 1 where the label is the column's, 0 where it is another one, NaN where there is no such class. */
INLINE real target_of(real label, real column, real classes)
{
    real target = label == column ? C(1.0) : C(0.0);
    return label >= C(0.0) && label < classes ? target : UNDEFINED;
}

INLINE real label_cross_entropy_s(real sum, real log_share, real label, real column, real weight, real classes)
{
    return cross_entropy_s(sum, log_share, target_of(label, column, classes), weight);
}

INLINE real label_cross_entropy_gradient_m(real share, real label, real column, real weight, real factor, real classes)
{
    return cross_entropy_gradient_m(share, target_of(label, column, classes), weight, factor);
}

/* ---- Penalties ------------------------------------------------------------------------------ */

INLINE real penalty_s(real sum, real x, real l1, real l2)
{
    return fused(l2 * x, x, fused(l1, magnitude(x), sum));
}

INLINE real penalty_gradient_m(real x, real gradient, real l1, real l2_twice)
{
    real slope = x == C(0.0) ? C(0.0) : with_sign_of(l1, x);
    return fused(l2_twice, x, gradient) + slope;
}

/* ---- Optimisers ----------------------------------------------------------------------------- */

INLINE real sgd_m(real weight, real gradient, real rate) { return fused(-rate, gradient, weight); }

/* Sutskever et al., 2013: the velocity is momentum times what it was, less the step; the weight moves by it. */
INLINE two momentum_m(real weight, real velocity, real gradient, real rate, real momentum)
{
    two r;
    r.b = fused(-rate, gradient, momentum * velocity);
    r.a = weight + r.b;
    return r;
}

/* Nesterov's, in the form of the weights at which gradients are taken: they move by momentum times the new velocity,
 * less the step. */
INLINE two nesterov_m(real weight, real velocity, real gradient, real rate, real momentum)
{
    two r;
    r.b = fused(-rate, gradient, momentum * velocity);
    r.a = fused(momentum, r.b, fused(-rate, gradient, weight));
    return r;
}

/* mean + share (gradient^2 - mean): never below zero. */
INLINE real mean_square(real mean, real gradient, real share)
{
    return fused(share, fused(gradient, gradient, -mean), mean);
}

/* The root's last step is a product, so that the sum is one with fused(). */
INLINE real root_and(real x, real epsilon) { return fused(sqrt_f(x), C(1.0), epsilon); }

INLINE two rmsprop_m(real weight, real mean, real gradient, real rate, real share, real epsilon)
{
    two r;
    r.b = mean_square(mean, gradient, share);
    r.a = fused(-rate, divide(gradient, root_and(r.b, epsilon)), weight);
    return r;
}

/* Kingma and Ba, 2015, algorithm 1. rate: that of the step divided by 1 - beta1^t; inverse: 1 / (1 - beta2^t); share1,
 * share2: 1 - beta1 and 1 - beta2. decay: what the weight loses of itself (Loshchilov and Hutter, 2019), or 0. */
INLINE three adam_m(real weight, real first, real second, real gradient, real rate, real inverse, real share1,
                    real share2, real epsilon, real decay)
{
    three r;
    r.b = fused(share1, gradient - first, first);
    r.c = mean_square(second, gradient, share2);
    real step = divide(r.b, root_and(r.c * inverse, epsilon));
    r.a = fused(-rate, step, fused(-decay, weight, weight));
    return r;
}

/* ---- Norms ---------------------------------------------------------------------------------- */

/* Squares of what is above NORM_LARGE are summed apart and scaled, so that none overflows: nor do 2^40 of them. */
#define NORM_LARGE K(0x1p43, 0x1p490)
#define NORM_SCALE K(0x1p-85, 0x1p-534)
#define NORM_UNSCALE K(0x1p85, 0x1p534)

INLINE real squares_s(real sum, real x)
{
    real a = magnitude(x) > NORM_LARGE ? C(0.0) : x;
    return fused(a, a, sum);
}

INLINE real large_squares_s(real sum, real x)
{
    real a = magnitude(x) > NORM_LARGE ? x * NORM_SCALE : C(0.0);
    return fused(a, a, sum);
}

/* The norm, and the factor that brings it to most where it is more. */
INLINE two norm_m(real small, real large, real most)
{
    real scaled = sqrt_f(fused(small * NORM_SCALE, NORM_SCALE, large)) * NORM_UNSCALE;
    two r;
    r.a = nan_or(small, large > C(0.0) ? scaled : sqrt_f(small));
    r.b = r.a <= most ? C(1.0) : divide(most, r.a);
    return r;
}

/* ---- Counts --------------------------------------------------------------------------------- */

/* Zero, NaN, infinite, saturated. By bits: a device that flushes subnormals takes them for zeros otherwise. */
INLINE u32 health_t(real x, real low, real high)
{
    bits m = to_bits(x) & ~(bits)SIGN_BIT;
    u32 saturated = (u32)(x <= low) | (u32)(x >= high);
    return (u32)(m == 0) | (u32)(m > INFINITY_BITS) << 1 | (u32)(m == INFINITY_BITS) << 2 | saturated << 3;
}

#endif
