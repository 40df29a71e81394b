#include "schemas/activity/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace activity::json {
namespace {

Rejection parse_error(simdjson::error_code error) {
    switch (error) {
        case simdjson::DEPTH_ERROR:
            return {Reason::nesting_too_deep, "",
                    "nested deeper than " + std::to_string(nesting_max) + " levels"};
        case simdjson::NUMBER_ERROR:
            return {Reason::number_out_of_range, "", "a number is malformed or beyond 64 bits"};
        default: return {Reason::malformed_json, "", simdjson::error_message(error)};
    }
}

void append_escaped(std::string& out, std::string_view text) {
    const auto needs_escape = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
    };
    std::size_t plain_from = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!needs_escape(text[i])) continue;
        out.append(text, plain_from, i - plain_from);
        plain_from = i + 1;
        switch (const char c = text[i]) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            default:
                constexpr char digits[] = "0123456789abcdef";
                out += "\\u00";
                out += digits[static_cast<unsigned char>(c) >> 4];
                out += digits[static_cast<unsigned char>(c) & 15];
        }
    }
    out.append(text, plain_from);
}

template <typename Number>
void append_number(std::string& out, Number number) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out += text;
    // 1.0 stays a double for every reader that tells the two apart.
    if constexpr (std::is_floating_point_v<Number>) {
        if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
    }
}

Rejection nul_in(std::string field) {
    return {Reason::nul_character, std::move(field),
            "holds the character U+0000, which the database cannot store"};
}

/// Puts the place where a rejection was found before the path that it has already.
Rejection below(std::string_view place, Rejection rejection) {
    rejection.field = path(place, rejection.field);
    return rejection;
}

// The two call each other, no deeper than nesting_max: the parser has refused deeper documents.
std::optional<Rejection> append_object(std::string& out, const Object& object) {  // NOLINT(misc-no-recursion)
    if (const auto twice = duplicate_name(object)) {
        return Rejection{Reason::duplicate_key, std::string(*twice), "stands twice in the same object"};
    }
    out += '{';
    bool first = true;
    for (const auto member : object) {
        if (!first) out += ',';
        first = false;
        if (auto rejection = append_member_checked(out, member.key, member.value)) return rejection;
    }
    out += '}';
    return std::nullopt;
}

std::optional<Rejection> append_array(std::string& out, const Array& array) {  // NOLINT(misc-no-recursion)
    out += '[';
    std::size_t index = 0;
    for (const Element item : array) {
        if (index != 0) out += ',';
        if (auto rejection = append_checked(out, item)) {
            return below("[" + std::to_string(index) + "]", *std::move(rejection));
        }
        ++index;
    }
    out += ']';
    return std::nullopt;
}

}  // namespace

// Few names are compared pairwise; many are sorted.
std::optional<std::string_view> duplicate_name(const Object& object) {
    constexpr std::size_t pairwise_max = 16;
    std::array<std::string_view, pairwise_max> few;
    std::size_t count = 0;
    for (const auto member : object) {
        if (count == pairwise_max) break;
        for (std::size_t i = 0; i < count; ++i) {
            if (few[i] == member.key) return member.key;
        }
        few[count++] = member.key;
    }
    if (count < pairwise_max) return std::nullopt;
    std::vector<std::string_view> names;
    for (const auto member : object) names.push_back(member.key);
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    if (twin == names.end()) return std::nullopt;
    return *twin;
}

std::variant<Element, Rejection> Reader::read(std::string& text) {
    if (!allocated_) {
        // The depth is set here once; the buffers grow with the documents.
        if (const auto error = parser_.allocate(16 * 1024, levels_max_)) return parse_error(error);
        allocated_ = true;
    }
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    Element element;
    if (const auto error = parser_.parse(text.data(), text.size(), false).get(element))
        return parse_error(error);
    return element;
}

std::variant<Element, Rejection> Reader::read(std::string_view text) {
    copy_.assign(text);
    return read(copy_);
}

std::optional<Rejection> append_checked(std::string& out, Element element) {  // NOLINT(misc-no-recursion)
    switch (element.type()) {
        case simdjson::dom::element_type::OBJECT: return append_object(out, Object(element));
        case simdjson::dom::element_type::ARRAY: return append_array(out, Array(element));
        case simdjson::dom::element_type::STRING: {
            const std::string_view text(element);
            if (has_nul(text)) return nul_in("");
            append_string(out, text);
            return std::nullopt;
        }
        case simdjson::dom::element_type::INT64:
            append_number(out, std::int64_t(element));
            return std::nullopt;
        case simdjson::dom::element_type::UINT64:
            append_number(out, std::uint64_t(element));
            return std::nullopt;
        case simdjson::dom::element_type::DOUBLE: append_number(out, double(element)); return std::nullopt;
        case simdjson::dom::element_type::BOOL: out += bool(element) ? "true" : "false"; return std::nullopt;
        case simdjson::dom::element_type::NULL_VALUE: out += "null"; return std::nullopt;
    }
    return Rejection{Reason::malformed_json, "", "of no JSON type"};
}

std::optional<Rejection> append_member_checked(std::string& out,  // NOLINT(misc-no-recursion)
                                               std::string_view name, Element value) {
    if (has_nul(name)) return nul_in("");
    append_string(out, name);
    out += ':';
    if (auto rejection = append_checked(out, value)) return below(name, *std::move(rejection));
    return std::nullopt;
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && (text[bytes_max] & 0xc0) == 0x80) --bytes_max;
    return text.substr(0, bytes_max);
}

bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::optional<Rejection> read_object(std::string& out, std::string_view name, Element value) {
    if (!value.is_object()) return wrong_type(name, "an object");
    out.clear();
    auto rejection = append_checked(out, value);
    if (rejection) rejection->field = path(name, rejection->field);
    return rejection;
}

std::optional<Rejection> read_text(std::string& out, std::string_view name, Element value) {
    std::string_view view;
    if (value.get(view)) return wrong_type(name, "a string");
    if (has_nul(view)) return nul_in(std::string(name));
    out = view;
    return std::nullopt;
}

Rejection wrong_type(std::string_view name, std::string_view wanted) {
    return {Reason::wrong_type, std::string(name), "must be " + std::string(wanted)};
}

std::string path(std::string_view parent, std::string_view member) {
    std::string text(parent);
    if (!parent.empty() && !member.empty() && member.front() != '[') text += '.';
    text += member;
    return text;
}

}  // namespace activity::json
