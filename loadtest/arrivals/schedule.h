#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace activity::loadtest {

/// How many requests a second are due, over the time of a run: pieces between which the rate changes in a
/// straight line. A value.
class Rate {
  public:
    using Seconds = std::chrono::duration<double>;

    static Rate constant(double per_s, Seconds length);
    /// `before` for the first part of the length, `after` for the rest.
    static Rate step(double before, double after, double share_before, Seconds length);
    static Rate ramp(double from, double to, Seconds length);
    /// `base`, and in the middle a tenth of the length at `peak`.
    static Rate spike(double base, double peak, Seconds length);
    /// A day at a school, compressed into the length: quiet until lessons begin, a rush at the hour of each
    /// of the four live classes of a morning and an afternoon, homework in the evening, and the night. `peak`
    /// is its largest.
    static Rate school_day(double peak, Seconds length);
    /// One behind the other.
    static Rate sequence(const std::vector<Rate>& parts);

    /// The same shape at a multiple of the rate.
    Rate times(double factor) const;

    Seconds length() const { return points_.empty() ? Seconds(0) : points_.back().at; }
    double at(Seconds time) const;
    double peak() const;
    /// Requests due from the beginning up to that time.
    double due_by(Seconds time) const;
    /// The time at which so many are due: the inverse of due_by(). Nothing if the run has fewer.
    std::optional<Seconds> time_of(double due) const;

  private:
    struct Point {
        Seconds at;
        double per_s;
        double due;  ///< up to here
    };
    explicit Rate(const std::vector<std::pair<Seconds, double>>& points);

    std::vector<Point> points_;
};

/// Open loop: when each request of a run is due, whatever became of those before. The same seed makes the
/// same times. One thread.
class Schedule {
  public:
    enum class Spacing {
        even,     ///< as evenly as the rate allows
        poisson,  ///< at random: learners know nothing of each other
    };

    Schedule(Rate rate, Spacing spacing, std::uint64_t seed);

    /// When the next one is due, from the beginning of the run. Nothing at its end.
    std::optional<std::chrono::nanoseconds> next();

    const Rate& rate() const { return rate_; }

  private:
    Rate rate_;
    Spacing spacing_;
    std::mt19937_64 random_;
    std::exponential_distribution<double> gap_{1.0};
    double due_ = 0;
};

}  // namespace activity::loadtest
