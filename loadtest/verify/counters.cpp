#include "loadtest/verify/counters.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "loadtest/traffic/platform.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/wire/group_topics.h"

namespace activity::loadtest {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

/// Names of the groups that have offsets, `rollups` for `activity-rollups`.
std::set<std::string> running_groups(Postgres& postgres) {
    std::set<std::string> names;
    for (const auto& row : postgres.query("SELECT DISTINCT grp FROM activity.part_offset")) {
        constexpr std::string_view before_name = "activity-";
        const auto at = row[0].rfind(before_name);
        if (at != std::string::npos) names.insert(row[0].substr(at + before_name.size()));
    }
    return names;
}

Counts by_source(const Tally& tally, const std::vector<std::string>& sources) {
    Counts counts;
    for (std::size_t i = 0; i < sources.size(); ++i)
        counts[sources[i]] += tally.by_source(static_cast<std::uint8_t>(i));
    return counts;
}

/// As the groups name them: the catalogue's ID, else the name as sent.
Counts by_activity(const Tally& tally) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    Counts counts;
    for (std::size_t i = 0; i < activities.size(); ++i) {
        const auto* const known = catalogue.find(EventType::track, activities[i]);
        counts[known == nullptr ? std::string(activities[i]) : known->id] +=
            tally.by_activity(static_cast<std::uint8_t>(i));
    }
    return counts;
}

Counts by_course(const Tally& tally) {
    Counts counts;
    for (std::uint32_t course = 1; course < 1U << 16; ++course) {
        const auto events = tally.by_course(static_cast<std::uint16_t>(course));
        if (events > 0) counts[course_id(static_cast<std::uint16_t>(course))] = events;
    }
    return counts;
}

class Check {
  public:
    Check(Postgres& postgres, std::string group, std::vector<CounterCheck>& checks)
        : postgres_(postgres), group_(std::move(group)), checks_(checks) {}

    /// `sql` gives value and count.
    void equal(const std::string& what, const Counts& expected, const std::string& sql) {
        CounterCheck check{group_, what, 0, 0, 0, {}};
        std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> both;
        for (const auto& [value, count] : expected) both[value].first = count;
        for (const auto& row : postgres_.query(sql)) both[row[0]].second = std::stoull(row[1]);
        for (const auto& [value, counts] : both) {
            check.expected += counts.first;
            check.found += counts.second;
            if (counts.first == counts.second) continue;
            if (++check.differences > 1) continue;
            check.example = (value.empty() ? "in all" : value) + ": " + std::to_string(counts.second) +
                            " instead of " + std::to_string(counts.first);
        }
        checks_.push_back(std::move(check));
    }
    /// `sql` gives a count.
    void equal(const std::string& what, std::uint64_t expected, const std::string& sql) {
        equal(what, Counts{{"", expected}}, "SELECT '', coalesce((" + sql + "), 0)");
    }

  private:
    Postgres& postgres_;
    std::string group_;
    std::vector<CounterCheck>& checks_;
};

/// Days sum up everything: the other granularities are the same counts cut otherwise, and minutes may be
/// dropped.
std::string rollup_sql(const std::string& dimension) {
    return "SELECT value, sum(events) FROM activity.rollup WHERE granularity = 'day' AND dimension = '" +
           dimension + "'";
}

std::string by_source_sql(const std::string& group, const VerifySettings& settings, const RunBounds& bounds) {
    const auto ours = [&](const std::string& column) {
        return settings.database_is_fresh ? "true" : column + " IN (" + bounds.sources + ")";
    };
    if (group == "rollups") return rollup_sql("source") + " AND " + ours("value") + " GROUP BY value";
    return "SELECT source, sum(events) FROM activity.profile WHERE " + ours("source") + " GROUP BY source";
}

void compare_all(Postgres& postgres, const std::string& group, const Tally& tally,
                 std::vector<CounterCheck>& checks) {
    Check check(postgres, group, checks);
    if (group == "rollups") {
        check.equal("events", Counts{{"", tally.events()}}, rollup_sql("all") + " GROUP BY value");
        check.equal("events by activity", by_activity(tally), rollup_sql("activity") + " GROUP BY value");
        check.equal("events by course", by_course(tally), rollup_sql("course") + " GROUP BY value");
        check.equal(
            "learners", tally.learners(),
            "SELECT count(DISTINCT learner_key) FROM activity.rollup_active_day WHERE course_id = ''");
    } else if (group == "sessions") {
        check.equal("learners", tally.learners(), "SELECT count(*) FROM activity.session_learner");
        check.equal("events", tally.events(), "SELECT sum(events) FROM activity.session");
        check.equal("events of learners", tally.events(), "SELECT sum(events) FROM activity.session_learner");
    } else if (group == "profiles") {
        check.equal("learners", tally.learners(), "SELECT count(*) FROM activity.profile");
        check.equal("events by activity", by_activity(tally),
                    "SELECT activity, sum(events) FROM activity.learner_day GROUP BY activity");
    } else if (group == "search") {
        check.equal("events by course", by_course(tally),
                    "SELECT item, sum(events) FROM activity.popularity WHERE kind = 'course' GROUP BY item");
    }
}

}  // namespace

void compare_counters(Postgres& postgres, const VerifySettings& settings, const RunBounds& bounds,
                      const Tally& tally, Verification& verification) {
    const auto running = running_groups(postgres);
    auto& skipped = verification.skipped;
    if (!running.contains("records")) skipped.emplace_back("records: no worker of it has ever run here");

    auto sources = by_source(tally, settings.sources);
    bool by_source_holds = true;
    if (!settings.database_is_fresh) {
        // What is gone from the events stays in the sums.
        const auto gone = postgres.query(
            "SELECT EXISTS (SELECT FROM activity.worker_group WHERE name = 'records' AND dedupe_from IS NOT "
            "NULL) "
            "OR EXISTS (SELECT FROM activity.erased)");
        by_source_holds = gone[0][0] == "f";
        if (!by_source_holds)
            skipped.emplace_back("events by source: some that were counted are dropped or erased");
        else
            for (const auto& row :
                 postgres.query("SELECT source, count(*) FROM activity.event WHERE source IN (" +
                                bounds.sources + ") AND " + bounds.before + " GROUP BY source"))
                sources[row[0]] += std::stoull(row[1]);
    }

    for (const auto name : wire::worker_groups) {
        const std::string group(name);
        if (group == "records") continue;
        if (!running.contains(group)) {
            skipped.push_back(group + ": no worker of it has ever run here");
            continue;
        }
        if (group == "leaderboard") {
            skipped.push_back(group + ": points follow from properties, which the ledgers don't keep");
            continue;
        }
        if (group == "rollups" || group == "profiles") {
            if (by_source_holds)
                Check(postgres, group, verification.counters)
                    .equal("events by source", sources, by_source_sql(group, settings, bounds));
        } else if (!settings.database_is_fresh) {
            skipped.push_back(group + ": it does not count by source, and others' events are counted too");
        }
        if (settings.database_is_fresh) compare_all(postgres, group, tally, verification.counters);
    }
}

}  // namespace activity::loadtest
