#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "loadtest/traffic/mix.h"
#include "loadtest/traffic/zipf.h"

namespace activity::loadtest {

/// What learners do here; a place in it is an Entry's `activity`. Names as the catalogue has them.
inline constexpr std::array<std::string_view, 17> activities{
    "Page Viewed",          "Device Used",       "Location Updated",   "Lecture Joined",
    "Lecture Left",         "Question Asked",    "Chat Message Sent",  "Reaction Given",
    "Problem Opened",       "Problem Submitted", "Video Played",       "Video Paused",
    "Assignment Submitted", "Dashboard Viewed",  "Leaderboard Viewed", "Store Order Placed",
    "Resource Clicked"};

/// One thing that a learner does, before it has an ID and a time.
struct Deed {
    std::uint32_t learner = 0;  ///< 1 to Mix::learners
    std::uint16_t course = 0;   ///< 1 to Mix::courses; 0: none
    std::uint8_t activity = 0;  ///< place in `activities`
    bool bad = false;           ///< will be refused
    std::uint32_t late_s = 0;   ///< told that long after it happened
    std::string properties;     ///< JSON object
};

/// A learning platform: learners come, say what they have in their hands and where they are, do what they
/// came for, and leave; others come in their place. The same mix and seed make the same deeds. One thread.
class Platform {
  public:
    Platform(const Mix& mix, std::uint64_t seed);

    /// What happens next, whoever does it.
    Deed next();

  private:
    enum class Visit : std::uint8_t { live_class, practice, assignment, video, dashboard, store };

    struct Learner {
        std::uint32_t number = 0;
        std::uint16_t course = 0;
        Visit visit = Visit::dashboard;
        std::uint16_t step = 0;   ///< of the visit
        std::uint16_t steps = 0;  ///< after which they leave
        std::uint32_t item = 0;   ///< problem, video, assignment
        std::uint8_t attempt = 0;
    };

    Learner arrive();
    Deed deed_of(Learner& learner);
    Deed of(const Learner& learner, std::string_view activity, std::string properties) const;
    Deed in_class(Learner& learner);
    Deed practise(Learner& learner);
    Deed mishap(Deed deed);

    double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }
    std::uint32_t below(std::uint32_t n) {
        return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random_);
    }

    Mix mix_;
    std::mt19937_64 random_;
    Zipf learners_;
    Zipf courses_;
    std::discrete_distribution<int> visits_;
    std::vector<Learner> there_;
    std::uint16_t burst_course_ = 0;
    std::uint32_t burst_left_ = 0;
    std::uint64_t orders_ = 0;
};

/// IDs as the events have them.
std::string learner_id(std::uint32_t learner);
std::string course_id(std::uint16_t course);

}  // namespace activity::loadtest
