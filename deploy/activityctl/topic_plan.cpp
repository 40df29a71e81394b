#include "deploy/activityctl/topic_plan.h"

#include <algorithm>

#include "schemas/wire/group_topics.h"

namespace activity::ctl {
namespace {

/// Time to notice, mend and replay a dead letter: 90 days.
constexpr const char* dead_letter_retention_ms = "7776000000";
/// Longer than any retry waits: 7 days.
constexpr const char* retry_retention_ms = "604800000";
/// Where ingest tells what it rejected or marked, for whoever mends the client: 7 days.
constexpr const char* rejected_topic = "rejected";
constexpr const char* rejected_retention_ms = "604800000";
/// The latest state of each learner, for other systems to follow.
constexpr const char* profiles_topic = "profiles";
constexpr int profiles_partitions = 8;

std::map<std::string, std::string> with_replication_rules(std::map<std::string, std::string> config,
                                                          std::size_t replicas) {
    if (replicas >= 3) {
        config.try_emplace("min.insync.replicas", "2");
        config.try_emplace("unclean.leader.election.enable", "false");
    }
    return config;
}

std::string plural(int count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

void plan_partitions(TopicPlan& plan, const WantedTopic& topic, const wire::TopicDescription& now,
                     bool may_add) {
    const auto have = static_cast<int>(now.partitions.size());
    if (have > topic.partitions) {
        plan.warnings.push_back(topic.name + " has " + plural(have, "partition") + ", the catalogue says " +
                                std::to_string(topic.partitions) +
                                ": Kafka can't remove partitions; put the larger number into the catalogue");
    } else if (have < topic.partitions && !may_add) {
        plan.warnings.push_back(
            topic.name + " has " + plural(have, "partition") + ", the catalogue says " +
            std::to_string(topic.partitions) +
            ": left alone, because more partitions move users to other ones, and a user's events "
            "before and after are then in no common order; --add-partitions does it");
    } else if (have < topic.partitions) {
        plan.changes.push_back(
            {TopicChange::Action::add_partitions,
             topic.name,
             "partitions: " + std::to_string(have) + " → " + std::to_string(topic.partitions),
             topic.partitions,
             {}});
        plan.warnings.push_back(
            topic.name +
            ": users move to other partitions, and until the workers have caught up, a user's "
            "events before and after the change may be stored out of order; workers "
            "see the new partitions within half a minute");
    }
}

void plan_config(TopicPlan& plan, const WantedTopic& topic, const wire::TopicDescription& now,
                 const wire::TopicConfig& config) {
    TopicChange change{TopicChange::Action::alter_config, topic.name, "", 0, {}};
    for (const auto& [name, value] : with_replication_rules(topic.config, now.replication_factor())) {
        const auto current = config.find(name);
        if (current != config.end() && current->second.value == value) continue;
        change.config[name] = value;
        change.detail += (change.detail.empty() ? "" : ", ") + name + ": " +
                         (current == config.end() ? "not set" : current->second.value) + " → " + value;
    }
    if (!change.config.empty()) plan.changes.push_back(std::move(change));
}

}  // namespace

std::vector<WantedTopic> wanted_topics(const Catalogue& catalogue, const std::string& prefix) {
    std::vector<WantedTopic> wanted;
    for (const auto& topic : catalogue.topics())
        wanted.push_back({prefix + topic.name, topic.partitions, topic.config});
    const auto add_topic = [&wanted](WantedTopic topic) {
        // An entry of that name in the catalogue wins.
        if (!std::ranges::count(wanted, topic.name, &WantedTopic::name)) wanted.push_back(std::move(topic));
    };
    const auto add = [&add_topic](std::string name, const char* retention_ms) {
        add_topic({std::move(name), 1, {{"retention.ms", retention_ms}}});
    };
    for (const auto group : wire::worker_groups) {
        add(wire::dead_letter_topic(prefix, group), dead_letter_retention_ms);
        for (int tier = 1; tier <= wire::retry_tiers; ++tier)
            add(wire::retry_topic(prefix, group, tier), retry_retention_ms);
    }
    add(prefix + rejected_topic, rejected_retention_ms);
    add_topic({prefix + profiles_topic, profiles_partitions, {{"cleanup.policy", "compact"}}});
    return wanted;
}

TopicPlan plan_topics(const std::vector<WantedTopic>& wanted,
                      const std::vector<wire::TopicDescription>& existing,
                      const std::map<std::string, wire::TopicConfig>& configs,
                      const ReplicationWish& replication, bool may_add_partitions) {
    TopicPlan plan;
    plan.replication_factor = replication.asked_for;
    const int effective = replication.asked_for > 0 ? replication.asked_for : replication.of_brokers;
    for (const auto& topic : wanted) {
        const auto now = std::ranges::find(existing, topic.name, &wire::TopicDescription::name);
        if (now == existing.end()) {
            plan.changes.push_back(
                {TopicChange::Action::create, topic.name,
                 plural(topic.partitions, "partition") + ", " + plural(effective, "replica"),
                 topic.partitions,
                 with_replication_rules(topic.config, static_cast<std::size_t>(effective))});
            continue;
        }
        const auto changes_before = plan.changes.size();
        plan_partitions(plan, topic, *now, may_add_partitions);
        const auto config = configs.find(topic.name);
        plan_config(plan, topic, *now, config == configs.end() ? wire::TopicConfig{} : config->second);
        if (replication.asked_for > 0 &&
            now->replication_factor() != static_cast<std::size_t>(replication.asked_for)) {
            plan.warnings.push_back(topic.name + " has " +
                                    plural(static_cast<int>(now->replication_factor()), "replica") +
                                    ", not " + std::to_string(replication.asked_for) +
                                    ": moving replicas needs Kafka's own kafka-reassign-partitions.sh");
        }
        if (plan.changes.size() == changes_before) {
            plan.changes.push_back({TopicChange::Action::nothing,
                                    topic.name,
                                    plural(static_cast<int>(now->partitions.size()), "partition"),
                                    0,
                                    {}});
        }
    }
    return plan;
}

}  // namespace activity::ctl
