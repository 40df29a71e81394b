#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schemas/wire/admin.h"

namespace activity::loadtest {

struct GroupLag {
    std::string group;  ///< as `records`
    std::int64_t records = 0;
    /// How long ago the record came that the group is at: the age of what it has just applied.
    double freshness_s = 0;
};

/// How far each worker group is behind, by Kafka's ends of the topics and PostgreSQL's offsets. One thread.
class GroupsLag {
  public:
    GroupsLag(const wire::ClusterSettings& kafka, std::string postgres_url);
    ~GroupsLag();
    GroupsLag(const GroupsLag&) = delete;
    GroupsLag& operator=(const GroupsLag&) = delete;

    /// By name. Throws wire::Failure or pqxx::failure while a server is away; the next look connects again.
    std::vector<GroupLag> look();

  private:
    using Clock = std::chrono::steady_clock;
    struct Then {
        Clock::time_point at;
        std::int64_t end;  ///< of all partitions together
    };

    class Database;
    wire::Admin admin_;
    std::unique_ptr<Database> database_;
    std::map<std::string, std::deque<Then>> ends_;  ///< by group
};

}  // namespace activity::loadtest
