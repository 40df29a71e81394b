#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/run/run.h"

namespace activity::loadtest {

/// Something that was done to the system while it ran.
struct Mark {
    double at_s = 0;  ///< from the run's beginning
    std::string text;
};

/// Reads lines of `2026-11-22T04:00:00.000Z worker-1 killed`. Throws std::invalid_argument that names the
/// line.
std::vector<Mark> read_marks(const std::filesystem::path& file, Timestamp began_at);

/// What a run's record says beside what was measured.
struct RecordDetails {
    std::string command;
    nlohmann::ordered_json settings;  ///< name: value
    nlohmann::ordered_json versions;  ///< of what
    std::vector<Mark> marks;
    std::optional<Knee> knee;
    double p99_max_ms = 0;
};

/// The machine-readable record of a run, `activity-loadtest/1`, without ledger and verdict: report/README.md
/// has its fields.
nlohmann::ordered_json record_of(Run& run, const RecordDetails& details);

/// Adds `verdict`, which is one line. `ledger` is the record's own part, or null if nothing was verified.
void conclude(nlohmann::ordered_json& record, nlohmann::ordered_json ledger);

}  // namespace activity::loadtest
