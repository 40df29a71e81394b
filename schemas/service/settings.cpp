#include "schemas/service/settings.h"

#include <toml++/toml.h>
#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>

extern char** environ;  // NOLINT(readability-identifier-naming): the name is POSIX's

namespace activity::service {
namespace {

constexpr std::string_view file_setting = "ACTIVITY_CONFIG";

template <typename Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<Address> parse_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return Address{std::string(host), *port};
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += between;
        text += word;
    }
    return text;
}

SettingsReader::Values environment() {
    SettingsReader::Values values;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (!text.starts_with("ACTIVITY_") || equals == std::string_view::npos) continue;
        values.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return values;
}

}  // namespace

std::string Address::text() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

SettingsReader::SettingsReader(Values values) : values_(std::move(values)) {
    const auto file = values_.find(file_setting);
    if (file == values_.end() || file->second.empty()) return;
    try {
        for (const auto& [key, node] : toml::parse_file(file->second)) {
            std::string name(key.str());
            std::ostringstream value;
            if (const auto text = node.value_exact<std::string>()) {
                value << *text;
            } else if (const auto whole = node.value_exact<std::int64_t>()) {
                value << *whole;
            } else if (const auto flag = node.value_exact<bool>()) {
                value << (*flag ? "true" : "false");
            } else {
                mistake(name + " (in " + file->second + "): must be a string, a whole number or a boolean");
                continue;
            }
            if (!values_.emplace(name, value.str()).second) {
                mistake(name + ": given both in the environment and in " + file->second + "; keep one");
            }
        }
    } catch (const toml::parse_error& error) {
        mistake(std::string(file_setting) + ": cannot read " + file->second + ": " +
                std::string(error.description()));
    }
}

SettingsReader SettingsReader::from_environment() {
    return SettingsReader(environment());
}

const std::string* SettingsReader::find(const std::string& name, const std::string& fallback,
                                        const std::string& help) {
    declared_.push_back({name, fallback, help});
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

std::string SettingsReader::required(const std::string& name, const std::string& help) {
    const std::string* value = find(name, "(required)", help);
    if (value != nullptr && !value->empty()) return *value;
    mistake(name + ": is required (" + help + ")");
    return {};
}

std::string SettingsReader::secret(const std::string& name, const std::string& help) {
    return required(name, help);
}

std::string SettingsReader::text(const std::string& name, const std::string& help,
                                 const std::string& fallback) {
    const std::string* value = find(name, fallback, help);
    return value == nullptr ? fallback : *value;
}

std::int64_t SettingsReader::integer(const std::string& name, const std::string& help, std::int64_t fallback,
                                     std::int64_t min, std::int64_t max) {
    const std::string* value = find(name, std::to_string(fallback), help);
    if (value == nullptr) return fallback;
    const auto parsed = number<std::int64_t>(*value);
    if (parsed && *parsed >= min && *parsed <= max) return *parsed;
    mistake(name + ": must be a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
            ", is '" + *value + "'");
    return fallback;
}

std::chrono::milliseconds SettingsReader::milliseconds(const std::string& name, const std::string& help,
                                                       std::chrono::milliseconds fallback,
                                                       std::chrono::milliseconds min,
                                                       std::chrono::milliseconds max) {
    return std::chrono::milliseconds(integer(name, help, fallback.count(), min.count(), max.count()));
}

Address SettingsReader::address(const std::string& name, const std::string& help,
                                const std::string& fallback) {
    const std::string value = text(name, help, fallback);
    if (const auto address = parse_address(value)) return *address;
    mistake(name + ": must be host:port, is '" + value + "'");
    return {};
}

std::string SettingsReader::one_of(const std::string& name, const std::string& help,
                                   const std::string& fallback, const std::vector<std::string>& allowed) {
    const std::string value = text(name, help + " (" + joined(allowed, ", ") + ")", fallback);
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
    mistake(name + ": must be one of " + joined(allowed, ", ") + ", is '" + value + "'");
    return fallback;
}

void SettingsReader::mistake(std::string text) {
    mistakes_.push_back(std::move(text));
}

void SettingsReader::finish() const {
    if (!mistakes_.empty()) throw SettingsError(joined(mistakes_, "\n"));
}

std::string SettingsReader::help() const {
    std::size_t name_width = 0;
    std::size_t fallback_width = 0;
    for (const Declared& setting : declared_) {
        name_width = std::max(name_width, setting.name.size());
        fallback_width = std::max(fallback_width, std::min<std::size_t>(setting.fallback.size(), 24));
    }
    std::ostringstream out;
    out << "Settings (environment variables, or names in the TOML file that " << file_setting << " names):\n";
    for (const Declared& setting : declared_) {
        out << "  " << setting.name << std::string(name_width - setting.name.size() + 2, ' ')
            << setting.fallback
            << std::string(fallback_width - std::min(fallback_width, setting.fallback.size()) + 2, ' ')
            << setting.help << "\n";
    }
    return out.str();
}

}  // namespace activity::service
