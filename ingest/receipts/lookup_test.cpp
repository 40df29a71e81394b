#include "ingest/receipts/lookup.h"

#include <gtest/gtest.h>

namespace activity::receipts {
namespace {

/// Knows one event of the source `web`.
class FakeStore final : public EventStore {
  public:
    Standing look_up(const MessageKey& key, std::string_view source) override {
        Standing standing;
        if (key == message_key("stored") && source == "web") {
            standing.event = StoredEvent{*parse_timestamp("2026-01-01T00:00:00Z"),
                                         *parse_timestamp("2026-01-01T00:00:01.000002Z"),
                                         {"time_out_of_window"}};
        } else {
            standing.next_offsets[{"events", 0}] = 7;
        }
        return standing;
    }
};

class FakeSearch final : public RecordSearch {
  public:
    SearchResult find(std::string_view message_id, std::string_view source,
                      const NextOffsets& next_offsets) override {
        ++searches;
        offsets = next_offsets;
        SearchResult result;
        if (message_id == "waits" && source == "web") {
            result.found.emplace();
            result.found->status = Status::accepted;
        } else {
            result.not_searched = "a part";
        }
        return result;
    }

    int searches = 0;
    NextOffsets offsets;
};

class LookupTest : public ::testing::Test {
  protected:
    FakeStore store_;
    FakeSearch search_;
    Lookup lookup_{store_, search_};
};

TEST_F(LookupTest, WhatIsStoredNeedsNoSearch) {
    const auto receipt = lookup_.find("stored", "web");
    EXPECT_EQ(receipt.status, Status::stored);
    EXPECT_EQ(receipt.message_id, "stored");
    EXPECT_EQ(receipt.received_at, "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(receipt.stored_at, "2026-01-01T00:00:01.000002Z");
    EXPECT_EQ(receipt.marks, std::vector<std::string>{"time_out_of_window"});
    EXPECT_EQ(search_.searches, 0);
}

TEST_F(LookupTest, WhatIsNotStoredIsSearchedFromWhereTheWorkersWereThen) {
    EXPECT_EQ(lookup_.find("waits", "web").status, Status::accepted);
    EXPECT_EQ(search_.offsets, (NextOffsets{{{"events", 0}, 7}}));
}

/// Whether somebody else's message is stored can't be told from the answer, nor from what is done for it.
TEST_F(LookupTest, AnotherSourcesMessageIsLookedForLikeOneThatIsNot) {
    const auto receipt = lookup_.find("stored", "app");
    EXPECT_EQ(receipt.status, Status::unknown);
    EXPECT_EQ(receipt.not_searched, "a part");
    EXPECT_EQ(receipt.received_at, "");
    EXPECT_EQ(search_.searches, 1);
}

}  // namespace
}  // namespace activity::receipts
