#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "deploy/activityctl/database.h"
#include "deploy/activityctl/terminal.h"

namespace activity::ctl {

/// A transaction that workers may be in the way of: once more after a deadlock, or a lock that did not come
/// within a second, for half a minute at least. Throws DatabaseError, of the last try if they stay in the way
/// or somebody interrupts.
template <typename Work>
auto with_tries(Database& database, Work&& work) {
    constexpr int tries_max = 60;
    constexpr std::chrono::milliseconds pause{500};
    for (int tries = 1;; ++tries) {
        try {
            auto transaction = database.begin();
            // Whoever waits for a table's lock makes the workers wait behind it.
            transaction.query("SET LOCAL lock_timeout = '1s'");
            auto result = work(transaction);
            transaction.commit();
            return result;
        } catch (const DatabaseError& error) {
            if (!is_in_the_way(error) || tries == tries_max || interrupted()) throw;
        }
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace activity::ctl
