#pragma once

#include "workers/groups/group.h"

namespace activity::workers {

/// Points of learners, by course and in all, by the rules of the file that ACTIVITY_LEADERBOARD_RULES names.
Group leaderboard_group();

}  // namespace activity::workers
