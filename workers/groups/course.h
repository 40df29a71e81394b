#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "workers/groups/properties.h"

namespace activity::workers {

/// Finds the course that an event belongs to: the first of the members `courseId`, `course_id`, `course` of
/// the properties that is an ID (Properties::id), else of the context. One a thread.
class CourseReader {
  public:
    /// Both are canonical JSON objects.
    std::optional<std::string> read(std::string_view properties, std::string_view context);

  private:
    std::optional<std::string> read(std::string_view object);

    PropertiesReader reader_;
};

}  // namespace activity::workers
