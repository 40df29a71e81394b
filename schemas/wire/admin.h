#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schemas/activity/timestamp.h"
#include "schemas/wire/client_options.h"
#include "schemas/wire/consumer.h"
#include "schemas/wire/failure.h"

namespace activity::wire {

struct PartitionDescription {
    std::int32_t partition = 0;
    std::int32_t leader = -1;  ///< broker ID; -1: none at the moment
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> in_sync;  ///< those of `replicas` that have everything
};

struct TopicDescription {
    std::string name;
    std::vector<PartitionDescription> partitions;  ///< by number

    /// Of the first partition; Kafka keeps it the same for all, but while they are being moved.
    std::size_t replication_factor() const {
        return partitions.empty() ? 0 : partitions.front().replicas.size();
    }
};

struct BrokerDescription {
    std::int32_t id = 0;
    std::string host;
    int port = 0;
};

struct ClusterDescription {
    std::vector<BrokerDescription> brokers;
    std::vector<TopicDescription> topics;  ///< by name, Kafka's own (`__consumer_offsets`) among them
};

/// One option of a topic or a broker, as the brokers apply it.
struct ConfigValue {
    std::string value;
    bool of_topic = false;    ///< set for this very topic: what alter_config() replaces
    bool is_default = false;  ///< built into Kafka; otherwise set for the topic or the brokers
};
using TopicConfig = std::map<std::string, ConfigValue>;

/// Replication factor that leaves the choice to the brokers' `default.replication.factor` (KIP-464).
inline constexpr int replication_factor_of_brokers = -1;

struct NewTopic {
    std::string name;
    int partitions = 1;
    int replication_factor = replication_factor_of_brokers;
    std::map<std::string, std::string> config;
};

struct GroupMember {
    std::string id;
    std::string client_id;
    std::string instance_id;  ///< static membership; empty: dynamic
    std::string host;
    std::vector<TopicPartition> partitions;
};

struct GroupDescription {
    std::string group;
    std::string state;  ///< Kafka's name: Stable, Empty, PreparingRebalance, CompletingRebalance, Dead
    std::string assignor;
    std::vector<GroupMember> members;
};

/// What an operator asks of the cluster. Each call is one round trip or a few, and waits for the answer for
/// at most the timeout; it throws Failure when none comes or when Kafka refuses (`reject`: this request is
/// wrong). One thread.
class Admin {
  public:
    /// Does not connect yet: the first call does, and says when nobody answers. Throws Failure if an option
    /// is wrong.
    explicit Admin(const ClusterSettings& cluster,
                   std::chrono::milliseconds timeout = std::chrono::seconds{10});
    ~Admin();
    Admin(Admin&&) noexcept;
    Admin& operator=(Admin&&) = delete;

    ClusterDescription describe_cluster();
    /// Nothing if there is no such topic.
    std::optional<TopicDescription> describe_topic(const std::string& name);
    /// By topic. A topic that does not exist is a Failure.
    std::map<std::string, TopicConfig> topic_configs(const std::vector<std::string>& topics);
    /// An option as the brokers have it by default, for example `default.replication.factor`.
    std::optional<std::string> broker_config(const std::string& option);

    /// Creates them, and waits until every partition has a leader, so that whoever produces next finds them.
    /// Returns the names of those that existed already: somebody else may create them at the same time.
    std::vector<std::string> create_topics(const std::vector<NewTopic>& topics);
    /// Deletes them with all their records, and waits until no broker knows them.
    void delete_topics(const std::vector<std::string>& topics);
    /// Makes it `partitions` in all, and waits for them. Keys move to other partitions: what came before and
    /// what comes after are no longer in one order.
    void grow_topic(const std::string& topic, int partitions);
    /// Sets these options, and keeps what else was set for the topic. librdkafka 2.0 has only the request
    /// that replaces all: an option that somebody else sets at the same moment can be lost.
    void alter_config(const std::string& topic, const std::map<std::string, std::string>& options);

    std::map<TopicPartition, Watermarks> watermarks(const std::vector<TopicPartition>& partitions);
    /// The first offset of that time or later, by Kafka's timestamps; the end where there is none.
    std::map<TopicPartition, std::int64_t> offsets_at(const std::vector<TopicPartition>& partitions,
                                                      Timestamp time);

    std::vector<std::string> list_groups();
    std::vector<GroupDescription> describe_groups(const std::vector<std::string>& groups);
    /// What the group has committed to Kafka. Empty for a group that nobody knows.
    std::map<TopicPartition, std::int64_t> group_offsets(const std::string& group);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::wire
