/* test_nn_dense.c: the dense layer: its bits against chains of fma and sums made here, its gradients against central
 * differences of the layer itself, in f64. */
#include "layouts.h"

#include <clact/nn.h>
#include <clact/opencl.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Layers --------------------------------------------------------------------------------- */

static const struct layer {
    const char *name;        /* of the activation; NULL: none */
    bool gated;
    int64_t factor, divisor; /* of y's columns */
    bool tensor;             /* the first parameter is a tensor, one element for each unit */
    bool noise;
    bool no_bias;
} layers[] = {
    {NULL, false, 1, 1, false, false, false},      {NULL, false, 1, 1, false, false, true},
    {"sigmoid", false, 1, 1, false, false, false}, {"tanh", false, 1, 1, false, false, true},
    {"gelu", false, 1, 1, false, false, false},    {"prelu", false, 1, 1, true, false, false},
    {"swish", false, 1, 1, false, false, false},   {"softmax", false, 1, 1, false, false, false},
    {"swiglu", false, 1, 2, false, false, false},  {"tanh", true, 1, 2, false, false, false},
    {"maxout", false, 1, 2, false, false, false},  {"crelu", false, 2, 1, false, false, true},
    {"dropout", false, 1, 1, false, true, false},  {"log_softmax", false, 1, 1, false, false, true},
};

enum { BATCH = 7, INPUTS = 9, UNITS = 8 };

struct operands {
    array x, w, b, z, y, dy, dz, dx, dw, db, slope, dslope;
    clact_parameter_tensor tensor;
    clact_parameter_gradient gradient;
};

static clact_activation *activation_of(const struct layer *l)
{
    clact_activation *a = NULL;
    if (l->name)
        OK(clact_activation_create(&a, &(clact_activation_desc){.name = l->name, .gated = l->gated}));
    return a;
}

static array dense(clact_type type, uint32_t rank, int64_t rows, int64_t columns)
{
    array a = make_array(type, rank, rank == 2 ? (const int64_t[]){rows, columns} : (const int64_t[]){columns});
    a.operand.tensor.strided = 0;
    return a;
}

/* In [-2, 2), with all the digits that the type has: sums of fewer would be exact in any order. */
static void fill(array *a, uint64_t seed)
{
    for (int64_t i = 0; i < count_of(a); i++)
        set(a, i, (double)(int64_t)next_random(&seed) * 0x1p-62);
}

static struct operands make(clact_type type, const struct layer *l, int64_t batch, int64_t inputs, int64_t units)
{
    const int64_t out = units * l->factor / l->divisor;
    struct operands o = {
        .x = dense(type, 2, batch, inputs), .w = dense(type, 2, inputs, units), .b = dense(type, 1, 0, units),
        .z = dense(type, 2, batch, units),  .y = dense(type, 2, batch, out),    .dy = dense(type, 2, batch, out),
        .dz = dense(type, 2, batch, units), .dx = dense(type, 2, batch, inputs), .dw = dense(type, 2, inputs, units),
        .db = dense(type, 1, 0, units),     .slope = dense(type, 1, 0, units),  .dslope = dense(type, 1, 0, units),
    };
    fill(&o.x, 1), fill(&o.w, 2), fill(&o.b, 3), fill(&o.dy, 4), fill(&o.slope, 5);
    fill(&o.dx, 6), fill(&o.dw, 7), fill(&o.db, 8);
    return o;
}

static array *all_of(struct operands *o, size_t k)
{
    array *const all[] = {&o->x,  &o->w,  &o->b,  &o->z,  &o->y,     &o->dy,
                          &o->dz, &o->dx, &o->dw, &o->db, &o->slope, &o->dslope};
    return k < COUNT_OF(all) ? all[k] : NULL;
}

static void move(clact_context *place, struct operands *o, bool to)
{
    for (size_t k = 0; all_of(o, k); k++)
        if (to)
            to_device(place, all_of(o, k));
        else
            from_device(all_of(o, k));
}

static void free_operands(struct operands *o)
{
    for (size_t k = 0; all_of(o, k); k++)
        free_array(all_of(o, k));
}

static clact_nn_dense_args forward_args(const struct layer *l, struct operands *o, const clact_activation *a)
{
    o->tensor = (clact_parameter_tensor){"slope", &o->slope.operand};
    return (clact_nn_dense_args){
        .x = &o->x.operand, .w = &o->w.operand, .b = l->no_bias ? NULL : &o->b.operand, .z = a ? &o->z.operand : NULL,
        .y = &o->y.operand, .activation = a, .parameters = l->tensor ? &o->tensor : NULL, .parameter_count = l->tensor,
        .seed = 5, .offset = 6, .training = l->noise};
}

/* From z, or from y. */
static clact_nn_dense_backward_args backward_args(const struct layer *l, struct operands *o, const clact_activation *a,
                                                  bool from_y)
{
    o->gradient = (clact_parameter_gradient){.name = "slope", .value = &o->dslope.operand};
    bool needs = a && clact_activation_info_of(a)->needs != CLACT_BACKWARD_NOTHING;
    return (clact_nn_dense_backward_args){.x = &o->x.operand,
                                          .w = &o->w.operand,
                                          .z = needs && !from_y ? &o->z.operand : NULL,
                                          .y = needs && from_y ? &o->y.operand : NULL,
                                          .dy = &o->dy.operand,
                                          .dz = a ? &o->dz.operand : NULL,
                                          .dx = &o->dx.operand,
                                          .dw = &o->dw.operand,
                                          .db = l->no_bias ? NULL : &o->db.operand,
                                          .activation = a,
                                          .parameters = l->tensor ? &o->tensor : NULL,
                                          .parameter_count = l->tensor,
                                          .gradients = l->tensor ? &o->gradient : NULL,
                                          .gradient_count = l->tensor,
                                          .seed = 5,
                                          .offset = 6,
                                          .training = l->noise};
}

/* A whole step where place says: in its buffers, or on the host where it is NULL. */
static void step(clact_context *context, clact_context *place, const struct layer *l, struct operands *o, uint32_t mode)
{
    clact_activation *a = activation_of(l);
    uint32_t needs;
    OK(clact_nn_dense_needs(context, a, (clact_type)o->x.operand.tensor.type, &needs));
    move(place, o, true);
    clact_nn_dense_args forward = forward_args(l, o, a);
    forward.mode = mode;
    OK(clact_nn_dense_forward(context, &forward, NULL));
    clact_nn_dense_backward_args backward = backward_args(l, o, a, needs == CLACT_BACKWARD_Y && !l->tensor);
    backward.mode = mode;
    OK(clact_nn_dense_backward(context, &backward, NULL));
    move(place, o, false);
    clact_activation_destroy(&a);
}

static void same_bits(const array *got, const array *expected, const char *what, const struct layer *l)
{
    size_t bytes = (size_t)count_of(got) * clact_type_bytes((clact_type)got->operand.tensor.type);
    for (int64_t i = 0; memcmp(got->memory, expected->memory, bytes) != 0 && i < count_of(got); i++)
        ck_assert_msg(same_value(get(got, i), get(expected, i)), "%s of %s, %s: [%lld] is %a, not %a", what,
                      l->name ? l->name : "none", clact_type_name((clact_type)got->operand.tensor.type), (long long)i,
                      get(got, i), get(expected, i));
}

/* ---- Exact layers --------------------------------------------------------------------------- */

static double fused(bool f64, double a, double b, double c)
{
    return f64 ? fma(a, b, c) : (double)fmaf((float)a, (float)b, (float)c);
}

static double added(bool f64, double a, double b)
{
    return f64 ? a + b : (double)((float)a + (float)b);
}

/* The sum of a column in the order of cl/reduction.h: lanes of every 256th term, folded in halves; to one block. */
static double column_sum(const array *z, int64_t column, bool f64)
{
    const int64_t rows = z->operand.tensor.dims[0], columns = z->operand.tensor.dims[1];
    double lanes[256];
    ck_assert_int_le(rows, 4096);
    for (int l = 0; l < 256; l++)
        lanes[l] = -0.0;
    for (int64_t i = 0; i < rows; i++)
        lanes[i % 256] = added(f64, lanes[i % 256], get(z, i * columns + column));
    for (int span = 128; span; span /= 2)
        for (int l = 0; l < span; l++)
            lanes[l] = added(f64, lanes[l], lanes[l + span]);
    return lanes[0] == 0 ? 0 : lanes[0]; /* never -0.0 */
}

/* z, and what is made of dz. f16 and bf16: each step's result is rounded to the type. */
static void check_step(const struct layer *l, struct operands *o)
{
    const clact_type type = (clact_type)o->x.operand.tensor.type;
    const bool f64 = type == CLACT_F64;
    const int64_t batch = o->x.operand.tensor.dims[0], inputs = o->x.operand.tensor.dims[1],
                  units = o->w.operand.tensor.dims[1];
    const array *dz = l->name ? &o->dz : &o->dy;
    struct operands e = make(type, l, batch, inputs, units);
    for (int64_t i = 0; i < batch * units; i++) {
        double sum = 0;
        for (int64_t t = 0; t < inputs; t++)
            sum = fused(f64, get(&o->x, i / units * inputs + t), get(&o->w, t * units + i % units), sum);
        set(&e.z, i, sum);
        if (!l->no_bias)
            set(&e.z, i, added(f64, get(&e.z, i), get(&o->b, i % units)));
    }
    for (int64_t i = 0; i < inputs * units; i++) {
        double sum = 0;
        for (int64_t t = 0; t < batch; t++)
            sum = fused(f64, get(&o->x, t * inputs + i / units), get(dz, t * units + i % units), sum);
        set(&e.dw, i, sum);
    }
    for (int64_t i = 0; i < batch * inputs; i++) {
        double sum = 0;
        for (int64_t t = 0; t < units; t++)
            sum = fused(f64, get(dz, i / inputs * units + t), get(&o->w, i % inputs * units + t), sum);
        set(&e.dx, i, sum);
    }
    for (int64_t i = 0; i < units; i++)
        set(&e.db, i, column_sum(dz, i, f64));
    same_bits(l->name ? &o->z : &o->y, &e.z, "z", l);
    same_bits(&o->dw, &e.dw, "dw", l);
    same_bits(&o->dx, &e.dx, "dx", l);
    if (!l->no_bias)
        same_bits(&o->db, &e.db, "db", l);
    free_operands(&e);
}

/* f alone, of z; where it takes the sum itself, of f32 and f64. */
static void check_activation(const struct layer *l, struct operands *o)
{
    const clact_type type = (clact_type)o->x.operand.tensor.type;
    if (!l->name || type == CLACT_F16 || type == CLACT_BF16)
        return;
    clact_context *context = cpu_context(NULL, 1);
    clact_activation *a = activation_of(l);
    array y = dense(type, 2, o->y.operand.tensor.dims[0], o->y.operand.tensor.dims[1]);
    OK(clact_forward(context, a,
                     &(clact_forward_args){.x = &o->z.operand,
                                           .y = &y.operand,
                                           .seed = 5,
                                           .offset = 6,
                                           .training = l->noise,
                                           .parameters = l->tensor ? &o->tensor : NULL,
                                           .parameter_count = l->tensor}));
    same_bits(&o->y, &y, "y", l);
    free_array(&y);
    clact_activation_destroy(&a);
    clact_close(&context);
}

/* Those that a device tries, as each takes kernels that drivers compile for a second: one without f and one with it. What
 * the others call besides has suites of its own. */
static bool device_tries(int layer, uint32_t type)
{
    return type == CLACT_F32 ? layer == 0 || layer == 2 : type == CLACT_F16 && layer == 2 && !light();
}

START_TEST(bits_of_every_layer)
{
    const struct layer *l = &layers[_i];
    for (uint32_t type = 0; type < CLACT_TYPE_COUNT; type++)
        for (int place = 0; place < 2; place++) {
            if (place && !device_tries(_i, type))
                continue;
            struct operands o = make((clact_type)type, l, BATCH, INPUTS, UNITS);
            step(test_context(), place ? test_context() : NULL, l, &o, CLACT_NN_EXACT);
            check_step(l, &o);
            check_activation(l, &o);
            free_operands(&o);
        }
}
END_TEST

/* More rows than lanes, more columns than a kernel's part of a row, and none of either. */
START_TEST(other_sizes)
{
    static const int64_t sizes[][3] = {{600, 3, 9}, {2, 1, 1100}, {0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 1, 1}};
    for (size_t k = 0; k < COUNT_OF(sizes); k++)
        for (int place = 0; place < 2; place++)
            for (int kind = 0; kind < 3; kind += 2) {
                if (place && light() && k < 2) /* seconds in a simulator */
                    continue;
                struct operands o = make(CLACT_F32, &layers[kind], sizes[k][0], sizes[k][1], sizes[k][2]);
                step(test_context(), place ? test_context() : NULL, &layers[kind], &o, CLACT_NN_EXACT);
                check_step(&layers[kind], &o);
                free_operands(&o);
            }
}
END_TEST

/* Without z, for an f that takes the sum itself and for one that takes z, y is the same. */
START_TEST(z_is_not_kept)
{
    for (size_t k = 0; k < COUNT_OF(layers); k++) {
        const struct layer *l = &layers[k];
        if (l->factor != l->divisor || !l->name)
            continue;
        clact_activation *a = activation_of(l);
        struct operands o = make(CLACT_F32, l, BATCH, INPUTS, UNITS);
        clact_nn_dense_args args = forward_args(l, &o, a);
        OK(clact_nn_dense_forward(test_context(), &args, NULL));
        array y = o.y;
        o.y = dense(CLACT_F32, 2, BATCH, UNITS);
        args = forward_args(l, &o, a);
        args.z = NULL;
        OK(clact_nn_dense_forward(test_context(), &args, NULL));
        same_bits(&o.y, &y, "y without z", l);
        free_array(&y);
        free_operands(&o);
        clact_activation_destroy(&a);
    }
}
END_TEST

/* Gradients are added to what stands there, one fma with it; and each is left out. */
START_TEST(factors_and_what_is_left_out)
{
    const struct layer *l = &layers[2];
    clact_activation *a = activation_of(l);
    struct operands o = make(CLACT_F32, l, BATCH, INPUTS, UNITS), before = make(CLACT_F32, l, BATCH, INPUTS, UNITS);
    clact_nn_dense_args forward = forward_args(l, &o, a);
    OK(clact_nn_dense_forward(test_context(), &forward, NULL));
    clact_nn_dense_backward_args plain = backward_args(l, &o, a, false), args = plain;
    OK(clact_nn_dense_backward(test_context(), &plain, NULL));
    struct {
        array *value;
        const array *old;
        double beta;
    } outputs[] = {{&o.dx, &before.dx, 0.5}, {&o.dw, &before.dw, -1.5}, {&o.db, &before.db, 3}};
    for (size_t only = 0; only < COUNT_OF(outputs); only++) {
        array *value = outputs[only].value;
        array expected = dense(CLACT_F32, value->operand.tensor.rank, value->operand.tensor.dims[0],
                               value->operand.tensor.dims[value->operand.tensor.rank - 1]);
        for (int64_t i = 0; i < count_of(value); i++) {
            set(&expected, i, fused(false, outputs[only].beta, get(outputs[only].old, i), get(value, i)));
            set(value, i, get(outputs[only].old, i));
        }
        args = plain;
        args.dx = only == 0 ? plain.dx : NULL, args.dx_beta = 0.5;
        args.dw = only == 1 ? plain.dw : NULL, args.dw_beta = -1.5;
        args.db = only == 2 ? plain.db : NULL, args.db_beta = 3;
        args.x = only == 1 ? plain.x : NULL, args.w = only == 0 ? plain.w : NULL;
        OK(clact_nn_dense_backward(test_context(), &args, NULL));
        same_bits(value, &expected, "with beta", l);
        free_array(&expected);
    }
    free_operands(&o), free_operands(&before);
    clact_activation_destroy(&a);
}
END_TEST

/* One thread, four, every instruction set and the device: the same bits of a whole step. */
START_TEST(the_same_bits)
{
    static const char *const sets[] = {NULL, NULL, "baseline", "avx2", "avx512", "neon"};
    const struct layer *l = &layers[2];
    struct operands first = {0};
    for (size_t k = 0; k <= COUNT_OF(sets); k++) {
        clact_context *c = NULL;
        clact_options options = {
            .device = "cpu", .cpu = k < COUNT_OF(sets) ? sets[k] : NULL, .threads = k == 1 ? 4 : 1};
        if (k < COUNT_OF(sets) && clact_open(&c, &options) != CLACT_OK)
            continue; /* not on this processor */
        struct operands o = make(CLACT_F32, l, light() ? 20 : 170, light() ? 15 : 60, light() ? 30 : 90);
        step(c ? c : test_context(), c ? NULL : test_context(), l, &o, CLACT_NN_EXACT);
        for (size_t v = 0; k && all_of(&o, v); v++)
            same_bits(all_of(&o, v), all_of(&first, v), "here and there", l);
        if (k)
            free_operands(&o);
        else
            first = o;
        clact_close(&c);
    }
    free_operands(&first);
}
END_TEST

/* With a pack that has no kernel of it, a step in buffers is computed by the CPU backend. */
START_TEST(without_kernels)
{
    const struct layer *l = &layers[_i];
    clact_context *cpu, *c = context_beside_pack();
    if (!c)
        return;
    cpu = cpu_context(NULL, 1);
    struct operands o = make(CLACT_F32, l, BATCH, INPUTS, UNITS), expected = make(CLACT_F32, l, BATCH, INPUTS, UNITS);
    step(c, c, l, &o, CLACT_NN_EXACT);
    step(cpu, NULL, l, &expected, CLACT_NN_EXACT);
    for (size_t v = 0; all_of(&o, v); v++)
        same_bits(all_of(&o, v), all_of(&expected, v), "without kernels", l);
    free_operands(&o);
    free_operands(&expected);
    clact_close(&cpu);
}
END_TEST

/* ---- Gradients against differences ---------------------------------------------------------- */

/* The sum of y dy. */
static double loss(clact_context *context, const clact_nn_dense_args *args, const struct operands *o)
{
    double sum = 0;
    OK(clact_nn_dense_forward(context, args, NULL));
    for (int64_t i = 0; i < count_of(&o->y); i++)
        sum += get(&o->y, i) * get(&o->dy, i);
    return sum;
}

static void compare_with_differences(clact_context *c, const struct layer *l, const clact_nn_dense_args *args,
                                     struct operands *o, array *at, const array *gradient, const char *what)
{
    const double h = 0x1p-18;
    for (int64_t i = 0; i < count_of(at); i++) {
        double value = get(at, i);
        set(at, i, value + h);
        double above = loss(c, args, o);
        set(at, i, value - h);
        double slope = (above - loss(c, args, o)) / (2 * h);
        set(at, i, value);
        ck_assert_msg(fabs(slope - get(gradient, i)) <= 1e-6 * (1 + fabs(slope)),
                      "%s of %s: [%lld] is %.10g, by differences %.10g", what, l->name ? l->name : "none", (long long)i,
                      get(gradient, i), slope);
    }
}

START_TEST(gradients_against_differences)
{
    const struct layer *l = &layers[_i];
    clact_context *c = cpu_context(NULL, 1);
    for (uint32_t mode = CLACT_NN_EXACT; mode <= CLACT_NN_FAST; mode++) {
        struct operands o = make(CLACT_F64, l, BATCH, INPUTS, UNITS);
        for (int64_t i = 0; i < count_of(&o.w); i++) /* away from kinks, and from where f is flat */
            set(&o.w, i, get(&o.w, i) * 0.2 + 0.013);
        step(c, NULL, l, &o, mode);
        clact_activation *a = activation_of(l);
        clact_nn_dense_args args = forward_args(l, &o, a);
        args.mode = mode;
        compare_with_differences(c, l, &args, &o, &o.x, &o.dx, "dx");
        compare_with_differences(c, l, &args, &o, &o.w, &o.dw, "dw");
        if (!l->no_bias)
            compare_with_differences(c, l, &args, &o, &o.b, &o.db, "db");
        if (l->tensor)
            compare_with_differences(c, l, &args, &o, &o.slope, &o.dslope, "the slope's");
        clact_activation_destroy(&a);
        free_operands(&o);
    }
    clact_close(&c);
}
END_TEST

/* Fast layers are near the exact ones, on the host and on the device. */
START_TEST(fast_layers)
{
    const struct layer *l = &layers[2];
    struct operands exact = make(CLACT_F32, l, 20, 15, 30);
    step(test_context(), NULL, l, &exact, CLACT_NN_EXACT);
    for (int place = 0; place < 2; place++) {
        struct operands o = make(CLACT_F32, l, 20, 15, 30);
        step(test_context(), place ? test_context() : NULL, l, &o, CLACT_NN_FAST);
        for (size_t v = 0; all_of(&o, v); v++)
            for (int64_t i = 0; i < count_of(all_of(&o, v)); i++)
                ck_assert_double_le(fabs(get(all_of(&o, v), i) - get(all_of(&exact, v), i)), 1e-3);
        free_operands(&o);
    }
    free_operands(&exact);
}
END_TEST

/* ---- What is refused, and what is needed ---------------------------------------------------- */

START_TEST(what_backward_needs)
{
    static const struct {
        const char *name;
        uint32_t needs;
    } all[] = {{"sigmoid", CLACT_BACKWARD_X}, {"gelu", CLACT_BACKWARD_X}, {"dropout", CLACT_BACKWARD_NOTHING},
               {"softmax", CLACT_BACKWARD_Y}, {"maxout", CLACT_BACKWARD_X}, {"crelu", CLACT_BACKWARD_Y},
               {"glu", CLACT_BACKWARD_X}, {"relu", CLACT_BACKWARD_Y}};
    uint32_t needs;
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        clact_activation *a = named(all[k].name);
        OK(clact_nn_dense_needs(test_context(), a, CLACT_F32, &needs));
        ck_assert_msg(needs == all[k].needs, "%s needs %u", all[k].name, needs);
        clact_activation_destroy(&a);
    }
    OK(clact_nn_dense_needs(test_context(), NULL, CLACT_F32, &needs));
    ck_assert_uint_eq(needs, CLACT_BACKWARD_NOTHING);
    REFUSED(clact_nn_dense_needs(test_context(), NULL, CLACT_U8, &needs), CLACT_E_ARGUMENT, "computed on");
    REFUSED(clact_nn_dense_needs(test_context(), NULL, CLACT_F32, NULL), CLACT_E_ARGUMENT, "must not be NULL");
}
END_TEST

START_TEST(forward_that_does_not_fit)
{
    const struct layer *l = &layers[2];
    clact_activation *a = activation_of(l), *maxout = named("maxout");
    struct operands o = make(CLACT_F32, l, BATCH, INPUTS, UNITS);
    clact_nn_dense_args good = forward_args(l, &o, a), args = good;
    clact_context *c = test_context();
    clact_operand other;
    OK(clact_nn_dense_forward(c, &good, NULL));
    REFUSED(clact_nn_dense_forward(c, NULL, NULL), CLACT_E_ARGUMENT, "context and args must not be NULL");
    args.w = NULL;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "w must not be NULL");
    args = good, args.y = NULL;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "y must not be NULL");
    args = good, args.activation = NULL;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "without an activation there is no z");
    args = good, args.activation = maxout, args.z = NULL;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "z must be given");
    args = good, args.training = 2;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "training must be 0 or 1");
    args = good, args.mode = 9;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "mode must be");
    args = good, args.reserved[3] = 1;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "reserved");
    args = good, args.b = &o.x.operand;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "b must have 1 dimensions, and has 2");
    args = good, args.b = &other, other = o.b.operand, other.tensor.dims[0]--;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "b must have 8 elements, and has 7");
    args = good, args.w = &other, other = o.w.operand, other.tensor.dims[0]--;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_ARGUMENT, "w must have 9 rows, and has 8");
    args = good, args.y = &o.z.operand;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_OVERLAP, "y is z");
    args = good, args.y = &other, other = o.y.operand, other.data = o.w.operand.data;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_OVERLAP, "w overlaps the output");
    args = good, args.z = &other, other.data = o.x.operand.data;
    REFUSED(clact_nn_dense_forward(c, &args, NULL), CLACT_E_OVERLAP, "x overlaps the output");
    free_operands(&o);
    clact_activation_destroy(&a);
    clact_activation_destroy(&maxout);
}
END_TEST

START_TEST(backward_that_does_not_fit)
{
    const struct layer *l = &layers[2];
    clact_activation *a = activation_of(l);
    struct operands o = make(CLACT_F32, l, BATCH, INPUTS, UNITS);
    clact_nn_dense_args forward = forward_args(l, &o, a);
    clact_context *c = test_context();
    OK(clact_nn_dense_forward(c, &forward, NULL));
    clact_nn_dense_backward_args good = backward_args(l, &o, a, false), args = good;
    clact_operand other;
    OK(clact_nn_dense_backward(c, &good, NULL));
    args.dz = &o.dy.operand;
    OK(clact_nn_dense_backward(c, &args, NULL));
    REFUSED(clact_nn_dense_backward(NULL, &good, NULL), CLACT_E_ARGUMENT, "context and args must not be NULL");
    args = good, args.dy = NULL;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "dy must not be NULL");
    args = good, args.dz = NULL;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "dz must be given");
    args = good, args.activation = NULL;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "without an activation there is no z");
    args = good, args.x = NULL;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "dw needs x");
    args = good, args.w = NULL;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "dx needs w");
    args = good, args.z = NULL;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "backward of sigmoid needs x");
    args = good, args.y = &o.y.operand;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "x or y, not both");
    args = (clact_nn_dense_backward_args){.dy = &o.dy.operand};
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "no gradient is asked for");
    args = good, args.db_beta = NAN;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "db_beta must be finite");
    args = good, args.dw = &other, other = o.dw.operand, other.tensor.dims[1]++;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_ARGUMENT, "dw must have 8 columns, and has 9");
    args = good, args.dx = &other, other = o.dx.operand, other.data = o.dw.operand.data;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_OVERLAP, "dw overlaps the output");
    other.data = o.x.operand.data;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_OVERLAP, "dx is x");
    args = good, args.dz = &other, other = o.dz.operand, other.data = o.w.operand.data;
    REFUSED(clact_nn_dense_backward(c, &args, NULL), CLACT_E_OVERLAP, "w overlaps the output");
    free_operands(&o);
    clact_activation_destroy(&a);
}
END_TEST

Suite *dense_suite(void)
{
    Suite *s = suite_create("dense");
    TCase *t = tcase_create("dense");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, bits_of_every_layer, 0, COUNT_OF(layers));
    tcase_add_test(t, other_sizes);
    tcase_add_test(t, z_is_not_kept);
    tcase_add_test(t, factors_and_what_is_left_out);
    tcase_add_test(t, the_same_bits);
    tcase_add_loop_test(t, without_kernels, 0, COUNT_OF(layers));
    tcase_add_loop_test(t, gradients_against_differences, 0, COUNT_OF(layers));
    tcase_add_test(t, fast_layers);
    tcase_add_test(t, what_backward_needs);
    tcase_add_test(t, forward_that_does_not_fit);
    tcase_add_test(t, backward_that_does_not_fit);
    suite_add_tcase(s, t);
    return s;
}
