#include "ingest/rejected_events.h"

#include "schemas/activity/json.h"
#include "schemas/wire/rejected.h"

namespace activity::ingest {
namespace {

constexpr double per_second_max = 200;
constexpr double burst_max = 2'000;

}  // namespace

RejectedEvents::RejectedEvents(wire::Publisher& publisher, const std::string& topic_prefix)
    : publisher_(publisher), topic_(topic_prefix + std::string(wire::rejected_topic)) {
    bucket_.set(per_second_max, burst_max);
}

void RejectedEvents::publish(const Verdict& verdict, const std::string& source, Timestamp received_at,
                             TokenBucket::Clock::time_point now) {
    if (!bucket_.has_token(now)) return;
    bucket_.take(1, now);
    wire::RejectedEvent rejected;
    rejected.message_id = verdict.message_id();
    rejected.source = source;
    rejected.received_at = received_at;
    rejected.event = verdict.redacted.empty() ? "null" : verdict.redacted;
    if (const Rejection* rejection = verdict.rejection()) {
        rejected.is_stored = false;
        rejected.code = to_string(rejection->reason);
        rejected.field = rejection->field;
        rejected.message = rejection->message;
    } else {
        const Warning& warning = verdict.warnings.front();
        rejected.is_stored = true;
        rejected.code = to_string(warning.mark);
        rejected.field = warning.field;
        rejected.message = warning.message;
    }
    publisher_.publish(wire::make_record(rejected, topic_), unwatched_ticket);
}

}  // namespace activity::ingest
