#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace activity {

/// What is remarkable about an event that was taken all the same. Closed: it is the `code` of a warning to
/// the client, a label of a metric, and what analysts filter by.
enum class Mark {
    schema_violation,    ///< its properties break the JSON Schema of its activity
    time_out_of_window,  ///< it happened longer ago, or further ahead, than the front door's window
    message_id_made,     ///< it came without a message ID: a repeat of its request cannot be recognised
};
inline constexpr std::size_t mark_count = static_cast<std::size_t>(Mark::message_id_made) + 1;

/// `schema_violation` and so on: stable, part of the API and of the stored rows.
std::string_view to_string(Mark mark);
std::optional<Mark> mark(std::string_view name);

}  // namespace activity
