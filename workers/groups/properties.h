#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/activity/json.h"

namespace activity::workers {

/// Longest ID of a course, a problem, a page type: bytes. Anything longer is none.
inline constexpr std::size_t property_id_bytes_max = 256;

/// The members of a JSON object, by name. Lives as long as the document of the reader that made it. A member
/// that is absent and one of another type are the same: nothing.
class Properties {
  public:
    /// Has no members.
    Properties() = default;

    std::optional<std::string_view> text(std::string_view name) const;
    std::optional<bool> boolean(std::string_view name) const;
    /// A whole number that fits into 64 bits; also one that JSON writes with a fraction of zero (3.0).
    std::optional<std::int64_t> integer(std::string_view name) const;
    /// A string of 1 to property_id_bytes_max bytes, or an integer as text.
    std::optional<std::string> id(std::string_view name) const;
    /// The members of a member; none if it is no object.
    Properties object(std::string_view name) const;

  private:
    friend class PropertiesReader;
    explicit Properties(json::Object members) : members_(members) {}

    std::optional<json::Element> member(std::string_view name) const;

    std::optional<json::Object> members_;
};

/// Reads an event's properties or context: canonical JSON objects. Owns the memory of the last document: what
/// read() gave before is gone with the next one. One a thread.
class PropertiesReader {
  public:
    /// What is no object reads as one without members.
    Properties read(std::string_view canonical);

  private:
    json::Reader reader_;
};

}  // namespace activity::workers
