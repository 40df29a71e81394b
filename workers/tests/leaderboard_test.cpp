// Points and ranks are those of a model that is computed from what was sent; what counts once per item counts
// once; a learner who is deleted leaves no trace in anybody's rank.

#include <gtest/gtest.h>
#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/pipeline.h"
#include "schemas/activity/learner_key.h"
#include "workers/tests/made_events.h"

namespace activity {
namespace {

using harness::Ledger;
using harness::Pipeline;

/// course, learner
using Place = std::pair<std::string, std::string>;
using Points = std::map<Place, std::int64_t>;

std::string key_of(const std::string& learner) {
    return learner_key("web/" + learner).text();
}

/// By the rules of points.toml.
Points model(const std::vector<MadeEvent>& events) {
    std::set<std::tuple<std::string, std::string, std::string>> awarded;
    Points points;
    for (const auto& event : events) {
        std::string rule, item;
        std::int64_t worth = 0;
        if (event.activity == "problem_submitted") {
            rule = !event.solved ? "attempted" : event.hard ? "hard" : "solved";
            worth = !event.solved ? 1 : event.hard ? 20 : 10;
            item = event.problem;
        } else if (event.activity == "question_asked") {
            rule = "question";
            worth = 2;
            item = event.question;
        } else {
            continue;
        }
        if (!awarded.emplace(event.learner, rule, item).second) continue;
        points[{"", key_of(event.learner)}] += worth;
        points[{event.course, key_of(event.learner)}] += worth;
    }
    return points;
}

class LeaderboardTest : public ::testing::Test {
  protected:
    Points stored() {
        Points points;
        for (const auto& row :
             session_.query("SELECT course_id, learner_key, points FROM analytics.leaderboard"))
            points[{row[0].as<std::string>(), row[1].as<std::string>()}] = row[2].as<std::int64_t>();
        return points;
    }

    /// The counts by points, and the ranks that are read from them, against what counting every row gives.
    void expect_ranks_hold() {
        EXPECT_EQ(
            session_.number("SELECT count(*) FROM analytics.leaderboard AS l WHERE rank <> 1 + (SELECT "
                            "count(*) FROM analytics.leaderboard AS b WHERE b.course_id = l.course_id AND "
                            "b.points > l.points)"),
            0);
        EXPECT_EQ(
            session_.number(
                "SELECT count(*) FROM (SELECT course_id, width, points / width * width AS points, count(*) "
                "AS "
                "learners FROM activity.leaderboard CROSS JOIN (VALUES (1), (1000)) AS of (width) GROUP BY "
                "1, 2, "
                "3) AS counted FULL JOIN (SELECT * FROM activity.leaderboard_count WHERE learners <> 0) AS "
                "kept "
                "USING (course_id, width, points) WHERE counted.learners IS DISTINCT FROM kept.learners"),
            0);
    }

    void wait_applied() { pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "leaderboard"); }

    Pipeline pipeline_;
    Ledger ledger_;
    EventMaker maker_{4713};
    harness::Session session_ = pipeline_.session();
};

TEST_F(LeaderboardTest, points_and_ranks_are_those_of_the_rules_with_eight_workers_and_after_replays) {
    const auto ingest = pipeline_.start_ingest();
    auto events = maker_.make(6'000);
    maker_.send(pipeline_.ingest(), ledger_, events);
    const harness::Environment small{{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "50"}};
    {
        auto worker = pipeline_.start_worker(small, 8, "leaderboard");
        wait_applied();
        EXPECT_EQ(stored(), model(events));
        expect_ranks_hold();
        const auto more = maker_.make(1'000);
        maker_.send(pipeline_.ingest(), ledger_, events);
        maker_.send(pipeline_.ingest(), ledger_, more);
        events.insert(events.end(), more.begin(), more.end());
        wait_applied();
        EXPECT_EQ(worker.metric("activity_worker_transactions_failed_total"), 0);
        worker.process().stop(SIGTERM, std::chrono::seconds(30));
    }
    EXPECT_EQ(stored(), model(events));
    session_.query("UPDATE activity.part_offset SET next_offset = 0");
    const auto worker = pipeline_.start_worker({}, 2, "leaderboard");
    wait_applied();
    EXPECT_EQ(stored(), model(events));
    expect_ranks_hold();
    EXPECT_EQ(session_.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
              0);
}

TEST_F(LeaderboardTest, a_problem_solved_twice_gives_points_once_and_a_tie_is_one_rank) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker({}, 1, "leaderboard");
    std::vector<MadeEvent> events;
    const auto solve = [&](const std::string& learner, const std::string& problem) {
        MadeEvent event = maker_.make();
        event = MadeEvent{.message_id = harness::new_message_id(),
                          .learner = learner,
                          .activity = "problem_submitted",
                          .at = now(),
                          .course = "c",
                          .problem = problem,
                          .question = {},
                          .solved = true,
                          .hard = false,
                          .clicks = 0,
                          .page_type = {}};
        events.push_back(event);
    };
    for (const auto* learner : {"a", "a", "b", "c"}) solve(learner, "p1");
    solve("b", "p2");
    maker_.send(pipeline_.ingest(), ledger_, events);
    wait_applied();
    solve("a", "p1");
    maker_.send(pipeline_.ingest(), ledger_, {events.back()});
    wait_applied();

    auto analyst = pipeline_.session(harness::PostgresServer::As::analyst);
    const auto rank = [&](const std::string& course, const std::string& learner) {
        return analyst.value("SELECT coalesce(activity.leaderboard_rank('" + course + "', '" +
                             key_of(learner) + "')::text, 'none')");
    };
    EXPECT_EQ(rank("c", "b"), "1");
    EXPECT_EQ(rank("c", "a"), "2");
    EXPECT_EQ(rank("c", "c"), "2");
    EXPECT_EQ(rank("", "a"), "2");
    EXPECT_EQ(rank("c", "nobody"), "none");
    EXPECT_EQ(rank("no course", "a"), "none");
    EXPECT_EQ(analyst.value("SELECT string_agg(rank || ':' || points, ' ' ORDER BY rank) FROM "
                            "activity.leaderboard_top('c', 3)"),
              "1:20 2:10 2:10");
}

TEST_F(LeaderboardTest, a_deleted_learner_leaves_the_others_ranks_right) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker({}, 2, "leaderboard");
    const auto events = maker_.make(2'000);
    maker_.send(pipeline_.ingest(), ledger_, events);
    wait_applied();
    expect_ranks_hold();
    auto expected = model(events);
    for (const auto* learner : {"learner 1", "learner 2", "nobody"}) {
        // As an erasure does, for every table that has a learner's column.
        for (const auto& row :
             session_.query("SELECT relation, learner_column FROM activity.group_table WHERE grp = "
                            "'leaderboard' AND learner_column IS NOT NULL")) {
            session_.query("DELETE FROM activity." + row[0].as<std::string>() + " WHERE " +
                           row[1].as<std::string>() + " = '" + key_of(learner) + "'");
        }
        std::erase_if(expected, [&](const auto& place) { return place.first.second == key_of(learner); });
    }
    EXPECT_EQ(stored(), expected);
    expect_ranks_hold();
}

TEST_F(LeaderboardTest, rules_come_from_the_file_that_the_setting_names) {
    const harness::Directory directory{"rules"};
    const auto file = directory.path() / "points.toml";
    std::ofstream(file) << "[[rule]]\nname = \"chat\"\nactivity = \"chat_message_sent\"\npoints = 3\n";
    const auto ingest = pipeline_.start_ingest();
    const auto worker =
        pipeline_.start_worker({{"ACTIVITY_LEADERBOARD_RULES", file.string()}}, 1, "leaderboard");
    auto events = maker_.make(300);
    maker_.send(pipeline_.ingest(), ledger_, events);
    wait_applied();
    Points expected;
    for (const auto& event : events) {
        if (event.activity != "chat_message_sent") continue;
        expected[{"", key_of(event.learner)}] += 3;
        if (!event.course.empty()) expected[{event.course, key_of(event.learner)}] += 3;
    }
    EXPECT_EQ(stored(), expected);
    expect_ranks_hold();
}

}  // namespace
}  // namespace activity
