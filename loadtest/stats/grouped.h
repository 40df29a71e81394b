#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace activity::loadtest {

/// `15,000`: for people.
inline std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3)
        text.insert(static_cast<std::size_t>(place), ",");
    return text;
}

}  // namespace activity::loadtest
