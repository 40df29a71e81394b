#pragma once

#include <string>

#include "ingest/dialects/verdict.h"
#include "ingest/sources/rate_limit.h"
#include "schemas/wire/producer.h"

namespace activity::ingest {

/// The ticket of records whose fate nobody waits for.
inline constexpr wire::Ticket unwatched_ticket = ~wire::Ticket{0};

/// Puts what was refused or marked into the topic `<prefix>rejected`, where an operator and the look-up of
/// receipts find it: redacted, and at best effort. Whoever sends rubbish must not fill the queue that good
/// events need, so there is a rate beyond which rejections are only counted.
class RejectedEvents {
  public:
    RejectedEvents(wire::Publisher& publisher, const std::string& topic_prefix);

    /// Any thread.
    void publish(const Verdict& verdict, const std::string& source, Timestamp received_at,
                 TokenBucket::Clock::time_point now);

  private:
    wire::Publisher& publisher_;
    const std::string topic_;
    TokenBucket bucket_;
};

}  // namespace activity::ingest
