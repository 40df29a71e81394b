// activity-worker: reads the activity topics and applies one group's effect to PostgreSQL, once for each
// message ID.

#include <unistd.h>
#include <csignal>

#include <prometheus/registry.h>
#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "schemas/catalogue/catalogue.h"
#include "schemas/service/admin_endpoint.h"
#include "schemas/service/log.h"
#include "schemas/service/settings.h"
#include "schemas/service/signals.h"
#include "schemas/wire/failure.h"
#include "schemas/wire/producer.h"
#include "workers/groups/groups.h"
#include "workers/loop/loop.h"
#include "workers/settings.h"
#include "workers/store/postgres_store.h"

namespace activity::workers {
namespace {

using namespace std::chrono_literals;

constexpr int exit_failed = 1;
constexpr int exit_settings = 2;
/// Shorter than max.poll.interval.ms, or a broker that is away would cost us our place in the group.
constexpr auto dead_letter_timeout = 20s;
/// A dead letter is the record and some headers: it may be a little larger than what any producer could send.
constexpr const char* dead_letter_bytes_max = "4000000";

struct Options {
    const Group* group = nullptr;
    int threads = 1;
};

std::string host_and_process() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return std::string(host.data()) + "/" + std::to_string(::getpid());
}

std::unique_ptr<wire::Publisher> make_dead_letter_publisher(const wire::ClusterSettings& cluster,
                                                            Outbox::OnDelivered on_delivered) {
    wire::ProducerSettings settings{.cluster = cluster};
    settings.cluster.options.try_emplace("message.max.bytes", dead_letter_bytes_max);
    settings.delivery_timeout = dead_letter_timeout;
    settings.queue_messages_max = 10'000;
    settings.queue_kbytes_max = 32'768;
    return std::make_unique<wire::Producer>(settings, std::move(on_delivered));
}

/// One loop with what only it uses.
struct Worker {
    Status status;
    std::unique_ptr<PostgresStore> store;
    std::unique_ptr<Loop> loop;
    std::thread thread;
};

service::Health health(const std::vector<std::unique_ptr<Worker>>& workers) {
    for (const auto& worker : workers) {
        const auto one = worker->status.health();
        if (!one.ready) return one;
    }
    return {true, "reads its partitions"};
}

LoopSettings loop_settings(const Settings& settings, const Group& group, const std::string& group_id,
                           const Catalogue& catalogue, int index) {
    LoopSettings loop;
    loop.consumer = settings.consumer;
    loop.batch = settings.batch;
    loop.consumer.group = group_id;
    if (!loop.consumer.instance_id.empty()) loop.consumer.instance_id += "-" + std::to_string(index);
    for (const auto& topic : group.topics(catalogue)) loop.topics.push_back(settings.topic_prefix + topic);
    loop.dead_letter_topic = settings.topic_prefix + std::string(group.name) + ".dead-letter";
    return loop;
}

int run(const Options& options, const Settings& settings, const Catalogue& catalogue) {
    const Group& group = *options.group;
    const std::string group_id = settings.group_prefix + "activity-" + std::string(group.name);
    const std::string owner = "activity-worker " + host_and_process();
    const auto registry = std::make_shared<prometheus::Registry>();
    Metrics metrics(*registry, std::string(group.name));
    Outbox outbox([&](Outbox::OnDelivered on_delivered) {
        return make_dead_letter_publisher(settings.consumer.cluster, std::move(on_delivered));
    });
    std::atomic<bool> stop{false};
    std::atomic<bool> failed{false};
    std::atomic<int> joining{options.threads};

    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < options.threads; ++i) workers.push_back(std::make_unique<Worker>());
    service::AdminEndpoint admin(settings.admin, registry, [&] { return health(workers); });
    const auto on_joined = [&] {
        if (--joining > 0) return;
        service::log_info("ready", {{"admin", admin.address().text()}, {"group", group_id}});
    };
    for (int i = 0; i < options.threads; ++i) {
        Worker& worker = *workers[static_cast<std::size_t>(i)];
        worker.store = std::make_unique<PostgresStore>(
            PostgresSettings{settings.postgres, group_id, owner + "/" + std::to_string(i)}, group);
        worker.loop = std::make_unique<Loop>(loop_settings(settings, group, group_id, catalogue, i), group,
                                             *worker.store, outbox, metrics, worker.status, on_joined);
    }
    for (auto& worker : workers) {
        worker->thread = std::thread([&failed, &stop, loop = worker->loop.get()] {
            try {
                loop->run(stop);
            } catch (const std::exception& error) {
                service::log_error("a loop ended", {{"error", error.what()}});
                failed = true;
                ::kill(::getpid(), SIGTERM);  // main waits for a signal
            }
        });
    }
    const int signal = service::wait_for_termination();
    service::log_info("stopping", {{"signal", std::to_string(signal)}});
    stop = true;
    for (auto& worker : workers) worker->thread.join();
    service::log_info("stopped");
    return failed ? exit_failed : 0;
}

int main_of(int argc, char** argv) {
    CLI::App app("Applies one worker group's effect to PostgreSQL, once for each message ID.",
                 "activity-worker");
    app.set_help_flag();
    bool help = false;
    bool check = false;
    std::string group_name = "records";
    Options options;
    app.add_flag("-h,--help", help, "This text");
    app.add_flag("--check", check, "Check the settings and exit");
    app.add_option("--group", group_name, "Which group: " + group_names())->capture_default_str();
    app.add_option("--threads", options.threads, "Loops in this process, each a member of the group")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    auto reader = service::SettingsReader::from_environment();
    const Settings settings = read_settings(reader);
    if (help) {
        std::cout << app.help() << '\n' << reader.help();
        return 0;
    }
    options.group = find_group(group_name);
    if (options.group == nullptr)
        reader.mistake("--group: there is no group " + group_name + "; there are: " + group_names());
    reader.finish();
    const Catalogue catalogue = Catalogue::load(settings.catalogue);
    if (check) {
        std::cout << "The settings are valid.\n";
        return 0;
    }
    service::block_termination_signals();
    service::start_log("activity-worker", settings.log);
    return run(options, settings, catalogue);
}

}  // namespace
}  // namespace activity::workers

int main(int argc, char** argv) {
    using namespace activity;
    try {
        return workers::main_of(argc, argv);
    } catch (const service::SettingsError& error) {
        std::cerr << error.what() << '\n';
        return workers::exit_settings;
    } catch (const CatalogueError& error) {
        std::cerr << error.what() << '\n';
        return workers::exit_settings;
    } catch (const std::exception& error) {
        std::cerr << "activity-worker: " << error.what() << '\n';
        return workers::exit_failed;
    }
}
