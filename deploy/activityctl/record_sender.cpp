#include "deploy/activityctl/record_sender.h"

#include <chrono>

namespace activity::ctl {
namespace {

using namespace std::chrono_literals;

/// After it a record counts as failed. Longer than a broker's restart takes.
constexpr auto delivery_timeout = 30s;
/// As the workers': what they could send to a dead-letter topic can be sent back.
constexpr const char* record_bytes_max = "4000000";

wire::ProducerSettings settings_of(const wire::ClusterSettings& cluster) {
    wire::ProducerSettings settings;
    settings.cluster = cluster;
    settings.cluster.options.try_emplace("message.max.bytes", record_bytes_max);
    settings.delivery_timeout = delivery_timeout;
    settings.queue_messages_max = 10'000;
    settings.queue_kbytes_max = 65'536;
    return settings;
}

}  // namespace

RecordSender::RecordSender(const wire::ClusterSettings& cluster)
    : producer_(settings_of(cluster),
                [this](std::span<const wire::DeliveryReport> reports) { on_delivered(reports); }) {}

void RecordSender::on_delivered(std::span<const wire::DeliveryReport> reports) {
    const std::lock_guard lock(mutex_);
    for (const auto& report : reports) {
        if (!report.persisted) error_ = report.error;
        --open_;
    }
    changed_.notify_all();
}

void RecordSender::send(const wire::Record& record) {
    const auto deadline = std::chrono::steady_clock::now() + delivery_timeout;
    {
        const std::lock_guard lock(mutex_);
        ++open_;
    }
    for (;;) {
        const auto enqueued = producer_.publish(record, 0);
        if (enqueued == wire::Enqueued::queued) return;
        const bool too_large = enqueued == wire::Enqueued::too_large;
        if (too_large || std::chrono::steady_clock::now() > deadline) {
            const std::lock_guard lock(mutex_);
            --open_;
            throw CommandError(too_large ? "a record is larger than Kafka takes"
                                         : "Kafka takes no more records");
        }
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 50ms);
    }
}

void RecordSender::await_delivery() {
    producer_.flush(delivery_timeout + 5s);
    std::unique_lock lock(mutex_);
    const bool all_in = changed_.wait_for(lock, 5s, [this] { return open_ == 0; });
    if (!error_.empty()) throw CommandError("Kafka did not store all records: " + error_);
    if (!all_in) throw CommandError("Kafka did not say whether it has all records");
}

}  // namespace activity::ctl
