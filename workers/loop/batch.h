#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/activity/message_key.h"
#include "schemas/wire/consumer.h"
#include "workers/groups/activity_names.h"
#include "workers/groups/group.h"
#include "workers/loop/conflicts.h"

namespace activity::workers {

/// How a batch moves the offset of one partition.
struct Advance {
    wire::TopicPartition partition;
    std::int64_t epoch = 0;  ///< under which we own it
    std::int64_t from = 0;   ///< offset that PostgreSQL has now
    std::int64_t to = 0;     ///< and shall have
};

struct BatchLimits {
    std::size_t records_max = 10'000;
    std::size_t bytes_max = 8'388'608;
    std::chrono::milliseconds age_max{100};  ///< since its first record
};

/// Why a record can't be applied.
struct Why {
    std::string reason;  ///< a closed set: label of a metric, header of the dead letter
    std::string detail;
    bool unclear = false;  ///< it may be otherwise later: put off, not given up
};

/// A record of the batch that can't be applied.
struct Refusal {
    std::size_t record = 0;  ///< index into Batch::record()
    Why why;
};

/// A row of the batch that the database refuses.
struct RefusedRow {
    std::size_t place = 0;  ///< in Batch::rows()
    Why why;
};

/// What is stored in one transaction: the rows of the records, and the offsets behind them.
/// add() and refuse() until it is full or old enough; seal(); then it is stored, as often as it takes.
class Batch {
  public:
    Batch(const Group& group, const Catalogue& catalogue)
        : group_(&group), write_row_(group.row_writer()), names_(catalogue) {}

    /// The row of a record.
    struct Row {
        MessageKey key;
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
        std::uint32_t record = 0;
        /// When the message may have come for the first time, at the earliest.
        Timestamp known_since;
        Timestamp received_at;
    };

    /// A record without a row if the event is nothing to the group.
    void add(wire::InboundRecord record, const ActivityEvent& event);
    /// A record that no group can read.
    void refuse(wire::InboundRecord record, Why why);
    /// No more records: puts the rows in the order of their keys, keeps the first of each key.
    void seal(std::vector<Advance> advances);
    /// After seal(): rows that the database refuses, in the order of their places.
    void refuse_rows(std::vector<RefusedRow> refused);
    void clear();

    bool empty() const { return records_.empty(); }
    bool sealed() const { return sealed_; }
    std::size_t size() const { return records_.size(); }
    std::size_t bytes() const { return bytes_; }
    /// Records that repeated a message ID of this batch.
    std::size_t repeated() const { return repeated_; }
    /// Records that were nothing to the group.
    std::size_t ignored() const { return ignored_; }
    /// Of the repeated, the ones that say something else than the first of that ID in this batch. Only if the
    /// group counts conflicts.
    const Conflicts& conflicts() const { return conflicts_; }
    std::optional<Timestamp> newest_received() const { return newest_received_; }

    const Group& group() const { return *group_; }
    const wire::InboundRecord& record(std::size_t index) const { return records_[index]; }
    std::span<const Row> rows() const { return rows_; }
    std::string_view row_bytes(const Row& row) const {
        return std::string_view(copy_.bytes()).substr(row.begin, row.size);
    }
    LearnerKey learner(const Row& row) const;
    /// row_bytes() without the learner's key, for a table that has no such column.
    void append_without_learner(std::string& out, const Row& row) const;
    const std::vector<Advance>& advances() const { return advances_; }

    /// Refused records that are not delivered yet to where they go instead.
    std::span<const Refusal> undelivered() const { return std::span(refusals_).subspan(delivered_); }
    void all_delivered() { delivered_ = refusals_.size(); }

  private:
    void compare(std::span<const Row> rows);

    const Group* group_;
    Group::RowWriter write_row_;
    ActivityNames names_;
    std::vector<wire::InboundRecord> records_;
    CopyRows copy_;
    std::vector<Row> rows_;
    std::vector<Refusal> refusals_;
    std::size_t delivered_ = 0;
    std::vector<Advance> advances_;
    std::size_t bytes_ = 0;
    std::size_t repeated_ = 0;
    std::size_t ignored_ = 0;
    Conflicts conflicts_;
    std::optional<Timestamp> newest_received_;
    bool sealed_ = false;
};

}  // namespace activity::workers
