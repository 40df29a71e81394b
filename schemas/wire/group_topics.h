#pragma once

#include <array>
#include <string>
#include <string_view>

namespace activity::wire {

/// The worker groups that there are, for those who make their topics. A test of the workers holds it to
/// theirs.
inline constexpr std::array<std::string_view, 6> worker_groups{"records",  "rollups", "sessions",
                                                               "profiles", "search",  "leaderboard"};

/// How many times a group may put a record off, each time for longer.
inline constexpr int retry_tiers = 3;

/// Where the records go that a group can't apply.
inline std::string dead_letter_topic(const std::string& prefix, std::string_view group) {
    return prefix + std::string(group) + ".dead-letter";
}

/// Where the records wait that a group puts off for the `tier`th time, 1 to retry_tiers. A topic a tier, so
/// that in each of them what came first is due first.
inline std::string retry_topic(const std::string& prefix, std::string_view group, int tier) {
    return prefix + std::string(group) + ".retry-" + std::to_string(tier);
}

}  // namespace activity::wire
