#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "deploy/activityctl/record_text.h"
#include "schemas/activity/timestamp.h"
#include "schemas/wire/consumer.h"
#include "schemas/wire/record.h"

namespace activity::ctl {

/// Which dead letter: `records/0/17`, as `dlq list` shows it and the other commands take it.
struct DeadLetterId {
    std::string group;
    std::int32_t partition = 0;
    std::int64_t offset = 0;

    auto operator<=>(const DeadLetterId&) const = default;
    std::string text() const;
};

/// Throws UsageError.
DeadLetterId parse_dead_letter_id(const std::string& text);

/// What a group's dead-letter topic says of a record that the group could not process: where it lies, why it
/// is there, and where it came from. A header that is missing leaves its field empty.
struct DeadLetter {
    DeadLetterId id;
    std::string reason;
    std::string detail;
    std::optional<wire::TopicPartition> origin;
    std::optional<std::int64_t> origin_offset;
    std::string attempts;  ///< tries before it was given up
    Timestamp at;          ///< when it was given up; by Kafka's clock where no header says it
    std::optional<std::string> key;

    std::string origin_text() const;  ///< `activity.live-class[3]@4711`
};

/// `record.key` with a null data() is Kafka's null.
DeadLetter dead_letter_of(const std::string& group, const ShownRecord& record);

/// The record as it was before the group gave it up: key, bytes, and headers without those of the dead letter
/// and of the tries before it.
wire::Record original_of(const ShownRecord& record, std::string topic);

/// The same as a group's retry line takes it: its tries are counted from the start, and should it fail again,
/// its dead letter names the place where it first lay.
wire::Record replay_of(const ShownRecord& letter, std::string topic);
/// Of a record that lies where it first came.
wire::Record retry_of(const ShownRecord& record, std::string topic);

/// Which ones an operator means. What is not said fits all.
struct DeadLetterFilter {
    std::optional<std::string> reason;
    std::optional<std::string> key;
    std::optional<std::string> origin_topic;
    std::optional<Timestamp> since;
    std::optional<Timestamp> until;  ///< exclusive

    bool fits(const DeadLetter& letter) const;
};

}  // namespace activity::ctl
