#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/dialects/verdict.h"
#include "schemas/activity/event.h"
#include "schemas/activity/json.h"
#include "schemas/catalogue/catalogue.h"

namespace activity::ingest {

/// Limits of Segment's HTTP tracking API (its page "HTTP API", "Max request size"), and of what a database
/// column and a person can use.
struct SegmentLimits {
    std::size_t event_bytes_max = 32 * 1024;
    std::size_t batch_events_max = 2'500;
    std::size_t message_id_bytes_max = 100;
    std::size_t name_bytes_max = 256;  ///< name of an event, user ID, anonymous ID
};

/// Which call of the API a body came to.
struct SegmentCall {
    bool is_batch = false;
    EventType type = EventType::track;  ///< of a call that is no batch
};

/// Reads the bodies of Segment's HTTP tracking API: one event, or a batch of them. One a thread; what it gave
/// out of a body dies with the next one.
class SegmentReader {
  public:
    SegmentReader(const Catalogue& catalogue, const SegmentLimits& limits)
        : catalogue_(catalogue), limits_(limits) {}

    /// Reads the document. A rejection is about the body as a whole.
    std::optional<Rejection> read(std::string& body);
    /// The write key in the body, "" if there is none.
    std::string_view write_key() const { return write_key_; }
    /// The events of the document that was read. The rejection is about the batch as a whole.
    std::variant<std::vector<Verdict>, Rejection> verdicts(SegmentCall call, std::string_view source,
                                                           Timestamp received_at);

  private:
    const Catalogue& catalogue_;
    SegmentLimits limits_;
    json::Reader reader_;
    json::Object document_;
    std::string_view write_key_;
};

}  // namespace activity::ingest
