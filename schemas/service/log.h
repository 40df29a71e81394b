#pragma once

#include <spdlog/spdlog.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/service/settings.h"

namespace activity::service {

struct LogSettings {
    std::string level;   ///< trace, debug, info, warn, error
    std::string format;  ///< json or text
};

LogSettings read_log_settings(SettingsReader& reader);

/// Structured logs on stderr, one line an entry. Call once, first.
void start_log(const std::string& program, const LogSettings& settings);

using Fields = std::vector<std::pair<std::string_view, std::string>>;

/// One entry: a fixed message and named values. Never an event's body, never a key. Any thread.
void log(spdlog::level::level_enum level, std::string_view message, const Fields& fields = {});
inline void log_info(std::string_view message, const Fields& fields = {}) {
    log(spdlog::level::info, message, fields);
}
inline void log_warn(std::string_view message, const Fields& fields = {}) {
    log(spdlog::level::warn, message, fields);
}
inline void log_error(std::string_view message, const Fields& fields = {}) {
    log(spdlog::level::err, message, fields);
}
inline void log_debug(std::string_view message, const Fields& fields = {}) {
    log(spdlog::level::debug, message, fields);
}

}  // namespace activity::service
