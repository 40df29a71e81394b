#include "deploy/activityctl/gap.h"

#include <gmock/gmock.h>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const wire::TopicPartition here{"activity.live-class", 3};

TEST(Gap, IsWhereKafkaHasNoRecordThatComesNext) {
    const auto deleted = find_gaps("g", {{here, {10, 1, "w", "then"}}}, {{here, {15, 20}}});
    ASSERT_THAT(deleted, SizeIs(1));
    EXPECT_EQ(deleted[0].kind, Gap::Kind::deleted);
    EXPECT_EQ(deleted[0].from, 10);
    EXPECT_EQ(deleted[0].to, 15);
    EXPECT_EQ(deleted[0].records(), 5);
    EXPECT_EQ(deleted[0].stored_at, "then");

    const auto beyond = find_gaps("g", {{here, {30, 1, "w", ""}}}, {{here, {0, 20}}});
    ASSERT_THAT(beyond, SizeIs(1));
    EXPECT_EQ(beyond[0].kind, Gap::Kind::beyond_end);
    EXPECT_EQ(beyond[0].from, 20);
    EXPECT_EQ(beyond[0].to, 30);
}

TEST(Gap, IsNotWhereTheGroupCanGoOn) {
    EXPECT_THAT(find_gaps("g", {{here, {15, 1, "w", ""}}}, {{here, {15, 20}}}), IsEmpty());
    EXPECT_THAT(find_gaps("g", {{here, {20, 1, "w", ""}}}, {{here, {15, 20}}}), IsEmpty());
    EXPECT_THAT(find_gaps("g", {{here, {7, 1, "w", ""}}}, {}), IsEmpty());
}

TEST(Gap, NamesItsPartition) {
    EXPECT_EQ(partition_text(here), "activity.live-class[3]");
    EXPECT_EQ(parse_partition("--partition", "activity.live-class[3]"), here);
    for (const auto* text :
         {"", "live-class", "live-class[]", "[3]", "live-class[-1]", "live-class[3", "a[b]"})
        EXPECT_THROW(parse_partition("--partition", text), UsageError) << text;
}

}  // namespace
}  // namespace activity::ctl
