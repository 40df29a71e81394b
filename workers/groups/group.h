#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/activity/learner_key.h"
#include "schemas/activity/message_key.h"
#include "schemas/catalogue/catalogue.h"
#include "workers/groups/copy_rows.h"

namespace activity::workers {

struct Column {
    std::string_view name;
    std::string_view type;  ///< as SQL writes it
};

/// One event on its way into a batch.
struct Message {
    const ActivityEvent& event;
    const MessageKey& key;
    LearnerKey learner;
    /// The catalogue's ID of the activity, `question_asked`; the name as it was sent if the catalogue has
    /// none.
    std::string_view activity;
    /// When it happened, as far as that is to be believed: occurred_at, or received_at of an event that the
    /// front door marked time_out_of_window.
    Timestamp happened_at;
};

/// A group can't tell what is wrong with an event, or with itself: thrown by a RowWriter, it puts the record
/// off.
class UnclearFailure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What a group tells the rest of the world, written in the transaction of its effect and sent behind it.
struct OutboxQueries {
    /// Without prefix.
    std::string_view topic;
    /// SQL: what is to be sent next, $1 (integer) rows at most: id (text), version (bigint), key (text),
    /// value (text; NULL is a tombstone).
    std::string take;
    /// SQL: these were delivered: $1 ids (text[]), $2 the versions (bigint[]) that they had. What has got
    /// another version meanwhile stays.
    std::string done;
    /// Optional SQL: these ($1 ids, $2 keys, both text[]) are to be sent once more, because they may have
    /// been delivered behind newer ones of the same keys. Not needed where entries never change.
    std::string again;
};

inline std::vector<std::string> every_topic(const Catalogue& catalogue) {
    std::vector<std::string> names;
    for (const auto& topic : catalogue.topics()) names.push_back(topic.name);
    return names;
}

/// What a worker group does with the events: a name, the topics that it reads, and its effect on a batch.
/// Everything else (offsets, fence, dedupe, erasure, retries, dead letters, outages) is the same for all
/// groups.
///
/// A batch comes into the temporary table `stage` first, by COPY. Its columns are message_key uuid,
/// learner_key uuid, received_at timestamptz, and then the group's own. What was applied before, or belongs
/// to an erased learner, is deleted from it; what is left is new to this group, and has distinct message
/// keys. Then the effect runs on it, inside the transaction that moves the offsets.
struct Group {
    /// `records`: Kafka's group ID is `activity-records`, its dead letters go to `records.dead-letter`.
    std::string_view name;

    /// The topics that it reads, without prefix; if it does not say, all of the catalogue.
    std::function<std::vector<std::string>(const Catalogue&)> topics = every_topic;

    /// Its own columns of `stage`.
    std::vector<Column> columns;

    /// Writes the fields of `columns` of one event. False: the event is nothing to the group; then it has
    /// written nothing. Called on the loop's own thread; a new one is made for each loop, so it may keep
    /// buffers. May throw UnclearFailure.
    using RowWriter = std::function<bool(CopyRows& rows, const Message& message)>;
    std::function<RowWriter()> row_writer;

    /// For a group whose whole effect is a row a message: the table that takes message_key, received_at and
    /// `columns` as they are. Its primary key, message_key, tells what was applied before. Empty:
    /// activity.seen_<name> tells that (migrations: activity.create_group), and `effect` says what to do.
    std::string_view row_table;

    /// SQL that applies `stage`, statement by statement. Rows that workers share must be written aggregated
    /// and in the order of their keys, tables in the same order always, so that two workers that meet wait
    /// and never deadlock. An error of class 22, 23 or 54 is the record's fault, one of class P0 is unclear.
    std::vector<std::string> effect;

    /// Optional: SQL that finds among the rows of `stage` those whose message ID was stored before with
    /// another payload. $1 and $2 (text) are the smallest and the largest key of `stage`: no partition
    /// outside need be looked at. One row: how many, and the message ID of one of them (as text, NULL if
    /// none). It is run after the effect, and only if not all of the batch was new; an error of it changes
    /// nothing else. A group that has it counts conflicts, also those within a batch.
    std::string conflicts;

    std::optional<OutboxQueries> outbox;

    /// Far behind, a second lane reads the newest events while the first works through the backlog (live
    /// counters). Only for an effect that is the same in whatever order events come.
    bool newest_lane = false;
};

/// The columns of `stage` in front of a group's own.
inline constexpr std::size_t shared_columns = 3;

}  // namespace activity::workers
