#pragma once

#include <string>

#include "schemas/activity/timestamp.h"

namespace activity::ctl {

/// A time as an operator types it: `2026-11-21T14:28:00Z`, a day `2026-11-21` (its start, UTC), `now`, or how
/// long ago: `90s`, `30m`, `2h`, `7d`. Throws UsageError that names the option.
Timestamp parse_time_option(const std::string& option, const std::string& text, Timestamp now);

/// `2026-11-21T14:28:00Z`: to the second, for people.
std::string time_to_the_second(Timestamp time);

}  // namespace activity::ctl
