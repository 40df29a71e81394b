#pragma once

#include <stdexcept>
#include <string>

namespace activity::wire {

/// What can be done about an infrastructure's error.
enum class Disposition {
    retry,   ///< passes by itself (an outage, a rebalance): wait and try again
    reject,  ///< this very input will never work: divert it
    fatal,   ///< this client or process will never work again: replace it
};

/// Kafka's errors, classified where the library is called.
class Failure : public std::runtime_error {
  public:
    Failure(Disposition disposition, const std::string& what)
        : std::runtime_error(what), disposition_(disposition) {}
    Disposition disposition() const { return disposition_; }

  private:
    Disposition disposition_;
};

}  // namespace activity::wire
