#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace activity::ingest {

/// What a client is told of its rate (X-RateLimit-*).
struct RateState {
    std::uint64_t limit = 0;              ///< events that may come at once
    std::uint64_t remaining = 0;          ///< of them, how many are left
    std::chrono::seconds reset{0};        ///< until all of them are there again
    std::chrono::seconds retry_after{0};  ///< at least 1 if nothing may come now, else 0
};

/// A token bucket in one number: the time at which it would be full again (the "generic cell rate
/// algorithm"). Lock-free; any thread. How many events a body holds is known only after it was read, so a
/// request is let in while there is at least one token, and pays for all its events afterwards: a batch may
/// leave the bucket in debt, which the next requests wait for.
class TokenBucket {
  public:
    using Clock = std::chrono::steady_clock;

    /// No limit while `per_second` is 0. May be called again at any time; what was spent stays spent.
    void set(double per_second, double burst);
    bool is_limited() const { return interval_ns_.load(std::memory_order_relaxed) > 0; }

    /// Whether there is a token. Takes none.
    bool has_token(Clock::time_point now) const;
    void take(std::uint64_t tokens, Clock::time_point now);
    RateState state(Clock::time_point now) const;

  private:
    double debt(Clock::time_point now) const;

    std::atomic<double> interval_ns_ = 0;  ///< a token's worth of time; 0: no limit
    std::atomic<double> burst_ = 0;
    std::atomic<std::int64_t> full_at_ns_ = 0;
};

}  // namespace activity::ingest
