// activity-receipts: tells the holder of a write key what became of a message. It only reads.

#include <prometheus/registry.h>
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ingest/receipts/current_sources.h"
#include "ingest/receipts/endpoint.h"
#include "ingest/receipts/event_store.h"
#include "ingest/receipts/lookup.h"
#include "ingest/receipts/metrics.h"
#include "ingest/receipts/record_search.h"
#include "ingest/receipts/settings.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/service/admin_endpoint.h"
#include "schemas/service/log.h"
#include "schemas/service/signals.h"

namespace activity::receipts {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_settings = 2;

/// Loads what a setting names; a mistake in the file is told with the other mistakes.
template <typename Load>
auto load(service::SettingsReader& reader, Load from_file) -> std::optional<decltype(from_file())> {
    try {
        return from_file();
    } catch (const std::runtime_error& error) {
        reader.mistake(error.what());
        return std::nullopt;
    }
}

service::Health health(PostgresEventStore& store) {
    try {
        store.ping();
        return {true, "ready"};
    } catch (const Unavailable& unavailable) {
        return {false, unavailable.what()};
    }
}

int run(Settings settings, const Catalogue& catalogue, Sources first_sources) {
    for (const auto& topic : catalogue.topics())
        settings.search.event_topics.push_back(settings.topic_prefix + topic.name);
    const auto registry = std::make_shared<prometheus::Registry>();
    Metrics metrics(*registry);
    CurrentSources sources(std::move(first_sources), settings.sources);
    PostgresEventStore store(settings.postgres);
    KafkaSearch search(settings.search, metrics.records_searched);
    Lookup lookup(store, search);
    const Endpoint endpoint(
        settings.endpoint, [&](std::string_view key) { return sources.find(key); },
        [&](const std::string& message_id, std::string_view source) {
            return lookup.find(message_id, source);
        },
        metrics);
    const service::AdminEndpoint admin(settings.admin, registry, [&] { return health(store); });
    service::log_info("ready", {{"receipts", endpoint.address().text()}, {"admin", admin.address().text()}});
    const int signal = service::wait_for_termination();
    service::log_info("stopping", {{"signal", std::to_string(signal)}});
    return 0;
}

int main_of(int argc, char** argv) {
    auto reader = service::SettingsReader::from_environment();
    Settings settings = read_settings(reader);

    CLI::App app("activity-receipts: tells the holder of a write key what became of a message");
    bool check = false;
    app.add_flag("--check", check, "check the settings and the files that they name, and exit");
    app.set_version_flag("--version", ACTIVITY_VERSION);
    app.footer(reader.help());
    CLI11_PARSE(app, argc, argv);

    const auto catalogue = load(reader, [&] { return Catalogue::load(settings.catalogue); });
    std::optional<Sources> sources;
    if (!settings.sources.empty()) sources = load(reader, [&] { return Sources::load(settings.sources); });
    reader.finish();
    if (check) {
        std::cout << "settings are good\n";
        return 0;
    }
    service::block_termination_signals();
    service::start_log("activity-receipts", settings.log);
    return run(std::move(settings), *catalogue, *std::move(sources));
}

}  // namespace
}  // namespace activity::receipts

int main(int argc, char** argv) {
    try {
        return activity::receipts::main_of(argc, argv);
    } catch (const activity::service::SettingsError& error) {
        std::cerr << error.what() << '\n';
        return activity::receipts::exit_settings;
    } catch (const std::exception& error) {
        std::cerr << "activity-receipts: " << error.what() << '\n';
        return activity::receipts::exit_failed;
    }
}
