#include "schemas/wire/client_options.h"

#include <stdexcept>

namespace activity::wire {

ClientOptions parse_client_options(std::string_view text) {
    ClientOptions options;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find(';');
        const std::string_view part = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (part.empty()) continue;
        const std::size_t equals = part.find('=');
        if (equals == 0 || equals == std::string_view::npos) {
            // Not the part: it may be a piece of a password.
            throw std::invalid_argument("part " + std::to_string(number) + " is not name=value");
        }
        if (!options.emplace(part.substr(0, equals), part.substr(equals + 1)).second) {
            throw std::invalid_argument("'" + std::string(part.substr(0, equals)) + "' is given twice");
        }
    }
    return options;
}

}  // namespace activity::wire
