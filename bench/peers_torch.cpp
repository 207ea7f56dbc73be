/* peers_torch.cpp: PyTorch's operators on the CPU, writing to memory that is given to them. Left out are those that have
 * memory of their own for the result. */
#include "peers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <torch/csrc/api/include/torch/version.h>

namespace {

using at::Tensor;

struct prepared {
    const struct function *function;
    bool gradient;
    Tensor x, y, dy, out;
    Tensor kept; /* what forward keeps for backward besides x and y */
};

struct function {
    const char *name;
    void (*forward)(prepared &p);
    void (*gradient)(prepared &p); /* NULL: left out */
};

const double selu_alpha = 1.6732632423543772848, selu_lambda = 1.0507009873554804934;

const function functions[] = {
    {"identity", [](prepared &p) { p.out.copy_(p.x); }, nullptr},
    {"relu", [](prepared &p) { at::clamp_min_out(p.out, p.x, 0); },
     [](prepared &p) { at::threshold_backward_out(p.out, p.dy, p.x, 0); }},
    {"relu6", [](prepared &p) { at::hardtanh_out(p.out, p.x, 0, 6); },
     [](prepared &p) { at::hardtanh_backward_out(p.out, p.dy, p.x, 0, 6); }},
    {"hard_tanh", [](prepared &p) { at::hardtanh_out(p.out, p.x, -1, 1); },
     [](prepared &p) { at::hardtanh_backward_out(p.out, p.dy, p.x, -1, 1); }},
    {"leaky_relu", [](prepared &p) { at::leaky_relu_out(p.out, p.x, 0.01); },
     [](prepared &p) { at::leaky_relu_backward_out(p.out, p.dy, p.x, 0.01, false); }},
    {"elu", [](prepared &p) { at::elu_out(p.out, p.x, 1, 1, 1); },
     [](prepared &p) { at::elu_backward_out(p.out, p.dy, 1, 1, 1, false, p.x); }},
    {"selu", [](prepared &p) { at::elu_out(p.out, p.x, selu_alpha, selu_lambda, 1); },
     [](prepared &p) { at::elu_backward_out(p.out, p.dy, selu_alpha, selu_lambda, 1, false, p.x); }},
    {"sigmoid", [](prepared &p) { at::sigmoid_out(p.out, p.x); },
     [](prepared &p) { at::sigmoid_backward_out(p.out, p.dy, p.y); }},
    {"tanh", [](prepared &p) { at::tanh_out(p.out, p.x); },
     [](prepared &p) { at::tanh_backward_out(p.out, p.dy, p.y); }},
    {"softplus", [](prepared &p) { at::softplus_out(p.out, p.x, 1, 20); },
     [](prepared &p) { at::softplus_backward_out(p.out, p.dy, p.x, 1, 20); }},
    {"log_sigmoid", [](prepared &p) { at::log_sigmoid_forward_out(p.out, p.kept, p.x); },
     [](prepared &p) { at::log_sigmoid_backward_out(p.out, p.dy, p.x, p.kept); }},
    {"gelu", [](prepared &p) { at::gelu_out(p.out, p.x, "none"); },
     [](prepared &p) { at::gelu_backward_out(p.out, p.dy, p.x, "none"); }},
    {"gelu_tanh", [](prepared &p) { at::gelu_out(p.out, p.x, "tanh"); },
     [](prepared &p) { at::gelu_backward_out(p.out, p.dy, p.x, "tanh"); }},
    {"silu", [](prepared &p) { at::silu_out(p.out, p.x); },
     [](prepared &p) { at::silu_backward_out(p.out, p.dy, p.x); }},
    {"mish", [](prepared &p) { at::mish_out(p.out, p.x); }, nullptr},
    {"hard_swish", [](prepared &p) { at::hardswish_out(p.out, p.x); }, nullptr},
    {"hard_sigmoid", [](prepared &p) { at::hardsigmoid_out(p.out, p.x); },
     [](prepared &p) { at::hardsigmoid_backward_out(p.out, p.dy, p.x); }},
    {"soft_shrink", [](prepared &p) { at::softshrink_out(p.out, p.x, 0.5); },
     [](prepared &p) { at::softshrink_backward_out(p.out, p.dy, p.x, 0.5); }},
    {"hard_shrink", [](prepared &p) { at::hardshrink_out(p.out, p.x, 0.5); },
     [](prepared &p) { at::hardshrink_backward_out(p.out, p.dy, p.x, 0.5); }},
    {"exp", [](prepared &p) { at::exp_out(p.out, p.x); }, nullptr},
    {"expm1", [](prepared &p) { at::expm1_out(p.out, p.x); }, nullptr},
    {"log", [](prepared &p) { at::log_out(p.out, p.x); }, nullptr},
    {"sqrt", [](prepared &p) { at::sqrt_out(p.out, p.x); }, nullptr},
    {"rsqrt", [](prepared &p) { at::rsqrt_out(p.out, p.x); }, nullptr},
    {"abs", [](prepared &p) { at::abs_out(p.out, p.x); }, nullptr},
    {"sign", [](prepared &p) { at::sign_out(p.out, p.x); }, nullptr},
    {"round", [](prepared &p) { at::round_out(p.out, p.x); }, nullptr},
    {"reciprocal", [](prepared &p) { at::reciprocal_out(p.out, p.x); }, nullptr},
    {"erf", [](prepared &p) { at::erf_out(p.out, p.x); }, nullptr},
    {"softmax", [](prepared &p) { at::_softmax_out(p.out, p.x, 1, false); },
     [](prepared &p) { at::_softmax_backward_data_out(p.out, p.dy, p.y, 1, at::kFloat); }},
    {"log_softmax", [](prepared &p) { at::_log_softmax_out(p.out, p.x, 1, false); },
     [](prepared &p) { at::_log_softmax_backward_data_out(p.out, p.dy, p.y, 1, at::kFloat); }},
};

Tensor tensor(const peer_job *job, const float *data)
{
    return at::from_blob(const_cast<float *>(data), {static_cast<int64_t>(job->rows), static_cast<int64_t>(job->columns)});
}

void choose_instructions()
{
#if defined(__x86_64__)
    /* PyTorch itself stops at AVX2. */
    if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        setenv("ATEN_CPU_CAPABILITY", "avx512", 0);
#endif
}

void version(char *out, size_t size)
{
    choose_instructions();
    const char *instructions = std::getenv("ATEN_CPU_CAPABILITY");
    std::snprintf(out, size, "%s %s", TORCH_VERSION, instructions ? instructions : "");
}

void call(prepared *p)
{
    if (p->gradient)
        p->function->gradient(*p);
    else
        p->function->forward(*p);
}

void *prepare(const peer_job *job)
{
    const function *found = nullptr;
    for (const function &f : functions)
        if (std::strcmp(f.name, job->name) == 0)
            found = &f;
    if (!found || (job->gradient && !found->gradient))
        return nullptr;
    choose_instructions();
    c10::InferenceMode guard;
    at::set_num_threads(static_cast<int>(job->threads));
    prepared *p = new prepared{found,          job->gradient,        tensor(job, job->x),
                               tensor(job, job->y), tensor(job, job->dy), tensor(job, job->out),
                               at::empty({0}, at::kFloat)};
    if (job->gradient && std::strcmp(job->name, "log_sigmoid") == 0)
        found->forward(*p);
    return p;
}

void run(void *prepared_call)
{
    c10::InferenceMode guard;
    call(static_cast<prepared *>(prepared_call));
}

void release(void *prepared_call)
{
    delete static_cast<prepared *>(prepared_call);
}

} // namespace

extern "C" {
const peer peer_torch = {"PyTorch", version, prepare, run, release};
}
