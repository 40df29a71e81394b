#include "ingest/dialects/segment.h"

#include <utility>

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

/// What a batch says once for all of its events.
struct Envelope {
    SegmentCall call;
    std::string_view source;
    Timestamp received_at;
    std::optional<Timestamp> sent_at;
    std::optional<json::Element> context;
};

/// One event: takes its members one by one, then says what it is.
class EventMembers {
  public:
    EventMembers(const Catalogue& catalogue, const SegmentLimits& limits, const Envelope& envelope)
        : catalogue_(catalogue), limits_(limits), envelope_(envelope) {
        event_.type = envelope.call.type;
        event_.source = envelope.source;
        event_.received_at = envelope.received_at;
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
        if (rejection) return {std::move(event_.message_id), *std::move(rejection)};
        std::string message_id = event_.message_id;
        return {std::move(message_id), std::move(event_)};
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
        if (name == "context") return json::read_object(event_.context, name, value);
        if (name == properties_name()) return json::read_object(event_.properties, name, value);
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
        if (view.empty() || view.size() > limits_.message_id_bytes_max) {
            return Rejection{Reason::invalid_message_id, "messageId",
                             "must be 1 to " + std::to_string(limits_.message_id_bytes_max) + " bytes"};
        }
        return text("messageId", value, limits_.message_id_bytes_max, event_.message_id);
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
                             "must be one of track, page, screen, identify, group, alias"};
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
        if (name != "sentAt") original_text_ = view;
        return std::nullopt;
    }

    /// Members that have no column of their own are kept as they are.
    std::optional<Rejection> other(std::string_view name, json::Element value) {
        if (name.find('\0') != std::string_view::npos) {
            return Rejection{Reason::nul_character, "", "a member's name holds the character U+0000"};
        }
        begin_extra_member(name);
        auto rejection = json::append_checked(event_.extra, value);
        if (rejection) rejection->field = json::path(name, rejection->field);
        event_.extra += '}';
        if (name == "groupId") has_group_id_ = true;
        if (name == "previousId") has_previous_id_ = true;
        return rejection;
    }

    /// Opens the object of extra members again; whoever calls adds the value and closes it.
    void begin_extra_member(std::string_view name) {
        event_.extra.pop_back();
        if (event_.extra.size() > 1) event_.extra += ',';
        json::append_string(event_.extra, name);
        event_.extra += ':';
    }

    std::optional<Rejection> finish() {
        if (envelope_.call.is_batch && !has_type_)
            return missing("type", "is missing; in a batch every event has one");
        if (event_.learner().empty())
            return missing("userId", "is missing; userId or anonymousId must be given");
        if (event_.type == EventType::track && event_name_.empty())
            return missing("event", "is missing or empty");
        if (event_.type == EventType::group && !has_group_id_) return missing("groupId", "is missing");
        if (event_.type == EventType::alias && !has_previous_id_) return missing("previousId", "is missing");
        if (event_.message_id.empty()) event_.message_id = new_uuid_v7(event_.received_at);
        name_activity();
        if (envelope_.context && event_.context == "{}") {
            if (auto rejection = json::read_object(event_.context, "context", *envelope_.context))
                return rejection;
        }
        date();
        const std::size_t bytes = event_.properties.size() + event_.context.size() + event_.extra.size();
        if (bytes > limits_.event_bytes_max) {
            return Rejection{Reason::event_too_large, "",
                             "must be at most " + std::to_string(limits_.event_bytes_max) + " bytes"};
        }
        return std::nullopt;
    }

    void name_activity() {
        if (event_.type == EventType::track) {
            event_.activity = std::move(event_name_);
        } else {
            event_.activity = catalogue_.find(event_.type, {})->name;
        }
    }

    void date() {
        const auto original = original_timestamp_ ? original_timestamp_ : timestamp_;
        if (!original) {
            event_.occurred_at = event_.received_at;
            return;
        }
        const auto sent = sent_at_ ? sent_at_ : envelope_.sent_at;
        event_.occurred_at = without_clock_skew(*original, sent, event_.received_at);
        // What the client's own clock said, where the server's is believed instead.
        if (!sent) return;
        begin_extra_member("originalTimestamp");
        json::append_string(event_.extra, original_text_);
        event_.extra += '}';
    }

    const Catalogue& catalogue_;
    const SegmentLimits& limits_;
    const Envelope& envelope_;
    ActivityEvent event_;
    std::string event_name_;
    std::string_view original_text_;
    std::optional<Timestamp> timestamp_;
    std::optional<Timestamp> original_timestamp_;
    std::optional<Timestamp> sent_at_;
    bool has_type_ = false;
    bool has_group_id_ = false;
    bool has_previous_id_ = false;
};

}  // namespace

std::optional<Rejection> SegmentReader::read(std::string& body) {
    write_key_ = {};
    const auto document = reader_.read(body);
    if (const auto* rejection = std::get_if<Rejection>(&document)) return *rejection;
    if (std::get<json::Element>(document).get(document_)) return json::wrong_type("", "an object");
    json::Element key;
    if (!document_["writeKey"].get(key) && !key.is_null() && key.get(write_key_))
        return json::wrong_type("writeKey", "a string");
    return std::nullopt;
}

std::variant<std::vector<Verdict>, Rejection> SegmentReader::verdicts(SegmentCall call,
                                                                      std::string_view source,
                                                                      Timestamp received_at) {
    Envelope envelope{call, source, received_at, std::nullopt, std::nullopt};
    std::vector<Verdict> verdicts;
    if (!call.is_batch) {
        verdicts.push_back(EventMembers(catalogue_, limits_, envelope).read(document_));
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
        Verdict verdict = element.get(event) ? Verdict{"", json::wrong_type("", "an object")}
                                             : EventMembers(catalogue_, limits_, envelope).read(event);
        if (auto* rejection = std::get_if<Rejection>(&verdict.outcome)) {
            rejection->field = json::path("batch[" + std::to_string(index) + "]", rejection->field);
        }
        verdicts.push_back(std::move(verdict));
        ++index;
    }
    return verdicts;
}

}  // namespace activity::ingest
