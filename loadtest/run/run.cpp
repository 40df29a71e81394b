#include "loadtest/run/run.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <future>
#include <thread>

namespace activity::loadtest {
namespace {

using namespace std::chrono_literals;

constexpr double knee_factor = 1.25;
/// Above that, more of the same would be a test of the generator.
constexpr double knee_rate_max = 1e6;
/// A closed loop has no schedule; its feed only must not run dry.
constexpr double closed_loop_per_s = 1e6;
/// All senders begin a phase at the same time; they need a moment to get there.
constexpr auto run_up = 50ms;

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

/// The IDs' part that tells this run's threads from those of all other runs.
std::uint32_t id_tag(std::uint64_t seed, int thread, Timestamp began_at) {
    std::seed_seq mixed{static_cast<std::uint64_t>(began_at.time_since_epoch().count()), seed,
                        static_cast<std::uint64_t>(thread)};
    std::uint32_t tag[1];
    mixed.generate(std::begin(tag), std::end(tag));
    return tag[0];
}

}  // namespace

struct Run::Worker {
    Worker(const SenderSettings& settings, const Mix& mix, Clock::time_point began, Timeline& timeline)
        : platform(mix, settings.seed), sender(settings, began, timeline), ledger(settings.ledger) {}

    Platform platform;
    Sender sender;
    std::filesystem::path ledger;
};

Run::Run(const RunSettings& settings, Watch watch, const std::atomic<bool>& stop)
    : settings_(settings), watch_(std::move(watch)), stop_(stop), began_at_(now()), began_(Clock::now()) {
    const auto threads = static_cast<std::size_t>(settings_.threads);
    for (int number = 0; number < settings_.threads; ++number) {
        SenderSettings sender;
        sender.address = settings_.address;
        sender.sources = settings_.sources;
        sender.ledger = settings_.directory / ("ledger-" + std::to_string(number));
        sender.number = id_tag(settings_.seed, number, began_at_);
        sender.seed = settings_.seed * 1'000 + static_cast<std::uint64_t>(number);
        sender.connections = std::max<std::size_t>(1, settings_.connections / threads);
        sender.timeout = settings_.timeout;
        sender.duplicates = settings_.mix.duplicates;
        sender.gzip = settings_.mix.gzip;
        sender.closed_loop = settings_.closed_loop;
        workers_.push_back(std::make_unique<Worker>(sender, settings_.mix, began_, timeline_));
    }
    monitor_ = std::make_unique<Monitor>(settings_.monitor, began_);
}

Run::~Run() = default;

double Run::since_beginning() const {
    return seconds(Clock::now() - began_);
}

std::vector<std::filesystem::path> Run::ledgers() const {
    std::vector<std::filesystem::path> files;
    for (const auto& worker : workers_) files.push_back(worker->ledger);
    return files;
}

const PhaseResult& Run::run(const Phase& phase) {
    const auto from = Clock::now() + run_up;
    const auto length = std::chrono::duration_cast<std::chrono::nanoseconds>(phase.rate.length());
    const auto send = [&](std::size_t number) {
        Worker& worker = *workers_[number];
        // Requests a second of this thread.
        const double share = 1.0 / static_cast<double>(workers_.size()) / settings_.mix.batch;
        const Rate rate = settings_.closed_loop ? Rate::constant(closed_loop_per_s, phase.rate.length())
                                                : phase.rate.times(share);
        const auto seed = settings_.seed * 1'000'003 + phases_.size() * 1'009 + number;
        PlatformFeed feed(worker.platform, Schedule(rate, settings_.spacing, seed), settings_.sources.size(),
                          settings_.mix.batch);
        return worker.sender.run(feed, from, length, stop_);
    };
    std::vector<std::future<PhaseTally>> senders;
    for (std::size_t number = 0; number < workers_.size(); ++number)
        senders.push_back(std::async(std::launch::async, send, number));

    for (auto next = from + 1s;; next += 1s) {
        const auto running = std::find_if(senders.begin(), senders.end(), [&](const auto& sender) {
            return sender.wait_until(next) != std::future_status::ready;
        });
        if (running == senders.end()) break;
        const auto last = timeline_.last_over(static_cast<std::uint32_t>(since_beginning()));
        watch_({phase.name, seconds(Clock::now() - from), seconds(length), last.value_or(Second()),
                monitor_->lag()});
    }

    PhaseResult result;
    result.name = phase.name;
    result.kind = phase.kind;
    result.threads = settings_.threads;
    result.p99_max_ms = phase.latency_matters ? settings_.p99_max_ms : 0;
    for (auto& sender : senders) result.tally += sender.get();
    result.begin_s = seconds(from - began_);
    result.end_s = std::min(result.begin_s + seconds(length), since_beginning());
    const double took = std::max(seconds(result.tally.took), result.end_s - result.begin_s);
    result.offered_per_s = static_cast<double>(result.tally.counts.offered) / (result.end_s - result.begin_s);
    result.acknowledged_per_s = static_cast<double>(result.tally.counts.acknowledged) / took;
    return phases_.emplace_back(std::move(result));
}

Knee Run::find_knee(double from, std::chrono::seconds step) {
    Knee knee;
    double not_held = 0;
    const auto held = [&](double per_s) {
        Phase phase;
        phase.name = std::to_string(std::llround(per_s)) + "/s";
        phase.kind = "knee";
        phase.rate = Rate::constant(per_s, step);
        const PhaseResult& result = run(phase);
        knee.phases.push_back(result.name);
        if (result.held()) {
            knee.per_s = per_s;
            return true;
        }
        not_held = per_s;
        knee.why = result.why_invalid().empty() ? result.why_not() : result.why_invalid();
        knee.why += " at " + result.name;
        return false;
    };
    for (double per_s = from; per_s <= knee_rate_max && !stop_ && held(per_s); per_s *= knee_factor) {
    }
    for (int refinement = 0; refinement < 2 && knee.per_s > 0 && not_held > 0 && !stop_; ++refinement)
        held((knee.per_s + not_held) / 2);
    return knee;
}

}  // namespace activity::loadtest
