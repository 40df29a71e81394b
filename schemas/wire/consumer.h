#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/wire/client_options.h"
#include "schemas/wire/record.h"

namespace activity::wire {

struct TopicPartition {
    std::string topic;
    std::int32_t partition = 0;
    auto operator<=>(const TopicPartition&) const = default;
};

/// Special offsets that a consumer may be told to start from.
inline constexpr std::int64_t offset_beginning = -2;
inline constexpr std::int64_t offset_end = -1;

struct PartitionOffset {
    TopicPartition partition;
    std::int64_t offset = offset_beginning;
};

/// A record that came from Kafka. Owns the client's memory; views die with it.
class InboundRecord {
  public:
    class Impl;
    explicit InboundRecord(std::unique_ptr<Impl> impl);
    InboundRecord(InboundRecord&&) noexcept;
    InboundRecord& operator=(InboundRecord&&) noexcept;
    ~InboundRecord();

    std::string_view topic() const;
    std::int32_t partition() const;
    std::int64_t offset() const;
    std::int64_t timestamp_ms() const;  ///< Kafka's timestamp, milliseconds since 1970; -1 if none
    std::string_view key() const;
    std::string_view value() const;
    std::optional<std::string_view> header(const char* name) const;  ///< the last of that name
    Headers headers() const;

  private:
    std::unique_ptr<Impl> impl_;
};

// What poll() can bring. Rebalances are values: the caller answers them with assign() or unassign().
struct Nothing {};
struct Assigned { std::vector<TopicPartition> partitions; };
struct Revoked { std::vector<TopicPartition> partitions; bool lost = false; };  ///< lost: somebody else has them
struct PollFailure { std::string what; bool fatal = false; bool offset_out_of_range = false; TopicPartition partition; };
using Polled = std::variant<Nothing, InboundRecord, Assigned, Revoked, PollFailure>;

struct ConsumerSettings {
    ClusterSettings cluster;
    std::string group;
    std::string instance_id;  ///< static membership; empty: dynamic
    std::chrono::milliseconds session_timeout{45'000};
    std::chrono::milliseconds max_poll_interval{120'000};
};

/// One member of a consumer group; range assignment; offsets are the caller's. One thread.
/// (Implemented with the callback stashing its event, so that nothing happens behind the caller's back.)
class Consumer {
  public:
    explicit Consumer(const ConsumerSettings& settings);
    ~Consumer();
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    void subscribe(const std::vector<std::string>& topics);
    /// At most one record or event. Must be called at least every max_poll_interval, also while paused.
    Polled poll(std::chrono::milliseconds timeout);
    /// Answers Assigned: start at these offsets.
    void assign(const std::vector<PartitionOffset>& offsets);
    /// Answers Revoked.
    void unassign();
    void pause(const std::vector<TopicPartition>& partitions);
    void resume(const std::vector<TopicPartition>& partitions);
    void seek(const PartitionOffset& offset);
    /// Tells Kafka how far the group is, for lag tools only. Does not wait.
    void commit_async(const std::vector<PartitionOffset>& next_offsets);
    /// High watermark as of the last fetch: the next offset to be written. Nothing if not known yet.
    std::optional<std::int64_t> high_watermark(const TopicPartition& partition) const;
    /// Oldest offset that Kafka still has and its next one, asked of the broker. Throws Failure.
    std::pair<std::int64_t, std::int64_t> watermarks(const TopicPartition& partition, std::chrono::milliseconds timeout) const;
    /// Leaves the group. Nothing may be called afterwards but the destructor.
    void close();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::wire
