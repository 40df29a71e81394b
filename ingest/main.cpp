// activity-ingest: takes activity events over HTTP and publishes them to Kafka.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

#include "ingest/intake.h"
#include "ingest/metrics.h"
#include "ingest/rejected_events.h"
#include "ingest/server/server.h"
#include "ingest/sources/live_sources.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/service/admin_endpoint.h"
#include "schemas/service/log.h"
#include "schemas/service/settings.h"
#include "schemas/service/signals.h"
#include "schemas/sources/sources.h"
#include "schemas/wire/client_settings.h"
#include "schemas/wire/failure.h"
#include "schemas/wire/producer.h"
#include "schemas/wire/rejected.h"

namespace activity::ingest {
namespace {

using std::chrono::milliseconds;

constexpr int exit_failed = 1;
constexpr int exit_settings = 2;
constexpr milliseconds watch_interval{50};
/// The sources' file is taken over when two looks have seen the same: within half a second of a change.
constexpr int watches_per_sources_poll = 4;

struct Settings {
    service::LogSettings log;
    service::Address address;
    service::Address admin;
    std::size_t threads = 1;
    std::string sources_file;
    std::string catalogue_file;
    std::string topic_prefix;
    wire::ProducerSettings producer;
    ServerLimits server;
    SegmentLimits segment;
    GzipLimits gzip;
    TrustedProxies proxies;
    milliseconds ack_timeout{};
    milliseconds drain_timeout{};
};

std::size_t bytes(std::int64_t value) {
    return static_cast<std::size_t>(value);
}

void read_producer_settings(service::SettingsReader& in, wire::ProducerSettings& out) {
    out.cluster.bootstrap = in.required("ACTIVITY_KAFKA_BOOTSTRAP", "Kafka's brokers, host:port[,host:port]");
    out.cluster.options = wire::read_client_options(in);
    out.linger =
        in.milliseconds("ACTIVITY_INGEST_LINGER_MS", "how long a record waits for others to go with it",
                        out.linger, milliseconds(0), milliseconds(1'000));
    out.delivery_timeout =
        in.milliseconds("ACTIVITY_INGEST_DELIVERY_TIMEOUT_MS", "how long the producer tries",
                        out.delivery_timeout, milliseconds(1'000), milliseconds(3'600'000));
    out.queue_messages_max =
        bytes(in.integer("ACTIVITY_INGEST_QUEUE_MESSAGES_MAX",
                         "records that may wait for Kafka; more are answered 503", 50'000, 1, 10'000'000));
    out.queue_kbytes_max = bytes(in.integer("ACTIVITY_INGEST_QUEUE_KBYTES_MAX",
                                            "KiB of records that may wait for Kafka", 262'144, 1, 2'000'000));
}

void read_limits(service::SettingsReader& in, Settings& out) {
    ServerLimits& server = out.server;
    server.connections_max = bytes(
        in.integer("ACTIVITY_INGEST_CONNECTIONS_MAX", "client connections at a time", 20'000, 1, 1'000'000));
    server.header_bytes_max = bytes(
        in.integer("ACTIVITY_INGEST_HEADER_BYTES_MAX", "bytes of a request's header", 8'192, 512, 65'536));
    server.body_bytes_max = bytes(in.integer("ACTIVITY_INGEST_BODY_BYTES_MAX", "bytes of a request's body",
                                             512'000, 1'024, 16'777'216));
    server.header_timeout = in.milliseconds("ACTIVITY_INGEST_HEADER_TIMEOUT_MS",
                                            "from a request's first byte to the end of its header",
                                            server.header_timeout, milliseconds(100), milliseconds(600'000));
    server.body_timeout = in.milliseconds("ACTIVITY_INGEST_BODY_TIMEOUT_MS",
                                          "from the end of the header to the end of the body",
                                          server.body_timeout, milliseconds(100), milliseconds(600'000));
    server.idle_timeout =
        in.milliseconds("ACTIVITY_INGEST_IDLE_TIMEOUT_MS", "between two requests of a connection",
                        server.idle_timeout, milliseconds(100), milliseconds(3'600'000));
    server.write_timeout =
        in.milliseconds("ACTIVITY_INGEST_WRITE_TIMEOUT_MS", "until a client has taken its reply",
                        server.write_timeout, milliseconds(100), milliseconds(600'000));
    SegmentLimits& segment = out.segment;
    segment.event_bytes_max =
        bytes(in.integer("ACTIVITY_INGEST_EVENT_BYTES_MAX", "bytes of one event", 32'768, 256, 900'000));
    segment.batch_events_max =
        bytes(in.integer("ACTIVITY_INGEST_BATCH_EVENTS_MAX", "events of one batch", 2'500, 1, 100'000));
    segment.message_id_characters_max = bytes(in.integer("ACTIVITY_INGEST_MESSAGE_ID_CHARACTERS_MAX",
                                                         "characters of a message ID", 100, 36, 1'000));
    segment.name_bytes_max = bytes(in.integer("ACTIVITY_INGEST_NAME_BYTES_MAX",
                                              "bytes of an event's name and of a user's ID", 256, 16, 4'096));
    segment.age_max = in.milliseconds("ACTIVITY_INGEST_EVENT_AGE_MAX_MS",
                                      "how long ago an event may have happened without a mark or a refusal",
                                      segment.age_max, milliseconds(60'000), std::chrono::hours(24 * 36'500));
    segment.ahead_max = in.milliseconds("ACTIVITY_INGEST_EVENT_AHEAD_MAX_MS",
                                        "how far ahead of the server's clock it may have happened",
                                        segment.ahead_max, milliseconds(1'000), std::chrono::hours(24 * 365));
    const std::string address =
        in.one_of("ACTIVITY_INGEST_CLIENT_ADDRESS", "what of a client's address is kept, as context.ip",
                  "truncated", {"none", "truncated", "full"});
    segment.address = address == "full"   ? AddressKept::full
                      : address == "none" ? AddressKept::none
                                          : AddressKept::truncated;
    const std::string proxies =
        in.text("ACTIVITY_INGEST_TRUSTED_PROXIES",
                "networks whose X-Forwarded-For and X-Forwarded-Proto are believed: 10.0.0.0/8,::1", "");
    if (const auto parsed = TrustedProxies::parse(proxies)) {
        out.proxies = *parsed;
    } else {
        in.mistake("ACTIVITY_INGEST_TRUSTED_PROXIES must be addresses or networks (address/bits)");
    }
    out.gzip.bytes_max = server.body_bytes_max;
    out.gzip.ratio_max =
        bytes(in.integer("ACTIVITY_INGEST_GZIP_RATIO_MAX",
                         "unpacked bytes for each packed one of a gzip body", 100, 2, 1'032));
    out.ack_timeout =
        in.milliseconds("ACTIVITY_INGEST_ACK_TIMEOUT_MS", "how long a client waits for Kafka before 503",
                        milliseconds(8'000), milliseconds(100), milliseconds(120'000));
    out.drain_timeout = in.milliseconds("ACTIVITY_INGEST_DRAIN_TIMEOUT_MS",
                                        "how long requests may take to finish after SIGTERM",
                                        milliseconds(15'000), milliseconds(0), milliseconds(600'000));
}

Settings read_settings(service::SettingsReader& in) {
    Settings out;
    out.log = service::read_log_settings(in);
    out.address = in.address("ACTIVITY_INGEST_ADDRESS", "where events are taken; port 0 is any free one",
                             "127.0.0.1:8080");
    out.admin = in.address("ACTIVITY_ADMIN_ADDRESS", "where /metrics and /health are; keep it private",
                           "127.0.0.1:8081");
    const auto cores = std::clamp<std::int64_t>(std::thread::hardware_concurrency(), 1, 4);
    out.threads = bytes(in.integer("ACTIVITY_INGEST_THREADS",
                                   "reactor threads; by default one a core, at most 4", cores, 1, 200));
    out.sources_file = in.required("ACTIVITY_SOURCES", "file of the sources and their write keys' hashes");
    out.catalogue_file = in.text("ACTIVITY_CATALOGUE", "file of the catalogue of activities",
                                 Catalogue::default_file().string());
    out.topic_prefix = in.text("ACTIVITY_TOPIC_PREFIX", "put before every topic's name", "activity.");
    read_producer_settings(in, out.producer);
    read_limits(in, out);
    return out;
}

/// Loads what a setting names; a mistake in the file is told with the other mistakes.
template <typename Load>
auto load(service::SettingsReader& in, Load from_file) -> std::optional<decltype(from_file())> {
    try {
        return from_file();
    } catch (const std::runtime_error& error) {
        in.mistake(error.what());
        return std::nullopt;
    }
}

/// Everything that runs, from start to orderly end.
class Program {
  public:
    Program(Settings settings, Catalogue catalogue, Sources sources)
        : settings_(std::move(settings)),
          catalogue_(std::move(catalogue)),
          registry_(std::make_shared<prometheus::Registry>()),
          metrics_(*registry_),
          sources_(std::move(sources), settings_.sources_file, metrics_),
          server_(settings_.address, settings_.threads, settings_.server),
          reports_by_reactor_(settings_.threads),
          producer_(settings_.producer, [this](auto reports) { deliver(reports); }),
          rejected_(producer_, settings_.topic_prefix),
          shared_{catalogue_,        sources_,
                  metrics_,          producer_,
                  rejected_,         settings_.topic_prefix,
                  settings_.segment, settings_.gzip,
                  settings_.proxies, settings_.ack_timeout},
          admin_(settings_.admin, registry_, [this] { return health(); }) {}

    int run() {
        server_.start([this](std::size_t index) { return std::make_unique<Intake>(shared_, index); });
        std::thread watcher([this] { watch(); });
        const int signal = service::wait_for_termination();
        service::log_info("stopping", {{"signal", std::to_string(signal)}});
        draining_ = true;
        watcher.join();
        const bool drained = server_.drain(settings_.drain_timeout);
        const bool flushed = producer_.flush(settings_.drain_timeout);
        server_.stop();
        service::log_info("stopped",
                          {{"drained", drained ? "true" : "false"}, {"flushed", flushed ? "true" : "false"}});
        return drained && flushed ? 0 : exit_failed;
    }

  private:
    /// On the producer's thread: sorts the reports by reactor and wakes each reactor at most once.
    void deliver(std::span<const wire::DeliveryReport> reports) {
        for (const wire::DeliveryReport& report : reports) {
            if (report.ticket == unwatched_ticket) continue;
            reports_by_reactor_[reactor_of(report.ticket)].push_back(report);
        }
        for (std::size_t i = 0; i < reports_by_reactor_.size(); ++i) {
            if (reports_by_reactor_[i].empty()) continue;
            server_.deliver(i, reports_by_reactor_[i]);
            reports_by_reactor_[i].clear();
        }
    }

    service::Health health() const {
        if (draining_) return {false, "shutting down"};
        if (!producer_.state().ready) return {false, "no Kafka broker, or no producer ID from it yet"};
        if (topics_missing_)
            return {false, "a topic of the catalogue is missing; mend it with: activityctl topics apply"};
        return {true, "ready"};
    }

    /// Says when the first request may come, and keeps the gauges true, until the program stops.
    void watch() {
        bool announced = false;
        for (int watch = 0; !draining_; ++watch) {
            if (watch % watches_per_sources_poll == 0) sources_.poll(activity::now());
            if (topics_missing_ && !announced) look_for_topics();
            if (!announced && health().ready) {
                service::log_info("ready",
                                  {{"ingest", server_.address().text()}, {"admin", admin_.address().text()}});
                announced = true;
            }
            const wire::ProducerState state = producer_.state();
            metrics_.kafka_ready.Set(state.ready ? 1 : 0);
            metrics_.queue_messages.Set(static_cast<double>(state.queued_messages));
            metrics_.connections.Set(static_cast<double>(server_.connections()));
            std::this_thread::sleep_for(watch_interval);
        }
    }

    /// Asked for before the first event, so that no learner's request waits for a topic's metadata.
    void look_for_topics() {
        std::vector<std::string> topics;
        for (const CatalogueTopic& topic : catalogue_.topics())
            topics.push_back(settings_.topic_prefix + topic.name);
        topics.push_back(settings_.topic_prefix + std::string(wire::rejected_topic));
        const std::vector<std::string> missing = producer_.missing_topics(topics, milliseconds(1'000));
        topics_missing_ = !missing.empty();
        if (topics_missing_ && producer_.state().ready && !told_missing_) {
            service::log_error("a topic of the catalogue is missing; mend it with: activityctl topics apply",
                               {{"topic", missing.front()}});
            told_missing_ = true;
        }
    }

    const Settings settings_;
    const Catalogue catalogue_;
    const std::shared_ptr<prometheus::Registry> registry_;
    const IngestMetrics metrics_;
    LiveSources sources_;
    Server server_;
    std::vector<std::vector<wire::DeliveryReport>> reports_by_reactor_;
    wire::Producer producer_;
    RejectedEvents rejected_;
    const IntakeShared shared_;
    std::atomic<bool> draining_ = false;
    std::atomic<bool> topics_missing_ = true;
    bool told_missing_ = false;  ///< of the watcher's thread
    service::AdminEndpoint admin_;
};

int run(int argc, char** argv) {
    auto in = service::SettingsReader::from_environment();
    Settings settings = read_settings(in);

    CLI::App app("activity-ingest: takes activity events over HTTP and publishes them to Kafka");
    bool check = false;
    app.add_flag("--check", check, "check the settings and the files that they name, and exit");
    app.set_version_flag("--version", ACTIVITY_VERSION);
    app.footer(in.help());
    CLI11_PARSE(app, argc, argv);

    auto catalogue = load(in, [&] { return Catalogue::load(settings.catalogue_file); });
    std::optional<Sources> sources;
    if (!settings.sources_file.empty())
        sources = load(in, [&] { return Sources::load(settings.sources_file); });
    in.finish();
    if (check) {
        std::cout << "settings are good\n";
        return 0;
    }
    service::block_termination_signals();
    service::start_log("activity-ingest", settings.log);
    return Program(std::move(settings), *std::move(catalogue), *std::move(sources)).run();
}

}  // namespace
}  // namespace activity::ingest

int main(int argc, char** argv) {
    try {
        return activity::ingest::run(argc, argv);
    } catch (const activity::service::SettingsError& error) {
        std::cerr << error.what() << '\n';
        return activity::ingest::exit_settings;
    } catch (const std::exception& error) {
        std::cerr << "activity-ingest: " << error.what() << '\n';
        return activity::ingest::exit_failed;
    }
}
