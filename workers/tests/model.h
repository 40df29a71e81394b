#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"

namespace activity::testing_workers {

/// What a profile may know of a learner's device; "" is not told.
struct ModelDevice {
    std::string kind, os, browser;
};

/// What a model of the groups has to know of an event, in words of its own: nothing here was read from JSON.
/// "" is absent.
struct ModelEvent {
    std::string message_id;
    EventType type = EventType::track;
    std::string source, user_id, anonymous_id;
    std::string activity;  ///< the catalogue's ID, else the name as it was sent
    Timestamp at;
    std::string course;
    std::string item;  ///< of a problem, a question, an assignment or a lecture: its ID
    std::string page_type;
    std::int64_t clicks = 0;
    bool solved = false;
    bool hard = false;
    std::optional<ModelDevice> device;
    std::string country, region;

    /// `<source>/<user or anonymous ID>`
    std::string learner() const { return source + "/" + (user_id.empty() ? anonymous_id : user_id); }
};

/// What a table holds, or should hold: each row, or each field of it, as text under a text that names it. So
/// that all tables are compared, and differences told, in one way.
using Rows = std::map<std::string, std::string>;

/// The first few differences, a line each; "" if there are none.
std::string differences(const Rows& expected, const Rows& found);

/// What all groups should have made of a set of events, as the simplest program computes it: no increments,
/// no order, no batches.
class Model {
  public:
    /// Distinct message IDs.
    explicit Model(std::vector<ModelEvent> events);

    std::size_t events() const { return events_.size(); }
    std::vector<std::string> learners() const;
    /// `web/learner 1` of the text of the learner's key; the text itself of one who is unknown.
    std::string learner_of(const std::string& key) const;

    /// `day 2026-11-21T00:00:00.000Z course c` → `3 events, 2 learners, …`
    Rows rollups() const;
    /// `web/learner 1 from 2026-…` → `to 2026-… × 3`
    Rows sessions() const;
    /// `web/learner 1 2026-11-21 problem_submitted` → `3 events, …`
    Rows learner_days() const;
    /// Field by field: `web/learner 1 activities.question_asked.days7` → `2`, texts in quotes.
    Rows profile(const std::string& learner, Timestamp as_of) const;
    Rows profiles(Timestamp as_of) const;
    /// When device and place were told last.
    Rows presence_times() const;
    /// `course/web/learner 1` → `30 points, rank 2`, and those of all courses under no course.
    Rows leaderboard() const;
    /// `problem p` → `12 events, last 2026-…`
    Rows popularity() const;
    /// `problem p` → log2 of the sum of weight · 2^(time in half-lives of 7 days since 1970).
    std::map<std::string, double> popularity_log2() const;

  private:
    struct Popularity {
        std::int64_t events = 0;
        Timestamp last_at;
        long double score = 0;  ///< as of the reference
    };

    std::map<std::string, Popularity> popular() const;

    std::vector<ModelEvent> events_;
    std::map<std::string, std::vector<const ModelEvent*>> by_learner_;  ///< in the order of time
    std::map<std::string, std::string> learners_;                       ///< by key
    Timestamp reference_;
};

}  // namespace activity::testing_workers
