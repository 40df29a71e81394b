#include "schemas/wire/client_options.h"

#include <stdexcept>

namespace activity::wire {

ClientOptions parse_client_options(std::string_view text) {
    ClientOptions options;
    while (!text.empty()) {
        const std::size_t end = text.find(';');
        const std::string_view part = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (part.empty()) continue;
        const std::size_t equals = part.find('=');
        if (equals == 0 || equals == std::string_view::npos) {
            throw std::invalid_argument("'" + std::string(part) + "' is not name=value");
        }
        if (!options.emplace(part.substr(0, equals), part.substr(equals + 1)).second) {
            throw std::invalid_argument("'" + std::string(part.substr(0, equals)) + "' is given twice");
        }
    }
    return options;
}

}  // namespace activity::wire
