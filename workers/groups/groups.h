#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workers/groups/group.h"

namespace activity::workers {

/// All groups there are. A new one is a folder beside this file, and a line in groups.cpp.
const std::vector<Group>& groups();

/// nullptr if there is none of that name.
const Group* find_group(std::string_view name);

/// "profiles, records"
std::string group_names();

}  // namespace activity::workers
