#include "ingest/receipts/settings.h"

#include <chrono>
#include <stdexcept>

#include "schemas/catalogue/catalogue.h"
#include "schemas/wire/client_settings.h"
#include "schemas/wire/rejected.h"

namespace activity::receipts {

Settings read_settings(service::SettingsReader& reader) {
    using std::chrono::milliseconds;
    Settings settings;
    settings.log = service::read_log_settings(reader);
    settings.endpoint.address = reader.address(
        "ACTIVITY_RECEIPTS_ADDRESS", "where receipts are given; port 0 is any free one", "127.0.0.1:8082");
    settings.admin = reader.address("ACTIVITY_ADMIN_ADDRESS",
                                    "where /metrics and /health are; keep it private", "127.0.0.1:8083");
    settings.endpoint.threads = static_cast<std::size_t>(
        reader.integer("ACTIVITY_RECEIPTS_THREADS",
                       "requests at a time; each may hold a connection to PostgreSQL", 4, 1, 64));
    settings.endpoint.message_id_characters_max = static_cast<std::size_t>(
        reader.integer("ACTIVITY_INGEST_MESSAGE_ID_CHARACTERS_MAX",
                       "characters of a message ID, as ingest takes them", 100, 36, 1'000));

    settings.postgres.conninfo = reader.secret(
        "ACTIVITY_POSTGRES_URL", "libpq URL or keyword string of the database, as who may only read");
    try {
        if (!settings.postgres.conninfo.empty()) check_conninfo(settings.postgres.conninfo);
    } catch (const std::invalid_argument& error) {
        reader.mistake(std::string("ACTIVITY_POSTGRES_URL: ") + error.what());
    }
    settings.postgres.statement_timeout = reader.milliseconds(
        "ACTIVITY_RECEIPTS_STATEMENT_TIMEOUT_MS", "how long PostgreSQL may take for a statement",
        settings.postgres.statement_timeout, milliseconds(10), milliseconds(60'000));

    settings.search.cluster.bootstrap =
        reader.required("ACTIVITY_KAFKA_BOOTSTRAP", "Kafka's brokers, host:port[,host:port]");
    settings.search.cluster.options = wire::read_client_options(reader);
    settings.search.records_max = reader.integer("ACTIVITY_RECEIPTS_SEARCH_RECORDS_MAX",
                                                 "records of Kafka that one answer may look through",
                                                 settings.search.records_max, 4, 100'000'000);
    settings.search.time_max = reader.milliseconds(
        "ACTIVITY_RECEIPTS_SEARCH_TIME_MAX_MS", "how long one answer may look through them",
        settings.search.time_max, milliseconds(100), milliseconds(60'000));
    settings.search.searches_max = static_cast<std::ptrdiff_t>(
        reader.integer("ACTIVITY_RECEIPTS_SEARCHES_MAX", "searches at a time; more are answered 429",
                       settings.search.searches_max, 1, 64));

    settings.sources =
        reader.required("ACTIVITY_SOURCES", "file of the sources and their write keys' hashes");
    settings.catalogue =
        reader.text("ACTIVITY_CATALOGUE", "path of catalogue.toml", Catalogue::default_file().string());
    settings.topic_prefix =
        reader.text("ACTIVITY_TOPIC_PREFIX", "before the name of every topic", "activity.");
    const std::string group_prefix =
        reader.text("ACTIVITY_GROUP_PREFIX", "before the ID of the Kafka group", "");
    settings.postgres.group_id = group_prefix + "activity-records";
    settings.search.group = group_prefix + "activity-receipts";
    settings.search.dead_letter_topic = settings.topic_prefix + "records.dead-letter";
    settings.search.rejected_topic = settings.topic_prefix + std::string(wire::rejected_topic);
    return settings;
}

}  // namespace activity::receipts
