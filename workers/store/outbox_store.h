#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workers/groups/group.h"
#include "workers/store/postgres_store.h"

namespace activity::workers {

/// Something that waits to be sent.
struct OutboxEntry {
    std::string id;
    std::int64_t version = 0;
    std::string key;
    std::optional<std::string> value;  ///< nothing: a tombstone
};

/// A group's outbox in PostgreSQL. One of any number of relays has it at a time. Throws StoreFailure; then it
/// is no longer ours. One thread.
class OutboxStore {
  public:
    OutboxStore(PostgresSettings settings, OutboxQueries queries);
    ~OutboxStore();

    /// Whether the outbox is ours to send, until the connection is lost.
    bool own();
    /// Gives it back: who can't send must not keep it from somebody who perhaps can.
    void disown();
    std::vector<OutboxEntry> take(int entries_max);
    /// These were delivered.
    void done(const std::vector<OutboxEntry>& entries);
    /// These were perhaps sent behind newer ones: whoever owns the outbox now is to send them again.
    void send_again(const std::vector<OutboxEntry>& entries);

  private:
    template <typename Work>
    auto guarded(Work&& work);
    std::string lock_name() const;

    PostgresSettings settings_;
    OutboxQueries queries_;
    std::unique_ptr<Connection> connection_;
    bool owned_ = false;
};

}  // namespace activity::workers
