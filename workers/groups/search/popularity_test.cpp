#include "workers/groups/search/popularity.h"

#include <gtest/gtest.h>

#include <cmath>

namespace activity::workers {
namespace {

using std::chrono::days;

const Timestamp noon = *parse_timestamp("2026-11-21T12:00:00Z");

/// What an event of then is worth at a time.
double score(double log2, Timestamp at) {
    return std::exp2(log2 - popularity_log2(at, 1));
}

TEST(PopularityTest, AnEventCountsItsWeightNowAndHalfOfItAHalfLifeLater) {
    const double event = popularity_log2(noon, 3);
    EXPECT_NEAR(score(event, noon), 3, 1e-9);
    EXPECT_NEAR(score(event, noon + popularity_half_life), 1.5, 1e-9);
    EXPECT_NEAR(score(event, noon + 10 * popularity_half_life), 3.0 / 1024, 1e-12);
}

TEST(PopularityTest, OneOfTodayWeighsAsMuchAsTwoOfAHalfLifeAgo) {
    EXPECT_NEAR(popularity_log2(noon, 1), popularity_log2(noon - popularity_half_life, 2), 1e-9);
}

TEST(PopularityTest, TheOrderOfTwoItemsIsTheSameWheneverItIsLookedAt) {
    const double many_long_ago = popularity_log2(noon - days(30), 10);
    const double one_now = popularity_log2(noon, 1);
    EXPECT_LT(many_long_ago, one_now);
    for (const auto later : {days(0), days(100), days(1000)})
        EXPECT_LT(score(many_long_ago, noon + later), score(one_now, noon + later));
}

TEST(PopularityTest, TellsMillisecondsApartForThousandsOfYears) {
    for (const auto* year : {"1971-01-01T00:00:00Z", "2026-11-21T12:00:00Z", "9998-01-01T00:00:00Z"}) {
        const auto at = *parse_timestamp(year);
        EXPECT_LT(popularity_log2(at, 1), popularity_log2(at + std::chrono::milliseconds(1), 1)) << year;
    }
}

}  // namespace
}  // namespace activity::workers
