#include "workers/tests/stored_events.h"

#include <simdjson.h>
#include <stdexcept>
#include <string>
#include <string_view>

#include "schemas/catalogue/catalogue.h"

namespace activity::testing_workers {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

std::string text_of(const object& members, std::string_view name) {
    std::string_view text;
    return members[name].get(text) ? std::string() : std::string(text);
}

std::string text_of(const object& members, std::string_view outer, std::string_view name) {
    object inner;
    return members[outer].get(inner) ? std::string() : text_of(inner, name);
}

/// A text, or a whole number as one.
std::string id_of(const object& members, std::string_view name) {
    std::int64_t number = 0;
    return members[name].get(number) ? text_of(members, name) : std::to_string(number);
}

std::string course_of(const object& properties, const object& context) {
    for (const auto& members : {properties, context}) {
        for (const auto* name : {"courseId", "course_id", "course"}) {
            if (auto course = id_of(members, name); !course.empty()) return course;
        }
    }
    return "";
}

/// The property that names what an activity is about; "" if there is none.
std::string_view item_name(std::string_view activity) {
    if (activity.starts_with("problem_")) return "problemId";
    if (activity == "question_asked") return "questionId";
    if (activity == "assignment_submitted") return "assignmentId";
    if (activity == "lecture_joined") return "lectureId";
    return "";
}

void read_members(ModelEvent& event, const object& properties, const object& context) {
    event.course = course_of(properties, context);
    if (const auto name = item_name(event.activity); !name.empty()) event.item = id_of(properties, name);
    if (event.activity == "problem_submitted") {
        bool solved = false;
        event.solved = properties["solved"].get(solved) == simdjson::SUCCESS && solved;
        event.hard = text_of(properties, "difficulty") == "hard";
    } else if (event.activity == "resource_clicked") {
        event.page_type = id_of(properties, "pageType");
        std::int64_t clicks = 0;
        if (properties["clicks"].get(clicks) == simdjson::SUCCESS && clicks > 0) event.clicks = clicks;
    } else if (event.activity == "location_updated") {
        event.country = text_of(properties, "country");
        event.region = text_of(properties, "region");
    }
    ModelDevice device;
    if (event.activity == "device_used")
        device = {text_of(properties, "kind"), text_of(properties, "os"), text_of(properties, "browser")};
    if (event.type == EventType::identify)
        device = {text_of(context, "device", "type"), text_of(context, "os", "name"), ""};
    if (!device.kind.empty() || !device.os.empty() || !device.browser.empty()) event.device = device;
}

}  // namespace

std::vector<ModelEvent> stored_events(const harness::Pipeline& pipeline) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    simdjson::dom::parser properties, context;
    std::vector<ModelEvent> events;
    // Long texts that no group reads stay where they are.
    for (const auto& row : pipeline.session(harness::PostgresServer::As::analyst)
                               .query("SELECT message_id, type, activity, source, coalesce(user_id, ''), "
                                      "coalesce(anonymous_id, ''), extract(epoch FROM CASE WHEN "
                                      "'time_out_of_window' = ANY (marks) THEN received_at ELSE occurred_at "
                                      "END) * 1000000, properties - '{answer,text}'::text[], context FROM "
                                      "analytics.event")) {
        ModelEvent event;
        event.message_id = row[0].as<std::string>();
        event.type = event_type(row[1].as<std::string>()).value();
        event.activity = row[2].as<std::string>();
        if (const auto* known = catalogue.find(event.type, event.activity)) event.activity = known->id;
        event.source = row[3].as<std::string>();
        event.user_id = row[4].as<std::string>();
        event.anonymous_id = row[5].as<std::string>();
        event.at = Timestamp(std::chrono::microseconds(std::stoll(row[6].as<std::string>())));
        read_members(event, properties.parse(row[7].as<std::string>()),
                     context.parse(row[8].as<std::string>()));
        events.push_back(std::move(event));
    }
    return events;
}

}  // namespace activity::testing_workers
