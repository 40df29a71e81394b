#include "ingest/receipts/record_search.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "schemas/wire/rejected.h"
#include "schemas/wire/test_cluster.h"

namespace activity::receipts {
namespace {

class RecordReaderTest : public ::testing::Test {
  protected:
    std::optional<Receipt> read(const wire::Headers& headers, Place place, const std::string& value = "{}",
                                const std::string& message_id = "m1", const std::string& source = "web") {
        const std::string topic = "topic" + std::to_string(++topics_);
        cluster_.create_topic(topic, 1);
        cluster_.produce({{topic, "k", headers, value}});
        const auto records = cluster_.read(topic, 1);
        RecordReader reader;
        return reader.read(records.front(), place, message_id, source);
    }

    wire::TestCluster cluster_;
    int topics_ = 0;
    const wire::Headers event_{
        {"message-id", "m1"}, {"source", "web"}, {"received-at", "2026-01-01T00:00:00.000Z"}};
};

TEST_F(RecordReaderTest, AnEventThatWaitsIsAccepted) {
    const auto receipt = read(event_, Place::events);
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->status, Status::accepted);
    EXPECT_EQ(receipt->received_at, "2026-01-01T00:00:00.000Z");
}

TEST_F(RecordReaderTest, AnotherMessageAnotherSourceAndNoHeadersAreNothing) {
    EXPECT_FALSE(read(event_, Place::events, "{}", "m2"));
    EXPECT_FALSE(read(event_, Place::events, "{}", "m1", "app"));
    EXPECT_FALSE(read({{"message-id", "m1"}}, Place::events, R"({"source":"web"})"));
    EXPECT_FALSE(read({}, Place::dead_letters));
}

TEST_F(RecordReaderTest, ADeadLetterSaysWhy) {
    auto headers = event_;
    headers.emplace_back("dead-letter-reason", "database");
    headers.emplace_back("dead-letter-detail", "22023 refused");
    headers.emplace_back("dead-letter-group", "records");
    headers.emplace_back("dead-letter-at", "2026-01-02T00:00:00.000Z");
    const auto receipt = read(headers, Place::dead_letters, "no event");
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->status, Status::dead_lettered);
    EXPECT_EQ(receipt->code, "database");
    EXPECT_EQ(receipt->message, "22023 refused");
    EXPECT_EQ(receipt->group, "records");
    EXPECT_EQ(receipt->at, "2026-01-02T00:00:00.000Z");
}

TEST_F(RecordReaderTest, ARejectionSaysWhereAndWhyAndAMarkIsNone) {
    wire::RejectedEvent told;
    told.message_id = "m1";
    told.source = "web";
    told.code = "missing_field";
    told.field = "batch[2].userId";
    told.message = "is missing";
    told.received_at = *parse_timestamp("2026-01-01T00:00:00Z");
    const auto rejected = wire::make_record(told, "rejected");
    const auto receipt = read(rejected.headers, Place::rejected, *rejected.value);
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->status, Status::rejected);
    EXPECT_EQ(receipt->code, "missing_field");
    EXPECT_EQ(receipt->field, "batch[2].userId");
    EXPECT_EQ(receipt->message, "is missing");
    EXPECT_EQ(receipt->received_at, "2026-01-01T00:00:00.000Z");

    told.is_stored = true;
    const auto marked = wire::make_record(told, "rejected");
    EXPECT_FALSE(read(marked.headers, Place::rejected, *marked.value));
}

TEST_F(RecordReaderTest, ARejectionThatCantBeReadStillIsOne) {
    auto headers = event_;
    headers.emplace_back("reason", "malformed_json");
    const auto receipt = read(headers, Place::rejected, "{");
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->code, "malformed_json");
    EXPECT_EQ(receipt->message, "");
}

}  // namespace
}  // namespace activity::receipts
