#pragma once

#include "workers/groups/group.h"

namespace activity::workers {

/// Popularity of courses, problems and questions, with time decay.
Group search_group();

}  // namespace activity::workers
