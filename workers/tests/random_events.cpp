#include "workers/tests/random_events.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <stdexcept>

#include "schemas/activity/json.h"

namespace activity::testing_workers {
namespace {

using namespace std::chrono;

constexpr std::size_t learners = 40;
constexpr std::size_t courses = 6;

void add(std::string& members, std::string_view name, const std::string& value) {
    if (!members.empty()) members += ',';
    json::append_string(members, name);
    members += ':' + value;
}

std::string json_text(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

/// Some of the names are texts, some are numbers.
std::string course_name(std::size_t number) {
    return number % 2 == 0 ? "course " + std::to_string(number) : std::to_string(number);
}

}  // namespace

RandomEvent RandomEvents::make(const std::string& source) {
    static const std::vector<std::string> activities{
        "problem_submitted", "problem_submitted",  "problem_submitted",    "problem_opened",
        "question_asked",    "resource_clicked",   "resource_clicked",     "store_order_placed",
        "device_used",       "location_updated",   "assignment_submitted", "lecture_joined",
        "chat_message_sent", "learner_identified", "page_viewed",          "screen_viewed",
        "dashboard_viewed",  "Wheel Turned"};
    RandomEvent made;
    ModelEvent& event = made.model;
    event.message_id = harness::new_message_id();
    event.source = source;
    event.activity = pick(activities);
    if (event.activity == "learner_identified") event.type = EventType::identify;
    if (event.activity == "page_viewed") event.type = EventType::page;
    if (event.activity == "screen_viewed") event.type = EventType::screen;
    name_learner(event);
    event.at = time_of(event.learner());
    Members members;
    fill(event, members);

    std::string text = R"({"type":")" + std::string(to_string(event.type)) + R"(","messageId":)";
    json::append_string(text, event.message_id);
    std::string rest;
    if (!event.user_id.empty()) add(rest, "userId", json_text(event.user_id));
    if (!event.anonymous_id.empty()) add(rest, "anonymousId", json_text(event.anonymous_id));
    if (event.type == EventType::track) add(rest, "event", json_text(spelled(event.activity)));
    if (event.type == EventType::page || event.type == EventType::screen) add(rest, "name", "\"Home\"");
    add(rest, "timestamp", json_text(format_timestamp(event.at)));
    add(rest, event.type == EventType::identify ? "traits" : "properties", "{" + members.properties + "}");
    if (!members.context.empty() || chance(0.5)) add(rest, "context", "{" + members.context + "}");
    made.sent = {event.message_id, text + "," + rest + "}"};
    return made;
}

void RandomEvents::name_learner(ModelEvent& event) {
    // The square: some learners are much busier than others.
    const std::string number = std::to_string(below(below(learners) + 1));
    const bool identify = event.type == EventType::identify;
    if (chance(identify ? 0.3 : 0.15)) {
        // The same ID may come as a user's and as that of somebody who is not signed in.
        event.anonymous_id = (chance(0.2) ? "learner " : "visitor ") + number;
    } else {
        event.user_id = "learner " + number;
        if (chance(identify ? 0.7 : 0.3)) event.anonymous_id = "visitor " + std::to_string(below(learners));
    }
}

Timestamp RandomEvents::time_of(const std::string& learner) {
    static const std::vector<milliseconds> gaps{30min, 30min + 1ms, 30min - 1ms, 30min + 30s,
                                                31min, 29min + 59s, 60min,       60min + 1ms,
                                                0ms,   1ms,         10min,       24h};
    auto& times = times_[learner];
    const Timestamp clock = floor<milliseconds>(now());
    const auto ms_of = [&](milliseconds span) {
        return milliseconds(below(static_cast<std::size_t>(span.count())));
    };
    Timestamp time = clock - ms_of(2min);
    if (!times.empty() && chance(0.45)) {
        const auto gap = gaps[below(gaps.size())];
        time = times[below(times.size())] + (chance(0.5) ? gap : -gap);
    } else if (chance(0.1)) {
        time = clock + ms_of(20min);
    } else if (chance(0.25)) {
        time = clock - ms_of(2h);
    } else if (chance(0.25)) {
        time = clock - ms_of(24h);
    } else if (chance(0.4)) {
        time = clock - ms_of(24h * 29);
    }
    // The front door believes 30 days and one hour ahead; an event may wait a while before it gets there.
    time = std::clamp<Timestamp>(time, clock - 24h * 29 - 12h, clock + 45min);
    times.push_back(time);
    return time;
}

void RandomEvents::fill(ModelEvent& event, Members& members) {
    const std::string& activity = event.activity;
    if (activity.starts_with("problem_")) {
        add_item(event, members, "problemId", 30);
    } else if (activity == "question_asked") {
        add_item(event, members, "questionId", 200);
    } else if (activity == "assignment_submitted") {
        add_item(event, members, "assignmentId", 20);
    } else if (activity == "lecture_joined") {
        add_item(event, members, "lectureId", 20);
    } else if (event.type != EventType::identify && activity != "store_order_placed" && chance(0.7)) {
        add_course(event, members, course_name(below(courses)));
    }

    if (activity == "problem_submitted") {
        const auto answer = below(10);
        event.solved = answer < 5;
        // Only `true` is solved; neither the text nor nothing.
        if (answer < 8) add(members.properties, "solved", event.solved ? "true" : "false");
        if (answer == 8) add(members.properties, "solved", "\"true\"");
    } else if (activity == "resource_clicked") {
        add_clicks(event, members);
    } else if (activity == "store_order_placed") {
        add(members.properties, "orderId", json_text("order " + std::to_string(below(1'000))));
    } else if (activity == "location_updated") {
        add_place(event, members);
    } else if (activity == "device_used" || event.type == EventType::identify) {
        add_device(event, members);
    }
}

void RandomEvents::add_item(ModelEvent& event, Members& members, std::string_view name, std::size_t items) {
    const auto number = below(items);
    // It belongs to one course, or to none.
    if (number % 7 != 6) add_course(event, members, course_name(number % courses));
    if (chance(0.03)) return;
    event.item = number % 3 == 0 ? std::to_string(number) : "item " + std::to_string(number);
    const bool as_number = number % 3 == 0 && chance(0.5);
    add(members.properties, name, as_number ? event.item : json_text(event.item));
    if (event.activity != "problem_submitted") return;
    event.hard = number % 5 == 0;
    add(members.properties, "difficulty", event.hard ? "\"hard\"" : "\"easy\"");
}

void RandomEvents::add_course(ModelEvent& event, Members& members, const std::string& course) {
    event.course = course;
    const bool number = std::isdigit(static_cast<unsigned char>(course.front())) != 0;
    const std::string value = number && chance(0.5) ? course : json_text(course);
    switch (below(6)) {
        case 0: add(members.properties, "course_id", value); break;
        case 1: add(members.properties, "course", value); break;
        case 2: add(members.context, "courseId", value); break;
        default: add(members.properties, "courseId", value);
    }
}

void RandomEvents::add_device(ModelEvent& event, Members& members) {
    ModelDevice device;
    const auto some = [&](const std::vector<std::string>& from) { return chance(0.2) ? "" : pick(from); };
    device.kind = some({"phone", "tablet", "laptop", "desktop"});
    device.os = some({"Android", "iOS", "Linux", "Windows"});
    if (event.type == EventType::identify) {
        if (!device.kind.empty())
            add(members.context, "device", R"({"type":)" + json_text(device.kind) + R"(,"id":"d"})");
        if (!device.os.empty()) add(members.context, "os", R"({"name":)" + json_text(device.os) + "}");
    } else {
        device.browser = some({"Firefox", "Chromium"});
        add(members.properties, "deviceId", "\"d\"");
        if (!device.kind.empty()) add(members.properties, "kind", json_text(device.kind));
        if (!device.os.empty()) add(members.properties, "os", json_text(device.os));
        if (!device.browser.empty()) add(members.properties, "browser", json_text(device.browser));
    }
    if (!device.kind.empty() || !device.os.empty() || !device.browser.empty()) event.device = device;
}

void RandomEvents::add_place(ModelEvent& event, Members& members) {
    // A country that is no code is not believed, and nor is the region beside it.
    if (chance(0.1)) {
        add(members.properties, "country", "\"Somewhere\"");
        add(members.properties, "region", "\"there\"");
        return;
    }
    event.country = pick({"DE", "FR", "PL", "IN"});
    add(members.properties, "country", json_text(event.country));
    add(members.properties, "city", "\"nobody's business\"");
    if (chance(0.3)) return;
    event.region = "region " + std::to_string(below(3));
    add(members.properties, "region", json_text(event.region));
}

void RandomEvents::add_clicks(ModelEvent& event, Members& members) {
    add(members.properties, "resourceId", json_text("resource " + std::to_string(below(50))));
    if (!chance(0.05)) {
        event.page_type = pick({"quiz", "forum", "page", "7"});
        add(members.properties, "pageType", event.page_type == "7" ? "7" : json_text(event.page_type));
    }
    switch (below(12)) {
        case 0: break;
        case 1: add(members.properties, "clicks", "-3"); break;
        case 2: add(members.properties, "clicks", "\"many\""); break;
        case 3:
            event.clicks = 4;
            add(members.properties, "clicks", "4.0");
            break;
        default:
            event.clicks = 1 + static_cast<std::int64_t>(below(9));
            add(members.properties, "clicks", std::to_string(event.clicks));
    }
}

/// One of the spellings that the catalogue takes for the same activity.
std::string RandomEvents::spelled(const std::string& activity) {
    if (activity.find('_') == std::string::npos || chance(0.3)) return activity;
    const std::string between = chance(0.5) ? " " : "";
    std::string text;
    bool capital = true;
    for (const char c : activity) {
        if (c == '_') {
            text += between;
            capital = true;
            continue;
        }
        text += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        capital = false;
    }
    return text;
}

}  // namespace activity::testing_workers
