#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "schemas/activity/event.h"
#include "schemas/activity/json.h"

namespace activity::ingest::fuzz {

/// An invariant. Where it is broken the program ends, and libFuzzer keeps the input.
inline void require(bool holds, const char* rule, std::string_view seen = {}) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n%.*s\n", rule, static_cast<int>(seen.size()), seen.data());
    std::abort();
}

/// Text that must be JSON.
inline json::Element require_json(json::Reader& reader, std::string_view text, const char* what) {
    const auto document = reader.read(text);
    require(std::holds_alternative<json::Element>(document), what, text);
    return std::get<json::Element>(document);
}

/// A value that went to Kafka: a worker reads it, and would write it the same.
inline ActivityEvent require_canonical(EventReader& reader, std::string_view value) {
    auto read = reader.read(value);
    require(std::holds_alternative<ActivityEvent>(read), "a worker can read what the front door wrote",
            value);
    auto event = std::get<ActivityEvent>(std::move(read));
    require(canonical_json(event) == value, "the canonical form of a canonical event is the same", value);
    require(value.find('\0') == std::string_view::npos, "no NUL byte", value);
    const std::size_t id_characters = json::characters(event.message_id);
    require(id_characters >= 1 && id_characters <= 100, "a message ID of 1 to 100 characters", value);
    return event;
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Takes the text before the first line feed off; all of it if there is none.
inline std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

}  // namespace activity::ingest::fuzz
