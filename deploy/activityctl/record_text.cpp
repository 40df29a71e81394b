#include "deploy/activityctl/record_text.h"

#include <simdjson.h>
#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "deploy/activityctl/table.h"
#include "schemas/activity/timestamp.h"

namespace activity::ctl {
namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string time_text(std::int64_t timestamp_ms) {
    return format_timestamp(Timestamp{std::chrono::milliseconds{timestamp_ms}});
}

bool is_text(std::string_view bytes) {
    return simdjson::validate_utf8(bytes.data(), bytes.size());
}

/// For a terminal: no control characters, and of bytes that are not UTF-8 only their number.
std::string shown(std::string_view bytes) {
    return is_text(bytes) ? printable(bytes)
                          : "<" + std::to_string(bytes.size()) + " bytes that are not UTF-8>";
}

bool repeats_a_name(const wire::Headers& headers) {
    std::set<std::string_view> names;
    return std::ranges::any_of(headers,
                               [&](const auto& header) { return !names.insert(header.first).second; });
}

/// The bytes that a JSON value stands for; nothing if it is malformed base64.
std::optional<std::string> bytes_of(json::Element element) {
    std::string_view text;
    if (!element.get(text)) return std::string(text);
    json::Object object;
    if (!element.get(object) && object.size() == 1 && !object["base64"].get(text)) return from_base64(text);
    return simdjson::to_string(element);
}

std::string read_headers(json::Element element, wire::Headers& headers) {
    const auto add = [&](std::string_view name, json::Element value) {
        const auto bytes = bytes_of(value);
        if (bytes) headers.emplace_back(name, *bytes);
        return bytes.has_value();
    };
    json::Object object;
    json::Array array;
    if (!element.get(object)) {
        for (const auto [name, value] : object) {
            if (!add(name, value)) return "headers." + std::string(name) + " is not base64";
        }
        return "";
    }
    if (!element.get(array)) {
        for (const json::Element entry : array) {
            json::Array pair;
            std::string_view name;
            if (entry.get(pair) || pair.size() != 2 || pair.at(0).get(name))
                return "headers must hold pairs [name, value]";
            if (!add(name, pair.at(1).value_unsafe()))
                return "headers: " + std::string(name) + " is not base64";
        }
        return "";
    }
    return "headers must be an object, or an array of pairs";
}

}  // namespace

std::string base64(std::string_view bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t n) {
            return i + n < bytes.size() ? static_cast<unsigned char>(bytes[i + n]) : 0U;
        };
        const std::uint32_t bits = byte(0) << 16U | byte(1) << 8U | byte(2);
        const std::size_t digits = std::min<std::size_t>(bytes.size() - i, 3) + 1;
        for (std::size_t d = 0; d < 4; ++d)
            text += d < digits ? base64_digits[(bits >> (18 - 6 * d)) & 63U] : '=';
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    while (!text.empty() && text.back() == '=' && text.size() % 4 != 2) text.remove_suffix(1);
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char digit : text) {
        const auto value = base64_digits.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU);
        }
    }
    return bytes;
}

void RecordText::append_bytes(std::string& out, std::string_view bytes) {
    if (is_text(bytes)) {
        json::append_string(out, bytes);
    } else {
        out += R"({"base64":")" + base64(bytes) + "\"}";
    }
}

void RecordText::append_value(std::string& out, std::string_view value) {
    if (value.starts_with('{') || value.starts_with('[')) {
        const auto read = reader_.read(value);
        const auto* element = std::get_if<json::Element>(&read);
        json::Object object;
        const bool looks_like_base64 =
            element != nullptr && !element->get(object) && object.size() == 1 && !object["base64"].error();
        if (element != nullptr && !looks_like_base64 && simdjson::to_string(*element) == value) {
            out += value;
            return;
        }
    }
    append_bytes(out, value);
}

std::string RecordText::text(const ShownRecord& record) {
    std::string out(record.topic);
    out += " [" + std::to_string(record.partition) + "] @ " + std::to_string(record.offset);
    if (record.timestamp_ms >= 0) out += "  " + time_text(record.timestamp_ms);
    out += "  key " + (record.key.empty() ? "-" : shown(record.key));
    for (const auto& [name, value] : record.headers) out += "  " + printable(name) + "=" + shown(value);
    out += "\n    " + shown(record.value) + "\n";
    return out;
}

std::string RecordText::json(const ShownRecord& record) {
    std::string out = "{\"topic\":";
    json::append_string(out, record.topic);
    out += ",\"partition\":" + std::to_string(record.partition) +
           ",\"offset\":" + std::to_string(record.offset) + ",\"timestamp\":";
    out += record.timestamp_ms < 0 ? "null" : "\"" + time_text(record.timestamp_ms) + "\"";
    out += ",\"key\":";
    append_bytes(out, record.key);
    const bool pairs = repeats_a_name(record.headers);
    out += pairs ? ",\"headers\":[" : ",\"headers\":{";
    bool first = true;
    for (const auto& [name, value] : record.headers) {
        if (!std::exchange(first, false)) out += ',';
        if (pairs) out += '[';
        json::append_string(out, name);
        out += pairs ? ',' : ':';
        append_bytes(out, value);
        if (pairs) out += ']';
    }
    out += pairs ? "]" : "}";
    out += ",\"value\":";
    append_value(out, record.value);
    out += "}\n";
    return out;
}

std::variant<RecordText::Parsed, std::string> RecordText::parse(std::string_view line) {
    const auto read = reader_.read(line);
    if (const auto* rejection = std::get_if<Rejection>(&read)) return "it is not JSON: " + rejection->message;
    json::Object object;
    if (std::get<json::Element>(read).get(object))
        return "it must be an object such as {\"key\": \"…\", \"value\": …}";
    Parsed parsed;
    bool has_value = false;
    bool was_consumed = false;
    for (const auto [name, value] : object) {
        if (name == "value") {
            if (value.is_null()) return "value: a tombstone (null) can't be produced";
            auto bytes = bytes_of(value);
            if (!bytes) return "value is not base64";
            parsed.value = std::move(*bytes);
            has_value = true;
        } else if (name == "key") {
            if (value.is_null()) continue;
            if (!value.is_string() && !value.is_object()) return "key must be a string";
            parsed.key = bytes_of(value);
            if (!parsed.key) return "key is not base64";
        } else if (name == "headers") {
            if (auto mistake = read_headers(value, parsed.headers); !mistake.empty()) return mistake;
        } else if (name == "partition") {
            std::int64_t partition = 0;
            if (value.get(partition) || partition < 0 ||
                partition > std::numeric_limits<std::int32_t>::max()) {
                return "partition must be a whole number from 0";
            }
            parsed.partition = static_cast<std::int32_t>(partition);
        } else if (name == "offset") {
            was_consumed = true;
        } else if (name != "topic" && name != "timestamp") {
            return "'" + printable(name) + "' is not known; a record has key, headers, value and partition";
        }
    }
    if (!has_value) return "value is missing";
    if (was_consumed) parsed.partition.reset();
    return parsed;
}

}  // namespace activity::ctl
