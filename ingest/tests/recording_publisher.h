#pragma once

#include <cstddef>
#include <vector>

#include "ingest/rejected_events.h"
#include "schemas/wire/producer.h"

namespace activity::ingest {

/// Keeps what is published; the test says what becomes of it. Kafka cannot be made to fill a queue on
/// command.
class RecordingPublisher final : public wire::Publisher {
  public:
    wire::Enqueued publish(const wire::Record& record, wire::Ticket ticket) override {
        if (ticket == unwatched_ticket) {
            rejected.push_back(record);
            return wire::Enqueued::queued;
        }
        if (records.size() >= capacity) return wire::Enqueued::queue_full;
        records.push_back(record);
        tickets.push_back(ticket);
        return wire::Enqueued::queued;
    }
    std::vector<wire::Record> records;
    std::vector<wire::Record> rejected;
    std::vector<wire::Ticket> tickets;
    std::size_t capacity = 1'000;
};

}  // namespace activity::ingest
