// Bytes as a worker finds them in a topic, whoever put them there.
// What it takes for an event has one canonical form, and that form is the same event.

#include "ingest/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace activity;
    using ingest::fuzz::require;
    static EventReader reader;
    const std::string_view bytes = ingest::fuzz::text_of(data, size);
    const auto read = reader.read(bytes);
    if (const auto* rejection = std::get_if<Rejection>(&read)) {
        require(!rejection->message.empty(), "a rejection says the rule");
        require(to_string(rejection->reason) != "unknown", "a rejection has a reason");
        return 0;
    }
    const auto& event = std::get<ActivityEvent>(read);
    require(!event.message_id.empty() && !event.learner().empty() && !event.activity.empty(),
            "nothing is missing");
    const std::string canonical = canonical_json(event);
    const auto again = reader.read(canonical);
    require(std::holds_alternative<ActivityEvent>(again), "the canonical form can be read", canonical);
    require(std::get<ActivityEvent>(again) == event, "the canonical form is the same event", canonical);
    return 0;
}
