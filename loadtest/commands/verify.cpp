#include "loadtest/verify/verify.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "loadtest/commands/commands.h"
#include "loadtest/commands/files.h"
#include "loadtest/report/record.h"
#include "loadtest/verify/drained.h"

namespace activity::loadtest::commands {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
    std::filesystem::path run;
    bool fresh = false;
    int wait_s = 600;
};

VerifySettings verify_settings(const Options& options, const Json& record) {
    VerifySettings settings;
    settings.postgres_url = environment("ACTIVITY_POSTGRES_URL");
    if (settings.postgres_url.empty())
        throw std::invalid_argument(
            "ACTIVITY_POSTGRES_URL: is required (libpq URL or keywords of PostgreSQL)");
    for (const auto& entry : std::filesystem::directory_iterator(options.run))
        if (entry.path().filename().string().starts_with("ledger-")) settings.ledgers.push_back(entry.path());
    if (settings.ledgers.empty()) throw std::invalid_argument(options.run.string() + " has no ledger");
    std::sort(settings.ledgers.begin(), settings.ledgers.end());
    for (const Json& source : record.at("settings").at("sources")) settings.sources.push_back(source);
    settings.began = parse_timestamp(record.at("started_at").get<std::string>()).value();
    settings.database_is_fresh = options.fresh;
    return settings;
}

/// What the workers have not applied yet is no loss.
void wait_for_workers(const Options& options, const std::string& postgres_url) {
    const auto bootstrap = environment("ACTIVITY_KAFKA_BOOTSTRAP");
    if (bootstrap.empty())
        throw std::invalid_argument(
            "ACTIVITY_KAFKA_BOOTSTRAP: is required (host:port[,host:port] of Kafka), "
            "to know when the workers have applied everything");
    DrainSettings settings;
    settings.postgres_url = postgres_url;
    settings.cluster = {bootstrap, wire::parse_client_options(environment("ACTIVITY_KAFKA_OPTIONS"))};
    if (const auto prefix = environment("ACTIVITY_TOPIC_PREFIX"); !prefix.empty())
        settings.topic_prefix = prefix;
    settings.timeout = std::chrono::seconds(options.wait_s);
    const auto drained = wait_until_drained(settings);
    if (!drained) throw std::runtime_error("the workers have not applied everything: " + drained.text());
}

Json ledger_json(const Verification& found) {
    Json counters = Json::array();
    for (const CounterCheck& check : found.counters)
        counters.push_back({{"group", check.group},
                            {"what", check.what},
                            {"expected", check.expected},
                            {"found", check.found},
                            {"differences", check.differences},
                            {"example", check.example}});
    return {{"entries", found.entries},
            {"acknowledged", found.acknowledged},
            {"refused", found.refused},
            {"unknown", found.unknown},
            {"unknown_stored", found.unknown_stored},
            {"lost", found.lost},
            {"double", found.doubled},
            {"never_sent", found.never_sent},
            {"refused_stored", found.refused_stored},
            {"stored", found.stored},
            {"took_s", static_cast<double>(found.took.count()) / 1e3},
            {"counters", std::move(counters)},
            {"skipped", found.skipped},
            {"examples",
             {{"lost", found.lost_examples},
              {"double", found.doubled_examples},
              {"never_sent", found.never_sent_examples},
              {"refused_stored", found.refused_stored_examples}}}};
}

void print(const char* what, std::uint64_t count, const std::vector<std::string>& examples = {}) {
    std::printf("%-28s %14llu", what, static_cast<unsigned long long>(count));
    for (const auto& example : examples) std::printf("  %s", example.c_str());
    std::printf("\n");
}

void print(const Verification& found) {
    print("written down", found.entries);
    print("acknowledged", found.acknowledged);
    print("refused", found.refused);
    print("unknown", found.unknown);
    print("unknown, and stored", found.unknown_stored);
    print("stored", found.stored);
    print("acknowledged, not stored", found.lost, found.lost_examples);
    print("stored twice", found.doubled, found.doubled_examples);
    print("stored, never sent", found.never_sent, found.never_sent_examples);
    print("refused, and stored", found.refused_stored, found.refused_stored_examples);
    for (const CounterCheck& check : found.counters)
        std::printf("%-28s %14llu  %s\n", (check.group + ": " + check.what).c_str(),
                    static_cast<unsigned long long>(check.found),
                    check.differences == 0
                        ? "as it must be"
                        : (std::to_string(check.differences) + " differ: " + check.example).c_str());
    for (const auto& skipped : found.skipped) std::printf("not compared: %s\n", skipped.c_str());
}

int run(const Options& options) {
    const auto file = options.run / "run.json";
    auto record = read_record(file);
    const auto settings = verify_settings(options, record);
    wait_for_workers(options, settings.postgres_url);
    const auto found = verify(settings);
    print(found);
    conclude(record, ledger_json(found));
    write_file(file, record.dump());
    std::cerr << record["verdict"]["text"].get<std::string>() << '\n';
    return found.holds() ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& app, int& code) {
    auto options = std::make_shared<Options>();
    auto* const command =
        app.add_subcommand("verify", "Compares a run's ledger with PostgreSQL: is anything lost or double?");
    command->add_option("run", options->run, "the run's directory")
        ->required()
        ->check(CLI::ExistingDirectory);
    command->add_flag("--fresh", options->fresh,
                      "nothing but this run was ever stored there: then all counters are compared");
    command->add_option("--wait", options->wait_s, "seconds for the workers to apply what was sent")
        ->capture_default_str()
        ->check(CLI::Range(0, 86'400));
    command->callback([options, &code] { code = run(*options); });
}

}  // namespace activity::loadtest::commands
