#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "workers/loop/backoff.h"
#include "workers/loop/metrics.h"
#include "workers/loop/sync_publisher.h"
#include "workers/store/outbox_store.h"

namespace activity::workers {

/// Sends what a group has put into its outbox: take, deliver, done. What is in the outbox was committed with
/// the effect that put it there, so nothing is sent that was rolled back, and nothing is forgotten. Each
/// entry is sent at least once. One thread.
class Relay {
  public:
    /// `topic` with prefix.
    Relay(std::string topic, OutboxStore& outbox, SyncPublisher& publisher, Metrics& metrics);

    /// Until `stop`.
    void run(const std::atomic<bool>& stop);

  private:
    bool send_some();
    void give_back();
    void heal();

    std::string topic_;
    OutboxStore& outbox_;
    SyncPublisher& publisher_;
    Metrics& metrics_;
    Backoff backoff_;
    std::vector<OutboxEntry> in_doubt_;  ///< sent perhaps, and not known to be done
};

}  // namespace activity::workers
