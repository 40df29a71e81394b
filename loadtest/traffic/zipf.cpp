#include "loadtest/traffic/zipf.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace activity::loadtest {
namespace {

/// log(1 + x) / x, also where x is almost 0.
double log1p_by_x(double x) {
    return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2;
}
/// (exp(x) - 1) / x
double expm1_by_x(double x) {
    return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2;
}

}  // namespace

Zipf::Zipf(std::uint32_t n, double exponent) : n_(n), exponent_(exponent) {
    if (n == 0 || exponent < 0)
        throw std::invalid_argument("Zipf: n is at least 1, the exponent not negative");
    h_integral_1_ = h_integral(1.5) - 1;
    h_integral_n_ = h_integral(n + 0.5);
    s_ = 2 - h_integral_inverse(h_integral(2.5) - h(2));
}

double Zipf::h(double x) const {
    return std::exp(-exponent_ * std::log(x));
}

double Zipf::h_integral(double x) const {
    const double log_x = std::log(x);
    return expm1_by_x((1 - exponent_) * log_x) * log_x;
}

double Zipf::h_integral_inverse(double x) const {
    const double t = std::max(x * (1 - exponent_), -1.0);
    return std::exp(log1p_by_x(t) * x);
}

std::uint32_t Zipf::operator()(std::mt19937_64& random) const {
    std::uniform_real_distribution<double> unit(0, 1);
    for (;;) {
        const double u = h_integral_n_ + unit(random) * (h_integral_1_ - h_integral_n_);
        const double x = h_integral_inverse(u);
        const double k = std::clamp(std::round(x), 1.0, static_cast<double>(n_));
        if (k - x <= s_ || u >= h_integral(k + 0.5) - h(k)) return static_cast<std::uint32_t>(k);
    }
}

}  // namespace activity::loadtest
