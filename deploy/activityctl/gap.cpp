#include "deploy/activityctl/gap.h"

#include <charconv>

#include "deploy/activityctl/context.h"

namespace activity::ctl {

std::vector<Gap> find_gaps(const std::string& group,
                           const std::map<wire::TopicPartition, StoredOffset>& stored,
                           const std::map<wire::TopicPartition, wire::Watermarks>& marks) {
    std::vector<Gap> gaps;
    for (const auto& [partition, offset] : stored) {
        const auto found = marks.find(partition);
        if (found == marks.end()) continue;  // nobody reads a topic that is gone
        const auto& [oldest, end] = found->second;
        if (offset.next < oldest)
            gaps.push_back({group, partition, Gap::Kind::deleted, offset.next, oldest, offset.updated_at});
        if (offset.next > end)
            gaps.push_back({group, partition, Gap::Kind::beyond_end, end, offset.next, offset.updated_at});
    }
    return gaps;
}

std::string partition_text(const wire::TopicPartition& partition) {
    return partition.topic + "[" + std::to_string(partition.partition) + "]";
}

wire::TopicPartition parse_partition(const std::string& option, const std::string& text) {
    const auto open = text.rfind('[');
    if (open != std::string::npos && open > 0 && text.ends_with(']')) {
        std::int32_t number = 0;
        const char* const end = text.data() + text.size() - 1;
        const auto [read, error] = std::from_chars(text.data() + open + 1, end, number);
        if (error == std::errc{} && read == end && number >= 0) return {text.substr(0, open), number};
    }
    throw UsageError(option + " must be a topic with a partition's number, such as 'live-class[3]'; it is '" +
                     text + "'");
}

}  // namespace activity::ctl
