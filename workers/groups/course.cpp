#include "workers/groups/course.h"

#include <array>

namespace activity::workers {
namespace {

constexpr std::array<std::string_view, 3> names{"courseId", "course_id", "course"};

}  // namespace

std::optional<std::string> CourseReader::read(std::string_view properties, std::string_view context) {
    if (auto id = read(properties)) return id;
    return read(context);
}

std::optional<std::string> CourseReader::read(std::string_view object) {
    // Most events have none, and canonical JSON writes a name in one way only: so look before parsing.
    if (object.find("\"course") == std::string_view::npos) return std::nullopt;
    const Properties members = reader_.read(object);
    for (const auto name : names) {
        if (auto id = members.id(name)) return id;
    }
    return std::nullopt;
}

}  // namespace activity::workers
