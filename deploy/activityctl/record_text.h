#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "schemas/activity/json.h"
#include "schemas/wire/record.h"

namespace activity::ctl {

/// A record as Kafka gave it, to be shown.
struct ShownRecord {
    std::string_view topic;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::int64_t timestamp_ms = -1;
    std::string_view key;
    wire::Headers headers;
    std::string_view value;
};

/// Writes records for people and for programs, and reads the latter back. One a thread.
///
/// What json() writes, parse() reads back to the same bytes of key, headers and value: a value is nested as
/// JSON only if it is an object or an array in exactly the form that is written back; text that is not UTF-8
/// is
/// `{"base64": "…"}`; headers are an object, or an array of pairs where a name comes twice.
class RecordText {
  public:
    /// Two lines: where, when, key and headers; the value below.
    std::string text(const ShownRecord& record);
    /// One line.
    std::string json(const ShownRecord& record);

    struct Parsed {
        std::optional<std::string> key;
        wire::Headers headers;
        std::string value;
        std::optional<std::int32_t> partition;
    };
    /// `{"key": "…", "headers": {…}, "value": …, "partition": n}`: only the value must be there; a string is
    /// the value itself, anything else is written as JSON. A line of json() is taken too: its topic, offset
    /// and timestamp say where it was, and so does its partition, which is therefore not kept. The second
    /// alternative says what is wrong.
    std::variant<Parsed, std::string> parse(std::string_view line);

  private:
    void append_bytes(std::string& out, std::string_view bytes);
    void append_value(std::string& out, std::string_view value);

    json::Reader reader_;
};

std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace activity::ctl
