#include "deploy/activityctl/progress.h"

#include <gtest/gtest.h>

namespace activity::ctl {
namespace {

using namespace std::chrono_literals;

TEST(Progress, DrawsABarOfWhatIsDone) {
    EXPECT_EQ(progress_text("exporting", "events", 1'000, 2'000, false, 2s),
              "exporting  [##########··········]  50 %  1,000 of 2,000 events  500/s  2 s left");
    EXPECT_EQ(progress_text("exporting", "events", 2'000, 2'000, false, 4s),
              "exporting  [####################]  100 %  2,000 of 2,000 events  500/s");
}

TEST(Progress, DoesNotClaimToBeThroughByAGuess) {
    EXPECT_EQ(progress_text("exporting", "events", 5'000, 2'000, true, 5s),
              "exporting  [###################·]  99 %  5,000 of about 2,000 events  1,000/s");
}

TEST(Progress, CountsWhereNobodyKnowsTheTotal) {
    EXPECT_EQ(progress_text("reading", "records", 1'234'567, std::nullopt, false, 1s),
              "reading  1,234,567 records  1,234,567/s");
    EXPECT_EQ(progress_text("reading", "records", 0, std::nullopt, false, 0s), "reading  0 records");
}

TEST(Progress, WritesNumbersForPeople) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(-999), "-999");
    EXPECT_EQ(grouped(-1'000), "-1,000");
    EXPECT_EQ(grouped(12'345'678), "12,345,678");
    EXPECT_EQ(counted(1, "record"), "1 record");
    EXPECT_EQ(counted(0, "record"), "0 records");
}

TEST(Progress, WritesDurationsForPeople) {
    EXPECT_EQ(duration_text(250ms), "250 ms");
    EXPECT_EQ(duration_text(42'900ms), "42 s");
    EXPECT_EQ(duration_text(200s), "3 min 20 s");
    EXPECT_EQ(duration_text(2h), "2 h");
    EXPECT_EQ(duration_text(std::chrono::hours(171)), "7 d 3 h");
}

}  // namespace
}  // namespace activity::ctl
