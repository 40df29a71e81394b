#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "schemas/activity/event.h"
#include "schemas/activity/uuid.h"

namespace activity {

/// Who a learner is to the worker groups' tables: 128 bits in place of names of any length. The same for
/// every event of `<source>/<user>`, and to those who don't know the name it tells nothing about it.
struct LearnerKey {
    UuidBytes bytes{};

    auto operator<=>(const LearnerKey&) const = default;
    /// As PostgreSQL writes a uuid.
    std::string text() const { return format_uuid(bytes); }
};

/// Of the key of the learner's records in Kafka, `<source>/<user>`. Hash: XXH3, 128 bits.
LearnerKey learner_key(std::string_view record_key);

/// Of who did it: source and ActivityEvent::learner().
LearnerKey learner_key(const ActivityEvent& event);

}  // namespace activity
