#include "workers/groups/properties.h"

#include <cmath>
#include <variant>

namespace activity::workers {

std::optional<json::Element> Properties::member(std::string_view name) const {
    json::Element value;
    if (!members_ || members_->at_key(name).get(value)) return std::nullopt;
    return value;
}

std::optional<std::string_view> Properties::text(std::string_view name) const {
    std::string_view text;
    const auto value = member(name);
    if (!value || value->get(text)) return std::nullopt;
    return text;
}

std::optional<bool> Properties::boolean(std::string_view name) const {
    bool boolean = false;
    const auto value = member(name);
    if (!value || value->get(boolean)) return std::nullopt;
    return boolean;
}

std::optional<std::int64_t> Properties::integer(std::string_view name) const {
    const auto value = member(name);
    if (!value) return std::nullopt;
    std::int64_t integer = 0;
    if (!value->get(integer)) return integer;
    // The canonical form keeps 3.0 a double. Beyond 2^53 a double no longer tells neighbours apart.
    constexpr double exact_max = 9'007'199'254'740'992.0;
    double number = 0;
    if (!value->is_double() || value->get(number)) return std::nullopt;
    if (std::trunc(number) != number || std::abs(number) > exact_max) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

std::optional<std::string> Properties::id(std::string_view name) const {
    if (const auto found = text(name)) {
        if (found->empty() || found->size() > property_id_bytes_max) return std::nullopt;
        return std::string(*found);
    }
    if (const auto number = integer(name)) return std::to_string(*number);
    return std::nullopt;
}

Properties Properties::object(std::string_view name) const {
    json::Object members;
    const auto value = member(name);
    if (!value || value->get(members)) return Properties();
    return Properties(members);
}

Properties PropertiesReader::read(std::string_view canonical) {
    if (canonical.size() <= 2) return Properties();  // {}
    const auto document = reader_.read(canonical);
    const auto* element = std::get_if<json::Element>(&document);
    json::Object members;
    if (element == nullptr || element->get(members)) return Properties();
    return Properties(members);
}

}  // namespace activity::workers
