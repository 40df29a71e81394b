#pragma once

#include <string>
#include <vector>

#include "loadtest/verify/postgres.h"
#include "loadtest/verify/tally.h"
#include "loadtest/verify/verify.h"

namespace activity::loadtest {

/// SQL that tells a run's rows of activity.event from others.
struct RunBounds {
    std::string sources;  ///< their names, as a list of literals
    std::string before;   ///< a condition: received before the run
};

/// Compares the groups' counters with the tally of what is stored, for the groups that run here.
void compare_counters(Postgres& postgres, const VerifySettings& settings, const RunBounds& bounds,
                      const Tally& tally, Verification& verification);

}  // namespace activity::loadtest
