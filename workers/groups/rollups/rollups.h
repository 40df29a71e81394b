#pragma once

#include <cstdint>
#include <string_view>

#include "workers/groups/group.h"

namespace activity::workers {

/// Counters by minute, hour and day in activity.rollup, and the exact sets of active learners behind them.
Group rollups_group();

/// Keys of the sets: 32 bits of the span of time, so that what is written lies together, then 96 of a hash.
/// A learner in an hour (counted from 1970).
UuidBytes rollup_member(std::int64_t hour, const LearnerKey& learner);
/// A learner in a course on a day (counted from 1970).
UuidBytes rollup_member(std::int64_t day, std::string_view course_id, const LearnerKey& learner);

}  // namespace activity::workers
