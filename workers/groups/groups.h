#pragma once

#include <vector>

#include "workers/groups/group.h"

namespace activity::workers {

/// All groups there are. A new one is a folder beside this file, and a line in groups.cpp.
const std::vector<Group>& groups();

}  // namespace activity::workers
