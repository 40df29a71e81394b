#include "workers/loop/metrics.h"

#include <chrono>

namespace activity::workers {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Histogram;

const Histogram::BucketBoundaries batch_buckets{1, 10, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000};
const Histogram::BucketBoundaries seconds_buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25,  0.5,    1,     2.5,  5,     10};

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help,
                             const std::string& group) {
    return BuildCounter().Name(name).Help(help).Register(registry).Add({{"group", group}});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help,
                         const std::string& group) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({{"group", group}});
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                                 const std::string& group, const Histogram::BucketBoundaries& buckets) {
    return BuildHistogram().Name(name).Help(help).Register(registry).Add({{"group", group}}, buckets);
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry, const std::string& group)
    : consumed(counter(registry, activity::metric::worker_records_consumed, "Records whose batch is applied",
                       group)),
      stored(counter(registry, activity::metric::worker_records_stored, "Records that were new", group)),
      duplicate(counter(registry, activity::metric::worker_records_duplicate,
                        "Records whose message ID was there", group)),
      conflicting(counter(registry, activity::metric::worker_records_conflicting,
                          "Records whose message ID was there with another payload", group)),
      retried(
          counter(registry, activity::metric::worker_records_retried, "Records that were put off", group)),
      erased(counter(registry, activity::metric::worker_records_erased,
                     "Records of learners that were erased", group)),
      ignored(counter(registry, activity::metric::worker_records_ignored,
                      "Records that are nothing to the group", group)),
      outbox_sent(
          counter(registry, activity::metric::worker_outbox_sent, "Records that the outbox has sent", group)),
      outbox_waits(
          gauge(registry, metric::outbox_waits, "1 while what the outbox has can't be sent", group)),
      batch_records(histogram(registry, activity::metric::worker_batch_records, "Records of a batch", group,
                              batch_buckets)),
      transaction_seconds(histogram(registry, activity::metric::worker_transaction_seconds,
                                    "Duration of a batch's transaction", group, seconds_buckets)),
      rebalances(counter(registry, activity::metric::worker_rebalances, "Assignments that the group gave us",
                         group)),
      rebalance_pause_seconds(histogram(registry, activity::metric::worker_rebalance_pause,
                                        "From giving partitions up to reading again", group,
                                        seconds_buckets)),
      offset_gaps(counter(registry, metric::offset_gaps, "Jumps in Kafka's offsets", group)),
      paused(gauge(registry, activity::metric::worker_paused, "Loops that wait for a server", group)),
      partitions_held(gauge(registry, metric::partitions_held,
                            "Partitions where Kafka has nothing at PostgreSQL's offset", group)),
      group_(group),
      dead_lettered_(BuildCounter()
                         .Name(activity::metric::worker_records_dead_lettered)
                         .Help("Records that went to the dead-letter topic")
                         .Register(registry)),
      transactions_failed_(BuildCounter()
                               .Name(activity::metric::worker_transactions_failed)
                               .Help("Transactions that did not happen")
                               .Register(registry)),
      lag_(BuildGauge()
               .Name(activity::metric::worker_lag_records)
               .Help("Records that are in Kafka and not yet in PostgreSQL")
               .Register(registry)),
      freshness_(gauge(registry, activity::metric::worker_freshness_seconds,
                       "Now minus the time of receipt of the newest event stored", group)) {}

prometheus::Counter& Metrics::dead_lettered(const std::string& reason) {
    return dead_lettered_.Add({{"group", group_}, {"reason", reason}});
}

prometheus::Counter& Metrics::transactions_failed(const std::string& kind) {
    return transactions_failed_.Add({{"group", group_}, {"kind", kind}});
}

prometheus::Labels Metrics::lag_labels(const wire::TopicPartition& partition) const {
    return {
        {"group", group_}, {"topic", partition.topic}, {"partition", std::to_string(partition.partition)}};
}

void Metrics::set_lag(const wire::TopicPartition& partition, std::int64_t records) {
    lag_.Add(lag_labels(partition)).Set(static_cast<double>(records));
}

void Metrics::remove_lag(const wire::TopicPartition& partition) {
    lag_.Remove(&lag_.Add(lag_labels(partition)));
}

void Metrics::note_stored(Timestamp received) {
    const std::int64_t at = received.time_since_epoch().count();
    std::int64_t newest = newest_received_us_.load();
    while (newest < at && !newest_received_us_.compare_exchange_weak(newest, at)) {
    }
    refresh_freshness();
}

void Metrics::refresh_freshness() {
    const std::int64_t newest = newest_received_us_.load();
    if (newest == 0) return;
    const auto age = now().time_since_epoch() - std::chrono::microseconds(newest);
    freshness_.Set(std::chrono::duration<double>(age).count());
}

}  // namespace activity::workers
