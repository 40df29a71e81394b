#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace activity::workers {

/// Waiting times that double from attempt to attempt, each somewhere between half of it and all of it, so
/// that workers that lost the same server do not come back in step.
class Backoff {
  public:
    using milliseconds = std::chrono::milliseconds;

    Backoff(milliseconds first, milliseconds max, unsigned seed = std::random_device{}())
        : first_(first), max_(max), next_(first), random_(seed) {}

    milliseconds next() {
        const auto full = next_.count();
        next_ = std::min(next_ * 2, max_);
        return milliseconds(std::uniform_int_distribution<milliseconds::rep>((full + 1) / 2, full)(random_));
    }

    void reset() { next_ = first_; }

  private:
    milliseconds first_;
    milliseconds max_;
    milliseconds next_;
    std::minstd_rand random_;
};

}  // namespace activity::workers
