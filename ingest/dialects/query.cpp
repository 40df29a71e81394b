#include "ingest/dialects/query.h"

#include <simdjson.h>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace activity::ingest {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Levels that a parameter's name may make: an event needs three.
constexpr std::ptrdiff_t levels_max = 8;

/// The member that a parameter's name leads to, made with the levels above it; nullptr if one of them is a
/// value. A level is an object, also where its name is a number: an array would be as long as that number.
nlohmann::ordered_json* member_at(nlohmann::ordered_json& event, std::string_view name) {
    nlohmann::ordered_json* place = &event;
    for (;;) {
        if (place->is_null()) *place = nlohmann::ordered_json::object();
        if (!place->is_object()) return nullptr;
        const std::size_t dot = name.find('.');
        place = &(*place)[std::string(name.substr(0, dot))];
        if (dot == std::string_view::npos) return place;
        name.remove_prefix(dot + 1);
    }
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high << 4 | low);
                i += 2;
                continue;
            }
        }
        out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
    return out;
}

Query::Query(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('&'), text.size());
        const std::string_view parameter = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (parameter.empty()) continue;
        const std::size_t equals = parameter.find('=');
        parameters_.emplace_back(
            percent_decode(parameter.substr(0, equals), true),
            equals == std::string_view::npos ? "" : percent_decode(parameter.substr(equals + 1), true));
    }
}

std::optional<std::string_view> Query::find(std::string_view name) const {
    const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                    [name](const auto& parameter) { return parameter.first == name; });
    if (found == parameters_.end()) return std::nullopt;
    return found->second;
}

std::variant<std::string, Rejection> pixel_body(const Query& query) {
    auto event = nlohmann::ordered_json::object();
    for (const auto& [name, value] : query.parameters()) {
        if (name == "writeKey" || name.empty()) continue;
        // First: the name stands in a rejection's field, and so in a reply.
        if (!simdjson::validate_utf8(name) || !simdjson::validate_utf8(value))
            return Rejection{Reason::malformed_json, "", "the query is not UTF-8"};
        if (std::count(name.begin(), name.end(), '.') >= levels_max) {
            return Rejection{Reason::nesting_too_deep, name,
                             "must have at most " + std::to_string(levels_max) + " levels"};
        }
        auto* member = member_at(event, name);
        if (member != nullptr && member->is_null())
            *member = value;  // of a name that comes twice the first counts
        if (member == nullptr || !member->is_string()) {
            return Rejection{Reason::duplicate_key, name,
                             "is a value in one parameter and a level in another"};
        }
    }
    // RudderStack's pixel puts quotes around this one.
    if (const auto id = event.find("anonymousId"); id != event.end() && id->is_string()) {
        auto text = id->get<std::string>();
        if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
            *id = text.substr(1, text.size() - 2);
    }
    return event.dump();
}

}  // namespace activity::ingest
