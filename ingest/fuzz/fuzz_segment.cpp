// Bodies of the tracking API. The first byte is the call, the second how strict the source is and what is
// kept of the address; with the bit of an Idempotency-Key the first line is that key; the rest is the body.
//
// What is taken is an event that a worker reads back equal, within its limits; what is not, is told why; and
// the reply and the redacted form are JSON, whatever was sent.

#include <algorithm>
#include <array>

#include "ingest/dialects/segment.h"
#include "ingest/fuzz/check.h"
#include "ingest/replies.h"
#include "ingest/server/client_address.h"

namespace {

using namespace activity;
using namespace activity::ingest;
using fuzz::require;

constexpr std::size_t redacted_bytes_max = 16 * 1024;

constexpr std::array<std::pair<char, SegmentCall>, 8> calls{{{'t', {false, EventType::track}},
                                                             {'p', {false, EventType::page}},
                                                             {'s', {false, EventType::screen}},
                                                             {'i', {false, EventType::identify}},
                                                             {'g', {false, EventType::group}},
                                                             {'a', {false, EventType::alias}},
                                                             {'m', {false, EventType::merge}},
                                                             {'b', {true, EventType::track}}}};

SegmentCall call_of(char letter) {
    const auto* call =
        std::find_if(calls.begin(), calls.end(), [letter](const auto& c) { return c.first == letter; });
    return call == calls.end() ? calls[static_cast<unsigned char>(letter) % calls.size()].second
                               : call->second;
}

/// Small, so that inputs of a few hundred bytes reach them.
SegmentLimits limits_with(AddressKept address) {
    SegmentLimits limits;
    limits.event_bytes_max = 1'024;
    limits.batch_events_max = 8;
    limits.name_bytes_max = 64;
    limits.address = address;
    return limits;
}

struct World {
    Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    std::array<SegmentReader, 3> readers{SegmentReader(catalogue, limits_with(AddressKept::none)),
                                         SegmentReader(catalogue, limits_with(AddressKept::truncated)),
                                         SegmentReader(catalogue, limits_with(AddressKept::full))};
    EventReader worker;
    json::Reader json_reader;
    Timestamp received_at = parse_timestamp("2026-11-21T14:00:00Z").value();
};

/// As Beast lets it through in a header's value.
std::string header_value(std::string_view line) {
    std::string value(line);
    std::replace_if(
        value.begin(), value.end(),
        [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }, '?');
    return value;
}

void require_address(World& world, const ActivityEvent& event, AddressKept kept) {
    json::Object context;
    require(!fuzz::require_json(world.json_reader, event.context, "context is JSON").get(context),
            "an object");
    json::Element ip;
    if (context["ip"].get(ip)) return;
    std::string_view text;
    require(kept != AddressKept::none, "no address where none is kept", event.context);
    require(!ip.get(text), "an address is a text", event.context);
    const auto address = ClientAddress::parse(text);
    require(address.has_value() && address->text() == text, "an address in its own form", event.context);
    require(kept == AddressKept::full || address->truncated() == *address, "an address is truncated",
            event.context);
}

void require_event(World& world, const Verdict& verdict, const Source& source, const SegmentLimits& limits) {
    const ActivityEvent& event = *verdict.event();
    const std::string value = canonical_json(event);
    const ActivityEvent read = fuzz::require_canonical(world.worker, value);
    require(read == event, "a worker reads the event that was taken", value);
    require(event.source == source.name && event.received_at == world.received_at,
            "source and time of receipt", value);
    require(event.properties.size() + event.context.size() + event.extra.size() <= limits.event_bytes_max,
            "within its size", value);
    require(
        event.user_id.size() <= limits.name_bytes_max && event.anonymous_id.size() <= limits.name_bytes_max,
        "IDs within their size", value);
    require(event.activity.size() <= limits.name_bytes_max, "a name within its size", value);
    require(std::is_sorted(event.marks.begin(), event.marks.end()) &&
                std::adjacent_find(event.marks.begin(), event.marks.end()) == event.marks.end(),
            "marks in their order, each once", value);
    require(event.marks.size() == verdict.warnings.size(), "a warning for each mark", value);
    if (source.schema == Strictness::reject) {
        require(
            std::find(event.marks.begin(), event.marks.end(), Mark::schema_violation) == event.marks.end(),
            "a strict source takes no event that breaks its schema", value);
    }
    require_address(world, event, limits.address);
}

void require_rejection(const Rejection& rejection, bool is_of_batch) {
    require(to_string(rejection.reason) != "unknown", "a rejection has a reason");
    require(!rejection.message.empty(), "a rejection says the rule");
    require(!is_of_batch || rejection.field.starts_with("batch["), "a rejection's place in its batch",
            rejection.field);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    std::string_view rest = fuzz::text_of(data, size);
    if (rest.size() < 2) return 0;
    const SegmentCall call = call_of(rest[0]);
    const auto options = static_cast<unsigned char>(rest[1]);
    rest.remove_prefix(2);

    Source source;
    source.name = "web";
    source.schema = static_cast<Strictness>((options & 3U) % 3);
    source.time_window = (options & 4U) != 0 ? Strictness::reject : Strictness::mark;
    const auto kept = static_cast<AddressKept>((options >> 3 & 3U) % 3);
    const SegmentLimits limits = limits_with(kept);
    const std::string key = (options & 32U) != 0 ? header_value(fuzz::take_line(rest)) : "";
    const std::string address = kept == AddressKept::none ? "" : "203.0.113.0";

    SegmentReader& reader = world.readers[static_cast<std::size_t>(kept)];
    std::string body(rest);
    if (const auto rejection = reader.read(body)) {
        require_rejection(*rejection, false);
        return 0;
    }
    const auto read = reader.verdicts(call, Arrival{source, world.received_at, address, key});
    if (const auto* rejection = std::get_if<Rejection>(&read)) {
        require(call.is_batch, "only a batch is refused as a whole");
        require_rejection(*rejection, false);
        return 0;
    }
    const auto& verdicts = std::get<std::vector<Verdict>>(read);
    require(!verdicts.empty() && verdicts.size() <= (call.is_batch ? limits.batch_events_max : 1),
            "as many as may come");
    for (const Verdict& verdict : verdicts) {
        if (verdict.event() != nullptr) {
            require_event(world, verdict, source, limits);
        } else {
            require(verdict.rejection() != nullptr, "an event is taken or refused");
            require_rejection(*verdict.rejection(), call.is_batch);
            require(!verdict.redacted.empty(), "operators are told of what is refused");
        }
        if (!verdict.redacted.empty()) {
            fuzz::require_json(world.json_reader, verdict.redacted, "the redacted form is JSON");
            require(verdict.redacted.size() <= redacted_bytes_max, "the redacted form is short",
                    verdict.redacted);
        }
    }
    fuzz::require_json(world.json_reader, verdicts_json(verdicts, tally(verdicts)), "a reply is JSON");
    return 0;
}
