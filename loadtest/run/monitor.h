#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loadtest/run/groups_lag.h"
#include "loadtest/run/processes.h"

namespace activity::loadtest {

/// One value after the other, at times from the run's beginning.
struct Series {
    std::vector<double> at_s, first, second;
};

/// Watches the system under test once a second, on threads of its own: one for the processes, one for the
/// groups, as a server that does not answer must not keep the other from looking. Any thread.
class Monitor {
  public:
    using Clock = std::chrono::steady_clock;

    struct Settings {
        std::filesystem::path pids;  ///< directory of <name>.pid files; empty: no processes are watched
        std::optional<wire::ClusterSettings> kafka;  ///< and PostgreSQL: or no groups are watched
        std::string postgres_url;
    };

    Monitor(const Settings& settings, Clock::time_point began);

    /// Records that all groups together have before them. Nothing before it is known.
    std::optional<std::int64_t> lag() const;
    /// By name; first: lag in records, second: freshness in seconds.
    std::map<std::string, Series> groups() const;
    /// By name; first: cores, second: bytes.
    std::map<std::string, Series> processes() const;

  private:
    void watch_processes(const std::stop_token& stop, Processes processes);
    void watch_groups(const std::stop_token& stop, GroupsLag& lag);
    double since_beginning() const;

    const Clock::time_point began_;
    mutable std::mutex mutex_;
    std::map<std::string, Series> groups_, processes_;
    std::optional<std::int64_t> lag_;
    std::unique_ptr<GroupsLag> groups_lag_;
    std::jthread processes_thread_, groups_thread_;
};

}  // namespace activity::loadtest
