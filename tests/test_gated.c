/* test_gated.c: gated units against products of the element-wise functions, which have suites of their own. */
#include "layouts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The reference -------------------------------------------------------------------------- */

/* A unit, and the element-wise activation that it gates with. */
typedef struct gated_by {
    const char *name; /* NULL: by is made with desc.gated */
    const char *by;
    double parameter; /* by's first, where it is not 0 */
    uint32_t semantics, half;
    bool on_first; /* f is applied to the first half */
} gated_by;

static const gated_by units[] = {
    {"glu", "sigmoid", 0, 0, 0, false},
    {"glu", "sigmoid", 0, 0, CLACT_HALF_FIRST, true},
    {"reglu", "relu", 0, 0, 0, true},
    {"reglu", "relu", 0, 0, CLACT_HALF_SECOND, false},
    {"bilinear", "identity", 0, 0, 0, true},
    {"geglu", "gelu", 0, 0, 0, true},
    {"geglu_tanh", "gelu_tanh", 0, 0, 0, true},
    {"geglu_quick", "gelu_quick", 0, 0, 0, true},
    {"swiglu", "silu", 0, 0, 0, true},
    {NULL, "elu", 0.5, 0, 0, false},
    {NULL, "elu", 0, 0, CLACT_HALF_FIRST, true},
    {NULL, "prelu", -0.3, 0, 0, false},
    {NULL, "leaky_relu", 0.1, CLACT_TENSORFLOW, 0, false},
    {NULL, "hard_swish", 0, 0, 0, false},
    {NULL, "tanh", 0, 0, CLACT_HALF_FIRST, true},
};

static const gated_by elu = {NULL, "elu", 0.5, 0, 0, false};

static clact_activation *make_unit(const gated_by *u, bool gated, int axis)
{
    clact_activation *a;
    clact_activation_desc desc = {.name = gated && u->name ? u->name : u->by, .semantics = u->semantics};
    clact_parameter p[2] = {{"axis", axis, 0, 0}};
    desc.parameters = gated ? p : p + 1;
    if (u->parameter != 0) {
        p[1].name = clact_activation_find(u->by)->parameters[0].name;
        p[1].value = u->parameter;
    }
    desc.parameter_count = (size_t)gated + (u->parameter != 0);
    desc.gated = gated && !u->name;
    desc.half = gated ? u->half : 0;
    OK(clact_activation_create(&a, &desc));
    return a;
}

/* f(v), or f's gradient of up, by an element-wise call in the type computed in. */
static array by_elements(const gated_by *u, const array *v, const array *up)
{
    clact_activation *f = make_unit(u, false, 0);
    clact_type type = v->operand.tensor.type == CLACT_F64 ? CLACT_F64 : CLACT_F32;
    int64_t n = count_of(v);
    array x = make_array(type, 1, &n), dy = make_array(type, 1, &n), y = make_array(type, 1, &n);
    clact_context *cpu = cpu_context(NULL, 1);
    for (int64_t i = 0; i < n; i++) {
        set(&x, i, get(v, i));
        set(&dy, i, up ? get(up, i) : 0);
    }
    if (up)
        OK(clact_backward(cpu, f, &(clact_backward_args){.x = &x.operand, .dy = &dy.operand, .dx = &y.operand}));
    else
        OK(clact_forward(cpu, f, &(clact_forward_args){.x = &x.operand, .y = &y.operand}));
    clact_close(&cpu);
    clact_activation_destroy(&f);
    free_array(&x), free_array(&dy);
    return y;
}

static double product(bool f64, double a, double b)
{
    return f64 ? a * b : (float)((float)a * (float)b);
}

static double passed_on(bool f64, double d, double dy)
{
    return d == 0 ? 0 : product(f64, d, dy);
}

static double accumulated(bool f64, double beta, double old, double g)
{
    if (beta == 0)
        return g;
    return f64 ? fma(beta, old, g) : fmaf((float)beta, (float)old, (float)g);
}

/* ---- Operands ------------------------------------------------------------------------------- */

/* u and v of a unit, as dense arrays, from x or from x and gate. */
static void take_units(const gated_by *u, const shape *s, const array *x, const array *gate, array *a, array *b)
{
    clact_type type = (clact_type)x->operand.tensor.type;
    *a = make_layout(type, s, 1, DENSE), *b = make_layout(type, s, 1, DENSE);
    for (int64_t i = 0; i < count_of(a); i++) {
        set(a, i, gate ? get(x, i) : get(x, index_behind(s, i, 2, u->on_first)));
        set(b, i, gate ? get(gate, i) : get(x, index_behind(s, i, 2, !u->on_first)));
    }
}

static void compare(const gated_by *u, const shape *s, const char *what, const array *got, const array *expected)
{
    compare_all(u->name ? u->name : u->by, s, what, got, expected);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static void check_forward(const gated_by *u, const shape *s, clact_type type, enum layout layout, bool arrays, bool buffers)
{
    clact_context *place = buffers ? test_context() : NULL;
    bool f64 = type == CLACT_F64;
    array x = make_layout(type, s, 1 + !arrays, layout), gate = make_layout(type, s, 1, (layout + 1) % LAYOUT_COUNT);
    array y = make_layout(type, s, 1, layout), a, b;
    fill_all(&x, 1, false), fill_all(&gate, 2, false), fill_all(&y, 3, false);
    array expected = copy_of(&y);
    take_units(u, s, &x, arrays ? &gate : NULL, &a, &b);
    array f = by_elements(u, &b, NULL);
    for (int64_t i = 0; i < count_of(&a); i++)
        set(&expected, i, product(f64, get(&a, i), get(&f, i)));
    to_device(place, &x), to_device(place, &gate), to_device(place, &y);
    clact_activation *unit = make_unit(u, true, s->axis);
    OK(clact_forward(test_context(), unit,
                     &(clact_forward_args){.x = &x.operand, .y = &y.operand, .gate = arrays ? &gate.operand : NULL}));
    from_device(&x), from_device(&gate), from_device(&y);
    compare(u, s, arrays ? "of two arrays" : "of halves", &y, &expected);
    clact_activation_destroy(&unit);
    free_array(&x), free_array(&gate), free_array(&y), free_array(&a), free_array(&b), free_array(&f), free_array(&expected);
}

/* The gradients by u and v into the places that dx and dgate have for them; beta 0 overwrites. */
static void expect(const gated_by *u, const shape *s, const array *a, const array *b, const array *dy, double beta,
                   array *dx, array *dgate)
{
    bool f64 = a->operand.tensor.type == CLACT_F64;
    clact_type type = f64 ? CLACT_F64 : CLACT_F32;
    array f = by_elements(u, b, NULL), up = make_layout(type, s, 1, DENSE);
    for (int64_t i = 0; i < count_of(a); i++)
        set(&up, i, passed_on(f64, get(a, i), get(dy, i)));
    array by_v = by_elements(u, b, &up);
    for (int64_t i = 0; i < count_of(a); i++) {
        int64_t first = dgate ? i : index_behind(s, i, 2, u->on_first), second = dgate ? i : index_behind(s, i, 2, !u->on_first);
        array *to = dgate ? dgate : dx;
        set(dx, first, accumulated(f64, beta, get(dx, first), passed_on(f64, get(&f, i), get(dy, i))));
        set(to, second, accumulated(f64, beta, get(to, second), get(&by_v, i)));
    }
    free_array(&f), free_array(&up), free_array(&by_v);
}

static void check_backward(const gated_by *u, const shape *s, clact_type type, enum layout layout, bool arrays, bool buffers,
                           double beta)
{
    clact_context *place = buffers ? test_context() : NULL;
    array x = make_layout(type, s, 1 + !arrays, layout), gate = make_layout(type, s, 1, (layout + 1) % LAYOUT_COUNT);
    array dy = make_layout(type, s, 1, (layout + 2) % LAYOUT_COUNT), a, b;
    array dx = make_layout(type, s, 1 + !arrays, (layout + 3) % LAYOUT_COUNT), dgate = make_layout(type, s, 1, layout);
    fill_all(&x, 4, false), fill_all(&gate, 5, false), fill_all(&dy, 6, false), fill_all(&dx, 7, false), fill_all(&dgate, 8, false);
    array want = copy_of(&dx), want_gate = copy_of(&dgate);
    take_units(u, s, &x, arrays ? &gate : NULL, &a, &b);
    expect(u, s, &a, &b, &dy, beta, &want, arrays ? &want_gate : NULL);
    to_device(place, &x), to_device(place, &gate), to_device(place, &dy), to_device(place, &dx), to_device(place, &dgate);
    clact_activation *unit = make_unit(u, true, s->axis);
    clact_backward_args args = {.x = &x.operand, .dy = &dy.operand, .dx = &dx.operand, .dx_beta = beta};
    if (arrays)
        args.gate = &gate.operand, args.dgate = &dgate.operand, args.dgate_beta = beta;
    OK(clact_backward(test_context(), unit, &args));
    from_device(&x), from_device(&gate), from_device(&dy), from_device(&dx), from_device(&dgate);
    compare(u, s, "dx", &dx, &want);
    compare(u, s, "dgate", &dgate, &want_gate);
    clact_activation_destroy(&unit);
    free_array(&x), free_array(&gate), free_array(&dy), free_array(&dx), free_array(&dgate), free_array(&want);
    free_array(&want_gate), free_array(&a), free_array(&b);
}

START_TEST(products)
{
    static const double betas[] = {0, 1, 0, -0.3};
    const gated_by *u = &units[_i];
    for (size_t k = 0; k < SHAPE_COUNT; k++)
        for (int c = light() ? (int)k % 5 : 0; c < 16; c += light() ? 5 : 1) { /* 5: every value of each digit */
            enum layout layout = (enum layout)(c / 4);
            uint32_t type = (uint32_t)(k + (size_t)c / 4 + (size_t)_i) % 6;
            type = type < CLACT_TYPE_COUNT && tries_type(type, (size_t)_i) ? type : CLACT_F32;
            check_forward(u, &shapes[k], (clact_type)type, layout, c % 2, c / 2 % 2);
            check_backward(u, &shapes[k], (clact_type)type, layout, c % 2, c / 2 % 2, betas[(k + (size_t)c) % 4]);
        }
}
END_TEST

/* Every size up to what a group and a block take, and beyond. */
START_TEST(sizes)
{
    const gated_by *glu = &units[0];
    for (int64_t n = 1; n <= 5000; n += light() ? 97 : n < 1026 ? 1 : 331) {
        shape along = {1, {n}, 0}, rows = {2, {3, n}, 1};
        check_forward(glu, &along, CLACT_F32, DENSE, n % 2, n % 4 < 2);
        check_backward(glu, &rows, CLACT_F32, DENSE, n % 2, n % 4 < 2, 0);
    }
}
END_TEST

/* ---- In place ------------------------------------------------------------------------------- */

static void view_half(clact_operand *half, const clact_operand *whole, uint32_t axis, bool second)
{
    *half = *whole;
    half->tensor.dims[axis] /= 2;
    half->tensor.offset += second ? half->tensor.dims[axis] * half->tensor.strides[axis] : 0;
}

START_TEST(forward_in_place)
{
    const gated_by *u = &units[0];
    shape s = {2, {5, 300}, 1};
    clact_activation *glu = make_unit(u, true, 1);
    for (int c = 0; c < 8; c++) {
        clact_context *place = c & 4 ? test_context() : NULL;
        bool arrays = c & 2, second = c & 1;
        array x = make_layout(CLACT_F32, &s, 1 + !arrays, DENSE), gate = make_layout(CLACT_F32, &s, 1, DENSE), a, b;
        fill_all(&x, 9, false), fill_all(&gate, 10, false);
        take_units(u, &s, &x, arrays ? &gate : NULL, &a, &b);
        array f = by_elements(u, &b, NULL), want = copy_of(&x), want_gate = copy_of(&gate);
        for (int64_t i = 0; i < count_of(&a); i++)
            set(arrays && second ? &want_gate : &want, arrays ? i : index_behind(&s, i, 2, second),
                product(false, get(&a, i), get(&f, i)));
        clact_operand y;
        to_device(place, &x), to_device(place, &gate);
        view_half(&y, &x.operand, 1, second);
        clact_forward_args args = {.x = &x.operand, .y = arrays ? second ? &gate.operand : &x.operand : &y};
        args.gate = arrays ? &gate.operand : NULL;
        OK(clact_forward(test_context(), glu, &args));
        from_device(&x), from_device(&gate);
        compare(u, &s, "in place", &x, &want);
        compare(u, &s, "in place of gate", &gate, &want_gate);
        free_array(&x), free_array(&gate), free_array(&a), free_array(&b), free_array(&f), free_array(&want);
        free_array(&want_gate);
    }
    clact_activation_destroy(&glu);
}
END_TEST

/* dx over x; and of two arrays the gradients over any two of x, gate and dy. */
START_TEST(backward_in_place)
{
    const gated_by *u = &elu;
    shape s = {2, {5, 300}, 1};
    clact_activation *unit = make_unit(u, true, 1);
    for (int c = 0; c < 20; c++) {
        clact_context *place = c & 1 ? test_context() : NULL;
        bool arrays = c > 1;
        array o[3] = {make_layout(CLACT_F32, &s, 1 + !arrays, DENSE), make_layout(CLACT_F32, &s, 1, DENSE),
                      make_layout(CLACT_F32, &s, 1, DENSE)}, a, b;
        fill_all(&o[0], 11, false), fill_all(&o[1], 12, false), fill_all(&o[2], 13, false);
        int to = arrays ? (c - 2) / 2 % 3 : 0, gate_to = arrays ? (c - 2) / 6 : 0;
        array dx = copy_of(&o[to]), dgate = copy_of(&o[gate_to]);
        take_units(u, &s, &o[0], arrays ? &o[1] : NULL, &a, &b);
        expect(u, &s, &a, &b, &o[2], 0, &dx, arrays ? &dgate : NULL);
        for (int v = 0; v < 3; v++)
            to_device(place, &o[v]);
        clact_backward_args args = {.x = &o[0].operand, .dy = &o[2].operand, .dx = &o[to].operand};
        if (arrays)
            args.gate = &o[1].operand, args.dgate = &o[gate_to].operand;
        if (arrays && to == gate_to) {
            REFUSED(clact_backward(test_context(), unit, &args), CLACT_E_OVERLAP, "dx and dgate are the same");
        } else {
            OK(clact_backward(test_context(), unit, &args));
            for (int v = 0; v < 3; v++)
                from_device(&o[v]);
            compare(u, &s, "dx in place", &o[to], &dx);
            if (arrays)
                compare(u, &s, "dgate in place", &o[gate_to], &dgate);
        }
        for (int v = 0; v < 3; v++)
            free_array(&o[v]);
        free_array(&a), free_array(&b), free_array(&dx), free_array(&dgate);
    }
    clact_activation_destroy(&unit);
}
END_TEST

/* Either gradient alone is what it is with the other. */
START_TEST(one_gradient_alone)
{
    const gated_by *u = &units[0];
    shape s = {1, {1000}, 0};
    clact_activation *glu = make_unit(u, true, 0);
    for (int c = 0; c < 4; c++) {
        clact_context *place = c & 1 ? test_context() : NULL;
        array x = make_layout(CLACT_F32, &s, 1, c & 2 ? SPREAD : DENSE), gate = make_layout(CLACT_F32, &s, 1, DENSE);
        array dy = make_layout(CLACT_F32, &s, 1, DENSE), out[4];
        fill_all(&x, 14, false), fill_all(&gate, 15, false), fill_all(&dy, 16, false);
        to_device(place, &x), to_device(place, &gate), to_device(place, &dy);
        for (int k = 0; k < 4; k++)
            out[k] = make_layout(CLACT_F32, &s, 1, DENSE), to_device(place, &out[k]);
        for (int k = 0; k < 3; k++) {
            clact_backward_args args = {.x = &x.operand, .gate = &gate.operand, .dy = &dy.operand};
            args.dx = k == 0 ? &out[0].operand : k == 1 ? &out[2].operand : NULL;
            args.dgate = k == 0 ? &out[1].operand : k == 2 ? &out[3].operand : NULL;
            OK(clact_backward(test_context(), glu, &args));
        }
        for (int k = 0; k < 4; k++)
            from_device(&out[k]);
        compare(u, &s, "dx alone", &out[2], &out[0]);
        compare(u, &s, "dgate alone", &out[3], &out[1]);
        for (int k = 0; k < 4; k++)
            free_array(&out[k]);
        free_array(&x), free_array(&gate), free_array(&dy);
    }
    clact_activation_destroy(&glu);
}
END_TEST

/* ---- Values --------------------------------------------------------------------------------- */

static void apply(const char *name, float u, float v, float dy, float *out)
{
    clact_activation *a;
    clact_activation_desc desc = {.name = name, .gated = strcmp(clact_activation_find(name)->kind, "gated") != 0};
    OK(clact_activation_create(&a, &desc));
    clact_operand x = clact_array(CLACT_F32, &u, 1), gate = clact_array(CLACT_F32, &v, 1), up = clact_array(CLACT_F32, &dy, 1);
    clact_operand y = clact_array(CLACT_F32, &out[0], 1), du = clact_array(CLACT_F32, &out[1], 1);
    clact_operand dv = clact_array(CLACT_F32, &out[2], 1);
    OK(clact_forward(test_context(), a, &(clact_forward_args){.x = &x, .gate = &gate, .y = &y}));
    OK(clact_backward(test_context(), a, &(clact_backward_args){.x = &x, .gate = &gate, .dy = &up, .dx = &du, .dgate = &dv}));
    clact_activation_destroy(&a);
}

/* By hand: infinities, zeros and NaN. */
START_TEST(special_values)
{
    static const struct { const char *name; float u, v, dy, y, du, dv; } cases[] = {
        {"glu", INFINITY, -INFINITY, 1, NAN, 0, 0},
        {"glu", INFINITY, 0, 1, INFINITY, 0.5f, INFINITY},
        {"glu", 3, INFINITY, INFINITY, 3, INFINITY, 0},
        {"glu", 0, 0, INFINITY, 0, INFINITY, 0},
        {"glu", NAN, -INFINITY, 1, NAN, 0, 0},
        {"glu", NAN, 0, 1, NAN, 0.5f, NAN},
        {"glu", 1, NAN, 1, NAN, NAN, NAN},
        {"glu", 1, 0, NAN, 0.5f, NAN, NAN},
        {"reglu", 2, -1, INFINITY, 0, 0, 0},
        {"reglu", -2, -1, NAN, -0.0f, 0, 0},
        {"reglu", INFINITY, -1, 1, NAN, 0, 0},
        {"reglu", INFINITY, 2, -1, INFINITY, -2, -INFINITY},
        {"reglu", -2, 3, 0.5f, -6, 1.5f, -1},
        {"bilinear", 0, INFINITY, 1, NAN, INFINITY, 0},
        {"bilinear", 0, 5, INFINITY, 0, INFINITY, 0},
        {"bilinear", 3e38f, 1, 0, 3e38f, 0, 0},
        {"square", 0x1p100f, 0x1p60f, 0x1p-120f, INFINITY, 1, 0x1p41f},
        {"abs", 3e38f, -2, 0, INFINITY, 0, -0.0f},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!clact_activation_find(cases[i].name))
            continue;
        float out[3];
        const float want[3] = {cases[i].y, cases[i].du, cases[i].dv};
        apply(cases[i].name, cases[i].u, cases[i].v, cases[i].dy, out);
        for (int k = 0; k < 3; k++)
            ck_assert_msg(same_value(out[k], want[k]), "%s, u %g, v %g, dy %g: %s is %g, expected %g", cases[i].name, cases[i].u,
                          cases[i].v, cases[i].dy, k == 0 ? "y" : k == 1 ? "du" : "dv", out[k], want[k]);
    }
}
END_TEST

/* Finite inputs never give a NaN. */
START_TEST(no_nan_from_numbers)
{
    enum { MOST = 100000 };
    const int N = light() ? 5000 : MOST;
    static float x[2 * MOST], dy[MOST], y[MOST], dx[2 * MOST];
    static const char *const names[] = {"glu", "reglu", "bilinear", "geglu", "geglu_tanh", "geglu_quick", "swiglu"};
    uint64_t seed = 17;
    for (int i = 0; i < 2 * N; i++) {
        x[i] = float_of((uint32_t)next_random(&seed));
        x[i] = isfinite(x[i]) ? x[i] : FLT_MAX;
        dy[i / 2] = i % 7 ? isfinite(x[i]) ? x[(i * 31) % (i + 1)] : 0 : 0;
    }
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        clact_activation *a = named(names[k]);
        clact_operand ox = clact_array(CLACT_F32, x, 2 * N), ody = clact_array(CLACT_F32, dy, N);
        clact_operand oy = clact_array(CLACT_F32, y, N), odx = clact_array(CLACT_F32, dx, 2 * N);
        OK(clact_forward(test_context(), a, &(clact_forward_args){.x = &ox, .y = &oy}));
        OK(clact_backward(test_context(), a, &(clact_backward_args){.x = &ox, .dy = &ody, .dx = &odx}));
        for (int i = 0; i < 2 * N; i++)
            ck_assert_msg(!isnan(dx[i]) && !isnan(y[i / 2]), "%s at %d", names[k], i);
        clact_activation_destroy(&a);
    }
}
END_TEST

static double ulps(double got, long double exact)
{
    int e;
    frexpl(exact, &e);
    return (double)(fabsl(got - exact) / ldexpl(1, (e < -125 ? -125 : e) - 24));
}

/* The stated bounds of glu, where f(v) is normal, against long double. */
START_TEST(glu_against_its_formula)
{
    enum { MOST = 200000 };
    const int N = light() ? 10000 : MOST;
    static float x[2 * MOST], dy[MOST], y[MOST], dx[2 * MOST];
    const clact_activation_info *info = clact_activation_find("glu");
    uint64_t seed = 18;
    for (int i = 0; i < N; i++) {
        x[i] = (float)((double)(int64_t)next_random(&seed) * 0x1p-60);
        x[N + i] = (float)((double)(int64_t)next_random(&seed) * 0x1p-63 * (i % 2 ? 80 : 4));
        dy[i] = 1;
    }
    clact_activation *a = named("glu");
    clact_operand ox = clact_array(CLACT_F32, x, 2 * N), ody = clact_array(CLACT_F32, dy, N);
    clact_operand oy = clact_array(CLACT_F32, y, N), odx = clact_array(CLACT_F32, dx, 2 * N);
    OK(clact_forward(test_context(), a, &(clact_forward_args){.x = &ox, .y = &oy}));
    OK(clact_backward(test_context(), a, &(clact_backward_args){.x = &ox, .dy = &ody, .dx = &odx}));
    for (int i = 0; i < N; i++) {
        long double e = expl(-fabsl(x[N + i])), s = x[N + i] < 0 ? e / (1 + e) : 1 / (1 + e), d = e / ((1 + e) * (1 + e));
        ck_assert_msg(ulps(y[i], x[i] * s) <= info->ulp_forward, "y at %a, %a", x[i], x[N + i]);
        ck_assert_msg(ulps(dx[i], s) <= info->ulp_derivative, "du at %a, %a", x[i], x[N + i]);
        ck_assert_msg(ulps(dx[N + i], x[i] * d) <= info->ulp_derivative, "dv at %a, %a", x[i], x[N + i]);
    }
    clact_activation_destroy(&a);
}
END_TEST

/* Against differences of the function itself, in f64. */
START_TEST(gradients_against_differences)
{
    static const char *const names[] = {"glu", "bilinear", "geglu", "geglu_tanh", "geglu_quick", "swiglu", "tanh", "elu"};
    enum { N = 60 };
    const double h = 0x1p-20;
    clact_context *cpu = cpu_context(NULL, 1);
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        clact_activation *a;
        clact_activation_desc desc = {.name = names[k], .gated = k > 5};
        OK(clact_activation_create(&a, &desc));
        double x[2 * N], dy[N], dx[2 * N], less[N], more[N];
        uint64_t seed = 19;
        for (int i = 0; i < 2 * N; i++)
            x[i] = (double)(int64_t)next_random(&seed) * 0x1p-62, dy[i / 2] = x[i / 3] + 0.5;
        clact_operand ox = clact_array(CLACT_F64, x, 2 * N), ody = clact_array(CLACT_F64, dy, N);
        clact_operand odx = clact_array(CLACT_F64, dx, 2 * N), below = clact_array(CLACT_F64, less, N);
        clact_operand above = clact_array(CLACT_F64, more, N);
        OK(clact_backward(cpu, a, &(clact_backward_args){.x = &ox, .dy = &ody, .dx = &odx}));
        for (int i = 0; i < 2 * N; i++) {
            double at = x[i], sum = 0;
            x[i] = at - h;
            OK(clact_forward(cpu, a, &(clact_forward_args){.x = &ox, .y = &below}));
            x[i] = at + h;
            OK(clact_forward(cpu, a, &(clact_forward_args){.x = &ox, .y = &above}));
            x[i] = at;
            for (int j = 0; j < N; j++)
                sum += dy[j] * (more[j] - less[j]) / (2 * h);
            ck_assert_msg(fabs(sum - dx[i]) < 1e-6, "%s at %d: %g, by differences %g", names[k], i, dx[i], sum);
        }
        clact_activation_destroy(&a);
    }
    clact_close(&cpu);
}
END_TEST

/* ---- One result everywhere ------------------------------------------------------------------ */

/* One thread, five, each instruction set, and the device: the same bits. */
START_TEST(the_same_bits)
{
    static const char *const sets[] = {NULL, NULL, "baseline", "avx2", "avx512", "neon"};
    shape s = {2, {light() ? 30 : 300, 700}, 1};
    clact_activation *a = make_unit(&elu, true, 1);
    array x = make_layout(CLACT_F32, &s, 2, DENSE), dy = make_layout(CLACT_F32, &s, 1, DENSE), first = {0}, first_dx = {0};
    fill_all(&x, 20, false), fill_all(&dy, 21, false);
    for (size_t k = 0; k <= COUNT_OF(sets); k++) {
        clact_context *c = NULL;
        clact_options options = {.device = "cpu", .cpu = k < COUNT_OF(sets) ? sets[k] : NULL, .threads = k == 1 ? 5 : 1};
        if (k < COUNT_OF(sets) && clact_open(&c, &options) != CLACT_OK)
            continue; /* not on this processor */
        clact_context *place = k < COUNT_OF(sets) ? NULL : test_context();
        array y = make_layout(CLACT_F32, &s, 1, DENSE), dx = make_layout(CLACT_F32, &s, 2, DENSE);
        to_device(place, &x), to_device(place, &dy), to_device(place, &y), to_device(place, &dx);
        OK(clact_forward(c ? c : place, a, &(clact_forward_args){.x = &x.operand, .y = &y.operand}));
        OK(clact_backward(c ? c : place, a, &(clact_backward_args){.x = &x.operand, .dy = &dy.operand, .dx = &dx.operand}));
        from_device(&x), from_device(&dy), from_device(&y), from_device(&dx);
        if (k) {
            compare(&elu, &s, "here and there", &y, &first);
            compare(&elu, &s, "gradient here and there", &dx, &first_dx);
            free_array(&y), free_array(&dx);
        } else {
            first = y, first_dx = dx;
        }
        clact_close(&c);
    }
    free_array(&x), free_array(&dy), free_array(&first), free_array(&first_dx);
    clact_activation_destroy(&a);
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------ */

static clact_status forward(const char *name, uint32_t gated, clact_operand x, const clact_operand *gate, clact_operand y)
{
    clact_activation *a;
    clact_activation_desc desc = {.name = name, .gated = gated};
    OK(clact_activation_create(&a, &desc));
    clact_status status = clact_forward(test_context(), a, &(clact_forward_args){.x = &x, .gate = gate, .y = &y});
    clact_activation_destroy(&a);
    return status;
}

START_TEST(operands_that_do_not_fit)
{
    static float v[64], w[64];
    clact_operand x = clact_array(CLACT_F32, v, 10), y = clact_array(CLACT_F32, w, 5), gate = clact_array(CLACT_F32, v, 10);
    clact_operand odd = clact_array(CLACT_F32, v, 7), one = clact_array(CLACT_F32, v, 1);
    OK(forward("glu", 0, x, NULL, y));
    REFUSED(forward("glu", 0, odd, NULL, y), CLACT_E_ARGUMENT, "x has 7 elements along axis 0, which cannot be halved");
    REFUSED(forward("glu", 0, x, NULL, x), CLACT_E_ARGUMENT, "y must have the shape of a half of x");
    REFUSED(forward("glu", 0, x, &gate, y), CLACT_E_ARGUMENT, "y must have the shape of x");
    REFUSED(forward("glu", 0, x, &odd, y), CLACT_E_ARGUMENT, "gate must have the shape of x");
    REFUSED(forward("sigmoid", 0, x, &gate, x), CLACT_E_ARGUMENT, "gate is for gated activations, and sigmoid is element-wise");
    gate.tensor.type = CLACT_F64;
    REFUSED(forward("glu", 0, x, &gate, x), CLACT_E_ARGUMENT, "gate is of type f64");
    one.tensor.rank = 0;
    REFUSED(forward("glu", 0, one, NULL, one), CLACT_E_ARGUMENT, "no axis -1 in an x of 0 dimensions");
    x.tensor.type = CLACT_U8;
    REFUSED(forward("glu", 0, x, NULL, y), CLACT_E_ARGUMENT, "masks and quantised activations only");
    x.tensor.type = CLACT_F32;
    y.data = v + 3; /* over both halves */
    REFUSED(forward("glu", 0, x, NULL, y), CLACT_E_OVERLAP, "x overlaps the output");
    y.data = w;
    y.tensor.strided = 1;
    REFUSED(forward("glu", 0, x, NULL, y), CLACT_E_OVERLAP, "elements of y, an output, share memory");
}
END_TEST

START_TEST(gradients_that_do_not_fit)
{
    static float v[64], w[64], z[64];
    clact_activation *glu = named("glu");
    clact_context *c = test_context();
    clact_operand x = clact_array(CLACT_F32, v, 10), dx = clact_array(CLACT_F32, w, 10), dy = clact_array(CLACT_F32, z, 5);
    clact_backward_args args = {.x = &x, .dy = &dy, .dx = &dx, .dgate = &dx};
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dgate is for a call with gate");
    args.dgate = NULL;
    args.dgate_beta = 1;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dgate_beta is for a call with gate");
    args.dgate_beta = 0;
    OK(clact_backward(c, glu, &args));
    args.dx = NULL;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dx must not be NULL");
    args.dx = &dy;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dx must have the shape of x");
    args.dx = &dx;
    args.dy = &x;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dy must have the shape of a half of x");
    args = (clact_backward_args){.y = &dy, .dy = &dy, .dx = &dx};
    REFUSED(clact_backward(c, glu, &args), CLACT_E_UNSUPPORTED, "backward of gated glu needs x");
    args.y = NULL;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "backward of gated glu needs x");
    args = (clact_backward_args){.x = &x, .gate = &x, .dy = &x};
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dx or dgate must be given");
    args.dx = &x;
    args.dx_beta = 1;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_OVERLAP, "it holds a value of its own");
    args.dx = &dx;
    args.dx_beta = NAN;
    REFUSED(clact_backward(c, glu, &args), CLACT_E_ARGUMENT, "dx_beta must be finite");
    args.dx_beta = 0;
    args.training = 1; /* harmless where there is no noise */
    OK(clact_backward(c, glu, &args));
    clact_activation_destroy(&glu);
    clact_activation *noisy;
    OK(clact_activation_create(&noisy, &(clact_activation_desc){.name = "rrelu", .gated = 1}));
    REFUSED(clact_backward(c, noisy, &args), CLACT_E_UNSUPPORTED, "gated, rrelu draws no noise");
    args.training = 0;
    OK(clact_backward(c, noisy, &args));
    clact_activation_destroy(&noisy);
}
END_TEST

START_TEST(activations_that_do_not_gate)
{
    clact_activation *a;
    clact_operand x = clact_array(CLACT_F32, (float[4]){0}, 4), y = clact_array(CLACT_F32, (float[4]){0}, 2);
    clact_activation_desc desc = {.name = "maxout", .gated = 1};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_UNSUPPORTED, "maxout cannot gate");
    desc = (clact_activation_desc){.name = "tanh", .half = CLACT_HALF_FIRST};
    REFUSED(clact_activation_create(&a, &desc), CLACT_E_ARGUMENT, "half is of gated units");
    clact_parameter axis = {"axis", 1, 0, 0};
    REFUSED(clact_activation_named(&a, "tanh", &axis, 1), CLACT_E_NAME, "no parameter 'axis'");
    axis.value = 0.5;
    REFUSED(clact_activation_named(&a, "glu", &axis, 1), CLACT_E_RANGE, "must be an integer");
    axis.value = 8;
    REFUSED(clact_activation_named(&a, "glu", &axis, 1), CLACT_E_RANGE, "at most 7");
    axis.value = 3;
    OK(clact_activation_named(&a, "glu", &axis, 1));
    REFUSED(clact_forward(test_context(), a, &(clact_forward_args){.x = &x, .y = &y}), CLACT_E_ARGUMENT,
            "glu has no axis 3 in an x of 1 dimensions");
    clact_activation_destroy(&a);
    desc = (clact_activation_desc){.name = "prelu", .gated = 1};
    OK(clact_activation_create(&a, &desc));
    clact_parameter_tensor slope = {"slope", &y};
    REFUSED(clact_forward(test_context(), a, &(clact_forward_args){.x = &x, .y = &y, .parameters = &slope, .parameter_count = 1}),
            CLACT_E_UNSUPPORTED, "tensor is for element-wise activations, and prelu is gated");
    clact_activation_destroy(&a);
}
END_TEST

START_TEST(nothing_to_gate)
{
    clact_operand x = {.tensor = {.rank = 2, .dims = {0, 6}}}, y = {.tensor = {.rank = 2, .dims = {0, 3}}};
    OK(forward("glu", 0, x, NULL, y));
    x.tensor.dims[0] = y.tensor.dims[0] = 4, x.tensor.dims[1] = y.tensor.dims[1] = 0;
    OK(forward("glu", 0, x, NULL, y));
    OK(forward("glu", 0, x, &x, y));
}
END_TEST

Suite *gated_suite(void)
{
    Suite *s = suite_create("gated");
    TCase *t = tcase_create("gated");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, products, 0, COUNT_OF(units));
    tcase_add_test(t, sizes);
    tcase_add_test(t, forward_in_place);
    tcase_add_test(t, backward_in_place);
    tcase_add_test(t, one_gradient_alone);
    tcase_add_test(t, special_values);
    tcase_add_test(t, no_nan_from_numbers);
    tcase_add_test(t, glu_against_its_formula);
    tcase_add_test(t, gradients_against_differences);
    tcase_add_test(t, the_same_bits);
    tcase_add_test(t, operands_that_do_not_fit);
    tcase_add_test(t, gradients_that_do_not_fit);
    tcase_add_test(t, activations_that_do_not_gate);
    tcase_add_test(t, nothing_to_gate);
    suite_add_tcase(s, t);
    return s;
}
