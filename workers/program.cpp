#include "workers/program.h"

#include <unistd.h>
#include <csignal>

#include <prometheus/registry.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "schemas/catalogue/catalogue.h"
#include "schemas/service/admin_endpoint.h"
#include "schemas/service/log.h"
#include "schemas/service/settings.h"
#include "schemas/service/signals.h"
#include "schemas/wire/failure.h"
#include "schemas/wire/group_topics.h"
#include "schemas/wire/producer.h"
#include "workers/loop/loop.h"
#include "workers/relay/relay.h"
#include "workers/settings.h"
#include "workers/store/outbox_store.h"
#include "workers/store/postgres_store.h"

namespace activity::workers {
namespace {

using namespace std::chrono_literals;

constexpr int exit_failed = 1;
constexpr int exit_settings = 2;
/// Shorter than max.poll.interval.ms, or a broker that is away would cost us our place in the group.
constexpr auto publish_timeout = 20s;
/// A dead letter is the record and some headers: it may be a little larger than what any producer could send.
constexpr const char* record_bytes_max = "4000000";

std::string host_and_process() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return std::string(host.data()) + "/" + std::to_string(::getpid());
}

std::unique_ptr<wire::Publisher> make_publisher(const wire::ClusterSettings& cluster,
                                                SyncPublisher::OnDelivered on_delivered) {
    wire::ProducerSettings settings{.cluster = cluster};
    settings.cluster.options.try_emplace("message.max.bytes", record_bytes_max);
    settings.delivery_timeout = publish_timeout;
    settings.queue_messages_max = 10'000;
    settings.queue_kbytes_max = 32'768;
    return std::make_unique<wire::Producer>(settings, std::move(on_delivered));
}

/// What all threads of the process share.
struct Shared {
    const Settings& settings;
    const Catalogue& catalogue;
    std::string owner;
    std::shared_ptr<prometheus::Registry> registry;
    SyncPublisher publisher;
    std::atomic<bool> stop{false};
    std::atomic<bool> failed{false};
};

/// A loop with what only it uses, in a thread of its own.
class LoopThread {
  public:
    LoopThread(Shared& shared, const Group& group, const LoopSettings& settings, Metrics& metrics,
               const std::string& owner, std::function<void()> on_joined)
        : shared_(shared),
          store_({shared.settings.postgres, settings.consumer.group, owner}, group),
          loop_(settings, group, shared.catalogue, store_, shared.publisher, metrics, status_,
                std::move(on_joined)) {}

    void start() {
        thread_ = std::thread([this] {
            try {
                loop_.run(shared_.stop);
            } catch (const std::exception& error) {
                service::log_error("a loop ended", {{"error", error.what()}});
                shared_.failed = true;
                ::kill(::getpid(), SIGTERM);  // the main thread waits for a signal
            }
        });
    }
    void join() { thread_.join(); }
    service::Health health() const { return status_.health(); }

  private:
    Shared& shared_;
    Status status_;
    PostgresStore store_;
    Loop loop_;
    std::thread thread_;
};

class RelayThread {
  public:
    RelayThread(Shared& shared, const Group& group, const std::string& group_id, Metrics& metrics)
        : shared_(shared),
          store_({shared.settings.postgres, group_id, shared.owner + "/outbox"}, *group.outbox),
          relay_(shared.settings.topic_prefix + std::string(group.outbox->topic), store_, shared.publisher,
                 metrics) {}

    void start() {
        thread_ = std::thread([this] { relay_.run(shared_.stop); });
    }
    void join() { thread_.join(); }

  private:
    Shared& shared_;
    OutboxStore store_;
    Relay relay_;
    std::thread thread_;
};

/// All of one group in this process: its own loops, one for its retries, one for the newest events if it asks
/// for that, and the relay of its outbox if it has one.
class GroupThreads {
  public:
    GroupThreads(Shared& shared, const Group& group, int threads, const std::function<void()>& on_joined)
        : name_(group.name), metrics_(*shared.registry, name_) {
        const Settings& settings = shared.settings;
        const std::string id = settings.group_prefix + "activity-" + name_;
        LoopSettings main;
        main.consumer = settings.consumer;
        main.consumer.group = id;
        main.batch = settings.batch;
        for (const auto& topic : group.topics(shared.catalogue))
            main.topics.push_back(settings.topic_prefix + topic);
        main.dead_letter_topic = wire::dead_letter_topic(settings.topic_prefix, name_);
        main.retries.delays = settings.retry_delays;
        for (int tier = 1; tier <= wire::retry_tiers; ++tier)
            main.retries.topics.push_back(wire::retry_topic(settings.topic_prefix, name_, tier));
        for (int i = 0; i < threads; ++i)
            add(shared, group, main, metrics_, "-" + std::to_string(i), "/" + std::to_string(i), on_joined);

        LoopSettings retries = main;
        retries.consumer.group += ".retry";
        retries.topics = main.retries.topics;
        retries.waits = true;
        add(shared, group, retries, metrics_, "-retry", "/retry", nullptr);

        if (group.newest_lane && settings.newest_lane_behind_records > 0) {
            LoopSettings newest = main;
            newest.consumer.group += ".newest";
            newest.newest_lane = NewestLane{id, settings.newest_lane_behind_records};
            newest_metrics_ = std::make_unique<Metrics>(*shared.registry, name_ + ".newest");
            add(shared, group, newest, *newest_metrics_, "-newest", "/newest", nullptr);
        }
        if (group.outbox) relay_ = std::make_unique<RelayThread>(shared, group, id, metrics_);
    }

    void start() {
        for (auto& loop : loops_) loop->start();
        if (relay_) relay_->start();
    }
    void join() {
        for (auto& loop : loops_) loop->join();
        if (relay_) relay_->join();
    }
    service::Health health() const {
        for (const auto& loop : loops_) {
            auto one = loop->health();
            if (!one.ready) return {false, name_ + ": " + one.detail};
        }
        return {true, {}};
    }

  private:
    void add(Shared& shared, const Group& group, LoopSettings settings, Metrics& metrics,
             const std::string& instance_suffix, const std::string& owner_suffix,
             std::function<void()> on_joined) {
        if (!settings.consumer.instance_id.empty()) settings.consumer.instance_id += instance_suffix;
        loops_.push_back(std::make_unique<LoopThread>(shared, group, settings, metrics,
                                                      shared.owner + owner_suffix, std::move(on_joined)));
    }

    std::string name_;
    Metrics metrics_;
    std::unique_ptr<Metrics> newest_metrics_;
    std::vector<std::unique_ptr<LoopThread>> loops_;
    std::unique_ptr<RelayThread> relay_;
};

int run(const std::string& name, const std::vector<const Group*>& groups, int threads,
        const Settings& settings, const Catalogue& catalogue) {
    Shared shared{settings, catalogue, name + " " + host_and_process(),
                  std::make_shared<prometheus::Registry>(),
                  SyncPublisher([&settings](SyncPublisher::OnDelivered on_delivered) {
                      return make_publisher(settings.consumer.cluster, std::move(on_delivered));
                  })};
    std::vector<std::unique_ptr<GroupThreads>> all;
    std::optional<service::AdminEndpoint> admin;
    std::string names;
    for (const auto* group : groups) names += (names.empty() ? "" : ",") + std::string(group->name);
    std::atomic<int> joining{threads * static_cast<int>(groups.size())};
    const auto on_joined = [&] {
        if (--joining > 0) return;
        service::log_info("ready", {{"admin", admin->address().text()}, {"groups", names}});
    };
    for (const auto* group : groups)
        all.push_back(std::make_unique<GroupThreads>(shared, *group, threads, on_joined));
    admin.emplace(settings.admin, shared.registry, [&all] {
        for (const auto& group : all) {
            auto health = group->health();
            if (!health.ready) return health;
        }
        return service::Health{true, "reads its partitions"};
    });
    for (auto& group : all) group->start();
    const int signal = service::wait_for_termination();
    service::log_info("stopping", {{"signal", std::to_string(signal)}});
    shared.stop = true;
    for (auto& group : all) group->join();
    service::log_info("stopped");
    return shared.failed ? exit_failed : 0;
}

std::string names_of(const std::vector<Group>& groups) {
    std::string names;
    for (const auto& group : groups) names += (names.empty() ? "" : ", ") + std::string(group.name);
    return names;
}

/// Those that were asked for, each once; mistakes are left in `reader`.
std::vector<const Group*> chosen(const std::vector<Group>& groups, const std::vector<std::string>& names,
                                 service::SettingsReader& reader) {
    std::vector<const Group*> chosen;
    for (const auto& name : names) {
        bool found = false;
        for (const auto& group : groups) {
            if (name != "all" && name != group.name) continue;
            found = true;
            if (!std::ranges::count(chosen, &group)) chosen.push_back(&group);
        }
        if (!found) reader.mistake("--group: there is no group " + name + "; there are: " + names_of(groups));
    }
    return chosen;
}

int main_of(int argc, char** argv, const std::string& name, const std::vector<Group>& groups) {
    CLI::App app("Applies the effects of worker groups to PostgreSQL, once for each message ID.", name);
    app.set_help_flag();
    bool help = false;
    bool check = false;
    int threads = 1;
    std::vector<std::string> group_names{std::string(groups.front().name)};
    app.add_flag("-h,--help", help, "This text");
    app.add_flag("--check", check, "Check the settings and exit");
    app.add_option("--group", group_names,
                   "Which groups, with commas between: all, or of " + names_of(groups))
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--threads", threads, "Loops of each group in this process, each a member of the group")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    auto reader = service::SettingsReader::from_environment();
    const Settings settings = read_settings(reader);
    if (help) {
        std::cout << app.help() << '\n' << reader.help();
        return 0;
    }
    const auto wanted = chosen(groups, group_names, reader);
    reader.finish();
    const Catalogue catalogue = Catalogue::load(settings.catalogue);
    if (check) {
        std::cout << "The settings are valid.\n";
        return 0;
    }
    service::block_termination_signals();
    service::start_log(name, settings.log);
    return run(name, wanted, threads, settings, catalogue);
}

}  // namespace

int run_program(int argc, char** argv, const std::string& name, const std::vector<Group>& groups) {
    try {
        return main_of(argc, argv, name, groups);
    } catch (const service::SettingsError& error) {
        std::cerr << error.what() << '\n';
        return exit_settings;
    } catch (const CatalogueError& error) {
        std::cerr << error.what() << '\n';
        return exit_settings;
    } catch (const std::exception& error) {
        std::cerr << name << ": " << error.what() << '\n';
        return exit_failed;
    }
}

}  // namespace activity::workers
