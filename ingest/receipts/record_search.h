#pragma once

#include <prometheus/counter.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/receipts/event_store.h"
#include "ingest/receipts/receipt.h"
#include "ingest/receipts/search_plan.h"
#include "schemas/activity/json.h"
#include "schemas/wire/admin.h"
#include "schemas/wire/consumer.h"

namespace activity::receipts {

struct SearchResult {
    /// Of status accepted, dead_lettered or rejected; without the message ID.
    std::optional<Receipt> found;
    std::string not_searched;  ///< in words; empty if everything was looked at
};

/// The seam to Kafka. Any thread.
class RecordSearch {
  public:
    virtual ~RecordSearch() = default;
    /// Looks for a source's message among what no worker has applied. Throws Unavailable, Busy.
    virtual SearchResult find(std::string_view message_id, std::string_view source,
                              const NextOffsets& next_offsets) = 0;
};

/// What a record of that place says of a message: nothing if it is another message's, another source's, or a
/// record of an event that was marked and taken all the same. Only headers are looked at, but for the words
/// of a rejection. One a thread.
class RecordReader {
  public:
    std::optional<Receipt> read(const wire::InboundRecord& record, Place place, std::string_view message_id,
                                std::string_view source);

  private:
    std::optional<Receipt> rejection(const wire::InboundRecord& record);

    json::Reader reader_;
};

struct SearchSettings {
    wire::ClusterSettings cluster;
    std::string group;                      ///< for Kafka's access rules only: nothing is ever committed
    std::vector<std::string> event_topics;  ///< with prefix
    std::string dead_letter_topic;
    std::string rejected_topic;
    std::int64_t records_max = 200'000;
    std::chrono::milliseconds time_max{2'000};
    std::ptrdiff_t searches_max = 2;  ///< at once
};

/// Reads Kafka when asked, bounded in records and in time; keeps nothing between two searches, not even a
/// connection: an idle client would collect the errors of every outage, and searches are rare.
class KafkaSearch final : public RecordSearch {
  public:
    /// `looked_at` counts records.
    KafkaSearch(SearchSettings settings, prometheus::Counter& looked_at)
        : settings_(std::move(settings)), turns_(settings_.searches_max), looked_at_(looked_at) {}

    SearchResult find(std::string_view message_id, std::string_view source,
                      const NextOffsets& next_offsets) override;

  private:
    using Clock = std::chrono::steady_clock;

    std::vector<Extent> extents() const;
    std::optional<Place> place_of(std::string_view topic) const;
    SearchResult look_through(const SearchPlan& plan, Clock::time_point deadline, std::string_view message_id,
                              std::string_view source);

    SearchSettings settings_;
    std::counting_semaphore<> turns_;
    prometheus::Counter& looked_at_;
};

}  // namespace activity::receipts
