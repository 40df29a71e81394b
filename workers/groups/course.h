#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schemas/activity/json.h"

namespace activity::workers {

/// Longest course ID, bytes. Anything longer is no ID.
inline constexpr std::size_t course_id_bytes_max = 256;

/// Finds the course that an event belongs to: the first of the members `courseId`, `course_id`, `course` of
/// the properties that is a string or an integer, else of the context. One a thread.
class CourseReader {
  public:
    /// Both are canonical JSON objects.
    std::optional<std::string> read(std::string_view properties, std::string_view context);

  private:
    std::optional<std::string> read(std::string_view object);

    json::Reader reader_;
};

}  // namespace activity::workers
