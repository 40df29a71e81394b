#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/stack/harness/postgres_server.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"
#include "workers/groups/group.h"
#include "workers/store/connection.h"

namespace activity::testing_workers {

/// A worker without Kafka: applies events to a test's database by a group's own row writer and SQL, in a
/// transaction a batch. So a test says which batches there are, and which meet. One thread.
class AppliedGroup {
  public:
    /// `url` of the role that workers have.
    AppliedGroup(const std::string& url, std::string_view group);

    /// One batch. What was applied before, by any of them, is left out. How many events were new.
    std::size_t apply(std::span<const ActivityEvent> events);
    std::size_t apply(const ActivityEvent& event) { return apply({&event, 1}); }
    /// The same, but before the transaction ends `meanwhile` is called, and then all is rolled back.
    void apply_and_roll_back(std::span<const ActivityEvent> events, const std::function<void()>& meanwhile);

  private:
    std::size_t apply_in(pqxx::work& transaction, std::span<const ActivityEvent> events);
    void copy(std::span<const ActivityEvent> events);

    const workers::Group& group_;
    workers::Group::RowWriter write_row_;
    std::unique_ptr<workers::Connection> connection_;
};

/// Empties the tables of a group, so that tests which need no topics can share a database.
void empty_tables(harness::Session session, const std::string& group);

/// `2026-03-01T10:00:00Z`. Throws what is none.
Timestamp at(std::string_view text);

/// A track event of source "web" that is received when it happens. Each has a message ID of its own.
ActivityEvent event(const std::string& user, const std::string& activity, Timestamp time,
                    const std::string& properties = "{}");

}  // namespace activity::testing_workers
