#pragma once

#include <string>
#include <string_view>

#include "ingest/receipts/event_store.h"
#include "ingest/receipts/receipt.h"
#include "ingest/receipts/record_search.h"

namespace activity::receipts {

/// What became of a message: first PostgreSQL is asked, by the key of its ID; then, if it is not there, Kafka
/// is searched. A message of another source is none. Any thread.
class Lookup {
  public:
    Lookup(EventStore& store, RecordSearch& search) : store_(store), search_(search) {}

    /// Throws Unavailable, Busy.
    Receipt find(const std::string& message_id, std::string_view source) {
        Receipt receipt;
        const Standing standing = store_.look_up(message_key(message_id), source);
        if (standing.event) {
            receipt.status = Status::stored;
            receipt.received_at = format_timestamp(standing.event->received_at);
            receipt.stored_at = format_timestamp(standing.event->stored_at);
            receipt.marks = standing.event->marks;
        } else {
            SearchResult result = search_.find(message_id, source, standing.next_offsets);
            if (result.found) receipt = *std::move(result.found);
            receipt.not_searched = std::move(result.not_searched);
        }
        receipt.message_id = message_id;
        return receipt;
    }

  private:
    EventStore& store_;
    RecordSearch& search_;
};

}  // namespace activity::receipts
