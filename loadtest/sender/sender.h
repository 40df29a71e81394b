#pragma once

#include <simdjson.h>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <vector>

#include "loadtest/client/http_client.h"
#include "loadtest/ledger/ledger_file.h"
#include "loadtest/sender/feed.h"
#include "loadtest/sender/request_writer.h"
#include "loadtest/stats/phase_tally.h"
#include "loadtest/stats/timeline.h"

namespace activity::loadtest {

struct SenderSettings {
    Address address;
    std::vector<Source> sources;
    std::filesystem::path ledger;  ///< made by the sender
    std::uint32_t number = 0;      ///< tells this sender's IDs from others'
    std::uint64_t seed = 1;
    std::size_t connections = 64;
    std::chrono::milliseconds timeout{5'000};
    /// Tries of a request after the first one, as SDKs do them: after Retry-After, else after 0.1 s, 0.2 s …
    /// 10 s, with a random part.
    int retries_max = 20;
    /// Requests that wait for an answer or a connection; what is due beyond is not sent.
    std::size_t open_max = 30'000;
    double duplicates = 0;  ///< share of acknowledged requests that are sent once more
    double gzip = 0;        ///< share of requests that are compressed
    bool closed_loop = false;
};

/// Sends what is due, when it is due, and keeps the ledger. Whatever the server does: in the open loop the
/// next request is due at its time, and a latency counts from then. In the closed loop each connection sends
/// its next request when it has its answer; then times of the feed mean nothing but the end. One thread.
class Sender {
  public:
    using Clock = std::chrono::steady_clock;

    /// `began` is the run's beginning, which the ledger's and the timeline's times count from. Throws
    /// std::runtime_error if the ledger can't be made.
    Sender(const SenderSettings& settings, Clock::time_point began, Timeline& timeline);

    /// Everything of the feed, and waits for the last word on all of it. The phase begins at `from`. When
    /// `stop` is set, it returns at once: what is still open is unknown, and no other phase may follow.
    PhaseTally run(Feed& feed, Clock::time_point from, std::chrono::nanoseconds length,
                   const std::atomic<bool>& stop);

    std::uint64_t ledger_entries() const { return ledger_.size(); }

  private:
    /// A request on its way to its last word.
    struct Flight {
        std::uint64_t first = 0;        ///< entry of its first event; the others follow
        std::vector<std::uint8_t> bad;  ///< of each event, whether it is
        Clock::time_point due;
        std::string request;
        int tries = 0;
        bool settled = false;  ///< it is sent once more on purpose
    };
    struct Later {
        Clock::time_point at;
        std::uint64_t ticket;
        bool operator>(const Later& other) const { return at > other.at; }
    };

    void take_up(Due due, Clock::time_point at);
    void send(std::uint64_t ticket);
    void finish(const Finished& finished);
    void settle(const Flight& flight, const Response& response);
    void end_without_answer(const Flight& flight, Outcome outcome, unsigned status);
    void note_latency(const Flight& flight);
    void end(std::uint64_t ticket);
    bool send_later(std::uint64_t ticket, std::optional<std::uint32_t> retry_after_s);
    void end_second(Clock::time_point now);
    void release_ledger();
    double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

    const SenderSettings settings_;
    const Clock::time_point began_;
    const std::vector<RequestWriter> writers_;  ///< by source
    Timeline& timeline_;
    LedgerWriter ledger_;
    RisingIds ids_;
    HttpClient client_;
    std::mt19937_64 random_;

    std::vector<Flight> flights_;  ///< by ticket
    std::vector<std::uint64_t> free_;
    std::priority_queue<Later, std::vector<Later>, std::greater<>> later_;
    PhaseTally tally_;
    Second second_;
    Histogram second_latency_;
    std::uint64_t released_ = 0;
    bool stopping_ = false;
    simdjson::dom::parser parser_;
};

}  // namespace activity::loadtest
