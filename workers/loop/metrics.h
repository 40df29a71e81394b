#pragma once

#include <prometheus/registry.h>
#include <atomic>
#include <cstdint>
#include <string>

#include "schemas/activity/timestamp.h"
#include "schemas/service/metrics.h"
#include "schemas/wire/consumer.h"

namespace activity::workers {

namespace metric {
/// Partitions that are ours but not read, because Kafka has no record where PostgreSQL stands.
inline constexpr const char* partitions_held = "activity_worker_partitions_held";
inline constexpr const char* outbox_waits = "activity_worker_outbox_waits";
/// Times that Kafka's offsets jumped: records that the topic no longer has or never had.
inline constexpr const char* offset_gaps = "activity_worker_offset_gaps_total";
}  // namespace metric

/// The metrics of one group in this process, shared by its loops. Counted per batch. Any thread.
class Metrics {
  public:
    Metrics(prometheus::Registry& registry, const std::string& group);

    prometheus::Counter& consumed;
    prometheus::Counter& stored;
    prometheus::Counter& duplicate;
    prometheus::Counter& conflicting;
    prometheus::Counter& retried;
    prometheus::Counter& erased;
    prometheus::Counter& ignored;
    prometheus::Counter& outbox_sent;
    prometheus::Gauge& outbox_waits;  ///< 1 while the outbox can't be sent
    prometheus::Histogram& batch_records;
    prometheus::Histogram& transaction_seconds;
    prometheus::Counter& rebalances;
    prometheus::Histogram& rebalance_pause_seconds;  ///< from giving partitions up to reading again
    prometheus::Counter& offset_gaps;
    prometheus::Gauge& paused;  ///< loops that wait for a server
    prometheus::Gauge& partitions_held;

    prometheus::Counter& dead_lettered(const std::string& reason);
    prometheus::Counter& transactions_failed(const std::string& kind);
    void set_lag(const wire::TopicPartition& partition, std::int64_t records);
    /// Somebody else shows it from now on.
    void remove_lag(const wire::TopicPartition& partition);

    /// An event that was received then is stored.
    void note_stored(Timestamp received);
    /// Shows how old the newest stored event is.
    void refresh_freshness();

  private:
    prometheus::Labels lag_labels(const wire::TopicPartition& partition) const;

    std::string group_;
    prometheus::Family<prometheus::Counter>& dead_lettered_;
    prometheus::Family<prometheus::Counter>& transactions_failed_;
    prometheus::Family<prometheus::Gauge>& lag_;
    prometheus::Gauge& freshness_;
    std::atomic<std::int64_t> newest_received_us_{0};
};

}  // namespace activity::workers
