// The counters by minute, hour and day are those of a model that is computed from what was sent: under
// duplicates, disorder, late events, eight workers that meet on the same rows, and replays.

#include <gtest/gtest.h>
#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "workers/groups/rollups/rollups.h"
#include "workers/tests/made_events.h"

namespace activity {
namespace {

using harness::Ledger;
using harness::Pipeline;
using harness::Program;

/// granularity, bucket, dimension, value
using Bucket = std::tuple<std::string, std::string, std::string, std::string>;

struct Counts {
    std::int64_t events = 0, learners = -1, attempts = 0, solved = 0, orders = 0, clicks = 0;
    bool operator==(const Counts&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& counts) {
    return out << counts.events << " events, " << counts.learners << " learners, " << counts.attempts
               << " attempts, " << counts.solved << " solved, " << counts.orders << " orders, "
               << counts.clicks << " clicks";
}

using Rollups = std::map<Bucket, Counts>;

Rollups model(const std::vector<MadeEvent>& events) {
    using namespace std::chrono;
    Rollups rollups;
    std::map<Bucket, std::set<std::string>> learners;
    for (const auto& event : events) {
        const std::vector<std::pair<std::string, Timestamp>> buckets{{"minute", floor<minutes>(event.at)},
                                                                     {"hour", floor<hours>(event.at)},
                                                                     {"day", floor<days>(event.at)}};
        const std::vector<std::pair<std::string, std::string>> dimensions{{"all", ""},
                                                                          {"activity", event.activity},
                                                                          {"source", "web"},
                                                                          {"course", event.course},
                                                                          {"page_type", event.page_type}};
        for (const auto& [granularity, bucket] : buckets) {
            for (const auto& [dimension, value] : dimensions) {
                if (value.empty() && dimension != "all") continue;
                const Bucket key{granularity, format_timestamp(bucket), dimension, value};
                auto& counts = rollups[key];
                ++counts.events;
                const bool attempt = event.activity == "problem_submitted";
                counts.attempts += attempt ? 1 : 0;
                counts.solved += attempt && event.solved ? 1 : 0;
                counts.orders += event.activity == "store_order_placed" ? 1 : 0;
                counts.clicks += event.clicks;
                if (dimension == "all" || (dimension == "course" && granularity == "day"))
                    learners[key].insert(event.learner);
            }
        }
    }
    for (const auto& [key, names] : learners) rollups[key].learners = static_cast<std::int64_t>(names.size());
    return rollups;
}

class RollupsTest : public ::testing::Test {
  protected:
    Rollups stored() {
        Rollups rollups;
        for (const auto& row : pipeline_.session(harness::PostgresServer::As::analyst)
                                   .query("SELECT granularity, to_char(bucket AT TIME ZONE 'UTC', "
                                          "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), dimension, value, events, "
                                          "coalesce(learners, -1), attempts, solved, orders, clicks "
                                          "FROM analytics.rollup")) {
            const auto number = [&](int column) { return row[column].as<std::int64_t>(); };
            rollups[{row[0].as<std::string>(), row[1].as<std::string>(), row[2].as<std::string>(),
                     row[3].as<std::string>()}] = {number(4), number(5), number(6),
                                                   number(7), number(8), number(9)};
        }
        return rollups;
    }

    void expect_as_modelled(const std::vector<MadeEvent>& events) {
        const auto expected = model(events);
        const auto found = stored();
        EXPECT_EQ(found.size(), expected.size());
        int wrong = 0;
        for (const auto& [key, counts] : expected) {
            const auto at = found.find(key);
            const auto& [granularity, bucket, dimension, value] = key;
            if (at == found.end() || at->second != counts) {
                EXPECT_LT(++wrong, 10) << "and more";
                if (wrong >= 10) return;
                ADD_FAILURE() << granularity << " " << bucket << " " << dimension << " " << value
                              << ": expected " << counts << "; found "
                              << (at == found.end() ? Counts{.events = -1} : at->second);
            }
        }
    }

    void wait_applied() { pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "rollups"); }

    static void leave(Program& worker) {
        EXPECT_EQ(worker.process().stop(SIGTERM, std::chrono::seconds(30)), harness::Exit{.code = 0});
    }

    /// Everything once more, from the beginning of every partition.
    void rewind() {
        pipeline_.session().query("UPDATE activity.part_offset SET next_offset = 0 WHERE grp = '" +
                                  pipeline_.group("rollups") + "'");
    }

    Pipeline pipeline_;
    Ledger ledger_;
    EventMaker maker_{4711};
};

/// Batches of 100, so that eight loops have hundreds of transactions in flight against the same few rows.
TEST_F(RollupsTest, eight_workers_that_meet_on_the_same_rows_never_deadlock_and_count_right) {
    const auto ingest = pipeline_.start_ingest();
    const auto events = maker_.make(15'000);
    maker_.send(pipeline_.ingest(), ledger_, events);
    double retried = 0;
    {
        auto worker = pipeline_.start_worker({{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "100"}}, 8, "rollups");
        wait_applied();
        retried = worker.metric("activity_worker_transactions_failed_total", "kind=\"retry\"");
        leave(worker);
    }
    expect_as_modelled(events);
    EXPECT_EQ(retried, 0);
    EXPECT_EQ(pipeline_.session().number(
                  "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
              0);
    EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic("rollups")}), 0);
}

TEST_F(RollupsTest, late_events_repeats_and_replays_change_only_what_they_should) {
    const auto ingest = pipeline_.start_ingest();
    auto events = maker_.make(1'500);
    maker_.send(pipeline_.ingest(), ledger_, events);
    {
        auto worker = pipeline_.start_worker({}, 2, "rollups");
        wait_applied();
        expect_as_modelled(events);
        // The same again, and others of the same minutes.
        auto more = maker_.make(1'500);
        maker_.send(pipeline_.ingest(), ledger_, events);
        maker_.send(pipeline_.ingest(), ledger_, more);
        events.insert(events.end(), more.begin(), more.end());
        wait_applied();
        expect_as_modelled(events);
        leave(worker);
    }
    for (int replay = 0; replay < 2; ++replay) {
        rewind();
        auto worker = pipeline_.start_worker({}, 3, "rollups");
        wait_applied();
        expect_as_modelled(events);
        leave(worker);
    }
}

TEST_F(RollupsTest, what_was_dropped_is_not_counted_again_and_hours_and_days_stay) {
    using namespace std::chrono;
    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker({}, 1, "rollups");
    const auto today = floor<days>(now());
    MadeEvent old = maker_.make(), fresh = maker_.make();
    old.at = today - hours(30);
    fresh.at = floor<minutes>(now());
    fresh.learner = old.learner;
    maker_.send(pipeline_.ingest(), ledger_, {old, fresh});
    wait_applied();
    const auto minutes_of = [&](const std::string& condition) {
        return pipeline_.session().number(
            "SELECT count(*) FROM activity.rollup WHERE granularity = 'minute' AND " + condition);
    };
    EXPECT_GT(minutes_of("bucket < current_date"), 0);
    const auto dropped =
        pipeline_.session().number("SELECT activity.drop_rollup_minutes_before(current_date)");
    EXPECT_GT(dropped, 2);
    EXPECT_EQ(minutes_of("bucket < current_date"), 0);
    EXPECT_GT(minutes_of("bucket >= current_date"), 0);
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.rollup_active_hour"), 1);

    MadeEvent late = old;
    late.message_id = harness::new_message_id();
    maker_.send(pipeline_.ingest(), ledger_, {late});
    wait_applied();
    EXPECT_EQ(minutes_of("bucket < current_date"), 0);
    EXPECT_EQ(pipeline_.session().value(
                  "SELECT string_agg(events || ' by ' || learners, ', ') FROM activity.rollup "
                  "WHERE dimension = 'all' AND bucket < current_date"),
              "2 by 1, 2 by 1")
        << "an hour and a day";
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.rollup_active_hour"), 1);
    EXPECT_EQ(pipeline_.session().number("SELECT activity.drop_rollup_minutes_before(current_date)"), 0);
    EXPECT_ANY_THROW(
        pipeline_.session().query("SELECT activity.drop_rollup_minutes_before(current_date + 2)"));
}

TEST_F(RollupsTest, live_shows_minutes_without_events_too) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker({}, 1, "rollups");
    MadeEvent event = maker_.make();
    event.at = now();
    event.course = "algebra";
    maker_.send(pipeline_.ingest(), ledger_, {event});
    wait_applied();
    auto analyst = pipeline_.session(harness::PostgresServer::As::analyst);
    EXPECT_EQ(analyst.value("SELECT count(*) || ' ' || sum(events) || ' ' || sum(learners) FROM "
                            "activity.rollup_live('all', '')"),
              "60 1 1");
    EXPECT_EQ(analyst.value(
                  "SELECT count(*) || ' ' || sum(events) FROM activity.rollup_live('course', 'algebra', 5)"),
              "5 1");
    EXPECT_EQ(analyst.value("SELECT sum(events)::text FROM activity.rollup_live('course', 'nothing')"), "0");
}

/// The worker and SQL make keys of the same set.
TEST_F(RollupsTest, members_are_the_same_in_both_languages) {
    const LearnerKey learner = learner_key("web/learner");
    for (const std::int64_t hour : {0L, 498'000L, -1L}) {
        EXPECT_EQ(pipeline_.session().value("SELECT activity.rollup_member(" + std::to_string(hour) + ", '" +
                                            learner.text() + "')::text"),
                  format_uuid(workers::rollup_member(hour, learner)));
    }
}

}  // namespace
}  // namespace activity
