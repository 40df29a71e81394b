#include "deploy/activityctl/context.h"

#include "schemas/wire/client_settings.h"

namespace activity::ctl {

Settings read_settings(service::SettingsReader& reader) {
    Settings settings;
    settings.bootstrap = reader.text("ACTIVITY_KAFKA_BOOTSTRAP", "host:port[,host:port] of Kafka", "");
    settings.client_options = wire::read_client_options(reader);
    // Not secret(): commands that need no database must run without it. The value is never shown all the
    // same.
    settings.postgres_url = reader.text("ACTIVITY_POSTGRES_URL", "libpq URL or keywords of PostgreSQL", "");
    settings.topic_prefix =
        reader.text("ACTIVITY_TOPIC_PREFIX", "put before every topic's name", "activity.");
    settings.group_prefix = reader.text("ACTIVITY_GROUP_PREFIX", "put before every group's name", "");
    settings.catalogue =
        reader.text("ACTIVITY_CATALOGUE", "path of catalogue.toml", Catalogue::default_file().string());
    settings.migrations =
        reader.text("ACTIVITY_MIGRATIONS", "directory of the SQL files", ACTIVITY_MIGRATIONS_DEFAULT);
    settings.sources = reader.text("ACTIVITY_SOURCES", "path of sources.toml", "");
    // A tool's log is for the person at the terminal; it only speaks when something is wrong.
    settings.log.level = reader.one_of("ACTIVITY_LOG_LEVEL", "least important level that is written", "error",
                                       {"trace", "debug", "info", "warn", "error"});
    settings.log.format =
        reader.one_of("ACTIVITY_LOG_FORMAT", "form of the log on stderr", "text", {"json", "text"});
    return settings;
}

wire::ClusterSettings Context::cluster() const {
    if (!has_kafka()) {
        throw service::SettingsError(
            "ACTIVITY_KAFKA_BOOTSTRAP: is required (host:port[,host:port] of Kafka); "
            "deploy/status shows the local stack's");
    }
    return {settings_.bootstrap, settings_.client_options};
}

wire::Admin Context::admin() const {
    return wire::Admin(cluster(), timeout());
}

Database Context::database() const {
    if (!has_database()) {
        throw service::SettingsError(
            "ACTIVITY_POSTGRES_URL: is required (libpq URL or keywords of PostgreSQL); "
            "deploy/status shows the local stack's");
    }
    return Database(settings_.postgres_url, timeout());
}

Catalogue Context::catalogue() const {
    return Catalogue::load(settings_.catalogue);
}

std::string Context::topic(const std::string& name) const {
    return exact || name.starts_with(settings_.topic_prefix) ? name : settings_.topic_prefix + name;
}

std::string Context::worker_group(const std::string& name) const {
    return settings_.group_prefix + "activity-" + name;
}

std::string Context::short_group(const std::string& name) const {
    for (const auto& before : {worker_group(""), std::string("activity-")}) {
        if (name.starts_with(before)) return name.substr(before.size());
    }
    return name;
}

}  // namespace activity::ctl
