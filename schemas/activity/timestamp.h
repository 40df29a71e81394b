#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace activity {

/// A point in UTC. Microseconds, because that is what PostgreSQL keeps and what some SDKs send.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Now, by the system's clock.
Timestamp now();

/// Reads RFC 3339 / ISO 8601 date-times as SDKs send them: `2026-11-21T14:28:00Z`, fractions of one to nine
/// digits (beyond microseconds cut off), offsets `+01:00` and `+0100`, a blank or `t` for the `T`.
/// Nothing if it is not one, or if it lies outside the years 1 to 9999, which PostgreSQL and JSON both hold.
std::optional<Timestamp> parse_timestamp(std::string_view text);

/// `2026-11-21T14:28:00.123Z`; six digits where the milliseconds do not tell all.
std::string format_timestamp(Timestamp time);

/// When an event happened by the server's clock: `received − (sent − original)`, so that a client whose clock
/// is wrong by any amount is corrected by that amount. Without a time of sending the original is believed;
/// where the correction leaves the years that parse_timestamp() takes, the time of receipt.
/// Source: Segment's spec of common fields, "clock skew".
Timestamp without_clock_skew(Timestamp original, std::optional<Timestamp> sent, Timestamp received);

}  // namespace activity
