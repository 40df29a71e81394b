#include "loadtest/stats/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace activity::loadtest {
namespace {

constexpr int half_bits = 10;  // 1,024 buckets a power of two
constexpr std::size_t half = std::size_t{1} << half_bits;
constexpr int value_bits = 31;
constexpr std::size_t buckets = (value_bits - half_bits + 1) * half;

}  // namespace

Histogram::Histogram() : counts_(buckets) {}

/// The first 2 × 1,024 buckets are a microsecond wide; each later 1,024 are twice as wide as those before.
std::size_t Histogram::bucket_of(std::uint64_t value_us) {
    if (value_us < 2 * half) return value_us;
    const int shift = static_cast<int>(std::bit_width(value_us)) - (half_bits + 1);
    return static_cast<std::size_t>(shift) * half + (value_us >> shift);
}

std::uint64_t Histogram::upper_end(std::size_t bucket) {
    if (bucket < 2 * half) return bucket;
    const auto shift = bucket / half - 1;
    return ((bucket - shift * half + 1) << shift) - 1;
}

void Histogram::add(std::uint64_t value_us, std::uint64_t count) {
    const auto value = std::min(value_us, value_max_us);
    counts_[bucket_of(value)] += count;
    count_ += count;
    min_us_ = std::min(min_us_, value);
    max_us_ = std::max(max_us_, value);
    sum_us_ += static_cast<double>(value) * static_cast<double>(count);
}

void Histogram::add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    min_us_ = std::min(min_us_, other.min_us_);
    max_us_ = std::max(max_us_, other.max_us_);
    sum_us_ += other.sum_us_;
}

void Histogram::clear() {
    *this = Histogram();
}

double Histogram::mean_us() const {
    return count_ == 0 ? 0 : sum_us_ / static_cast<double>(count_);
}

std::uint64_t Histogram::at_percentile(double percentile) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(std::clamp(percentile, 0.0, 100.0) / 100 * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= rank) return std::min(upper_end(i), max_us_);
    }
    return max_us_;
}

std::uint64_t Histogram::count_up_to(std::uint64_t value_us) const {
    const auto last = bucket_of(std::min(value_us, value_max_us));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i <= last; ++i) seen += counts_[i];
    return seen;
}

std::vector<Histogram::Point> Histogram::curve(int points) const {
    std::vector<Point> all;
    if (count_ == 0) return all;
    double from = 0;
    // Until what is left is less than one value.
    for (double left = 100; left / 100 * static_cast<double>(count_) >= 1; left /= 2) {
        for (int i = 0; i < points; ++i) {
            const double percentile = from + left / 2 * i / points;
            all.push_back({percentile, at_percentile(percentile)});
        }
        from += left / 2;
    }
    all.push_back({100, max_us_});
    return all;
}

}  // namespace activity::loadtest
