#include "loadtest/run/monitor.h"

#include <condition_variable>
#include <exception>

namespace activity::loadtest {
namespace {

/// Until the next whole second of the watch, or until it is told to stop.
void sleep_until_next(const std::stop_token& stop, Monitor::Clock::time_point began) {
    const auto now = Monitor::Clock::now();
    const auto next =
        began + std::chrono::ceil<std::chrono::seconds>(now - began + std::chrono::milliseconds(1));
    std::mutex mutex;
    std::condition_variable_any over;
    std::unique_lock lock(mutex);
    over.wait_until(lock, stop, next, [] { return false; });
}

void add(Series& series, double at_s, double first, double second) {
    series.at_s.push_back(at_s);
    series.first.push_back(first);
    series.second.push_back(second);
}

}  // namespace

Monitor::Monitor(const Settings& settings, Clock::time_point began) : began_(began) {
    if (!settings.pids.empty()) {
        processes_thread_ = std::jthread([this, pids = settings.pids](const std::stop_token& stop) {
            watch_processes(stop, Processes(pids));
        });
    }
    if (settings.kafka && !settings.postgres_url.empty()) {
        groups_lag_ = std::make_unique<GroupsLag>(*settings.kafka, settings.postgres_url);
        groups_thread_ =
            std::jthread([this](const std::stop_token& stop) { watch_groups(stop, *groups_lag_); });
    }
}

double Monitor::since_beginning() const {
    return std::chrono::duration<double>(Clock::now() - began_).count();
}

void Monitor::watch_processes(const std::stop_token& stop, Processes processes) {
    processes.look();
    for (sleep_until_next(stop, began_); !stop.stop_requested(); sleep_until_next(stop, began_)) {
        const auto uses = processes.look();
        const double at_s = since_beginning();
        const std::lock_guard lock(mutex_);
        for (const ProcessUse& use : uses)
            add(processes_[use.name], at_s, use.cores, static_cast<double>(use.memory_bytes));
    }
}

void Monitor::watch_groups(const std::stop_token& stop, GroupsLag& lag) {
    for (; !stop.stop_requested(); sleep_until_next(stop, began_)) {
        try {
            const auto lags = lag.look();
            const double at_s = since_beginning();
            const std::lock_guard lock(mutex_);
            lag_ = 0;
            for (const GroupLag& one : lags) {
                *lag_ += one.records;
                add(groups_[one.group], at_s, static_cast<double>(one.records), one.freshness_s);
            }
        } catch (const std::exception&) {
            // A server is away, as in a test of faults: a gap in the curve says so.
        }
    }
}

std::optional<std::int64_t> Monitor::lag() const {
    const std::lock_guard lock(mutex_);
    return lag_;
}

std::map<std::string, Series> Monitor::groups() const {
    const std::lock_guard lock(mutex_);
    return groups_;
}

std::map<std::string, Series> Monitor::processes() const {
    const std::lock_guard lock(mutex_);
    return processes_;
}

}  // namespace activity::loadtest
