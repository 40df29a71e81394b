#include "loadtest/arrivals/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace activity::loadtest {
namespace {

using namespace std::chrono_literals;
using Seconds = Rate::Seconds;

std::vector<double> times(Schedule schedule) {
    std::vector<double> all;
    while (const auto next = schedule.next()) all.push_back(Seconds(*next).count());
    return all;
}

TEST(RateTest, StepJumps) {
    const auto rate = Rate::step(100, 1'000, 0.25, 40s);
    EXPECT_EQ(rate.at(5s), 100);
    EXPECT_EQ(rate.at(10s), 1'000);
    EXPECT_EQ(rate.due_by(10s), 1'000);
    EXPECT_EQ(rate.due_by(40s), 31'000);
    EXPECT_EQ(rate.peak(), 1'000);
    EXPECT_EQ(rate.at(41s), 0);
}

TEST(RateTest, TimeOfIsTheInverseOfDueBy) {
    const Rate rates[] = {
        Rate::constant(50, 10s),
        Rate::ramp(0, 500, 20s),
        Rate::ramp(500, 0, 20s),
        Rate::spike(10, 900, 30s),
        Rate::school_day(2'000, 60s),
        Rate::sequence({Rate::constant(10, 5s), Rate::constant(0, 5s), Rate::ramp(1, 3, 5s)})};
    for (const auto& rate : rates) {
        const double all = rate.due_by(rate.length());
        for (int i = 1; i <= 1'000; ++i) {
            const double due = all * i / 1'000;
            const auto time = rate.time_of(due);
            ASSERT_TRUE(time.has_value());
            EXPECT_NEAR(rate.due_by(*time), due, all * 1e-9);
        }
        EXPECT_FALSE(rate.time_of(all + 1).has_value());
    }
}

TEST(RateTest, SchoolDayHasItsRushAndItsNight) {
    const auto rate = Rate::school_day(1'000, 240s);
    EXPECT_NEAR(rate.at(Seconds(81)), 1'000, 1);
    EXPECT_LT(rate.at(30s), 50);
    EXPECT_LT(rate.at(Seconds(120)), 0.5 * rate.at(Seconds(131)));
    EXPECT_EQ(rate.peak(), 1'000);
}

TEST(RateTest, NegativeIsRefused) {
    EXPECT_THROW(Rate::constant(-1, 1s), std::invalid_argument);
    EXPECT_THROW(Rate::constant(NAN, 1s), std::invalid_argument);
}

TEST(ScheduleTest, EvenSpacingIsEven) {
    const auto all = times(Schedule(Rate::constant(200, 10s), Schedule::Spacing::even, 1));
    ASSERT_EQ(all.size(), 2'000U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_NEAR(all[i], static_cast<double>(i + 1) / 200, 1e-6);
}

/// The gaps' mean and deviation are 1/rate, and a second's count has its mean for its variance.
TEST(ScheduleTest, PoissonHasTheMomentsOfPoisson) {
    constexpr double rate = 500;
    const auto all = times(Schedule(Rate::constant(rate, 400s), Schedule::Spacing::poisson, 7));
    double sum = 0, squares = 0, last = 0;
    std::vector<double> a_second(400);
    for (const double time : all) {
        sum += time - last;
        squares += (time - last) * (time - last);
        last = time;
        ++a_second[std::min<std::size_t>(static_cast<std::size_t>(time), 399)];
    }
    const auto count = static_cast<double>(all.size());
    EXPECT_NEAR(count, rate * 400, 4 * std::sqrt(rate * 400));
    EXPECT_NEAR(sum / count * rate, 1, 0.02);
    EXPECT_NEAR(std::sqrt(squares / count - sum * sum / count / count) * rate, 1, 0.02);
    double variance = 0;
    for (const double of_second : a_second) variance += (of_second - rate) * (of_second - rate) / 400;
    EXPECT_NEAR(variance / rate, 1, 0.3);
}

TEST(ScheduleTest, FollowsTheRate) {
    for (const auto spacing : {Schedule::Spacing::even, Schedule::Spacing::poisson}) {
        const auto rate = Rate::ramp(0, 2'000, 20s);
        const auto all = times(Schedule(rate, spacing, 3));
        for (int second = 2; second <= 20; second += 2) {
            const auto due = rate.due_by(Seconds(second));
            const auto came = std::ranges::count_if(all, [&](double time) { return time <= second; });
            EXPECT_NEAR(static_cast<double>(came), due, 4 * std::sqrt(due) + 1);
        }
    }
}

TEST(ScheduleTest, TheSameSeedMakesTheSameTimes) {
    const auto make = [](std::uint64_t seed) {
        return times(Schedule(Rate::school_day(100, 10s), Schedule::Spacing::poisson, seed));
    };
    EXPECT_EQ(make(5), make(5));
    EXPECT_NE(make(5), make(6));
}

}  // namespace
}  // namespace activity::loadtest
