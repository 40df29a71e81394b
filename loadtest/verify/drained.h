#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "schemas/wire/client_options.h"

namespace activity::loadtest {

struct DrainSettings {
    std::string postgres_url;  ///< of a role that reads activity.part_offset
    wire::ClusterSettings cluster;
    std::string topic_prefix = "activity.";
    std::chrono::milliseconds timeout = std::chrono::minutes{5};
};

struct Drained {
    /// How many records each group has still to apply, by Kafka's ID of it; `….retry` for what waits in
    /// retry topics. Only those that have some.
    std::map<std::string, std::int64_t> lags;
    std::string problem;  ///< why nobody can tell; empty: the lags are all

    explicit operator bool() const { return lags.empty() && problem.empty(); }
    /// `activity-rollups lacks 17 records`
    std::string text() const;
};

/// Waits until PostgreSQL's offsets of every group that runs are Kafka's ends, and nothing waits in a retry
/// topic. For senders that have stopped: otherwise the ends move on. What the last look saw, if the time is
/// over. Brokers that don't answer may come back meanwhile. Throws DatabaseError, and wire::Failure for a
/// setting that is wrong.
Drained wait_until_drained(const DrainSettings& settings);

}  // namespace activity::loadtest
