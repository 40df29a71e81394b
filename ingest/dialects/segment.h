#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ingest/dialects/verdict.h"
#include "schemas/activity/event.h"
#include "schemas/activity/json.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/sources/source.h"

namespace activity::ingest {

/// What of a client's address is kept, as `context.ip`.
enum class AddressKept { none, truncated, full };

/// Limits of Segment's HTTP tracking API (its page "HTTP API", "Max request size"), and of what a database
/// column and a person can use.
struct SegmentLimits {
    std::size_t event_bytes_max = 32 * 1024;
    std::size_t batch_events_max = 2'500;
    std::size_t message_id_characters_max = 100;
    std::size_t name_bytes_max = 256;  ///< name of an event, user ID, anonymous ID
    std::chrono::milliseconds age_max = std::chrono::hours(24 * 30);  ///< how long ago it may have happened
    std::chrono::milliseconds ahead_max = std::chrono::hours(1);      ///< how far ahead
    AddressKept address = AddressKept::truncated;
};

/// Which call of the API a body came to.
struct SegmentCall {
    bool is_batch = false;
    EventType type = EventType::track;  ///< of a call that is no batch
};

/// What a request says of all its events.
struct Arrival {
    const Source& source;
    Timestamp received_at;
    std::string_view client_address;   ///< "" if it is not known or not to be kept
    std::string_view idempotency_key;  ///< "" if there is none
};

/// Reads the bodies of Segment's HTTP tracking API, and of RudderStack's, which adds `merge`: one event, or a
/// batch of them. One a thread; what it gave out of a body dies with the next one.
class SegmentReader {
  public:
    SegmentReader(const Catalogue& catalogue, const SegmentLimits& limits);

    /// Reads the document. A rejection is about the body as a whole.
    std::optional<Rejection> read(std::string& body);
    /// The write key in the body, "" if there is none.
    std::string_view write_key() const { return write_key_; }
    /// The events of the document that was read. The rejection is about the batch as a whole.
    std::variant<std::vector<Verdict>, Rejection> verdicts(SegmentCall call, const Arrival& arrival);

  private:
    const Catalogue& catalogue_;
    SegmentLimits limits_;
    json::Reader reader_;
    json::Element root_;
    json::Object document_;
    std::string_view write_key_;
    simdjson::dom::parser empty_parser_;
    json::Element empty_object_;
};

}  // namespace activity::ingest
