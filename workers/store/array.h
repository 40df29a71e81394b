#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace activity::workers {

/// A PostgreSQL array of one member of all items, numbers or texts.
template <typename Items, typename Member>
std::string array(const Items& items, Member&& member) {
    std::string out = "{";
    for (const auto& item : items) {
        if (out.size() > 1) out += ',';
        const auto& value = member(item);
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
            out += std::to_string(value);
        } else {
            out += '"';
            for (const char c : std::string_view(value)) {
                if (c == '"' || c == '\\') out += '\\';
                out += c;
            }
            out += '"';
        }
    }
    return out + '}';
}

}  // namespace activity::workers
