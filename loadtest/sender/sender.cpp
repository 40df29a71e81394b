#include "loadtest/sender/sender.h"

#include <algorithm>
#include <ctime>

namespace activity::loadtest {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;

/// What is due is taken up in such portions, so that answers are not left lying meanwhile.
constexpr int portion = 64;
constexpr auto first_pause = 100ms;
constexpr auto longest_pause = 10s;
/// A client that missed an answer asks again after so long at most.
constexpr auto duplicate_after_max = 2s;
/// Between two looks for entries that are settled.
constexpr std::uint64_t release_every = std::uint64_t{1} << 18;

std::uint64_t microseconds_of(Sender::Clock::duration duration) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(duration_cast<microseconds>(duration).count(), 0));
}

std::chrono::nanoseconds cpu_of_thread() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::vector<RequestWriter> writers(const SenderSettings& settings) {
    std::vector<RequestWriter> all;
    for (const Source& source : settings.sources) all.emplace_back(settings.address.text, source);
    return all;
}

}  // namespace

Sender::Sender(const SenderSettings& settings, Clock::time_point began, Timeline& timeline)
    : settings_(settings),
      began_(began),
      writers_(writers(settings)),
      timeline_(timeline),
      ledger_(settings.ledger),
      ids_(settings.number),
      client_(settings.address, settings.connections, settings.timeout),
      random_(settings.seed) {}

PhaseTally Sender::run(Feed& feed, Clock::time_point from, std::chrono::nanoseconds length,
                       const std::atomic<bool>& stop) {
    tally_ = {};
    stopping_ = false;
    const auto cpu_before = cpu_of_thread();
    const auto end_of_phase = from + length;
    auto due = feed.next();
    const auto is_due = [&](Clock::time_point now) {
        if (!due || stopping_) return false;
        if (settings_.closed_loop) return now >= from && client_.open() < settings_.connections;
        return from + due->at <= now;
    };
    for (;;) {
        auto now = Clock::now();
        if (stop) stopping_ = true;
        if (settings_.closed_loop && now >= end_of_phase) due.reset();
        for (int taken = 0; taken < portion && is_due(now); ++taken) {
            const auto at = settings_.closed_loop ? now : from + due->at;
            tally_.lateness.add(microseconds_of(now - at));
            take_up(std::move(*due), at);
            due = feed.next();
            now = Clock::now();
        }
        while (!later_.empty() && later_.top().at <= now) {
            const auto ticket = later_.top().ticket;
            later_.pop();
            send(ticket);
        }
        end_second(now);
        const bool more = due && !stopping_;
        if (stopping_ || (!more && client_.open() == 0 && later_.empty())) break;
        auto until = now + 20ms;
        if (more && !settings_.closed_loop) until = std::min(until, from + due->at);
        if (!later_.empty()) until = std::min(until, later_.top().at);
        for (const Finished& finished : client_.poll(until)) finish(finished);
    }
    for (const Flight& flight : flights_)
        if (!flight.bad.empty() && !flight.settled) end_without_answer(flight, Outcome::unknown, 0);
    end_second(Clock::time_point::max());
    tally_.cpu = cpu_of_thread() - cpu_before;
    tally_.took = Clock::now() - from;
    return std::move(tally_);
}

void Sender::take_up(Due due, Clock::time_point at) {
    const auto events = due.deeds.size();
    tally_.counts.offered += events;
    second_.offered += events;
    if (client_.open() >= settings_.open_max) {
        tally_.counts.unsent += events;
        return;
    }
    const auto ticket = free_.empty() ? flights_.size() : free_.back();
    free_.empty() ? void(flights_.emplace_back()) : free_.pop_back();
    Flight& flight = flights_[ticket];
    flight.due = at;
    flight.first = ledger_.size();
    const Timestamp time = now();
    std::vector<Told> told;
    told.reserve(events);
    for (Deed& deed : due.deeds) {
        Entry entry;
        entry.key = ids_.next(time);
        entry.due_ms =
            static_cast<std::uint32_t>(duration_cast<std::chrono::milliseconds>(at - began_).count());
        entry.learner = deed.learner;
        entry.course = deed.course;
        entry.activity = deed.activity;
        entry.source = due.source;
        ledger_.write(entry);
        flight.bad.push_back(deed.bad);
        const auto happened_at = time - std::chrono::seconds(deed.late_s);
        told.push_back({std::move(deed), entry.key, happened_at});
    }
    flight.request = writers_[due.source].write(told, settings_.gzip > 0 && chance() < settings_.gzip);
    send(ticket);
    release_ledger();
}

void Sender::send(std::uint64_t ticket) {
    Flight& flight = flights_[ticket];
    for (std::size_t i = 0; i < flight.bad.size(); ++i) ledger_.note_sent(flight.first + i);
    ++flight.tries;
    client_.send(ticket, flight.request);
}

void Sender::finish(const Finished& finished) {
    Flight& flight = flights_[finished.ticket];
    auto& counts = tally_.counts;
    const auto status = finished.how == Finished::How::answered ? finished.response.status : 0;
    std::optional<std::uint32_t> retry_after_s;
    switch (finished.how) {
        case Finished::How::answered:
            if (status == 202 || status == 400) {
                settle(flight, finished.response);
                if (flight.settled || settings_.duplicates <= 0 || chance() >= settings_.duplicates) {
                    end(finished.ticket);
                } else {
                    flight.settled = true;
                    ++counts.duplicates;
                    later_.push({finished.at + duration_cast<Clock::duration>(duplicate_after_max * chance()),
                                 finished.ticket});
                }
                return;
            }
            ++(status == 429 ? counts.status_429 : status == 503 ? counts.status_503 : counts.status_other);
            retry_after_s = finished.response.retry_after_s;
            break;
        case Finished::How::timed_out: ++counts.timed_out; break;
        default: ++counts.lost; break;
    }
    ++second_.errors;
    // Any other answer would be the same again.
    const bool passes = status == 0 || status == 429 || status >= 500;
    if (passes && send_later(finished.ticket, retry_after_s)) return;
    if (!flight.settled) end_without_answer(flight, passes ? Outcome::unknown : Outcome::refused, status);
    end(finished.ticket);
}

bool Sender::send_later(std::uint64_t ticket, std::optional<std::uint32_t> retry_after_s) {
    const Flight& flight = flights_[ticket];
    if (flight.tries > settings_.retries_max || stopping_) return false;
    const auto doubled = first_pause * (1 << std::min(flight.tries - 1, 7));
    auto pause = duration_cast<Clock::duration>(std::min<std::chrono::milliseconds>(doubled, longest_pause));
    pause = duration_cast<Clock::duration>(pause * (0.5 + chance()));
    if (retry_after_s) pause += std::chrono::seconds(*retry_after_s);
    ++tally_.counts.retries;
    later_.push({Clock::now() + pause, ticket});
    return true;
}

/// The answer has a word on each event, in the order in which they were sent.
void Sender::settle(const Flight& flight, const Response& response) {
    auto& counts = tally_.counts;
    simdjson::dom::array results;
    if (parser_.parse(response.body)["results"].get(results) || results.size() != flight.bad.size()) {
        ++counts.wrong;
        ++second_.errors;
        if (!flight.settled) end_without_answer(flight, Outcome::unknown, response.status);
        return;
    }
    std::size_t i = 0;
    for (const auto result : results) {
        std::string_view word;
        const bool accepted = !result["status"].get(word) && word == "accepted";
        const bool bad = flight.bad[i] != 0;
        ledger_.settle(flight.first + i++, accepted ? Outcome::acknowledged : Outcome::refused,
                       static_cast<std::uint16_t>(response.status));
        if (accepted && bad) ++counts.accepted_unexpected;
        if (!accepted && !bad) ++counts.refused_unexpected;
        if (flight.settled) continue;
        ++(accepted ? counts.acknowledged : counts.refused);
        ++(accepted ? second_.acknowledged : second_.refused);
    }
    if (!flight.settled) note_latency(flight);
}

/// No word on each event: of all of them it is unknown whether they are stored, or all are refused.
void Sender::end_without_answer(const Flight& flight, Outcome outcome, unsigned status) {
    for (std::size_t i = 0; i < flight.bad.size(); ++i)
        ledger_.settle(flight.first + i, outcome, static_cast<std::uint16_t>(status));
    auto& counts = tally_.counts;
    if (outcome == Outcome::unknown) {
        counts.unknown += flight.bad.size();
    } else {
        counts.refused += flight.bad.size();
        second_.refused += flight.bad.size();
        counts.refused_unexpected +=
            static_cast<std::uint64_t>(std::count(flight.bad.begin(), flight.bad.end(), std::uint8_t{0}));
    }
    note_latency(flight);
}

void Sender::note_latency(const Flight& flight) {
    const auto latency = microseconds_of(Clock::now() - flight.due);
    tally_.latency.add(latency);
    second_latency_.add(latency);
    ++second_.requests;
}

void Sender::end(std::uint64_t ticket) {
    Flight& flight = flights_[ticket];
    flight.bad.clear();
    flight.request = {};
    flight.tries = 0;
    flight.settled = false;
    free_.push_back(ticket);
}

void Sender::end_second(Clock::time_point now) {
    const auto at_s = now == Clock::time_point::max()
                          ? second_.at_s + 1
                          : static_cast<std::uint32_t>(std::max<std::int64_t>(
                                duration_cast<std::chrono::seconds>(now - began_).count(), 0));
    if (at_s == second_.at_s) return;
    if (second_.offered + second_.requests + second_.errors > 0) timeline_.add(second_, second_latency_);
    second_ = {};
    second_.at_s = at_s;
    second_latency_.clear();
}

void Sender::release_ledger() {
    if (ledger_.size() < released_ + release_every) return;
    std::uint64_t oldest = ledger_.size();
    for (const Flight& flight : flights_)
        if (!flight.bad.empty()) oldest = std::min(oldest, flight.first);
    ledger_.release_before(oldest);
    released_ = ledger_.size();
}

}  // namespace activity::loadtest
