// Ledgers of a run that never was, the rows that it would have stored, and the verification of both. For
// loadtest/bench/verify.

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loadtest/ledger/ledger_file.h"
#include "loadtest/traffic/platform.h"
#include "loadtest/verify/verify.h"

namespace activity::loadtest {
namespace {

namespace fs = std::filesystem;

constexpr const char* source = "bench";
/// What a sender has written before the next one's is stored: rows of different ledgers come in turns.
constexpr std::uint64_t turn = 5'000;
constexpr auto between_events = std::chrono::microseconds{100};

/// Writes ledgers of events that are all acknowledged; to the output goes a row of activity.event for each,
/// as COPY takes it in text.
void make(const fs::path& directory, std::uint64_t events, std::size_t senders) {
    struct Sender {
        std::unique_ptr<LedgerWriter> ledger;
        RisingIds ids;
        Platform platform;
    };
    Mix mix;
    mix.learners = 100'000;
    std::vector<Sender> all;
    for (std::size_t i = 0; i < senders; ++i)
        all.push_back({std::make_unique<LedgerWriter>(directory / std::to_string(i)),
                       RisingIds(static_cast<std::uint32_t>(i)), Platform(mix, i)});
    const Timestamp began = now() - events * between_events;
    for (std::uint64_t n = 0; n < events; ++n) {
        // A turn of each sender is of the same time.
        const auto round = n / (turn * senders);
        auto& sender = all[n / turn % senders];
        const Timestamp at = began + (round * turn * senders + n % turn * senders) * between_events;
        const auto deed = sender.platform.next();
        Entry entry;
        entry.key = sender.ids.next(at);
        entry.learner = deed.learner;
        entry.course = deed.course;
        entry.activity = deed.activity;
        entry.outcome = Outcome::acknowledged;
        entry.status = 202;
        sender.ledger->release_before(sender.ledger->write(entry));
        const auto time = format_timestamp(at);
        std::string row = format_uuid(entry.key) + "\ttrack\t";
        row.append(activities[deed.activity]).append("\t").append(learner_id(deed.learner));
        row.append("\tbench\t").append(deed.course == 0 ? "\\N" : course_id(deed.course));
        row.append("\t").append(time).append("\t").append(time).append("\t").append(deed.properties);
        row += "\t{\"library\":{\"name\":\"bench\",\"version\":\"1\"},\"locale\":\"en-GB\"}\n";
        if (std::fwrite(row.data(), 1, row.size(), stdout) != row.size())
            throw std::runtime_error("the rows can't be written");
    }
}

int check(const std::string& url, const fs::path& directory, bool fresh) {
    VerifySettings settings;
    settings.postgres_url = url;
    settings.sources = {source};
    settings.database_is_fresh = fresh;
    // All of it was stored before now.
    settings.began = now() - std::chrono::days{1};
    for (const auto& file : fs::directory_iterator(directory)) settings.ledgers.push_back(file.path());
    const auto found = verify(settings);
    for (const auto& check : found.counters)
        std::printf("  %s, %s: %lu of %lu, %lu differ %s\n", check.group.c_str(), check.what.c_str(),
                    check.found, check.expected, check.differences, check.example.c_str());
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& time) { return time.tv_sec * 1'000 + time.tv_usec / 1'000; };
    std::printf(
        "%s: %lu entries, %lu rows, lost %lu, doubled %lu, never sent %lu; %.1f s, of them CPU of "
        "the verifier %.1f s; %ld MB\n",
        found.holds() ? "holds" : "DOES NOT HOLD", found.entries, found.stored, found.lost, found.doubled,
        found.never_sent, static_cast<double>(found.took.count()) / 1'000,
        static_cast<double>(ms(usage.ru_utime) + ms(usage.ru_stime)) / 1'000, usage.ru_maxrss / 1'024);
    return found.holds() ? 0 : 1;
}

}  // namespace
}  // namespace activity::loadtest

int main(int argc, char** argv) {
    using namespace activity::loadtest;
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    try {
        if (arguments.size() == 4 && arguments[0] == "make") {
            make(arguments[1], std::stoull(arguments[2]), std::stoul(arguments[3]));
            return 0;
        }
        if (arguments.size() == 4 && arguments[0] == "check")
            return check(arguments[1], arguments[2], arguments[3] == "fresh");
        std::cerr << "usage: verifier make DIRECTORY EVENTS SENDERS | check URL DIRECTORY fresh|used\n";
    } catch (const std::exception& error) {
        std::cerr << "verifier: " << error.what() << '\n';
    }
    return 2;
}
