#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

/// Names of the metrics that dashboards and alerts rely on: activity_<noun>_<unit>[_total].
/// Labels are bounded: never a user, never a message ID.
namespace activity::metric {

// ingest
inline constexpr const char* ingest_requests = "activity_ingest_requests_total";                // status
inline constexpr const char* ingest_events_accepted = "activity_ingest_events_accepted_total";  // source
inline constexpr const char* ingest_events_rejected =
    "activity_ingest_events_rejected_total";                                                // reason, source
inline constexpr const char* ingest_events_marked = "activity_ingest_events_marked_total";  // mark, source
inline constexpr const char* ingest_events_dropped =
    "activity_ingest_events_dropped_total";  // source, activity
inline constexpr const char* ingest_requests_limited = "activity_ingest_requests_limited_total";  // source
inline constexpr const char* ingest_sdk_metrics = "activity_ingest_sdk_metrics_total";
inline constexpr const char* ingest_sources_valid = "activity_ingest_sources_valid";
inline constexpr const char* ingest_sources_loaded = "activity_ingest_sources_loaded_timestamp_seconds";
inline constexpr const char* ingest_records_produced = "activity_ingest_records_produced_total";  // topic
inline constexpr const char* ingest_delivery_errors = "activity_ingest_delivery_errors_total";    // error
inline constexpr const char* ingest_ack_latency = "activity_ingest_ack_latency_seconds";
inline constexpr const char* ingest_queue_messages = "activity_ingest_queue_messages";
inline constexpr const char* ingest_connections = "activity_ingest_connections";
inline constexpr const char* ingest_kafka_ready = "activity_ingest_kafka_ready";

// workers; label `group` on all
inline constexpr const char* worker_records_consumed = "activity_worker_records_consumed_total";
inline constexpr const char* worker_records_stored = "activity_worker_records_stored_total";
inline constexpr const char* worker_records_duplicate = "activity_worker_records_duplicate_total";
inline constexpr const char* worker_records_conflicting = "activity_worker_records_conflicting_total";
inline constexpr const char* worker_records_dead_lettered =
    "activity_worker_records_dead_lettered_total";  // reason
/// Put off: they went to a retry topic.
inline constexpr const char* worker_records_retried = "activity_worker_records_retried_total";
/// Of learners that were erased.
inline constexpr const char* worker_records_erased = "activity_worker_records_erased_total";
/// Nothing to the group.
inline constexpr const char* worker_records_ignored = "activity_worker_records_ignored_total";
inline constexpr const char* worker_batch_records = "activity_worker_batch_records";
inline constexpr const char* worker_transaction_seconds = "activity_worker_transaction_seconds";
inline constexpr const char* worker_transactions_failed =
    "activity_worker_transactions_failed_total";                                  // kind
inline constexpr const char* worker_lag_records = "activity_worker_lag_records";  // topic, partition
inline constexpr const char* worker_freshness_seconds = "activity_worker_freshness_seconds";
inline constexpr const char* worker_rebalances = "activity_worker_rebalances_total";
inline constexpr const char* worker_rebalance_pause = "activity_worker_rebalance_pause_seconds";
/// What the outbox of the group has sent.
inline constexpr const char* worker_outbox_sent = "activity_worker_outbox_records_sent_total";
inline constexpr const char* worker_paused = "activity_worker_paused";

}  // namespace activity::metric
