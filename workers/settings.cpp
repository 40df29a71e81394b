#include "workers/settings.h"

#include <array>
#include <chrono>
#include <stdexcept>

#include "schemas/catalogue/catalogue.h"
#include "schemas/wire/client_settings.h"
#include "schemas/wire/group_topics.h"
#include "workers/groups/leaderboard/rules.h"
#include "workers/store/connection.h"

namespace activity::workers {

Settings read_settings(service::SettingsReader& reader) {
    using std::chrono::milliseconds;
    Settings settings;
    auto& cluster = settings.consumer.cluster;
    cluster.bootstrap = reader.required("ACTIVITY_KAFKA_BOOTSTRAP", "Kafka's brokers, host:port[,host:port]");
    cluster.options = wire::read_client_options(reader);
    settings.postgres = reader.secret("ACTIVITY_POSTGRES_URL", "libpq URL or keyword string of the database");
    try {
        if (!settings.postgres.empty()) check_conninfo(settings.postgres);
    } catch (const std::invalid_argument& error) {
        reader.mistake(std::string("ACTIVITY_POSTGRES_URL: ") + error.what());
    }
    settings.topic_prefix =
        reader.text("ACTIVITY_TOPIC_PREFIX", "before the name of every topic", "activity.");
    settings.group_prefix = reader.text("ACTIVITY_GROUP_PREFIX", "before the ID of the Kafka group", "");
    settings.catalogue =
        reader.text("ACTIVITY_CATALOGUE", "path of catalogue.toml", Catalogue::default_file().string());
    const auto rules =
        reader.text("ACTIVITY_LEADERBOARD_RULES", "path of points.toml, for the group leaderboard",
                    PointsRules::default_file().string());
    try {
        PointsRules::load(rules);
    } catch (const PointsRulesError& error) {
        reader.mistake(std::string("ACTIVITY_LEADERBOARD_RULES: ") + error.what());
    }
    settings.batch.records_max = static_cast<std::size_t>(
        reader.integer("ACTIVITY_WORKER_BATCH_MAX_RECORDS", "records of a transaction", 10'000, 1, 1'000'000));
    settings.batch.bytes_max = static_cast<std::size_t>(reader.integer(
        "ACTIVITY_WORKER_BATCH_MAX_BYTES", "bytes of a transaction's records", 8'388'608, 1, 1'073'741'824));
    settings.batch.age_max =
        reader.milliseconds("ACTIVITY_WORKER_BATCH_MAX_AGE_MS", "how long a record waits for others",
                            milliseconds(500), milliseconds(1), milliseconds(60'000));
    constexpr std::array<milliseconds, wire::retry_tiers> delays{
        std::chrono::seconds(30), std::chrono::minutes(5), std::chrono::hours(1)};
    for (std::size_t i = 0; i < delays.size(); ++i) {
        settings.retry_delays.push_back(
            reader.milliseconds("ACTIVITY_WORKER_RETRY_" + std::to_string(i + 1) + "_DELAY_MS",
                                "how long a record is put off the " + std::to_string(i + 1) + ". time",
                                delays[i], milliseconds(1), std::chrono::days(1)));
    }
    settings.newest_lane_behind_records =
        reader.integer("ACTIVITY_WORKER_NEWEST_LANE_BEHIND_RECORDS",
                       "backlog of a partition from which on a lane beside reads its newest records, for "
                       "groups that can; 0: never",
                       50'000, 0, 1'000'000'000);
    settings.consumer.session_timeout =
        reader.milliseconds("ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "silence after which others take over",
                            milliseconds(45'000), milliseconds(1'000), milliseconds(1'800'000));
    settings.consumer.instance_id = reader.text("ACTIVITY_KAFKA_INSTANCE_ID",
                                                "stable name of this process in its group; empty: none", "");
    settings.admin = reader.address("ACTIVITY_ADMIN_ADDRESS",
                                    "host:port of /metrics, /health/live, /health/ready", "127.0.0.1:8091");
    settings.log = service::read_log_settings(reader);
    return settings;
}

}  // namespace activity::workers
