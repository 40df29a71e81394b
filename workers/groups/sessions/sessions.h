#pragma once

#include "workers/groups/group.h"

namespace activity::workers {

/// Runs of a learner's events with at most 30 minutes from one to the next: activity.session. Its README.md
/// says how they stay a function of the set of events alone.
Group sessions_group();

}  // namespace activity::workers
