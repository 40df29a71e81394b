#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "schemas/wire/producer.h"
#include "schemas/wire/record.h"

namespace activity::workers {

/// Sends records and waits until every in-sync replica has them. Any thread.
class SyncPublisher {
  public:
    using OnDelivered = std::function<void(std::span<const wire::DeliveryReport>)>;
    using MakePublisher = std::function<std::unique_ptr<wire::Publisher>(OnDelivered)>;

    /// The publisher is made when the first record is sent: most workers never need one.
    explicit SyncPublisher(MakePublisher make_publisher) : make_publisher_(std::move(make_publisher)) {}

    /// Throws wire::Failure unless all were delivered; some may have been nevertheless. Waits up to 20 s
    /// for room in the queue, and then for the publisher's delivery timeout at most.
    void deliver(std::span<const wire::Record> records);

  private:
    wire::Publisher& publisher();

    MakePublisher make_publisher_;
    std::mutex mutex_;
    std::unique_ptr<wire::Publisher> publisher_;
};

}  // namespace activity::workers
