#include "ingest/dialects/segment.h"

#include <algorithm>
#include <utility>

#include "ingest/dialects/redaction.h"
#include "ingest/server/client_address.h"
#include "schemas/activity/uuid.h"

namespace activity::ingest {
namespace {

Rejection too_long(std::string_view field, std::size_t bytes_max) {
    return {Reason::field_too_long, std::string(field),
            "must be at most " + std::to_string(bytes_max) + " bytes"};
}

Rejection missing(std::string_view field, std::string_view rule) {
    return {Reason::missing_field, std::string(field), std::string(rule)};
}

/// Objects and arrays within each other. No deeper than a document may be nested.
std::size_t levels(json::Element value) {  // NOLINT(misc-no-recursion)
    std::size_t below = 0;
    json::Array array;
    json::Object object;
    if (!value.get(array)) {
        for (const json::Element item : array) below = std::max(below, levels(item));
        return below + 1;
    }
    if (!value.get(object)) {
        for (const auto member : object) below = std::max(below, levels(member.value));
        return below + 1;
    }
    return 0;
}

/// An event and its extra members are two levels, and json::Reader takes less than nesting_max.
constexpr std::size_t extra_levels_max = json::nesting_max - 3;

/// What a batch says once for all of its events.
struct Envelope {
    SegmentCall call;
    const Arrival& arrival;
    json::Element empty_object;
    std::optional<Timestamp> sent_at;
    std::optional<json::Element> context;
};

std::string span_text(std::chrono::milliseconds span) {
    using namespace std::chrono;
    if (span % days(1) == milliseconds(0)) return std::to_string(span / days(1)) + " days";
    if (span % hours(1) == milliseconds(0)) return std::to_string(span / hours(1)) + " hours";
    return std::to_string(span.count()) + " ms";
}

/// One event: takes its members one by one, then says what it is.
class EventMembers {
  public:
    EventMembers(const Catalogue& catalogue, const SegmentLimits& limits, const Envelope& envelope)
        : catalogue_(catalogue), limits_(limits), envelope_(envelope) {
        event_.type = envelope.call.type;
        event_.source = envelope.arrival.source.name;
        event_.received_at = envelope.arrival.received_at;
    }

    Verdict read(const json::Object& object) && {
        std::optional<Rejection> rejection;
        if (const auto twice = json::duplicate_name(object)) {
            rejection =
                Rejection{Reason::duplicate_key, std::string(*twice), "stands twice in the same object"};
        }
        // First, because it says what the other members mean.
        json::Element type_name;
        if (!rejection && !object["type"].get(type_name) && !type_name.is_null()) rejection = type(type_name);
        // After a rejection the rest is still looked through for the message ID: the client needs it to know
        // which of its events this is.
        for (const auto member : object) {
            if (rejection && member.key != "messageId") continue;
            auto refused = take(member.key, member.value);
            if (!rejection) rejection = std::move(refused);
        }
        if (!rejection) rejection = finish();
        Verdict verdict;
        verdict.known = known_;
        if (rejection) {
            verdict.unaccepted_id = std::move(event_.message_id);
            verdict.outcome = *std::move(rejection);
        } else {
            verdict.outcome = std::move(event_);
            verdict.warnings = std::move(warnings_);
        }
        return verdict;
    }

  private:
    std::optional<Rejection> take(std::string_view name, json::Element value) {
        if (name == "writeKey" || name == "type") return std::nullopt;
        if (name == "messageId") return message_id(value);
        if (value.is_null()) return std::nullopt;  // SDKs send null for "absent"
        if (name == "event") return text(name, value, limits_.name_bytes_max, event_name_);
        if (name == "userId") return identifier(name, value, event_.user_id);
        if (name == "anonymousId") return identifier(name, value, event_.anonymous_id);
        if (name == "timestamp") return time(name, value, timestamp_);
        if (name == "originalTimestamp") return time(name, value, original_timestamp_);
        if (name == "sentAt") return time(name, value, sent_at_);
        if (name == "context") return context(name, value);
        if (name == properties_name()) {
            properties_ = value;
            return json::read_object(event_.properties, name, value);
        }
        return other(name, value);
    }

    /// identify and group bear traits where the others bear properties.
    std::string_view properties_name() const {
        return event_.type == EventType::identify || event_.type == EventType::group ? "traits"
                                                                                     : "properties";
    }

    static std::optional<Rejection> text(std::string_view name, json::Element value, std::size_t bytes_max,
                                         std::string& out) {
        if (auto rejection = json::read_text(out, name, value)) return rejection;
        if (out.size() > bytes_max) return too_long(name, bytes_max);
        return std::nullopt;
    }

    std::optional<Rejection> message_id(json::Element value) {
        if (value.is_null()) return std::nullopt;
        std::string_view view;
        if (value.get(view)) return json::wrong_type("messageId", "a string");
        if (auto rejection = check_message_id(view, "messageId")) return rejection;
        return json::read_text(event_.message_id, "messageId", value);
    }

    std::optional<Rejection> check_message_id(std::string_view id, const char* field) const {
        const std::size_t max = limits_.message_id_characters_max;
        if (!id.empty() && (id.size() <= max || json::characters(id) <= max)) return std::nullopt;
        return Rejection{Reason::invalid_message_id, field,
                         "must be 1 to " + std::to_string(max) + " characters"};
    }

    /// With the client's address as the installation wants it kept: what the SDK sent, else what connected.
    std::optional<Rejection> context(std::string_view name, json::Element value) {
        json::Object object;
        if (value.get(object)) return json::wrong_type(name, "an object");
        context_ = value;
        json::Element sent_address;
        if (!object["ip"].get(sent_address)) return context_with_own_address(name, object, sent_address);
        if (auto rejection = json::read_object(event_.context, name, value)) return rejection;
        append_address(envelope_.arrival.client_address);
        return std::nullopt;
    }

    std::optional<Rejection> context_with_own_address(std::string_view name, const json::Object& object,
                                                      json::Element sent_address) {
        if (const auto twice = json::duplicate_name(object)) {
            return Rejection{Reason::duplicate_key, json::path(name, *twice),
                             "stands twice in the same object"};
        }
        event_.context = "{";
        for (const auto member : object) {
            if (member.key == "ip") continue;
            if (event_.context.size() > 1) event_.context += ',';
            if (auto rejection = json::append_member_checked(event_.context, member.key, member.value)) {
                rejection->field = json::path(name, rejection->field);
                return rejection;
            }
        }
        event_.context += '}';
        std::string_view text;
        if (sent_address.get(text)) return std::nullopt;  // null, or no address at all
        const auto address = ClientAddress::parse(text);
        if (!address || limits_.address == AddressKept::none) return std::nullopt;
        append_address((limits_.address == AddressKept::full ? *address : address->truncated()).text());
        return std::nullopt;
    }

    void append_address(std::string_view address) {
        if (address.empty()) return;
        event_.context.pop_back();
        if (event_.context.size() > 1) event_.context += ',';
        event_.context += R"("ip":")";
        event_.context += address;
        event_.context += "\"}";
    }

    /// IDs are strings; whole numbers, as some backends send them, are taken in their decimal form.
    std::optional<Rejection> identifier(std::string_view name, json::Element value, std::string& out) const {
        std::int64_t number = 0;
        if (!value.get(number)) {
            out = std::to_string(number);
            return std::nullopt;
        }
        return text(name, value, limits_.name_bytes_max, out);
    }

    std::optional<Rejection> type(json::Element value) {
        std::string_view view;
        if (value.get(view)) return json::wrong_type("type", "a string");
        const auto type = event_type(view);
        if (!type) {
            return Rejection{Reason::unknown_event_type, "type",
                             "must be one of track, page, screen, identify, group, alias, merge"};
        }
        if (!envelope_.call.is_batch && *type != envelope_.call.type) {
            return Rejection{Reason::unknown_event_type, "type",
                             "must be " + std::string(to_string(envelope_.call.type)) + " at this address"};
        }
        event_.type = *type;
        has_type_ = true;
        return std::nullopt;
    }

    std::optional<Rejection> time(std::string_view name, json::Element value, std::optional<Timestamp>& out) {
        std::string_view view;
        if (value.get(view)) return json::wrong_type(name, "a string");
        out = parse_timestamp(view);
        if (!out) {
            return Rejection{Reason::invalid_timestamp, std::string(name),
                             "must be an RFC 3339 date-time, as 2026-11-21T14:28:00.000Z"};
        }
        if (name == "timestamp") timestamp_text_ = view;
        if (name == "originalTimestamp") original_text_ = view;
        return std::nullopt;
    }

    /// Members that have no column of their own are kept as they are.
    std::optional<Rejection> other(std::string_view name, json::Element value) {
        // The record has it one level deeper than the request: a worker must still be able to read it.
        if (levels(value) > extra_levels_max) {
            return Rejection{Reason::nesting_too_deep, std::string(name),
                             "must have at most " + std::to_string(extra_levels_max) + " levels"};
        }
        open_extra();
        auto rejection = json::append_member_checked(event_.extra, name, value);
        event_.extra += '}';
        if (name == "groupId") has_group_id_ = true;
        if (name == "previousId") has_previous_id_ = true;
        if (name == "mergeProperties") merge_properties_ = value;
        return rejection;
    }

    /// Opens the object of extra members again; whoever calls adds the value and closes it.
    void open_extra() {
        event_.extra.pop_back();
        if (event_.extra.size() > 1) event_.extra += ',';
    }

    std::optional<Rejection> finish() {
        if (envelope_.call.is_batch && !has_type_)
            return missing("type", "is missing; in a batch every event has one");
        if (event_.type == EventType::merge) {
            if (auto rejection = finish_merge()) return rejection;
        }
        if (event_.learner().empty())
            return missing("userId", "is missing; userId or anonymousId must be given");
        if (event_.type == EventType::track && event_name_.empty())
            return missing("event", "is missing or empty");
        if (event_.type == EventType::group && !has_group_id_) return missing("groupId", "is missing");
        if (event_.type == EventType::alias && !has_previous_id_) return missing("previousId", "is missing");
        if (auto rejection = identify_message()) return rejection;
        if (!context_ && envelope_.context) {
            if (auto rejection = context("context", *envelope_.context)) return rejection;
        }
        if (!context_) append_address(envelope_.arrival.client_address);
        if (auto rejection = take_traits_of_context()) return rejection;
        name_activity();
        if (auto rejection = check_schema()) return rejection;
        date();
        if (auto rejection = check_window()) return rejection;
        if (message_id_made_) {
            warn(Mark::message_id_made, "messageId",
                 "was missing and has been made: if this request is sent again, nobody can know");
        }
        const std::size_t bytes = event_.properties.size() + event_.context.size() + event_.extra.size();
        if (bytes > limits_.event_bytes_max) {
            return Rejection{Reason::event_too_large, "",
                             "must be at most " + std::to_string(limits_.event_bytes_max) + " bytes"};
        }
        return std::nullopt;
    }

    /// A merge names two identities and often nobody else; it is then kept with the first of them.
    std::optional<Rejection> finish_merge() {
        json::Array identities;
        if (!merge_properties_) return missing("mergeProperties", "is missing");
        if (merge_properties_->get(identities)) return json::wrong_type("mergeProperties", "an array");
        std::size_t index = 0;
        for (const json::Element identity : identities) {
            std::string_view type, value;
            if (identity["type"].get(type) || identity["value"].get(value)) {
                return json::wrong_type("mergeProperties[" + std::to_string(index) + "]",
                                        "an object with the strings type and value");
            }
            if (index == 0 && event_.learner().empty()) {
                event_.anonymous_id = std::string(type) + ":" + std::string(value);
                if (event_.anonymous_id.size() > limits_.name_bytes_max)
                    return too_long("mergeProperties[0]", limits_.name_bytes_max);
            }
            ++index;
        }
        if (index != 2) {
            return Rejection{Reason::wrong_type, "mergeProperties", "must hold exactly two identities"};
        }
        return std::nullopt;
    }

    std::optional<Rejection> identify_message() {
        if (!event_.message_id.empty()) return std::nullopt;
        if (!envelope_.arrival.idempotency_key.empty() && !envelope_.call.is_batch) {
            event_.message_id = envelope_.arrival.idempotency_key;
            // A header's value may be any bytes.
            if (!simdjson::validate_utf8(event_.message_id)) {
                event_.message_id.clear();
                return Rejection{Reason::invalid_message_id, "Idempotency-Key", "must be UTF-8"};
            }
            return check_message_id(event_.message_id, "Idempotency-Key");
        }
        event_.message_id = new_uuid_v7(event_.received_at);
        message_id_made_ = true;
        return std::nullopt;
    }

    /// RudderStack's browser SDK sends the traits of identify in the context alone.
    std::optional<Rejection> take_traits_of_context() {
        if (properties_ || properties_name() != "traits" || !context_) return std::nullopt;
        json::Element traits;
        if ((*context_)["traits"].get(traits) || !traits.is_object()) return std::nullopt;
        return json::read_object(event_.properties, "context.traits", traits);
    }

    void name_activity() {
        known_ = catalogue_.find(event_.type, event_name_);
        event_.activity = event_.type == EventType::track ? std::move(event_name_) : known_->name;
    }

    void warn(Mark mark, std::string field, std::string message) {
        event_.marks.push_back(mark);
        warnings_.push_back({mark, std::move(field), std::move(message)});
    }

    std::optional<Rejection> check_schema() {
        const Strictness strictness = envelope_.arrival.source.schema;
        if (strictness == Strictness::off || known_ == nullptr || !known_->properties) return std::nullopt;
        auto violation = known_->properties->check(properties_.value_or(envelope_.empty_object));
        if (!violation) return std::nullopt;
        std::string field = json::path(properties_name(), violation->field);
        if (strictness == Strictness::reject) {
            return Rejection{Reason::schema_violation, std::move(field), std::move(violation->message)};
        }
        warn(Mark::schema_violation, std::move(field), std::move(violation->message));
        return std::nullopt;
    }

    std::optional<Rejection> check_window() {
        const auto age = event_.received_at - event_.occurred_at;
        if (age <= limits_.age_max && -age <= limits_.ahead_max) return std::nullopt;
        const char* field = timestamp_ ? "timestamp" : "originalTimestamp";
        std::string message = age > limits_.age_max
                                  ? "must not be more than " + span_text(limits_.age_max) + " ago"
                                  : "must not be more than " + span_text(limits_.ahead_max) + " ahead";
        if (envelope_.arrival.source.time_window == Strictness::reject) {
            return Rejection{Reason::time_out_of_window, field, std::move(message)};
        }
        warn(Mark::time_out_of_window, field, std::move(message));
        return std::nullopt;
    }

    /// A client that sends both means by `timestamp` when it happened, by `originalTimestamp` when it spoke
    /// of it (RudderStack's SDK for Node.js does, and its server reads it so).
    void date() {
        const auto original = timestamp_ ? timestamp_ : original_timestamp_;
        if (!original) {
            event_.occurred_at = event_.received_at;
            return;
        }
        const auto sent = sent_at_ ? sent_at_ : envelope_.sent_at;
        event_.occurred_at = without_clock_skew(*original, sent, event_.received_at);
        // What the client's own clock said, where the server's is believed instead.
        if (!sent) return;
        open_extra();
        event_.extra += R"("originalTimestamp":)";
        json::append_string(event_.extra, timestamp_ ? timestamp_text_ : original_text_);
        event_.extra += '}';
    }

    const Catalogue& catalogue_;
    const SegmentLimits& limits_;
    const Envelope& envelope_;
    ActivityEvent event_;
    const CatalogueActivity* known_ = nullptr;
    std::vector<Warning> warnings_;
    std::string event_name_;
    std::optional<json::Element> context_;
    std::optional<json::Element> properties_;
    std::optional<json::Element> merge_properties_;
    std::string_view timestamp_text_;
    std::string_view original_text_;
    std::optional<Timestamp> timestamp_;
    std::optional<Timestamp> original_timestamp_;
    std::optional<Timestamp> sent_at_;
    bool has_type_ = false;
    bool has_group_id_ = false;
    bool has_previous_id_ = false;
    bool message_id_made_ = false;
};

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
        verdicts.push_back(EventMembers(catalogue_, limits_, envelope).read(document_));
        redact_if_noteworthy(verdicts.back(), root_);
        return verdicts;
    }

    if (const auto twice = json::duplicate_name(document_)) {
        return Rejection{Reason::duplicate_key, std::string(*twice), "stands twice in the same object"};
    }
    json::Array batch;
    json::Element member;
    if (document_["batch"].get(member)) return missing("batch", "is missing");
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
            verdict = EventMembers(catalogue_, limits_, envelope).read(event);
        }
        place_in_batch(verdict, index);
        redact_if_noteworthy(verdict, element);
        ++index;
    }
    return verdicts;
}

}  // namespace activity::ingest
