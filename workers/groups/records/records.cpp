#include "workers/groups/records/records.h"

#include <memory>
#include <ranges>

#include "workers/groups/course.h"
#include "workers/groups/records/facets.h"

namespace activity::workers {
namespace {

const std::vector<Column>& columns() {
    static const std::vector<Column> all{
        {"message_id", "text"},   {"type", "text"},    {"activity", "text"},  {"user_id", "text"},
        {"anonymous_id", "text"}, {"source", "text"},  {"course_id", "text"}, {"occurred_at", "timestamptz"},
        {"properties", "json"},   {"context", "json"}, {"extra", "json"},     {"marks", "text[]"},
        {"device", "text"},       {"country", "text"},
    };
    return all;
}

/// In the order of columns().
void write_row(CopyRows& rows, CourseReader& course, FacetsReader& facets_reader, const Message& message) {
    const ActivityEvent& event = message.event;
    // A UUIDv7 is its own key: no need to keep it twice.
    const bool is_key = event.message_id.size() == 36 && event.message_id == message.key.text();
    rows.text_or_null(is_key ? std::string_view() : event.message_id);
    rows.text(to_string(event.type));
    rows.text(event.activity);
    rows.text_or_null(event.user_id);
    rows.text_or_null(event.anonymous_id);
    rows.text(event.source);
    rows.text_or_null(course.read(event.properties, event.context).value_or(std::string()));
    rows.timestamptz(event.occurred_at);
    rows.text(event.properties);
    rows.text(event.context);
    rows.text_or_null(event.extra == "{}" ? std::string_view() : event.extra);
    rows.text_array_or_null(event.marks | std::views::transform([](Mark mark) { return to_string(mark); }));
    const Facets facets = facets_reader.read(message);
    rows.text_or_null(facets.device);
    rows.text_or_null(facets.country);
}

/// What a client says is compared, and nothing that differs between an event and its honest repeat: when it
/// came (received_at, and occurred_at, which is corrected by the time of sending), what the SDK or the front
/// door adds (context, extra, marks). Properties that differ as text may still be the same, in another order.
///
/// LIMIT makes each row one look into the one partition of its key: without it, PostgreSQL might read whole
/// partitions to join them with a staging table of which it has no statistics. The range of the keys keeps it
/// from opening, and locking, a partition for each day that is kept. Rows of this very transaction have its
/// time.
constexpr const char* conflicts_sql =
    "SELECT count(*), min(coalesce(staged.message_id, staged.message_key::text)) FROM pg_temp.stage AS "
    "staged "
    "CROSS JOIN LATERAL (SELECT * FROM activity.event AS e WHERE e.message_key = staged.message_key "
    "AND e.message_key BETWEEN $1::uuid AND $2::uuid LIMIT 1) AS first "
    "WHERE first.stored_at <> now() AND ("
    "(staged.type, staged.activity, staged.user_id, staged.anonymous_id, staged.source) IS DISTINCT FROM "
    "(first.type, first.activity, first.user_id, first.anonymous_id, first.source) "
    "OR CASE WHEN staged.properties::text = first.properties::text THEN false "
    "ELSE staged.properties::jsonb <> first.properties::jsonb END)";

}  // namespace

Group records_group() {
    Group group;
    group.name = "records";
    group.columns = columns();
    group.row_writer = [] {
        return [course = std::make_shared<CourseReader>(), facets = std::make_shared<FacetsReader>()](
                   CopyRows& rows, const Message& message) {
            write_row(rows, *course, *facets, message);
            return true;
        };
    };
    group.row_table = "activity.event";
    group.conflicts = conflicts_sql;
    return group;
}

}  // namespace activity::workers
