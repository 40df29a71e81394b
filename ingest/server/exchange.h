#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ingest/server/connection.h"
#include "ingest/server/http.h"
#include "schemas/wire/producer.h"

namespace activity::ingest {

/// Names one request on one connection. A descriptor is used again as soon as it is closed, so it alone does
/// not say whom a reply is for: the serial does.
struct RequestId {
    int descriptor = -1;
    std::uint64_t connection_serial = 0;
};

struct Answer {
    RequestId id;
    Reply reply;
};

/// What a reactor asks of the application. One a reactor, called on its thread alone.
class Exchange {
  public:
    virtual ~Exchange() = default;
    /// The reply, if it is known at once; else it comes out of complete() or expire().
    virtual std::optional<Reply> accept(Request request, RequestId id, Clock::time_point now) = 0;
    /// What became of records that accept() has published; appends the replies that are now known.
    virtual void complete(std::span<const wire::DeliveryReport> reports, Clock::time_point now,
                          std::vector<Answer>& answers) = 0;
    /// Called several times a second: appends the replies of requests that have waited long enough.
    virtual void expire(Clock::time_point now, std::vector<Answer>& answers) = 0;
    /// A request that could not be read is going to be answered with that status: the header lines that the
    /// answer gets. `seen` holds what came of its header.
    virtual std::string refuse(int status, const Request& seen) = 0;
};

}  // namespace activity::ingest
