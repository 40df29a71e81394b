#include "workers/relay/relay.h"

#include <chrono>
#include <thread>
#include <utility>

#include "schemas/service/log.h"
#include "schemas/wire/failure.h"

namespace activity::workers {
namespace {

using namespace std::chrono_literals;

constexpr int entries_max = 500;
/// When there is nothing to send, or somebody else sends it.
constexpr std::chrono::milliseconds idle = 200ms;
/// Longer than `idle`: meanwhile somebody else may take the outbox.
constexpr std::chrono::milliseconds backoff_first = 500ms;
constexpr std::chrono::milliseconds backoff_max = 5s;

void sleep_unless(const std::atomic<bool>& stop, std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (!stop && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(20ms);
}

}  // namespace

Relay::Relay(std::string topic, OutboxStore& outbox, SyncPublisher& publisher, Metrics& metrics)
    : topic_(std::move(topic)),
      outbox_(outbox),
      publisher_(publisher),
      metrics_(metrics),
      backoff_(backoff_first, backoff_max) {}

void Relay::run(const std::atomic<bool>& stop) {
    while (!stop) {
        try {
            heal();
            const bool more = outbox_.own() && send_some();
            backoff_.reset();
            metrics_.outbox_waits.Set(0);
            if (!more) sleep_unless(stop, idle);
        } catch (const std::exception& error) {
            metrics_.outbox_waits.Set(1);
            service::log_warn("the outbox waits", {{"topic", topic_}, {"why", error.what()}});
            give_back();
            sleep_unless(stop, backoff_.next());
        }
    }
}

/// Whether there may be more.
bool Relay::send_some() {
    auto entries = outbox_.take(entries_max);
    if (entries.empty()) return false;
    std::vector<wire::Record> records;
    records.reserve(entries.size());
    for (const auto& entry : entries) {
        wire::Record record;
        record.topic = topic_;
        record.key = entry.key;
        record.value = entry.value;
        records.push_back(std::move(record));
    }
    in_doubt_ = std::move(entries);
    publisher_.deliver(records);
    outbox_.done(in_doubt_);
    metrics_.outbox_sent.Increment(static_cast<double>(in_doubt_.size()));
    const bool full = in_doubt_.size() == static_cast<std::size_t>(entries_max);
    in_doubt_.clear();
    return full;
}

/// It may be only we who can't reach Kafka.
void Relay::give_back() {
    try {
        outbox_.disown();
    } catch (const std::exception&) {
        // Without PostgreSQL there is no session, and with the session the outbox is lost.
    }
}

/// If the outbox became somebody else's while our records were on their way, they may have arrived behind
/// newer ones of the same keys: these must come once more.
void Relay::heal() {
    if (in_doubt_.empty()) return;
    outbox_.send_again(in_doubt_);
    in_doubt_.clear();
}

}  // namespace activity::workers
