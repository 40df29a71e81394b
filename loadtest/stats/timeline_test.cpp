#include "loadtest/stats/timeline.h"

#include <gtest/gtest.h>

namespace activity::loadtest {
namespace {

Second second(std::uint32_t at_s, std::uint64_t offered) {
    Second made;
    made.at_s = at_s;
    made.offered = offered;
    made.requests = 1;
    return made;
}

Histogram of(std::uint64_t value_us) {
    Histogram histogram;
    histogram.add(value_us);
    return histogram;
}

TEST(TimelineTest, puts_senders_together) {
    Timeline timeline;
    timeline.add(second(3, 10), of(100));
    timeline.add(second(3, 20), of(900));
    const auto seconds = timeline.seconds();
    ASSERT_EQ(seconds.size(), 1u);
    EXPECT_EQ(seconds[0].offered, 30u);
    EXPECT_EQ(seconds[0].p50_us, 100u);
    EXPECT_EQ(seconds[0].max_us, 900u);
}

TEST(TimelineTest, a_second_without_anything_is_one_too) {
    Timeline timeline;
    timeline.add(second(1, 10), of(100));
    timeline.add(second(4, 20), of(100));
    const auto seconds = timeline.seconds();
    ASSERT_EQ(seconds.size(), 4u);
    EXPECT_EQ(seconds[1].at_s, 2u);
    EXPECT_EQ(seconds[1].offered, 0u);
    EXPECT_EQ(seconds[3].offered, 20u);
}

TEST(TimelineTest, what_comes_very_late_still_counts) {
    Timeline timeline;
    for (std::uint32_t at_s = 0; at_s < 20; ++at_s) timeline.add(second(at_s, 1), of(at_s + 1));
    timeline.add(second(2, 5), of(1'000));
    const auto seconds = timeline.seconds();
    ASSERT_EQ(seconds.size(), 20u);
    EXPECT_EQ(seconds[2].offered, 6u);
    EXPECT_EQ(seconds[2].max_us, 3u);
}

TEST(TimelineTest, tells_the_last_second_that_is_over) {
    Timeline timeline;
    EXPECT_FALSE(timeline.last_over(5));
    timeline.add(second(4, 1), of(1));
    timeline.add(second(5, 2), of(1));
    EXPECT_EQ(timeline.last_over(5)->at_s, 4u);
    EXPECT_EQ(timeline.last_over(6)->at_s, 5u);
}

}  // namespace
}  // namespace activity::loadtest
