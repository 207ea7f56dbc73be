/* oracle_tmpl.h: functions that rows of oracle.def call, once for each type; oracle.c defines
 *
 *   R           the type
 *   F(name)     the C library's function for it
 *   T(name)     the name of a function here for it
 *   W, A(x)     a wider type, in which arguments of exponentials are formed, and a constant of it
 *
 * An argument of an exponential is large where its result is small, and an error of it is one of the
 * result, relative: half a unit of a double in 104, where e^-x leaves f32, is 2^-47, half a unit of a
 * long double in 745, where it leaves f64, 2^-55; and forming an argument makes several. */

/* What a function is and the largest of the terms that it is a sum of, in magnitude: by that an
 * error is judged where they cancel. */
typedef struct T(sum) {
    R value, term;
} T(sum);

static inline T(sum) T(sum_of)(R a, R b)
{
    return (T(sum)){a + b, F(fmax)(F(fabs)(a), F(fabs)(b))};
}

/* An argument as two R; at most limit in magnitude, beyond which all is 0 or infinite, or 1. */
typedef struct T(parts) {
    R high, low;
} T(parts);

static inline T(parts) T(parts_of)(W w, R limit)
{
    R high = (R)w;
    if (F(fabs)(high) > limit)
        return (T(parts)){F(copysign)(limit, high), 0};
    return (T(parts)){high, (R)(w - high)};
}

/* e^w */
static inline R T(exp_of)(W w)
{
    T(parts) a = T(parts_of)(w, 12000);
    return F(exp)(a.high) * (1 + a.low);
}

/* e^w - 1 */
static inline R T(expm1_of)(W w)
{
    T(parts) a = T(parts_of)(w, 12000);
    return F(expm1)(a.high) * (1 + a.low) + a.low;
}

/* e^(-x^2 share) */
static inline R T(exp_minus_square)(R x, R share)
{
    x = T(parts_of)(x, 200).high;
    R high = x * x, low = F(fma)(x, x, -high);
    return F(exp)(-share * high) * (1 - share * low);
}

/* 1 - tanh(w)^2 */
static inline R T(sech_square)(W w)
{
    R e = T(exp_of)(w < 0 ? 2 * w : -2 * w);
    return 4 * e / ((1 + e) * (1 + e));
}

/* erfc(z). The derivative of erfc is -(z + sqrt(z^2 + 4/pi)) erfc, to a few percent, for z > 0. */
static inline R T(erfc_of)(W z)
{
    T(parts) a = T(parts_of)(z, 200);
    R root = F(sqrt)(a.high * a.high + (R)1.2732395447351627L);
    return F(erfc)(a.high) * (1 - a.low * (a.high + root));
}

/* x / (1 + e^-w), where w has the sign of x or the other one at an infinite x. */
static inline R T(gated)(R x, W w)
{
    R e = T(exp_of)(w < 0 ? w : -w);
    R below = e == 0 ? 0 : x * e / (1 + e);
    return w < 0 ? below : x / (1 + e);
}

/* Its derivative; slope is x w'. */
static inline T(sum) T(gated_d)(W w, R slope)
{
    R e = T(exp_of)(w < 0 ? w : -w), s = (w < 0 ? e : 1) / (1 + e);
    return T(sum_of)(s, e == 0 ? 0 : slope * e / ((1 + e) * (1 + e)));
}

static inline R T(swish)(R x, R beta)
{
    return beta == 0 ? x / 2 : T(gated)(x, (W)beta * x);
}

static inline T(sum) T(swish_d)(R x, R beta)
{
    W w = beta == 0 ? 0 : (W)beta * x;
    return T(gated_d)(w, (R)w);
}

/* x / 2 erfc(-x / sqrt 2) */
static inline R T(gelu)(R x)
{
    return x < -200 ? 0 : x / 2 * T(erfc_of)(A(-0.707106781186547524400844362104849039) * x);
}

static inline T(sum) T(gelu_d)(R x)
{
    R phi = T(exp_minus_square)(x, (R)0.5) * (R)A(0.398942280401432677939946059934381868);
    return T(sum_of)(T(erfc_of)(A(-0.707106781186547524400844362104849039) * x) / 2, phi == 0 ? 0 : x * phi);
}

/* 2 sqrt(2 / pi) (x + 0.044715 x^3), of which x (1 + tanh) / 2 is x / (1 + e^-w). */
static inline W T(gelu_tanh_w)(W x)
{
    return A(1.59576912160573071175978423973752747) * x * (1 + A(0.044715) * (x * x));
}

static inline T(sum) T(gelu_tanh_d)(R x)
{
    R y = T(parts_of)(x, 200).high;
    R slope = (R)(A(1.59576912160573071175978423973752747) * y * (1 + A(0.134145) * ((W)y * y)));
    return T(gated_d)(T(gelu_tanh_w)(y), slope);
}

/* x - tanh x; near 0, (x cosh x - sinh x) / cosh x, the series of whose numerator has no sign. */
static inline R T(tanh_shrink)(R x)
{
    R square = x * x, series = 1;
    if (square >= 1)
        return x - F(tanh)(x);
    for (int k = 17; k >= 2; k--)
        series = 1 + series * square / (R)((2 * k - 2) * (2 * k + 1));
    return x * square / 3 * series / F(cosh)(x);
}

/* log(1 + e^(beta x)) / beta */
static inline R T(softplus)(R x, R beta)
{
    W w = (W)beta * x;
    return ((w > 0 ? (R)w : 0) + F(log1p)(T(exp_of)(w < 0 ? w : -w))) / beta;
}

/* (x + sqrt(x^2 + b)) / 2; for negative x, b / (2 (sqrt(x^2 + b) - x)). */
static inline R T(squareplus)(R x, R b)
{
    R root = F(sqrt)(x * x + b);
    return x < 0 ? b / (2 * (root - x)) : (x + root) / 2;
}

static inline R T(squareplus_d)(R x, R b)
{
    R root = F(sqrt)(x * x + b);
    R above = root - root == 0 ? (1 + x / root) / 2 : 1;
    R below = b / (2 * root * (root - x));
    return root == 0 ? (R)0.5 : x < 0 ? below : above;
}

/* With m = e^-|x|: tanh(softplus x) is (m + 2) m / d below 0 and (1 + 2 m) / d above it, where d is
 * m^2 + 2 m + 2 and 1 + 2 m + 2 m^2. */
static inline R T(mish)(R x)
{
    R m = F(exp)(-F(fabs)(x));
    R below = m == 0 ? 0 : x * m * (m + 2) / (m * (m + 2) + 2);
    return x < 0 ? below : x * (1 + 2 * m) / (1 + 2 * m * (1 + m));
}

static inline T(sum) T(mish_d)(R x)
{
    R m = F(exp)(-F(fabs)(x));
    R d = x < 0 ? m * (m + 2) + 2 : 1 + 2 * m * (1 + m);
    R slope = 4 * (1 + m) * (x < 0 ? m : m * m) / (d * d);
    R t = (x < 0 ? m * (m + 2) : 1 + 2 * m) / d;
    return T(sum_of)(t, m == 0 ? 0 : x * slope);
}

/* slope * x, the limit being 0 where the slope is. */
static inline R T(line)(R slope, R x)
{
    return slope == 0 ? 0 : slope * x;
}

/* Where x is infinite its highest power decides; then there are no terms to judge by. */
static inline T(sum) T(xielu)(R x, const R *p)
{
    R m = x < p[3] ? x : p[3], e = p[1] * F(expm1)(m);
    R above = p[0] == 0 ? T(line)(p[2], x) : p[0] * x + p[2] == 0 ? 0 : x * (p[0] * x + p[2]);
    R below = e + T(line)(p[2] - p[1], x);
    R quadratic = F(fabs)(T(line)(p[0], x * x));
    R exponential = F(fmax)(F(fabs)(e), F(fabs)(T(line)(p[1], x)));
    R term = F(fmax)(F(fabs)(T(line)(p[2], x)), x > 0 ? quadratic : exponential);
    return (T(sum)){x > 0 ? above : below, x - x == 0 ? term : 0};
}

static inline T(sum) T(xielu_d)(R x, const R *p)
{
    if (x > 0)
        return T(sum_of)(T(line)(2 * p[0], x), p[2]);
    return T(sum_of)(x > p[3] ? -p[1] : p[1] * F(expm1)(x), p[2]);
}

static const R T(selu_lambda) = (R)A(1.05070098735548049341933498529460635);
static const R T(selu_alpha) = (R)A(1.67326324235437728481704299167165204);

/* min(max(x, low), high), where a limit that is NaN is none. */
static inline R T(clip)(R x, R low, R high)
{
    x = x <= low ? low : x;
    return x >= high ? high : x;
}

static inline R T(clip_d)(R x, R low, R high)
{
    return !(x <= low) && !(x >= high);
}

/* slope * x + from, rounded once: nothing is lost where the terms cancel. */
static inline R T(line_from)(R slope, R x, R from)
{
    return slope == 0 ? from : (R)((W)slope * x + from);
}

/* alpha x + beta between 0 and 1. It is inside, by exact comparisons, if alpha x is. */
static inline R T(hard_sigmoid_onnx)(R x, R alpha, R beta)
{
    return T(clip)(T(line_from)(alpha, x, beta), 0, 1);
}

static inline R T(hard_sigmoid_onnx_d)(R x, R alpha, R beta)
{
    W w = alpha == 0 ? 0 : (W)alpha * x;
    return w > -beta && w < 1 - (W)beta ? alpha : 0;
}
