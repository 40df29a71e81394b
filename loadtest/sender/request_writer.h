#pragma once

#include <span>
#include <string>

#include "loadtest/traffic/platform.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"

namespace activity::loadtest {

/// Of whom a run sends: the name that events are stored under, and the write key that belongs to it.
struct Source {
    std::string name;
    std::string write_key;
};

/// A deed as it is told: with its ID, and when it happened.
struct Told {
    Deed deed;
    UuidBytes id;
    Timestamp happened_at;
};

/// Whole HTTP requests of one source, as a web SDK makes them. One thread.
class RequestWriter {
  public:
    /// `host` for the Host header.
    RequestWriter(std::string host, const Source& source);

    /// One event: POST /v1/track; several: POST /v1/batch. A bad deed becomes an event without a name,
    /// without a user, or with properties that are no object, by turns of its learner's number.
    std::string write(std::span<const Told> events, bool gzip) const;

  private:
    std::string head_;  ///< behind the request line, without what tells of the body
};

}  // namespace activity::loadtest
