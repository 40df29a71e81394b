#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "schemas/activity/timestamp.h"

namespace activity::ctl {

struct FromBeginning {
    bool operator==(const FromBeginning&) const = default;
};
struct FromEnd {
    bool operator==(const FromEnd&) const = default;
};
/// An offset; the same one in every partition.
struct FromOffset {
    std::int64_t offset = 0;
    bool operator==(const FromOffset&) const = default;
};
/// The first record of that time or later, by Kafka's timestamps.
struct FromTime {
    Timestamp time;
    bool operator==(const FromTime&) const = default;
};

/// Where reading begins.
using StartPosition = std::variant<FromBeginning, FromEnd, FromOffset, FromTime>;

/// `beginning`, `end`, `2026-11-21T14:28:00Z`, `1207`. Throws UsageError that lists them.
StartPosition parse_start_position(const std::string& text);

}  // namespace activity::ctl
