#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/wire/client_options.h"
#include "schemas/wire/failure.h"
#include "schemas/wire/record.h"

struct rd_kafka_message_s;

namespace activity::wire {

struct TopicPartition {
    std::string topic;
    std::int32_t partition = 0;
    auto operator<=>(const TopicPartition&) const = default;
};

/// Offsets that a partition has: [oldest, next).
struct Watermarks {
    std::int64_t oldest = 0;
    std::int64_t next = 0;  ///< of the next record to be written
    bool operator==(const Watermarks&) const = default;
};

/// Special offsets that a consumer may be told to start from.
inline constexpr std::int64_t offset_beginning = -2;
inline constexpr std::int64_t offset_end = -1;

struct PartitionOffset {
    TopicPartition partition;
    std::int64_t offset = offset_beginning;
};

/// A record that came from Kafka. Owns the client's memory; views die with it, and it must die before its
/// Consumer. May be moved to another thread.
class InboundRecord {
  public:
    /// Takes over a message of the library.
    explicit InboundRecord(rd_kafka_message_s* message) : message_(message) {}

    std::string_view topic() const;  ///< the same bytes at the same address for all records of a topic
    std::int32_t partition() const;
    std::int64_t offset() const;
    std::int64_t timestamp_ms() const;  ///< Kafka's timestamp, milliseconds since 1970; -1 if none
    std::string_view key() const;       ///< its data() is nullptr where Kafka has a null
    std::string_view value() const;     ///< likewise
    std::optional<std::string_view> header(const char* name) const;  ///< the last of that name
    Headers headers() const;  ///< in their order; a null value reads as ""

  private:
    struct Release {
        void operator()(rd_kafka_message_s* message) const noexcept;
    };
    std::unique_ptr<rd_kafka_message_s, Release> message_;
};

// What poll() can bring. Rebalances are values: the caller answers them with assign() or unassign().
struct Nothing {};
struct Assigned {
    std::vector<TopicPartition> partitions;  ///< may be empty: a member with nothing to do
};
struct Revoked {
    std::vector<TopicPartition> partitions;
    bool lost = false;  ///< somebody else may have them already
};
struct PollFailure {
    std::string what;
    bool fatal = false;        ///< this consumer will never work again
    bool unreachable = false;  ///< no broker answers; the client goes on trying by itself
    bool offset_out_of_range =
        false;  ///< Kafka has no record at the offset that we want; `partition` says where
    TopicPartition partition;
};
using Polled = std::variant<Nothing, InboundRecord, Assigned, Revoked, PollFailure>;

struct ConsumerSettings {
    ClusterSettings cluster;
    std::string group;
    std::string instance_id;  ///< static membership; empty: dynamic
    /// How long a member may be silent. The heartbeat is a fifteenth of it, within 100 ms and 3 s.
    std::chrono::milliseconds session_timeout{45'000};
    std::chrono::milliseconds max_poll_interval{120'000};
};

/// One member of a consumer group; range assignment; offsets are the caller's. One thread.
/// The library calls back in the middle of a poll; this class keeps what it said and hands it out as a value,
/// so that nothing happens behind the caller's back.
class Consumer {
  public:
    /// Throws Failure if an option is unknown or wrong. Does not wait for the cluster.
    explicit Consumer(const ConsumerSettings& settings);
    /// Closes if that has not been done.
    ~Consumer();
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    void subscribe(const std::vector<std::string>& topics);
    /// At most one record or event. Must be called at least every max_poll_interval, also while nothing is
    /// assigned.
    Polled poll(std::chrono::milliseconds timeout);
    /// Answers Assigned: start at these offsets. May be called again at any time, with other offsets or with
    /// fewer partitions: it replaces the assignment, and whatever was fetched before is thrown away.
    void assign(const std::vector<PartitionOffset>& offsets);
    /// Answers Revoked.
    void unassign();
    void seek(const PartitionOffset& offset);
    /// Tells Kafka how far the group is, for lag tools only. Does not wait; a failure is of no consequence.
    void commit_async(const std::vector<PartitionOffset>& next_offsets);
    /// High watermark as of the last fetch: the next offset to be written. Nothing if not known yet.
    std::optional<std::int64_t> high_watermark(const TopicPartition& partition) const;
    /// Oldest offsets that Kafka still has and its next ones, asked of the brokers in two requests each. In
    /// the order of the partitions; nothing for one that no broker answers for. Throws Failure if that is so
    /// for all.
    std::vector<std::optional<Watermarks>> watermarks(const std::vector<TopicPartition>& partitions,
                                                      std::chrono::milliseconds timeout) const;
    /// Whether a broker answers, asked of it.
    bool reachable(std::chrono::milliseconds timeout) const;
    /// Leaves the group, so that others take over at once. Answers what has not been answered. Nothing may be
    /// called afterwards but the destructor.
    void close();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::wire
