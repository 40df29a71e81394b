#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/arrivals/schedule.h"
#include "loadtest/stats/phase_tally.h"

namespace activity::loadtest {

/// A part of a run.
struct Phase {
    std::string name;
    std::string kind = "hold";                        ///< hold, step, ramp, spike, school-day, knee, chaos
    Rate rate = Rate::constant(0, Rate::Seconds(0));  ///< events a second
    /// A phase of faults holds if nothing is lost, however long it takes.
    bool latency_matters = true;
};

/// Reads `NAME=SHAPE:RATE[:RATE]:SECONDS`, as `10x=step:1500:15000:60`: warm-up, hold, chaos, spike (base,
/// peak), step (before, after; the first tenth is before), ramp (from, to), school-day (peak). Throws
/// std::invalid_argument that names the part and the rule.
Phase parse_phase(const std::string& text);

/// What a phase was like.
struct PhaseResult {
    std::string name, kind;
    double begin_s = 0, end_s = 0;  ///< from the run's beginning; the end is that of what was due
    double offered_per_s = 0, acknowledged_per_s = 0;
    double p99_max_ms = 0;  ///< the limit that it was held against; 0: none
    PhaseTally tally;
    int threads = 1;

    /// Why the generator itself was what held things up; empty: it was not, and the figures are the server's.
    std::string why_invalid() const;
    /// Why the rate was not held; empty: it was.
    std::string why_not() const;
    bool held() const { return why_invalid().empty() && why_not().empty(); }
};

/// `10x held: 15,000 events/s for 60 s, p99 8 ms`, or why not.
std::string sentence(const PhaseResult& phase);

}  // namespace activity::loadtest
