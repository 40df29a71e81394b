#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/message_key.h"
#include "schemas/activity/timestamp.h"
#include "schemas/wire/consumer.h"

namespace activity::receipts {

using NextOffsets = std::map<wire::TopicPartition, std::int64_t>;

struct StoredEvent {
    Timestamp received_at;
    Timestamp stored_at;
    std::vector<std::string> marks;
};

/// What PostgreSQL knows, all of one moment: a message that is no row yet lies at or behind the offsets, or
/// was never applied.
struct Standing {
    std::optional<StoredEvent> event;
    NextOffsets next_offsets;  ///< of the group `records`, where there is no event
};

/// The seam to PostgreSQL. Any thread.
class EventStore {
  public:
    virtual ~EventStore() = default;
    /// The event of that key, if it is that source's. Throws Unavailable.
    virtual Standing look_up(const MessageKey& key, std::string_view source) = 0;
};

struct PostgresSettings {
    std::string conninfo;  ///< libpq URL or keyword string; secret
    std::string group_id;  ///< Kafka's ID of the group `records`
    std::chrono::milliseconds statement_timeout{1'000};
};

/// Reads a libpq URL or keyword string. Throws std::invalid_argument that does not repeat it.
void check_conninfo(const std::string& conninfo);

/// A few connections, as many as are asked at once; made when needed, kept, made anew after they broke. The
/// only place of the program that knows libpqxx and libpq.
class PostgresEventStore final : public EventStore {
  public:
    explicit PostgresEventStore(PostgresSettings settings);
    ~PostgresEventStore() override;

    Standing look_up(const MessageKey& key, std::string_view source) override;
    /// Whether PostgreSQL answers. Throws Unavailable.
    void ping();

  private:
    class Session;
    template <typename Work>
    auto with_session(Work&& work);
    std::unique_ptr<Session> idle_session();

    PostgresSettings settings_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace activity::receipts
