#include "loadtest/stats/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace activity::loadtest {
namespace {

std::uint64_t exact(const std::vector<std::uint64_t>& sorted, double percentile) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(percentile / 100 * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

/// What it promises: never below the exact figure, and no more than 0.1 % above.
void expect_within_error(std::vector<std::uint64_t> values) {
    Histogram histogram;
    for (const auto value : values) histogram.add(value);
    std::ranges::sort(values);
    for (const double percentile : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 100.0}) {
        const auto truth = exact(values, percentile);
        const auto told = histogram.at_percentile(percentile);
        EXPECT_GE(told, truth) << percentile;
        EXPECT_LE(static_cast<double>(told), static_cast<double>(truth) * (1 + Histogram::relative_error))
            << percentile;
    }
    EXPECT_EQ(histogram.count(), values.size());
    EXPECT_EQ(histogram.min_us(), values.front());
    EXPECT_EQ(histogram.max_us(), values.back());
}

TEST(HistogramTest, IsWithinItsErrorOfExactFigures) {
    std::mt19937_64 random(1);
    for (const double spread : {0.1, 1.0, 3.0}) {
        std::lognormal_distribution<double> latency(std::log(5'000), spread);
        std::vector<std::uint64_t> values(200'000);
        for (auto& value : values)
            value = std::min(static_cast<std::uint64_t>(latency(random)), Histogram::value_max_us);
        expect_within_error(std::move(values));
    }
}

TEST(HistogramTest, IsExactUpToTwoMilliseconds) {
    Histogram histogram;
    for (std::uint64_t value = 0; value < 2'048; ++value) histogram.add(value);
    for (const double percentile : {10.0, 50.0, 77.0, 99.9})
        EXPECT_EQ(histogram.at_percentile(percentile),
                  static_cast<std::uint64_t>(std::ceil(percentile / 100 * 2'048)) - 1);
}

TEST(HistogramTest, EveryPowerOfTwoAndItsNeighboursAreTold) {
    for (int bit = 1; bit < 31; ++bit) {
        for (const std::uint64_t value :
             {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit, (std::uint64_t{1} << bit) + 1}) {
            Histogram histogram;
            histogram.add(value);
            histogram.add(Histogram::value_max_us);
            const auto told = histogram.at_percentile(50);
            EXPECT_GE(told, value);
            EXPECT_LE(static_cast<double>(told - value),
                      static_cast<double>(value) * Histogram::relative_error);
            EXPECT_EQ(histogram.count_up_to(value), 1U);
        }
    }
}

TEST(HistogramTest, CountsWhatIsLongerThanItHoldsAtItsEnd) {
    Histogram histogram;
    histogram.add(UINT64_MAX);
    EXPECT_EQ(histogram.max_us(), Histogram::value_max_us);
    EXPECT_EQ(histogram.at_percentile(50), Histogram::value_max_us);
}

TEST(HistogramTest, OfTwoIsThatOfAllTheirValues) {
    std::mt19937_64 random(2);
    Histogram one, other, all;
    for (int i = 0; i < 10'000; ++i) {
        const auto value = random() % 1'000'000;
        (i % 3 == 0 ? one : other).add(value);
        all.add(value);
    }
    one.add(other);
    EXPECT_EQ(one.count(), all.count());
    EXPECT_EQ(one.mean_us(), all.mean_us());
    for (const double percentile : {0.0, 50.0, 99.0, 100.0})
        EXPECT_EQ(one.at_percentile(percentile), all.at_percentile(percentile));
}

TEST(HistogramTest, CurveRisesToTheLargestValue) {
    std::mt19937_64 random(3);
    Histogram histogram;
    for (int i = 0; i < 100'000; ++i) histogram.add(random() % 50'000);
    const auto curve = histogram.curve();
    ASSERT_GT(curve.size(), 50U);
    for (std::size_t i = 1; i < curve.size(); ++i) {
        EXPECT_GT(curve[i].percentile, curve[i - 1].percentile);
        EXPECT_GE(curve[i].value_us, curve[i - 1].value_us);
    }
    EXPECT_EQ(curve.back().value_us, histogram.max_us());
    EXPECT_GT(curve[curve.size() - 2].percentile, 99.998);
}

TEST(HistogramTest, OfNothingIsZero) {
    const Histogram histogram;
    EXPECT_EQ(histogram.at_percentile(99), 0U);
    EXPECT_EQ(histogram.mean_us(), 0);
    EXPECT_EQ(histogram.min_us(), 0U);
    EXPECT_TRUE(histogram.curve().empty());
}

}  // namespace
}  // namespace activity::loadtest
