#include "workers/loop/diverted.h"

#include <gtest/gtest.h>

#include <map>

#include "schemas/wire/test_cluster.h"

namespace activity::workers {
namespace {

using Map = std::map<std::string, std::string>;

Map headers(const wire::Record& record) {
    return {record.headers.begin(), record.headers.end()};
}

class DivertedTest : public ::testing::Test {
  protected:
    wire::InboundRecord record(wire::Headers headers) {
        cluster_.create_topic("activity.practice", 1);
        cluster_.produce({{"activity.practice", "web/u", std::move(headers), "{bad"}});
        return std::move(cluster_.read("activity.practice", 1).front());
    }

    wire::TestCluster cluster_;
};

TEST_F(DivertedTest, DeadLetterKeepsTheRecordAndSaysWhereFromAndWhy) {
    const auto inbound = record({{"message-id", "m"}, {"attempt", "0"}});
    const auto letter =
        dead_letter(inbound, "activity.records.dead-letter", "records", {"malformed_json", "why"});
    EXPECT_EQ(letter.topic, "activity.records.dead-letter");
    EXPECT_EQ(letter.key, "web/u");
    EXPECT_EQ(letter.value, "{bad");
    auto said = headers(letter);
    EXPECT_TRUE(parse_timestamp(said["dead-letter-at"]));
    said.erase("dead-letter-at");
    EXPECT_EQ(said, (Map{{"message-id", "m"},
                         {"attempt", "1"},
                         {"dead-letter-reason", "malformed_json"},
                         {"dead-letter-detail", "why"},
                         {"dead-letter-group", "records"},
                         {"dead-letter-topic", "activity.practice"},
                         {"dead-letter-partition", "0"},
                         {"dead-letter-offset", "0"}}));
}

TEST_F(DivertedTest, RetryCountsAndSaysWhenItIsDue) {
    const auto inbound = record({{"message-id", "m"}, {"attempt", "0"}});
    const auto due = *parse_timestamp("2026-01-01T00:00:30Z");
    const auto again = retry(inbound, "activity.labs.retry-1", {"unclear", "no such lab", true}, due);
    EXPECT_EQ(again.topic, "activity.labs.retry-1");
    EXPECT_EQ(again.key, "web/u");
    EXPECT_EQ(again.value, "{bad");
    EXPECT_EQ(headers(again), (Map{{"message-id", "m"},
                                   {"attempt", "1"},
                                   {"not-before", "2026-01-01T00:00:30.000Z"},
                                   {"retry-reason", "unclear"},
                                   {"retry-detail", "no such lab"},
                                   {"retry-topic", "activity.practice"},
                                   {"retry-partition", "0"},
                                   {"retry-offset", "0"}}));
}

/// However often it was put off, it came from where it first lay, and its headers don't pile up.
TEST_F(DivertedTest, WhatWasPutOffBeforeKeepsItsOrigin) {
    const auto inbound = record({{"message-id", "m"},
                                 {"attempt", "2"},
                                 {"not-before", "2026-01-01T00:00:30.000Z"},
                                 {"retry-reason", "unclear"},
                                 {"retry-detail", "once"},
                                 {"retry-topic", "activity.commerce"},
                                 {"retry-partition", "7"},
                                 {"retry-offset", "12"}});
    EXPECT_EQ(attempts(inbound), 2);
    EXPECT_EQ(not_before(inbound), parse_timestamp("2026-01-01T00:00:30Z"));
    const auto again =
        retry(inbound, "t", {"unclear", "twice", true}, *parse_timestamp("2026-01-01T00:05:00Z"));
    EXPECT_EQ(again.headers.size(), 8U);
    auto said = headers(again);
    EXPECT_EQ(said["attempt"], "3");
    EXPECT_EQ(said["retry-detail"], "twice");
    EXPECT_EQ(said["retry-topic"] + said["retry-partition"] + said["retry-offset"], "activity.commerce712");
    auto dead = headers(dead_letter(inbound, "t", "labs", {"unclear", "gave up", true}));
    EXPECT_EQ(dead["attempt"], "3");
    EXPECT_EQ(dead["dead-letter-topic"] + dead["dead-letter-partition"] + dead["dead-letter-offset"],
              "activity.commerce712");
    EXPECT_FALSE(dead.contains("not-before"));
    EXPECT_FALSE(dead.contains("retry-topic"));
}

TEST_F(DivertedTest, AnAttemptThatIsNoNumberIsTheFirst) {
    EXPECT_EQ(attempts(record({{"attempt", "many"}})), 0);
}

}  // namespace
}  // namespace activity::workers
