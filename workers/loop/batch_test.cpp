#include "workers/loop/batch.h"

#include <gtest/gtest.h>

#include "schemas/activity/uuid.h"
#include "schemas/wire/test_cluster.h"

namespace activity::workers {
namespace {

/// Of a row before the group's own fields: count, two UUIDs, a time, and the size of the first field.
constexpr std::size_t shared_bytes = 2 + 2 * (4 + 16) + (4 + 8) + 4;

/// Its row is the message ID.
Group message_ids() {
    Group group;
    group.name = "test";
    group.columns = {{"message_id", "text"}};
    group.row_writer = [] {
        return [](CopyRows& rows, const Message& message) {
            if (message.activity == "Ignored") return false;
            rows.text(message.event.message_id);
            if (message.activity == "Unclear") throw UnclearFailure("cannot tell");
            return true;
        };
    };
    group.effect = {"SELECT 1"};
    return group;
}

ActivityEvent event(const std::string& message_id) {
    ActivityEvent event;
    event.message_id = message_id;
    event.received_at = *parse_timestamp("2026-01-01T00:00:00Z");
    return event;
}

std::string uuid(int number) {
    char text[37];
    std::snprintf(text, sizeof text, "01a0c450-6c00-7000-8000-%012d", number);
    return text;
}

class BatchTest : public ::testing::Test {
  protected:
    BatchTest() {
        cluster_.create_topic("events", 1);
        std::vector<wire::Record> records;
        for (int i = 0; i < 6; ++i) records.push_back({"events", "k", {}, "value " + std::to_string(i)});
        cluster_.produce(records);
        inbound_ = cluster_.read("events", records.size());
    }

    wire::InboundRecord take() {
        auto record = std::move(inbound_[taken_++]);
        return record;
    }

    std::vector<std::string> stored_ids(const Batch& batch) const {
        std::vector<std::string> ids;
        for (const auto& row : batch.rows()) ids.emplace_back(batch.row_bytes(row).substr(shared_bytes));
        return ids;
    }

    wire::TestCluster cluster_;
    std::vector<wire::InboundRecord> inbound_;
    std::size_t taken_ = 0;
    Group group_ = message_ids();
    Catalogue catalogue_ = Catalogue::load(Catalogue::default_file());
};

TEST_F(BatchTest, PutsRowsInTheOrderOfTheirKeys) {
    Batch batch(group_, catalogue_);
    for (const int number : {3, 1, 2}) batch.add(take(), event(uuid(number)));
    batch.seal({});
    EXPECT_EQ(stored_ids(batch), (std::vector{uuid(1), uuid(2), uuid(3)}));
    EXPECT_EQ(batch.size(), 3U);
    EXPECT_EQ(batch.bytes(), 3 * std::string("value 0").size());
}

TEST_F(BatchTest, KeepsTheFirstOfAMessage) {
    Batch batch(group_, catalogue_);
    batch.add(take(), event(uuid(2)));
    batch.add(take(), event(uuid(1)));
    batch.add(take(), event(uuid(2)));
    batch.seal({});
    EXPECT_EQ(stored_ids(batch), (std::vector{uuid(1), uuid(2)}));
    EXPECT_EQ(batch.rows()[1].record, 0U);
    EXPECT_EQ(batch.repeated(), 1U);
}

TEST_F(BatchTest, RepeatsThatSaySomethingElseAreCountedIfTheGroupWantsThat) {
    cluster_.create_topic("repeats", 1);
    std::vector<ActivityEvent> events;
    std::vector<wire::Record> records;
    // By number and properties: the first 1, an honest repeat, two others, and a 2 of its own.
    for (const auto& [number, properties] :
         {std::pair(1, R"({"a":1})"), std::pair(2, R"({"a":2})"), std::pair(1, R"({"a":1})"),
          std::pair(1, R"({"a":2})"), std::pair(1, R"({"a":3})")}) {
        auto& said = events.emplace_back(event(uuid(number)));
        said.activity = "Question Asked";
        said.user_id = said.source = "x";
        said.properties = properties;
        records.push_back({"repeats", "k", {}, canonical_json(said)});
    }
    cluster_.produce(records);
    for (const bool wanted : {true, false}) {
        group_.conflicts = wanted ? "SELECT 0, NULL" : "";
        Batch batch(group_, catalogue_);
        auto repeats = cluster_.read("repeats", records.size());
        for (std::size_t i = 0; i < events.size(); ++i) batch.add(std::move(repeats[i]), events[i]);
        batch.seal({});
        EXPECT_EQ(stored_ids(batch), (std::vector{uuid(1), uuid(2)}));
        EXPECT_EQ(batch.repeated(), 3U);
        EXPECT_EQ(batch.conflicts().count, wanted ? 2U : 0U);
        EXPECT_EQ(batch.conflicts().example, wanted ? uuid(1) : "");
        batch.clear();
        EXPECT_EQ(batch.conflicts().count, 0U);
    }
}

TEST_F(BatchTest, RefusedRecordsAreNoRowsButWaitForDelivery) {
    Batch batch(group_, catalogue_);
    batch.add(take(), event(uuid(1)));
    batch.refuse(take(), {"malformed_json", "not JSON"});
    batch.seal({{{"events", 0}, 1, 0, 2}});
    EXPECT_EQ(batch.rows().size(), 1U);
    ASSERT_EQ(batch.undelivered().size(), 1U);
    EXPECT_EQ(batch.record(batch.undelivered()[0].record).value(), "value 1");
    batch.all_delivered();
    EXPECT_TRUE(batch.undelivered().empty());
    EXPECT_EQ(batch.advances().size(), 1U);
}

TEST_F(BatchTest, RowsThatTheDatabaseRefusesLeave) {
    Batch batch(group_, catalogue_);
    for (const int number : {4, 3, 2, 1}) batch.add(take(), event(uuid(number)));
    batch.seal({});
    batch.refuse_rows({{0, {"database", "a"}}, {2, {"unclear", "b", true}}});
    EXPECT_EQ(stored_ids(batch), (std::vector{uuid(2), uuid(4)}));
    ASSERT_EQ(batch.undelivered().size(), 2U);
    // In the order in which they came, whatever their keys.
    EXPECT_EQ(batch.record(batch.undelivered()[0].record).value(), "value 1");
    EXPECT_EQ(batch.undelivered()[0].why.detail, "b");
    EXPECT_EQ(batch.record(batch.undelivered()[1].record).value(), "value 3");
}

TEST_F(BatchTest, WhatIsNothingToTheGroupMovesTheOffsetOnly) {
    Batch batch(group_, catalogue_);
    auto ignored = event(uuid(1));
    ignored.activity = "Ignored";
    batch.add(take(), ignored);
    batch.add(take(), event(uuid(2)));
    batch.seal({});
    EXPECT_EQ(stored_ids(batch), (std::vector{uuid(2)}));
    EXPECT_EQ(batch.size(), 2U);
    EXPECT_EQ(batch.ignored(), 1U);
    EXPECT_TRUE(batch.undelivered().empty());
}

TEST_F(BatchTest, WhatTheGroupCannotTellIsRefusedAndLeavesNoBytes) {
    Batch batch(group_, catalogue_);
    auto unclear = event(uuid(1));
    unclear.activity = "Unclear";
    batch.add(take(), unclear);
    batch.add(take(), event(uuid(2)));
    batch.seal({});
    EXPECT_EQ(stored_ids(batch), (std::vector{uuid(2)}));
    ASSERT_EQ(batch.undelivered().size(), 1U);
    EXPECT_TRUE(batch.undelivered()[0].why.unclear);
    EXPECT_EQ(batch.undelivered()[0].why.detail, "cannot tell");
    EXPECT_EQ(batch.ignored(), 0U);
}

/// By its ID's time where that has one; else by the earlier of the two times that the event has.
TEST_F(BatchTest, KnowsSinceWhenAMessageMayHaveCome) {
    Batch batch(group_, catalogue_);
    auto hashed = event("no time in it");
    hashed.occurred_at = *parse_timestamp("2025-12-24T00:00:00Z");
    batch.add(take(), hashed);
    batch.add(take(), event(uuid(2)));
    batch.seal({});
    ASSERT_EQ(batch.rows().size(), 2U);
    EXPECT_EQ(batch.rows()[0].known_since, message_key(uuid(2)).time());
    EXPECT_EQ(batch.rows()[1].known_since, hashed.occurred_at);
}

TEST_F(BatchTest, WritesRowsWithoutTheLearnerToo) {
    Batch batch(group_, catalogue_);
    auto said = event(uuid(1));
    said.user_id = "u1";
    said.source = "web";
    batch.add(take(), said);
    batch.seal({});
    const auto& row = batch.rows()[0];
    EXPECT_EQ(batch.learner(row), learner_key("web/u1"));
    std::string shorter;
    batch.append_without_learner(shorter, row);
    CopyRows expected;
    expected.begin_row(3);
    expected.uuid(row.key.bytes);
    expected.timestamptz(said.received_at);
    expected.text(said.message_id);
    EXPECT_EQ(shorter, expected.bytes());
}

TEST_F(BatchTest, IsEmptyAgainAfterClear) {
    Batch batch(group_, catalogue_);
    batch.add(take(), event(uuid(1)));
    batch.refuse(take(), {"r", "d"});
    batch.seal({{{"events", 0}, 1, 0, 2}});
    batch.clear();
    EXPECT_TRUE(batch.empty());
    EXPECT_FALSE(batch.sealed());
    EXPECT_EQ(batch.bytes(), 0U);
    EXPECT_TRUE(batch.rows().empty());
    EXPECT_TRUE(batch.undelivered().empty());
    EXPECT_FALSE(batch.newest_received());
    batch.add(take(), event(uuid(5)));
    batch.seal({});
    EXPECT_EQ(stored_ids(batch), (std::vector{uuid(5)}));
}

}  // namespace
}  // namespace activity::workers
