#include "workers/loop/sync_publisher.h"

#include <chrono>
#include <condition_variable>
#include <string>
#include <thread>

#include "schemas/wire/failure.h"

namespace activity::workers {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// As long as the queue's records may take: then there is room, or Kafka is away.
constexpr auto room_patience = 20s;
constexpr auto room_poll = 2ms;

/// Counts the reports of one deliver(). Its address is the ticket; it lives until all reports are in.
class Receipt {
  public:
    void sent() {
        const std::lock_guard lock(mutex_);
        ++open_;
    }

    void report(const wire::DeliveryReport& report) {
        const std::lock_guard lock(mutex_);
        if (!report.persisted) error_ = report.error;
        if (--open_ == 0) all_in_.notify_all();
    }

    /// The last error, empty if there was none.
    std::string wait() {
        std::unique_lock lock(mutex_);
        all_in_.wait(lock, [this] { return open_ == 0; });
        return error_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable all_in_;
    std::size_t open_ = 0;
    std::string error_;
};

wire::Ticket ticket(Receipt& receipt) {
    return reinterpret_cast<wire::Ticket>(&receipt);
}
Receipt& receipt_of(wire::Ticket ticket) {
    return *reinterpret_cast<Receipt*>(ticket);  // NOLINT(performance-no-int-to-ptr)
}

void on_delivered(std::span<const wire::DeliveryReport> reports) {
    for (const auto& report : reports) receipt_of(report.ticket).report(report);
}

}  // namespace

wire::Publisher& SyncPublisher::publisher() {
    const std::lock_guard lock(mutex_);
    if (!publisher_) publisher_ = make_publisher_(on_delivered);
    return *publisher_;
}

void SyncPublisher::deliver(std::span<const wire::Record> records) {
    wire::Publisher& out = publisher();
    Receipt receipt;
    std::string refused;
    for (const auto& record : records) {
        receipt.sent();
        auto enqueued = out.publish(record, ticket(receipt));
        // The queue is shared: when ours are out of it, others may have filled it again.
        for (const auto deadline = Clock::now() + room_patience;
             enqueued == wire::Enqueued::queue_full && Clock::now() < deadline;
             enqueued = out.publish(record, ticket(receipt))) {
            std::this_thread::sleep_for(room_poll);
        }
        if (enqueued != wire::Enqueued::queued) {
            receipt.report({.ticket = 0, .persisted = true});
            refused = enqueued == wire::Enqueued::too_large ? "a record is larger than the producer takes"
                                                            : "the queue is full";
            break;
        }
    }
    const std::string error = receipt.wait();
    if (refused.empty()) refused = error;
    if (!refused.empty())
        throw wire::Failure(wire::Disposition::retry, "records were not delivered: " + refused);
}

}  // namespace activity::workers
