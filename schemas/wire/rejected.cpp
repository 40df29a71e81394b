#include "schemas/wire/rejected.h"

#include "schemas/activity/json.h"

namespace activity::wire {

Record make_record(const RejectedEvent& rejected, std::string topic) {
    const std::string received_at = format_timestamp(rejected.received_at);
    Record record;
    record.topic = std::move(topic);
    record.key = rejected.message_id;
    record.headers = {
        {header::message_id, rejected.message_id},
        {header::source, rejected.source},
        {header::reason, rejected.code},
        {header::received_at, received_at},
    };
    std::string& value = record.value.emplace();
    const auto member = [&value](const char* name, std::string_view text) {
        value += value.empty() ? "{\"" : ",\"";
        value += name;
        value += "\":";
        json::append_string(value, text);
    };
    member("status", rejected.is_stored ? "marked" : "rejected");
    member("messageId", rejected.message_id);
    member("source", rejected.source);
    member("code", rejected.code);
    member("field", rejected.field);
    member("message", rejected.message);
    member("receivedAt", received_at);
    value += ",\"event\":";
    value += rejected.event;
    value += '}';
    return record;
}

}  // namespace activity::wire
