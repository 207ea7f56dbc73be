/* clact.hpp: clact for C++17: handles that close themselves, errors as exceptions, arrays of the standard library.
 *
 *     clact::context context;                                       the best device, or the CPU
 *     clact::activation leaky("leaky_relu", {{"negative_slope", 0.1}});
 *     std::vector<float> y = context.apply(leaky, x);               y[i] = f(x[i])
 *
 * All of it is inline: there is nothing to link but libclact. What the calls mean, and what they refuse, stands in
 * clact.h and opencl.h; here every failure is a clact::error. get() gives the handle for the calls that have no form
 * here. Objects are moved, not copied; a buffer must be destroyed before its context.
 *
 * No OpenCL header is included. Handles of OpenCL are taken raw (cl_mem, cl_command_queue, cl_event, ...) or as the
 * objects of CL/opencl.hpp (cl::Buffer, cl::CommandQueue, cl::Event, ...), whichever header comes first. */
#ifndef CLACT_CLACT_HPP
#define CLACT_CLACT_HPP

#include <clact/opencl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace clact
{

/* ---- Errors --------------------------------------------------------------------------------- */

class error : public std::runtime_error
{
  public:
    explicit error(clact_status status) : std::runtime_error(clact_error()), status_(status) {}
    error(clact_status status, const char *sentence) : std::runtime_error(sentence), status_(status) {}
    clact_status status() const noexcept { return status_; }

  private:
    clact_status status_;
};

/* Throws the calling thread's last error if status is a failure. */
inline void check(clact_status status)
{
    if (status != CLACT_OK)
        throw error(status);
}

/* ---- Arrays --------------------------------------------------------------------------------- */

/* n elements that belong to somebody else: a pointer and n, or a container with data() and size(). */
template <class T> class span
{
  public:
    span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class Container,
              class = std::enable_if_t<!std::is_same_v<std::decay_t<Container>, span> &&
                                       std::is_convertible_v<decltype(std::declval<Container &>().data()), T *>>>
    span(Container &&container) noexcept : data_(container.data()), size_(container.size())
    {
    }
    T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

  private:
    T *data_;
    std::size_t size_;
};

/* The element types of C++ that clact has. f16 and bf16 have none: their operands name the type. */
template <class T> struct type_of;
template <> struct type_of<float> : std::integral_constant<clact_type, CLACT_F32> {};
template <> struct type_of<double> : std::integral_constant<clact_type, CLACT_F64> {};
template <> struct type_of<std::int8_t> : std::integral_constant<clact_type, CLACT_I8> {};
template <> struct type_of<std::uint8_t> : std::integral_constant<clact_type, CLACT_U8> {};

/* A tensor's description. strides: those of a dense one where there are none. */
inline clact_tensor tensor(clact_type type, const std::vector<std::int64_t> &dims,
                           const std::vector<std::int64_t> &strides = {}, std::int64_t offset = 0)
{
    clact_tensor t = {};
    if (dims.size() > CLACT_MAX_RANK || (!strides.empty() && strides.size() != dims.size()))
        throw error(CLACT_E_ARGUMENT, "a tensor has at most CLACT_MAX_RANK dims, and a stride for each or none");
    t.type = static_cast<std::uint32_t>(type);
    t.rank = static_cast<std::uint32_t>(dims.size());
    t.offset = offset;
    t.strided = !strides.empty();
    for (std::size_t k = 0; k < dims.size(); k++)
        t.dims[k] = dims[k];
    for (std::size_t k = 0; k < strides.size(); k++)
        t.strides[k] = strides[k];
    return t;
}

/* An operand in host memory, which an input is not written to. */
inline clact_operand operand(const void *data, const clact_tensor &t)
{
    clact_operand o = {};
    o.tensor = t;
    o.data = const_cast<void *>(data);
    return o;
}

template <class T>
clact_operand operand(const T *data, const std::vector<std::int64_t> &dims,
                      const std::vector<std::int64_t> &strides = {}, std::int64_t offset = 0)
{
    return operand(static_cast<const void *>(data), tensor(type_of<T>::value, dims, strides, offset));
}

/* The raw handle, of type Handle, of an object of CL/opencl.hpp or of itself. */
template <class Handle, class Object> Handle raw_handle(const Object &object)
{
    if constexpr (std::is_convertible_v<const Object &, Handle>)
        return object;
    else
        return object();
}

/* An operand in a cl_mem or a cl::Buffer. */
template <class Memory> clact_operand memory_operand(const Memory &memory, const clact_tensor &t)
{
    clact_operand o = {};
    o.tensor = t;
    o.mem = raw_handle<struct _cl_mem *>(memory);
    return o;
}

/* ---- Activations ---------------------------------------------------------------------------- */

/* A parameter of an activation: {"alpha", 0.1}, or {"max_value", clact::none}. */
struct none_t {};
inline constexpr none_t none;

struct parameter : clact_parameter {
    parameter(const char *name_, double value_) : clact_parameter{name_, value_, 0, 0} {}
    parameter(const char *name_, none_t) : clact_parameter{name_, 0, 1, 0} {}
};

class activation
{
  public:
    /* By name or alias, in documented semantics. */
    explicit activation(const std::string &name, const std::vector<parameter> &parameters = {})
        : activation(name, parameters, clact_activation_desc{})
    {
    }
    /* The same with what else a description has; its own name and parameters are not read. */
    activation(const std::string &name, const std::vector<parameter> &parameters, clact_activation_desc desc)
    {
        const std::vector<clact_parameter> given(parameters.begin(), parameters.end());
        desc.name = name.c_str();
        desc.parameters = given.data();
        desc.parameter_count = given.size();
        create(desc);
    }
    explicit activation(const clact_activation_desc &desc) { create(desc); }

    const clact_activation_info &info() const { return *clact_activation_info_of(get()); }
    clact_activation *get() const noexcept { return handle_.get(); }

  private:
    void create(const clact_activation_desc &desc)
    {
        clact_activation *made = nullptr;
        check(clact_activation_create(&made, &desc));
        handle_.reset(made);
    }
    struct destroy {
        void operator()(clact_activation *a) const noexcept { clact_activation_destroy(&a); }
    };
    std::unique_ptr<clact_activation, destroy> handle_;
};

/* ---- Contexts ------------------------------------------------------------------------------- */

class context
{
  public:
    context() : context(clact_options{}) {}
    explicit context(const char *device) : context(with_device(device)) {}
    explicit context(const clact_options &options)
    {
        clact_context *made = nullptr;
        check(clact_open(&made, &options));
        handle_.reset(made);
    }
    /* On your cl_context, cl_device_id and, unless it is nullptr, cl_command_queue, or objects that hold them. */
    template <class Context, class Device, class Queue>
    context(const Context &own, const Device &device, const Queue &queue, const clact_options &options = {})
    {
        clact_context *made = nullptr;
        check(clact_open_opencl(&made, raw_handle<struct _cl_context *>(own), raw_handle<struct _cl_device_id *>(device),
                                raw_handle<struct _cl_command_queue *>(queue), &options));
        handle_.reset(made);
    }

    clact_caps caps() const
    {
        clact_caps caps = {};
        check(clact_context_caps(get(), &caps));
        return caps;
    }

    /* y[i] = f(x[i]); y may be x. */
    void apply(const activation &f, span<const float> x, span<float> y) const
    {
        require_same(x.size(), y.size());
        check(clact_apply(get(), f.get(), x.size(), x.data(), y.data()));
    }
    std::vector<float> apply(const activation &f, span<const float> x) const
    {
        std::vector<float> y(x.size());
        apply(f, x, y);
        return y;
    }
    /* dx[i] = f'(x[i]) * dy[i]; dx may be x or dy. */
    void gradient(const activation &f, span<const float> x, span<const float> dy, span<float> dx) const
    {
        require_same(x.size(), dy.size());
        require_same(x.size(), dx.size());
        check(clact_apply_gradient(get(), f.get(), x.size(), x.data(), dy.data(), dx.data()));
    }
    std::vector<float> gradient(const activation &f, span<const float> x, span<const float> dy) const
    {
        std::vector<float> dx(x.size());
        gradient(f, x, dy, dx);
        return dx;
    }

    /* Operands of any type, shape and stride, all in host memory, or all in buffers. */
    void forward(const activation &f, const clact_operand &x, const clact_operand &y) const
    {
        clact_forward_args args = {};
        args.x = &x;
        args.y = &y;
        forward(f, args);
    }
    void forward(const activation &f, const clact_forward_args &args) const
    {
        check(clact_forward(get(), f.get(), &args));
    }
    void backward(const activation &f, const clact_operand &x, const clact_operand &dy, const clact_operand &dx) const
    {
        clact_backward_args args = {};
        args.x = &x;
        args.dy = &dy;
        args.dx = &dx;
        backward(f, args);
    }
    void backward(const activation &f, const clact_backward_args &args) const
    {
        check(clact_backward(get(), f.get(), &args));
    }

    /* The same on memory of OpenCL, enqueued on a queue behind events (a container of cl_event or cl::Event). The
     * cl_event that is returned is yours: clact::event or cl::Event(event) releases it. */
    template <class Queue, class Events = std::vector<struct _cl_event *>>
    [[nodiscard]] struct _cl_event *enqueue(const activation &f, const clact_forward_args &args, const Queue &queue,
                                            const Events &waits = {}) const
    {
        return enqueue_call(clact_forward_enqueue, f, args, queue, waits);
    }
    template <class Queue, class Events = std::vector<struct _cl_event *>>
    [[nodiscard]] struct _cl_event *enqueue(const activation &f, const clact_backward_args &args, const Queue &queue,
                                            const Events &waits = {}) const
    {
        return enqueue_call(clact_backward_enqueue, f, args, queue, waits);
    }

    /* Waits until all earlier calls on the context's buffers are done. */
    void finish() const { check(clact_finish(get())); }
    clact_context *get() const noexcept { return handle_.get(); }

  private:
    static clact_options with_device(const char *device)
    {
        clact_options options = {};
        options.device = device;
        return options;
    }
    static void require_same(std::size_t a, std::size_t b)
    {
        if (a != b)
            throw error(CLACT_E_ARGUMENT, "the arrays of one call have the same size");
    }
    template <class Call, class Args, class Queue, class Events>
    struct _cl_event *enqueue_call(Call call, const activation &f, const Args &args, const Queue &queue,
                                   const Events &events) const
    {
        std::vector<struct _cl_event *> waits;
        for (const auto &one : events)
            waits.push_back(raw_handle<struct _cl_event *>(one));
        struct _cl_event *end = nullptr;
        clact_enqueue enqueue = {};
        enqueue.queue = raw_handle<struct _cl_command_queue *>(queue);
        enqueue.waits = waits.empty() ? nullptr : waits.data();
        enqueue.num_waits = static_cast<std::uint32_t>(waits.size());
        enqueue.event = &end;
        check(call(get(), f.get(), &args, &enqueue));
        return end;
    }
    struct close {
        void operator()(clact_context *c) const noexcept { clact_close(&c); }
    };
    std::unique_ptr<clact_context, close> handle_;
};

/* ---- Buffers -------------------------------------------------------------------------------- */

/* Memory of a context's device, or of the host on the CPU backend. Not initialised. */
class buffer
{
  public:
    buffer(const context &owner, std::size_t bytes)
    {
        clact_buffer *made = nullptr;
        check(clact_buffer_create(&made, owner.get(), bytes));
        handle_.reset(made);
    }
    template <class T> buffer(const context &owner, span<const T> values) : buffer(owner, values.size() * sizeof(T))
    {
        write(values);
    }
    /* On your cl_mem or cl::Buffer, which is retained. */
    template <class Memory> static buffer import(const context &owner, const Memory &memory)
    {
        clact_buffer *made = nullptr;
        check(clact_buffer_import(&made, owner.get(), raw_handle<struct _cl_mem *>(memory)));
        return buffer(made);
    }

    std::size_t bytes() const { return clact_buffer_bytes(get()); }
    /* Copies, after all earlier calls; from and to the element at index first. */
    template <class T> void write(span<const T> values, std::size_t first = 0)
    {
        check(clact_buffer_write(get(), first * sizeof(T), values.size() * sizeof(T), values.data()));
    }
    template <class T> std::vector<T> read(std::size_t count, std::size_t first = 0) const
    {
        std::vector<T> values(count);
        check(clact_buffer_read(get(), first * sizeof(T), count * sizeof(T), values.data()));
        return values;
    }
    clact_operand operand(const clact_tensor &t) const
    {
        clact_operand o = {};
        o.tensor = t;
        o.buffer = get();
        return o;
    }
    clact_buffer *get() const noexcept { return handle_.get(); }

  private:
    explicit buffer(clact_buffer *made) : handle_(made) {}
    struct destroy {
        void operator()(clact_buffer *b) const noexcept { clact_buffer_destroy(&b); }
    };
    std::unique_ptr<clact_buffer, destroy> handle_;
};

} // namespace clact

#endif

/* ---- Events: where CL/cl.h was included before, as they take calls of OpenCL ---------------- */

#if defined(CL_VERSION_1_0) && !defined(CLACT_CLACT_HPP_EVENT)
#define CLACT_CLACT_HPP_EVENT

namespace clact
{

/* Owns an event that context::enqueue() returned. */
class event
{
  public:
    explicit event(cl_event own) : handle_(own) {}
    void wait() const
    {
        cl_event own = get();
        if (clWaitForEvents(1, &own) != CL_SUCCESS)
            throw error(CLACT_E_OPENCL, "what the event stands for has failed");
    }
    cl_event get() const noexcept { return handle_.get(); }

  private:
    struct release {
        void operator()(cl_event own) const noexcept { clReleaseEvent(own); }
    };
    std::unique_ptr<std::remove_pointer_t<cl_event>, release> handle_;
};

} // namespace clact

#endif
