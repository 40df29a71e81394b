#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "loadtest/arrivals/schedule.h"
#include "loadtest/traffic/platform.h"

namespace activity::loadtest {

/// A request that is due: so long after the beginning of its phase.
struct Due {
    std::chrono::nanoseconds at{};
    std::vector<Deed> deeds;  ///< of one source
    std::uint8_t source = 0;  ///< place in the run's list
};

/// Where the requests of a phase come from. One thread.
class Feed {
  public:
    virtual ~Feed() = default;
    /// The next one, not before the last one. Nothing at the end.
    virtual std::optional<Due> next() = 0;
};

/// A platform's learners on a schedule. Each learner is one source's; a request waits until it has its number
/// of events of one source. The platform goes on from phase to phase.
class PlatformFeed final : public Feed {
  public:
    PlatformFeed(Platform& platform, Schedule schedule, std::size_t sources, std::size_t batch)
        : platform_(platform), schedule_(std::move(schedule)), pending_(sources), batch_(batch) {}

    std::optional<Due> next() override {
        const auto at = schedule_.next();
        if (!at) return std::nullopt;
        for (;;) {
            Deed deed = platform_.next();
            const std::size_t source = deed.learner % pending_.size();
            auto& deeds = pending_[source];
            deeds.push_back(std::move(deed));
            if (deeds.size() == batch_)
                return Due{*at, std::exchange(deeds, {}), static_cast<std::uint8_t>(source)};
        }
    }

  private:
    Platform& platform_;
    Schedule schedule_;
    std::vector<std::vector<Deed>> pending_;  ///< by source
    std::size_t batch_;
};

}  // namespace activity::loadtest
