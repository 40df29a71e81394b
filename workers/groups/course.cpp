#include "workers/groups/course.h"

#include <array>
#include <utility>

namespace activity::workers {
namespace {

constexpr std::array<std::string_view, 3> names{"courseId", "course_id", "course"};

std::optional<std::string> id_of(json::Element value) {
    std::string_view text;
    if (!value.get(text)) {
        if (text.empty() || text.size() > course_id_bytes_max) return std::nullopt;
        return std::string(text);
    }
    std::int64_t number = 0;
    if (!value.get(number)) return std::to_string(number);
    return std::nullopt;
}

}  // namespace

std::optional<std::string> CourseReader::read(std::string_view properties, std::string_view context) {
    if (auto id = read(properties)) return id;
    return read(context);
}

std::optional<std::string> CourseReader::read(std::string_view object) {
    // Most events have none, and canonical JSON writes a name in one way only: so look before parsing.
    if (object.find("\"course") == std::string_view::npos) return std::nullopt;
    const auto document = reader_.read(object);
    const auto* element = std::get_if<json::Element>(&document);
    json::Object members;
    if (element == nullptr || element->get(members)) return std::nullopt;
    for (const auto name : names) {
        json::Element value;
        if (members.at_key(name).get(value)) continue;
        if (auto id = id_of(value)) return id;
    }
    return std::nullopt;
}

}  // namespace activity::workers
