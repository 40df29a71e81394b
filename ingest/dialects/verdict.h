#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/activity/rejection.h"
#include "schemas/catalogue/catalogue.h"

namespace activity::ingest {

/// What the client is told about an event that was taken with a mark.
struct Warning {
    Mark mark{};
    std::string field;    ///< as Rejection::field
    std::string message;  ///< the rule in words
};

/// An event that its source's drop rule took: good, and not wanted.
struct Dropped {};

/// What became of one event of a request.
struct Verdict {
    std::variant<ActivityEvent, Rejection, Dropped> outcome;
    std::string unaccepted_id;  ///< message ID of an event that was refused or dropped, "" if it had none
    const CatalogueActivity* known = nullptr;  ///< of an event, if the catalogue knows its activity
    std::vector<Warning> warnings;
    /// Of an event that was refused, or that breaks a rule: what it looked like, without what it said.
    std::string redacted;

    const ActivityEvent* event() const { return std::get_if<ActivityEvent>(&outcome); }
    const Rejection* rejection() const { return std::get_if<Rejection>(&outcome); }
    std::string_view message_id() const {
        const ActivityEvent* accepted = event();
        return accepted != nullptr ? accepted->message_id : unaccepted_id;
    }
};

}  // namespace activity::ingest
