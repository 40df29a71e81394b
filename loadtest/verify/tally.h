#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "loadtest/ledger/ledger_file.h"

namespace activity::loadtest {

/// What the counters in PostgreSQL must be, counted from the entries whose events are stored. A bit for each
/// learner and half a megabyte, however many events. One thread.
class Tally {
  public:
    Tally() : by_course_(std::size_t{1} << 16) {}

    void add(const Entry& entry);

    std::uint64_t events() const { return events_; }
    std::uint64_t by_source(std::uint8_t source) const { return by_source_[source]; }
    std::uint64_t by_activity(std::uint8_t activity) const { return by_activity_[activity]; }
    std::uint64_t by_course(std::uint16_t course) const { return by_course_[course]; }
    /// Different ones: a learner of one source is another one than that of another source.
    std::uint64_t learners() const { return learners_; }

  private:
    std::uint64_t events_ = 0;
    std::uint64_t learners_ = 0;
    std::array<std::uint64_t, 256> by_source_{};
    std::array<std::uint64_t, 256> by_activity_{};
    std::vector<std::uint64_t> by_course_;
    std::array<std::vector<bool>, 256> seen_;  ///< by source, by number of the learner
};

}  // namespace activity::loadtest
