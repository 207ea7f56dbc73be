/* relu.cpp: the ReLU of an array and its gradient, on whatever device there is. */
#include <clact/clact.hpp>

#include <cstdio>
#include <vector>

int main()
{
    const std::vector<float> x = {-5, -2, 0, 3}, dy = {1, 1, 1, 1};
    try {
        clact::context context;
        clact::activation leaky("relu", {{"negative_slope", 0.5}});
        std::vector<float> y = context.apply(leaky, x), dx = context.gradient(leaky, x, dy);
        for (std::size_t i = 0; i < x.size(); i++)
            std::printf("%4g %4g %4g\n", x[i], y[i], dx[i]);
    } catch (const clact::error &failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}
