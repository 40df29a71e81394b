#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/receipts/event_store.h"
#include "schemas/wire/consumer.h"

namespace activity::receipts {

/// What a record of a topic means.
enum class Place {
    events,        ///< taken by the front door; waits for the workers from their next offset on
    dead_letters,  ///< given up by a worker
    rejected,      ///< refused, or marked, by the front door
};

/// What Kafka has of a partition: [oldest, next).
struct Extent {
    wire::TopicPartition partition;
    Place place = Place::events;
    std::int64_t oldest = 0;
    std::int64_t next = 0;
};

/// Offsets [from, to) of a partition, to be looked through. Never empty.
struct Stretch {
    wire::TopicPartition partition;
    Place place = Place::events;
    std::int64_t from = 0;
    std::int64_t to = 0;
};

struct SearchPlan {
    std::vector<Stretch> stretches;
    /// What had to be left out, in words; empty if nothing was.
    std::string left_out;

    std::int64_t records() const;
};

/// What to look through for a message: the events that wait, the dead letters, the rejected events, of each
/// the newest, and no more than `records_max` in all. Dead letters and rejected events get at most a quarter
/// of it each, so that there is always something left for the events. A bound that is too small for a place
/// is shared evenly by its partitions.
SearchPlan plan_search(const std::vector<Extent>& extents, const NextOffsets& next_offsets,
                       std::int64_t records_max);

}  // namespace activity::receipts
