#include "schemas/activity/mark.h"

#include <array>
#include <utility>

namespace activity {
namespace {

constexpr std::array<std::pair<Mark, std::string_view>, mark_count> mark_names{{
    {Mark::schema_violation, "schema_violation"},
    {Mark::time_out_of_window, "time_out_of_window"},
    {Mark::message_id_made, "message_id_made"},
}};

}  // namespace

std::string_view to_string(Mark mark) {
    for (const auto& [known, name] : mark_names) {
        if (known == mark) return name;
    }
    return "unknown";
}

std::optional<Mark> mark(std::string_view name) {
    for (const auto& [known, known_name] : mark_names) {
        if (known_name == name) return known;
    }
    return std::nullopt;
}

}  // namespace activity
