#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "schemas/wire/consumer.h"
#include "workers/loop/batch.h"
#include "workers/loop/conflicts.h"

namespace activity::workers {

/// What can be done about an error of the database.
enum class Remedy {
    wait,     ///< it is gone, full, or not as we need it: pause, back off, try again; nothing is diverted
    retry,    ///< a deadlock, a lock or a time limit: the same again at once, jittered
    data,     ///< it refuses what we bring: find the culprit
    unclear,  ///< the group's own SQL raised an error: find the culprit, it may be otherwise later
};

/// The database's errors, classified where the library is called.
class StoreFailure : public std::runtime_error {
  public:
    StoreFailure(Remedy remedy, std::string sqlstate, const std::string& what)
        : std::runtime_error(what), remedy_(remedy), sqlstate_(std::move(sqlstate)) {}
    Remedy remedy() const { return remedy_; }
    /// Five characters; empty if the server said none, as when the connection broke.
    const std::string& sqlstate() const { return sqlstate_; }

  private:
    Remedy remedy_;
    std::string sqlstate_;
};

/// Where a partition is in the database, and under which epoch somebody owns it.
struct PartitionState {
    wire::TopicPartition partition;
    std::int64_t next_offset = 0;
    std::int64_t epoch = 0;
};

// What became of a batch.
/// Its rows are in, its offsets are moved. `fresh`: rows whose message was new. `erased`: rows of learners
/// that were erased. `conflicts`: among the others, with what was stored before.
struct Stored {
    std::size_t fresh = 0;
    std::size_t erased = 0;
    Conflicts conflicts = {};
};
/// Nothing was changed: these rows can't be applied. In the order of their places; at least one.
struct Refused {
    std::vector<RefusedRow> rows;
};
/// Nothing was changed: PostgreSQL's offsets or epochs are not the batch's. `now`: what they are.
struct Fenced {
    std::vector<PartitionState> now;
};
using Outcome = std::variant<Stored, Refused, Fenced>;

/// The seam between the loop and the database. Throws StoreFailure. One thread.
class Store {
  public:
    virtual ~Store() = default;
    /// Makes us the owner of these partitions, from now on until somebody else claims them. A partition that
    /// was never seen starts at the offset given. In the order given.
    virtual std::vector<PartitionState> claim(const std::vector<wire::PartitionOffset>& oldest) = 0;
    /// Where another group is in these partitions, and who owns them; without those that it has never seen.
    virtual std::vector<PartitionState> states_of(const std::string& group_id,
                                                  const std::vector<wire::TopicPartition>& partitions) = 0;
    /// One transaction: all of the batch or nothing.
    virtual Outcome store(const Batch& batch) = 0;
};

}  // namespace activity::workers
