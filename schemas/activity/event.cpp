#include "schemas/activity/event.h"

#include <algorithm>
#include <array>
#include <utility>

namespace activity {
namespace {

constexpr std::array<std::pair<EventType, std::string_view>, 7> type_names{{
    {EventType::track, "track"},
    {EventType::page, "page"},
    {EventType::screen, "screen"},
    {EventType::identify, "identify"},
    {EventType::group, "group"},
    {EventType::alias, "alias"},
    {EventType::merge, "merge"},
}};

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += ",\"";
    out += name;
    out += "\":";
    json::append_string(out, text);
}

void append_raw_member(std::string& out, std::string_view name, std::string_view json_text) {
    out += ",\"";
    out += name;
    out += "\":";
    out += json_text;
}

void append_marks(std::string& out, const std::vector<Mark>& marks) {
    out += R"(,"marks":[)";
    for (const Mark mark : marks) {
        if (out.back() != '[') out += ',';
        out += '"';
        out += to_string(mark);
        out += '"';
    }
    out += ']';
}

/// The members of a canonical event, in the order in which append_canonical() writes them.
enum class Member {
    message_id,
    type,
    activity,
    user_id,
    anonymous_id,
    source,
    occurred_at,
    received_at,
    properties,
    context,
    extra,
    marks
};

constexpr std::array<std::pair<Member, std::string_view>, 12> member_names{{
    {Member::message_id, "messageId"},
    {Member::type, "type"},
    {Member::activity, "activity"},
    {Member::user_id, "userId"},
    {Member::anonymous_id, "anonymousId"},
    {Member::source, "source"},
    {Member::occurred_at, "occurredAt"},
    {Member::received_at, "receivedAt"},
    {Member::properties, "properties"},
    {Member::context, "context"},
    {Member::extra, "extra"},
    {Member::marks, "marks"},
}};

/// Fills an event from the members of a canonical object, one call a member.
class CanonicalMembers {
  public:
    std::optional<Rejection> take(std::string_view name, json::Element value) {
        const auto* known = std::find_if(member_names.begin(), member_names.end(),
                                         [name](const auto& member) { return member.second == name; });
        if (known == member_names.end()) {
            return Rejection{Reason::wrong_type, std::string(name), "is no member of a canonical event"};
        }
        const unsigned bit = 1U << static_cast<unsigned>(known->first);
        if ((seen_ & bit) != 0) {
            return Rejection{Reason::duplicate_key, std::string(name), "stands twice in the same object"};
        }
        seen_ |= bit;
        switch (known->first) {
            case Member::message_id: return json::read_text(event_.message_id, name, value);
            case Member::type: return type(value);
            case Member::activity: return json::read_text(event_.activity, name, value);
            case Member::user_id: return json::read_text(event_.user_id, name, value);
            case Member::anonymous_id: return json::read_text(event_.anonymous_id, name, value);
            case Member::source: return json::read_text(event_.source, name, value);
            case Member::occurred_at: return time(name, value, event_.occurred_at);
            case Member::received_at: return time(name, value, event_.received_at);
            case Member::properties: return json::read_object(event_.properties, name, value);
            case Member::context: return json::read_object(event_.context, name, value);
            case Member::extra: return json::read_object(event_.extra, name, value);
            case Member::marks: return marks(value);
        }
        return std::nullopt;
    }

    std::variant<ActivityEvent, Rejection> finish() && {
        const auto missing = [](std::string_view field) {
            return Rejection{Reason::missing_field, std::string(field), "is missing"};
        };
        if (event_.message_id.empty()) return missing("messageId");
        if (!has(Member::type)) return missing("type");
        if (event_.activity.empty()) return missing("activity");
        if (event_.learner().empty()) return missing("userId");
        if (event_.source.empty()) return missing("source");
        if (!has(Member::occurred_at)) return missing("occurredAt");
        if (!has(Member::received_at)) return missing("receivedAt");
        return std::move(event_);
    }

  private:
    bool has(Member member) const { return (seen_ & 1U << static_cast<unsigned>(member)) != 0; }

    std::optional<Rejection> type(json::Element value) {
        std::string_view view;
        if (value.get(view)) return json::wrong_type("type", "a string");
        const auto known = event_type(view);
        if (!known) return Rejection{Reason::unknown_event_type, "type", "is no known type of event"};
        event_.type = *known;
        return std::nullopt;
    }

    static std::optional<Rejection> time(std::string_view name, json::Element value, Timestamp& out) {
        std::string_view view;
        if (value.get(view)) return json::wrong_type(name, "a string");
        const auto time = parse_timestamp(view);
        if (!time)
            return Rejection{Reason::invalid_timestamp, std::string(name), "must be an RFC 3339 date-time"};
        out = *time;
        return std::nullopt;
    }

    std::optional<Rejection> marks(json::Element value) {
        json::Array array;
        if (value.get(array)) return json::wrong_type("marks", "an array");
        for (const json::Element item : array) {
            std::string_view name;
            if (item.get(name)) return json::wrong_type("marks", "an array of strings");
            const auto known = mark(name);
            if (!known) return json::wrong_type("marks", "an array of known marks");
            event_.marks.push_back(*known);
        }
        return std::nullopt;
    }

    ActivityEvent event_;
    unsigned seen_ = 0;  ///< a bit a Member
};

}  // namespace

std::string_view to_string(EventType type) {
    for (const auto& [known, name] : type_names) {
        if (known == type) return name;
    }
    return "unknown";
}

std::optional<EventType> event_type(std::string_view name) {
    for (const auto& [type, known] : type_names) {
        if (known == name) return type;
    }
    return std::nullopt;
}

void append_canonical(std::string& out, const ActivityEvent& event) {
    out.reserve(out.size() + 256 + event.message_id.size() + event.activity.size() + event.properties.size() +
                event.context.size() + event.extra.size());
    out += R"({"messageId":)";
    json::append_string(out, event.message_id);
    append_member(out, "type", to_string(event.type));
    append_member(out, "activity", event.activity);
    if (!event.user_id.empty()) append_member(out, "userId", event.user_id);
    if (!event.anonymous_id.empty()) append_member(out, "anonymousId", event.anonymous_id);
    append_member(out, "source", event.source);
    append_member(out, "occurredAt", format_timestamp(event.occurred_at));
    append_member(out, "receivedAt", format_timestamp(event.received_at));
    append_raw_member(out, "properties", event.properties);
    append_raw_member(out, "context", event.context);
    if (event.extra != "{}") append_raw_member(out, "extra", event.extra);
    if (!event.marks.empty()) append_marks(out, event.marks);
    out += '}';
}

std::string canonical_json(const ActivityEvent& event) {
    std::string out;
    append_canonical(out, event);
    return out;
}

std::variant<ActivityEvent, Rejection> EventReader::read(std::string_view canonical) {
    auto document = reader_.read(canonical);
    if (auto* rejection = std::get_if<Rejection>(&document)) return std::move(*rejection);
    json::Object object;
    if (std::get<json::Element>(document).get(object)) return json::wrong_type("", "an object");
    CanonicalMembers members;
    for (const auto member : object) {
        if (auto rejection = members.take(member.key, member.value)) return *std::move(rejection);
    }
    return std::move(members).finish();
}

}  // namespace activity
