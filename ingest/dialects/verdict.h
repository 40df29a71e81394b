#pragma once

#include <string>
#include <variant>

#include "schemas/activity/event.h"
#include "schemas/activity/rejection.h"

namespace activity::ingest {

/// What a dialect made of one event of a request.
struct Verdict {
    std::string message_id;  ///< as sent, or as made; "" if it was refused before it had one
    std::variant<ActivityEvent, Rejection> outcome;

    const ActivityEvent* event() const { return std::get_if<ActivityEvent>(&outcome); }
    const Rejection* rejection() const { return std::get_if<Rejection>(&outcome); }
};

}  // namespace activity::ingest
