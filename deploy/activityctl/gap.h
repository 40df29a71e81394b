#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "deploy/activityctl/group_lag.h"

namespace activity::ctl {

/// A partition that a group's workers hold: they don't read it, because Kafka has no record where PostgreSQL
/// stands.
struct Gap {
    enum class Kind {
        deleted,  ///< Kafka deleted records before the group had them: retention was shorter than the outage
        beyond_end,  ///< the group is further than Kafka: another topic of that name
    };
    std::string group;  ///< Kafka's name of it
    wire::TopicPartition partition;
    Kind kind = Kind::deleted;
    std::int64_t from = 0;  ///< deleted: the group's next offset; beyond_end: Kafka's end
    std::int64_t to = 0;  ///< exclusive; deleted: Kafka's oldest offset; beyond_end: the group's next offset
    std::string stored_at;  ///< when the group last moved there

    std::int64_t records() const { return to - from; }
};

/// By partition.
std::vector<Gap> find_gaps(const std::string& group,
                           const std::map<wire::TopicPartition, StoredOffset>& stored,
                           const std::map<wire::TopicPartition, wire::Watermarks>& marks);

/// `live-class[3]`.
std::string partition_text(const wire::TopicPartition& partition);
/// Reads that form. Throws UsageError that names the option.
wire::TopicPartition parse_partition(const std::string& option, const std::string& text);

}  // namespace activity::ctl
