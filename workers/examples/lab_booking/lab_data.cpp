#include "workers/examples/lab_booking/lab_data.h"

#include <memory>

#include "workers/examples/lab_booking/names.h"
#include "workers/groups/properties.h"

namespace activity::lab_booking {
namespace {

using workers::CopyRows;
using workers::Group;
using workers::Message;

/// What is staged is new to this group, so there is no conflict to think of. A row each, none shared.
constexpr const char* bookings_sql =
    "INSERT INTO lab_example.booking (booking, learner_key, lab_type, booked_at) "
    "SELECT booking, learner_key, lab_type, happened_at FROM pg_temp.stage WHERE NOT is_answer";

constexpr const char* answers_sql =
    "INSERT INTO lab_example.answer (booking, learner_key, lab, answered_at) "
    "SELECT booking, learner_key, lab, happened_at FROM pg_temp.stage WHERE is_answer";

}  // namespace

workers::Group lab_data_group() {
    Group group;
    group.name = "lab_data";
    group.topics = [](const Catalogue&) {
        return std::vector{std::string(bookings_topic), std::string(answers_topic)};
    };
    group.columns = {{"is_answer", "boolean"},
                     {"booking", "text"},
                     {"lab_type", "text"},
                     {"lab", "text"},
                     {"happened_at", "timestamptz"}};
    group.row_writer = [] {
        return
            [reader = std::make_shared<workers::PropertiesReader>()](CopyRows& rows, const Message& message) {
                const ActivityEvent& event = message.event;
                const bool is_answer = event.activity == lab_allocated || event.activity == lab_declined;
                if (!is_answer && event.activity != lab_booked) return false;
                const auto properties = reader->read(event.properties);
                rows.boolean(is_answer);
                rows.text_or_null(is_answer ? properties.text("booking").value_or("") : event.message_id);
                rows.text_or_null(properties.text("labType").value_or(""));
                rows.text_or_null(properties.text("lab").value_or(""));
                rows.timestamptz(message.happened_at);
                return true;
            };
    };
    group.effect = {bookings_sql, answers_sql};
    return group;
}

}  // namespace activity::lab_booking
