#include "ingest/sources/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace activity::ingest {
namespace {

std::int64_t nanoseconds(TokenBucket::Clock::time_point now) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
}

std::chrono::seconds whole_seconds(double ns) {
    return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(std::max(0.0, ns) / 1e9)));
}

}  // namespace

void TokenBucket::set(double per_second, double burst) {
    burst_ = burst;
    interval_ns_ = per_second > 0 ? 1e9 / per_second : 0;
}

/// Tokens that are missing from the bucket.
double TokenBucket::debt(Clock::time_point now) const {
    return std::max(0.0, static_cast<double>(full_at_ns_ - nanoseconds(now))) / interval_ns_;
}

bool TokenBucket::has_token(Clock::time_point now) const {
    return !is_limited() || burst_ - debt(now) >= 1;
}

void TokenBucket::take(std::uint64_t tokens, Clock::time_point now) {
    if (!is_limited()) return;
    const auto cost_ns = static_cast<std::int64_t>(static_cast<double>(tokens) * interval_ns_);
    const std::int64_t now_ns = nanoseconds(now);
    std::int64_t full_at_ns = full_at_ns_;
    while (!full_at_ns_.compare_exchange_weak(full_at_ns, std::max(full_at_ns, now_ns) + cost_ns)) {
    }
}

RateState TokenBucket::state(Clock::time_point now) const {
    const double missing = debt(now);
    RateState state;
    state.limit = static_cast<std::uint64_t>(burst_);
    state.remaining = static_cast<std::uint64_t>(std::max(0.0, burst_ - missing));
    state.reset = whole_seconds(missing * interval_ns_);
    if (burst_ - missing < 1) {
        state.retry_after =
            std::max(std::chrono::seconds(1), whole_seconds((missing - burst_ + 1) * interval_ns_));
    }
    return state;
}

}  // namespace activity::ingest
