#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "deploy/activityctl/context.h"
#include "schemas/wire/producer.h"

namespace activity::ctl {

/// Sends records, and says when every in-sync replica has them. One thread.
class RecordSender {
  public:
    explicit RecordSender(const wire::ClusterSettings& cluster);

    /// Waits while the queue is full. Throws CommandError if the record is too large or Kafka takes none.
    void send(const wire::Record& record);
    /// Until all that was sent is delivered. Throws CommandError if some was not: it may be stored all the
    /// same.
    void await_delivery();

  private:
    void on_delivered(std::span<const wire::DeliveryReport> reports);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t open_ = 0;
    std::string error_;
    wire::Producer producer_;  // last: its thread uses what stands above
};

}  // namespace activity::ctl
