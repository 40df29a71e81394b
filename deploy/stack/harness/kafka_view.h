#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace activity::harness {

/// Whether a broker answers a request for metadata, and knows itself.
bool kafka_answers(const std::string& bootstrap);

struct KafkaPartition {
    std::string topic;
    int partition = 0;
    auto operator<=>(const KafkaPartition&) const = default;
};

/// A record as it lies in Kafka, or as a test puts it there.
struct KafkaRecord {
    KafkaPartition at;
    std::int64_t offset = -1;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<std::pair<std::string, std::string>> headers;

    std::string header(const std::string& name) const;  ///< "" if it is not there
};

/// What is in Kafka, seen by calls of its own: a mistake in the clients under test can't hide itself here.
/// One thread.
class KafkaView {
  public:
    explicit KafkaView(const std::string& bootstrap);
    ~KafkaView();

    std::vector<std::string> topics(const std::string& prefix);
    /// The next offset to be written of every partition of these topics.
    std::map<KafkaPartition, std::int64_t> ends(const std::vector<std::string>& topics);
    /// Whether every partition of these topics has all of its replicas in sync.
    bool in_sync(const std::vector<std::string>& topics);
    /// Sum of all partitions: how many records were ever written.
    std::int64_t written(const std::vector<std::string>& topics);
    /// Everything in the topic up to now, in each partition's order.
    std::vector<KafkaRecord> read(const std::string& topic);
    /// What a group has committed. Partitions without an offset are left out.
    std::map<KafkaPartition, std::int64_t> committed(const std::string& group,
                                                     const std::vector<std::string>& topics);
    std::size_t members(const std::string& group);
    /// Takes the records before that offset away, as Kafka's retention does.
    void delete_before(const KafkaPartition& partition, std::int64_t offset);
    /// Puts a record into the partition that it names (-1: by the key, as the ingest does), bytes as they
    /// are, and waits until Kafka has it. Returns where it is.
    KafkaRecord write(KafkaRecord record);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::harness
