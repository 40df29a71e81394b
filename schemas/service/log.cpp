#include "schemas/service/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include "schemas/activity/json.h"

namespace activity::service {
namespace {

bool as_json = true;

std::string json_members(std::string_view message, const Fields& fields) {
    std::string out = "\"message\":";
    json::append_string(out, message);
    for (const auto& [name, value] : fields) {
        out += ',';
        json::append_string(out, name);
        out += ':';
        json::append_string(out, value);
    }
    return out;
}

std::string plain_text(std::string_view message, const Fields& fields) {
    std::string out(message);
    for (const auto& [name, value] : fields) {
        out += ' ';
        out += name;
        out += '=';
        json::append_string(out, value);
    }
    return out;
}

}  // namespace

LogSettings read_log_settings(SettingsReader& reader) {
    LogSettings settings;
    settings.level = reader.one_of("ACTIVITY_LOG_LEVEL", "least important level that is written", "info",
                                   {"trace", "debug", "info", "warn", "error"});
    settings.format =
        reader.one_of("ACTIVITY_LOG_FORMAT", "form of the log on stderr", "json", {"json", "text"});
    return settings;
}

void start_log(const std::string& program, const LogSettings& settings) {
    as_json = settings.format == "json";
    auto logger =
        std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog::level::from_str(settings.level == "warn" ? "warning" : settings.level));
    logger->set_pattern(as_json
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","program":"%n","pid":%P,%v})"
                            : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %n: %v",
                        spdlog::pattern_time_type::utc);
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

void log(spdlog::level::level_enum level, std::string_view message, const Fields& fields) {
    auto* logger = spdlog::default_logger_raw();
    if (logger == nullptr || !logger->should_log(level)) return;
    logger->log(level, as_json ? json_members(message, fields) : plain_text(message, fields));
}

}  // namespace activity::service
