#include "workers/groups/profiles/presence.h"

#include "schemas/activity/json.h"

namespace activity::workers {
namespace {

/// Appends a member unless it is absent or empty.
void append(std::string& object, std::string_view name, std::optional<std::string_view> text) {
    if (!text || text->empty()) return;
    object += object.empty() ? '{' : ',';
    json::append_string(object, name);
    object += ':';
    json::append_string(object, json::cut(*text, presence_bytes_max));
}

std::optional<std::string> closed(std::string object) {
    if (object.empty()) return std::nullopt;
    object += '}';
    return object;
}

bool is_country(std::string_view text) {
    const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    return text.size() == 2 && capital(text[0]) && capital(text[1]);
}

}  // namespace

std::optional<std::string> device_of(const Properties& properties) {
    std::string object;
    append(object, "kind", properties.text("kind"));
    append(object, "os", properties.text("os"));
    append(object, "browser", properties.text("browser"));
    return closed(std::move(object));
}

std::optional<std::string> device_of_context(const Properties& context) {
    std::string object;
    append(object, "kind", context.object("device").text("type"));
    append(object, "os", context.object("os").text("name"));
    return closed(std::move(object));
}

std::optional<Location> location_of(const Properties& properties) {
    const auto country = properties.text("country");
    // The front door marks what breaks the schema, and lets it pass.
    if (!country || !is_country(*country)) return std::nullopt;
    return Location{std::string(*country),
                    std::string(json::cut(properties.text("region").value_or(""), presence_bytes_max))};
}

}  // namespace activity::workers
