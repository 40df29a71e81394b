#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/activity/event.h"

namespace activity::wire {

/// Names of the headers of a record. Text; a worker can deduplicate and route by them without the value.
namespace header {
inline constexpr const char* message_id = "message-id";
inline constexpr const char* source = "source";
inline constexpr const char* schema = "schema";            ///< the catalogue's ID of the activity, or "-"
inline constexpr const char* received_at = "received-at";  ///< format_timestamp()
inline constexpr const char* attempt = "attempt";        ///< how often it was tried; "0" from the front door
inline constexpr const char* not_before = "not-before";  ///< of a retry: when it is due; absent: at once
inline constexpr const char* reason = "reason";          ///< of a rejected event
// Where a record first lay that was put off, and why it was put off last.
inline constexpr const char* retry_topic = "retry-topic";
inline constexpr const char* retry_partition = "retry-partition";
inline constexpr const char* retry_offset = "retry-offset";
inline constexpr const char* retry_reason = "retry-reason";
inline constexpr const char* retry_detail = "retry-detail";
inline constexpr const char* dead_letter_reason = "dead-letter-reason";
inline constexpr const char* dead_letter_detail = "dead-letter-detail";
inline constexpr const char* dead_letter_group = "dead-letter-group";
inline constexpr const char* dead_letter_topic = "dead-letter-topic";
inline constexpr const char* dead_letter_partition = "dead-letter-partition";
inline constexpr const char* dead_letter_offset = "dead-letter-offset";
inline constexpr const char* dead_letter_at = "dead-letter-at";
}  // namespace header

using Headers = std::vector<std::pair<std::string, std::string>>;

/// What is sent to Kafka. The key decides the partition: records of one key keep their order.
struct Record {
    std::string topic;
    std::optional<std::string> key;  ///< without one the partitions take turns
    Headers headers;
    std::optional<std::string> value;  ///< none: Kafka's null, a tombstone
    std::int32_t partition = -1;       ///< -1: as the key says. Only an operator or a replay knows better.
};

/// `<source>/<user>`: one source's users are not another's.
std::string record_key(const ActivityEvent& event);

/// The record of an event. `schema_id` is the catalogue's ID of its activity, "-" if it has none.
Record make_record(const ActivityEvent& event, std::string topic, std::string_view schema_id);

}  // namespace activity::wire
