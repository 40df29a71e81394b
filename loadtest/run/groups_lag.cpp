#include "loadtest/run/groups_lag.h"

#include <pqxx/pqxx>

#include <algorithm>
#include <set>

namespace activity::loadtest {
namespace {

/// Of the groups' own positions in the topics of events: not of lanes, not of what was put off.
constexpr const char* offsets_sql =
    "SELECT grp, topic, part, next_offset FROM activity.part_offset "
    "WHERE grp NOT LIKE '%.newest' AND topic NOT LIKE '%.retry-%'";

}  // namespace

class GroupsLag::Database {
  public:
    explicit Database(std::string url) : url_(std::move(url)) {}

    pqxx::result offsets() {
        if (connection_ && !connection_->is_open()) connection_.reset();
        if (!connection_) connection_ = std::make_unique<pqxx::connection>(url_);
        try {
            return pqxx::nontransaction(*connection_).exec(offsets_sql);
        } catch (const pqxx::broken_connection&) {
            connection_.reset();
            throw;
        }
    }

  private:
    std::string url_;
    std::unique_ptr<pqxx::connection> connection_;
};

GroupsLag::GroupsLag(const wire::ClusterSettings& kafka, std::string postgres_url)
    : admin_(kafka, std::chrono::seconds(3)),
      database_(std::make_unique<Database>(std::move(postgres_url))) {}

GroupsLag::~GroupsLag() = default;

std::vector<GroupLag> GroupsLag::look() {
    const auto rows = database_->offsets();
    std::set<wire::TopicPartition> partitions;
    for (const auto& row : rows) partitions.insert({row[1].as<std::string>(), row[2].as<std::int32_t>()});
    // Behind the offsets, so that nobody is ahead of it.
    const auto marks = admin_.watermarks({partitions.begin(), partitions.end()});
    const auto now = Clock::now();

    struct Position {
        std::int64_t next = 0, end = 0;
    };
    std::map<std::string, Position> positions;
    for (const auto& row : rows) {
        const auto mark = marks.find({row[1].as<std::string>(), row[2].as<std::int32_t>()});
        if (mark == marks.end()) continue;
        Position& position = positions[row[0].as<std::string>()];
        position.next += std::min(row[3].as<std::int64_t>(), mark->second.next);
        position.end += mark->second.next;
    }
    std::vector<GroupLag> lags;
    for (const auto& [name, position] : positions) {
        auto& ends = ends_[name];
        ends.push_back({now, position.end});
        // When as much was in the topics as the group has behind it now.
        while (ends.size() > 1 && ends.front().end < position.next) ends.pop_front();
        const bool behind = position.end > position.next;
        const auto mark = name.rfind("activity-");
        lags.push_back({mark == std::string::npos ? name : name.substr(mark + 9),
                        position.end - position.next,
                        behind ? std::chrono::duration<double>(now - ends.front().at).count() : 0});
    }
    return lags;
}

}  // namespace activity::loadtest
