#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace activity {

/// Why an input was refused. Closed: it is the `code` that a client reads and the label that a metric bears.
enum class Reason {
    malformed_json,        ///< not JSON, bad UTF-8, a lone surrogate, two documents
    nesting_too_deep,      ///< more levels than the limit
    number_out_of_range,   ///< an integer or a double that JSON readers do not agree on
    nul_character,         ///< \u0000, which PostgreSQL's text cannot hold
    duplicate_key,         ///< one name twice in an object: readers differ on which counts
    wrong_type,            ///< a member is there, but not of the type that it must have
    missing_field,         ///< a member that must be there is not
    unknown_event_type,    ///< `type` is none of track, page, screen, identify, group, alias
    invalid_message_id,    ///< empty, or longer than the limit
    invalid_timestamp,     ///< not an RFC 3339 date-time
    field_too_long,        ///< a name or an ID longer than its limit
    event_too_large,       ///< more bytes than one event may have
    batch_too_large,       ///< more events than one batch may have
    empty_batch,           ///< a batch without events
    schema_violation,      ///< properties that break the JSON Schema of their activity
    time_out_of_window,    ///< happened longer ago, or further ahead, than the front door's window
    other_event_rejected,  ///< good by itself, in an atomic batch that holds a bad one
};
inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::other_event_rejected) + 1;

/// `malformed_json` and so on: stable, part of the API.
std::string_view to_string(Reason reason);

/// An input that was refused, as a value: what a client is told and a dead letter carries.
struct Rejection {
    Reason reason{};
    /// Path of the member that broke the rule, as `properties.answers[3]`; empty for the whole document.
    std::string field;
    /// The rule in words, with its number and unit.
    std::string message;
};

}  // namespace activity
