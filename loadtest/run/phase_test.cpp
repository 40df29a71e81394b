#include "loadtest/run/phase.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace activity::loadtest {
namespace {

TEST(PhaseTest, reads_each_shape) {
    const Phase hold = parse_phase("1x=hold:1500:60");
    EXPECT_EQ(hold.name, "1x");
    EXPECT_DOUBLE_EQ(hold.rate.at(Rate::Seconds(30)), 1'500);
    EXPECT_DOUBLE_EQ(hold.rate.length().count(), 60);
    EXPECT_TRUE(hold.latency_matters);

    const Phase step = parse_phase("10x=step:1500:15000:100");
    EXPECT_DOUBLE_EQ(step.rate.at(Rate::Seconds(5)), 1'500);
    EXPECT_DOUBLE_EQ(step.rate.at(Rate::Seconds(50)), 15'000);

    EXPECT_DOUBLE_EQ(parse_phase("r=ramp:100:200:10").rate.at(Rate::Seconds(5)), 150);
    EXPECT_DOUBLE_EQ(parse_phase("s=spike:100:900:10").rate.peak(), 900);
    EXPECT_DOUBLE_EQ(parse_phase("d=school-day:700:100").rate.peak(), 700);
    EXPECT_FALSE(parse_phase("c=chaos:100:10").latency_matters);
}

TEST(PhaseTest, names_what_is_wrong) {
    for (const char* text : {"", "hold:1:2", "=hold:1:2", "x=hold", "x=hold:1", "x=hold:1:2:3", "x=step:1:2",
                             "x=jump:1:2", "x=hold:-1:2", "x=hold:1:0", "x=hold:a:2", "x=hold:1:2s"}) {
        EXPECT_THROW(parse_phase(text), std::invalid_argument) << text;
    }
    try {
        parse_phase("x=hold:fast:60");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(),
                     "phase 'x=hold:fast:60': rate 'fast' is not a number above 0, up to 10,000,000");
    }
}

PhaseResult good() {
    PhaseResult result;
    result.name = "10x";
    result.begin_s = 60;
    result.end_s = 660;
    result.acknowledged_per_s = 14'998;
    result.p99_max_ms = 50;
    result.tally.counts.offered = 1'001;
    result.tally.counts.acknowledged = 1'000;
    result.tally.counts.refused = 1;
    result.tally.latency.add(8'000, 1'001);
    result.tally.lateness.add(100, 1'001);
    result.tally.cpu = std::chrono::seconds(100);
    result.tally.took = std::chrono::seconds(600);
    return result;
}

TEST(PhaseTest, says_in_a_line_what_held) {
    EXPECT_TRUE(good().held());
    EXPECT_EQ(sentence(good()), "10x held: 14,998 events/s for 10 min, p99 8 ms");
}

TEST(PhaseTest, does_not_hold_if_anything_is_amiss) {
    auto slow = good();
    slow.tally.latency.add(80'000, 100);
    EXPECT_EQ(sentence(slow), "10x not held: p99 80 ms (at most 50)");
    slow.p99_max_ms = 0;
    EXPECT_TRUE(slow.held());

    auto unanswered = good();
    unanswered.tally.counts.acknowledged = 990;
    EXPECT_EQ(unanswered.why_not(), "99.00 % of the good events were acknowledged (at least 99.9)");

    auto refused = good();
    refused.tally.counts.refused_unexpected = 1;
    EXPECT_FALSE(refused.held());
    auto accepted = good();
    accepted.tally.counts.accepted_unexpected = 1;
    EXPECT_FALSE(accepted.held());
    auto wrong = good();
    wrong.tally.counts.wrong = 1;
    EXPECT_FALSE(wrong.held());
    EXPECT_FALSE(PhaseResult().held());
}

TEST(PhaseTest, says_nothing_where_the_generator_was_the_bottleneck) {
    auto late = good();
    late.tally.lateness.add(30'000, 100);
    EXPECT_FALSE(late.held());
    EXPECT_EQ(late.why_not(), "");
    EXPECT_EQ(
        sentence(late),
        "10x says nothing: the generator was late itself: 30 ms for one request in a hundred (at most 20)");
    auto busy = good();
    busy.tally.cpu = std::chrono::seconds(590);
    EXPECT_NE(busy.why_invalid(), "");
    busy.threads = 2;
    EXPECT_EQ(busy.why_invalid(), "");
}

}  // namespace
}  // namespace activity::loadtest
