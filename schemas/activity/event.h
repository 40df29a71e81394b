#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/activity/json.h"
#include "schemas/activity/mark.h"
#include "schemas/activity/rejection.h"
#include "schemas/activity/timestamp.h"

namespace activity {

/// The calls of the Segment tracking spec, and RudderStack's `merge` (two identities are one person).
enum class EventType { track, page, screen, identify, group, alias, merge };

std::string_view to_string(EventType type);
std::optional<EventType> event_type(std::string_view name);

/// One thing that a learner did: the value that both programs share. Text is UTF-8 without \u0000.
struct ActivityEvent {
    std::string message_id;  ///< as the client sent it, or made at the front door; never empty
    EventType type = EventType::track;
    std::string activity;      ///< of a track event its name, as sent; else the catalogue's name for the type
    std::string user_id;       ///< "" if absent; of user_id and anonymous_id at least one is there
    std::string anonymous_id;  ///< "" if absent
    std::string source;        ///< name of the source that the write key names
    Timestamp occurred_at;     ///< by the server's clock (without_clock_skew)
    Timestamp received_at;     ///< when the front door took it
    std::string properties =
        "{}";                    ///< canonical JSON object: properties, or the traits of identify and group
    std::string context = "{}";  ///< canonical JSON object
    std::string extra = "{}";    ///< canonical JSON object: every other member that the client sent
    std::vector<Mark> marks;     ///< in the order of the enum, each once

    /// Who: the user, else the anonymous ID. Kafka's key is made of it, so it also says whose order is kept.
    const std::string& learner() const { return user_id.empty() ? anonymous_id : user_id; }

    bool operator==(const ActivityEvent&) const = default;
};

/// Appends the event's canonical JSON: the value of its record in Kafka.
void append_canonical(std::string& out, const ActivityEvent& event);
std::string canonical_json(const ActivityEvent& event);

/// Reads canonical JSON back, strictly: what another program put into a topic by hand is a Rejection.
/// One a thread.
class EventReader {
  public:
    std::variant<ActivityEvent, Rejection> read(std::string_view canonical);

  private:
    /// What a client sends as a member of its own lies one level deeper in the canonical form.
    json::Reader reader_{json::nesting_max + 1};
};

}  // namespace activity
