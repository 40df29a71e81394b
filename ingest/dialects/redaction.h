#pragma once

#include <string>

#include "schemas/activity/json.h"

namespace activity::ingest {

/// What a refused event looked like, for whoever has to find out why: its members' names and types, the
/// length of its texts, and of its values only those that say what kind of event it is (`type`, `event`).
/// Nothing that a learner wrote or is known by. JSON, at most about 4 KB.
std::string redacted(json::Element event);

}  // namespace activity::ingest
