#include "deploy/activityctl/group_lag.h"

#include <gmock/gmock.h>

namespace activity::ctl {
namespace {

using testing::SizeIs;

const wire::TopicPartition p0{"t", 0};
const wire::TopicPartition p1{"t", 1};

TEST(GroupLag, IsTheDistanceToTheEndInBothPlaces) {
    const auto lines = join_lag({{p0, 60}}, {{p0, {80, 3, "w1"}}}, {{p0, {10, 100}}});
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_EQ(lines[0].kafka_lag(), 40);
    EXPECT_EQ(lines[0].stored_lag(), 20);
    EXPECT_EQ(lines[0].lost(), 0);
}

TEST(GroupLag, AGroupThatNeverReadHasEverythingBeforeIt) {
    const auto lines = join_lag({}, {}, {{p0, {10, 100}}});
    EXPECT_EQ(lines[0].kafka_lag(), 90);
    EXPECT_EQ(lines[0].stored_lag(), 90);
}

TEST(GroupLag, IsUnknownWithoutKafka) {
    const auto lines = join_lag({}, {{p0, {80, 3, "w1"}}}, {});
    EXPECT_EQ(lines[0].kafka_lag(), std::nullopt);
    EXPECT_EQ(lines[0].stored_lag(), std::nullopt);
    EXPECT_EQ(lines[0].lost(), 0);
}

TEST(GroupLag, IsNeverNegative) {
    EXPECT_EQ(join_lag({}, {{p0, {101, 1, ""}}}, {{p0, {0, 100}}})[0].stored_lag(), 0);
}

TEST(GroupLag, SeesWhatRetentionTookAway) {
    EXPECT_EQ(join_lag({}, {{p0, {80, 1, ""}}}, {{p0, {95, 100}}})[0].lost(), 15);
}

TEST(GroupLag, KnowsEveryPartitionThatAnybodyKnows) {
    const auto lines = join_lag({{p1, 5}}, {{p0, {1, 1, ""}}}, {{{"s", 0}, {0, 1}}});
    ASSERT_THAT(lines, SizeIs(3));
    EXPECT_EQ(lines[0].partition.topic, "s");
    EXPECT_EQ(lines[1].partition, p0);
    EXPECT_EQ(lines[2].partition, p1);
}

}  // namespace
}  // namespace activity::ctl
