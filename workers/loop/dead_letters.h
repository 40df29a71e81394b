#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/wire/consumer.h"
#include "schemas/wire/producer.h"
#include "schemas/wire/record.h"

namespace activity::workers {

/// A record that can't be processed, as it goes to the dead-letter topic: key, value and headers as they
/// came, and headers that say why and where from. Origin topic, partition and offset name it for ever: a dead
/// letter that a crash made us send twice is recognised by them.
wire::Record dead_letter(const wire::InboundRecord& record, std::string topic, std::string_view group,
                         std::string_view reason, std::string_view detail);

/// Sends records and waits until every in-sync replica has them. Any thread.
class Outbox {
  public:
    using OnDelivered = std::function<void(std::span<const wire::DeliveryReport>)>;
    using MakePublisher = std::function<std::unique_ptr<wire::Publisher>(OnDelivered)>;

    /// The publisher is made when the first record is sent: most workers never need one.
    explicit Outbox(MakePublisher make_publisher) : make_publisher_(std::move(make_publisher)) {}

    /// Throws wire::Failure unless all were delivered; some may have been nevertheless. Takes no longer than
    /// the publisher's delivery timeout.
    void deliver(std::span<const wire::Record> records);

  private:
    wire::Publisher& publisher();

    MakePublisher make_publisher_;
    std::mutex mutex_;
    std::unique_ptr<wire::Publisher> publisher_;
};

}  // namespace activity::workers
