#pragma once

#include <string>
#include <vector>

#include "workers/groups/group.h"

namespace activity::workers {

/// A program that runs worker groups: its command line, its settings, its metrics and health, and for each
/// group its loops. activity-worker is one; another one with groups of its own is a main() of a few lines.
/// Returns the exit code.
int run_program(int argc, char** argv, const std::string& name, const std::vector<Group>& groups);

}  // namespace activity::workers
