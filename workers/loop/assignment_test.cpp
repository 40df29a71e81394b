#include "workers/loop/assignment.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

Assignment two_partitions() {
    Assignment assignment;
    assignment.set({{{"b", 1}, 7, 10, 10, 10, ""}, {{"a", 0}, 3, 20, 20, 20, ""}});
    return assignment;
}

TEST(AssignmentTest, FindsOnlyItsOwn) {
    Assignment assignment = two_partitions();
    ASSERT_NE(assignment.find("a", 0), nullptr);
    EXPECT_EQ(assignment.find("a", 0)->epoch, 3);
    EXPECT_EQ(assignment.find("b", 1)->epoch, 7);
    EXPECT_EQ(assignment.find("a", 1), nullptr);
    EXPECT_EQ(assignment.find("b", 0), nullptr);
    assignment.clear();
    EXPECT_EQ(assignment.find("a", 0), nullptr);
}

TEST(AssignmentTest, MovesWhatWasTaken) {
    Assignment assignment = two_partitions();
    EXPECT_TRUE(assignment.seal().empty());
    assignment.find("b", 1)->position = 15;
    assignment.find("a", 0)->position = 21;
    const auto moves = assignment.seal();
    ASSERT_EQ(moves.size(), 2U);
    EXPECT_EQ(moves[0].partition.topic, "a");  // in one order for all workers
    EXPECT_EQ(moves[1].from, 10);
    EXPECT_EQ(moves[1].to, 15);
    EXPECT_EQ(moves[1].epoch, 7);
    // The next batch goes on from there, whether this one is in already or not.
    assignment.find("b", 1)->position = 17;
    const auto next = assignment.seal();
    ASSERT_EQ(next.size(), 1U);
    EXPECT_EQ(next[0].from, 15);
    EXPECT_EQ(next[0].to, 17);
    assignment.stored(moves);
    EXPECT_EQ(assignment.find("b", 1)->stored, 15);
    EXPECT_TRUE(assignment.seal().empty());
}

TEST(AssignmentTest, DoesNotReadWhatIsHeld) {
    Assignment assignment = two_partitions();
    EXPECT_TRUE(assignment.held().empty());
    assignment.find("a", 0)->held = "is gone";
    EXPECT_EQ(assignment.held(), "a[0] is gone");
    const auto positions = assignment.positions();
    ASSERT_EQ(positions.size(), 1U);
    EXPECT_EQ(positions[0].partition.topic, "b");
    EXPECT_EQ(positions[0].offset, 10);
}

}  // namespace
}  // namespace activity::workers
