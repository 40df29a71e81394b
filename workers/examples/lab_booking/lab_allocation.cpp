#include "workers/examples/lab_booking/lab_allocation.h"

#include <memory>

#include "workers/examples/lab_booking/names.h"
#include "workers/groups/properties.h"

namespace activity::lab_booking {
namespace {

using workers::CopyRows;
using workers::Group;
using workers::Message;

/// One batch at a time decides. The lock is a statement of its own in front of the one that counts, because
/// in READ COMMITTED each statement sees what was committed when *it* began: had the counting statement
/// waited for a row itself (SELECT … WHERE taken < capacity LIMIT 1 FOR UPDATE), it would look at that row
/// anew, and at all others as they were before it waited. The table and not its rows, so that a lab that is
/// being added waits too: it has no row yet that could be locked. Readers go on.
constexpr const char* lock_sql = "LOCK TABLE lab_example.lab IN SHARE ROW EXCLUSIVE MODE";

/// Fails if there is any. The framework then finds out which bookings it were, and puts off only those.
constexpr const char* unknown_sql =
    "SELECT lab_example.unknown_lab_type(lab_type) FROM ("
    "SELECT lab_type FROM pg_temp.stage WHERE lab_type IS NOT NULL "
    "EXCEPT SELECT lab_type FROM lab_example.lab) AS unknown";

/// The free places of a type are numbered through its labs, and so are the bookings, by when they came: equal
/// numbers meet, and a booking whose number is too high is declined. A booking without a type breaks NOT NULL
/// here, and becomes a dead letter.
constexpr const char* decide_sql =
    "WITH free AS (SELECT lab, lab_type, sum(capacity - taken) OVER labs AS last, "
    "sum(capacity - taken) OVER labs - (capacity - taken) + 1 AS first "
    "FROM lab_example.lab WHERE taken < capacity WINDOW labs AS (PARTITION BY lab_type ORDER BY lab)), "
    "wish AS (SELECT booking, source, learner, lab_type, received_at, "
    "row_number() OVER (PARTITION BY lab_type ORDER BY received_at, message_key) AS place "
    "FROM pg_temp.stage), "
    "decided AS (INSERT INTO lab_example.allocation (booking, source, learner, lab_type, lab, booked_at) "
    "SELECT booking, source, learner, wish.lab_type, lab, received_at FROM wish LEFT JOIN free "
    "ON free.lab_type = wish.lab_type AND place BETWEEN first AND last ORDER BY received_at, booking "
    "RETURNING booking, lab), "
    "counted AS (UPDATE lab_example.lab SET taken = taken + added.bookings "
    "FROM (SELECT lab, count(*) AS bookings FROM decided GROUP BY lab) AS added WHERE added.lab = lab.lab) "
    "INSERT INTO lab_example.answer_to_send (booking) SELECT booking FROM decided";

/// The answers as canonical events (schemas/activity/event.h), so that any group can read them. Their message
/// ID is a function of the booking's: however often an answer is sent, it counts once. It tells the time of
/// the booking, as message_key() reads it, so that the keys of one day lie side by side.
constexpr const char* take_sql =
    "SELECT booking, number, source || '/' || learner, json_strip_nulls(json_build_object("
    "'messageId', 'answer-next-' || floor(extract(epoch FROM booked_at) * 1000) || '-' || booking, "
    "'type', 'track', "
    "'activity', CASE WHEN lab IS NULL THEN 'Lab Declined' ELSE 'Lab Allocated' END, "
    "'userId', learner, 'source', source, 'occurredAt', at, 'receivedAt', at, "
    "'properties', json_build_object('booking', booking, 'labType', lab_type, 'lab', lab), "
    "'context', json_build_object()))::text "
    "FROM (SELECT number, booking FROM lab_example.answer_to_send ORDER BY number LIMIT $1) AS next "
    "JOIN lab_example.allocation USING (booking) "
    "CROSS JOIN LATERAL to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS at "
    "ORDER BY number";

constexpr const char* done_sql =
    "DELETE FROM lab_example.answer_to_send AS sent "
    "USING unnest($1::text[], $2::bigint[]) AS delivered (booking, number) "
    "WHERE sent.number = delivered.number";

}  // namespace

workers::Group lab_allocation_group() {
    Group group;
    group.name = "lab_allocation";
    group.topics = [](const Catalogue&) { return std::vector{std::string(bookings_topic)}; };
    group.columns = {{"booking", "text"}, {"source", "text"}, {"learner", "text"}, {"lab_type", "text"}};
    group.row_writer = [] {
        return
            [reader = std::make_shared<workers::PropertiesReader>()](CopyRows& rows, const Message& message) {
                const ActivityEvent& event = message.event;
                if (event.activity != lab_booked) return false;
                rows.text(event.message_id);
                rows.text(event.source);
                rows.text(event.learner());
                rows.text_or_null(reader->read(event.properties).text("labType").value_or(""));
                return true;
            };
    };
    group.effect = {lock_sql, unknown_sql, decide_sql};
    group.outbox = {.topic = answers_topic, .take = take_sql, .done = done_sql, .again = {}};
    return group;
}

}  // namespace activity::lab_booking
