#include "workers/groups/records/records.h"

#include <memory>

#include "workers/groups/course.h"

namespace activity::workers {
namespace {

const std::vector<Column>& columns() {
    static const std::vector<Column> all{
        {"message_key", "uuid"},
        {"message_id", "text"},
        {"type", "text"},
        {"activity", "text"},
        {"user_id", "text"},
        {"anonymous_id", "text"},
        {"source", "text"},
        {"course_id", "text"},
        {"occurred_at", "timestamptz"},
        {"received_at", "timestamptz"},
        {"properties", "json"},
        {"context", "json"},
        {"extra", "json"},
    };
    return all;
}

std::string column_names() {
    std::string names;
    for (const auto& column : columns()) {
        if (!names.empty()) names += ", ";
        names += column.name;
    }
    return names;
}

/// In the order of columns().
void write_row(CopyRows& rows, CourseReader& course, const MessageKey& key, const ActivityEvent& event) {
    rows.begin_row(columns().size());
    rows.uuid(key.bytes);
    // A UUIDv7 is its own key: no need to keep it twice.
    const bool is_key = event.message_id.size() == 36 && event.message_id == key.text();
    rows.text_or_null(is_key ? std::string_view() : event.message_id);
    rows.text(to_string(event.type));
    rows.text(event.activity);
    rows.text_or_null(event.user_id);
    rows.text_or_null(event.anonymous_id);
    rows.text(event.source);
    rows.text_or_null(course.read(event.properties, event.context).value_or(std::string()));
    rows.timestamptz(event.occurred_at);
    rows.timestamptz(event.received_at);
    rows.text(event.properties);
    rows.text(event.context);
    rows.text_or_null(event.extra == "{}" ? std::string_view() : event.extra);
}

}  // namespace

Group records_group() {
    Group group;
    group.name = "records";
    group.topics = [](const Catalogue& catalogue) {
        std::vector<std::string> names;
        for (const auto& topic : catalogue.topics()) names.push_back(topic.name);
        return names;
    };
    group.stage = columns();
    group.row_writer = [] {
        return [course = std::make_shared<CourseReader>()](CopyRows& rows, const MessageKey& key,
                                                           const ActivityEvent& event) {
            write_row(rows, *course, key, event);
        };
    };
    group.effect = {"INSERT INTO activity.event (" + column_names() + ") SELECT " + column_names() +
                    " FROM pg_temp.stage ON CONFLICT DO NOTHING"};
    return group;
}

}  // namespace activity::workers
