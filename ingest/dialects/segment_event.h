#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

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

/// What stands around an event: the request, and what a batch says once for all of its events.
struct Envelope {
    SegmentCall call;
    const Arrival& arrival;
    json::Element empty_object;  ///< stands for properties that are not there
    std::optional<Timestamp> sent_at;
    std::optional<json::Element> context;
};

/// One event of the dialect: checks its members, its schema and its time, and says what it is. Paths in the
/// verdict begin at the event.
Verdict read_segment_event(const json::Object& event, const Catalogue& catalogue, const SegmentLimits& limits,
                           const Envelope& envelope);

}  // namespace activity::ingest
