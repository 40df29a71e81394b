#include "loadtest/verify/drained.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <thread>
#include <vector>

#include "loadtest/verify/postgres.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/wire/admin.h"
#include "schemas/wire/group_topics.h"

namespace activity::loadtest {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto look_every = std::chrono::milliseconds{500};
constexpr std::string_view retry = ".retry";
constexpr std::string_view newest = ".newest";

using Offsets = std::map<wire::TopicPartition, std::int64_t>;

/// By Kafka's ID of the group.
std::map<std::string, Offsets> stored_offsets(Postgres& postgres) {
    std::map<std::string, Offsets> stored;
    for (const auto& row : postgres.query("SELECT grp, topic, part, next_offset FROM activity.part_offset"))
        stored[row[0]][{row[1], std::stoi(row[2])}] = std::stoll(row[3]);
    return stored;
}

/// The topics that a group must have read to the end.
std::set<std::string> topics_of(const std::string& group, const Offsets& offsets, const std::string& prefix,
                                const Catalogue& catalogue) {
    std::set<std::string> topics;
    const auto name = group.substr(group.rfind("activity-") + std::string_view("activity-").size());
    if (name.ends_with(retry)) {
        const auto main = name.substr(0, name.size() - retry.size());
        for (int tier = 1; tier <= wire::retry_tiers; ++tier)
            topics.insert(wire::retry_topic(prefix, main, tier));
        return topics;
    }
    for (const auto& [partition, _] : offsets) topics.insert(partition.topic);
    // These read the whole catalogue, also what they have not begun with.
    if (std::ranges::find(wire::worker_groups, name) != wire::worker_groups.end())
        for (const auto& topic : catalogue.topics()) topics.insert(prefix + topic.name);
    return topics;
}

Drained look(Postgres& postgres, wire::Admin& admin, const std::string& prefix, const Catalogue& catalogue) {
    // PostgreSQL first: a group that puts a record off has written it to a retry topic before its offset
    // passes it, so whatever is not applied yet lies below the ends that are asked for afterwards.
    auto stored = stored_offsets(postgres);
    Drained drained;
    std::vector<std::string> groups;
    for (const auto& [group, _] : stored)
        if (!group.ends_with(retry) && !group.ends_with(newest)) groups.push_back(group);
    for (const auto& group : groups) stored.try_emplace(group + std::string(retry));
    // The lane of the newest skips what the main one reads.
    std::erase_if(stored, [](const auto& group) { return group.first.ends_with(newest); });
    if (stored.empty()) {
        drained.problem = "no group has an offset in PostgreSQL: no worker has run yet";
        return drained;
    }

    std::map<std::string, std::int32_t> partitions;
    for (const auto& topic : admin.describe_cluster().topics)
        partitions[topic.name] = static_cast<std::int32_t>(topic.partitions.size());
    std::vector<wire::TopicPartition> wanted;
    std::map<std::string, std::set<std::string>> topics;
    for (const auto& [group, offsets] : stored) {
        topics[group] = topics_of(group, offsets, prefix, catalogue);
        for (const auto& topic : topics[group])
            for (std::int32_t i = 0; i < partitions[topic]; ++i) wanted.push_back({topic, i});
    }
    std::ranges::sort(wanted);
    wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
    if (wanted.empty()) {
        drained.problem = "Kafka has none of the topics " + prefix + "…: another cluster, or another prefix";
        return drained;
    }
    const auto marks = admin.watermarks(wanted);
    for (const auto& [group, offsets] : stored) {
        std::int64_t lag = 0;
        for (const auto& [partition, mark] : marks) {
            if (!topics[group].contains(partition.topic)) continue;
            const auto found = offsets.find(partition);
            const auto next = found == offsets.end() ? mark.oldest : found->second;
            // A new leader may not know yet how far its followers are; later it does.
            if (next > mark.next) drained.problem = partition.topic + ": PostgreSQL is beyond Kafka's end";
            lag += std::max<std::int64_t>(0, mark.next - next);
        }
        if (lag > 0) drained.lags[group] = lag;
    }
    return drained;
}

}  // namespace

std::string Drained::text() const {
    std::string text = problem;
    for (const auto& [group, lag] : lags)
        text += (text.empty() ? "" : "; ") + group + " lacks " + std::to_string(lag) + " records";
    return text.empty() ? "all groups have applied everything" : text;
}

Drained wait_until_drained(const DrainSettings& settings) {
    const auto end = Clock::now() + settings.timeout;
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    Postgres postgres(settings.postgres_url);
    wire::Admin admin(settings.cluster);
    for (;;) {
        Drained drained;
        try {
            drained = look(postgres, admin, settings.topic_prefix, catalogue);
        } catch (const wire::Failure& failure) {
            if (failure.disposition() != wire::Disposition::retry) throw;
            drained.problem = failure.what();
        }
        if (drained || Clock::now() >= end) return drained;
        std::this_thread::sleep_for(look_every);
    }
}

}  // namespace activity::loadtest
