#pragma once

#include "workers/groups/group.h"

namespace activity::workers {

/// One row a learner, what each did on each day, and the compacted topic `profiles`: activity.profile,
/// activity.learner_day, activity.profile_document(). Its README.md has the decisions.
Group profiles_group();

}  // namespace activity::workers
