#pragma once

#include <map>
#include <string>
#include <vector>

#include "schemas/catalogue/catalogue.h"
#include "schemas/wire/admin.h"

namespace activity::ctl {

/// A topic as it ought to be, by its full name.
struct WantedTopic {
    std::string name;
    int partitions = 1;
    std::map<std::string, std::string> config;
};

/// The catalogue's topics, the retry and dead-letter topics of each worker group, and the topic of rejected
/// events.
std::vector<WantedTopic> wanted_topics(const Catalogue& catalogue, const std::string& prefix);

struct ReplicationWish {
    int asked_for = wire::replication_factor_of_brokers;  ///< what the operator said
    int of_brokers = 1;                                   ///< `default.replication.factor`
};

/// One topic's difference, and what is done about it.
struct TopicChange {
    enum class Action { create, alter_config, add_partitions, nothing };
    Action action = Action::nothing;
    std::string topic;
    std::string detail;                         ///< in words
    int partitions = 0;                         ///< create, add_partitions: in all
    std::map<std::string, std::string> config;  ///< create, alter_config: what to set
};

struct TopicPlan {
    int replication_factor = wire::replication_factor_of_brokers;  ///< for what is created
    std::vector<TopicChange> changes;   ///< at least one a topic, in the order of `wanted`
    std::vector<std::string> warnings;  ///< differences that are left alone, with what to do about them
};

/// What turns the cluster into what is wanted. Partitions are added only if that is allowed, and nothing is
/// ever removed. Where a topic has three replicas or more, two of them must have a record before it counts
/// (`min.insync.replicas=2`), unless the catalogue says otherwise.
TopicPlan plan_topics(const std::vector<WantedTopic>& wanted,
                      const std::vector<wire::TopicDescription>& existing,
                      const std::map<std::string, wire::TopicConfig>& configs,
                      const ReplicationWish& replication, bool may_add_partitions);

}  // namespace activity::ctl
