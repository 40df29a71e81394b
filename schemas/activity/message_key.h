#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/activity/uuid.h"

namespace activity {

/// The 128 bits by which a message is recognised. A function of the message ID alone, so that every worker
/// group, on every delivery, comes to the same key; shaped as a UUID so that PostgreSQL keeps it in 16 bytes.
///
/// Three ranges that cannot meet, because the unique index stays fast only while new keys are near each
/// other:
///  - a UUIDv7 is its own key: time-ordered, one day's keys in one partition;
///  - an ID that carries its time (`node-next-<ms>-…`, `ajs-next-<ms>-…`) maps to that time, version digit 8,
///    and a hash of the whole ID (their UUIDs come from a sliding random buffer: parts of them repeat);
///  - anything else maps to a first byte of ff and a hash. (As a UUIDv7 that byte would be the year 10,800.)
struct MessageKey {
    UuidBytes bytes{};

    auto operator<=>(const MessageKey&) const = default;
    /// As PostgreSQL writes a uuid.
    std::string text() const { return format_uuid(bytes); }
    /// The time that the message ID carries, by its client's clock; nothing if it carries none.
    std::optional<Timestamp> time() const;
};

/// Hash: XXH3, 128 bits. Not a secret: somebody who knows a message ID in advance can send that ID itself.
MessageKey message_key(std::string_view message_id);

}  // namespace activity
