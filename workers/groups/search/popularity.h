#pragma once

#include <chrono>

#include "schemas/activity/timestamp.h"

namespace activity::workers {

/// After this time an event counts half. migrations/0007_search.sql knows it too (activity.half_lives).
inline constexpr std::chrono::days popularity_half_life{7};

/// log2 of what an event of that weight adds to its item's score: log2(weight) + time / half-life. The time
/// that it is read at plays no part ("forward decay"), so scores need no refreshing, and events may come in
/// any order. At half-lives of days a double tells milliseconds apart until far beyond the year 9999.
double popularity_log2(Timestamp happened_at, double weight);

}  // namespace activity::workers
