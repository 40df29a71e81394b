#include "loadtest/arrivals/schedule.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace activity::loadtest {

Rate::Rate(const std::vector<std::pair<Seconds, double>>& points) {
    double due = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto& [at, per_s] = points[i];
        if (per_s < 0 || !std::isfinite(per_s)) throw std::invalid_argument("a rate is not negative");
        if (i > 0) {
            if (at < points[i - 1].first) throw std::invalid_argument("time goes forward");
            due += (at - points[i - 1].first).count() * (per_s + points[i - 1].second) / 2;
        }
        points_.push_back({at, per_s, due});
    }
}

Rate Rate::constant(double per_s, Seconds length) {
    return Rate({{Seconds(0), per_s}, {length, per_s}});
}

Rate Rate::step(double before, double after, double share_before, Seconds length) {
    const auto when = length * share_before;
    return Rate({{Seconds(0), before}, {when, before}, {when, after}, {length, after}});
}

Rate Rate::ramp(double from, double to, Seconds length) {
    return Rate({{Seconds(0), from}, {length, to}});
}

Rate Rate::spike(double base, double peak, Seconds length) {
    return Rate({{Seconds(0), base},
                 {length * 0.45, base},
                 {length * 0.45, peak},
                 {length * 0.55, peak},
                 {length * 0.55, base},
                 {length, base}});
}

Rate Rate::school_day(double peak, Seconds length) {
    // Hour of the day and share of the peak. Lessons begin at 8, 10, 13 and 15 o'clock; the break empties the
    // rooms.
    constexpr std::pair<double, double> day[] = {
        {0, 0.04},    {6, 0.04},    {7.5, 0.3},  {8, 0.8},     {8.1, 1},    {8.3, 0.7},  {9.5, 0.6},
        {9.8, 0.35},  {10, 0.8},    {10.1, 1},   {10.3, 0.7},  {11.5, 0.6}, {12, 0.3},   {12.8, 0.35},
        {13, 0.75},   {13.1, 0.95}, {13.3, 0.6}, {14.6, 0.55}, {15, 0.7},   {15.1, 0.9}, {15.3, 0.55},
        {16.5, 0.45}, {18, 0.35},   {19.5, 0.6}, {21, 0.55},   {22.5, 0.2}, {24, 0.05}};
    std::vector<std::pair<Seconds, double>> points;
    for (const auto& [hour, share] : day) points.emplace_back(length * (hour / 24), peak * share);
    return Rate(points);
}

Rate Rate::sequence(const std::vector<Rate>& parts) {
    std::vector<std::pair<Seconds, double>> points;
    Seconds offset(0);
    for (const auto& part : parts) {
        for (const auto& point : part.points_) points.emplace_back(offset + point.at, point.per_s);
        offset += part.length();
    }
    return Rate(points);
}

Rate Rate::times(double factor) const {
    Rate scaled = *this;
    for (Point& point : scaled.points_) {
        point.per_s *= factor;
        point.due *= factor;
    }
    return scaled;
}

double Rate::at(Seconds time) const {
    if (points_.empty() || time < points_.front().at || time > points_.back().at) return 0;
    // Where it jumps, what comes after counts.
    const auto next = std::ranges::upper_bound(points_, time, {}, &Point::at);
    if (next == points_.end()) return points_.back().per_s;
    const auto& before = *(next - 1);
    const double width = (next->at - before.at).count();
    return width <= 0 ? next->per_s
                      : before.per_s + (next->per_s - before.per_s) * (time - before.at).count() / width;
}

double Rate::peak() const {
    double peak = 0;
    for (const auto& point : points_) peak = std::max(peak, point.per_s);
    return peak;
}

double Rate::due_by(Seconds time) const {
    if (points_.empty() || time <= points_.front().at) return 0;
    if (time >= points_.back().at) return points_.back().due;
    const auto& before = *(std::ranges::upper_bound(points_, time, {}, &Point::at) - 1);
    return before.due + (time - before.at).count() * (before.per_s + at(time)) / 2;
}

std::optional<Rate::Seconds> Rate::time_of(double due) const {
    if (points_.empty() || due > points_.back().due) return std::nullopt;
    const auto next = std::ranges::lower_bound(points_, due, {}, &Point::due);
    if (next == points_.begin()) return next->at;
    const auto& before = *(next - 1);
    const double width = (next->at - before.at).count();
    const double rest = due - before.due;
    const double slope = width <= 0 ? 0 : (next->per_s - before.per_s) / width;
    // rest = per_s × t + slope / 2 × t²; written so that a slope of almost nothing costs no digits.
    const double root = std::sqrt(std::max(before.per_s * before.per_s + 2 * slope * rest, 0.0));
    const double divisor = before.per_s + root;
    const double t = divisor <= 0 ? width : 2 * rest / divisor;
    return before.at + Seconds(std::clamp(t, 0.0, width));
}

Schedule::Schedule(Rate rate, Spacing spacing, std::uint64_t seed)
    : rate_(std::move(rate)), spacing_(spacing), random_(seed) {}

std::optional<std::chrono::nanoseconds> Schedule::next() {
    // In the measure of requests that are due, every rate is a constant one: so random gaps of mean 1 there
    // are a Poisson process whose rate is this one.
    due_ += spacing_ == Spacing::poisson ? gap_(random_) : 1.0;
    const auto time = rate_.time_of(due_);
    if (!time) return std::nullopt;
    return std::chrono::round<std::chrono::nanoseconds>(*time);
}

}  // namespace activity::loadtest
