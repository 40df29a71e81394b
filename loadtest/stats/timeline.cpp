#include "loadtest/stats/timeline.h"

namespace activity::loadtest {
namespace {

/// Senders are that many seconds apart at most, or what comes late counts without its latencies.
constexpr std::uint32_t open_s = 5;

}  // namespace

void Timeline::add(const Second& seen, const Histogram& latency) {
    const std::lock_guard lock(mutex_);
    const auto take = [&](Second& second) {
        second.at_s = seen.at_s;
        second.offered += seen.offered;
        second.acknowledged += seen.acknowledged;
        second.refused += seen.refused;
        second.errors += seen.errors;
        second.requests += seen.requests;
    };
    if (const auto late = over_.find(seen.at_s); late != over_.end()) {
        take(late->second);
        return;
    }
    Open& open = open_[seen.at_s];
    take(open.second);
    open.latency.add(latency);
    while (open_.begin()->first + open_s < open_.rbegin()->first) {
        over_[open_.begin()->first] = closed(open_.begin()->second);
        open_.erase(open_.begin());
    }
}

Second Timeline::closed(const Open& open) {
    Second second = open.second;
    second.p50_us = open.latency.at_percentile(50);
    second.p99_us = open.latency.at_percentile(99);
    second.p999_us = open.latency.at_percentile(99.9);
    second.max_us = open.latency.max_us();
    return second;
}

std::vector<Second> Timeline::seconds() {
    const std::lock_guard lock(mutex_);
    auto all = over_;
    for (const auto& [at_s, open] : open_) all[at_s] = closed(open);
    std::vector<Second> seconds;
    // A second in which nothing happened is one, too.
    for (const auto& [at_s, second] : all) {
        for (auto empty = seconds.empty() ? at_s : seconds.back().at_s + 1; empty < at_s; ++empty)
            seconds.emplace_back().at_s = empty;
        seconds.push_back(second);
    }
    return seconds;
}

std::optional<Second> Timeline::last_over(std::uint32_t now_s) {
    const std::lock_guard lock(mutex_);
    for (auto place = open_.rbegin(); place != open_.rend(); ++place)
        if (place->first < now_s) return closed(place->second);
    return over_.empty() ? std::nullopt : std::optional(over_.rbegin()->second);
}

}  // namespace activity::loadtest
