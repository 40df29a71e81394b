#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "schemas/wire/client_options.h"
#include "schemas/wire/record.h"

namespace activity::wire {

/// Given with a record, given back with its report. Zero is a ticket like any other.
using Ticket = std::uint64_t;

/// What became of one record.
struct DeliveryReport {
    Ticket ticket = 0;
    /// Every in-sync replica has it. If not, it may still be stored later: only a repeat under the same
    /// message ID is safe.
    bool persisted = false;
    const char* error = "";  ///< librdkafka's name of the error; static storage
};

enum class Enqueued {
    queued,
    queue_full,  ///< nothing was taken: answer "try again later"
    too_large,   ///< larger than Kafka takes: never works
};

/// The seam between the front door and Kafka.
class Publisher {
  public:
    virtual ~Publisher() = default;
    /// Takes the record into a bounded queue; never blocks. If queued, exactly one report bears the ticket.
    /// Any thread.
    virtual Enqueued publish(const Record& record, Ticket ticket) = 0;
};

struct ProducerSettings {
    ClusterSettings cluster;
    std::chrono::milliseconds linger{5};  ///< longer batches cost latency, shorter ones brokers
    std::chrono::milliseconds delivery_timeout{120'000};  ///< after it a record is reported as not persisted
    std::size_t queue_messages_max = 50'000;
    std::size_t queue_kbytes_max = 262'144;
};

/// How the producer does, for health and metrics.
struct ProducerState {
    bool ready = false;  ///< has its producer ID and at least one broker
    std::size_t queued_messages = 0;
    std::uint64_t replaced = 0;  ///< clients replaced after a fatal error
};

/// An idempotent producer with acks=all, and the one thread that serves its reports.
/// A fatal error of the client (2.0.x: sequence desynchronisation) makes it start a new one; what the old one
/// still held is reported as not persisted.
class Producer final : public Publisher {
  public:
    /// Called on the producer's thread, many reports at a time. Must not block and must not throw.
    using OnDelivered = std::function<void(std::span<const DeliveryReport>)>;

    /// Throws Failure if an option is unknown or wrong.
    Producer(const ProducerSettings& settings, OnDelivered on_delivered);
    /// Reports what is still queued as not persisted. Call flush() first.
    ~Producer() override;
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    Enqueued publish(const Record& record, Ticket ticket) override;

    /// Waits until every record has its report. False if time ran out first.
    bool flush(std::chrono::milliseconds timeout);

    ProducerState state() const;

    /// Asks the cluster for these topics, and keeps what it says for the records to come. Returns those that
    /// do not exist, all of them if nobody answers in time.
    std::vector<std::string> missing_topics(const std::vector<std::string>& topics,
                                            std::chrono::milliseconds timeout);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::wire
