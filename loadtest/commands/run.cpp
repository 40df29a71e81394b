#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

#include "loadtest/commands/commands.h"
#include "loadtest/commands/files.h"
#include "loadtest/report/record.h"
#include "loadtest/run/live_view.h"
#include "loadtest/run/run.h"
#include "loadtest/run/side_command.h"

namespace activity::loadtest::commands {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

struct Options {
    std::string target, preset = "weekday", loop = "open", arrivals = "poisson";
    std::vector<std::string> sources, phases, allowed, versions, during;
    std::filesystem::path out, mix, pids, marks;
    std::uint64_t seed = 1;
    int threads = 1, timeout_ms = 5'000, batch = 0;
    std::size_t connections = 512;
    double p99_max_ms = 50, knee_from = 0, duplicates = -1, late = -1, bad = -1, gzip = -1;
    int knee_step_s = 15, drain_s = 300;
};

struct Url {
    std::string host;
    std::uint16_t port = 80;
};

Url parse_target(const std::string& text) {
    constexpr std::string_view scheme = "http://";
    const auto fail = [&] {
        throw std::invalid_argument("--target '" + text + "' is not http://host[:port]");
    };
    if (!text.starts_with(scheme)) fail();
    auto rest = text.substr(scheme.size());
    if (rest.ends_with('/')) rest.pop_back();
    Url url;
    const auto colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (colon != std::string::npos) {
        int port = 0;
        const auto [end, error] = std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
        if (error != std::errc() || end != rest.data() + rest.size() || port < 1 || port > 65'535) fail();
        url.port = static_cast<std::uint16_t>(port);
    }
    if (url.host.empty() || url.host.find('/') != std::string::npos) fail();
    return url;
}

/// A load test is an attack on whoever did not ask for it.
void guard(const Url& url, const Address& address, const std::vector<std::string>& allowed) {
    const bool loopback = (ntohl(address.socket.sin_addr.s_addr) >> 24) == 127;
    if (loopback || std::find(allowed.begin(), allowed.end(), url.host) != allowed.end()) return;
    throw std::invalid_argument("--target " + url.host +
                                " is another machine: only if it is yours to load, say --allow " + url.host);
}

/// `@FILE` is what the file holds: a command line can be seen by others.
std::string key_of(const std::string& text) {
    if (!text.starts_with('@')) return text;
    std::ifstream file(text.substr(1));
    std::string key;
    if (!(file >> key)) throw std::invalid_argument("--source: " + text.substr(1) + " holds no write key");
    return key;
}

std::vector<Source> parse_sources(const std::vector<std::string>& texts) {
    std::vector<Source> sources;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
            throw std::invalid_argument("--source: is not NAME=WRITE_KEY");
        sources.push_back({text.substr(0, equals), key_of(text.substr(equals + 1))});
    }
    return sources;
}

Mix read_options(const Options& options) {
    auto file = options.mix;
    if (file.empty()) {
        file = std::filesystem::path(ACTIVITY_LOADTEST_PRESETS) / (options.preset + ".toml");
        if (!std::filesystem::exists(file))
            throw std::invalid_argument("--preset '" + options.preset +
                                        "' is none of weekday, live-class, deadline-night, 10x");
    }
    Mix mix = read_mix(file);
    if (options.batch > 0) mix.batch = static_cast<std::uint32_t>(options.batch);
    if (options.duplicates >= 0) mix.duplicates = options.duplicates;
    if (options.late >= 0) mix.late = options.late;
    if (options.bad >= 0) mix.bad = options.bad;
    if (options.gzip >= 0) mix.gzip = options.gzip;
    return mix;
}

RunSettings run_settings(const Options& options, const Mix& mix) {
    const Url url = parse_target(options.target);
    RunSettings settings;
    settings.address = resolve(url.host, url.port);
    guard(url, settings.address, options.allowed);
    settings.sources = parse_sources(options.sources);
    settings.mix = mix;
    settings.seed = options.seed;
    settings.threads = options.threads;
    settings.connections = options.connections;
    settings.timeout = std::chrono::milliseconds(options.timeout_ms);
    settings.spacing = options.arrivals == "even" ? Schedule::Spacing::even : Schedule::Spacing::poisson;
    settings.closed_loop = options.loop == "closed";
    settings.p99_max_ms = options.p99_max_ms;
    settings.directory = options.out;
    settings.monitor.pids = options.pids;
    settings.monitor.postgres_url = environment("ACTIVITY_POSTGRES_URL");
    if (const auto bootstrap = environment("ACTIVITY_KAFKA_BOOTSTRAP"); !bootstrap.empty())
        settings.monitor.kafka = wire::ClusterSettings{
            bootstrap, wire::parse_client_options(environment("ACTIVITY_KAFKA_OPTIONS"))};
    return settings;
}

nlohmann::ordered_json settings_json(const Options& options, const Mix& mix) {
    nlohmann::ordered_json sources = nlohmann::ordered_json::array();
    for (const auto& source : parse_sources(options.sources)) sources.push_back(source.name);
    return {{"target", options.target},
            {"preset", options.mix.empty() ? options.preset : options.mix.filename().string()},
            {"sources", std::move(sources)},
            {"seed", options.seed},
            {"threads", options.threads},
            {"connections", options.connections},
            {"loop", options.loop},
            {"spacing", options.arrivals},
            {"timeout_ms", options.timeout_ms},
            {"batch", mix.batch},
            {"gzip_share", mix.gzip},
            {"duplicates_share", mix.duplicates},
            {"late_share", mix.late},
            {"bad_share", mix.bad},
            {"learners", mix.learners},
            {"learners_at_once", mix.active},
            {"courses", mix.courses},
            {"live_classes", mix.classes}};
}

nlohmann::ordered_json versions_json(const std::vector<std::string>& texts) {
    nlohmann::ordered_json versions = {{"activity-loadtest", ACTIVITY_VERSION}};
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos)
            throw std::invalid_argument("--version-of '" + text + "' is not NAME=VERSION");
        versions[text.substr(0, equals)] = text.substr(equals + 1);
    }
    return versions;
}

/// By the phase's name.
std::multimap<std::string, std::string> parse_during(const std::vector<std::string>& texts,
                                                     const std::vector<Phase>& phases) {
    std::multimap<std::string, std::string> commands;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        const auto name = text.substr(0, equals);
        if (equals == std::string::npos ||
            std::none_of(phases.begin(), phases.end(),
                         [&](const Phase& phase) { return phase.name == name; }))
            throw std::invalid_argument("--during '" + text +
                                        "' is not PHASE=COMMAND of a phase of this run");
        commands.emplace(name, text.substr(equals + 1));
    }
    return commands;
}

/// As it can be given to a shell again, without the write keys.
std::string command_text(const CLI::App& app) {
    std::string text = "activity-loadtest run";
    for (const CLI::Option* option : app.get_options()) {
        if (option->count() == 0 || option->get_name() == "--help") continue;
        for (const auto& value : option->results()) {
            const bool secret = option->get_name() == "--source";
            text +=
                " " + option->get_name() + " " + (secret ? value.substr(0, value.find('=')) + "=…" : value);
        }
    }
    return text;
}

/// So that the record tells how long the workers took for what was left.
void wait_for_groups(Run& run, int wait_s, LiveView& view) {
    const double until_s = run.since_beginning() + wait_s;
    const double from_s = run.since_beginning();
    for (int still = 0; still < 2 && run.since_beginning() < until_s && !interrupted;) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        const auto lag = run.monitor().lag();
        if (!lag) return;
        still = *lag == 0 ? still + 1 : 0;
        view.show({"the workers' rest", run.since_beginning() - from_s, double(wait_s), {}, lag});
    }
}

int run(const Options& options, const std::string& command) {
    const Mix mix = read_options(options);
    std::vector<Phase> phases;
    for (const auto& text : options.phases) phases.push_back(parse_phase(text));
    if (phases.empty() && options.knee_from <= 0)
        throw std::invalid_argument("nothing to do: say --phase or --knee-from");
    const auto commands_of = parse_during(options.during, phases);
    const auto settings = run_settings(options, mix);
    RecordDetails details;
    details.versions = versions_json(options.versions);
    std::filesystem::create_directories(options.out);
    const auto file = options.out / "run.json";
    if (std::filesystem::exists(file))
        throw std::invalid_argument("--out: " + file.string() + " is there already");

    LiveView view;
    Run run(
        settings, [&](const Progress& progress) { view.show(progress); }, interrupted);
    for (const Phase& phase : phases) {
        if (interrupted) break;
        const auto beside = commands_of.equal_range(phase.name);
        std::vector<std::unique_ptr<SideCommand>> running;
        for (auto one = beside.first; one != beside.second; ++one)
            running.push_back(std::make_unique<SideCommand>(one->second));
        view.say(sentence(run.run(phase)));
    }
    if (options.knee_from > 0 && !interrupted) {
        details.knee = run.find_knee(options.knee_from, std::chrono::seconds(options.knee_step_s));
    }
    if (!interrupted) wait_for_groups(run, options.drain_s, view);
    details.command = command;
    details.settings = settings_json(options, mix);
    details.p99_max_ms = options.p99_max_ms;
    if (!options.marks.empty()) details.marks = read_marks(options.marks, run.began_at());
    auto record = record_of(run, details);
    conclude(record, nullptr);
    write_file(file, record.dump());
    view.say(record["verdict"]["text"]);
    view.say("written to " + file.string());
    return record["verdict"]["passed"] ? 0 : 1;
}

}  // namespace

void add_run(CLI::App& app, int& code) {
    auto options = std::make_shared<Options>();
    auto* const command = app.add_subcommand("run", "Sends traffic and records what it does.");
    command->add_option("--target", options->target, "http://host[:port] of ingest")->required();
    command->add_option("--allow", options->allowed,
                        "a host that is not this machine, and that may be loaded");
    command
        ->add_option("--source", options->sources,
                     "NAME=WRITE_KEY or NAME=@FILE; several: learners are divided among them")
        ->required();
    command->add_option("--out", options->out, "directory of the ledger and of run.json, made anew")
        ->required();
    command->add_option("--preset", options->preset, "traffic: weekday, live-class, deadline-night, 10x")
        ->capture_default_str();
    command->add_option("--mix", options->mix, "traffic of a file of your own instead")
        ->check(CLI::ExistingFile);
    command->add_option(
        "--phase", options->phases,
        "NAME=SHAPE:RATE[:RATE]:SECONDS, events a second; shapes: warm-up, hold, chaos, step, ramp, "
        "spike, school-day");
    command->add_option(
        "--during", options->during,
        "PHASE=COMMAND: a shell's command that is started with the phase and ended with it (SIGTERM)");
    command->add_option("--knee-from", options->knee_from,
                        "then look for the highest rate that is held, from this one on");
    command->add_option("--knee-step", options->knee_step_s, "seconds of each step of it")
        ->capture_default_str()
        ->check(CLI::Range(1, 600));
    command
        ->add_option("--p99-max", options->p99_max_ms,
                     "ms within which 99 of 100 requests must have their answer")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command->add_option("--seed", options->seed, "the same seed sends the same events")
        ->capture_default_str();
    command->add_option("--threads", options->threads, "of the generator")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    command->add_option("--connections", options->connections, "to the target, of all threads")
        ->capture_default_str()
        ->check(CLI::Range(1, 60'000));
    command->add_option("--timeout", options->timeout_ms, "ms for an answer")
        ->capture_default_str()
        ->check(CLI::Range(1, 600'000));
    command
        ->add_option("--loop", options->loop,
                     "open: requests are due at their time, whatever the server does; closed: each "
                     "connection waits for its answer")
        ->capture_default_str()
        ->check(CLI::IsMember({"open", "closed"}));
    command->add_option("--arrivals", options->arrivals, "poisson or even")
        ->capture_default_str()
        ->check(CLI::IsMember({"poisson", "even"}));
    command->add_option("--batch", options->batch, "events of a request, instead of the preset's")
        ->check(CLI::Range(1, 500));
    command->add_option("--gzip", options->gzip, "share of compressed requests, instead of the preset's")
        ->check(CLI::Range(0.0, 1.0));
    command
        ->add_option("--duplicates", options->duplicates,
                     "share of requests that are sent twice, instead of the preset's")
        ->check(CLI::Range(0.0, 1.0));
    command->add_option("--late", options->late, "share of events told late, instead of the preset's")
        ->check(CLI::Range(0.0, 1.0));
    command->add_option("--bad", options->bad, "share of bad events, instead of the preset's")
        ->check(CLI::Range(0.0, 1.0));
    command
        ->add_option("--drain", options->drain_s,
                     "at the end, seconds to watch the workers apply what is left")
        ->capture_default_str()
        ->check(CLI::Range(0, 86'400));
    command->add_option("--pids", options->pids, "directory of <name>.pid files of processes to watch")
        ->check(CLI::ExistingDirectory);
    command->add_option("--marks", options->marks,
                        "file of what was done to the system, lines of a time and a text; read at the end");
    command->add_option("--version-of", options->versions, "NAME=VERSION, for the record");
    command->callback([options, command, &code] {
        std::signal(SIGINT, [](int) { interrupted = true; });
        std::signal(SIGTERM, [](int) { interrupted = true; });
        code = run(*options, command_text(*command));
    });
}

}  // namespace activity::loadtest::commands
