/* exact.c: activations and derivatives in MPFR, written apart from the library and its oracle. */
#include "exact.h"

#include <math.h>
#include <string.h>

#define RND MPFR_RNDN

/* y = f(x); p as in activations.def; a, b and c are scratch. */
typedef void expression(mpfr_t y, const mpfr_t x, const double *p);
#define UNUSED __attribute__((unused))
#define EXPRESSION(name) static void name(mpfr_t y, UNUSED const mpfr_t x, UNUSED const double *p)

static mpfr_t a, b, c;

/* ---- Pieces --------------------------------------------------------------------------------- */

EXPRESSION(zero) { mpfr_set_ui(y, 0, RND); }
EXPRESSION(one) { mpfr_set_ui(y, 1, RND); }
EXPRESSION(itself) { mpfr_set(y, x, RND); }
EXPRESSION(first_parameter) { mpfr_set_d(y, p[0], RND); }

/* y = slope * (x - from), the limit of a slope of zero at an infinite x being zero. */
static void line(mpfr_t y, const mpfr_t x, double slope, double from)
{
    if (slope == 0) {
        mpfr_set_ui(y, 0, RND);
    } else {
        mpfr_sub_d(y, x, from, RND);
        mpfr_mul_d(y, y, slope, RND);
    }
}

/* y = 1 / (1 + e^-w) */
static void logistic(mpfr_t y, const mpfr_t w)
{
    mpfr_neg(y, w, RND);
    mpfr_exp(y, y, RND);
    mpfr_add_ui(y, y, 1, RND);
    mpfr_ui_div(y, 1, y, RND);
}

/* y = s + x w' s (1 - s) with s = 1 / (1 + e^-w), for w and slope = w'; which may be a and b. */
static void gated_d(mpfr_t y, const mpfr_t x, mpfr_t w, mpfr_t slope)
{
    mpfr_mul(slope, slope, x, RND);
    logistic(y, w);
    mpfr_mul(slope, slope, y, RND);
    mpfr_neg(w, w, RND);
    logistic(c, w);
    mpfr_mul(slope, slope, c, RND);
    mpfr_add(y, y, slope, RND);
}

static int is_between(const mpfr_t x, double low, double high)
{
    return mpfr_cmp_d(x, low) > 0 && mpfr_cmp_d(x, high) < 0;
}

/* y = min(max(y, low), high), NaN being no limit. */
static void clip(mpfr_t y, double low, double high)
{
    if (!isnan(low) && mpfr_cmp_d(y, low) < 0)
        mpfr_set_d(y, low, RND);
    if (!isnan(high) && mpfr_cmp_d(y, high) > 0)
        mpfr_set_d(y, high, RND);
}

/* y *= the number written */
static void times(mpfr_t y, const char *number)
{
    mpfr_set_str(c, number, 10, RND);
    mpfr_mul(y, y, c, RND);
}

/* ---- Rectifiers and lines ------------------------------------------------------------------- */

EXPRESSION(relu_f)
{
    if (!isnan(p[1]) && mpfr_cmp_d(x, p[1]) >= 0)
        mpfr_set_d(y, p[1], RND);
    else if (mpfr_cmp_d(x, p[2]) < 0)
        line(y, x, p[0], p[2]);
    else
        mpfr_set(y, x, RND);
}

EXPRESSION(relu_d)
{
    int limited = !isnan(p[1]) && mpfr_cmp_d(x, p[1]) >= 0;
    mpfr_set_d(y, limited ? 0 : mpfr_cmp_d(x, p[2]) <= 0 ? p[0] : 1, RND);
}

EXPRESSION(relu6_f)
{
    mpfr_set(y, x, RND);
    clip(y, 0, 6);
}

EXPRESSION(relu6_d) { mpfr_set_ui(y, is_between(x, 0, 6), RND); }

EXPRESSION(thresholded_relu_f) { (mpfr_cmp_d(x, p[0]) > 0 ? itself : zero)(y, x, p); }
EXPRESSION(above_d) { (mpfr_cmp_d(x, p[0]) > 0 ? one : zero)(y, x, p); }

EXPRESSION(threshold_f)
{
    if (mpfr_cmp_d(x, p[0]) > 0)
        mpfr_set(y, x, RND);
    else
        mpfr_set_d(y, p[1], RND);
}

EXPRESSION(leaky_f)
{
    if (mpfr_sgn(x) > 0)
        mpfr_set(y, x, RND);
    else
        line(y, x, p[0], 0);
}

EXPRESSION(leaky_d) { mpfr_set_d(y, mpfr_sgn(x) > 0 ? 1 : p[0], RND); }

/* The sum of two f64 is exact in 256 bits wherever its digits are near each other. */
EXPRESSION(linear_f)
{
    line(y, x, p[0], 0);
    mpfr_add_d(y, y, p[1], RND);
}

/* Not training: the slope is the middle of the range. */
EXPRESSION(rrelu_d)
{
    mpfr_set_d(y, p[0], RND);
    mpfr_add_d(y, y, p[1], RND);
    mpfr_div_ui(y, y, 2, RND);
    if (mpfr_sgn(x) > 0)
        mpfr_set_ui(y, 1, RND);
}

EXPRESSION(rrelu_f)
{
    rrelu_d(y, x, p);
    if (mpfr_zero_p(y) && mpfr_inf_p(x))
        return;
    mpfr_mul(y, y, x, RND);
}

EXPRESSION(clip_f)
{
    mpfr_set(y, x, RND);
    clip(y, p[0], p[1]);
}

EXPRESSION(clip_d)
{
    mpfr_set_ui(y, is_between(x, isnan(p[0]) ? -INFINITY : p[0], isnan(p[1]) ? INFINITY : p[1]),
                RND);
    if (mpfr_inf_p(x))
        mpfr_set_ui(y, isnan(p[mpfr_sgn(x) > 0]) && !(p[0] > p[1]), RND);
}

EXPRESSION(hard_sigmoid_f)
{
    mpfr_add_ui(y, x, 3, RND);
    clip(y, 0, 6);
    mpfr_div_ui(y, y, 6, RND);
}

EXPRESSION(hard_sigmoid_d)
{
    mpfr_set_ui(y, is_between(x, -3, 3), RND);
    mpfr_div_ui(y, y, 6, RND);
}

EXPRESSION(hard_sigmoid_onnx_f)
{
    linear_f(y, x, p);
    clip(y, 0, 1);
}

EXPRESSION(hard_sigmoid_onnx_d)
{
    linear_f(y, x, p);
    mpfr_set_d(y, is_between(y, 0, 1) ? p[0] : 0, RND);
}

EXPRESSION(sparse_sigmoid_f)
{
    mpfr_add_ui(y, x, 1, RND);
    mpfr_div_ui(y, y, 2, RND);
    clip(y, 0, 1);
}

EXPRESSION(sparse_sigmoid_d) { mpfr_set_d(y, is_between(x, -1, 1) ? 0.5 : 0, RND); }

EXPRESSION(sparse_plus_f)
{
    mpfr_add_ui(y, x, 1, RND);
    mpfr_sqr(y, y, RND);
    mpfr_div_ui(y, y, 4, RND);
    if (mpfr_cmp_si(x, -1) <= 0)
        mpfr_set_ui(y, 0, RND);
    else if (mpfr_cmp_si(x, 1) >= 0)
        mpfr_set(y, x, RND);
}

EXPRESSION(hard_swish_f)
{
    hard_sigmoid_f(y, x, p);
    if (!mpfr_zero_p(y))
        mpfr_mul(y, y, x, RND);
}

EXPRESSION(hard_swish_d)
{
    mpfr_mul_ui(y, x, 2, RND);
    mpfr_add_ui(y, y, 3, RND);
    mpfr_div_ui(y, y, 6, RND);
    if (mpfr_cmp_si(x, -3) <= 0)
        mpfr_set_ui(y, 0, RND);
    else if (mpfr_cmp_si(x, 3) >= 0)
        mpfr_set_ui(y, 1, RND);
}

/* x less the second parameter towards zero, for |x| above the first. */
static void shrink(mpfr_t y, const mpfr_t x, double lambda, double bias)
{
    mpfr_set_ui(y, 0, RND);
    if (mpfr_cmp_d(x, lambda) > 0)
        mpfr_sub_d(y, x, bias, RND);
    else if (mpfr_cmp_d(x, -lambda) < 0)
        mpfr_add_d(y, x, bias, RND);
}

EXPRESSION(soft_shrink_f) { shrink(y, x, p[0], p[0]); }
EXPRESSION(hard_shrink_f) { shrink(y, x, p[0], 0); }
EXPRESSION(shrink_f) { shrink(y, x, p[0], p[1]); }

EXPRESSION(shrink_d)
{
    mpfr_set_ui(y, mpfr_cmp_d(x, p[0]) > 0 || mpfr_cmp_d(x, -p[0]) < 0, RND);
}

/* ---- Exponentials below zero ---------------------------------------------------------------- */

EXPRESSION(elu_f)
{
    mpfr_set(y, x, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_expm1(y, x, RND);
        mpfr_mul_d(y, y, p[0], RND);
    }
}

EXPRESSION(elu_d)
{
    mpfr_set_ui(y, 1, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_exp(y, x, RND);
        mpfr_mul_d(y, y, p[0], RND);
    }
}

/* As written, for an alpha of either sign. */
EXPRESSION(celu_f)
{
    mpfr_div_d(a, x, p[0], RND);
    mpfr_expm1(a, a, RND);
    mpfr_mul_d(a, a, p[0], RND);
    mpfr_set_ui(y, 0, RND);
    mpfr_min(a, a, y, RND);
    mpfr_max(y, y, x, RND);
    mpfr_add(y, y, a, RND);
}

EXPRESSION(celu_d)
{
    mpfr_set_ui(y, 1, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_div_d(y, x, p[0], RND);
        mpfr_exp(y, y, RND);
    }
}

EXPRESSION(selu_f)
{
    mpfr_set(y, x, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_expm1(y, x, RND);
        times(y, "1.6732632423543772848170429916717");
    }
    times(y, "1.0507009873554804934193349852946");
}

EXPRESSION(selu_d)
{
    mpfr_set_ui(y, 1, RND);
    if (mpfr_sgn(x) <= 0) {
        mpfr_exp(y, x, RND);
        times(y, "1.6732632423543772848170429916717");
    }
    times(y, "1.0507009873554804934193349852946");
}

/* ---- Sigmoids ------------------------------------------------------------------------------- */

EXPRESSION(sigmoid_f) { logistic(y, x); }

EXPRESSION(sigmoid_d)
{
    logistic(y, x);
    mpfr_neg(a, x, RND);
    logistic(b, a);
    mpfr_mul(y, y, b, RND);
}

EXPRESSION(tanh_f) { mpfr_tanh(y, x, RND); }

EXPRESSION(tanh_d)
{
    mpfr_sech(y, x, RND);
    mpfr_sqr(y, y, RND);
}

EXPRESSION(scaled_tanh_f)
{
    line(a, x, p[1], 0);
    mpfr_tanh(y, a, RND);
    mpfr_mul_d(y, y, p[0], RND);
}

EXPRESSION(scaled_tanh_d)
{
    line(a, x, p[1], 0);
    tanh_d(y, a, p);
    mpfr_mul_d(y, y, p[0], RND);
    mpfr_mul_d(y, y, p[1], RND);
}

/* Near 0, x^3/3 - 2 x^5/15, whose error is x^7 / 18. */
EXPRESSION(tanh_shrink_f)
{
    mpfr_tanh(a, x, RND);
    mpfr_sub(y, x, a, RND);
    if (mpfr_regular_p(x) && mpfr_get_exp(x) < -EXACT_BITS / 5) {
        mpfr_sqr(a, x, RND);
        mpfr_mul(y, a, x, RND);
        mpfr_mul_ui(a, a, 2, RND);
        mpfr_ui_sub(a, 5, a, RND);
        mpfr_mul(y, y, a, RND);
        mpfr_div_ui(y, y, 15, RND);
    }
}

EXPRESSION(tanh_shrink_d)
{
    mpfr_tanh(y, x, RND);
    mpfr_sqr(y, y, RND);
}

EXPRESSION(softsign_f)
{
    mpfr_abs(a, x, RND);
    mpfr_add_ui(a, a, 1, RND);
    mpfr_div(y, x, a, RND);
}

EXPRESSION(softsign_d)
{
    mpfr_abs(a, x, RND);
    mpfr_add_ui(a, a, 1, RND);
    mpfr_sqr(a, a, RND);
    mpfr_ui_div(y, 1, a, RND);
}

EXPRESSION(erf_f) { mpfr_erf(y, x, RND); }

EXPRESSION(erf_d)
{
    mpfr_sqr(a, x, RND);
    mpfr_neg(a, a, RND);
    mpfr_exp(y, a, RND);
    mpfr_const_pi(a, RND);
    mpfr_rec_sqrt(a, a, RND);
    mpfr_mul(y, y, a, RND);
    mpfr_mul_ui(y, y, 2, RND);
}

/* ---- Smooth rectifiers ---------------------------------------------------------------------- */

/* y = log(1 + e^w), without overflow. */
static void softplus(mpfr_t y, const mpfr_t w)
{
    mpfr_abs(a, w, RND);
    mpfr_neg(a, a, RND);
    mpfr_exp(a, a, RND);
    mpfr_log1p(y, a, RND);
    if (mpfr_sgn(w) > 0)
        mpfr_add(y, y, w, RND);
}

EXPRESSION(softplus_f)
{
    mpfr_mul_d(b, x, p[0], RND);
    softplus(y, b);
    mpfr_div_d(y, y, p[0], RND);
}

EXPRESSION(softplus_d)
{
    mpfr_mul_d(a, x, p[0], RND);
    logistic(y, a);
}

EXPRESSION(log_sigmoid_f)
{
    mpfr_neg(b, x, RND);
    softplus(y, b);
    mpfr_neg(y, y, RND);
}

EXPRESSION(log_sigmoid_d)
{
    mpfr_neg(a, x, RND);
    logistic(y, a);
}

/* y = sqrt(x^2 + b) + |x| over 2, and a = sqrt(x^2 + b). */
static void squareplus_upper(mpfr_t y, const mpfr_t x, double parameter)
{
    mpfr_sqr(a, x, RND);
    mpfr_add_d(a, a, parameter, RND);
    mpfr_sqrt(a, a, RND);
    mpfr_abs(y, x, RND);
    mpfr_add(y, y, a, RND);
    mpfr_div_ui(y, y, 2, RND);
}

EXPRESSION(squareplus_f)
{
    squareplus_upper(y, x, p[0]);
    if (mpfr_sgn(x) < 0) {
        mpfr_d_div(y, p[0], y, RND);
        mpfr_div_ui(y, y, 4, RND);
    }
}

EXPRESSION(squareplus_d)
{
    if (mpfr_zero_p(x)) {
        mpfr_set_d(y, 0.5, RND);
        return;
    }
    squareplus_f(y, x, p);
    mpfr_div(y, y, a, RND);
}

EXPRESSION(mish_f)
{
    softplus(y, x);
    mpfr_tanh(y, y, RND);
    mpfr_mul(y, y, x, RND);
}

/* t + x s / cosh^2 */
EXPRESSION(mish_d)
{
    softplus(y, x);
    mpfr_sech(b, y, RND);
    mpfr_sqr(b, b, RND);
    mpfr_tanh(y, y, RND);
    logistic(a, x);
    mpfr_mul(b, b, a, RND);
    mpfr_mul(b, b, x, RND);
    mpfr_add(y, y, b, RND);
}

/* ---- x times a gate ------------------------------------------------------------------------- */

/* a = -x / sqrt 2 */
static void gelu_argument(const mpfr_t x)
{
    mpfr_sqrt_ui(a, 2, RND);
    mpfr_div(a, x, a, RND);
    mpfr_neg(a, a, RND);
}

EXPRESSION(gelu_f)
{
    gelu_argument(x);
    mpfr_erfc(y, a, RND);
    mpfr_mul(y, y, x, RND);
    mpfr_div_ui(y, y, 2, RND);
}

/* erfc(-x / sqrt 2) / 2 + x e^(-x^2 / 2) / sqrt(2 pi) */
EXPRESSION(gelu_d)
{
    gelu_argument(x);
    mpfr_erfc(y, a, RND);
    mpfr_div_ui(y, y, 2, RND);
    mpfr_sqr(a, a, RND);
    mpfr_neg(a, a, RND);
    mpfr_exp(a, a, RND);
    mpfr_const_pi(b, RND);
    mpfr_mul_ui(b, b, 2, RND);
    mpfr_rec_sqrt(b, b, RND);
    mpfr_mul(a, a, b, RND);
    mpfr_mul(a, a, x, RND);
    mpfr_add(y, y, a, RND);
}

/* out = sqrt(8 / pi) (x^power + factor x^(power + 2)), of which (1 + tanh(out / 2)) / 2 is the gate */
static void gelu_tanh_argument(mpfr_t out, const mpfr_t x, unsigned power, const char *factor)
{
    mpfr_sqr(out, x, RND);
    times(out, factor);
    mpfr_add_ui(out, out, 1, RND);
    for (unsigned i = 0; i < power; i++)
        mpfr_mul(out, out, x, RND);
    mpfr_const_pi(c, RND);
    mpfr_ui_div(c, 8, c, RND);
    mpfr_sqrt(c, c, RND);
    mpfr_mul(out, out, c, RND);
}

EXPRESSION(gelu_tanh_f)
{
    gelu_tanh_argument(a, x, 1, "0.044715");
    logistic(y, a);
    mpfr_mul(y, y, x, RND);
}

EXPRESSION(gelu_tanh_d)
{
    gelu_tanh_argument(a, x, 1, "0.044715");
    gelu_tanh_argument(b, x, 0, "0.134145");
    gated_d(y, x, a, b);
}

EXPRESSION(gelu_quick_f)
{
    mpfr_set(a, x, RND);
    times(a, "1.702");
    logistic(y, a);
    mpfr_mul(y, y, x, RND);
}

EXPRESSION(gelu_quick_d)
{
    mpfr_set_ui(b, 1, RND);
    times(b, "1.702");
    mpfr_mul(a, x, b, RND);
    gated_d(y, x, a, b);
}

static void swish(mpfr_t y, const mpfr_t x, double beta)
{
    line(a, x, beta, 0);
    logistic(y, a);
    mpfr_mul(y, y, x, RND);
}

static void swish_derivative(mpfr_t y, const mpfr_t x, double beta)
{
    line(a, x, beta, 0);
    mpfr_set_d(b, beta, RND);
    gated_d(y, x, a, b);
    if (beta == 0)
        mpfr_set_d(y, 0.5, RND);
}

EXPRESSION(silu_f) { swish(y, x, 1); }
EXPRESSION(silu_d) { swish_derivative(y, x, 1); }
EXPRESSION(swish_f) { swish(y, x, p[0]); }
EXPRESSION(swish_d) { swish_derivative(y, x, p[0]); }

/* ---- xielu ---------------------------------------------------------------------------------- */

/* Below zero, alpha_n expm1(min(x, eps)) + (beta - alpha_n) x. */
EXPRESSION(xielu_f)
{
    if (mpfr_sgn(x) > 0) {
        mpfr_mul_d(y, x, p[0], RND);
        mpfr_add_d(y, y, p[2], RND);
        mpfr_mul(y, y, x, RND);
        return;
    }
    mpfr_set_d(y, p[3], RND);
    mpfr_min(y, y, x, RND);
    mpfr_expm1(y, y, RND);
    mpfr_mul_d(y, y, p[1], RND);
    mpfr_set_d(b, p[2], RND);
    mpfr_sub_d(b, b, p[1], RND);
    if (!mpfr_zero_p(b))
        mpfr_mul(b, b, x, RND);
    mpfr_add(y, y, b, RND);
}

EXPRESSION(xielu_d)
{
    if (mpfr_sgn(x) > 0) {
        line(y, x, 2 * p[0], 0);
    } else if (mpfr_cmp_d(x, p[3]) <= 0) {
        mpfr_expm1(y, x, RND);
        mpfr_mul_d(y, y, p[1], RND);
    } else {
        mpfr_set_d(y, -p[1], RND);
    }
    mpfr_add_d(y, y, p[2], RND);
}

/* ---- Elementary functions ------------------------------------------------------------------- */

EXPRESSION(exp_f) { mpfr_exp(y, x, RND); }
EXPRESSION(expm1_f) { mpfr_expm1(y, x, RND); }
EXPRESSION(log_f) { mpfr_log(y, x, RND); }

/* y = factor |x|^power where x >= 0, else NaN: a zero has no side. */
static void above_zero(mpfr_t y, const mpfr_t x, double factor, double power)
{
    mpfr_set_d(a, power, RND);
    mpfr_abs(y, x, RND);
    mpfr_pow(y, y, a, RND);
    mpfr_mul_d(y, y, factor, RND);
    if (mpfr_sgn(x) < 0)
        mpfr_set_nan(y);
}

EXPRESSION(log_d) { above_zero(y, x, 1, -1); }
EXPRESSION(sqrt_f) { above_zero(y, x, 1, 0.5); }
EXPRESSION(sqrt_d) { above_zero(y, x, 0.5, -0.5); }
EXPRESSION(rsqrt_f) { above_zero(y, x, 1, -0.5); }
EXPRESSION(rsqrt_d) { above_zero(y, x, -0.5, -1.5); }

EXPRESSION(pow_f)
{
    mpfr_set_d(a, p[0], RND);
    mpfr_pow(y, x, a, RND);
}

EXPRESSION(pow_d)
{
    mpfr_set_d(a, p[0], RND);
    mpfr_sub_ui(a, a, 1, RND);
    mpfr_pow(y, x, a, RND);
    mpfr_mul_d(y, y, p[0], RND);
    if (p[0] == 0)
        mpfr_set_ui(y, 0, RND);
}

EXPRESSION(square_f) { mpfr_sqr(y, x, RND); }
EXPRESSION(square_d) { mpfr_mul_ui(y, x, 2, RND); }
EXPRESSION(abs_f) { mpfr_abs(y, x, RND); }
EXPRESSION(sign_f) { mpfr_set_si(y, (mpfr_sgn(x) > 0) - (mpfr_sgn(x) < 0), RND); }
EXPRESSION(round_f) { mpfr_roundeven(y, x); }
EXPRESSION(reciprocal_f) { mpfr_ui_div(y, 1, x, RND); }

EXPRESSION(reciprocal_d)
{
    mpfr_sqr(y, x, RND);
    mpfr_si_div(y, -1, y, RND);
}

/* ---- The list ------------------------------------------------------------------------------- */

struct exact_row {
    const char *name;
    expression *expressions[2];
};

static const exact_row rows[] = {
    {"identity", {itself, one}},
    {"relu", {relu_f, relu_d}},
    {"relu6", {relu6_f, relu6_d}},
    {"thresholded_relu", {thresholded_relu_f, above_d}},
    {"threshold", {threshold_f, above_d}},
    {"leaky_relu", {leaky_f, leaky_d}},
    {"prelu", {leaky_f, leaky_d}},
    {"elu", {elu_f, elu_d}},
    {"sigmoid", {sigmoid_f, sigmoid_d}},
    {"tanh", {tanh_f, tanh_d}},
    {"linear", {linear_f, first_parameter}},
    {"rrelu", {rrelu_f, rrelu_d}},
    {"clip", {clip_f, clip_d}},
    {"hard_tanh", {clip_f, clip_d}},
    {"celu", {celu_f, celu_d}},
    {"selu", {selu_f, selu_d}},
    {"log_sigmoid", {log_sigmoid_f, log_sigmoid_d}},
    {"hard_sigmoid", {hard_sigmoid_f, hard_sigmoid_d}},
    {"hard_sigmoid_onnx", {hard_sigmoid_onnx_f, hard_sigmoid_onnx_d}},
    {"sparse_sigmoid", {sparse_sigmoid_f, sparse_sigmoid_d}},
    {"scaled_tanh", {scaled_tanh_f, scaled_tanh_d}},
    {"tanh_shrink", {tanh_shrink_f, tanh_shrink_d}},
    {"softsign", {softsign_f, softsign_d}},
    {"softplus", {softplus_f, softplus_d}},
    {"squareplus", {squareplus_f, squareplus_d}},
    {"sparse_plus", {sparse_plus_f, sparse_sigmoid_f}},
    {"gelu", {gelu_f, gelu_d}},
    {"gelu_tanh", {gelu_tanh_f, gelu_tanh_d}},
    {"gelu_quick", {gelu_quick_f, gelu_quick_d}},
    {"silu", {silu_f, silu_d}},
    {"swish", {swish_f, swish_d}},
    {"hard_swish", {hard_swish_f, hard_swish_d}},
    {"mish", {mish_f, mish_d}},
    {"xielu", {xielu_f, xielu_d}},
    {"soft_shrink", {soft_shrink_f, shrink_d}},
    {"hard_shrink", {hard_shrink_f, shrink_d}},
    {"shrink", {shrink_f, shrink_d}},
    {"exp", {exp_f, exp_f}},
    {"expm1", {expm1_f, exp_f}},
    {"log", {log_f, log_d}},
    {"pow", {pow_f, pow_d}},
    {"square", {square_f, square_d}},
    {"sqrt", {sqrt_f, sqrt_d}},
    {"rsqrt", {rsqrt_f, rsqrt_d}},
    {"abs", {abs_f, sign_f}},
    {"sign", {sign_f, zero}},
    {"step", {above_d, zero}},
    {"round", {round_f, zero}},
    {"reciprocal", {reciprocal_f, reciprocal_d}},
    {"erf", {erf_f, erf_d}},
    {"dropout", {itself, one}},
};

const exact_row *exact_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Where an infinite x meets a zero, the limit: f where x is 2^(2^28), infinite or zero if it is very
 * large or small there. */
static void find_limit(mpfr_t y, expression *e, const mpfr_t x, const double *p)
{
    mpfr_t far;
    mpfr_init2(far, EXACT_BITS);
    mpfr_set_si_2exp(far, mpfr_sgn(x), (mpfr_exp_t)1 << 28, RND);
    e(y, far, p);
    if (mpfr_regular_p(y) && mpfr_get_exp(y) > 1 << 20)
        mpfr_set_inf(y, mpfr_sgn(y));
    else if (mpfr_regular_p(y) && mpfr_get_exp(y) < -(1 << 20))
        mpfr_set_zero(y, mpfr_sgn(y));
    mpfr_clear(far);
}

void exact_value(mpfr_t y, const exact_row *row, int derivative, const mpfr_t x, const double *p)
{
    mpfr_inits2(EXACT_BITS, a, b, c, (mpfr_ptr)NULL);
    row->expressions[derivative](y, x, p);
    if (mpfr_inf_p(x) && mpfr_nan_p(y))
        find_limit(y, row->expressions[derivative], x, p);
    mpfr_clears(a, b, c, (mpfr_ptr)NULL);
}
