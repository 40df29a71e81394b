#include "schemas/sources/source.h"

#include <openssl/sha.h>
#include <algorithm>

namespace activity {
namespace {

/// `https://*.school.example` takes every host below, not the host itself; `http://localhost:*` any port.
bool origin_matches(std::string_view rule, std::string_view origin) {
    if (rule.ends_with(":*")) {
        rule.remove_suffix(2);
        const std::size_t port = origin.rfind(':');
        const bool has_port = port != std::string_view::npos && origin.substr(port).starts_with(":") &&
                              !origin.substr(port).starts_with("://");
        if (has_port) origin = origin.substr(0, port);
    }
    const std::size_t star = rule.find("//*.");
    if (star == std::string_view::npos) return rule == origin;
    const std::string_view scheme = rule.substr(0, star + 2);
    const std::string_view below = rule.substr(star + 3);  // with its dot
    return origin.size() > scheme.size() + below.size() && origin.starts_with(scheme) &&
           origin.ends_with(below);
}

}  // namespace

KeyHash hash_key(std::string_view write_key) {
    KeyHash hash{};
    ::SHA256(reinterpret_cast<const unsigned char*>(write_key.data()), write_key.size(), hash.data());
    return hash;
}

std::string format_hash(const KeyHash& hash) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : hash) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<KeyHash> parse_hash(std::string_view hex) {
    KeyHash hash{};
    if (hex.size() != 2 * hash.size()) return std::nullopt;
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const char c = hex[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return std::nullopt;
        hash[i / 2] = static_cast<std::uint8_t>(hash[i / 2] << 4 | digit);
    }
    return hash;
}

bool lists_origin(const Source& source, std::string_view origin) {
    return std::any_of(source.origins.begin(), source.origins.end(), [origin](const std::string& rule) {
        return rule != "*" && origin_matches(rule, origin);
    });
}

bool takes_any_origin(const Source& source) {
    return std::find(source.origins.begin(), source.origins.end(), "*") != source.origins.end();
}

}  // namespace activity
