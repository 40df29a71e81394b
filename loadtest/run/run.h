#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/run/monitor.h"
#include "loadtest/run/phase.h"
#include "loadtest/sender/sender.h"
#include "loadtest/traffic/mix.h"
#include "schemas/activity/timestamp.h"

namespace activity::loadtest {

struct RunSettings {
    Address address;
    std::vector<Source> sources;
    Mix mix;
    std::uint64_t seed = 1;
    int threads = 1;
    std::size_t connections = 64;  ///< of all threads
    std::chrono::milliseconds timeout{5'000};
    Schedule::Spacing spacing = Schedule::Spacing::poisson;
    bool closed_loop = false;
    double p99_max_ms = 50;
    std::filesystem::path directory;  ///< of the ledgers; they must not be there yet
    Monitor::Settings monitor;
};

/// Where a run is, for those who watch.
struct Progress {
    std::string phase;
    double passed_s = 0, length_s = 0;  ///< of the phase
    Second last;                        ///< the last second that is over
    std::optional<std::int64_t> lag;
};

/// Where the knee is: the highest rate that is held.
struct Knee {
    double per_s = 0;                 ///< 0: not even the first
    std::string why;                  ///< what kept the next step from being held; empty: none was tried
    std::vector<std::string> phases;  ///< names of its steps
};

/// Sends phase after phase on threads of its own, with one platform and one ledger a thread, and watches the
/// system under test meanwhile. One thread.
class Run {
  public:
    using Clock = std::chrono::steady_clock;
    using Watch = std::function<void(const Progress&)>;

    /// `watch` is called once a second while a phase is on. `stop` ends a phase early.
    Run(const RunSettings& settings, Watch watch, const std::atomic<bool>& stop);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    const PhaseResult& run(const Phase& phase);
    /// Steps of that length, each a quarter above the last, from `from` on until one is not held; then two
    /// between the last that was and the first that was not.
    Knee find_knee(double from, std::chrono::seconds step);

    Timestamp began_at() const { return began_at_; }
    double since_beginning() const;
    const std::vector<PhaseResult>& phases() const { return phases_; }
    std::vector<std::filesystem::path> ledgers() const;
    Timeline& timeline() { return timeline_; }
    const Monitor& monitor() const { return *monitor_; }

  private:
    struct Worker;

    const RunSettings settings_;
    const Watch watch_;
    const std::atomic<bool>& stop_;
    const Timestamp began_at_;
    const Clock::time_point began_;
    Timeline timeline_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<Monitor> monitor_;
    std::vector<PhaseResult> phases_;
};

}  // namespace activity::loadtest
