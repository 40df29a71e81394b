#include "loadtest/traffic/zipf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace activity::loadtest {
namespace {

TEST(ZipfTest, HasItsProbabilities) {
    for (const double exponent : {0.0, 0.6, 1.0, 1.1, 2.0}) {
        constexpr std::uint32_t n = 50;
        constexpr int draws = 400'000;
        double all = 0;
        for (std::uint32_t k = 1; k <= n; ++k) all += std::pow(k, -exponent);
        std::mt19937_64 random(11);
        const Zipf zipf(n, exponent);
        std::vector<int> seen(n + 1);
        for (int i = 0; i < draws; ++i) ++seen.at(zipf(random));
        EXPECT_EQ(seen[0], 0);
        for (std::uint32_t k = 1; k <= n; ++k) {
            const double expected = draws * std::pow(k, -exponent) / all;
            EXPECT_NEAR(seen[k], expected, 5 * std::sqrt(expected) + 1)
                << "k " << k << ", exponent " << exponent;
        }
    }
}

TEST(ZipfTest, OfOneIsOne) {
    std::mt19937_64 random(1);
    const Zipf zipf(1, 1.1);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(zipf(random), 1U);
}

TEST(ZipfTest, StaysWithinAMillion) {
    std::mt19937_64 random(1);
    const Zipf zipf(1'000'000, 0.9);
    for (int i = 0; i < 100'000; ++i) {
        const auto k = zipf(random);
        ASSERT_GE(k, 1U);
        ASSERT_LE(k, 1'000'000U);
    }
}

}  // namespace
}  // namespace activity::loadtest
