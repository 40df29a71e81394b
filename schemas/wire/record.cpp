#include "schemas/wire/record.h"

namespace activity::wire {

std::string record_key(const ActivityEvent& event) {
    const std::string& learner = event.learner();
    std::string key;
    key.reserve(event.source.size() + 1 + learner.size());
    key += event.source;
    key += '/';
    key += learner;
    return key;
}

Record make_record(const ActivityEvent& event, std::string topic, std::string_view schema_id) {
    Record record;
    record.topic = std::move(topic);
    record.key = record_key(event);
    record.headers = {
        {header::message_id, event.message_id},
        {header::source, event.source},
        {header::schema, std::string(schema_id)},
        {header::received_at, format_timestamp(event.received_at)},
        {header::attempt, "0"},
    };
    append_canonical(record.value.emplace(), event);
    return record;
}

}  // namespace activity::wire
