#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/activity/timestamp.h"

namespace activity {

using UuidBytes = std::array<std::uint8_t, 16>;

/// Reads the 36-character form, either case. Nothing if it is not one.
std::optional<UuidBytes> parse_uuid(std::string_view text);

/// The 36-character lower-case form (RFC 9562, section 4).
std::string format_uuid(const UuidBytes& bytes);

/// A new UUIDv7 of that time (RFC 9562, section 5.7): unique, and sorted by time to the millisecond.
std::string new_uuid_v7(Timestamp time);

}  // namespace activity
