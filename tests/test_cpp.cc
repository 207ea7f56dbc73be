/* test_cpp.cc: tests of clact.hpp, on whatever device there is; with CLACT_TEST_OPENCL_HPP on objects of OpenCL too. */
#include <clact/clact.hpp> /* before and after CL/opencl.hpp */
#ifdef CLACT_TEST_OPENCL_HPP
#define CL_HPP_TARGET_OPENCL_VERSION 120
#define CL_HPP_MINIMUM_OPENCL_VERSION 120
#define CL_HPP_ENABLE_EXCEPTIONS
#include <CL/opencl.hpp>
#include <clact/clact.hpp>
#endif

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::printf("%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

/* That the statement throws a clact::error with this status, whose sentence has the text. */
#define CHECK_THROWS(statement, expected, text) \
    do { \
        clact_status thrown = CLACT_OK; \
        try { \
            statement; \
        } catch (const clact::error &e) { \
            thrown = e.status(); \
            CHECK(std::strstr(e.what(), text) != nullptr); \
        } \
        CHECK(thrown == expected); \
    } while (0)

using floats = std::vector<float>;

static const floats x = {-3, -1, -0.5f, 0, 0.25f, 2}, dy = {1, 2, 3, 4, 5, 6};

static bool near(float a, double b)
{
    return std::fabs(a - b) <= 4 * 0x1p-23 * std::fabs(b);
}

static void test_activations()
{
    clact::activation relu("relu", {{"max_value", 1}, {"threshold", -1}}, [] {
        clact_activation_desc desc = {};
        desc.unchecked = 1;
        return desc;
    }());
    CHECK(relu.info().id == CLACT_RELU);
    clact::activation moved = std::move(relu);
    CHECK(moved.info().id == CLACT_RELU && !relu.get());
    clact_activation_desc desc = {};
    desc.id = CLACT_TANH;
    CHECK(std::strcmp(clact::activation(desc).info().name, "tanh") == 0);
    CHECK_THROWS(clact::activation("rely"), CLACT_E_NAME, "rely");
    CHECK_THROWS(clact::activation("relu", {{"threshold", -1}}), CLACT_E_RANGE, "threshold");
    CHECK_THROWS(clact::context("no such device"), CLACT_E_NO_DEVICE, "no such device");
}

static void test_arrays(const clact::context &context)
{
    CHECK(context.apply(clact::activation("relu"), x) == floats({0, 0, 0, 0, 0.25f, 2}));
    clact::activation leaky("leaky_relu", {{"negative_slope", 0.5}});
    CHECK(context.gradient(leaky, x, dy) == floats({0.5f, 1, 1.5f, 2, 5, 6}));
    std::array<float, 6> y = {};
    context.apply(leaky, x, y);
    CHECK(y[0] == -1.5f && y[5] == 2);
    context.apply(leaky, {x.data(), 1}, {y.data() + 5, 1});
    CHECK(y[5] == -1.5f);
    CHECK(context.apply(clact::activation("relu", {{"max_value", clact::none}}), x)[5] == 2);
    CHECK(context.apply(leaky, floats()).empty());
    CHECK_THROWS(context.apply(leaky, x, {y.data(), 5}), CLACT_E_ARGUMENT, "the same size");
    CHECK_THROWS(context.gradient(leaky, x, {y.data(), 5}), CLACT_E_ARGUMENT, "the same size");
}

static void test_operands(const clact::context &context)
{
    /* The columns of a 2 x 3 array, the last one first, as doubles. */
    const std::vector<double> wide(x.begin(), x.end());
    std::vector<double> y(6);
    context.forward(clact::activation("abs"), clact::operand(wide.data(), {3, 2}, {-1, 3}, 2),
                    clact::operand(y.data(), {3, 2}));
    CHECK(y == std::vector<double>({0.5, 2, 1, 0.25, 3, 0}));
    std::vector<double> dx(6);
    context.backward(clact::activation("square"), clact::operand(wide.data(), {6}), clact::operand(y.data(), {6}),
                     clact::operand(dx.data(), {6}));
    CHECK(dx[0] == -3 && dx[5] == 0);

    floats rows(6), half(3);
    context.forward(clact::activation("softmax"), clact::operand(x.data(), {2, 3}), clact::operand(rows.data(), {2, 3}));
    double sum = std::exp(-3.) + std::exp(-1.) + std::exp(-0.5);
    CHECK(near(rows[0], std::exp(-3.) / sum) && near(rows[2], std::exp(-0.5) / sum));
    context.forward(clact::activation("reglu"), clact::operand(x.data(), {6}), clact::operand(half.data(), {3}));
    CHECK(half == floats({0, 0, 0}));
    clact_operand from = clact::operand(x.data(), {6}), to = clact::operand(rows.data(), {6}),
                  gate = clact::operand(dy.data(), {6});
    clact_forward_args args = {};
    args.x = &from;
    args.y = &to;
    args.gate = &gate;
    context.forward(clact::activation("reglu"), args);
    CHECK(rows == floats({-3, -2, -1.5f, 0, 1.25f, 12}));
    CHECK_THROWS(clact::tensor(CLACT_F32, {2, 3}, {1}), CLACT_E_ARGUMENT, "a stride for each");
    CHECK_THROWS(clact::tensor(CLACT_F32, std::vector<std::int64_t>(9)), CLACT_E_ARGUMENT, "CLACT_MAX_RANK");
}

static void test_buffers(const clact::context &context)
{
    clact::buffer from(context, clact::span<const float>(x)), to(context, 8 * sizeof(float));
    CHECK(from.bytes() == 6 * sizeof(float));
    context.forward(clact::activation("abs"), from.operand(clact::tensor(CLACT_F32, {6})),
                    to.operand(clact::tensor(CLACT_F32, {6}, {}, 2)));
    context.finish();
    CHECK(to.read<float>(6, 2) == floats({3, 1, 0.5f, 0, 0.25f, 2}));
    to.write(clact::span<const float>(dy), 1);
    CHECK(to.read<float>(2, 1) == floats({1, 2}));
    clact::buffer moved = std::move(to);
    CHECK(moved.bytes() == 8 * sizeof(float) && !to.get());
    CHECK_THROWS(moved.read<float>(9), CLACT_E_BOUNDS, "");
}

#ifdef CLACT_TEST_OPENCL_HPP
static void test_opencl(const clact_caps &caps)
{
    std::vector<cl::Platform> platforms;
    std::vector<cl::Device> devices;
    cl::Platform::get(&platforms);
    platforms[caps.platform_index].getDevices(CL_DEVICE_TYPE_ALL, &devices);
    cl::Device device = devices[caps.device_index];
    cl::Context own(device);
    cl::CommandQueue queue(own, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    cl::Buffer memory(own, CL_MEM_READ_WRITE, x.size() * sizeof(float));
    clact::context context(own, device, queue);
    CHECK(clact_opencl_context(context.get()) == own());
    CHECK(clact::context(own(), device(), nullptr).caps().backend == CLACT_BACKEND_OPENCL);

    cl::Event written;
    queue.enqueueWriteBuffer(memory, CL_FALSE, 0, x.size() * sizeof(float), x.data(), nullptr, &written);
    clact_operand in_place = clact::memory_operand(memory, clact::tensor(CLACT_F32, {6}));
    clact_forward_args args = {};
    args.x = args.y = &in_place;
    clact::activation square("square");
    cl::Event squared(context.enqueue(square, args, queue, std::vector<cl::Event>{written}));
    clact::event again(context.enqueue(square, args, queue(), std::vector<cl_event>{squared()}));
    again.wait();
    floats y(6);
    queue.enqueueReadBuffer(memory, CL_TRUE, 0, y.size() * sizeof(float), y.data());
    CHECK(y == floats({81, 1, 0.0625f, 0, 0.00390625f, 16}));

    clact_backward_args back = {};
    back.x = back.dy = back.dx = &in_place;
    clact::event(context.enqueue(square, back, queue)).wait();
    clact::buffer imported = clact::buffer::import(context, memory);
    CHECK(imported.read<float>(1) == floats({2 * 81 * 81}));
    CHECK(memory.getInfo<CL_MEM_REFERENCE_COUNT>() == 2);
}
#endif

int main()
{
    test_activations();
    clact::context context;
    CHECK(context.caps().backend != 0);
    test_arrays(context);
    test_operands(context);
    test_buffers(context);
    clact::context moved = std::move(context);
    CHECK(moved.get() && !context.get());
#ifdef CLACT_TEST_OPENCL_HPP
    if (moved.caps().backend == CLACT_BACKEND_OPENCL)
        test_opencl(moved.caps());
#endif
    std::printf("%d failures\n", failures);
    return failures != 0;
}
