#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/activity/message_key.h"
#include "schemas/catalogue/catalogue.h"
#include "workers/groups/copy_rows.h"

namespace activity::workers {

struct Column {
    std::string_view name;
    std::string_view type;  ///< as SQL writes it
};

/// What a worker group does with the events: a name, the topics that it reads, and its effect on a batch.
/// Everything else (offsets, fence, dead letters, outages) is the same for all groups.
///
/// A batch comes into the temporary table `stage` first, by COPY. The effect runs on it inside the
/// transaction that moves the offsets. Its rows have distinct message keys (the first of a batch wins) and
/// lie in the order of the keys, so that two workers that meet on the same rows meet in the same order.
struct Group {
    /// `records`: Kafka's group ID is `activity-records`, its dead letters go to `records.dead-letter`.
    std::string_view name;

    /// The topics that it reads, without prefix.
    std::function<std::vector<std::string>(const Catalogue&)> topics;

    /// Columns of `stage`.
    std::vector<Column> stage;

    /// Writes one row of `stage`. Called for each event, on the loop's own thread; a new one is made for each
    /// loop, so it may keep buffers.
    using RowWriter = std::function<void(CopyRows& rows, const MessageKey& key, const ActivityEvent& event)>;
    std::function<RowWriter()> row_writer;

    /// SQL that applies `stage`, statement by statement. The first is an INSERT … ON CONFLICT DO NOTHING: the
    /// rows that it inserts are the ones that were not there before.
    std::vector<std::string> effect;

    /// Optional: SQL that finds among the rows of `stage` those whose message ID was stored before with
    /// another payload. $1 and $2 (text) are the smallest and the largest key of `stage`: no partition
    /// outside need be looked at. One row: how many, and the message ID of one of them (as text, NULL if
    /// none). It is run after the effect, and only if not all of the batch was new; an error of it changes
    /// nothing else. A group that has it counts conflicts, also those within a batch.
    std::string conflicts;
};

}  // namespace activity::workers
