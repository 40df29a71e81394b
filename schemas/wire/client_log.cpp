#include "schemas/wire/client_log.h"

#include "schemas/service/log.h"

namespace activity::wire {
namespace {

/// syslog's scale: up to 3 an error, 4 a warning, 5 and 6 news, 7 details that somebody asked for.
spdlog::level::level_enum log_level(int syslog_level) {
    if (syslog_level <= 3) return spdlog::level::err;
    if (syslog_level == 4) return spdlog::level::warn;
    return syslog_level <= 6 ? spdlog::level::info : spdlog::level::debug;
}

void on_log(const rd_kafka_t* /*client*/, int level, const char* facility, const char* text) {
    service::log(log_level(level), "kafka client", {{"facility", facility}, {"text", text}});
}

}  // namespace

void log_client_lines(rd_kafka_conf_t& conf) {
    rd_kafka_conf_set_log_cb(&conf, on_log);
}

}  // namespace activity::wire
