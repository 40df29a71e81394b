#pragma once

#include <cstdint>
#include <random>

namespace activity::loadtest {

/// Numbers from 1 to n with probabilities in proportion to 1 / k^exponent, in constant time and memory, by
/// rejection-inversion (W. Hörmann, G. Derflinger: Rejection-inversion to generate variates from monotone
/// discrete distributions, 1996). Exponent 0 is the uniform distribution.
class Zipf {
  public:
    Zipf(std::uint32_t n, double exponent);
    std::uint32_t operator()(std::mt19937_64& random) const;

  private:
    double h(double x) const;  ///< x^-exponent
    double h_integral(double x) const;
    double h_integral_inverse(double x) const;

    std::uint32_t n_;
    double exponent_;
    double h_integral_1_;
    double h_integral_n_;
    double s_;
};

}  // namespace activity::loadtest
