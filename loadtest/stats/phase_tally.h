#pragma once

#include <chrono>
#include <cstdint>

#include "loadtest/stats/histogram.h"

namespace activity::loadtest {

/// What became of what was due. Events in the first group, requests in the second.
struct Counts {
    std::uint64_t offered = 0;  ///< due
    std::uint64_t unsent = 0;   ///< of them, never sent: too much was waiting
    std::uint64_t acknowledged = 0;
    std::uint64_t refused = 0;
    std::uint64_t refused_unexpected = 0;   ///< of `refused`, good ones
    std::uint64_t accepted_unexpected = 0;  ///< of `acknowledged`, bad ones
    std::uint64_t unknown = 0;              ///< no last word

    std::uint64_t retries = 0;
    std::uint64_t status_429 = 0;
    std::uint64_t status_503 = 0;
    std::uint64_t status_other = 0;  ///< neither 2xx, 400, 429 nor 503
    std::uint64_t lost = 0;          ///< a connection that broke or could not be made
    std::uint64_t timed_out = 0;
    std::uint64_t duplicates = 0;  ///< sent once more on purpose
    std::uint64_t wrong = 0;       ///< answers that don't fit what was asked

    Counts& operator+=(const Counts& other);
    std::uint64_t errors() const { return status_429 + status_503 + status_other + lost + timed_out + wrong; }
};

/// What one sender has seen in a phase.
struct PhaseTally {
    Counts counts;
    Histogram latency;   ///< from when a request was due to its last word
    Histogram lateness;  ///< from when it was due to when the generator came to it: its own fault
    std::chrono::nanoseconds cpu{};
    std::chrono::nanoseconds took{};

    PhaseTally& operator+=(const PhaseTally& other);
};

}  // namespace activity::loadtest
