#include "workers/tests/model.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <set>
#include <sstream>
#include <stdexcept>

#include "schemas/activity/json.h"
#include "schemas/activity/learner_key.h"
#include "schemas/activity/message_key.h"

namespace activity::testing_workers {
namespace {

using namespace std::chrono;

bool is_attempt(const ModelEvent& event) {
    return event.activity == "problem_submitted";
}
bool is_solved(const ModelEvent& event) {
    return is_attempt(event) && event.solved;
}

std::string day_text(sys_days day) {
    return format_timestamp(day).substr(0, std::string_view("2026-11-21").size());
}

std::string json_text(const std::string& text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

std::string json_text_or_null(const std::string& text) {
    return text.empty() ? "null" : json_text(text);
}

/// The newest of the events that tell something; of two at the same time the larger message key's.
template <typename Tells>
const ModelEvent* newest(const std::vector<const ModelEvent*>& events, const Tells& tells) {
    const ModelEvent* found = nullptr;
    for (const auto* event : events) {
        if (!tells(*event)) continue;
        if (found == nullptr || std::pair(event->at, message_key(event->message_id)) >
                                    std::pair(found->at, message_key(found->message_id)))
            found = event;
    }
    return found;
}
const ModelEvent* newest_device(const std::vector<const ModelEvent*>& events) {
    return newest(events, [](const ModelEvent& event) { return event.device.has_value(); });
}
const ModelEvent* newest_place(const std::vector<const ModelEvent*>& events) {
    return newest(events, [](const ModelEvent& event) { return !event.country.empty(); });
}

/// The rules of workers/groups/leaderboard/points.toml: name and points.
std::optional<std::pair<std::string, std::int64_t>> points_of(const ModelEvent& event) {
    if (event.item.empty()) return std::nullopt;
    if (is_solved(event) && event.hard) return std::pair("hard", 20);
    if (is_solved(event)) return std::pair("solved", 10);
    if (is_attempt(event)) return std::pair("attempted", 1);
    if (event.activity == "assignment_submitted") return std::pair("assignment", 15);
    if (event.activity == "lecture_joined") return std::pair("lecture", 5);
    if (event.activity == "question_asked") return std::pair("question", 2);
    return std::nullopt;
}

constexpr double half_life_s = 7.0 * 86'400;

}  // namespace

std::string differences(const Rows& expected, const Rows& found) {
    constexpr int told_max = 6;
    int count = 0;
    std::ostringstream text;
    const auto tell = [&](const std::string& key, const std::string& wanted, const std::string& is) {
        if (++count <= told_max) text << "\n  " << key << ": expected " << wanted << "; found " << is;
    };
    for (const auto& [key, value] : expected) {
        const auto at = found.find(key);
        if (at == found.end()) {
            tell(key, value, "nothing");
        } else if (at->second != value) {
            tell(key, value, at->second);
        }
    }
    for (const auto& [key, value] : found) {
        if (!expected.contains(key)) tell(key, "nothing", value);
    }
    if (count == 0) return "";
    return std::to_string(count) + " differences, the first of them:" + text.str();
}

Model::Model(std::vector<ModelEvent> events) : events_(std::move(events)) {
    std::set<std::string> ids;
    for (const auto& event : events_) {
        if (!ids.insert(event.message_id).second)
            throw std::logic_error("twice in the model: " + event.message_id);
        by_learner_[event.learner()].push_back(&event);
        learners_[learner_key(event.learner()).text()] = event.learner();
        reference_ = std::max(reference_, event.at);
    }
    for (auto& [learner, own] : by_learner_)
        std::ranges::stable_sort(own, {}, [](const ModelEvent* event) { return event->at; });
}

std::vector<std::string> Model::learners() const {
    std::vector<std::string> names;
    for (const auto& [learner, own] : by_learner_) names.push_back(learner);
    return names;
}

std::string Model::learner_of(const std::string& key) const {
    const auto found = learners_.find(key);
    return found == learners_.end() ? key : found->second;
}

Rows Model::rollups() const {
    struct Counts {
        std::int64_t events = 0, attempts = 0, solved = 0, orders = 0, clicks = 0;
        bool counts_learners = false;
        std::set<std::string> learners;
    };
    std::map<std::string, Counts> rollups;
    for (const auto& event : events_) {
        const std::array<std::pair<std::string, Timestamp>, 3> buckets{{{"minute", floor<minutes>(event.at)},
                                                                        {"hour", floor<hours>(event.at)},
                                                                        {"day", floor<days>(event.at)}}};
        const std::array<std::pair<std::string, std::string>, 5> dimensions{{{"all", ""},
                                                                             {"activity", event.activity},
                                                                             {"course", event.course},
                                                                             {"source", event.source},
                                                                             {"page_type", event.page_type}}};
        for (const auto& [granularity, bucket] : buckets) {
            for (const auto& [dimension, value] : dimensions) {
                if (value.empty() && dimension != "all") continue;
                auto& counts =
                    rollups[granularity + " " + format_timestamp(bucket) + " " + dimension + " " + value];
                ++counts.events;
                counts.attempts += is_attempt(event) ? 1 : 0;
                counts.solved += is_solved(event) ? 1 : 0;
                counts.orders += event.activity == "store_order_placed" ? 1 : 0;
                counts.clicks += event.clicks;
                counts.counts_learners =
                    dimension == "all" || (dimension == "course" && granularity == "day");
                counts.learners.insert(event.learner());
            }
        }
    }
    Rows rows;
    for (const auto& [key, counts] : rollups) {
        std::ostringstream text;
        text << counts.events << " events, "
             << (counts.counts_learners ? std::to_string(counts.learners.size()) : "no") << " learners, "
             << counts.attempts << " attempts, " << counts.solved << " solved, " << counts.orders
             << " orders, " << counts.clicks << " clicks";
        rows[key] = text.str();
    }
    return rows;
}

Rows Model::sessions() const {
    Rows rows;
    for (const auto& [learner, own] : by_learner_) {
        for (std::size_t begin = 0, end = 0; begin < own.size(); begin = end) {
            for (end = begin + 1; end < own.size() && own[end]->at - own[end - 1]->at <= 30min;) ++end;
            rows[learner + " from " + format_timestamp(own[begin]->at)] =
                "to " + format_timestamp(own[end - 1]->at) + " × " + std::to_string(end - begin);
        }
    }
    return rows;
}

Rows Model::learner_days() const {
    struct Counts {
        std::int64_t events = 0, attempts = 0, solved = 0, clicks = 0;
    };
    std::map<std::string, Counts> all;
    for (const auto& event : events_) {
        auto& counts = all[event.learner() + " " + day_text(floor<days>(event.at)) + " " + event.activity];
        ++counts.events;
        counts.attempts += is_attempt(event) ? 1 : 0;
        counts.solved += is_solved(event) ? 1 : 0;
        counts.clicks += event.clicks;
    }
    Rows rows;
    for (const auto& [key, counts] : all) {
        std::ostringstream text;
        text << counts.events << " events, " << counts.attempts << " attempts, " << counts.solved
             << " solved, " << counts.clicks << " clicks";
        rows[key] = text.str();
    }
    return rows;
}

Rows Model::profile(const std::string& learner, Timestamp as_of) const {
    Rows rows;
    const auto found = by_learner_.find(learner);
    if (found == by_learner_.end()) return rows;
    const auto& own = found->second;
    const auto set = [&](const std::string& field, const std::string& value) {
        rows[learner + " " + field] = value;
    };
    const auto number = [&](const std::string& field, std::int64_t value) {
        set(field, std::to_string(value));
    };
    // Microseconds, where format_timestamp() leaves out the last three digits of whole milliseconds.
    const auto time = [&](const std::string& field, Timestamp at) {
        std::string text = format_timestamp(at);
        if (at == floor<milliseconds>(at)) text.insert(text.size() - 1, "000");
        set(field, json_text(text));
    };

    std::string user_id, anonymous_id;
    std::int64_t attempts = 0, solved = 0, sessions = 0;
    const auto today = floor<days>(as_of);
    std::set<sys_days> active;
    constexpr std::array<int, 3> windows{1, 7, 30};
    std::map<std::string, std::array<std::int64_t, 3>> activities;
    std::array<std::int64_t, 3> total{};
    const ModelEvent* before = nullptr;
    for (const auto* event : own) {
        if (!event->user_id.empty()) user_id = event->user_id;
        if (event->user_id.empty()) anonymous_id = event->anonymous_id;
        attempts += is_attempt(*event) ? 1 : 0;
        solved += is_solved(*event) ? 1 : 0;
        if (before == nullptr || event->at - before->at > 30min) ++sessions;
        before = event;
        const auto day = floor<days>(event->at);
        active.insert(day);
        for (std::size_t i = 0; i < windows.size(); ++i) {
            if (day > today || day <= today - days(windows[i])) continue;
            ++activities[event->activity][i];
            ++total[i];
        }
    }
    std::int64_t streak = 0;
    for (auto day = active.contains(today) ? today : today - days(1); active.contains(day); day -= days(1))
        ++streak;

    set("source", json_text(own.front()->source));
    set("userId", json_text_or_null(user_id));
    set("anonymousId", json_text_or_null(anonymous_id));
    time("firstSeenAt", own.front()->at);
    time("lastSeenAt", own.back()->at);
    number("events", static_cast<std::int64_t>(own.size()));
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const std::string window = "days" + std::to_string(windows[i]);
        number(window, total[i]);
        for (const auto& [activity, counts] : activities)
            number("activities." + activity + "." + window, counts[i]);
    }
    number("streakDays", streak);
    number("attempts", attempts);
    number("solved", solved);
    // Ten-thousandths, rounded half up.
    set("successRate",
        attempts == 0 ? "null" : std::to_string((solved * 20'000 + attempts) / (2 * attempts)) + "/10000");
    number("sessions", sessions);
    if (const auto* told = newest_device(own)) {
        const auto& [kind, os, browser] = *told->device;
        if (!kind.empty()) set("device.kind", json_text(kind));
        if (!os.empty()) set("device.os", json_text(os));
        if (!browser.empty()) set("device.browser", json_text(browser));
    } else {
        set("device", "null");
    }
    const auto* place = newest_place(own);
    set("country", place == nullptr ? "null" : json_text(place->country));
    set("region", place == nullptr ? "null" : json_text_or_null(place->region));
    return rows;
}

Rows Model::profiles(Timestamp as_of) const {
    Rows rows;
    for (const auto& [learner, own] : by_learner_) rows.merge(profile(learner, as_of));
    return rows;
}

Rows Model::presence_times() const {
    Rows rows;
    for (const auto& [learner, own] : by_learner_) {
        const auto* device = newest_device(own);
        const auto* place = newest_place(own);
        rows[learner] = "device " + (device == nullptr ? "never" : format_timestamp(device->at)) +
                        ", place " + (place == nullptr ? "never" : format_timestamp(place->at));
    }
    return rows;
}

Rows Model::leaderboard() const {
    std::set<std::tuple<std::string, std::string, std::string>> awarded;
    std::map<std::string, std::map<std::string, std::int64_t>> points;
    for (const auto& event : events_) {
        const auto rule = points_of(event);
        if (!rule || !awarded.emplace(event.learner(), rule->first, event.item).second) continue;
        points[""][event.learner()] += rule->second;
        if (!event.course.empty()) points[event.course][event.learner()] += rule->second;
    }
    Rows rows;
    for (const auto& [course, board] : points) {
        for (const auto& [learner, own] : board) {
            const auto better =
                std::ranges::count_if(board, [mine = own](const auto& other) { return other.second > mine; });
            rows[course + "/" + learner] =
                std::to_string(own) + " points, rank " + std::to_string(better + 1);
        }
    }
    return rows;
}

std::map<std::string, Model::Popularity> Model::popular() const {
    std::map<std::string, Popularity> all;
    const auto add = [&](const std::string& item, const ModelEvent& event, long double weight) {
        auto& popularity = all[item];
        ++popularity.events;
        popularity.last_at = std::max(popularity.last_at, event.at);
        const duration<long double> age = reference_ - event.at;
        popularity.score += weight * std::exp2(-age.count() / half_life_s);
    };
    for (const auto& event : events_) {
        if (!event.course.empty()) add("course " + event.course, event, 1);
        if (event.item.empty()) continue;
        if (event.activity == "problem_opened") add("problem " + event.item, event, 1);
        if (event.activity == "problem_submitted") add("problem " + event.item, event, 2);
        if (event.activity == "question_asked") add("question " + event.item, event, 1);
    }
    return all;
}

Rows Model::popularity() const {
    Rows rows;
    for (const auto& [item, popularity] : popular())
        rows[item] =
            std::to_string(popularity.events) + " events, last " + format_timestamp(popularity.last_at);
    return rows;
}

std::map<std::string, double> Model::popularity_log2() const {
    const duration<long double> reference = reference_.time_since_epoch();
    std::map<std::string, double> all;
    for (const auto& [item, popularity] : popular())
        all[item] = static_cast<double>(std::log2(popularity.score) + reference.count() / half_life_s);
    return all;
}

}  // namespace activity::testing_workers
