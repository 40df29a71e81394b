#pragma once

#include <map>
#include <string>

#include "deploy/activityctl/database.h"
#include "deploy/activityctl/group_lag.h"

namespace activity::ctl {

/// activity.part_offset: by Kafka's name of the group, then by partition.
using StoredOffsets = std::map<std::string, std::map<wire::TopicPartition, StoredOffset>>;

StoredOffsets load_stored_offsets(Database& database);

/// A partition whose group must move: worked out from what activity.part_offset was.
struct OffsetMove {
    wire::TopicPartition partition;
    std::int64_t from = 0;
    std::int64_t to = 0;
};

/// Moves a group, and counts up the epochs: a worker that is in the middle of a batch can't commit it, claims
/// the partitions anew and reads from there. Only where the offset still is what `from` says, or with
/// `only_back` where it lies behind `to`. How many were moved. Waits for transactions of workers that hold
/// these rows.
std::int64_t move_offsets(Database::Transaction& transaction, const std::string& group,
                          const std::vector<OffsetMove>& moves, bool only_back);

}  // namespace activity::ctl
