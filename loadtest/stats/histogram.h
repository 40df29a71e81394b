#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace activity::loadtest {

/// Counts of durations in buckets that grow with the value, after Gil Tene's HdrHistogram: 1,024 buckets to
/// each power of two above 2,048 µs, one for each microsecond below. So a value that it tells is at most
/// 1/1,024 above the true one (0.1 %), whatever its size; it holds up to 2^31 µs (36 minutes), and counts
/// what is longer there. 180 KB. One thread.
class Histogram {
  public:
    static constexpr std::uint64_t value_max_us = (std::uint64_t{1} << 31) - 1;
    static constexpr double relative_error = 1.0 / 1024;

    Histogram();

    void add(std::uint64_t value_us, std::uint64_t count = 1);
    void add(const Histogram& other);
    void clear();

    std::uint64_t count() const { return count_; }
    std::uint64_t min_us() const { return count_ == 0 ? 0 : min_us_; }
    std::uint64_t max_us() const { return max_us_; }
    double mean_us() const;
    /// The smallest value of a bucket's upper end below which `percentile` % of the values lie; the exact
    /// largest value for 100. 0 if there are none.
    std::uint64_t at_percentile(double percentile) const;
    /// How many values are at most that large, to the bucket.
    std::uint64_t count_up_to(std::uint64_t value_us) const;

    /// A point of the whole curve.
    struct Point {
        double percentile;
        std::uint64_t value_us;
    };
    /// Where the curve steps, with ever more points towards its end: of each halving of what is left (50 %,
    /// 75 %, 87.5 % …), `points` of them.
    std::vector<Point> curve(int points = 5) const;

  private:
    static std::size_t bucket_of(std::uint64_t value_us);
    static std::uint64_t upper_end(std::size_t bucket);

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t min_us_ = UINT64_MAX;
    std::uint64_t max_us_ = 0;
    double sum_us_ = 0;
};

}  // namespace activity::loadtest
