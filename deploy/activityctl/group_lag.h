#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schemas/wire/admin.h"

namespace activity::ctl {

/// A row of activity.part_offset: how far a group is in PostgreSQL, which is the truth for the workers.
struct StoredOffset {
    std::int64_t next = 0;
    std::int64_t epoch = 0;
    std::string owner;
    std::string updated_at = {};  ///< RFC 3339, to the second
};

/// How far a group is in one partition. What nobody could tell is not there.
struct PartitionLag {
    wire::TopicPartition partition;
    std::optional<std::int64_t> committed;  ///< in Kafka
    std::optional<StoredOffset> stored;     ///< in PostgreSQL
    std::optional<wire::Watermarks> marks;  ///< in Kafka

    /// Records between there and the end. A group without an offset has everything before it that Kafka still
    /// holds.
    std::optional<std::int64_t> kafka_lag() const;
    std::optional<std::int64_t> stored_lag() const;
    /// Records that Kafka deleted before PostgreSQL had them.
    std::int64_t lost() const;
};

/// Puts together what the two know: a line for each partition that either of them knows, by topic and number.
std::vector<PartitionLag> join_lag(const std::map<wire::TopicPartition, std::int64_t>& committed,
                                   const std::map<wire::TopicPartition, StoredOffset>& stored,
                                   const std::map<wire::TopicPartition, wire::Watermarks>& marks);

}  // namespace activity::ctl
