// Sessions: runs of a learner's events with at most 30 minutes from one to the next, whatever order the
// events come in, however they are batched, however often they come.

#include <gtest/gtest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/seed.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/learner_key.h"
#include "schemas/activity/message_key.h"
#include "workers/tests/applied_group.h"
#include "workers/tests/shared_pipeline_test.h"

namespace activity {
namespace {

using namespace std::chrono_literals;
using harness::Client;
using harness::ClientEvent;
using harness::Environment;
using harness::Ledger;
using harness::Pipeline;
using harness::PostgresServer;
using testing_workers::AppliedGroup;
using testing_workers::at;
using testing_workers::event;

/// What the table should hold, as the simplest program computes it.
struct ModelSession {
    Timestamp started_at, ended_at;
    std::int64_t events = 0;
    bool operator==(const ModelSession&) const = default;
};
using ModelSessions = std::map<std::string, std::vector<ModelSession>>;

std::ostream& operator<<(std::ostream& out, const ModelSession& session) {
    return out << format_timestamp(session.started_at) << " to " << format_timestamp(session.ended_at)
               << " × " << session.events;
}

ModelSessions model(std::map<std::string, std::vector<Timestamp>> times) {
    ModelSessions sessions;
    for (auto& [learner, events] : times) {
        std::ranges::sort(events);
        auto& own = sessions[learner];
        for (const Timestamp time : events) {
            if (own.empty() || time - own.back().ended_at > 30min) own.push_back({time, time, 0});
            own.back().ended_at = time;
            ++own.back().events;
        }
    }
    return sessions;
}

class SessionsTest : public testing_workers::SharedPipelineTest {
  protected:
    std::string worker_url() const { return pipeline_.url(PostgresServer::As::worker); }

    ModelSessions stored() const {
        ModelSessions sessions;
        for (const auto& row : pipeline_.session().query(
                 "SELECT learner_key, (extract(epoch FROM started_at) * 1000000)::bigint, "
                 "(extract(epoch FROM ended_at) * 1000000)::bigint, events FROM activity.session ORDER BY 1, "
                 "2")) {
            sessions[row[0].as<std::string>()].push_back(
                {Timestamp(std::chrono::microseconds(row[1].as<std::int64_t>())),
                 Timestamp(std::chrono::microseconds(row[2].as<std::int64_t>())), row[3].as<std::int64_t>()});
        }
        return sessions;
    }

    /// The counters beside the sessions are theirs.
    void expect_counted() const {
        EXPECT_EQ(
            pipeline_.session().number(
                "SELECT count(*) FROM activity.session_learner AS l FULL JOIN (SELECT learner_key, "
                "count(*) AS sessions, sum(events) AS events FROM activity.session GROUP BY 1) AS s "
                "USING (learner_key) WHERE (l.sessions, l.events) IS DISTINCT FROM (s.sessions, s.events)"),
            0);
    }

    /// As `10:00:00 to 10:20:00 × 3, …` of the one learner that there is.
    std::string one_learners() const {
        expect_counted();
        return pipeline_.session().value(
            "SELECT string_agg(to_char(started_at, 'HH24:MI:SS.US') || ' to ' || to_char(ended_at, "
            "'HH24:MI:SS.US') || ' × ' || events, ', ' ORDER BY started_at) FROM activity.session");
    }
};

/// Fixed clocks, one learner: an event at each of these times of a day, a batch each.
class OneLearnersSessionsTest : public SessionsTest {
  protected:
    static ActivityEvent on(const std::string& time) {
        return event("u", "question_asked", at("2026-03-01T" + time + "Z"));
    }
    void come(const std::vector<std::string>& times) {
        for (const auto& time : times) worker_.apply(on(time));
    }
    void come_at_once(const std::vector<std::string>& times) {
        std::vector<ActivityEvent> events;
        for (const auto& time : times) events.push_back(on(time));
        worker_.apply(events);
    }

    AppliedGroup worker_{worker_url(), "sessions"};
};

TEST_F(OneLearnersSessionsTest, thirty_minutes_apart_is_one_session_and_a_microsecond_more_is_two) {
    come({"10:00:00", "10:30:00"});
    EXPECT_EQ(one_learners(), "10:00:00.000000 to 10:30:00.000000 × 2");
    come({"11:00:00.000001"});
    EXPECT_EQ(one_learners(),
              "10:00:00.000000 to 10:30:00.000000 × 2, 11:00:00.000001 to 11:00:00.000001 × 1");
}

TEST_F(OneLearnersSessionsTest, the_same_in_one_batch) {
    come_at_once({"11:00:00.000001", "10:30:00", "10:00:00"});
    EXPECT_EQ(one_learners(),
              "10:00:00.000000 to 10:30:00.000000 × 2, 11:00:00.000001 to 11:00:00.000001 × 1");
}

TEST_F(OneLearnersSessionsTest, an_event_before_the_first_makes_the_session_earlier_or_is_one_of_its_own) {
    come({"10:00:00", "09:30:00"});
    EXPECT_EQ(one_learners(), "09:30:00.000000 to 10:00:00.000000 × 2");
    come({"08:59:59.999999"});
    EXPECT_EQ(one_learners(),
              "08:59:59.999999 to 08:59:59.999999 × 1, 09:30:00.000000 to 10:00:00.000000 × 2");
}

TEST_F(OneLearnersSessionsTest, a_late_event_joins_two_sessions) {
    come({"10:00:00", "11:00:00", "10:30:00"});
    EXPECT_EQ(one_learners(), "10:00:00.000000 to 11:00:00.000000 × 3");
}

/// One event is near to two sessions at most: a third would be more than an hour from the first.
TEST_F(OneLearnersSessionsTest, two_late_events_of_a_batch_join_three_sessions) {
    come({"10:00:00", "10:45:00", "11:30:00"});
    ASSERT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.session"), 3);
    come_at_once({"10:20:00", "11:10:00"});
    EXPECT_EQ(one_learners(), "10:00:00.000000 to 11:30:00.000000 × 5");
    EXPECT_EQ(pipeline_.session().number("SELECT sessions FROM activity.session_learner"), 1);
}

/// The two events are of one half hour of the clock, so three sessions are looked for at once.
TEST_F(OneLearnersSessionsTest, two_late_events_of_one_half_hour_join_three_sessions) {
    come({"09:40:00", "10:11:00", "10:50:00"});
    come_at_once({"10:01:00", "10:29:00"});
    EXPECT_EQ(one_learners(), "09:40:00.000000 to 10:50:00.000000 × 5");
}

TEST_F(OneLearnersSessionsTest, events_inside_a_long_session_leave_its_ends_alone) {
    come({"10:00:00", "10:30:00", "11:00:00", "11:30:00"});
    come_at_once({"10:10:00", "11:20:00"});
    EXPECT_EQ(one_learners(), "10:00:00.000000 to 11:30:00.000000 × 6");
}

TEST_F(OneLearnersSessionsTest, an_event_at_the_very_start_of_a_session_belongs_to_it) {
    come({"10:00:00", "10:00:00", "12:00:00", "12:00:00"});
    EXPECT_EQ(one_learners(),
              "10:00:00.000000 to 10:00:00.000000 × 2, 12:00:00.000000 to 12:00:00.000000 × 2");
}

TEST_F(OneLearnersSessionsTest, days_before_1970_and_2000_are_days_like_any_other) {
    worker_.apply(event("u", "question_asked", at("1969-12-31T23:45:00Z")));
    worker_.apply(event("u", "question_asked", at("1970-01-01T00:15:00Z")));
    worker_.apply(event("u", "question_asked", at("1999-12-31T23:59:00Z")));
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.session"), 2);
    expect_counted();
}

/// The profile's session count is another group's business; it must learn when it changes, and only then.
TEST_F(OneLearnersSessionsTest, a_profile_is_marked_when_the_number_of_sessions_changes) {
    const auto marks = [&] {
        return pipeline_.session().value(
            "SELECT string_agg(version::text, ',') FROM activity.profile_change");
    };
    come({"10:00:00"});
    const auto first = marks();
    EXPECT_NE(first, "");
    come({"10:10:00", "09:50:00"});
    EXPECT_EQ(marks(), first);
    come({"12:00:00"});
    EXPECT_NE(marks(), first);
}

/// Random events of a few learners, on a grid that often makes exactly 30 minutes, or a microsecond more;
/// each comes once to three times, in any order, in batches of any size, to three workers at once.
TEST_F(SessionsTest, sessions_are_a_function_of_the_set_of_events) {
    std::mt19937 random(harness::seed());
    const auto below = [&](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); };
    std::vector<std::unique_ptr<AppliedGroup>> workers;
    for (int i = 0; i < 3; ++i) workers.push_back(std::make_unique<AppliedGroup>(worker_url(), "sessions"));
    std::map<std::string, std::vector<Timestamp>> times;
    std::int64_t expected_fresh = 0;
    std::atomic<std::int64_t> fresh{0};
    for (int round = 0; round < 30; ++round) {
        // Later rounds meet the sessions of earlier ones.
        std::vector<ActivityEvent> deliveries;
        // New learners every third round: with many events, all sessions grow together.
        const std::string learner = "learner " + std::to_string(round / 3) + ".";
        const auto grid = round % 2 == 0 ? 10min : 7min;
        const int learners = 1 + below(6), events = 1 + below(400), span = 1 + below(300);
        for (int i = 0; i < events; ++i) {
            const Timestamp time =
                at("2026-03-01T00:00:00Z") + grid * below(span) + std::chrono::microseconds(below(3) - 1);
            const auto one = event(learner + std::to_string(below(learners)), "question_asked", time);
            times[learner_key(one).text()].push_back(time);
            for (int copies = 1 + below(3); copies > 0; --copies) deliveries.push_back(one);
        }
        expected_fresh += events;
        std::ranges::shuffle(deliveries, random);
        std::vector<std::vector<ActivityEvent>> batches;
        for (std::size_t from = 0; from < deliveries.size();) {
            const auto size = std::min(deliveries.size() - from,
                                       static_cast<std::size_t>(1 + below(round % 2 == 0 ? 8 : 200)));
            batches.emplace_back(deliveries.begin() + static_cast<std::ptrdiff_t>(from),
                                 deliveries.begin() + static_cast<std::ptrdiff_t>(from + size));
            from += size;
        }
        std::atomic<std::size_t> next{0};
        {
            std::vector<std::jthread> threads;
            for (auto& worker : workers) {
                threads.emplace_back([&] {
                    for (std::size_t batch = next++; batch < batches.size(); batch = next++)
                        fresh += static_cast<std::int64_t>(worker->apply(batches[batch]));
                });
            }
        }
        ASSERT_EQ(stored(), model(times)) << "round " << round;
        expect_counted();
    }
    EXPECT_EQ(fresh, expected_fresh);
}

/// Real workers, two of them, real topics: a learner's events lie in several topics, so the workers meet on
/// one learner; days of lateness; one is killed now and then.
TEST_F(SessionsTest, two_workers_that_are_killed_leave_the_sessions_of_the_events) {
    std::mt19937 random(harness::seed());
    const auto below = [&](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); };
    const auto ingest = pipeline_.start_ingest();
    const auto start = [&](int number) {
        return pipeline_.launch_worker({{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"},
                                        {"ACTIVITY_KAFKA_INSTANCE_ID", "worker-" + std::to_string(number)},
                                        {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "40"},
                                        {"ACTIVITY_WORKER_BATCH_MAX_AGE_MS", "20"}},
                                       1, "sessions");
    };
    std::vector<harness::Program> workers;
    for (const int number : {0, 1}) workers.push_back(start(number));
    for (auto& worker : workers) worker.wait_ready();

    Ledger ledger;
    Client client(pipeline_.ingest(), ledger);
    std::map<std::string, std::vector<Timestamp>> times;
    const char* const activities[] = {"Question Asked", "Problem Opened", "Dashboard Viewed",
                                      "Store Order Placed", "Something Else"};
    const Timestamp newest = std::chrono::floor<std::chrono::milliseconds>(now());
    for (int request = 0; request < 120; ++request) {
        std::vector<ClientEvent> events;
        for (int i = 0; i < 20; ++i) {
            const std::string user = "learner " + std::to_string(below(12));
            const Timestamp time = newest - 5min * below(below(2) == 0 ? 36 : 600);
            auto one = harness::track(harness::new_message_id(), user, activities[below(5)]);
            const auto from = one.json.find(R"("timestamp":")") + 13;
            one.json.replace(from, one.json.find('"', from) - from, format_timestamp(time));
            times[learner_key("web/" + user).text()].push_back(time);
            events.push_back(one);
            if (below(4) == 0) events.push_back(one);
        }
        const auto response = client.send(events);
        ASSERT_TRUE(response);
        ASSERT_EQ(response->status, 202) << response->body;
        if (request % 15 == 7) {
            const auto number = below(2);
            workers[static_cast<std::size_t>(number)].process().kill();
            workers[static_cast<std::size_t>(number)] = start(number);
        }
    }
    pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "sessions");
    EXPECT_EQ(stored(), model(times));
    expect_counted();
    EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic("sessions")}), 0);
}

}  // namespace
}  // namespace activity
