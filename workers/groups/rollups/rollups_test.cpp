#include "workers/groups/rollups/rollups.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

using namespace std::string_literals;

const LearnerKey learner{*parse_uuid("00112233-4455-6677-8899-aabbccddeeff")};
const LearnerKey another{*parse_uuid("01112233-4455-6677-8899-aabbccddeeff")};

/// As activity.rollup_member() makes it in SQL: the integration test compares the two.
TEST(RollupMemberTest, IsTheHourAndThenTheLearner) {
    EXPECT_EQ(format_uuid(rollup_member(0x00078abc, learner)), "00078abc-0011-2233-4455-66778899aabb");
    EXPECT_EQ(format_uuid(rollup_member(-1, learner)), "ffffffff-0011-2233-4455-66778899aabb");
}

TEST(RollupMemberTest, OfACourseIsAnotherForEachDayCourseAndLearner) {
    const auto member = rollup_member(20'778, "algebra", learner);
    EXPECT_EQ(member, rollup_member(20'778, "algebra", learner));
    EXPECT_EQ(format_uuid(member).substr(0, 8), "0000512a");
    EXPECT_NE(member, rollup_member(20'779, "algebra", learner));
    EXPECT_NE(member, rollup_member(20'778, "Algebra", learner));
    EXPECT_NE(member, rollup_member(20'778, "algebra", another));
    EXPECT_NE(member, rollup_member(20'778, learner));
}

class RollupRowTest : public ::testing::Test {
  protected:
    std::string row(std::string_view activity, const std::string& properties,
                    std::string_view at = "2026-11-21T14:28:59.999Z") {
        event_.properties = properties;
        CopyRows rows;
        EXPECT_TRUE(write_(rows, {event_, key_, learner, activity, *parse_timestamp(at)}));
        return rows.bytes();
    }
    /// Whether the fields behind the source are these: course, page type, solved, ordered, clicks.
    static bool ends_with(const std::string& row, const std::string& fields) { return row.ends_with(fields); }

    const Group group_ = rollups_group();
    const Group::RowWriter write_ = group_.row_writer();
    ActivityEvent event_;
    const MessageKey key_ = message_key("m");
};

const std::string null = "\xff\xff\xff\xff"s;
const std::string no = "\0\0\0\1\0"s, yes = "\0\0\0\1\1"s;
const std::string zero = "\0\0\0\4\0\0\0\0"s;

TEST_F(RollupRowTest, TheHourAndTheMinuteAreThoseInWhichItHappened) {
    CopyRows expected;
    expected.timestamptz(*parse_timestamp("2026-11-21T14:00:00Z"));
    expected.integer(28);
    EXPECT_TRUE(row("page_viewed", "{}").starts_with(expected.bytes()));
    CopyRows before_1970;
    before_1970.timestamptz(*parse_timestamp("1969-12-31T23:00:00Z"));
    before_1970.integer(59);
    EXPECT_TRUE(row("page_viewed", "{}", "1969-12-31T23:59:59Z").starts_with(before_1970.bytes()));
}

TEST_F(RollupRowTest, OnlyASubmittedProblemIsAnAttempt) {
    EXPECT_TRUE(ends_with(row("problem_submitted", R"({"solved":true})"), null + null + yes + no + zero));
    EXPECT_TRUE(ends_with(row("problem_submitted", R"({"solved":"yes"})"), null + null + no + no + zero));
    EXPECT_TRUE(ends_with(row("problem_opened", R"({"solved":true})"), null + null + null + no + zero));
    EXPECT_TRUE(ends_with(row("store_order_placed", "{}"), null + null + null + yes + zero));
}

TEST_F(RollupRowTest, OnlyClicksOnResourcesAreClicks) {
    const auto quiz = "\0\0\0\4quiz"s;
    EXPECT_TRUE(ends_with(row("resource_clicked", R"({"pageType":"quiz","clicks":258})"),
                          quiz + null + no + "\0\0\0\4\0\0\1\2"s));
    EXPECT_TRUE(
        ends_with(row("page_viewed", R"({"pageType":"quiz","clicks":258})"), null + null + no + zero));
    for (const auto* clicks : {"0", "-1", "1000001", "1e300", "\"2\"", "2.5"}) {
        EXPECT_TRUE(
            ends_with(row("resource_clicked", R"({"pageType":"quiz","clicks":)" + std::string(clicks) + "}"),
                      quiz + null + no + zero))
            << clicks;
    }
}

TEST_F(RollupRowTest, ALongNameIsCutSoThatItFitsIntoAKey) {
    const std::string name(10'000, 'x');
    EXPECT_LT(row(name, "{}").size(), 1'000U);
}

}  // namespace
}  // namespace activity::workers
