#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/timestamp.h"

namespace activity::receipts {

/// What became of a message. In the order of what counts most, where several are true.
enum class Status {
    stored,         ///< its row is in PostgreSQL
    accepted,       ///< Kafka has it, and no worker has reached it yet
    dead_lettered,  ///< no worker could process it: it waits for an operator
    rejected,       ///< the front door refused it
    unknown,        ///< nothing of it was found
};

std::string_view to_string(Status status);

/// What is told of a message. Empty: not known, or not so.
struct Receipt {
    std::string message_id;
    Status status = Status::unknown;
    std::string received_at;
    std::string stored_at;           ///< stored
    std::vector<std::string> marks;  ///< stored
    std::string group;               ///< dead_lettered: the worker group that gave it up
    std::string at;                  ///< dead_lettered: when
    std::string code;                ///< dead_lettered, rejected: why
    std::string field;               ///< rejected: where
    std::string message;             ///< dead_lettered, rejected: in words
    std::string not_searched;  ///< unknown: what was not looked through, in words; empty: everything was
};

/// The body of a 200. Not for `unknown`, which is a problem (RFC 9457).
std::string receipt_json(const Receipt& receipt);

/// PostgreSQL or Kafka does not answer: the question may be asked again. The text is for the log.
class Unavailable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// As many searches as may be are under way: the question may be asked again in a moment.
class Busy : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace activity::receipts
