#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loadtest/verify/comparison.h"
#include "schemas/activity/timestamp.h"

namespace activity::loadtest {

struct VerifySettings {
    std::string postgres_url;  ///< of a role that reads the schema activity: a worker's or an analyst's
    std::vector<std::filesystem::path> ledgers;
    std::vector<std::string> sources;  ///< names, by Entry::source
    Timestamp began;                   ///< the run, by the senders' clock
    /// Nothing but this run was ever stored. Then rows of whatever source and time count as never sent, and
    /// all counters are compared. Otherwise the sources must be this run's alone from `began` on, and
    /// counters are compared by source.
    bool database_is_fresh = false;
};

/// What a group has counted, beside what the stored entries say.
struct CounterCheck {
    std::string group;
    std::string what;               ///< `events by course`
    std::uint64_t expected = 0;     ///< sum over all values
    std::uint64_t found = 0;        ///< likewise
    std::uint64_t differences = 0;  ///< values (sources, courses, …) whose counts are not equal
    std::string example;            ///< the first of them: `course-7: 12 instead of 13`
};

struct Verification : Comparison {
    std::vector<CounterCheck> counters;
    std::vector<std::string> skipped;  ///< what was not compared, and why
    std::chrono::milliseconds took{};

    /// Nothing lost, doubled, made up or stored against its refusal, and all counters are equal.
    bool holds() const;
};

/// Compares what was sent with what is stored: by streams on both sides, so its memory is that of a bit for
/// each learner. The workers must have come to the end (wait_until_drained). All is seen at one moment.
/// Throws DatabaseError; std::runtime_error if a ledger can't be read, is no ledger or not in order;
/// std::invalid_argument if the settings don't fit the ledgers.
Verification verify(const VerifySettings& settings);

}  // namespace activity::loadtest
