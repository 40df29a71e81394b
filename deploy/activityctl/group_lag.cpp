#include "deploy/activityctl/group_lag.h"

#include <algorithm>
#include <set>

namespace activity::ctl {
namespace {

std::optional<std::int64_t> lag(std::optional<std::int64_t> next,
                                const std::optional<wire::Watermarks>& marks) {
    if (!marks) return std::nullopt;
    // An offset beyond the end: PostgreSQL knows a commit that Kafka's answer is a moment older than.
    return std::max<std::int64_t>(0, marks->next - next.value_or(marks->oldest));
}

template <typename Map>
auto value_of(const Map& map, const wire::TopicPartition& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::optional<typename Map::mapped_type>() : std::optional(found->second);
}

}  // namespace

std::optional<std::int64_t> PartitionLag::kafka_lag() const {
    return lag(committed, marks);
}

std::optional<std::int64_t> PartitionLag::stored_lag() const {
    return lag(stored ? std::optional(stored->next) : std::nullopt, marks);
}

std::int64_t PartitionLag::lost() const {
    return stored && marks ? std::max<std::int64_t>(0, marks->oldest - stored->next) : 0;
}

std::vector<PartitionLag> join_lag(const std::map<wire::TopicPartition, std::int64_t>& committed,
                                   const std::map<wire::TopicPartition, StoredOffset>& stored,
                                   const std::map<wire::TopicPartition, wire::Watermarks>& marks) {
    std::set<wire::TopicPartition> partitions;
    for (const auto& [partition, _] : committed) partitions.insert(partition);
    for (const auto& [partition, _] : stored) partitions.insert(partition);
    for (const auto& [partition, _] : marks) partitions.insert(partition);
    std::vector<PartitionLag> lines;
    for (const auto& partition : partitions) {
        lines.push_back({partition, value_of(committed, partition), value_of(stored, partition),
                         value_of(marks, partition)});
    }
    return lines;
}

}  // namespace activity::ctl
