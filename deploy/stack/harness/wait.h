#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

namespace activity::harness {

/// A condition did not come true in time; the text says which.
class WaitedInVain : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// How long a condition may take that normally takes a moment. Generous: a sanitizer's build on a busy
/// machine is many times slower, and a test that passes never waits it out.
inline constexpr std::chrono::seconds patience{90};

/// Tests wait for conditions, never for time. Asks again and again until `condition` is true; an exception
/// from it counts as "not yet", and the last one is part of the complaint; but a std::logic_error passes, as
/// it says that waiting is in vain. Throws WaitedInVain.
void wait_until(const std::string& description, const std::function<bool()>& condition,
                std::chrono::milliseconds timeout = patience,
                std::chrono::milliseconds interval = std::chrono::milliseconds(10));

/// Holds while the condition is true for that long: for the rare promise that something does *not* happen.
bool holds_for(std::chrono::milliseconds duration, const std::function<bool()>& condition);

}  // namespace activity::harness
