#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ingest/dialects/segment_event.h"

namespace activity::ingest {

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
