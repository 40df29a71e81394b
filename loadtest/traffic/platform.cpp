#include "loadtest/traffic/platform.h"

#include <algorithm>
#include <utility>

namespace activity::loadtest {
namespace {

constexpr std::array<std::string_view, 6> device_kinds{"phone",  "phone",  "phone",
                                                       "laptop", "tablet", "desktop"};
constexpr std::array<std::string_view, 6> countries{"IN", "IN", "BR", "DE", "NG", "US"};
constexpr std::array<std::string_view, 5> reactions{"thumbs_up", "clap", "heart", "surprised", "confused"};
constexpr std::array<std::string_view, 3> difficulties{"easy", "medium", "hard"};

std::uint8_t place(std::string_view name) {
    return static_cast<std::uint8_t>(std::ranges::find(activities, name) - activities.begin());
}

/// A JSON object of strings and of what is JSON already.
class Object {
  public:
    Object& text(std::string_view name, std::string_view value) {
        return json(name, '"' + std::string(value) + '"');
    }
    Object& number(std::string_view name, std::uint64_t value) { return json(name, std::to_string(value)); }
    Object& boolean(std::string_view name, bool value) { return json(name, value ? "true" : "false"); }
    Object& json(std::string_view name, std::string_view value) {
        text_.append(text_.size() > 1 ? ",\"" : "\"").append(name).append("\":").append(value);
        return *this;
    }
    std::string close() { return std::move(text_.append("}")); }

  private:
    std::string text_ = "{";
};

/// What belongs to a number for good, as a learner's device does.
std::uint32_t fixed(std::uint32_t number, std::uint32_t salt) {
    std::uint32_t x = number * 2'654'435'761U ^ salt * 0x9e3779b9U;
    x ^= x >> 15;
    x *= 0x85ebca6bU;
    return x ^ x >> 13;
}

}  // namespace

std::string learner_id(std::uint32_t learner) {
    return "learner-" + std::to_string(learner);
}
std::string course_id(std::uint16_t course) {
    return "course-" + std::to_string(course);
}

Platform::Platform(const Mix& mix, std::uint64_t seed)
    : mix_(mix),
      random_(seed),
      learners_(mix.learners, mix.learner_skew),
      courses_(mix.courses, mix.course_skew),
      visits_({mix.visits.live_class, mix.visits.practice, mix.visits.assignment, mix.visits.video,
               mix.visits.dashboard, mix.visits.store}) {
    for (std::uint32_t i = 0; i < mix_.active; ++i) {
        Learner learner = arrive();
        // At the beginning most are in the middle of something.
        learner.step = static_cast<std::uint16_t>(below(learner.steps));
        there_.push_back(learner);
    }
}

Platform::Learner Platform::arrive() {
    Learner learner;
    learner.number = learners_(random_);
    learner.visit = static_cast<Visit>(visits_(random_));
    learner.course = static_cast<std::uint16_t>(learner.visit == Visit::live_class ? 1 + below(mix_.classes)
                                                                                   : courses_(random_));
    // Two steps to say what they have in their hands and where they are.
    switch (learner.visit) {
        case Visit::live_class: learner.steps = static_cast<std::uint16_t>(20 + below(60)); break;
        case Visit::practice: learner.steps = static_cast<std::uint16_t>(8 + below(24)); break;
        case Visit::video: learner.steps = static_cast<std::uint16_t>(6 + below(10)); break;
        case Visit::assignment: learner.steps = static_cast<std::uint16_t>(5 + below(4)); break;
        case Visit::dashboard:
        case Visit::store: learner.steps = static_cast<std::uint16_t>(4 + below(4)); break;
    }
    return learner;
}

Deed Platform::next() {
    if (burst_left_ > 0) {
        // Somebody of that class, by a few tries: in a large class the first one does.
        --burst_left_;
        for (int tries = 0; tries < 8; ++tries) {
            const Learner& learner = there_[below(static_cast<std::uint32_t>(there_.size()))];
            if (learner.visit != Visit::live_class || learner.course != burst_course_) continue;
            return mishap(of(learner, "Reaction Given",
                             Object()
                                 .text("courseId", course_id(burst_course_))
                                 .text("lectureId", "lecture-" + std::to_string(burst_course_))
                                 .text("reaction", reactions[below(reactions.size())])
                                 .close()));
        }
    }
    Learner& learner = there_[below(static_cast<std::uint32_t>(there_.size()))];
    Deed deed = deed_of(learner);
    if (++learner.step >= learner.steps) learner = arrive();
    return mishap(std::move(deed));
}

Deed Platform::deed_of(Learner& learner) {
    const auto course = course_id(learner.course);
    if (learner.step == 0) {
        const auto device = fixed(learner.number, 1);
        return of(learner, "Device Used",
                  Object()
                      .text("kind", device_kinds[device % device_kinds.size()])
                      .text("deviceId", "device-" + std::to_string(learner.number))
                      .close());
    }
    if (learner.step == 1) {
        return of(learner, "Location Updated",
                  Object().text("country", countries[fixed(learner.number, 2) % countries.size()]).close());
    }
    if (learner.step == 2) {
        return of(learner, "Page Viewed",
                  Object().text("courseId", course).text("path", "/courses/" + course).close());
    }
    switch (learner.visit) {
        case Visit::live_class: return in_class(learner);
        case Visit::practice: return practise(learner);
        case Visit::assignment: {
            const auto assignment =
                "assignment-" + std::to_string(learner.course) + "-" + std::to_string(1 + below(5));
            if (learner.step % 2 == 1)
                return of(learner, "Resource Clicked",
                          Object()
                              .text("courseId", course)
                              .text("resourceId", assignment)
                              .text("pageType", "assignment")
                              .number("clicks", 1 + below(4))
                              .close());
            return of(learner, "Assignment Submitted",
                      Object()
                          .text("courseId", course)
                          .text("assignmentId", assignment)
                          .number("secondsBeforeDeadline", below(7'200))
                          .close());
        }
        case Visit::video: {
            if (learner.item == 0) learner.item = 1 + below(40);
            const auto video = "video-" + std::to_string(learner.course) + "-" + std::to_string(learner.item);
            return of(learner, learner.step % 2 == 1 ? "Video Played" : "Video Paused",
                      Object()
                          .text("courseId", course)
                          .text("videoId", video)
                          .number("positionSeconds", learner.step * 60U)
                          .close());
        }
        case Visit::dashboard:
            if (learner.step % 2 == 0)
                return of(learner, "Leaderboard Viewed",
                          Object()
                              .text("courseId", course)
                              .text("leaderboardId", course)
                              .number("rank", 1 + below(5'000))
                              .close());
            return of(learner, "Dashboard Viewed",
                      Object().text("courseId", course).text("dashboard", "progress").close());
        case Visit::store: break;
    }
    if (learner.step + 1 == learner.steps)
        return of(learner, "Store Order Placed",
                  Object()
                      .text("orderId", "order-" + std::to_string(++orders_))
                      .text("currency", "EUR")
                      .number("total", 5 + below(100))
                      .close());
    return of(learner, "Page Viewed", Object().text("path", "/store").close());
}

Deed Platform::in_class(Learner& learner) {
    const auto course = course_id(learner.course);
    const auto lecture = "lecture-" + std::to_string(learner.course);
    Object what;
    what.text("courseId", course).text("lectureId", lecture);
    if (learner.step == 3) return of(learner, "Lecture Joined", what.close());
    if (learner.step + 1 == learner.steps)
        return of(learner, "Lecture Left", what.number("secondsPresent", 60U * learner.steps).close());
    if (chance() < mix_.reaction_bursts && burst_left_ == 0) {
        burst_course_ = learner.course;
        burst_left_ = mix_.burst;
    }
    const double kind = chance();
    if (kind < 0.05)
        return of(learner, "Question Asked",
                  what.text("questionId", "question-" + std::to_string(random_() >> 20)).close());
    if (kind < 0.45)
        return of(learner, "Chat Message Sent", what.number("lengthChars", 1 + below(200)).close());
    return of(learner, "Reaction Given", what.text("reaction", reactions[below(reactions.size())]).close());
}

Deed Platform::practise(Learner& learner) {
    const bool opens = learner.item == 0;
    if (opens) {
        learner.item = 1 + below(mix_.problems_a_course);
        learner.attempt = 0;
    }
    const auto problem = "problem-" + std::to_string(learner.course) + "-" + std::to_string(learner.item);
    const auto difficulty = fixed(learner.item, learner.course) % difficulties.size();
    Object what;
    what.text("courseId", course_id(learner.course))
        .text("problemId", problem)
        .text("difficulty", difficulties[difficulty]);
    if (opens) return of(learner, "Problem Opened", what.close());
    const bool solved = chance() < 0.7 - 0.2 * static_cast<double>(difficulty);
    ++learner.attempt;
    if (solved || learner.attempt == 4) learner.item = 0;
    return of(learner, "Problem Submitted",
              what.boolean("solved", solved)
                  .number("attempt", learner.attempt)
                  .number("secondsSpent", 10 + below(600))
                  .close());
}

Deed Platform::of(const Learner& learner, std::string_view activity, std::string properties) const {
    Deed deed;
    deed.learner = learner.number;
    // As the groups read it: from the properties alone.
    deed.course = properties.find("\"courseId\"") == std::string::npos ? std::uint16_t{0} : learner.course;
    deed.activity = place(activity);
    deed.properties = std::move(properties);
    return deed;
}

Deed Platform::mishap(Deed deed) {
    if (chance() < mix_.late) deed.late_s = 1 + below(7'200);
    deed.bad = chance() < mix_.bad;
    return deed;
}

}  // namespace activity::loadtest
