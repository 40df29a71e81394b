#include "ingest/dialects/segment.h"

#include <algorithm>
#include <utility>

#include "ingest/dialects/redaction.h"

namespace activity::ingest {
namespace {

/// Paths of a batch's events begin with their place in it.
void place_in_batch(Verdict& verdict, std::size_t index) {
    auto* rejection = std::get_if<Rejection>(&verdict.outcome);
    if (rejection == nullptr && verdict.warnings.empty()) return;
    const std::string place = "batch[" + std::to_string(index) + "]";
    if (rejection != nullptr) rejection->field = json::path(place, rejection->field);
    for (Warning& warning : verdict.warnings) warning.field = json::path(place, warning.field);
}

/// A missing message ID alone is the client's business; whatever breaks a rule is the operator's too.
void redact_if_noteworthy(Verdict& verdict, json::Element event) {
    const bool breaks_a_rule =
        verdict.rejection() != nullptr ||
        std::any_of(verdict.warnings.begin(), verdict.warnings.end(),
                    [](const Warning& warning) { return warning.mark != Mark::message_id_made; });
    if (breaks_a_rule) verdict.redacted = redacted(event);
}

}  // namespace

SegmentReader::SegmentReader(const Catalogue& catalogue, const SegmentLimits& limits)
    : catalogue_(catalogue), limits_(limits), empty_object_(empty_parser_.parse("{}", 2)) {}

std::optional<Rejection> SegmentReader::read(std::string& body) {
    write_key_ = {};
    const auto document = reader_.read(body);
    if (const auto* rejection = std::get_if<Rejection>(&document)) return *rejection;
    root_ = std::get<json::Element>(document);
    if (root_.get(document_)) return json::wrong_type("", "an object");
    json::Element key;
    if (!document_["writeKey"].get(key) && !key.is_null() && key.get(write_key_))
        return json::wrong_type("writeKey", "a string");
    return std::nullopt;
}

std::variant<std::vector<Verdict>, Rejection> SegmentReader::verdicts(SegmentCall call,
                                                                      const Arrival& arrival) {
    Envelope envelope{call, arrival, empty_object_, std::nullopt, std::nullopt};
    std::vector<Verdict> verdicts;
    if (!call.is_batch) {
        verdicts.push_back(read_segment_event(document_, catalogue_, limits_, envelope));
        redact_if_noteworthy(verdicts.back(), root_);
        return verdicts;
    }

    if (const auto twice = json::duplicate_name(document_)) {
        return Rejection{Reason::duplicate_key, std::string(*twice), "stands twice in the same object"};
    }
    json::Array batch;
    json::Element member;
    if (document_["batch"].get(member)) return Rejection{Reason::missing_field, "batch", "is missing"};
    if (member.get(batch)) return json::wrong_type("batch", "an array");
    if (batch.size() == 0) return Rejection{Reason::empty_batch, "batch", "must hold at least one event"};
    // A DOM array counts at most 2^24 - 1 elements: far beyond any body that gets this far.
    if (batch.size() > limits_.batch_events_max) {
        return Rejection{Reason::batch_too_large, "batch",
                         "must hold at most " + std::to_string(limits_.batch_events_max) + " events"};
    }
    if (!document_["sentAt"].get(member) && !member.is_null()) {
        std::string_view view;
        if (!member.get(view)) envelope.sent_at = parse_timestamp(view);
        if (!envelope.sent_at) {
            return Rejection{Reason::invalid_timestamp, "sentAt",
                             "must be an RFC 3339 date-time, as 2026-11-21T14:28:00.000Z"};
        }
    }
    if (!document_["context"].get(member) && !member.is_null()) envelope.context = member;

    verdicts.reserve(batch.size());
    std::size_t index = 0;
    for (const json::Element element : batch) {
        json::Object event;
        Verdict& verdict = verdicts.emplace_back();
        if (element.get(event)) {
            verdict.outcome = json::wrong_type("", "an object");
        } else {
            verdict = read_segment_event(event, catalogue_, limits_, envelope);
        }
        place_in_batch(verdict, index);
        redact_if_noteworthy(verdict, element);
        ++index;
    }
    return verdicts;
}

}  // namespace activity::ingest
