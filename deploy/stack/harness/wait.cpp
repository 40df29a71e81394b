#include "deploy/stack/harness/wait.h"

#include <algorithm>
#include <thread>

namespace activity::harness {

using Clock = std::chrono::steady_clock;

void wait_until(const std::string& description, const std::function<bool()>& condition,
                std::chrono::milliseconds timeout, std::chrono::milliseconds interval) {
    const auto start = Clock::now();
    std::string last_error;
    // At least two attempts, so that a machine that stalled for the whole timeout does not fail the test.
    for (int attempt = 0; attempt < 2 || Clock::now() - start < timeout; ++attempt) {
        try {
            if (condition()) return;
            last_error.clear();
        } catch (const std::logic_error&) {
            throw;
        } catch (const std::exception& error) {
            last_error = error.what();
        }
        std::this_thread::sleep_for(interval);
        // What is slow to come is asked for less often: the programs under test need the processor.
        if (attempt > 50) interval = std::min(interval * 2, std::chrono::milliseconds(100));
    }
    throw WaitedInVain("waited " + std::to_string(timeout.count()) + " ms in vain until " + description +
                       (last_error.empty() ? "" : ": " + last_error));
}

bool holds_for(std::chrono::milliseconds duration, const std::function<bool()>& condition) {
    const auto end = Clock::now() + duration;
    do {
        if (!condition()) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (Clock::now() < end);
    return true;
}

}  // namespace activity::harness
