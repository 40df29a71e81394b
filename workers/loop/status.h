#pragma once

#include <mutex>
#include <string>

#include "schemas/service/admin_endpoint.h"

namespace activity::workers {

/// How a loop does, for /health/ready. Written by its loop, read by the admin endpoint.
class Status {
  public:
    /// Whether it has its part of the partitions, which may be none.
    void set_assigned(bool assigned) {
        const std::lock_guard lock(mutex_);
        assigned_ = assigned;
    }
    /// Empty: it works.
    void set_stall(std::string why) {
        const std::lock_guard lock(mutex_);
        stall_ = std::move(why);
    }
    void set_held(std::string which) {
        const std::lock_guard lock(mutex_);
        held_ = std::move(which);
    }
    void set_kafka_reachable(bool reachable) {
        const std::lock_guard lock(mutex_);
        kafka_reachable_ = reachable;
    }

    service::Health health() const {
        const std::lock_guard lock(mutex_);
        if (!kafka_reachable_) return {false, "Kafka does not answer"};
        if (!stall_.empty()) return {false, stall_};
        if (!assigned_) return {false, "waits for its group to assign partitions"};
        if (!held_.empty()) return {false, held_};
        return {true, "reads its partitions"};
    }

  private:
    mutable std::mutex mutex_;
    bool assigned_ = false;
    bool kafka_reachable_ = true;
    std::string stall_;
    std::string held_;
};

}  // namespace activity::workers
