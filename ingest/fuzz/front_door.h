#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/server/http.h"

namespace activity::ingest::fuzz {

/// What becomes of the records of a request.
enum class Fate {
    kept,        ///< each is confirmed at once
    queue_full,  ///< the queue takes one record of a request
    lost,        ///< the last record of a request is not confirmed
    late,        ///< each is confirmed after the client was told to come again
};

/// What came of one connection's bytes, without what differs from run to run: dates, and IDs that were made.
struct Outcome {
    std::vector<std::string> replies;
    std::vector<std::string> records;
    bool operator==(const Outcome&) const = default;
};

/// The front door without its sockets and without Kafka: a connection, the intake, and a publisher that keeps
/// the records and gives their reports at once. Checks every reply and every record (README.md,
/// "Invariants").
class FrontDoor {
  public:
    FrontDoor();
    ~FrontDoor();

    /// One connection, from its first byte to its end. The bytes come in pieces of these lengths, over and
    /// over; with no lengths all at once.
    Outcome serve(std::string_view bytes, const std::vector<std::size_t>& pieces, Fate fate);

  private:
    class Run;
    struct World;
    std::unique_ptr<World> world_;
};

}  // namespace activity::ingest::fuzz
