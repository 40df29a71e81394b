#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "loadtest/stats/histogram.h"

namespace activity::loadtest {

/// One second of a run, in events; latencies of the requests that had their last word in it.
struct Second {
    std::uint32_t at_s = 0;  ///< from the run's beginning
    std::uint64_t offered = 0, acknowledged = 0, refused = 0;
    std::uint64_t errors = 0;  ///< tries that failed
    std::uint64_t requests = 0;
    std::uint64_t p50_us = 0, p99_us = 0, p999_us = 0, max_us = 0;
};

/// Second by second, from all senders. A histogram is kept for a second only until its successors have come.
/// Any thread.
class Timeline {
  public:
    /// What a sender has seen in that second; more may follow. `seen` has no percentiles.
    void add(const Second& seen, const Histogram& latency);
    /// All seconds, in order.
    std::vector<Second> seconds();
    /// The last one that is over.
    std::optional<Second> last_over(std::uint32_t now_s);

  private:
    struct Open {
        Second second;
        Histogram latency;
    };
    static Second closed(const Open& open);

    std::mutex mutex_;
    std::map<std::uint32_t, Open> open_;
    std::map<std::uint32_t, Second> over_;
};

}  // namespace activity::loadtest
