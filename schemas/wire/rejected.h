#pragma once

#include <string>
#include <string_view>

#include "schemas/activity/timestamp.h"
#include "schemas/wire/record.h"

namespace activity::wire {

/// Name of the topic, without prefix, that tells of refused and of marked events.
inline constexpr std::string_view rejected_topic = "rejected";

/// What the front door tells of an event that it refused, or took with a mark. Nothing of what a learner
/// wrote.
struct RejectedEvent {
    std::string message_id;  ///< "" if it had none
    std::string source;
    std::string code;     ///< of the Reason or the Mark
    std::string field;    ///< path of the member
    std::string message;  ///< the rule
    Timestamp received_at;
    bool is_stored = false;      ///< marked, not refused
    std::string event = "null";  ///< its redacted form: JSON
};

/// Key: the message ID. The headers repeat what one looks for. The value is JSON.
Record make_record(const RejectedEvent& rejected, std::string topic);

}  // namespace activity::wire
